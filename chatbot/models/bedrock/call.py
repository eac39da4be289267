"""One streamed call: read on a thread, heard on the event loop."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

from chatbot.models.bedrock.line import Line

_END: Final = object()


class Call:
    """A `converse_stream` whose events cross from a thread to the loop it was made in.

    Events are not held back when nobody takes them: `maxTokens` bounds how many there can be.
    """

    def __init__(self, client: Any, arguments: Mapping[str, Any]) -> None:
        self._client = client
        self._arguments = arguments
        self._line = Line()
        self._loop = asyncio.get_running_loop()
        self._arrived: deque[object] = deque()
        self._waking = False
        self._heard = asyncio.Event()

    def run(self) -> None:
        """Make the call, in this thread, and read it to its end. Raises nothing."""
        try:
            with self._line.in_use():
                stream = self._client.converse_stream(**self._arguments)["stream"]
                try:
                    for event in stream:
                        self._put(event)
                finally:
                    stream.close()
        except Exception as error:  # noqa: BLE001 - raised again where the events are taken
            self._put(error)
        else:
            self._put(_END)

    async def events(self) -> AsyncGenerator[Mapping[str, Any], None]:
        """The events as they come; the call ends with this generator, however that is closed.

        Raises whatever botocore or the connection raised.
        """
        try:
            while True:
                await self._heard.wait()
                self._heard.clear()
                while self._arrived:
                    item = self._arrived.popleft()
                    if item is _END:
                        return
                    if isinstance(item, Exception):
                        raise item
                    assert isinstance(item, Mapping)
                    yield item
        finally:
            self.hang_up()

    def hang_up(self) -> None:
        """End the call; its thread is free a moment later."""
        self._line.hang_up()

    def _put(self, item: object) -> None:
        """Hand `item` over; what comes while the loop has yet to wake up needs no second call."""
        self._arrived.append(item)
        if not self._waking:
            self._waking = True
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._waking = False
        self._heard.set()

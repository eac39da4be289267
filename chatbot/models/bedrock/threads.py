"""The threads that calls run on: so many at once, and the others wait their turn."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any, Final

from chatbot.errors import ModelError
from chatbot.models.bedrock.call import Call
from chatbot.models.bedrock.failures import BUSY

CLOSING: Final = 10.0
"""Seconds that threads may take to end after they were hung up: more than a connect timeout."""


class CallThreads:
    """A pool of threads for streamed calls of one client, apart from the event loop's own pool.

    Args:
        client: a boto3 client, which threads may share.
        size: calls at once. A thread that waits for the model costs memory, not time: some 100 KB.
        max_wait: seconds that a call may wait for a thread; they are handed out in the order of asking.
    """

    def __init__(self, client: Any, *, size: int, max_wait: float) -> None:
        self._client = client
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="bedrock")
        self._free = asyncio.Semaphore(size)
        self._max_wait = max_wait
        self._calls: dict[Call, asyncio.Future[None]] = {}

    @property
    def busy(self) -> int:
        """Threads that are in a call, or about to leave it."""
        return len(self._calls)

    async def events(self, arguments: Mapping[str, Any]) -> AsyncGenerator[Mapping[str, Any], None]:
        """The events of one `converse_stream`; whatever way it ends, its thread is free a moment later.

        Raises:
            ModelError: no thread came free in time (`model_busy`).
            Exception: whatever botocore or the connection raised.
        """
        try:
            async with asyncio.timeout(self._max_wait):
                await self._free.acquire()
        except TimeoutError:
            raise BUSY.error() from None
        async with aclosing(self._begin(arguments).events()) as events:
            async for event in events:
                yield event

    async def aclose(self) -> None:
        """Hang up every call, and wait for the threads, at most 10 s."""
        for call in self._calls:
            call.hang_up()
        if self._calls:
            await asyncio.wait(self._calls.values(), timeout=CLOSING)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _begin(self, arguments: Mapping[str, Any]) -> Call:
        """Make a call on a thread, which the caller holds a turn for."""
        call = Call(self._client, arguments)
        try:
            running = asyncio.get_running_loop().run_in_executor(self._pool, call.run)
        except RuntimeError as error:  # the pool was shut down while we waited
            self._free.release()
            raise ModelError("The assistant is about to restart; try again in a moment.") from error
        self._calls[call] = running
        running.add_done_callback(lambda _: self._ended(call))
        return call

    def _ended(self, call: Call) -> None:
        """The thread is free, which may be after the caller has gone: only now may another have it."""
        del self._calls[call]
        self._free.release()

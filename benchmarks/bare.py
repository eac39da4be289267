"""The least a client can do: an asyncio protocol, hiredis' reader, one future per caller.

No timeouts, no reconnecting, no error handling: what is left is the price of asyncio and the wire. All
callers share one connection; commands of one turn of the loop go out in one write, a lone one at once.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import hiredis


class BareClient(asyncio.Protocol):
    """One multiplexed connection."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader()
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._unsent: list[bytes] = []
        self._flush_is_due = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Hand each reply to whoever waits longest."""
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            self._waiting.popleft().set_result(reply)

    async def get(self, key: str) -> bytes | None:
        """GET."""
        reply: bytes | None = await self.send("GET", key)
        return reply

    def send(self, *command: str | bytes) -> asyncio.Future[Any]:
        """Send a command; the future has its reply."""
        packed = hiredis.pack_command(command)  # type: ignore[arg-type]  # its stub has a 1-tuple
        future = self._loop.create_future()
        if not self._waiting:
            self._transport.write(packed)
        else:
            self._unsent.append(packed)
            if not self._flush_is_due:
                self._flush_is_due = True
                self._loop.call_soon(self._flush)
        self._waiting.append(future)
        return future

    def _flush(self) -> None:
        self._flush_is_due = False
        self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()


@asynccontextmanager
async def bare_client(port: int) -> AsyncIterator[BareClient]:
    """Connect to a server on the loopback."""
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(BareClient, "127.0.0.1", port)
    try:
        yield client
    finally:
        client.close()

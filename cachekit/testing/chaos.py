"""A network between a client and its server that fails on command."""

import asyncio
import contextlib
import math
import socket
import struct
from collections.abc import Callable
from typing import Final, Literal, Self
from urllib.parse import unquote, urlsplit

from cachekit.errors import ConfigurationError

Direction = Literal["to_server", "to_client"]
_BOTH: Final[tuple[Direction, Direction]] = ("to_server", "to_client")
_CHUNK: Final = 65_536
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: closing sends RST, as a firewall would, instead of a polite FIN."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ChaosProxy:
    """A TCP proxy on the loopback, in front of one Redis, which tests break and heal.

        async with ChaosProxy("redis://localhost:6379") as proxy, cachekit.connect(proxy.url) as cache:
            await proxy.cut()
            ...
            await proxy.heal()

    Every verb is awaited and in force when it returns. `direction` limits one to what goes "to_server" or
    "to_client". Nothing of it outlives the context: no task, no socket.
    """

    def __init__(self, upstream: str) -> None:
        """`upstream` is a `redis://`, `rediss://` or `unix://` URL; TLS passes through unread.

        Raises ConfigurationError for another: the nodes of a cluster and of Sentinel tell clients their
        own addresses, so that a proxy in front of them would be gone round.
        """
        self._parts = urlsplit(upstream)
        if self._parts.scheme not in {"redis", "rediss", "unix"}:
            raise ConfigurationError(
                f"ChaosProxy: the scheme {self._parts.scheme!r} is not known; allowed are redis, rediss, unix"
            )
        self.connections = 0
        """How many connections clients have opened."""
        self.bytes: dict[Direction, int] = {"to_server": 0, "to_client": 0}
        """How many bytes were passed on, by direction."""
        self._delays: dict[Direction, float] = {"to_server": 0.0, "to_client": 0.0}
        self._swallowing: set[Direction] = set()
        self._budgets: dict[Direction, int] = {}
        self._closing_new = False
        self._calm = asyncio.Event()
        self._links: dict[_Link, asyncio.Task[None]] = {}
        self._socket: socket.socket | None = None
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The upstream's URL by way of this proxy, credentials and options included."""
        scheme = "redis" if self._parts.scheme == "unix" else self._parts.scheme
        credentials, at, _ = self._parts.netloc.rpartition("@")
        path = "" if self._parts.scheme == "unix" else self._parts.path
        query = f"?{self._parts.query}" if self._parts.query else ""
        return f"{scheme}://{credentials}{at}127.0.0.1:{self._port}{path}{query}"

    @property
    def open_connections(self) -> int:
        """How many connections of clients are open now."""
        return len(self._links)

    async def delay(self, seconds: float, *, direction: Direction | None = None) -> None:
        """Pass everything on so many seconds late; `math.inf` holds it back until `heal`."""
        for each in _sides(direction):
            self._delays[each] = seconds

    async def black_hole(self, *, direction: Direction | None = None) -> None:
        """Swallow everything, new connections' bytes included; nobody is told.

        With "to_client" the server still acts on what it is sent, and its replies are lost.
        """
        self._swallowing.update(_sides(direction))

    async def half_open(self) -> None:
        """Let the server forget the connections open now, and the clients not notice; new ones work."""
        for link in self._links:
            link.forsake()

    async def cut(self, *, new: Literal["refuse", "close", "accept"] = "refuse") -> None:
        """Reset every connection. New ones are refused, accepted and closed at once, or work as usual."""
        self._closing_new = new == "close"
        if new == "refuse" and self._server is not None:
            # Bound before the old one closes, and not listening: the port stays ours, and refuses.
            self._socket = _bound(self._port)
            await self._stop_listening()
        await self._end(lambda _: True)

    async def cut_after(self, count: int, *, direction: Direction = "to_client") -> None:
        """Pass `count` more bytes on, then close the connection that carried the last; once."""
        self._budgets[direction] = count

    async def heal(self) -> None:
        """Work as usual again. Connections of which bytes were swallowed are reset: nobody can use them."""
        self._delays = dict.fromkeys(_BOTH, 0.0)
        self._swallowing.clear()
        self._budgets.clear()
        self._closing_new = False
        calm, self._calm = self._calm, asyncio.Event()
        calm.set()
        await self._end(lambda link: link.lossy)
        if self._server is None:
            await self._listen()

    async def __aenter__(self) -> Self:
        self._socket = _bound(0)
        await self._listen()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stop_listening()
        await self._end(lambda _: True)
        if self._socket is not None:
            self._socket.close()

    # For the links.

    async def connect(self) -> Streams:
        """A connection to the server; raises OSError where there is none."""
        if self._parts.scheme == "unix":
            return await asyncio.open_unix_connection(unquote(self._parts.path))
        return await asyncio.open_connection(self._parts.hostname or "localhost", self._parts.port or 6379)

    async def admit(self, direction: Direction, chunk: bytes) -> tuple[bytes, bool]:
        """What of `chunk` is passed on, after the delay, and whether the connection lives on."""
        if self._delays[direction]:
            with contextlib.suppress(TimeoutError):
                seconds = self._delays[direction]
                async with asyncio.timeout(None if math.isinf(seconds) else seconds):
                    await self._calm.wait()
        if direction in self._swallowing:
            return b"", True
        budget = self._budgets.get(direction)
        if budget is None:
            self.bytes[direction] += len(chunk)
            return chunk, True
        chunk = chunk[:budget]
        self.bytes[direction] += len(chunk)
        if len(chunk) < budget:
            self._budgets[direction] = budget - len(chunk)
            return chunk, True
        del self._budgets[direction]
        return chunk, False

    def swallows(self, direction: Direction) -> bool:
        """Whether the direction is a black hole."""
        return direction in self._swallowing

    @property
    def _port(self) -> int:
        if self._socket is None:
            raise RuntimeError("the proxy is not running: use it as `async with ChaosProxy(…) as proxy`")
        return int(self._socket.getsockname()[1])

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, sock=self._socket)

    async def _stop_listening(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._closing_new:
            writer.transport.abort()
            return
        link = _Link(self, (reader, writer))
        task = self._links[link] = asyncio.get_running_loop().create_task(link.run())
        task.add_done_callback(lambda _: self._forget(link))

    def _forget(self, link: "_Link") -> None:
        del self._links[link]
        # One whose task was cancelled before its first step has not done so itself.
        link.reset()

    async def _end(self, chosen: "Callable[[_Link], bool]") -> None:
        tasks = [task for link, task in self._links.items() if chosen(link)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Link:
    """One client's connection, and the one to the server that belongs to it."""

    def __init__(self, proxy: ChaosProxy, client: Streams) -> None:
        self.lossy = False
        self._proxy = proxy
        self._client = client
        self._server: Streams | None = None
        self._forsaken = False

    async def run(self) -> None:
        """Pass bytes both ways until a side closes, or the task is cancelled: then reset the client."""
        pumps: list[asyncio.Task[None]] = []
        try:
            self._server = await self._proxy.connect()
            (from_client, to_client), (from_server, to_server) = self._client, self._server
            pumps = [
                asyncio.ensure_future(self._pump("to_server", from_client, to_server)),
                asyncio.ensure_future(self._pump("to_client", from_server, to_client)),
            ]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            # Politely: what was passed on still arrives.
            await self._closed(lambda writer: writer.close())
        except (OSError, asyncio.CancelledError):
            await self._closed(_reset)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    def reset(self) -> None:
        """Reset the client, if its connection is still there."""
        if not self._client[1].is_closing():
            _reset(self._client[1])

    def forsake(self) -> None:
        """End the connection to the server without a word to the client."""
        self._forsaken = self.lossy = True
        if self._server is not None:
            self._server[1].transport.abort()

    async def _closed(self, close: Callable[[asyncio.StreamWriter], None]) -> None:
        for _, writer in filter(None, (self._client, self._server)):
            close(writer)
        for _, writer in filter(None, (self._client, self._server)):
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _pump(
        self, direction: Direction, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await source.read(_CHUNK):
                passed, goes_on = await self._proxy.admit(direction, chunk)
                if self._forsaken or (goes_on and len(passed) < len(chunk)):
                    self.lossy = True
                    continue
                sink.write(passed)
                await sink.drain()
                if not goes_on:
                    return
        if direction == "to_client" and (self._forsaken or self._proxy.swallows(direction)):
            # A black hole swallows the server's goodbye, too.
            self.lossy = True
            await asyncio.Event().wait()


def _sides(direction: Direction | None) -> tuple[Direction, ...]:
    return _BOTH if direction is None else (direction,)


def _bound(port: int) -> socket.socket:
    """A socket on the loopback that does not listen yet; connections to it are refused."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    found.bind(("127.0.0.1", port))
    return found


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()

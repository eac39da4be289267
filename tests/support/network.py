"""A network whose every delivery is a step of the test's own, and an event loop whose time stands still.

Between the caches under test, which live in one event loop, and one real server lie Pipes. What either side
sends waits in a pipe until the test delivers it: a command to the server, or what the server has said to a
client. So an interleaving is nothing but the order in which the test takes its steps, and the same steps give
the same run, with the real server and its real order of replies and pushes.
"""

import asyncio
import os
import selectors
import signal
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, Self

from cachekit.core.embedded import EmbeddedServer
from cachekit.core.wire import pack

END = b""
"""In a pipe: the sender has closed the connection."""

_PUSH = b">2\r\n$10\r\ninvalidate"
"""How a push begins."""


class _Poll(selectors.DefaultSelector):
    """Never waits; tells when there is nothing left to do now."""

    idle: Callable[[], None]

    def select(self, timeout: float | None = None) -> list[Any]:
        events = super().select(0)
        if not events and timeout != 0:
            self.idle()
        return events


class StillLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock is moved by `pass_time`, or jumps when everybody waits for it."""

    _scheduled: list[asyncio.TimerHandle]

    def __init__(self) -> None:
        self._now = 1_000.0
        self._quiet: asyncio.Future[None] | None = None
        selector = _Poll()
        selector.idle = self._idle
        super().__init__(selector)

    def time(self) -> float:
        return self._now

    async def quiet(self) -> None:
        """Wait until every task waits for the network or for time."""
        self._quiet = self.create_future()
        await self._quiet

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, and all that is due happen."""
        self._now += seconds
        await self.quiet()

    def _idle(self) -> None:
        quiet, self._quiet = self._quiet, None
        if quiet is not None:
            quiet.set_result(None)
        elif self._scheduled:
            self._now = max(self._now, self._scheduled[0].when())
        else:
            raise RuntimeError("every task waits for another")


class Pipe(asyncio.Protocol):
    """One connection of a client, its two directions queues."""

    def __init__(self, network: "Network", client: int) -> None:
        self.client = client
        self.name = f"{client}.{network.count()}"
        self.follows = False
        """Whether this connection follows the invalidation log."""
        self.up: deque[bytes] = deque()
        """Commands, one by one."""
        self.down: deque[bytes] = deque()
        """What the server said: a reply, or a push."""
        self.empty_at = network.now()
        """When nothing was on its way in either direction, last."""
        self.dead = False
        """Whether the client knows that it is lost."""
        self.id = 0
        self._network = network
        self._rest = b""
        self._server: socket.socket | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._server = self._network.dial()
        if self._server is None:
            transport.abort()
            return
        self._server.sendall(b"CLIENT ID\r\n")
        self.id = int(self._server.recv(64)[1:])
        self._server.setblocking(False)
        self._network.pipes.append(self)

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while length := _command_length(self._rest):
            self.up.append(self._rest[:length])
            self._rest = self._rest[length:]

    def connection_lost(self, exc: Exception | None) -> None:
        self.dead = True
        self._network.lost[self.client] = self._network.now()
        self.up.append(END)
        if self._server is None:
            self.close()

    def send_up(self) -> None:
        """Deliver the oldest command to the server."""
        command = self.up.popleft()
        if command == END:
            self.close()
        elif self._server is not None:
            self.follows = self.follows or b"XREAD" in command
            try:
                self._server.sendall(command)
            except OSError:
                return  # Lost: the server has closed the connection.

    def send_down(self) -> None:
        """Deliver the oldest words of the server to the client."""
        words = self.down.popleft()
        if words == END:
            self.close()
        else:
            self._transport.write(words)

    def close(self) -> None:
        """Both ends are closed, and what was on its way is lost."""
        self.up.clear()
        self.down.clear()
        self.hang_up()
        if self in self._network.pipes:
            self._network.pipes.remove(self)
        self._transport.abort()

    def hang_up(self) -> None:
        """Leave the server."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def gather(self) -> None:
        """Take what the server has said."""
        while self._server is not None and END not in self.down:
            try:
                words = self._server.recv(1 << 20)
            except BlockingIOError:
                return
            except OSError:
                words = END
            # A reply and the pushes after it may arrive apart.
            first, *pushes = words.split(_PUSH)
            self.down.extend([first] if first or not pushes else [])
            self.down.extend(_PUSH + push for push in pushes)


class Network:
    """All pipes, and the one server behind them."""

    def __init__(self, now: Callable[[], int]) -> None:
        """`now` is the number of the test's present step."""
        self.now = now
        self.pipes: list[Pipe] = []
        self.lost: dict[int, int] = {}
        """When each client was last told that a connection was lost."""
        self._made = 0
        self._server = EmbeddedServer()
        self._control: socket.socket | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        for pipe in self.pipes:
            pipe.hang_up()
        self.stop()

    @property
    def up(self) -> bool:
        """Whether the server runs."""
        return self._control is not None

    def start(self) -> None:
        """Start the server, empty."""
        self._server.start()
        self._control = self.dial()

    def stop(self) -> None:
        """Kill the server."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._server.pid is not None:
            os.kill(self._server.pid, signal.SIGKILL)
        self._server.stop()
        self.gather()

    def reset(self) -> None:
        """Empty the server, its scripts included; the pipes of a former run are gone."""
        if not self.up:
            self.start()
        for pipe in self.pipes:
            pipe.hang_up()
        self.pipes.clear()
        self.lost.clear()
        self._made = 0
        self.order("FLUSHALL")
        self.order("SCRIPT FLUSH")
        self.order("CLIENT KILL", "TYPE", "normal")

    def dial(self) -> socket.socket | None:
        """A connection to the server; None while it is down."""
        made = socket.socket(socket.AF_UNIX)
        try:
            made.connect(self._server.socket)
        except (OSError, RuntimeError):
            made.close()
            return None
        return made

    def count(self) -> int:
        """The next number for a pipe."""
        self._made += 1
        return self._made

    def order(self, *command: str | bytes | float) -> bytes:
        """The server's answer to a command of the test's own, done and told to everybody it concerns."""
        if self._control is None:
            return b""
        self._control.sendall(pack(command))
        answer = self._control.recv(1 << 16)
        self.settle()
        return answer

    def settle(self) -> None:
        """Wait until the server has done all that it was told, and take what it said.

        The first PING may be answered in the very turn of the server's loop in which it does the rest, and
        before it; the second cannot.
        """
        for _ in range(2):
            if self._control is not None:
                self._control.sendall(b"PING\r\n")
                assert self._control.recv(64) == b"+PONG\r\n"
        self.gather()

    def gather(self) -> None:
        for pipe in self.pipes:
            pipe.gather()

    def heard(self, client: int) -> int:
        """Everything up to this moment has been delivered on every connection that the client has."""
        return min(
            (pipe.empty_at for pipe in self.pipes if pipe.client == client and not pipe.dead),
            default=self.now(),
        )

    def mark_empty(self) -> None:
        """Note which pipes have nothing on its way now."""
        for pipe in self.pipes:
            if not pipe.up and not pipe.down:
                pipe.empty_at = self.now()


def _command_length(data: bytes) -> int:
    """The length of the command that `data` begins with, 0 if it is not complete."""
    end = data.find(b"\r\n")
    if end < 0:
        return 0
    count, end = int(data[1:end]), end + 2
    for _ in range(count):
        start = data.find(b"\r\n", end) + 2
        if start < 2:
            return 0
        end = start + int(data[end + 1 : start - 2]) + 2
        if end > len(data):
            return 0
    return end

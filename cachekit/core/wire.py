"""One connected socket to Redis: commands out, replies and pushes in, in order.

redis-py makes the connection: TCP, TLS or Unix socket, AUTH, HELLO 3, SELECT and SETNAME are its business.
After its handshake `Wire`, an `asyncio.Protocol` over a `hiredis.Reader`, takes its transport over (see
`handover`). The reason is speed: of a GET through redis-py's pool only a quarter is I/O; a `wait_for` for
each read and write, the retry, the lock and the pool cost the rest, for every command. Here almost all of it
is paid once per batch. The second reason is order: replies and invalidation pushes come in one stream, so
that no reply can overtake an invalidation that the server sent before it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import hiredis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import DataError, RedisError

from cachekit.core.refusal import Reason, reply_error

_MORE: Final = object()
"""What the reader gives when a reply is not yet complete."""


Command = Sequence[str | bytes | int | float]
"""A command's name and its arguments."""


class Waiter:
    """Those who wait for the reply of one command, or for the replies of one pipeline."""

    __slots__ = ("future", "joined", "operation", "payload", "replies", "safe", "since", "wanted")

    def __init__(
        self,
        operation: str,
        payload: bytes,
        future: "asyncio.Future[Any]",
        safe: bool = False,
        wanted: int = 0,
    ) -> None:
        """`wanted` is 0 for one command, whose reply is the result, else the length of the pipeline.

        `safe` says that running it twice does no harm. A wire ends no waiter that is safe: it hands it back.
        """
        self.operation = operation
        self.payload = payload
        self.future = future
        self.joined: list[asyncio.Future[Any]] | None = None
        self.safe = safe
        self.wanted = wanted
        if wanted:
            self.replies: list[Any] = []
        self.since: float
        """When it was written, by the loop's clock."""

    def join(self, future: "asyncio.Future[Any]") -> None:
        """Let one more wait for the reply."""
        if self.joined is None:
            self.joined = [future]
        else:
            self.joined.append(future)

    def again(self) -> bool:
        """Whether it may be written once more, on another connection; once."""
        safe, self.safe = self.safe, False
        if self.wanted:
            self.replies.clear()
        return safe

    def settle(self, reply: Any) -> None:
        """Give everyone the very same reply; an error to each one of its own."""
        if isinstance(reply, RedisError):
            self.fail(lambda _: type(reply)(*reply.args))
            return
        if not self.future.done():
            self.future.set_result(reply)
        if self.joined is not None:
            for future in self.joined:
                if not future.done():
                    future.set_result(reply)

    def fail(self, reason: Reason) -> None:
        """Raise an error of its own in each: one object raised in two tasks would mix their tracebacks."""
        for future in (self.future, *(self.joined or ())):
            if not future.done():
                future.set_exception(reason(self.operation))


class Notice(Waiter):
    """A command of the link's own. What follows from its reply happens at the reply's place in the stream."""

    __slots__ = ("_then",)

    def __init__(
        self,
        command: Command,
        future: "asyncio.Future[None]",
        then: Callable[[Any], None] = lambda _: None,
    ) -> None:
        super().__init__(str(command[0]), pack(command), future)
        self._then = then

    def settle(self, reply: Any) -> None:
        """The reply, an error or not, is for the link."""
        self._then(reply)
        if not self.future.done():
            self.future.set_result(None)

    def fail(self, reason: Reason) -> None:  # noqa: ARG002 - the link knows what happened to its wire
        """Only end the wait: an exception might never be asked for."""
        if not self.future.done():
            self.future.set_result(None)


class Owner(Protocol):
    """Who uses a wire and is told what happens to it."""

    def refused(self, wire: "Wire", error: RedisError) -> None:
        """The server answered a command with `error`; its waiter has it, too."""

    def dropped(self, wire: "Wire", error: Exception) -> None:
        """The connection is gone; what was in flight is still in `wire.in_flight`. Called once."""


class Wire(asyncio.Protocol):
    """The protocol of one connection. It ends with the connection; nothing here makes another one."""

    def __init__(self, owner: Owner, *, pushed: Callable[[list[bytes] | None], None]) -> None:
        """`pushed` is called with the keys that were changed, or None if all were (FLUSHALL, FLUSHDB)."""
        reader = hiredis.Reader(
            protocolError=RedisConnectionError,
            replyError=reply_error,
            notEnoughData=_MORE,
        )
        self.in_flight: deque[Waiter] = deque()
        """Written and not yet answered, oldest first."""
        self.pushes = False
        """Whether the server can push to this connection, that is, it speaks RESP3."""
        self.asked: set[str] = set()
        """The prefixes whose changes the server was asked to push on this connection."""
        self.opened: set[str] = set()
        """Those of them for which it said yes."""
        self.error: Exception | None = None
        """Why the connection ended; None while it lasts."""
        self.loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[None] = self.loop.create_future()
        """Done when the socket is closed."""
        self._owner: Owner | None = owner
        self._pushed = pushed
        self._time = self.loop.time
        self._feed = reader.feed
        self._next = reader.gets
        self._transport: asyncio.WriteTransport | None = None

    def send(self, waiter: Waiter) -> None:
        """Write one command at once."""
        waiter.since = self._time()
        self.in_flight.append(waiter)
        self._transport.write(waiter.payload)  # type: ignore[union-attr]  # attached before its first use

    def send_all(self, waiters: Sequence[Waiter]) -> None:
        """Write a batch in one call."""
        since = self._time()
        for waiter in waiters:
            waiter.since = since
        self.in_flight.extend(waiters)
        self._transport.write(b"".join([waiter.payload for waiter in waiters]))  # type: ignore[union-attr]

    def attach(self, transport: asyncio.WriteTransport, received: bytes) -> None:
        """Take `transport` over, and what its former protocol had `received` and not looked at."""
        self._transport = transport
        transport.set_protocol(self)
        if received:
            self.data_received(received)

    def data_received(self, data: bytes) -> None:
        """Every complete reply to its waiter, every push to the owner."""
        in_flight, gets = self.in_flight, self._next
        try:
            self._feed(data)
            while (reply := gets()) is not _MORE:
                if reply.__class__ is hiredis.PushNotification:
                    self._push(reply)
                    continue
                if not in_flight:
                    self.drop(RedisConnectionError("a reply that nobody has asked for"))
                    return
                waiter = in_flight[0]
                if waiter.wanted:
                    waiter.replies.append(reply)
                    if len(waiter.replies) < waiter.wanted:
                        continue
                    reply = waiter.replies
                in_flight.popleft()
                waiter.settle(reply)
                if reply.__class__ is not bytes and reply is not None:
                    self._look_for_refusals(reply if waiter.wanted else (reply,))
        except RedisConnectionError as error:  # No later reply can be trusted, either.
            self.drop(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is closed, by whomever."""
        if not self.gone.done():
            self.gone.set_result(None)
        self._end(RedisConnectionError("the server closed the connection") if exc is None else exc)

    def drop(self, error: Exception) -> None:
        """Give the connection up because of `error`, without a farewell: it may be half-open."""
        if self._transport is not None:
            self._transport.abort()
        elif not self.gone.done():
            self.gone.set_result(None)
        self._end(error)

    def forget(self) -> None:
        """Let go of a connection that belongs to the parent process, and touch nothing of it."""
        self._owner = self._transport = None

    def _end(self, error: Exception) -> None:
        owner, self._owner = self._owner, None
        if owner is not None:
            self.error = error
            owner.dropped(self, error)

    def _look_for_refusals(self, replies: Sequence[Any]) -> None:
        for reply in replies:
            if isinstance(reply, RedisError) and self._owner is not None:
                self._owner.refused(self, reply)

    def _push(self, push: list[Any]) -> None:
        # Other kinds (a message, a server's maintenance) are not for us.
        if push[0] == b"invalidate" and self._owner is not None:
            self._pushed(push[1])


def pack(command: Command) -> bytes:
    """The command as Redis reads it. A name of two words ("CLIENT LIST") becomes two."""
    name = command[0]
    if isinstance(name, str) and " " in name:
        command = (*name.split(), *command[1:])
    try:
        return hiredis.pack_command(tuple(command))  # type: ignore[no-any-return,arg-type]
    except TypeError:
        raise DataError("a command is made of str, bytes, int and float") from None

"""One multiplexed connection to one server, made anew whenever it is lost.

All callers share it. A command is written at once when nothing else is under way, else with all others of the
same turn of the event loop in one write. Replies are matched in order. One timer looks at the oldest command
in flight; there is none per command.

    down ──first command──▶ connecting ──▶ up ──dropped──▶ connecting (callers wait)
                                │          │
                              fails     no answer in time, or dropped twice within a second
                                ▼          ▼
              breaker open: calls fail at once, unless the next attempt is near ──due──▶ connecting …

What was written and not answered when the connection dropped may have run, and fails; only what is safe to
run twice is sent again, once. What was not yet written is sent on the next connection.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError, RedisError

from cachekit.core.budget import Budget
from cachekit.core.handover import take_over
from cachekit.core.recovery import Recovery
from cachekit.core.refusal import Reason, closed, forked, reason_of
from cachekit.core.tracking import Listener, Subscriptions
from cachekit.core.wire import Command, Notice, Waiter, Wire, pack

_STEADY: Final = 1.0
"""Seconds between two reconnects without backoff: a server that drops us again sooner is not well."""


class Link:
    """Commands to one server over one connection.

    Methods return a future at once; it raises redis-py's errors for what the server refused, CacheUnavailable
    for a server that cannot be reached or does not answer, and CacheClosed. While the breaker is open, and
    after `close`, the methods themselves raise.
    """

    def __init__(
        self,
        dial: Callable[[], Awaitable[AbstractConnection]],
        *,
        budget: Budget,
        timeout: float,
        moves: bool = False,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        """`dial` makes a connection; each attempt, and each command, may take `timeout` seconds.

        `moves` says that dialling again may find another server (Sentinel): one that has turned read-only is
        left then. `on_failure` is called when there is no connection, and no hope of an immediate one.
        """
        self._dial = dial
        self._budget = budget
        self._counted = False
        self._timeout = timeout
        self._moves = moves
        self._on_failure = on_failure
        self._loop = asyncio.get_running_loop()
        self._pid = os.getpid()
        self._wire: Wire | None = None
        self._last: Wire | None = None
        self._queue: list[Waiter] = []
        """Not yet written. Unless it is empty a flush of it is scheduled, or a connection is being made."""
        self._gets: dict[str | tuple[str], Waiter] = {}
        """The reads in the queue after its last other command: GETs by key, those with PTTL by (key,)."""
        self._subscriptions = Subscriptions()
        self._recovery = Recovery(self._attempt, on_failure=self._fail, name="cachekit: connect to Redis")
        self._timer: asyncio.TimerHandle | None = None
        self._dropped_at = float("-inf")
        self.protocol = 3
        """The RESP version of the last connection; 3 before the first."""
        self._closed: Reason | None = None

    @property
    def up(self) -> bool:
        """Whether there is a connection now."""
        return self._wire is not None

    def get(self, key: str) -> "asyncio.Future[bytes | None]":
        """GET. Callers who ask for one key in one batch share a command and the very same bytes."""
        future = self._loop.create_future()
        waiter = self._gets.get(key)
        if waiter is not None:
            waiter.join(future)  # Not yet written: its answer will be younger than this call.
            return future
        name = key.encode()
        waiter = Waiter("GET", b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (len(name), name), future, True)
        if self._add(waiter):
            self._gets[key] = waiter
        return future

    def get_with_expiry(self, key: str) -> "asyncio.Future[list[Any]]":
        """The replies to GET and PTTL, errors among them; shared as those of `get` are."""
        future = self._loop.create_future()
        waiter = self._gets.get((key,))
        if waiter is not None:
            waiter.join(future)
            return future
        waiter = Waiter("GET", pack(("GET", key)) + pack(("PTTL", key)), future, True, 2)
        if self._add(waiter):
            self._gets[(key,)] = waiter
        return future

    def send(self, command: Command, *, safe: bool = False) -> "asyncio.Future[Any]":
        """One command; `safe` if running it twice does no harm."""
        waiter = Waiter(str(command[0]), pack(command), self._loop.create_future(), safe)
        self._gets.clear()  # A later GET must not be answered from before this command.
        self._add(waiter)
        return waiter.future

    def send_all(
        self, commands: Sequence[Command], *, operation: str, safe: bool = False
    ) -> "asyncio.Future[list[Any]]":
        """Several commands (at least one) in one write; their replies in order, errors among them."""
        payload = b"".join([pack(command) for command in commands])
        waiter = Waiter(operation, payload, self._loop.create_future(), safe, len(commands))
        self._gets.clear()
        self._add(waiter)
        return waiter.future

    def track(self, prefix: str, listener: Listener) -> None:
        """Tell `listener` what happens to the keys with `prefix`; connects if need be."""
        if os.getpid() != self._pid:
            raise forked()
        self._subscriptions.add(prefix, listener, self._wire)
        if self._wire is not None:
            self._subscriptions.open(self._wire)
            self._arm()
        elif self._closed is None:
            self._recovery.start()

    def close(self, reason: Reason = closed) -> None:
        """End everything; whoever waits, and who comes, fails for `reason`.

        In a forked child the parent's socket is left alone.
        """
        if self._closed is not None:
            return
        self._closed = reason
        if os.getpid() != self._pid:
            for wire in (self._wire, self._last):
                if wire is not None:
                    wire.forget()
            return
        if self._timer is not None:
            self._timer.cancel()
        self._recovery.cancel()
        if self._wire is not None:
            self._wire.drop(RedisConnectionError("closed"))
        self._fail_queue(reason)
        if self._counted:
            self._counted = False
            self._budget.release()

    async def aclose(self) -> None:
        """`close`, and wait until nothing of it runs or is open."""
        self.close()
        if os.getpid() == self._pid:
            await self._recovery.ended()
            if self._last is not None:
                await self._last.gone

    # What a wire tells its owner.

    def refused(self, wire: Wire, error: RedisError) -> None:
        """A master that has become a replica is not the server we want."""
        if self._moves and isinstance(error, ReadOnlyError):
            wire.drop(error)

    def dropped(self, wire: Wire, error: Exception) -> None:
        """The connection is gone: fail what may have run, and find another one."""
        self._subscriptions.lost(wire)
        unheard = isinstance(error, TimeoutError)
        reason = self._closed or reason_of(error, self._timeout)
        again = []
        for waiter in wire.in_flight:
            if not unheard and self._closed is None and waiter.again():
                again.append(waiter)
            else:
                waiter.fail(reason)
        wire.in_flight.clear()
        if wire is not self._wire:
            return  # It was never up: the attempt that made it has failed.
        self._wire = None
        if self._closed is not None:
            return
        now = self._loop.time()
        unwell = unheard or now - self._dropped_at < _STEADY
        self._dropped_at = now
        self._queue[:0] = again
        if unwell:
            self._recovery.failed(error)
        if unwell or self._queue or self._subscriptions:
            self._recovery.start()

    async def _attempt(self) -> None:
        """Connect, have all known prefixes tracked if the server does that, and write what waits."""
        if not self._counted:
            await self._budget.acquire()
            self._counted = True
        wire = self._last = Wire(self, pushed=self._subscriptions.pushed)
        try:
            async with asyncio.timeout(self._timeout):
                take_over(await self._dial(), wire)
                while answer := self._subscriptions.open(wire):
                    await answer
        except BaseException as error:
            wire.drop(RedisConnectionError(type(error).__name__))
            raise
        if wire.error is not None:
            raise wire.error
        self.protocol = 3 if wire.pushes else 2
        self._wire = wire
        self._flush()
        self._arm()

    # The commands' way out.

    def _add(self, waiter: Waiter) -> bool:
        """Write `waiter`'s command, now or with the next batch; whether it is in the queue."""
        queue, wire = self._queue, self._wire
        if queue:
            queue.append(waiter)
            return True
        if wire is None:
            self._refuse(waiter.operation)
            self._recovery.start()
            queue.append(waiter)
            return True
        if wire.in_flight:
            queue.append(waiter)
            self._loop.call_soon(self._flush)
            return True
        if os.getpid() != self._pid:
            raise forked()
        wire.send(waiter)
        if self._timer is None:
            self._arm()
        return False

    def _flush(self) -> None:
        queue, wire = self._queue, self._wire
        if wire is not None and queue:
            self._queue = []
            self._gets.clear()
            wire.send_all(queue)
            if self._timer is None:
                self._arm()

    def _refuse(self, operation: str) -> None:
        """Raise at once where waiting would not help."""
        if self._closed is not None:
            raise self._closed(operation)
        if os.getpid() != self._pid:
            raise forked()
        if self._recovery.hopeless and not self._recovery.soon:
            raise reason_of(self._recovery.error, self._timeout)(operation)

    def _fail(self, error: Exception) -> None:
        self._fail_queue(reason_of(error, self._timeout))
        self._on_failure()

    def _fail_queue(self, reason: Reason) -> None:
        queue, self._queue = self._queue, []
        self._gets.clear()
        for waiter in queue:
            waiter.fail(reason)

    # The one timer.

    def _arm(self, seconds: float | None = None) -> None:
        if self._timer is None:
            delay = self._timeout if seconds is None else seconds
            # In no caller's context: it arms itself again, and would keep that alive.
            self._timer = self._loop.call_later(delay, self._look, context=Context())

    def _look(self) -> None:
        """Drop the connection if its oldest command is too old; ping it if it is idle and tracks."""
        timer, self._timer = self._timer, None
        wire = self._wire
        if wire is None or timer is None:
            return
        now = self._loop.time()
        if not wire.in_flight:
            if wire.opened:
                wire.send(Notice(("PING",), self._loop.create_future()))
                self._arm()
            return
        left = wire.in_flight[0].since + self._timeout - now
        if left > 0:
            self._arm(left)
        elif now - timer.when() > self._timeout / 4:
            # This process was busy, not the server: its answer may lie in the socket.
            self._arm(self._timeout / 4)
        else:
            wire.drop(TimeoutError())

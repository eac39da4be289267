"""The invalidation log: a Redis Stream per app, mirrored in every process.

An invalidation is one record appended to the log, whatever the number of keys it matches. Each record
holds the log's incarnation, its position, and a rule (kind, namespace, value); see `rules` for how they
are applied, and the script APPEND for how they are numbered and trimmed.

A process reads the log once and then follows it on a connection of its own. The cursor is the id of the
last record read, so nothing is lost when the connection is; the record at the cursor is read again then,
to see that the log still holds it. What can have happened if it does not:

* the log was trimmed past it: entries older than what is left are invalid;
* the log was lost (flushed, evicted) and another incarnation begun: so are all entries of the old one;
* the server has gone back in time (a replica that lagged took over, an older dump was restored): then
  this process begins another incarnation. Appending again what was lost would be cheaper, but positions
  would be given twice where another process has appended in between, and an entry that survived on
  another node could carry one of them.

While the follower is not connected, `live` is False, and readers look at the log themselves.
"""

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Iterable
from contextvars import Context
from typing import Any, Final

from cachekit.core.log_record import LogRecord, order_of, records_of, text_of
from cachekit.core.rules import Kind, Rule, Rules, Stamp
from cachekit.core.scripts import APPEND, REBIRTH
from cachekit.core.store import Store
from cachekit.errors import CacheClosed, CacheUnavailable

DEFAULT_RETENTION: Final = 30 * 24 * 3600
"""Seconds a rule stays in the log. An older entry is valid only as long as nothing was trimmed."""

_KEPT_RECORDS: Final = 100_000
_BATCH: Final = 1_000
_BLOCK: Final = 1.0
"""Seconds the follower waits for news before it looks whether the log is still the one it knows."""

_LEAST_PAUSE: Final = 0.05
_MOST_PAUSE: Final = 2.0


class InvalidationLog:
    """The log of one app, and its mirror in this process. Belongs to one event loop.

    `timeout` is how many seconds Redis may take to answer; `on_restart` is called when another incarnation
    begins: positions of the old one mean nothing any more.
    """

    def __init__(
        self,
        store: Store,
        *,
        app: str,
        timeout: float,
        on_restart: Callable[[], None],
        retention: float = DEFAULT_RETENTION,
    ) -> None:
        # No namespace can have such a name, so none of its keys can be this one.
        self.key = f"cachekit/log:{app}"
        self.rules = Rules()
        self.live = False
        """Whether the mirror lags by no more than a network round trip."""
        self._store = store
        self._timeout = timeout
        self._on_restart = on_restart
        self._retention = round(retention * 1000)
        self._cursor: str | None = None
        # The ids of records that we have appended and not read yet: another one in their place shows that
        # the server has lost them.
        self._unread: dict[int, str] = {}
        # Incarnations that ended: one that is there again has lost what followed.
        self._left: set[str] = set()
        self._lock = asyncio.Lock()
        self._unsent: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = False
        self._closed = False

    def start(self) -> None:
        """Begin to follow the log, if that has not been done.

        Where no command may block (memory://) nobody follows: readers go on to look themselves.
        """
        if not self._started and self._store.blocks:
            self._started = True
            # In a context of its own: that of the first caller, his request and his span, must not live on.
            follower = asyncio.create_task(self._follow(), name="cachekit log follower", context=Context())
            follower.add_done_callback(self._unfollowed, context=Context())
            self._own(follower)

    async def append(self, namespace: str, kind: Kind, *values: str) -> Stamp:
        """Append a rule for each value, and apply them in this process before returning; the stamp since.

        Raises CacheUnavailable if the log did not take them: an invalidation is never lost in silence.
        """
        if len(self._unread) >= _BATCH:
            # Where nobody follows, what we have appended would be remembered for ever.
            await self.read()
        incarnation, last, id_ = await self._append(namespace, kind, *values)
        if incarnation != self.rules.incarnation or self._repeats(last, id_):
            # The first sight of the log; or another one has begun, or must begin.
            await self.read()
        if incarnation == self.rules.incarnation:
            at = int(id_.partition("-")[0])
            for position, value in enumerate(values, last - len(values) + 1):
                self.rules.note(Rule(position, at, namespace, kind, value))
            if last > self.rules.position:
                self._unread[last] = id_
        # Else the log is lost already, and with it every entry that was older than these rules.
        return incarnation, last

    async def stamp(self) -> Stamp:
        """What something written now is stamped with; raises CacheUnavailable if the log is not known yet."""
        if self.rules.stamp is None:
            await self.read()
        stamp = self.rules.stamp
        assert stamp is not None, "a log that was read has an incarnation"
        return stamp

    async def read(self) -> None:
        """Read what was appended before this call; raises CacheUnavailable if that cannot be done.

        Callers share a command that has not been sent yet, and never one that has.
        """
        if self._closed:
            raise CacheClosed("the cache is closed")
        task = self._unsent
        if task is None:
            task = self._unsent = asyncio.create_task(self._send(), name="cachekit log reader")
            self._own(task)
        await asyncio.wait([task])
        if task.cancelled():
            raise CacheClosed("the cache is closed")
        error = task.exception()
        if isinstance(error, CacheUnavailable):
            raise CacheUnavailable(str(error), operation=error.operation) from error
        if error is not None:
            raise error

    async def aclose(self) -> None:
        """Stop following."""
        # The flag, because a library's wait may swallow a cancellation (asyncio.wait_for before 3.12 does).
        self._started = self._closed = True
        self.live = False
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _own(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._ended, context=Context())

    def _unfollowed(self, _: asyncio.Task[None]) -> None:
        # Whatever has ended it: a mirror that nobody keeps must not be believed.
        self.live = False

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # Seen, should nobody have waited for it.

    def _repeats(self, position: int, id_: str) -> bool:
        """Whether a position is given a second time: the server has gone back in time."""
        known = self.rules.stamp
        if known is None or self._cursor is None or position > known[1]:
            return False
        # Else it is our own record, which the follower has read.
        return order_of(id_) > order_of(self._cursor)

    async def _send(self) -> None:
        async with self._lock:
            self._unsent = None
            await self._read_on(self._store.execute)

    async def _follow(self) -> None:
        pause = _LEAST_PAUSE
        while not self._closed:
            try:
                async with self._store.dedicated(self.key) as connection:

                    async def execute(*command: str | bytes | float) -> Any:
                        return await connection.execute(*command, timeout=self._timeout)

                    async with self._lock:
                        await self._read_on(execute)
                    while not self._closed:
                        self.live, pause = True, _LEAST_PAUSE
                        news = await connection.execute(
                            *("XREAD", "BLOCK", round(_BLOCK * 1000), "COUNT", _BATCH),
                            *("STREAMS", self.key, self._cursor or "0"),
                            timeout=_BLOCK + self._timeout,
                        )
                        if news:
                            # Heard; but until it is applied, which may have to wait for another read,
                            # nobody may go by what is known here.
                            self.live = False
                        async with self._lock:
                            if not (news and self._take(records_of(news))):
                                await self._read_on(execute)
            except CacheUnavailable:
                self.live = False
                await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - spreads reconnects
                pause = min(pause * 2, _MOST_PAUSE)
            except CacheClosed:
                self.live = False
                return

    async def _read_on(self, execute: Callable[..., Awaitable[Any]]) -> None:
        """Read the log from the cursor on, and find out what has happened if the cursor is gone."""
        if self._cursor is not None:
            while True:
                records = await self._page(execute, self._cursor)
                if not records or not self._is_newest(records[0]) or not self._take(records[1:]):
                    break
                if len(records) < _BATCH:
                    return
        await self._read_anew(execute)

    async def _read_anew(self, execute: Callable[..., Awaitable[Any]]) -> None:
        records: list[LogRecord] = []
        while True:
            page = await self._page(execute, f"({records[-1].id}" if records else "-")
            records += page
            if len(page) < _BATCH:
                break
        if not records:
            # Lost, or never begun.
            await self._append()
            return await self._read_anew(execute)
        incarnation = records[-1].incarnation
        records = [record for record in records if record.incarnation == incarnation]
        known = self.rules.position if incarnation == self.rules.incarnation else -1
        if incarnation in self._left or records[0].position <= known or not self._take(records):
            # The record at the cursor is gone, and older ones are not: so it was not trimmed. Or what is
            # there cannot follow itself, or what we have appended.
            await self._store.run_script(REBIRTH, self.key, incarnation, _new_incarnation())
            return await self._read_anew(execute)
        return None

    def _take(self, records: Iterable[LogRecord]) -> bool:
        """Apply records that follow the cursor; False if one of them cannot follow what is known."""
        for record in records:
            position = record.position
            if record.incarnation in self._left:
                return False
            if record.incarnation != self.rules.incarnation:
                if self.rules.incarnation is not None:
                    self._left.add(self.rules.incarnation)
                self.rules.begin(record.incarnation, position if record.rule is None else position - 1)
                self._unread.clear()
                self._on_restart()
            elif position <= self.rules.position or self._unread.pop(position, record.id) != record.id:
                return False
            if record.rule is not None:
                self.rules.follow(record.rule)
            self._cursor = record.id
        return True

    def _is_newest(self, record: LogRecord) -> bool:
        """Whether it is the record at the cursor: another log may have given its id again."""
        where = (record.id, record.incarnation, record.position)
        return where == (self._cursor, self.rules.incarnation, self.rules.position)

    async def _page(self, execute: Callable[..., Awaitable[Any]], start: str) -> list[LogRecord]:
        rows = await execute("XRANGE", self.key, start, "+", "COUNT", _BATCH)
        return [LogRecord.parse(row) for row in rows]

    async def _append(self, *rule: str) -> tuple[str, int, str]:
        reply = await self._store.run_script(
            APPEND, self.key, _new_incarnation(), self._retention, _KEPT_RECORDS, *rule
        )
        incarnation, position, id_ = map(text_of, reply)
        return incarnation, int(position), id_


def _new_incarnation() -> str:
    return secrets.token_hex(6)

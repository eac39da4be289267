"""How an instance follows the stream, through lost connections and lost streams."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final

from cachekit.core.cache import Cache
from cachekit.core.dedicated import Dedicated
from cachekit.core.log_record import text_of
from cachekit.errors import CacheClosed, CacheUnavailable
from chatbot.bus.inbox import Inbox
from chatbot.bus.outbox import OUTLIVES, Outbox
from chatbot.bus.stream import BATCH, JOIN, KEY, PROBE, Record, records_in

logger = logging.getLogger(__name__)

BLOCK: Final = 1.0
"""Seconds the reader waits for news, and between two looks whether the stream is still the one it knows."""

POLL: Final = 0.1
"""Seconds between two looks for news where no command may block (memory://)."""

_ANSWER: Final = 2.0
"""Seconds Redis may take to answer beyond those that it was asked to wait."""
_LEAST_PAUSE: Final = 0.05
_MOST_PAUSE: Final = 1.0


class Reader:
    """Hands each record that is new to this instance to `hear`, in the order of the stream.

    The cursor is the id of the last record read. It outlives the connection, so what was appended meanwhile
    is read afterwards. A record that does not name the cursor as the one before it, or a cursor that is
    gone, shows that the stream was trimmed past this reader, or lost, or that Redis went back in time: then
    the whole stream is read again, of which the inbox drops what was heard, and `missed` is called unless
    the record that follows the cursor is found after all. Own messages that are lost are appended again.
    """

    def __init__(
        self,
        cache: Cache,
        outbox: Outbox,
        *,
        hear: Callable[[Record], Awaitable[None]],
        missed: Callable[[], Awaitable[None]],
    ) -> None:
        self.live = False
        """Whether what is appended now is heard within moments."""
        self._cache = cache
        self._outbox = outbox
        self._hear = hear
        self._tell_missed = missed
        self._inbox: Inbox | None = None
        self._cursor = ""
        self._probed = 0.0
        self._missed = False
        """Whether something may have been missed that has not been told yet."""
        self._joining = asyncio.Lock()
        self._closed = False

    async def join(self) -> Inbox:
        """Hear what is appended from now on; raises CacheUnavailable if Redis is away."""
        async with self._joining:
            if self._inbox is None:
                self._cursor = await self._last()
                self._inbox = Inbox(self._cursor)
            return self._inbox

    async def start(self) -> None:
        """Join; if Redis is away, `follow` will, and tell that something may have been missed until then."""
        try:
            await self.join()
        except CacheUnavailable as error:
            self._missed = True
            logger.warning("the bus is not heard yet: %s", error)

    async def follow(self) -> None:
        """Read on until the reader is stopped, or the cache closed."""
        pause = _LEAST_PAUSE
        while not self._closed:
            try:
                async with self._connection() as connection:
                    inbox = await self.join()
                    await self._look(inbox)
                    while not self._closed:
                        self.live, pause = True, _LEAST_PAUSE
                        await self._take(inbox, await self._news(connection))
            except CacheClosed:
                return
            except CacheUnavailable as error:
                if self.live:
                    logger.warning("the bus is not heard: %s", error)
            except Exception:
                # Whatever it is: an instance that is deaf for good would let revoked people stay.
                logger.exception("the bus is not heard")
            finally:
                self.live = False
            await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - spreads reconnects
            pause = min(pause * 2, _MOST_PAUSE)

    def stop(self) -> None:
        """Read nothing more: a flag, because a library's wait may swallow the cancellation of a task."""
        self._closed = True
        self.live = False

    def _connection(self) -> AbstractAsyncContextManager[Dedicated | None]:
        store = self._cache.store
        return store.dedicated(KEY) if store.blocks else nullcontext()

    async def _news(self, connection: Dedicated | None) -> list[Record]:
        """What follows the cursor; waits for it a while."""
        if connection is None:
            await asyncio.sleep(POLL)
            rows = await self._cache.store.execute("XRANGE", KEY, f"({self._cursor}", "+", "COUNT", BATCH)
            return [Record.parse(row) for row in rows]
        reply = await connection.execute(
            *("XREAD", "BLOCK", round(BLOCK * 1000), "COUNT", BATCH, "STREAMS", KEY, self._cursor),
            timeout=BLOCK + _ANSWER,
        )
        return list(records_in(reply or ()))

    async def _take(self, inbox: Inbox, records: list[Record]) -> None:
        if records and records[0].prev != self._cursor:
            await self._read_anew(inbox)
        else:
            for record in records:
                await self._pass_on(inbox, record)
                self._cursor = record.id
        if self._missed or asyncio.get_running_loop().time() - self._probed >= BLOCK:
            await self._look(inbox)

    async def _look(self, inbox: Inbox) -> None:
        """See that the stream still holds what is known of it, and mend what can be."""
        own = (self._outbox.last, self._outbox.run)
        found, lost = await self._cache.store.run_script(PROBE, KEY, self._cursor, *own)
        if lost:
            await self._outbox.restore()
        else:
            self._outbox.confirm()
        if not found:
            await self._read_anew(inbox)
        if self._missed:
            await self._tell_missed()
            self._missed = False
        self._probed = asyncio.get_running_loop().time()

    async def _read_anew(self, inbox: Inbox) -> None:
        """Read the whole stream; what is not new is dropped by the inbox."""
        self.live = False
        known, last, complete = self._cursor, "", False
        # Before it is read: what others append to an empty stream after that is read as well.
        await self._last()
        while True:
            start = f"({last}" if last else "-"
            rows = await self._cache.store.execute("XRANGE", KEY, start, "+", "COUNT", BATCH)
            for record in map(Record.parse, rows):
                complete = complete or record.prev == known
                await self._pass_on(inbox, record)
                last = record.id
            if len(rows) < BATCH:
                break
        self._missed = self._missed or not complete
        # The cursor moves last: if this is interrupted, it is done again.
        self._cursor = last or known

    async def _pass_on(self, inbox: Inbox, record: Record) -> None:
        if inbox.takes(record):
            await self._hear(record)

    async def _last(self) -> str:
        return text_of(await self._cache.store.run_script(JOIN, KEY, OUTLIVES))

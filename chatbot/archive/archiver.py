"""What moves entries from the archive streams to the table."""

import asyncio
import logging
import random
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final, Self, cast

from cachekit.core.cache import Cache
from cachekit.errors import CacheClosed, CacheUnavailable
from chatbot.archive.dynamodb import MOST_ITEMS, DynamoTable, ItemRefused
from chatbot.archive.entry import Change, Entry
from chatbot.archive.items import MESSAGES, Item, heading_item, key_of, message_items, session_pk
from chatbot.archive.log import ArchiveLog
from chatbot.sessions import DEFAULT_TTL

_COUNT: Final = 25
"""Entries of one partition that are taken at once."""

_AT_ONCE: Final = 4
"""Batches that are written at once."""

_TRIES: Final = 5
"""Times that an entry may be refused for what it is before it becomes a dead letter."""

_MOST_PAUSE: Final = 5.0
"""Seconds between attempts while DynamoDB or Redis is away."""

_PATIENCE: Final = 3_600.0
"""Seconds that a deletion waits for what came before it in its session. Whoever writes some of that later
finds the tombstone and erases it again; so the bound is for what never comes, such as entries that somebody
has trimmed by hand."""

_GOODBYE: Final = 5.0
"""Seconds that leaving waits for what is being written; it is repeated by others if it takes longer."""

logger = logging.getLogger(__name__)

_Work = tuple[Entry, Change]


class Archiver:
    """One consumer of the archive streams; any number of them may run, in any process.

    An entry is settled only after the table has it, and every write may be repeated by anybody, so an
    archiver may die at any moment: what it held is claimed by another after `claim_after` seconds.

    Args:
        cache: the open cache whose Redis holds the streams.
        table: where entries go.
        consumer: unlike that of any other archiver that lives.
        keep: seconds that archived messages, and headings since their last change, are kept; None: for ever.
        ttl: seconds that a session stays in Redis once all of it is archived.
        claim_after: seconds of silence after which another's entries are taken over.
        poll: seconds between looks at the streams while they are empty.
    """

    def __init__(
        self,
        cache: Cache,
        table: DynamoTable,
        *,
        consumer: str,
        keep: int | None = None,
        ttl: int = DEFAULT_TTL,
        claim_after: float = 30.0,
        poll: float = 0.25,
    ) -> None:
        self.log = ArchiveLog(cache, consumer=consumer, ttl=ttl)
        self._clock = cache.clock
        self._table = table
        self._keep = keep
        self._claim_after = claim_after
        self._poll = poll
        self._claim_at = 0.0
        self._failures = 0
        self._task: asyncio.Task[None] | None = None
        self._leaving = asyncio.Event()

    @property
    def healthy(self) -> bool:
        """Whether the last round reached both Redis and the table."""
        return not self._failures

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="archiver")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._leaving.set()
        await asyncio.wait([self._task], timeout=_GOODBYE)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def round(self) -> int:
        """Take what there is, and write it; how many entries are settled now.

        Entries that could not be written stay with this consumer, for its next round.

        Raises:
            CacheUnavailable: Redis is away, or, as ArchiveUnavailable, the table is; some may be settled.
        """
        claim_after = None
        if self._clock.monotonic() >= self._claim_at:
            claim_after = self._claim_after
        taken = await self.log.take(_COUNT, claim_after=claim_after)
        if claim_after is not None:
            await self.log.retire()
            self._claim_at = self._clock.monotonic() + self._claim_after / 3
        work = [each for entry in taken if (each := await self._parsed(entry))]
        settled = await self._write_all([each for each in work if each[1].kind != "deleted"])
        # After the messages: a deletion waits until all that came before it in its session is settled.
        for entry, change in work:
            if change.kind == "deleted":
                settled += await self._delete(entry, change)
        return settled

    async def _run(self) -> None:
        while not self._leaving.is_set():
            pause = self._poll
            try:
                pause = 0 if await self.round() else self._poll
            except CacheClosed:
                return
            except CacheUnavailable as error:
                pause = self._trouble(error)
            except Exception as error:
                # Whatever it is: nobody else would begin again.
                logger.exception("Archiving")
                pause = self._trouble(error)
            else:
                if self._failures:
                    logger.info("Archiving again")
                self._failures = 0
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._leaving.wait()
        with suppress(CacheClosed, CacheUnavailable):
            await self.log.retire(leaving=True)

    def _trouble(self, error: Exception) -> float:
        """Note that a round failed; how long to wait, in seconds."""
        if not self._failures:
            # One line for each outage; what waits meanwhile stands in Redis.
            logger.warning("Archiving has to wait: %s", error)
        self._failures += 1
        # Coming again within the time after which others would claim what is held here.
        most = min(_MOST_PAUSE, self._claim_after / 3, self._poll * 2**self._failures)
        return random.uniform(most / 2, most)  # noqa: S311 - spreads those who wait for the same

    async def _parsed(self, entry: Entry) -> _Work | None:
        try:
            return entry, entry.change()
        except ValueError as error:
            await self._refused(entry, str(error))
            return None

    async def _write_all(self, work: Iterable[_Work]) -> int:
        limit = asyncio.Semaphore(_AT_ONCE)

        async def bounded(batch: list[_Work]) -> int:
            async with limit:
                return await self._write(batch)

        outcomes = await asyncio.gather(*map(bounded, self._batches(work)), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return sum(cast("list[int]", outcomes))

    def _batches(self, work: Iterable[_Work]) -> Iterator[list[_Work]]:
        """Batches that one call can write, except for an entry that alone is larger."""
        batch: list[_Work] = []
        room = MOST_ITEMS
        for entry, change in work:
            size = len(self._items(entry, change))
            if batch and size > room:
                yield batch
                batch, room = [], MOST_ITEMS
            batch.append((entry, change))
            room -= size
        if batch:
            yield batch

    async def _write(self, batch: list[_Work]) -> int:
        try:
            # By key, since a call may not name an item twice.
            items = {key_of(item): item for each in batch for item in self._items(*each)}
            await self._table.write(put=items.values())
            for entry, change in _newest(batch):
                if await self._table.put_heading(heading_item(change, self._expires(entry))) == "deleted":
                    # The entry is older than the deletion, which somebody has done already: this consumer
                    # was taken for dead, or the server has gone back in time.
                    await self._erase(change)
        except ItemRefused as error:
            if len(batch) == 1:
                await self._refused(batch[0][0], str(error))
                return 0
            return sum([await self._write([each]) for each in batch])
        return await self.log.settle(entry for entry, _ in batch)

    async def _delete(self, entry: Entry, change: Change) -> int:
        unsettled = await self.log.unsettled(entry)
        overdue = self._clock.time() - entry.at > _PATIENCE
        if unsettled is not None and unsettled > 1 and not overdue:
            return 0
        try:
            # The tombstone first: from here on nobody reads the session back.
            await self._table.write(put=[heading_item(change, self._expires(entry))])
            await self._erase(change)
        except ItemRefused as error:
            await self._refused(entry, str(error))
            return 0
        await self.log.discard(entry)
        return await self.log.settle([entry])

    async def _erase(self, change: Change) -> None:
        await self._table.write(
            delete=await self._table.query(session_pk(change.session), MESSAGES, keys_only=True)
        )

    async def _refused(self, entry: Entry, reason: str) -> None:
        if await self.log.failed(entry) >= _TRIES:
            logger.error("Entry %s of partition %d is a dead letter: %s", entry.id, entry.partition, reason)
            await self.log.bury(entry, reason)

    def _items(self, entry: Entry, change: Change) -> list[Item]:
        return message_items(change, self._expires(entry)) if change.kind == "message" else []

    def _expires(self, entry: Entry) -> int | None:
        return None if self._keep is None else int(entry.at) + self._keep


def _newest(batch: Iterable[_Work]) -> Iterable[_Work]:
    """The last change of each session."""
    newest: dict[str, _Work] = {}
    for each in sorted(batch, key=lambda each: each[1].version):
        newest[each[1].session] = each
    return newest.values()

"""The archive streams in Redis: what waits for the table, who works on it, and what nobody could write."""

import asyncio
import itertools
from collections.abc import Iterable, Sequence
from typing import Final

from cachekit.core.cache import Cache
from chatbot.archive import scripts
from chatbot.archive.entry import Entry
from chatbot.sessions.layout import PARTITIONS, archive_key, partition, session_key
from chatbot.sessions.repository import DEFAULT_TTL

_SILENCE: Final = 3_600_000
"""Milliseconds after which a consumer that holds nothing is forgotten."""


class ArchiveLog:
    """The entries of all partitions, as one consumer of the group sees them.

    `consumer` is unlike any other's that lives; `ttl` is how long, in seconds, a session stays in Redis once
    all of it is archived. Every method raises CacheUnavailable while Redis is away.
    """

    def __init__(self, cache: Cache, *, consumer: str, ttl: int = DEFAULT_TTL) -> None:
        self._cache = cache
        self._consumer = consumer
        self._ttl = ttl

    async def take(self, count: int, *, claim_after: float | None) -> list[Entry]:
        """What this consumer holds, and what nobody has held yet; of each at most `count` a partition.

        With `claim_after`, what others have held for so many seconds becomes this consumer's.
        """
        idle = 0 if claim_after is None else max(1, round(claim_after * 1000))
        arguments = (self._consumer, count, idle)
        replies = await asyncio.gather(
            *(
                self._cache.store.run_script(scripts.TAKE, archive_key(number), *arguments)
                for number in range(PARTITIONS)
            )
        )
        return [
            Entry.parse(number, row)
            for number, (held, fresh) in enumerate(replies)
            for row in itertools.chain(held, fresh)
        ]

    async def settle(self, entries: Iterable[Entry]) -> int:
        """They are in the table: count them off; how many were still to be counted off."""
        ordered = sorted(entries, key=_session_of)
        return sum(
            await asyncio.gather(
                *(
                    self._settle(number, session_id, [entry.id for entry in group])
                    for (number, session_id), group in itertools.groupby(ordered, _session_of)
                )
            )
        )

    async def unsettled(self, entry: Entry) -> int | None:
        """How much of the entry's session is still to be archived, dead letters left out.

        None: Redis knows nothing of the session any more.
        """
        found = await self._cache.store.execute("HGET", _session(entry), "unsettled")
        return None if found is None else int(found)

    async def failed(self, entry: Entry) -> int:
        """The table refused the entry for what it is; how often it has done so."""
        return int(await self._cache.store.execute("HINCRBY", _tries(entry.partition), entry.id, 1))

    async def bury(self, entry: Entry, reason: str) -> None:
        """Move the entry to the dead letters; `reason` stands beside it."""
        keys = [archive_key(entry.partition), _session(entry), _tries(entry.partition), dead(entry.partition)]
        await self._cache.store.run_script(scripts.BURY, keys, entry.id, reason)

    async def dead_letters(self) -> list[Entry]:
        """What nobody could write; the field `reason` says why."""
        rows = await asyncio.gather(
            *(self._cache.store.run_script(_ALL, dead(number)) for number in range(PARTITIONS))
        )
        return [Entry.parse(number, row) for number, found in enumerate(rows) for row in found]

    async def revive(self, letter: Entry) -> bool:
        """Try a dead letter again; False if somebody else does already."""
        keys = [dead(letter.partition), archive_key(letter.partition), _session(letter)]
        return bool(await self._cache.store.run_script(scripts.REVIVE, keys, letter.id))

    async def discard(self, entry: Entry) -> int:
        """Drop the dead letters of the entry's session; how many there were."""
        keys = [dead(entry.partition), _session(entry)]
        return int(await self._cache.store.run_script(scripts.DISCARD, keys, entry.session_id))

    async def backlog(self) -> int:
        """How many entries are not in the table yet, dead letters left out."""
        return sum(
            await self._cache.store.pipeline([("XLEN", archive_key(number)) for number in range(PARTITIONS)])
        )

    async def buried(self) -> int:
        """How many dead letters there are."""
        return sum(await self._cache.store.pipeline([("XLEN", dead(number)) for number in range(PARTITIONS)]))

    async def retire(self, *, leaving: bool = False) -> None:
        """Forget consumers that are silent and hold nothing; with `leaving`, this one, too."""
        name = self._consumer if leaving else ""
        await asyncio.gather(
            *(
                self._cache.store.run_script(scripts.RETIRE, archive_key(number), name, _SILENCE)
                for number in range(PARTITIONS)
            )
        )

    async def _settle(self, number: int, session_id: str, ids: Sequence[str]) -> int:
        keys = [archive_key(number), _session_in(number, session_id), _tries(number)]
        return int(await self._cache.store.run_script(scripts.SETTLE, keys, self._ttl, *ids))


_ALL: Final = "return redis.call('XRANGE', KEYS[1], '-', '+')"
"""By way of a script, as all reads here: its replies look alike in every protocol."""


def dead(number: int) -> str:
    """The key of a partition's dead letters."""
    return f"chat_archive_dead:{{{number}}}"


def _tries(number: int) -> str:
    return f"chat_archive_tries:{{{number}}}"


def _session(entry: Entry) -> str:
    return _session_in(entry.partition, entry.session_id)


def _session_in(number: int, session_id: str) -> str:
    if session_id and partition(session_id) == number:
        return session_key(session_id)
    # No entry of a session's own script is like this. The key of nothing, in the slot of the stream.
    return f"chat_session:{{{number}}}:"


def _session_of(entry: Entry) -> tuple[int, str]:
    return entry.partition, entry.session_id

"""Whether what was read from Redis is a value of this cache, and still valid."""

import asyncio
from dataclasses import dataclass
from typing import Any

from cachekit.core.clock import Clock
from cachekit.core.codec import Codec, Corrupt, Record
from cachekit.core.entry import Entry, Source, State
from cachekit.core.invalidation import InvalidationLog
from cachekit.core.policy import Policy
from cachekit.core.rules import Stamp
from cachekit.core.tally import Tally


# Not frozen: that would take longer than the rest of making one, on the path of every hit.
@dataclass(slots=True)
class Found:
    """A valid record, fresh or stale, and its value, which belongs to whoever looked."""

    record: Record
    value: Any
    source: Source
    age: float

    @property
    def state(self) -> State:
        """Fresh until its ttl has passed."""
        return "fresh" if self.age <= self.record.ttl else "stale"

    def entry(self, key: str) -> Entry:
        """What a caller gets to see."""
        record = self.record
        return Entry(
            key=key,
            value=self.value,
            state=self.state,
            source=self.source,
            timestamp=record.timestamp,
            ttl=record.ttl,
            age=self.age,
            tags=record.tags,
            negative=record.negative,
        )


class OtherLog(Exception):
    """An entry was stamped in another log than the one known here."""


class Judge:
    """Decides for one namespace. Belongs to one event loop."""

    def __init__(
        self,
        name: str,
        *,
        tally: Tally,
        codec: Codec,
        policy: Policy,
        clock: Clock,
        log: InvalidationLog,
    ) -> None:
        self.rules = log.rules.of(name)
        self._tally = tally
        self._codec = codec
        self._max_bytes = policy.max_bytes
        self._time = clock.time
        self._log = log
        # What has just arrived, by key: callers who shared one command share its decoding, too.
        self._arrivals: dict[str, tuple[bytes, Record, Any]] = {}

    async def judge(self, key: str, stored: bytes | None) -> Found | None:
        """What was read from Redis, if it is a value of this cache that is still valid."""
        if stored is None:
            return None
        try:
            return self.judge_at_once(key, stored)
        except OtherLog:
            # Its log is lost, or ours is and we have not heard of it yet.
            await self._log.read()
        try:
            return self.judge_at_once(key, stored)
        except OtherLog:
            self._tally.counters.invalid += 1
            return None

    def judge_at_once(self, key: str, stored: bytes) -> Found | None:
        """As `judge`, on the path of every hit; raises OtherLog for an entry whose stamp says nothing."""
        arrival = self._arrivals.get(key)
        if arrival is not None and arrival[0] is not stored:
            arrival = None
        try:
            if arrival is None:
                record = self._codec.decode(key, stored, max_bytes=self._max_bytes)
            else:
                record = arrival[1]
            age = record.age(self._time())
            if age > record.ttl + record.stale:
                return None
            position = self._position(record)
            if position < self.rules.newest and not self.rules.spare(key, record.tags, position):
                self._tally.counters.invalid += 1
                return None
            value = self._codec.load(record) if arrival is None else arrival[2]
        except Corrupt:
            self._tally.corrupt(key)
            return None
        if self._codec.shared and arrival is None:
            if not self._arrivals:
                asyncio.get_running_loop().call_soon(self._arrivals.clear)
            self._arrivals[key] = (stored, record, value)
        return Found(record, value, "redis", age)

    def still_spares(self, key: str, record: Record) -> bool:
        """Whether a record that was valid a while ago still is, by the rules known here and now."""
        try:
            return self.rules.spare(key, record.tags, self._position(record))
        except OtherLog:
            return False

    def spares(self, key: str, tags: tuple[str, ...], stamp: Stamp | None) -> bool:
        """Whether what was loaded under `stamp` is valid as far as is known here and now."""
        known = self._log.rules
        if stamp is None or stamp[0] != known.incarnation:
            return False
        return self.rules.spare(key, tags, stamp[1])

    def _position(self, record: Record) -> int:
        """The position in the log that the record was stamped with; raises OtherLog."""
        stamp = record.log
        if stamp is None:
            # Written by another service, which knows no log: only its own clock can place it.
            return self._log.rules.position_at(record.timestamp.timestamp() * 1000)
        if stamp[0] != self._log.rules.incarnation:
            raise OtherLog
        return stamp[1]

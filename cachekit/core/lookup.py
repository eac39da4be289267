"""What lies under a key: in the near store, else in Redis, and whether it is still valid."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from cachekit.core.clock import Clock
from cachekit.core.codec import Codec
from cachekit.core.invalidation import InvalidationLog
from cachekit.core.judge import Found, Judge, OtherLog
from cachekit.core.keys import KeySpace
from cachekit.core.near import NearSpace, Slot
from cachekit.core.policy import Policy
from cachekit.core.store import Store
from cachekit.core.tally import Tally
from cachekit.core.watcher import Watcher
from cachekit.errors import CacheUnavailable


@dataclass(slots=True)
class Look:
    """The result of one look: what was found, and the bytes seen in Redis, valid or not.

    `reachable` is False if Redis could not be asked.
    """

    found: Found | None
    seen: bytes | None = None
    reachable: bool = True


class Lookup:
    """Looks up the values of one namespace. Belongs to one event loop."""

    def __init__(
        self,
        name: str,
        *,
        tally: Tally,
        store: Store,
        codec: Codec,
        policy: Policy,
        clock: Clock,
        log: InvalidationLog,
        judge: Judge,
        near: NearSpace | None,
        max_stale: float,
        watcher: Watcher,
    ) -> None:
        self._tally = tally
        self._store = store
        self._codec = codec
        self._policy = policy
        self._log = log
        self._judge = judge
        self._near = near
        self._max_stale = max_stale
        self._watcher = watcher
        self._time, self._monotonic = clock.time, clock.monotonic
        self.space = KeySpace(name)
        self.rules = judge.rules
        self.is_quiet = near is not None and tally.is_silent
        """Whether a near hit needs nothing but to be counted."""
        self._strict = policy.consistency == "strict"
        self._near_limit = inf if policy.near is None else policy.near

    def near(self, key: str) -> Slot | None:
        """The slot of a valid and fresh value in this process' memory."""
        # Rules change no key: so they are not pushed, and must be heard of by following the log.
        if self._near is None or not self._log.live or (slot := self._near.slots.get(key)) is None:
            return None
        if self._monotonic() >= slot.deadline:
            self._near.evict(key)
            return None
        if slot.position < self.rules.newest:
            if not self.rules.spare(key, slot.record.tags, slot.position):
                self._near.evict(key)
                return None
            # Matched once; but a rule of our own may be known before others that were appended earlier.
            slot.position = max(slot.position, self._log.rules.position)
        slot.used = True
        return slot

    async def look(self, key: str) -> Look:
        """Near store, then Redis; counts and tells the observer.

        Raises CacheUnavailable if Redis is away and the policy says so; else it counts as a miss.
        """
        if (near := self._look_near(key)) is not None:
            return near
        try:
            look = await self.look_in_redis(key)
        except CacheUnavailable as error:
            self._tally.outage(error)
            look = Look(self._survivor(key), reachable=False)
            if self._policy.outage == "raise":
                raise
        if look.found is None:
            self._tally.miss(key)
        else:
            self._hit(key, look.found)
        return look

    async def look_many(self, keys: Sequence[str]) -> dict[str, Look]:
        """`look` for each key, in one round trip."""
        looks = {key: self._look_near(key) for key in keys}
        asked = [key for key, look in looks.items() if look is None]
        found = await self._ask_many(asked) if asked else {}
        return {key: found[key] if look is None else look for key, look in looks.items()}

    async def look_in_redis(self, key: str) -> Look:
        """What Redis holds by now; raises CacheUnavailable, and counts nothing but what is corrupt."""
        began = self._monotonic()
        if self._strict or not self._log.live:
            look = await self._judged(key, await self._get_with_log(key))
        elif self._near is not None and (placeholder := self._near.expect(key)) is not None:
            look = await self._look_to_keep(key, self._near, placeholder)
        else:
            look = await self._judged(key, await self._store.get(key))
        self._tally.counters.read_seconds.record(self._monotonic() - began)
        return look

    async def _look_to_keep(self, key: str, near: NearSpace, placeholder: object) -> Look:
        """Keep nearby what is read, if it is fresh and nothing is heard of the key meanwhile."""
        try:
            at_most = inf
            look = await self._judged(key, await self._store.get(key))
            if look.found is not None and look.found.record.log is None:
                # Another service wrote it, and may have given its key less time than the value says.
                stored, left = await self._store.get_with_expiry(key)
                look = await self._judged(key, stored)
                at_most = left / 1000 if left >= 0 else inf
            if look.found is not None and look.found.state == "fresh":
                near.settle(placeholder, self._slot(key, look.found, at_most=at_most))
        finally:
            near.withdraw(key, placeholder)
        return look

    async def _judged(self, key: str, stored: bytes | None) -> Look:
        try:
            return Look(None if stored is None else self._judge.judge_at_once(key, stored), stored)
        except OtherLog:
            return Look(await self._judge.judge(key, stored), stored)

    def _look_near(self, key: str) -> Look | None:
        slot = self.near(key)
        if slot is None:
            return None
        return Look(self._hit(key, Found(slot.record, slot.fresh(), "near", slot.record.age(self._time()))))

    async def _ask_many(self, keys: list[str]) -> dict[str, Look]:
        try:
            if self._strict or not self._log.live:
                self._log.start()
                await self._log.read()
            replies = await self._store.get_many(keys)
            looks = {key: await self._judged(key, stored) for key, stored in zip(keys, replies, strict=True)}
        except CacheUnavailable as error:
            self._tally.outage(error)
            if self._policy.outage == "raise":
                raise
            looks = {key: Look(self._survivor(key), reachable=False) for key in keys}
        for key, look in looks.items():
            if look.found is None:
                self._tally.miss(key)
            else:
                self._hit(key, look.found)
        return looks

    async def _get_with_log(self, key: str) -> bytes | None:
        """Sent together: one round trip, unless the log has much news."""
        self._log.start()
        reading = asyncio.create_task(self._log.read(), name="cachekit strict read")
        try:
            stored = await self._store.get(key)
        except BaseException:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            raise
        await reading
        return stored

    def _slot(self, key: str, found: Found, *, at_most: float) -> Slot:
        # Valid by all rules known; of those up to the log's position none is unknown.
        record = found.record
        life = min(record.ttl - found.age, self._near_limit, at_most)
        return Slot(
            key,
            record,
            self._codec.copier(record, found.value),
            position=self._log.rules.position,
            deadline=self._monotonic() + life,
            size=memoryview(record.data).nbytes,
        )

    def _survivor(self, key: str) -> Found | None:
        """With Redis away: what was in memory, for as long as the near store's `max_stale` allows."""
        slot = None if self._near is None else self._near.survivor(key)
        if slot is None:
            return None
        now = self._monotonic()
        expired = now >= slot.deadline or now > self._watcher.lost_at + self._max_stale
        if expired or not self.rules.spare(key, slot.record.tags, slot.position):
            return None
        return Found(slot.record, slot.fresh(), "near", slot.record.age(self._time()))

    def _hit(self, key: str, found: Found) -> Found:
        source: Any = found.source
        self._tally.hit(key, found.state, source, found.age)
        return found

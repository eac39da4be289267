"""What callers write and take away: each verb defeats the loads that began before it.

A load in this process is revoked, a load in another one loses its lease, and whoever would join it there
is kept from it by a rule about its key: that rule is appended only if there was a lease, so that a write
costs one command unless it overtakes a load.
"""

import asyncio
from collections.abc import Mapping
from itertools import count
from typing import Any, Final, Literal

from cachekit.core.codec import Codec, Record
from cachekit.core.invalidation import InvalidationLog
from cachekit.core.keys import Pattern
from cachekit.core.lease import lease_key, overwrite, put_in_place, remove
from cachekit.core.load import Load
from cachekit.core.lookup import Lookup
from cachekit.core.near import NearSpace
from cachekit.core.policy import Policy
from cachekit.core.records import Records, lifetime, restamp
from cachekit.core.rules import Stamp
from cachekit.core.store import Store
from cachekit.core.sweep import Sweeper
from cachekit.core.tally import Tally

_ATTEMPTS: Final = 10
"""Times a write gives way to a load that has begun while it told the log of the last one; then it takes no
more notice, and callers of that very load's process may still join it."""


class Write:
    """The writing verbs of one namespace. Belongs to one event loop.

    Every one raises CacheUnavailable if Redis does not take it: nothing is lost in silence.
    """

    def __init__(
        self,
        name: str,
        *,
        tally: Tally,
        store: Store,
        codec: Codec,
        log: InvalidationLog,
        lookup: Lookup,
        load: Load,
        records: Records,
        near: NearSpace | None,
        sweeper: Sweeper,
    ) -> None:
        self._name = name
        self._tally = tally
        self._store = store
        self._codec = codec
        self._log = log
        self._lookup = lookup
        self._load = load
        self._records = records
        self._near = near
        self._sweeper = sweeper

    async def set(self, key: str, value: Any, policy: Policy, tags: tuple[str, ...]) -> None:
        """Store `value`; no load begun before will overwrite it, or be joined after."""
        await self.set_many({key: value}, policy, tags)

    async def set_many(self, values: Mapping[str, Any], policy: Policy, tags: tuple[str, ...]) -> None:
        """`set` for each key, in one round trip; a value that cannot be stored is found before any is."""
        records = {key: self._records.of(key, value, policy, tags=tags) for key, value in values.items()}
        self._log.start()
        with self._tally.counting_outages():
            stamp = await self._stamp(policy)
        ready = {key: self._encode(key, restamp(record, stamp), policy) for key, record in records.items()}
        try:
            async with asyncio.TaskGroup() as group:
                for key, record in records.items():
                    group.create_task(self._put(key, record, ready[key], policy))
        except BaseExceptionGroup as errors:
            first = errors.exceptions[0]
            raise first from first.__cause__

    async def add(self, key: str, value: Any, policy: Policy, tags: tuple[str, ...]) -> bool:
        """Store `value` unless a valid one, fresh or stale, lies under the key; whether it was stored."""
        unstamped = self._records.of(key, value, policy, tags=tags)
        with self._tally.counting_outages():
            for attempt in count(1):
                look = await self._lookup.look_in_redis(key)
                if look.found is not None:
                    return False
                record = restamp(unstamped, await self._stamp(policy))
                encoded = self._codec.encode(record, policy)
                placed = await put_in_place(
                    self._store, key, encoded, px=lifetime(record), seen=look.seen, force=attempt >= _ATTEMPTS
                )
                if placed is None:
                    await self._log.append(self._name, "key", key)
                elif placed:
                    await self._load.forget(key)
                    self._done(key, len(encoded), record.ttl)
                    break
        return True

    async def delete(self, key: str) -> bool:
        """Remove `key`, stale value included; whether anything was there."""
        await self._load.forget(key)
        with self._tally.counting_outages():
            was_there, was_loading = await remove(self._store, key)
            if was_loading:
                await self._log.append(self._name, "key", key)
        self._evict(key)
        self._tally.removed(key)
        return was_there

    async def invalidate(self, kind: Literal["tag", "pattern", "all"], *values: str) -> None:
        """Append rules, apply them here, and have what they make invalid reclaimed in the background."""
        with self._tally.counting_outages():
            stamp = await self._log.append(self._name, kind, *values)
        if kind != "tag":
            for value in values:
                self._sweeper.request(Pattern(self._lookup.space, value or "*"), stamp)
        for value in values:
            self._tally.invalidated(kind, value)

    async def _put(self, key: str, record: Record, encoded: bytes, policy: Policy) -> None:
        await self._load.forget(key)
        with self._tally.counting_outages():
            for attempt in range(_ATTEMPTS):
                force = attempt == _ATTEMPTS - 1
                if await overwrite(self._store, key, encoded, px=lifetime(record), force=force):
                    break
                await self._log.append(self._name, "key", key)
                encoded = self._encode(key, restamp(record, await self._stamp(policy)), policy)
        self._done(key, len(encoded), record.ttl)

    def _encode(self, key: str, record: Record, policy: Policy) -> bytes:
        """What is stored; raises InvalidKey or InvalidValue for what cannot be."""
        lease_key(key)
        return self._codec.encode(record, policy)

    async def _stamp(self, policy: Policy) -> Stamp:
        if policy.consistency == "strict":
            # A rule of before this write that has not been heard of yet must not hit what is written.
            await self._log.read()
        return await self._log.stamp()

    def _done(self, key: str, size: int, ttl: float) -> None:
        # The push about our own write may come after the reply to it: a read must not fall in between.
        self._evict(key)
        self._tally.stored(key, size, ttl)

    def _evict(self, key: str) -> None:
        if self._near is not None:
            self._near.evict(key)

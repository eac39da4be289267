"""How a miss becomes a value: one load per key, published only if nothing overtook it."""

import asyncio
import datetime as dt
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cachekit.core.clock import Clock
from cachekit.core.codec import Codec, Corrupt, Record
from cachekit.core.context import Factory, LoadContext, call
from cachekit.core.entry import Entry, Source, State
from cachekit.core.events import Coalesced, CorruptValue, Hit, Loaded, Miss, Observer, Outage, Unpublished
from cachekit.core.keys import Pattern
from cachekit.core.policy import LEAST_TTL, Policy
from cachekit.core.singleflight import Flight, SingleFlight, detached
from cachekit.core.store import Store
from cachekit.core.sweep import sweep
from cachekit.errors import CacheUnavailable

_MAX_REMEMBERED_FAILURES = 10_000


@dataclass(frozen=True, slots=True)
class Demand:
    """A value that is wanted: under which key, from where if it is not there, and how it is then kept."""

    key: str
    factory: Factory
    policy: Policy
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A record and its decoded value, which belongs to whoever looked."""

    record: Record
    value: Any


Landing = tuple[Record, Source]
"""What a flight brings home; each of its callers decodes a copy of his own."""


class Fill:
    """Reads, loads and publishes the values of one namespace.

    An entry lives through three states: fresh (served), stale (served while one refresh runs in the
    background) and gone (loaded while the caller waits).
    """

    def __init__(
        self, name: str, *, store: Store, codec: Codec, policy: Policy, clock: Clock, observer: Observer
    ) -> None:
        self._name = name
        self._store = store
        self._codec = codec
        self._policy = policy
        self._clock = clock
        self._observer = observer
        self._flights: SingleFlight[Landing] = SingleFlight()
        self._refreshes: set[asyncio.Task[None]] = set()
        self._retry_at: dict[str, float] = {}
        self._closed = False
        self._random = random.Random()  # noqa: S311 - spreads expiry; not a secret

    async def read(self, key: str) -> Entry | None:
        """What lies under `key`, fresh or stale; None if nothing usable does.

        Raises CacheUnavailable if the policy says so; else an outage is a miss.
        """
        found, _ = await self._read(key)
        return None if found is None else self._hit(key, found)

    async def read_or_load(self, demand: Demand) -> Entry:
        """What lies under the key, else what the factory gives.

        Outcomes:
            case 1: fresh: served.
            case 2: stale: served at once; one refresh runs in the background, unless the last one
                failed less than `retry_after` ago.
            case 3: gone: loaded; every caller of this process waits for the same load.
            case 4: the factory raised: so does this call, and nothing is stored.
        """
        found, reachable = await self._read(demand.key)
        if found is None:
            return await self._join(demand, look_first=reachable)
        entry = self._hit(demand.key, found)
        if entry.state == "stale" and self._may_refresh(demand.key):
            self._refresh_in_background(demand)
        return entry

    async def load(self, demand: Demand) -> Entry:
        """What the factory gives, whatever lies under the key; joins a load that is under way."""
        while True:
            entry = await self._join(demand, look_first=False)
            # The one joined may have looked first, and have found what another process had just written.
            if entry.source == "load":
                return entry

    async def write(self, key: str, value: Any, policy: Policy, tags: tuple[str, ...]) -> None:
        """Store `value`; a load under way that began earlier will not overwrite it."""
        record = self._record(key, value, policy, tags)
        await self._flights.revoke(key)
        await self._publish(record, key, policy)

    async def remove(self, key: str) -> bool:
        """Remove `key`; loads begun earlier publish nothing. Whether it was there."""
        await self._flights.revoke(key)
        with self._counting_outages():
            return await self._store.unlink(key) > 0

    async def remove_where(self, pattern: Pattern) -> None:
        """Remove the keys that match; loads of such keys begun earlier publish nothing."""
        await self._flights.revoke_where(lambda key: pattern.matches(str(key)))
        with self._counting_outages():
            await sweep(self._store, pattern)

    async def aclose(self) -> None:
        """End the refreshes and loads under way; what comes later is refused."""
        self._closed = True
        for task in self._refreshes:
            task.cancel()
        await asyncio.gather(*self._refreshes, return_exceptions=True)
        await self._flights.aclose()

    async def _join(self, demand: Demand, *, look_first: bool) -> Entry:
        """Wait for the load of the key, and begin it if nobody has.

        With `look_first` a fresh value that has come since the caller looked is taken instead.
        """

        async def fly(flight: Flight[Landing]) -> Landing:
            # Between the caller's look and this moment another load may have begun and ended.
            found = await self._look_again(demand.key) if look_first else None
            if found is not None and self._age(found.record) <= found.record.ttl:
                return found.record, "redis"
            return await self._load_and_publish(flight, demand), "load"

        key = demand.key
        if self._flights.joinable(key):
            self._observer.observe(Coalesced(self._name, key))
        record, source = await self._flights.run(key, fly)
        return self._entry(key, Found(record, self._codec.load(record)), "fresh", source)

    async def _load_and_publish(self, flight: Flight[Landing], demand: Demand) -> Record:
        key, policy = demand.key, demand.policy
        context = LoadContext(ttl=policy.ttl, tags=demand.tags)
        value = await self._call(key, demand.factory, context)
        chosen = policy.replace(ttl=context.chosen_ttl)
        record = self._record(key, value, chosen, context.chosen_tags)
        if flight.revoked:
            self._observer.observe(Unpublished(self._name, key))
            return record
        flight.publishing = True
        try:
            await self._publish(record, key, policy)
        except CacheUnavailable:
            # The caller has asked for the value, and here it is; the outage has been counted.
            if policy.outage == "raise":
                raise
            # What lies there, if anything, stays stale: as after a failed load, it is not renewed at once.
            self._remember_failure(key)
        else:
            self._retry_at.pop(key, None)
        return record

    async def _call(self, key: str, factory: Factory, context: LoadContext) -> Any:
        began = self._clock.monotonic()
        failed = True
        try:
            value = await call(factory, context)
            failed = False
        finally:
            self._observer.observe(Loaded(self._name, key, self._clock.monotonic() - began, failed))
        return value

    async def _read(self, key: str) -> tuple[Found | None, bool]:
        """What lies under `key`, and whether Redis was there to be asked; tells the observer."""
        found, reachable = None, True
        try:
            with self._counting_outages():
                found = await self._look(key)
        except CacheUnavailable:
            if self._policy.outage == "raise":
                raise
            reachable = False
        except Corrupt:
            self._observer.observe(CorruptValue(self._name, key))
        if found is None:
            self._observer.observe(Miss(self._name, key))
        return found, reachable

    async def _look_again(self, key: str) -> Found | None:
        """What lies under `key` by now; what is wrong with it has been told at the first look."""
        try:
            return await self._look(key)
        except (CacheUnavailable, Corrupt):
            return None

    async def _look(self, key: str) -> Found | None:
        stored = await self._store.get(key)
        if stored is None:
            return None
        record = self._codec.decode(key, stored, max_bytes=self._policy.max_bytes)
        if self._age(record) > record.ttl + record.stale:
            return None
        return Found(record, self._codec.load(record))

    async def _publish(self, record: Record, key: str, policy: Policy) -> None:
        lifetime = round((record.ttl + record.stale) * 1000)
        with self._counting_outages():
            await self._store.set(key, self._codec.encode(record, policy), px=max(1, lifetime))

    @contextmanager
    def _counting_outages(self) -> Iterator[None]:
        try:
            yield
        except CacheUnavailable as error:
            self._observer.observe(Outage(self._name, error.operation))
            raise

    def _record(self, key: str, value: Any, policy: Policy, tags: tuple[str, ...]) -> Record:
        ttl = policy.ttl
        if policy.jitter:
            ttl *= 1 - policy.jitter * self._random.random()
        return Record(
            data=self._codec.dump(value, max_bytes=policy.max_bytes),
            timestamp=dt.datetime.fromtimestamp(self._clock.time(), dt.UTC),
            ttl=max(ttl, LEAST_TTL),
            key=key,
            stale=policy.stale,
            tags=tags,
        )

    def _hit(self, key: str, found: Found) -> Entry:
        state: State = "fresh" if self._age(found.record) <= found.record.ttl else "stale"
        self._observer.observe(Hit(self._name, key, state))
        return self._entry(key, found, state, "redis")

    def _entry(self, key: str, found: Found, state: State, source: Source) -> Entry:
        record = found.record
        return Entry(
            key=key,
            value=found.value,
            state=state,
            source=source,
            timestamp=record.timestamp,
            ttl=record.ttl,
            age=self._age(record),
            tags=record.tags,
        )

    def _age(self, record: Record) -> float:
        return record.age(self._clock.time())

    def _may_refresh(self, key: str) -> bool:
        if self._closed or self._flights.joinable(key):
            return False
        return self._clock.monotonic() >= self._retry_at.get(key, 0)

    def _refresh_in_background(self, demand: Demand) -> None:
        async def refresh() -> None:
            try:
                await self._join(demand, look_first=True)
            except Exception:  # noqa: BLE001 - counted by Loaded(failed=True); the stale value was served
                self._remember_failure(demand.key)

        name = f"cachekit refresh {demand.key}"
        task = asyncio.create_task(refresh(), name=name, context=detached())
        self._refreshes.add(task)
        task.add_done_callback(self._refreshes.discard)

    def _remember_failure(self, key: str) -> None:
        if len(self._retry_at) >= _MAX_REMEMBERED_FAILURES:
            self._retry_at.clear()
        self._retry_at[key] = self._clock.monotonic() + self._policy.retry_after

"""One load per key: who loads, who waits, and what may be stored of it.

In this process the callers of a key share one flight; across processes the flights share one lease. What
a flight brings is stored only if its lease is still held and no rule appended since it began matches.
"""

from collections.abc import Awaitable
from dataclasses import dataclass
from functools import partial
from typing import Any

from cachekit.core.batch import Batch, NoValue
from cachekit.core.clock import Clock
from cachekit.core.codec import Codec
from cachekit.core.context import Factory, LoadContext, call, takes_context
from cachekit.core.failures import Failures
from cachekit.core.invalidation import InvalidationLog
from cachekit.core.judge import Found, Judge
from cachekit.core.landing import Landing
from cachekit.core.lease import Changed, Held, Lease, acquire
from cachekit.core.lookup import Look
from cachekit.core.policy import Policy
from cachekit.core.records import Records
from cachekit.core.singleflight import Flight, SingleFlight
from cachekit.core.store import Store
from cachekit.core.tally import Tally
from cachekit.core.watcher import Watcher
from cachekit.errors import CacheUnavailable


@dataclass(frozen=True, slots=True)
class Demand:
    """A value that is wanted: under which key, from where if it is not there, and how it is then kept."""

    key: str
    factory: Factory
    policy: Policy
    tags: tuple[str, ...]
    batch: Batch | None = None
    """The common call that `factory` is part of; a key on its way otherwise is reported to it."""


class Load:
    """The loads of one namespace. Belongs to one event loop."""

    def __init__(
        self,
        *,
        tally: Tally,
        store: Store,
        codec: Codec,
        policy: Policy,
        clock: Clock,
        judge: Judge,
        records: Records,
        log: InvalidationLog,
        watcher: Watcher,
    ) -> None:
        self._tally = tally
        self._store = store
        self._codec = codec
        self._clock = clock
        self._judge = judge
        self._records = records
        self._log = log
        self._watcher = watcher
        self._flights: SingleFlight[Found] = SingleFlight()
        self.failures = Failures(clock, retry_after=policy.retry_after)
        """Keys whose loads failed of late."""
        self._landing = Landing(
            tally=tally, codec=codec, judge=judge, records=records, watcher=watcher, failures=self.failures
        )

    async def join(self, demand: Demand, look: Look, *, forced: bool = False) -> Found:
        """Wait for the load of the key, and begin it if nobody has.

        Unless `forced`, a fresh value that has come since the look is taken instead.
        """

        async def fly(flight: Flight[Found]) -> Found:
            flight.takes_context = takes_context(demand.factory)
            flight.tags, flight.forced = demand.tags, forced
            if not look.reachable:
                # Nothing guards what it would write against a delete meanwhile: so it writes nothing.
                flight.guarded = False
                return await self._load(flight, demand, look.found, lease=None)
            try:
                return await self._load_under_lease(flight, demand, look, forced=forced)
            except _Unguarded as unguarded:
                flight.guarded = False
                return await self._load(flight, demand, unguarded.old, lease=None)

        key = demand.key
        while True:
            flight = self._flights.current(key)
            # One without a lease hears of no delete: it serves those to whom Redis is away, as it began.
            if flight is not None and (self._is_outdated(flight) or (look.reachable and not flight.guarded)):
                self._flights.hide(flight)
            elif flight is not None:
                self._coalesced(demand)
            try:
                found = await self._flights.run(key, fly)
                break
            except NoValue:
                # Of a batch, ours or the one that was joined; the next round is our own load.
                if demand.batch is not None:
                    raise
        return self.own(found)

    def own(self, found: Found) -> Found:
        """The same with a value that may be changed."""
        if self._codec.shared:
            return found
        return Found(found.record, self._codec.load(found.record), found.source, found.age)

    def by_now(self, key: str, found: Found) -> Found | None:
        """What was found a while ago, at its age by now; None if it may not be served any more."""
        record, age = found.record, found.record.age(self._clock.time())
        if age > record.ttl + record.stale or not self._judge.still_spares(key, record):
            return None
        return Found(record, found.value, found.source, age)

    def is_loading(self, key: str) -> bool:
        """Whether a load of `key` is under way that a caller may join."""
        return self._flights.current(key) is not None

    def is_joinable_unforced(self, key: str) -> bool:
        """Whether that load may bring what another process had written before."""
        flight = self._flights.current(key)
        return flight is not None and not flight.forced

    def forget(self, key: str) -> Awaitable[None]:
        """No load of `key` begun before this call publishes, or is joined, after it."""
        return self._flights.revoke(key)

    async def aclose(self) -> None:
        """End the loads under way, and give their leases up, so that nobody waits for them to end."""
        await self._flights.aclose()
        await self._landing.aclose()

    def _coalesced(self, demand: Demand) -> None:
        if demand.batch is not None:
            demand.batch.settle(demand.key)
        self._tally.coalesced(demand.key)

    def _is_outdated(self, flight: Flight[Found]) -> bool:
        """Whether a rule appended since the flight began to load may match what it brings."""
        stamp = flight.stamp
        if stamp is None:
            return False
        rules = self._judge.rules
        if flight.takes_context and stamp[1] < rules.newest_tag:
            return True  # Its tags are known only when it lands.
        return not self._judge.spares(str(flight.key), flight.tags, stamp)

    async def _load_under_lease(
        self, flight: Flight[Found], demand: Demand, look: Look, *, forced: bool
    ) -> Found:
        """Load as soon as no other process does, unless one of them brings the value.

        Raises _Unguarded if Redis goes away and the policy bypasses it.
        """
        key, policy = demand.key, demand.policy
        seen, old, has_waited, attempt = look.seen, look.found, False, 0
        batch = demand.batch
        outcome: Lease | Held | Changed | None = None
        changed = self._watcher.expect(key)
        try:
            while True:
                outcome = await acquire(
                    self._store,
                    key,
                    seen=seen,
                    seconds=policy.lease,
                    abandoned=partial(self._landing.give_up, key),
                )
                if isinstance(outcome, Lease):
                    break
                if isinstance(outcome, Held):
                    has_waited = True
                    if batch is not None:
                        batch.settle(key)
                        batch = None
                    await self._watcher.wait(changed, attempt=attempt, at_most=outcome.seconds)
                    attempt += 1
                    if changed.done():
                        self._watcher.forget(key, changed)
                        changed = self._watcher.expect(key)
                    continue
                assert isinstance(outcome, Changed)
                seen, old = outcome.stored, await self._judge.judge(key, outcome.stored)
                # A fresh value has come since the caller looked; one who wants another all the same has
                # it if he waited for the load that brought it.
                if old is not None and old.state == "fresh" and (has_waited or not forced):
                    return old
        except CacheUnavailable as error:
            self._tally.outage(error)
            if policy.outage == "raise":
                raise
            batch = None  # It comes there all the same.
            raise _Unguarded(old) from error
        finally:
            self._watcher.forget(key, changed)
            if batch is not None and not isinstance(outcome, Lease):
                batch.settle(key)
        return await self._load(flight, demand, old, lease=outcome)

    async def _load(
        self, flight: Flight[Found], demand: Demand, old: Found | None, *, lease: Lease | None
    ) -> Found:
        """Call the factory and publish what it gives, if the lease allows it and no rule forbids it."""
        key, policy = demand.key, demand.policy
        flight.stamp = stamp = self._log.rules.stamp
        if old is not None and not self._judge.still_spares(key, old.record):
            old = None  # A rule has come since the look.
        stale = None
        if old is not None and flight.takes_context:
            # A copy: the one that was found is being served to a caller, who may change it.
            stale = self.own(old).entry(key)
        context = LoadContext(policy=policy, tags=demand.tags, stale=stale)
        is_kept = False
        began = self._clock.monotonic()
        try:
            value = await self._call(key, demand, context)
            took = self._clock.monotonic() - began
            if context.is_unmodified and old is not None:
                data, value = old.record.data, old.value
            else:
                data = self._codec.dump(value, max_bytes=policy.max_bytes, negative=context.is_negative)
            record = self._records.make(
                *(key, data, context.chosen_ttl, context.chosen_stale),
                tags=context.chosen_tags,
                stamp=stamp,
                took=took,
                negative=context.is_negative,
            )
            if lease is not None and not context.skipped:
                flight.publishing = not flight.revoked
                is_kept = await self._landing.publish(flight, record, policy, lease)
        finally:
            if lease is not None and not is_kept:
                if context.is_disowned and old is not None:
                    # Waited for: who hears that the load failed must not find the old value any more.
                    await self._landing.disown(key, stamp, policy, lease)
                else:
                    self._landing.give_up(key, lease)
        return Found(record, value, "load", 0.0)

    async def _call(self, key: str, demand: Demand, context: LoadContext) -> Any:
        began = self._clock.monotonic()
        failed = True
        try:
            value = await call(demand.factory, context, key=key, timeout=demand.policy.hard_timeout)
            failed = False
        except NoValue:
            failed = False
            raise
        finally:
            self._tally.loaded(key, self._clock.monotonic() - began, failed=failed)
        return value


class _Unguarded(Exception):
    """Redis went away while the lease was asked for; the load goes on without one, and is not kept."""

    def __init__(self, old: Found | None) -> None:
        super().__init__()
        self.old = old

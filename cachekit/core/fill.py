"""What a caller gets: the value that lies there, or the one that has to be loaded, and when it is renewed.

fresh (served) → eager (XFetch may refresh early) → stale (served while one refresh runs, or when loads
fail) → gone (loaded while the caller waits).
"""

import asyncio
import math
import random
from collections.abc import Sequence

from cachekit.core.batch import Batch, BatchFactory, NoValue
from cachekit.core.entry import Entry
from cachekit.core.judge import Found
from cachekit.core.load import Demand, Load
from cachekit.core.lookup import Look, Lookup
from cachekit.core.policy import Policy
from cachekit.core.singleflight import detached, duplicate
from cachekit.core.tally import Tally
from cachekit.errors import CacheClosed, CacheUnavailable


class Fill:
    """Looks first, then has loaded what is missing or due. Belongs to one event loop."""

    def __init__(self, *, tally: Tally, lookup: Lookup, load: Load) -> None:
        self._lookup = lookup
        self._load = load
        self._tally = tally
        self._tasks: set[asyncio.Task[Found | None]] = set()
        self._refreshes: dict[str, _Refresh] = {}
        """The one that was begun last for each key, while it runs."""
        self._closed = False
        self._random = random.Random()  # noqa: S311 - spreads refreshes; not a secret

    async def read_or_load(self, demand: Demand) -> Entry:
        """What lies under the key, else what the factory gives.

        Outcomes:
            case 1: fresh: served; near its end XFetch may begin a refresh in the background.
            case 2: stale: served at once, or once the refresh has failed or taken `soft_timeout`, while that
                one refresh runs in the background, unless the last one failed less than `retry_after` ago.
                Not if the value was taken away, by its factory too, or came to the end of its stale window
                while the call waited: then what the refresh raises is raised here.
            case 3: gone: loaded; every caller of this process waits for the same load, and every other
                process for this one's.
            case 4: the factory raised, or took longer than `hard_timeout`: so does this call, and nothing
                is stored.
        """
        look = await self._lookup.look(demand.key)
        return await self._serve(demand, look, is_due=self._is_due(demand.policy, demand.key, look))

    async def read_or_load_many(
        self, keys: Sequence[str], factory: BatchFactory, policy: Policy, tags: tuple[str, ...]
    ) -> dict[str, Entry]:
        """The entries of `keys`: found, or given by one call of the factory for those that are not.

        Those that are due are refreshed in the background, in one call of their own. A key for which the
        factory gives nothing is not in the result. If it raises, so does this call.
        """
        looks = await self._lookup.look_many(keys)
        due = {key for key, look in looks.items() if self._is_due(policy, key, look)}
        missing = {key for key, look in looks.items() if look.found is None}
        batch, renewal = Batch(factory, missing), Batch(factory, due)

        def demand(key: str) -> Demand:
            common = batch if key in missing else renewal
            return Demand(key, lambda: common.load(key), policy, tags, common)

        served = (self._serve(demand(key), look, is_due=key in due) for key, look in looks.items())
        try:
            results = await asyncio.gather(*served, return_exceptions=True)
        finally:
            batch.finish()
        entries = {}
        for key, result in zip(looks, results, strict=True):
            if isinstance(result, Entry):
                entries[key] = result
            elif not isinstance(result, NoValue):
                raise result
        return entries

    async def freshen(self, demand: Demand) -> Entry:
        """A fresh entry: what lies under the key, if it is fresh, else what the factory gives."""
        look = await self._lookup.look(demand.key)
        if look.found is not None and look.found.state == "fresh":
            return look.found.entry(demand.key)
        return await self._join(demand, look)

    async def load(self, demand: Demand) -> Entry:
        """What the factory gives, whatever lies under the key; joins a load that is under way."""
        try:
            look = await self._lookup.look_in_redis(demand.key)
        except CacheUnavailable as error:
            self._tally.outage(error)
            if demand.policy.outage == "raise":
                raise
            look = Look(None, reachable=False)
        while True:
            joins_other = self._load.is_joinable_unforced(demand.key)
            entry = await self._join(demand, look, forced=True)
            # One that was joined may have taken what another process had written before this call.
            if entry.source == "load" or not joins_other:
                return entry

    async def aclose(self) -> None:
        """End the refreshes under way; no more are begun."""
        self._closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, demand: Demand, look: Look, *, is_due: bool) -> Entry:
        key, found = demand.key, look.found
        if found is None:
            return await self._join(demand, look)
        refresh = self._refresh(demand, look) if is_due else self._refreshes.get(key)
        if refresh is None or found.state == "fresh" or not demand.policy.soft_timeout:
            return found.entry(key)
        renewed = await refresh.within(demand.policy.soft_timeout)
        if renewed is not None:
            # One result, and to each who waited a value of his own.
            return (renewed if is_due else self._load.own(renewed)).entry(key)
        still = self._load.by_now(key, found)
        return await self._join(demand, look) if still is None else still.entry(key)

    async def _join(self, demand: Demand, look: Look, *, forced: bool = False) -> Entry:
        found = await self._load.join(demand, look, forced=forced)
        return found.entry(demand.key)

    def _is_due(self, policy: Policy, key: str, look: Look) -> bool:
        """Whether what was found shall be refreshed now: stale, or close to it by XFetch."""
        found = look.found
        if found is None or not look.reachable or self._closed:
            return False
        early = 0.0
        if policy.eager:
            # The slower the load, the earlier.
            early = found.record.took * policy.eager * -math.log(1 - self._random.random())
        if found.age + early <= found.record.ttl:
            return False
        # A refresh that was begun a moment ago may not be loading yet.
        is_under_way = key in self._refreshes or self._load.is_loading(key)
        return not is_under_way and self._load.failures.may_retry(key)

    def _refresh(self, demand: Demand, look: Look) -> "_Refresh":
        self._tally.counters.refreshes += 1
        work, name = self._renew(demand, look), f"cachekit refresh {demand.key}"
        task = asyncio.create_task(work, name=name, context=detached())
        refresh = self._refreshes[demand.key] = _Refresh(task)
        self._tasks.add(task)

        def ended(_: object) -> None:
            self._tasks.discard(task)
            if self._refreshes.get(demand.key) is refresh:
                del self._refreshes[demand.key]
            # Marks a failure as seen, where the old value was served before it came.
            task.cancelled() or task.exception()

        task.add_done_callback(ended)
        return refresh

    async def _renew(self, demand: Demand, look: Look) -> Found | None:
        """The renewed value, whoever has renewed it; None if that failed.

        Raises what the factory did if the old value is no longer there to be served.
        """
        try:
            if look.seen is None and look.found is not None:
                # Found in the near store; the lease wants to know what lies in Redis.
                served, look = look.found.record.timestamp, await self._lookup.look_in_redis(demand.key)
                if look.found is not None and look.found.record.timestamp > served:
                    return look.found
            return await self._load.join(demand, look)
        except Exception:
            # Counted by Loaded(failed=True).
            self._load.failures.remember(demand.key)
            if await self._is_gone(demand.key):
                raise
            return None
        finally:
            if demand.batch is not None:
                # Where it did not get as far as the common call; else that is over, and this does nothing.
                demand.batch.settle(demand.key)

    async def _is_gone(self, key: str) -> bool:
        """Whether nothing that may be served lies under the key any more, as far as anybody can tell."""
        try:
            return (await self._lookup.look_in_redis(key)).found is None
        except (CacheUnavailable, CacheClosed):
            return True


class _Refresh:
    """One refresh under way, and since when."""

    def __init__(self, task: "asyncio.Task[Found | None]") -> None:
        self.task = task
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    async def within(self, seconds: float) -> Found | None:
        """What it gives, if it does so within `seconds` from its beginning.

        Raises what it raises, to each caller an exception of his own.
        """
        left = self._began + seconds - self._loop.time()
        await asyncio.wait([self.task], timeout=max(0, left))
        if not self.task.done() or self.task.cancelled():
            return None
        if (error := self.task.exception()) is not None:
            raise duplicate(error)
        return self.task.result()

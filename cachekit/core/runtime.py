"""What belongs to one event loop: connections, tasks, futures, and the memory beside them.

A cache has one Runtime for each loop it is used from, and a Runtime one Shelf for each namespace. Nothing
of either is touched from another loop, or after a fork.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from cachekit.core.clock import Clock
from cachekit.core.codec import Codec
from cachekit.core.events import Observer
from cachekit.core.fill import Fill
from cachekit.core.invalidation import InvalidationLog
from cachekit.core.judge import Judge
from cachekit.core.load import Load
from cachekit.core.lookup import Lookup
from cachekit.core.near import Near, NearSpace, NearStore
from cachekit.core.policy import Policy
from cachekit.core.records import Records
from cachekit.core.stats import Counters
from cachekit.core.store import Store
from cachekit.core.sweep import Sweeper
from cachekit.core.tally import Tally
from cachekit.core.watcher import Watcher
from cachekit.core.write import Write


@dataclass(frozen=True, slots=True)
class Definition:
    """A namespace as its user defined it."""

    name: str
    policy: Policy
    make_codec: Callable[[], Codec]
    counters: Counters = field(default_factory=Counters)


class Shelf:
    """One namespace in one event loop."""

    __slots__ = ("fill", "load", "lookup", "loop", "near", "watcher", "write")

    def __init__(self, runtime: "Runtime", definition: Definition) -> None:
        name, policy = definition.name, definition.policy
        codec, clock, store, log = definition.make_codec(), runtime.clock, runtime.store, runtime.log
        near = None
        if runtime.near is not None and policy.near != 0 and policy.consistency == "bounded":
            near = NearSpace(runtime.near)
        self.loop, self.near = runtime.loop, near
        self.watcher = Watcher(near, monotonic=clock.monotonic)
        tally = Tally(name, counters=definition.counters, observer=runtime.observer)
        judge = Judge(name, tally=tally, codec=codec, policy=policy, clock=clock, log=log)
        records = Records(codec=codec, policy=policy, clock=clock)
        self.lookup = Lookup(
            name,
            tally=tally,
            store=store,
            codec=codec,
            policy=policy,
            clock=clock,
            log=log,
            judge=judge,
            near=near,
            max_stale=0 if runtime.near is None else runtime.near.max_stale,
            watcher=self.watcher,
        )
        self.load = Load(
            tally=tally,
            store=store,
            codec=codec,
            policy=policy,
            clock=clock,
            judge=judge,
            records=records,
            log=log,
            watcher=self.watcher,
        )
        self.fill = Fill(tally=tally, lookup=self.lookup, load=self.load)
        self.write = Write(
            name,
            tally=tally,
            store=store,
            codec=codec,
            log=log,
            lookup=self.lookup,
            load=self.load,
            records=records,
            near=near,
            sweeper=runtime.sweeper,
        )
        if near is not None:
            # Where nothing is kept nearby, pushes would only save a few looks at somebody else's load.
            store.track(f"{name}:", self.watcher)


class Runtime:
    """Everything a cache needs in the event loop that makes it."""

    def __init__(
        self,
        store: Store,
        *,
        app: str,
        timeout: float,
        clock: Clock,
        near: Near | None,
        observer: Observer | None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.pid = os.getpid()
        self.store = store
        self.clock = clock
        self.observer = observer
        self.near = None if near is None else NearStore(near)
        self.log = InvalidationLog(store, app=app, timeout=timeout, on_restart=self._forget_near)
        self.sweeper = Sweeper(store)
        self._shelves: dict[str, Shelf] = {}
        self._end: AsyncGenerator[None] | None = None

    @property
    def is_over(self) -> bool:
        """Whether its loop has ended in this process, and nothing can be done with it any more."""
        return self.pid == os.getpid() and self.loop.is_closed()

    def shelf(self, definition: Definition) -> Shelf:
        """The namespace's part in this loop."""
        found = self._shelves.get(definition.name)
        if found is None:
            found = self._shelves[definition.name] = Shelf(self, definition)
        return found

    def close_with_loop(self) -> None:
        """Have the loop close all this as it ends, as `asyncio.run` ends its asynchronous generators."""

        async def until_the_end() -> AsyncGenerator[None]:
            try:
                yield
            finally:
                await self.aclose()

        self._end = until_the_end()
        with suppress(StopIteration):
            self._end.__anext__().send(None)

    async def aclose(self) -> None:
        """End what is under way, and close the connections. Safe to call more than once."""
        try:
            await self.sweeper.aclose()
            for shelf in list(self._shelves.values()):
                await shelf.fill.aclose()
                await shelf.load.aclose()
            await self.log.aclose()
        finally:
            # Also if a factory will not end, and whoever closes will not wait for it.
            await self.store.aclose()

    def _forget_near(self) -> None:
        # Positions of another incarnation of the log say nothing in this one: of survivors, either.
        for shelf in self._shelves.values():
            if shelf.near is not None:
                shelf.near.clear()

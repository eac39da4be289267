"""Giving memory back: what a rule has made invalid is removed from Redis, in the background.

It is hygiene. No reader of this package needs it; it lets readers in other languages see an invalidation
by pattern, and frees memory before the values' own end does. SCAN walks the whole key space of the server
in small batches that no other client notices, may report a key twice, and may miss one that comes
meanwhile; a value newer than the rule is left alone.
"""

import asyncio
from typing import Final

from cachekit.core.keys import Pattern
from cachekit.core.rules import Stamp
from cachekit.core.scripts import RECLAIM
from cachekit.core.store import Store
from cachekit.errors import CacheClosed, CacheUnavailable

_AT_ONCE: Final = 50
"""Keys looked at in one round trip: some 0.3 ms of the server's time."""


class Sweeper:
    """Sweeps one pattern after another, for all namespaces. Belongs to one event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._wanted: dict[str, tuple[Pattern, Stamp]] = {}
        self._task: asyncio.Task[None] | None = None
        self._removed = 0

    def request(self, pattern: Pattern, stamp: Stamp) -> None:
        """Sweep in the background; a pattern that waits already is swept once, for the newest rule."""
        self._wanted[pattern.redis_glob] = (pattern, stamp)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._sweep_wanted(), name="cachekit sweep")

    async def idle(self) -> int:
        """Wait until all that was requested is done; how many keys have been removed since the beginning."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])
        return self._removed

    async def _sweep(self, pattern: Pattern, stamp: Stamp) -> None:
        """Remove the keys that match, but for values stamped at or after `stamp`."""
        loop = asyncio.get_running_loop()
        async for keys in self._store.scan(pattern.redis_glob):
            for start in range(0, len(keys), _AT_ONCE):
                reclaims = (
                    self._store.run_script(RECLAIM, [key], *stamp)  # Others' keys may be no UTF-8.
                    for key in keys[start : start + _AT_ONCE]
                )
                began = loop.time()
                self._removed += sum(await asyncio.gather(*reclaims))
                # As long a pause as the work took: half of the server's time stays for everybody else.
                await asyncio.sleep(loop.time() - began)

    async def aclose(self) -> None:
        """Stop; what is left ends with its time to live."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _sweep_wanted(self) -> None:
        while self._wanted:
            glob = next(iter(self._wanted))
            pattern, stamp = self._wanted.pop(glob)
            try:
                await self._sweep(pattern, stamp)
            except (CacheUnavailable, CacheClosed):
                # Readers know the rule; the memory comes back as the values end.
                continue

"""Invalidating from outside of the service: by the rule that its processes read, and the keys themselves."""

from collections.abc import Awaitable, Iterable

from cachekit.cli.inspection import Inspector
from cachekit.core.cache import Cache


class Removal:
    """Removes entries of one namespace; with `dry_run` it only counts them.

    `cache` is open under the service's own `app`, so that the rules get into the log its processes read.
    """

    def __init__(self, cache: Cache, namespace: str, *, dry_run: bool) -> None:
        self._cache = cache
        self._namespace = cache.namespace(namespace)
        self._inspector = Inspector(cache)
        self._dry_run = dry_run

    async def service_is_known(self) -> bool:
        """Whether a service of that `app` has used this Redis: it leaves a log."""
        return bool(await self._cache.store.execute("EXISTS", self._cache.runtime().log.key))

    async def by_pattern(self, pattern: str) -> int:
        """Those whose key, relative to the namespace, matches; how many there were just before."""
        count = await self._inspector.count(self._namespace.name, pattern)
        if not self._dry_run:
            await self._invalidate(self._namespace.invalidate(pattern=pattern))
            await self._cache.swept()
        return count

    async def by_tags(self, tags: Iterable[str]) -> int:
        """Those that have one of `tags`; how many there were just before."""
        tags = tuple(tags)
        keys = [key async for key in self._inspector.tagged(self._namespace.name, tags)]
        if not self._dry_run:
            # The rule first: it catches loads under way. Then the keys, for readers who know no rules.
            await self._invalidate(self._namespace.invalidate(tags=tags))
            for key in keys:
                await self._namespace.delete(key)
        return len(keys)

    async def _invalidate(self, invalidation: Awaitable[None]) -> None:
        is_known = await self.service_is_known()
        await invalidation
        if not is_known:
            # A log of our own making would pass for a service's the next time.
            await self._cache.store.execute("DEL", self._cache.runtime().log.key)

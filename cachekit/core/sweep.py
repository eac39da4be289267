"""Removing keys by pattern: SCAN in small batches, UNLINK what is found, let others pass in between."""

from cachekit.core.keys import Pattern
from cachekit.core.store import Store


async def sweep(store: Store, pattern: Pattern) -> int:
    """Remove the keys that match; returns how many went.

    Costs a walk over the whole key space of the server, in batches that no other client notices. A key
    written while the walk runs may or may not go.
    """
    removed = 0
    async for batch in store.scan(pattern.redis_glob):
        removed += await store.unlink(*batch)
    return removed

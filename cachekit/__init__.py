"""An asyncio, namespaced Redis cache for API responses.

    import cachekit

    async with cachekit.connect("redis://localhost:6379") as cache:
        prices = cache.namespace("prices", cachekit.Policy(ttl=300, stale=3600))
        key = prices.key("quote", {"route": "GRU-LIS", "adults": 1})
        quote = await prices.get_or_set(key, fetch_quote)

Reading order: `cachekit.core` is the cache; `cachekit.socket_auth` and `cachekit.amadeus` stand on it.
"""

from cachekit.core.assembly import connect
from cachekit.core.cache import Cache, Health, Namespace
from cachekit.core.context import LoadContext
from cachekit.core.entry import Entry
from cachekit.core.policy import Policy
from cachekit.core.stats import Stats
from cachekit.errors import (
    CacheClosed,
    CacheKitError,
    CacheUnavailable,
    ConfigurationError,
    InvalidKey,
    InvalidValue,
    LoadCancelled,
    LoadCycle,
)

__all__ = [
    "Cache",
    "CacheClosed",
    "CacheKitError",
    "CacheUnavailable",
    "ConfigurationError",
    "Entry",
    "Health",
    "InvalidKey",
    "InvalidValue",
    "LoadCancelled",
    "LoadContext",
    "LoadCycle",
    "Namespace",
    "Policy",
    "Stats",
    "connect",
]

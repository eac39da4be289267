"""An asyncio, namespaced Redis cache for API responses.

    import cachekit

    async with cachekit.connect("redis://localhost:6379") as cache:
        prices = cache.namespace("prices", cachekit.Policy(ttl=300, stale=3600))
        key = prices.key("quote", {"route": "GRU-LIS", "adults": 1})
        quote = await prices.get_or_set(key, fetch_quote)

Reading order: `cachekit.core` is the cache; `cachekit.socket_auth` and `cachekit.amadeus` stand on it.
"""

from cachekit.core.assembly import connect
from cachekit.core.cache import Cache, Health
from cachekit.core.context import LoadContext
from cachekit.core.decorators import cached
from cachekit.core.entry import Entry
from cachekit.core.keyring import Keyring
from cachekit.core.namespace import Namespace
from cachekit.core.near import Near
from cachekit.core.policy import Policy
from cachekit.core.stats import Latency, Stats
from cachekit.errors import (
    CacheClosed,
    CacheKitError,
    CacheUnavailable,
    ConfigurationError,
    InvalidKey,
    InvalidValue,
    LoadCancelled,
    LoadCycle,
    LoadTimeout,
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
    "Keyring",
    "Latency",
    "LoadCancelled",
    "LoadContext",
    "LoadCycle",
    "LoadTimeout",
    "Namespace",
    "Near",
    "Policy",
    "Stats",
    "cached",
    "connect",
]

"""A server that is out of memory, and evicts nothing."""

import pytest

import cachekit
from cachekit import CacheUnavailable, Policy

pytest_plugins = ["support.server_fixtures"]


async def load():
    return "loaded"


async def test_a_server_without_memory_refuses_to_store(standalone):
    """A set raises, and a load is not kept; reading and deleting work."""
    async with cachekit.connect(standalone.url) as cache:
        shop = cache.namespace("shop", Policy(near=0))
        await shop.set("shop:a", "old")
        with standalone.out_of_memory():
            with pytest.raises(CacheUnavailable, match="out of memory"):
                await shop.set("shop:b", "new")
            assert await shop.get_or_set("shop:b", load) == "loaded"
            assert await shop.get("shop:b") is None
            assert await shop.get("shop:a") == "old"
            assert await shop.delete("shop:a") is True

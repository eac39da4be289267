"""A process that cannot follow the invalidation log, because no second connection is to be had."""

import cachekit


async def test_the_near_store_serves_nothing_unless_the_log_is_followed(redis_url):
    """An invalidation by tag changes no key and is not pushed: it would go unheard."""
    async with (
        cachekit.connect(redis_url, max_connections=1) as alone,
        cachekit.connect(redis_url) as other,
    ):
        reader, writer = alone.namespace("shop"), other.namespace("shop")
        await writer.set("shop:a", "old", tags=["t"])
        assert [await reader.get("shop:a") for _ in range(5)] == ["old"] * 5
        await writer.invalidate(tags=["t"])
        assert await reader.get("shop:a") is None

"""Whether what was read is still valid."""

import cachekit


async def test_a_value_stamped_in_another_log_is_counted(redis_url):
    """Two services with one namespace and two names find each other's values invalid, and can see it."""
    async with cachekit.connect(redis_url, app="one") as one, cachekit.connect(redis_url, app="two") as two:
        ns = one.namespace("shop")
        await ns.set(ns.key("a"), 1)
        assert await two.namespace("shop").get(ns.key("a")) is None
        assert (two.stats().invalid, two.stats().misses, two.stats().corrupt) == (1, 1, 0)


async def test_a_value_that_a_rule_has_hit_is_counted(cache):
    """It is a miss, and one can see that it was there."""
    ns = cache.namespace("shop")
    await ns.set(ns.key("a"), 1, tags=["t"])
    await ns.invalidate(tags=["t"])
    assert await ns.get(ns.key("a")) is None
    assert (cache.stats().invalid, cache.stats().misses) == (1, 1)

"""Values in this process' own memory: kept only if no change was heard of, and no longer than they hold."""

import asyncio

import msgspec
import pytest
from support.servers import until

import cachekit
from cachekit import Near, Policy
from cachekit.core.near import NearSpace, NearStore, Slot
from cachekit.core.rules import Rule
from cachekit.testing import Loader
from cachekit.testing.contract.fixtures import eventually, gone, seen

pytest_plugins = ["support.server_fixtures"]

OVERHEAD = Slot("k", None, dict, position=0, deadline=0, size=0).size


def slot(key, *, size=0):
    return Slot(key, None, lambda: key, position=0, deadline=0, size=size)


def opened(max_bytes=100 * OVERHEAD, max_stale=0.0):
    """A near store, and a namespace's share that hears of changes."""
    store = NearStore(Near(max_bytes=max_bytes, max_stale=max_stale))
    space = NearSpace(store)
    space.open()
    return store, space


def keep(space, *keys, size=0):
    for key in keys:
        space.settle(space.expect(key), slot(key, size=size))


@pytest.mark.parametrize(
    "options", [{"max_bytes": 0}, {"max_bytes": -1}, {"max_stale": -1}, {"max_stale": float("nan")}]
)
def test_a_store_that_cannot_work_is_refused(options):
    """The text names the option."""
    with pytest.raises(cachekit.ConfigurationError, match=next(iter(options))):
        Near(**options)


def test_the_oldest_goes_when_memory_is_needed():
    """The bytes stay within the bound, and are what the slots take."""
    store, space = opened(max_bytes=3 * OVERHEAD)
    keep(space, "a", "b", "c", "d")
    assert (list(space.slots), len(store), store.bytes) == (["b", "c", "d"], 3, 3 * OVERHEAD)


def test_one_that_was_used_gets_a_second_chance_and_no_third():
    """CLOCK: the hand passes it by once."""
    _, space = opened(max_bytes=3 * OVERHEAD)
    keep(space, "a", "b", "c")
    space.slots["a"].used = True
    keep(space, "d")
    assert sorted(space.slots) == ["a", "c", "d"]
    keep(space, "e")
    assert sorted(space.slots) == ["a", "d", "e"]
    keep(space, "f")
    assert sorted(space.slots) == ["d", "e", "f"]


def test_all_used_and_still_one_goes():
    """The first one round."""
    _, space = opened(max_bytes=2 * OVERHEAD)
    keep(space, "a", "b")
    for each in space.slots.values():
        each.used = True
    keep(space, "c")
    assert sorted(space.slots) == ["b", "c"]


def test_a_value_larger_than_all_memory_drives_nobody_out():
    """It is not kept, and neither is what lay under its key."""
    store, space = opened(max_bytes=3 * OVERHEAD)
    keep(space, "a", "b")
    keep(space, "b", size=3 * OVERHEAD)
    assert (list(space.slots), store.bytes) == (["a"], OVERHEAD)


def test_namespaces_share_the_memory():
    """What one adds may drive out what another has."""
    store, space = opened(max_bytes=2 * OVERHEAD)
    other = NearSpace(store)
    other.open()
    keep(space, "x:a")
    keep(other, "y:a", "y:b")
    assert (list(space.slots), list(other.slots)) == ([], ["y:a", "y:b"])


def test_a_key_kept_again_is_counted_once():
    """The new size takes the place of the old."""
    store, space = opened()
    keep(space, "a", size=50)
    keep(space, "a", size=10)
    assert (len(store), store.bytes) == (1, OVERHEAD + 10)


@pytest.mark.parametrize("heard", ["evict", "clear", "close", "reopened"])
def test_what_is_heard_while_a_value_is_read_wins(heard):
    """The placeholder is gone, and the value read before is not kept."""
    store, space = opened()
    placeholder = space.expect("a")
    if heard == "evict":
        space.evict("a")
    elif heard == "reopened":
        space.close()
        space.open()
    else:
        getattr(space, heard)()
    space.settle(placeholder, slot("a"))
    assert (len(store), store.bytes) == (0, 0)


def test_a_reader_after_the_change_may_keep_what_an_earlier_one_may_not():
    """Each has a placeholder of its own time."""
    _, space = opened()
    early = space.expect("a")
    space.evict("a")
    late = space.expect("a")
    space.settle(early, slot("a"))
    assert not space.slots
    space.settle(late, slot("a"))
    assert list(space.slots) == ["a"]


def test_an_abandoned_read_leaves_nothing_behind():
    """Its placeholder is withdrawn; one given after a change is not its own."""
    _, space = opened()
    early = space.expect("a")
    space.evict("a")
    late = space.expect("a")
    space.withdraw("a", early)
    space.settle(late, slot("a"))
    assert list(space.slots) == ["a"]
    space.withdraw("b", space.expect("b"))
    assert not space._expected


def test_nothing_is_expected_or_kept_while_changes_may_be_missed():
    """Before the first subscription, and after a loss."""
    space = NearSpace(NearStore(Near()))
    assert space.expect("a") is None
    space.open()
    keep(space, "a")
    space.close()
    assert space.expect("a") is None
    assert not space.slots


@pytest.mark.parametrize("max_stale", [0, 60])
def test_survivors_are_kept_only_where_they_may_be_served(max_stale):
    """And only until changes are heard of again."""
    store, space = opened(max_stale=max_stale)
    keep(space, "a")
    space.close()
    assert (space.survivor("a") is not None) == bool(max_stale)
    assert (len(store), store.bytes) == (0, 0)
    space.open()
    assert space.survivor("a") is None


# From here on over a real server.


@pytest.fixture
def shop(cache):
    return cache.namespace("shop", Policy(ttl=60, stale=600, outage="bypass"))


@pytest.fixture
async def peer(redis_url, clock):
    """The same namespace in another process."""
    async with cachekit.connect(redis_url, clock=clock) as other:
        yield other.namespace("shop", Policy(ttl=60, stale=600, outage="bypass"))


async def near(ns, key, value):
    """Keep a value, and bring it into the near store."""
    await ns.set(key, value)
    await is_near(ns, key)


async def is_near(ns, key):
    async def hit():
        entry = await ns.get_entry(key)
        return entry is not None and entry.source == "near"

    await eventually(hit, f"{key} is near")


async def gets(cache):
    """How many GETs the server has seen."""
    stats = await cache.store.execute("INFO", "commandstats")
    return stats.get("cmdstat_get", {}).get("calls", 0)


async def test_a_near_hit_asks_nobody(shop, cache):
    """No command, and it is counted."""
    await near(shop, shop.key("a"), "v")
    before, hits = await gets(cache), cache.stats().near_hits
    assert [await shop.get(shop.key("a")) for _ in range(10)] == ["v"] * 10
    assert (await gets(cache), cache.stats().near_hits) == (before, hits + 10)


@pytest.mark.parametrize("value", [{"n": [1]}, {"n": 1}, [1, 2], [[1], 2]])
async def test_who_changes_what_he_got_changes_nothing(shop, value):
    """Flat or deep, each reader has a copy of his own."""
    await near(shop, shop.key("a"), value)
    for _ in range(2):
        mine = await shop.get(shop.key("a"))
        assert mine == value
        mine.clear()
    assert (await shop.get_entry(shop.key("a"))).value == value
    assert await shop.get_or_set(shop.key("a"), Loader("never")) == value
    assert await shop.get_many([shop.key("a")]) == {shop.key("a"): value}


class Offer(msgspec.Struct, frozen=True):
    price: int


async def test_an_immutable_value_is_shared(cache):
    """A frozen type needs no copy."""
    ns = cache.namespace("typed", Policy(ttl=60), type=Offer)
    await near(ns, ns.key("a"), Offer(7))
    assert await ns.get(ns.key("a")) is await ns.get(ns.key("a"))


@pytest.mark.parametrize("seconds", [0, 5, None, 90])
async def test_near_says_how_long_a_value_may_be_served_from_memory(cache, clock, seconds):
    """At most so many seconds, never longer than it is fresh; 0 is never."""
    ns = cache.namespace("shop", Policy(ttl=60, stale=600, near=seconds))
    await ns.set(ns.key("a"), "v")
    if seconds == 0:
        sources = {(await ns.get_entry(ns.key("a"))).source for _ in range(20)}
        assert sources == {"redis"}
        return
    await is_near(ns, ns.key("a"))
    life = min(seconds or 60, 60)
    clock.advance(life - 0.5)
    assert (await ns.get_entry(ns.key("a"))).source == "near"
    clock.advance(0.5)
    assert (await ns.get_entry(ns.key("a"))).source == "redis"


async def test_strict_reads_keep_nothing_near(cache):
    """They have to ask anyway."""
    ns = cache.namespace("shop", Policy(consistency="strict"))
    await ns.set(ns.key("a"), "v")
    assert {(await ns.get_entry(ns.key("a"))).source for _ in range(20)} == {"redis"}


async def test_a_stale_value_is_not_kept_near(shop, clock):
    """It is on its way out."""
    await shop.set(shop.key("a"), "v")
    clock.advance(61)
    assert [(await shop.get_entry(shop.key("a"))).source for _ in range(5)] == ["redis"] * 5


async def test_two_readers_of_one_miss_keep_one_slot(shop, cache):
    """They share a placeholder; the second does not undo the first."""
    await near(shop, shop.key("warm"), 1)
    await shop.set(shop.key("a"), "v")
    await asyncio.gather(shop.get(shop.key("a")), shop.get(shop.key("a")))
    await is_near(shop, shop.key("a"))
    assert len(cache.runtime().near) == 2


async def test_a_change_elsewhere_is_seen(shop, peer):
    """The push evicts."""
    await near(shop, shop.key("a"), "old")
    await peer.set(shop.key("a"), "new")
    await seen(shop, shop.key("a"), "new")
    await peer.delete(shop.key("a"))
    await gone(shop, shop.key("a"))


@pytest.mark.parametrize("options", [{"tags": ["t"]}, {"pattern": "a*"}])
async def test_a_near_value_dies_by_its_tag_or_pattern(shop, options):
    """At once in the process that says so, without a word from Redis."""
    await shop.set(shop.key("a"), "v", tags=["t"])
    await is_near(shop, shop.key("a"))
    await shop.invalidate(**options)
    assert await shop.get_entry(shop.key("a")) is None


async def test_a_rule_that_does_not_match_leaves_it_near(shop, cache):
    """It is matched once; then its position is that of the log, and a look is two comparisons again."""
    await near(shop, shop.key("a"), "v")
    await shop.invalidate(tags=["other"])
    log = cache.runtime().log
    await until(lambda: log.rules.position == log.rules.of("shop").newest, "the own rule is read")
    assert (await shop.get_entry(shop.key("a"))).source == "near"
    lookup = shop._here().lookup
    assert lookup.near(shop.key("a")).position == lookup.rules.newest


@pytest.mark.parametrize("read", ["before", "meanwhile"])
async def test_an_own_rule_hides_no_earlier_one_of_another_process(shop, peer, cache, read):
    """Theirs has not reached us when ours is in force: what is looked at in between still dies by it."""
    await shop.set(shop.key("a"), "v", tags=["t"])
    await is_near(shop, shop.key("a"))
    log = cache.runtime().log
    await until(lambda: log.live, "the mirror follows")
    async with log._lock:
        await peer.invalidate(tags=["t"])
        await shop.invalidate(tags=["another"])
        await until(lambda: not log.live, "the follower has heard of it, and waits for its turn")
        if read == "meanwhile":
            shop._here().watcher.changed(shop.key("a"))
        log.live = True
        await shop.get(shop.key("a"))
    await gone(shop, shop.key("a"))


@pytest.fixture
async def outage_cache(standalone, clock):
    """On a server that can be killed; values are served for a minute after its last word."""
    near = Near(max_stale=60)
    async with cachekit.connect(standalone.url, near=near, timeout=0.5, clock=clock) as opened:
        yield opened


async def test_near_values_bridge_an_outage(outage_cache, standalone, clock):
    """For max_stale seconds, as long as they are fresh; not in a namespace that wants the truth."""
    ns = outage_cache.namespace("shop", Policy(ttl=600, near=90))
    truth = outage_cache.namespace("truth", Policy(ttl=600, outage="raise"))
    for each in (ns, truth):
        await near(each, each.key("a"), "v")
    with standalone.dead():
        await until(lambda: not ns._here().watcher.live, "the loss is noticed")
        entry = await ns.get_entry(ns.key("a"))
        assert (entry.value, entry.source, entry.age) == ("v", "near", 0)
        assert await ns.get_many([ns.key("a")]) == {ns.key("a"): "v"}
        with pytest.raises(cachekit.CacheUnavailable):
            await truth.get(truth.key("a"))
        clock.advance(60)
        assert await ns.get(ns.key("a")) == "v"
        clock.advance(1)
        assert await ns.get(ns.key("a")) is None


async def test_a_survivor_is_not_served_past_its_own_end(outage_cache, standalone, clock):
    """max_stale does not lengthen its freshness."""
    ns = outage_cache.namespace("shop", Policy(ttl=10))
    await near(ns, ns.key("a"), "v")
    with standalone.dead():
        await until(lambda: not ns._here().watcher.live, "the loss is noticed")
        clock.advance(11)
        assert await ns.get(ns.key("a")) is None


async def test_a_survivor_dies_by_a_rule(outage_cache, standalone):
    """Known before the outage or heard of during it."""
    ns = outage_cache.namespace("shop", Policy(ttl=600))
    await near(ns, ns.key("a"), "v")
    with standalone.dead():
        await until(lambda: not ns._here().watcher.live, "the loss is noticed")
        rules = outage_cache.runtime().log.rules
        rules.note(Rule(rules.position + 1, 0, "shop", "all", ""))
        assert await ns.get(ns.key("a")) is None


async def test_a_survivor_does_not_outlive_its_log(outage_cache, standalone):
    """Positions of another incarnation say nothing about it."""
    ns = outage_cache.namespace("shop", Policy(ttl=600))
    await ns.invalidate(tags=["something"])
    await near(ns, ns.key("a"), "v")
    with standalone.dead():
        await until(lambda: not ns._here().watcher.live, "the loss is noticed")
        outage_cache.runtime()._forget_near()
        assert await ns.get(ns.key("a")) is None


@pytest.mark.parametrize("value", [{"n": 1}, [1, 2], {"n": [1]}])
async def test_who_read_first_may_change_what_it_got(cache, value):
    """The very value that was read from Redis is not the one kept nearby (fault 15)."""
    ns = cache.namespace("shop")
    await ns.set(ns.key("a"), value)
    await until(lambda: ns._here().watcher.live and cache.runtime().log.live, "the near store to open")
    first = await ns.get(ns.key("a"))
    first.clear()
    assert (await ns.get_entry(ns.key("a"))).source == "near"
    assert await ns.get(ns.key("a")) == value


async def test_what_redis_forgets_earlier_is_kept_no_longer_nearby(cache, clock):
    """Another service's value has a longer ttl than its key has to live: the key's life counts."""
    ns = cache.namespace("shop")
    await ns.get(ns.key("a"))
    await until(lambda: ns._here().watcher.live and cache.runtime().log.live, "the near store to open")
    theirs = {"data": 1, "timestamp": "2026-11-18T11:06:40Z", "ttl": 300}
    clock.now = 1_795_000_000.0
    await cache.store.set(ns.key("a"), msgspec.json.encode(theirs), px=20_000)
    await is_near(ns, ns.key("a"))
    clock.advance(21)
    assert ns._here().lookup.near(ns.key("a")) is None

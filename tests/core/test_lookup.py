"""What lies under a key: near, in Redis or nowhere, and whether it is still valid."""

import asyncio
import datetime as dt
import json

import msgspec
import pytest
from support.servers import until

import cachekit
from cachekit import Policy
from cachekit.core.events import CorruptValue, Hit, Miss, Outage
from cachekit.testing import Loader
from cachekit.testing.contract.fixtures import eventually, gone

pytest_plugins = ["support.server_fixtures"]


class Offer(msgspec.Struct, frozen=True):
    price: int


class Notes:
    """An observer that keeps what it hears."""

    def __init__(self):
        self.events = []

    def observe(self, event):
        self.events.append(event)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
async def cache(redis_url, clock, notes):
    async with cachekit.connect(redis_url, clock=clock, observers=[notes]) as opened:
        yield opened


@pytest.fixture
def shop(cache):
    return cache.namespace("shop", Policy(ttl=10, stale=20, near=0))


async def foreign(cache, key, value, *, at, **fields):
    """A value as another service writes it, which knows no log."""
    timestamp = dt.datetime.fromtimestamp(at, dt.UTC).isoformat()
    stored = json.dumps({"data": value, "timestamp": timestamp, "ttl": 10_000_000_000, **fields})
    await cache.store.set(key, stored.encode(), px=600_000)


async def test_every_look_is_told(shop, notes, clock):
    """A miss, a fresh and a stale hit: each with its key, and the age in seconds."""
    key = shop.key("a")
    await shop.get(key)
    await shop.set(key, "v")
    await shop.get(key)
    clock.advance(11)
    await shop.get_many([key, shop.key("b")])
    assert notes.of(Miss) == [Miss("shop", key), Miss("shop", shop.key("b"))]
    assert notes.of(Hit) == [Hit("shop", key, "fresh", "redis", 0), Hit("shop", key, "stale", "redis", 11)]
    counts = shop.stats()
    assert (counts.redis_hits, counts.stale_hits, counts.misses) == (2, 1, 2)


async def test_a_near_hit_is_told_too(cache, notes):
    """An observer turns off the short cut, not the near store."""
    ns = cache.namespace("shop")
    await ns.set(ns.key("a"), "v")

    async def near():
        return (await ns.get_entry(ns.key("a"))).source == "near"

    await eventually(near, "near")
    await ns.get(ns.key("a"))
    assert notes.events[-1] == Hit("shop", ns.key("a"), "fresh", "near", 0)
    assert ns.stats().near_hits == len([hit for hit in notes.of(Hit) if hit.source == "near"])


async def test_damage_is_told_and_is_a_miss(shop, cache, notes):
    """Once for each look."""
    await cache.store.set(shop.key("a"), b"garbage", px=60_000)
    assert await shop.get_many([shop.key("a")]) == {}
    assert notes.of(CorruptValue) == [CorruptValue("shop", shop.key("a"))]
    assert notes.of(Miss) == [Miss("shop", shop.key("a"))]


async def test_the_same_key_twice_is_looked_up_once(shop):
    """And stands once in the result."""
    await shop.set(shop.key("a"), "v")
    assert await shop.get_many([shop.key("a")] * 3) == {shop.key("a"): "v"}
    assert shop.stats().redis_hits == 1


@pytest.mark.parametrize("outage", ["bypass", "raise"])
async def test_an_outage_is_a_miss_or_an_error(standalone, notes, outage):
    """As the policy says; counted and told in any case, for one key as for many."""
    async with cachekit.connect(standalone.url, timeout=0.5, observers=[notes]) as cache:
        ns = cache.namespace("shop", Policy(outage=outage))
        await ns.set(ns.key("a"), "v")
        with standalone.dead():
            for call, nothing in ((ns.get(ns.key("a")), None), (ns.get_many([ns.key("a")]), {})):
                if outage == "raise":
                    with pytest.raises(cachekit.CacheUnavailable):
                        await call
                else:
                    assert await call == nothing
        assert (ns.stats().outages, len(notes.of(Outage))) == (2, 2)
        assert ns.stats().misses == (2 if outage == "bypass" else 0)


@pytest.mark.parametrize("shift", [-60, 60])
@pytest.mark.parametrize("verb", ["tags", "pattern", "clear"])
async def test_a_foreign_value_is_placed_by_its_time(shop, cache, clock, shift, verb):
    """Rules newer than its timestamp hit it, older ones do not; the server's time places the rules."""
    seconds, _ = await cache.store.execute("TIME")
    clock.now = int(seconds) + 3_600
    await shop.invalidate(tags=["another"])
    match verb:
        case "tags":
            await shop.invalidate(tags=["t"])
        case "pattern":
            await shop.invalidate(pattern="a*")
        case "clear":
            await shop.clear()
    await cache.swept()
    await cache.runtime().log.read()
    await foreign(cache, shop.key("a"), "v", at=int(seconds) + shift, tags=["t"])
    assert (await shop.get(shop.key("a")) == "v") is (shift > 0)


async def test_a_value_of_another_incarnation_is_gone(shop, cache):
    """Also if this process has not heard of the new one yet, and among many."""
    await shop.set(shop.key("a"), "v")
    await cache.store.unlink(cache.runtime().log.key)
    await gone(shop, shop.key("a"))
    assert await shop.get_many([shop.key("a")]) == {}
    assert shop.stats().corrupt == 0


async def test_readers_of_one_moment_share_one_immutable_value(cache):
    """They shared the command; so they share its decoding."""
    ns = cache.namespace("typed", Policy(near=0), type=Offer)
    await ns.set(ns.key("a"), Offer(7))
    found = await asyncio.gather(*(ns.get(ns.key("a")) for _ in range(10)))
    assert len({id(each) for each in found}) <= 2, "the first went out alone, the others together"
    await ns.set(ns.key("a"), Offer(8))
    assert await ns.get(ns.key("a")) == Offer(8)


async def test_a_value_of_another_type_is_a_counted_miss(cache):
    """Another version of the service wrote it."""
    await cache.namespace("typed").set("typed:a", {"price": "a lot"})
    ns = cache.namespace("typed2", type=Offer)
    stored = await cache.store.get("typed:a")
    await cache.store.set("typed2:a", stored.replace(b"typed:a", b"typed2:a"), px=60_000)
    assert await ns.get("typed2:a") is None
    assert ns.stats().corrupt == 1


async def test_a_reader_that_is_cancelled_leaves_no_placeholder(cache, monkeypatch):
    """The near store expects nothing any more."""
    ns = cache.namespace("shop")
    await ns.set(ns.key("a"), "v")
    ready = lambda: ns._here().watcher.live and cache.runtime().log.live  # noqa: E731
    await eventually(lambda: asyncio.sleep(0, ready()), "subscribed")
    near, asked = ns._here().lookup._near, asyncio.Event()

    async def hang(_):
        asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(cache.store, "get", hang)
    reading = asyncio.create_task(ns.get(ns.key("a")))
    await asked.wait()
    assert near._expected
    reading.cancel()
    await asyncio.wait([reading])
    assert not near._expected


@pytest.mark.parametrize("found", ["nothing", "stale", "corrupt"])
async def test_what_cannot_be_kept_near_leaves_no_placeholder(cache, clock, found):
    """Whatever was read."""
    ns = cache.namespace("shop", Policy(ttl=10, stale=20))
    if found == "corrupt":
        await cache.store.set(ns.key("a"), b"garbage", px=60_000)
    elif found == "stale":
        await ns.set(ns.key("a"), "v")
        clock.advance(11)
    await ns.get(ns.key("another"))
    await until(lambda: ns._here().watcher.live and cache.runtime().log.live, "all changes are heard of")
    await ns.get(ns.key("a"))
    near = ns._here().lookup._near
    assert (near._expected, near.slots) == ({}, {})


async def test_a_strict_reader_that_is_cancelled_leaves_nothing_behind(cache):
    """Nor does one whose read of Redis fails."""
    ns = cache.namespace("strict", Policy(consistency="strict"))
    await ns.set(ns.key("a"), "v")
    reading = asyncio.create_task(ns.get(ns.key("a")))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert not [task for task in asyncio.all_tasks() if "strict read" in task.get_name()]
    assert await ns.get(ns.key("a")) == "v"


async def test_reads_are_timed(shop, clock):
    """Those of Redis."""
    await shop.get_or_set(shop.key("a"), Loader("v"))
    await shop.get(shop.key("a"))
    assert shop.stats().read_seconds.count == 2

"""Redis in every kind of trouble: the documented outcome, never a hang, and the cache works afterwards."""

import asyncio
import math
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest
from support.servers import Server

import cachekit
from cachekit import CacheUnavailable, Policy
from cachekit.testing import ChaosProxy, Loader, ManualClock
from cachekit.testing.contract.fixtures import gone, seen
from cachekit.testing.contract.outages import works_again

pytest_plugins = ["support.server_fixtures"]
pytestmark = pytest.mark.timeout(60)

TIMEOUT = 1.0
"""Seconds within which Redis must answer here; on loopback it does in a hundredth of that."""


@dataclass
class Rig:
    """A cache whose every byte goes through a proxy, and the server behind it."""

    server: Server
    proxy: ChaosProxy
    cache: cachekit.Cache
    clock: ManualClock

    def namespace(self, **options):
        return self.cache.namespace("shop", Policy(ttl=60, stale=600, retry_after=5, **options))

    async def works_again(self, ns):
        await works_again(self.cache, ns, self.clock)


def trouble(*names):
    """Run a test in each of these troubles, by default all."""
    return pytest.mark.parametrize("trouble", names or [*AWAY, *WRITES_REFUSED])


def by_proxy(verb, *arguments, **options):
    @asynccontextmanager
    async def inside(rig):
        await getattr(rig.proxy, verb)(*arguments, **options)
        yield
        await rig.proxy.heal()

    return inside


def by_server(name):
    @asynccontextmanager
    async def inside(rig):
        with getattr(rig.server, name)():
            yield

    return inside


AWAY = {
    "killed": by_server("dead"),
    "paused": by_server("paused"),
    "over maxclients": by_server("crowded"),
    "slow": by_proxy("delay", 30),
    "slow to answer": by_proxy("delay", math.inf, direction="to_client"),
    "cut off": by_proxy("cut"),
    "closing": by_proxy("cut", new="close"),
    "a black hole": by_proxy("black_hole"),
    "losing answers": by_proxy("black_hole", direction="to_client"),
}
WRITES_REFUSED = {"read-only": by_server("read_only"), "out of memory": by_server("out_of_memory")}
TROUBLES = AWAY | WRITES_REFUSED


@pytest.fixture
async def rig(standalone, clock):
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(ChaosProxy(standalone.url))
        cache = await stack.enter_async_context(cachekit.connect(proxy.url, timeout=TIMEOUT, clock=clock))
        yield Rig(standalone, proxy, cache, clock)


@pytest.fixture
async def peer(standalone, clock):
    """Another process, whose way to the server is in order."""
    async with cachekit.connect(standalone.url, clock=clock) as other:
        yield other.namespace("shop", Policy(ttl=60, stale=600, retry_after=5))


@trouble()
async def test_bypass_gives_the_factory_s_value(rig, trouble):
    """A read is a miss, a load is served, a write and an invalidation raise; afterwards it hits again."""
    ns, loader = rig.namespace(outage="bypass"), Loader("v")
    await ns.set(ns.key("before"), 1)
    async with TROUBLES[trouble](rig):
        assert await ns.get(ns.key("missing"), "a default") == "a default"
        assert await ns.get_or_set(ns.key("a"), loader) == "v"
        for call in (lambda: ns.set(ns.key("b"), 1), lambda: ns.invalidate(tags=["t"]), ns.clear):
            with pytest.raises(CacheUnavailable):
                await call()
    assert rig.cache.stats().outages > 0
    await rig.works_again(ns)


@trouble()
async def test_raise_gives_no_answer_rather_than_a_wrong_one(rig, trouble):
    """A load that cannot be kept raises; afterwards the same call gives its value."""
    ns, loader = rig.namespace(outage="raise"), Loader("v")
    await ns.set(ns.key("before"), 1)
    async with TROUBLES[trouble](rig):
        with pytest.raises(CacheUnavailable):
            await ns.get_or_set(ns.key("a"), loader)
        if trouble in AWAY:
            assert loader.calls == 0, "the factory is not asked"
    await rig.works_again(ns)


@trouble(*WRITES_REFUSED)
async def test_a_server_that_refuses_writes_still_reads(rig, trouble):
    """What was stored before is served."""
    ns = rig.namespace(outage="raise", near=0)
    await ns.set(ns.key("a"), "stored")
    async with TROUBLES[trouble](rig):
        assert await ns.get(ns.key("a")) == "stored"


@trouble()
async def test_a_crowd_in_trouble_still_makes_one_load(rig, trouble):
    """Single-flight does not need Redis."""
    ns, loader = rig.namespace(outage="bypass"), Loader("v")
    await ns.set(ns.key("before"), 1)
    loader.hold()
    async with TROUBLES[trouble](rig):
        tasks = [asyncio.create_task(ns.get_or_set(ns.key("a"), loader)) for _ in range(100)]
        while rig.cache.stats().coalesced < 99:
            await asyncio.sleep(0.001)
        loader.release()
        assert await asyncio.gather(*tasks) == ["v"] * 100
    assert loader.calls == 1


@trouble()
async def test_trouble_that_begins_during_a_load_does_not_reach_its_callers(rig, trouble):
    """The value is there, and is served; it could only not be kept."""
    ns, loader = rig.namespace(outage="bypass"), Loader("v")
    loader.hold()
    task = asyncio.create_task(ns.get_or_set(ns.key("a"), loader))
    await loader.started()
    async with TROUBLES[trouble](rig):
        loader.release()
        assert await task == "v"
    await rig.works_again(ns)


@trouble(*AWAY)
async def test_who_waits_for_another_process_does_not_wait_for_ever(rig, peer, trouble):
    """The other has the lease, and we can no longer hear of its value: we load ourselves."""
    ns, theirs, ours = rig.namespace(outage="bypass"), Loader("theirs"), Loader("ours")
    theirs.hold()
    there = asyncio.create_task(peer.get_or_set(ns.key("a"), theirs))
    await theirs.started()
    here = asyncio.create_task(ns.get_or_set(ns.key("a"), ours))
    for _ in range(5):
        await ns.get(ns.key("other"))
    async with TROUBLES[trouble](rig):
        assert await here == "ours"
        theirs.release()
        assert await there == "theirs"


@pytest.mark.parametrize("count", [0, 1, 2, 7, 30, 200])
async def test_a_reply_torn_at_any_byte_is_never_taken_for_another(rig, count):
    """The value or a miss, nothing else, and the next reader gets the value."""
    ns = rig.namespace(outage="bypass", near=0)
    value = {"n": list(range(500))}
    await ns.set(ns.key("a"), value)
    await rig.proxy.cut_after(count)
    found = await asyncio.gather(*(ns.get(ns.key("a"), "a default") for _ in range(20)))
    assert all(each in (value, "a default") for each in found)
    await rig.works_again(ns)
    assert await ns.get(ns.key("a")) == value


async def test_a_connection_that_died_unnoticed_does_not_serve_old_values(rig, peer):
    """The server forgot our link and we were not told: what changes meanwhile is seen all the same."""
    ns = rig.namespace()
    await ns.set(ns.key("a"), "old")
    await seen(ns, ns.key("a"), "old")
    await rig.proxy.half_open()
    await peer.set(ns.key("a"), "new")
    await seen(ns, ns.key("a"), "new")


@trouble("cut off", "closing", "a black hole", "slow")
async def test_an_invalidation_that_was_missed_is_caught_up_with(rig, peer, trouble):
    """Another process invalidated while we heard nothing."""
    ns = rig.namespace(outage="bypass")
    for resource in ("tagged", "deleted", "matched"):
        await ns.set(ns.key(resource), "old", tags=[resource])
        await seen(ns, ns.key(resource), "old")
    async with TROUBLES[trouble](rig):
        await peer.invalidate(tags=["tagged"])
        await peer.delete(ns.key("deleted"))
        await peer.invalidate(pattern="m*")
    await gone(ns, ns.key("tagged"), ns.key("deleted"), ns.key("matched"))


async def test_a_server_that_comes_back_empty_is_believed(rig, peer):
    """Values and the log are lost with it: nothing old is served, and invalidation goes on working."""
    ns = rig.namespace(outage="bypass")
    await ns.set(ns.key("a"), "old", tags=["t"])
    await seen(ns, ns.key("a"), "old")
    with rig.server.dead():
        pass
    await gone(ns, ns.key("a"))
    await rig.works_again(ns)
    await ns.set(ns.key("a"), "new", tags=["t"])
    await seen(peer, ns.key("a"), "new")
    await peer.invalidate(tags=["t"])
    await gone(ns, ns.key("a"))


async def test_a_flushed_server_takes_near_values_along(rig, peer):
    """FLUSHALL's one push names no key, and means them all."""
    ns = rig.namespace()
    await ns.set(ns.key("a"), "old")
    await seen(ns, ns.key("a"), "old")
    rig.server.call("FLUSHALL")
    await gone(ns, ns.key("a"))


@pytest.fixture(params=["cluster", "sentinels"])
def replicated(request):
    """Servers whose master may fail over: where they are, and how it is done."""
    servers = request.getfixturevalue(request.param)
    return servers.url, (lambda: servers.fail_over(0)) if request.param == "cluster" else servers.fail_over


async def test_a_fail_over_is_bridged(replicated, clock):
    """While a replica takes over, callers get their values; then the same cache stores and hits again."""
    url, begin = replicated
    async with cachekit.connect(url, timeout=TIMEOUT, clock=clock) as cache:
        ns = cache.namespace("shop", Policy(ttl=60, outage="bypass"))
        await ns.set(ns.key("before"), 1)
        fail_over = asyncio.create_task(begin())
        asked = 0
        while not fail_over.done():
            asked += 1
            assert await ns.get_or_set(ns.key("during", asked), Loader("v")) == "v"
            await asyncio.sleep(0.01)
        await fail_over
        for number in range(10):
            await works_again(cache, ns, clock)
            await ns.set(ns.key("after", number), number)
            assert await ns.get(ns.key("after", number)) == number


async def test_a_slot_on_the_move_is_followed(cluster, clock):
    """Reads follow the keys (ASK), a write waits for the end of the move, and all find the new home."""
    async with cachekit.connect(cluster.url, timeout=10, clock=clock) as cache:
        ns = cache.namespace("shop", Policy(ttl=60, outage="raise", near=0))
        key = ns.key("a")
        await ns.set(key, "old")
        slot = cluster.nodes[0].call("CLUSTER", "KEYSLOT", key)
        with cluster.moving(slot, (cluster.shard_of(slot) + 1) % 3):
            write = asyncio.create_task(ns.set(key, "new"))
            assert await ns.get(key) == "old"
            assert await ns.get_or_set(key, Loader("loaded")) == "old"
        await write
        assert await ns.get(key) == "new"
        assert await ns.delete(key)

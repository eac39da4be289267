"""How a miss becomes a value: who loads, who waits, what is kept, and what is served meanwhile."""

import asyncio
import contextlib
import gc

import pytest

import cachekit
from cachekit import Policy
from cachekit.core.lease import acquire, lease_key
from cachekit.core.scripts import ACQUIRE
from cachekit.testing import ChaosProxy, Loader
from cachekit.testing.contract.fixtures import eventually, gone, seen

NAMES = ("cachekit load", "cachekit refresh", "cachekit batch", "cachekit releases")


@pytest.fixture
def shop(cache):
    return cache.namespace("shop", Policy(ttl=10, stale=20, retry_after=5, negative_ttl=3))


@pytest.fixture
async def peer(redis_url, clock):
    """The same namespace in another process."""
    async with cachekit.connect(redis_url, clock=clock) as other:
        yield other.namespace("shop", Policy(ttl=10, stale=20, retry_after=5, negative_ttl=3))


@pytest.fixture
def script_gate(monkeypatch):
    """Hold a script back: `hold(cache, SCRIPT, key)` gives the events of its arrival and its release."""

    def hold(cache, held, key=None):
        arrived, gate, run = asyncio.Event(), asyncio.Event(), cache.store.run_script

        async def run_script(script, keys, *arguments):
            if script is held and key in (None, keys[0]):
                arrived.set()
                await gate.wait()
            return await run(script, keys, *arguments)

        monkeypatch.setattr(cache.store, "run_script", run_script)
        return arrived, gate

    return hold


async def settled():
    """Wait until nothing loads in the background."""
    while tasks := [task for task in asyncio.all_tasks() if task.get_name().startswith(NAMES)]:
        await asyncio.wait(tasks)


async def unheld(cache, key):
    return await cache.store.get(key) is None and await cache.store.get(lease_key(key)) is None


async def grow_stale(ns, clock, key, value="old", **options):
    await ns.set(key, value, **options)
    clock.advance(11)


def let_an_hour_pass(monkeypatch):
    """By the clock of the event loop, whose timers of that length fire now."""
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "time", lambda time=loop.time: time() + 3_600)


class BatchLoader:
    """A batch factory that notes what it was asked for and gives what is known."""

    def __init__(self, values):
        self.values = values
        self.asked = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()

    async def __call__(self, keys):
        self.asked.append(sorted(keys))
        self.begun.set()
        await self.gate.wait()
        if isinstance(self.values, Exception):
            raise self.values
        return {key: self.values[key] for key in keys if key in self.values}


# Timeouts, eager refreshes, negative and unmodified values.


async def test_within_soft_timeout_the_new_value_is_served(cache, clock):
    """A quick refresh is worth waiting for."""
    ns = cache.namespace("soft", Policy(ttl=10, stale=20, soft_timeout=30))
    await grow_stale(ns, clock, ns.key("a"))
    entry = await ns.get_or_set_entry(ns.key("a"), Loader("new"))
    assert (entry.value, entry.state) == ("new", "fresh")


async def test_past_soft_timeout_the_stale_value_is_served_and_the_load_goes_on(cache, clock):
    """Its result is there for the next caller."""
    ns, loader = cache.namespace("soft", Policy(ttl=10, stale=20, soft_timeout=0.001)), Loader("new")
    await grow_stale(ns, clock, ns.key("a"))
    loader.hold()
    assert (await ns.get_or_set_entry(ns.key("a"), loader)).state == "stale"
    loader.release()
    await seen(ns, ns.key("a"), "new")
    assert (loader.calls, loader.cancelled) == (1, 0)


async def test_a_refresh_that_fails_within_soft_timeout_leaves_the_stale_value(cache, clock):
    """The error is the background's."""
    ns, loader = cache.namespace("soft", Policy(ttl=10, stale=20, soft_timeout=30)), Loader()
    await grow_stale(ns, clock, ns.key("a"))
    loader.fail()
    assert await ns.get_or_set(ns.key("a"), loader) == "old"


async def test_whoever_comes_during_a_refresh_waits_for_it_too(cache, clock):
    """Nobody is given an old value while a new one is about to come, and each has one of his own."""
    ns, loader = cache.namespace("soft", Policy(ttl=10, stale=20, soft_timeout=30)), Loader({"n": 1})
    await grow_stale(ns, clock, ns.key("a"), {"n": 0})
    loader.hold()
    first = asyncio.create_task(ns.get_or_set_entry(ns.key("a"), loader))
    await loader.started()
    others = [asyncio.create_task(ns.get_or_set_entry(ns.key("a"), loader)) for _ in range(9)]
    reads = cache.stats().redis_hits
    while cache.stats().redis_hits + cache.stats().near_hits < reads + 9:
        await asyncio.sleep(0)
    loader.release()
    entries = await asyncio.gather(first, *others)
    assert {entry.state for entry in entries} == {"fresh"}
    entries[0].value["n"] = "changed"
    assert [entry.value for entry in entries[1:]] == [{"n": 1}] * 9
    assert loader.calls == 1


async def test_soft_timeout_is_counted_from_the_beginning_of_the_refresh(cache, clock, monkeypatch):
    """Of a refresh that hangs, those who come later do not wait as long again."""
    ns, loader = cache.namespace("soft", Policy(ttl=10, stale=20, soft_timeout=3_600)), Loader("new")
    await grow_stale(ns, clock, ns.key("a"))
    loader.hold()
    first = asyncio.create_task(ns.get_or_set_entry(ns.key("a"), loader))
    await loader.started()
    let_an_hour_pass(monkeypatch)
    assert (await first).state == "stale"
    async with asyncio.timeout(60):
        assert (await ns.get_or_set_entry(ns.key("a"), loader)).state == "stale"
    loader.release()
    assert loader.calls == 1


async def test_who_waited_in_vain_is_told_the_age_of_by_now(cache, clock):
    """It has grown while he waited."""
    ns, loader = cache.namespace("soft", Policy(ttl=10, stale=20, soft_timeout=30)), Loader()
    await grow_stale(ns, clock, ns.key("a"))
    loader.hold()
    loader.fail()
    waiting = asyncio.create_task(ns.get_or_set_entry(ns.key("a"), loader))
    await loader.started()
    clock.advance(7)
    loader.release()
    assert (await waiting).age == 18


@pytest.mark.parametrize("end", ["its window", "an invalidation"])
async def test_what_ends_while_somebody_waits_in_vain_is_not_served(cache, clock, monkeypatch, end):
    """There is nothing left then but what the load brings."""
    ns, loader = cache.namespace("soft", Policy(ttl=10, stale=20, soft_timeout=3_600)), Loader("new")
    await grow_stale(ns, clock, ns.key("a"), tags=["t"])
    loader.hold()
    waiting = asyncio.create_task(ns.get_or_set(ns.key("a"), loader))
    await loader.started()
    if end == "its window":
        clock.advance(20)
    else:
        await ns.invalidate(tags=["t"])
    let_an_hour_pass(monkeypatch)
    for _ in range(3):
        await asyncio.sleep(0)
    loader.release()
    assert await waiting == "new"


async def test_past_hard_timeout_the_load_is_cancelled(cache):
    """Its callers get LoadTimeout with the key and the seconds, nothing is kept, and the next one may try."""
    ns, loader = cache.namespace("hard", Policy(hard_timeout=0.01)), Loader("v")
    loader.hold()
    calls = [ns.get_or_set(ns.key("a"), loader) for _ in range(2)]
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(error) for error in errors] == [cachekit.LoadTimeout] * 2
    assert ns.key("a") in str(errors[0])
    assert (loader.calls, loader.cancelled, cache.stats().failures) == (1, 1, 1)
    loader.release()
    assert await ns.get_or_set(ns.key("a"), loader) == "v"


async def test_a_timeout_of_the_factory_s_own_is_its_own(cache):
    """It is not mistaken for ours."""
    ns, loader = cache.namespace("hard", Policy(hard_timeout=30)), Loader()
    loader.fail(TimeoutError("upstream"))
    with pytest.raises(TimeoutError, match="upstream") as caught:
        await ns.get_or_set(ns.key("a"), loader)
    assert not isinstance(caught.value, cachekit.LoadTimeout)


@pytest.mark.parametrize(("draw", "calls"), [(0.0, 0), (0.9999999, 1)])
async def test_eager_refreshes_a_fresh_value_near_its_end(cache, clock, monkeypatch, draw, calls):
    """XFetch: the load took a second; a draw of -ln(u) = 16 reaches over the 5 seconds left, 0 does not."""
    ns = cache.namespace("eager", Policy(ttl=10, eager=1))

    async def slow():
        clock.advance(1)
        return "old"

    await ns.get_or_set(ns.key("a"), slow)
    clock.advance(5)
    monkeypatch.setattr("random.Random.random", lambda _: draw)
    loader = Loader("new")
    entry = await ns.get_or_set_entry(ns.key("a"), loader)
    assert (entry.value, entry.state) == ("old", "fresh")
    await settled()
    assert (loader.calls, cache.stats().refreshes) == (calls, calls)
    assert await ns.get(ns.key("a")) == ("new" if calls else "old")


async def test_an_instant_load_is_never_refreshed_early(cache, clock, monkeypatch):
    """There is nothing to hide from anybody."""
    ns, loader = cache.namespace("eager", Policy(ttl=10, eager=1)), Loader("v")
    monkeypatch.setattr("random.Random.random", lambda _: 0.9999999)
    await ns.get_or_set(ns.key("a"), loader)
    clock.advance(9)
    await ns.get_or_set(ns.key("a"), loader)
    await settled()
    assert loader.calls == 1


async def test_eager_works_from_the_near_store_too(cache, clock, monkeypatch):
    """A near hit may begin a refresh as well."""
    ns = cache.namespace("eager", Policy(ttl=10, eager=1))

    async def slow():
        clock.advance(1)
        return "old"

    await ns.get_or_set(ns.key("a"), slow)

    async def is_near():
        return (await ns.get_entry(ns.key("a"))).source == "near"

    await eventually(is_near, "near")
    clock.advance(5)
    monkeypatch.setattr("random.Random.random", lambda _: 0.9999999)
    loader = Loader("new")
    assert await ns.get_or_set(ns.key("a"), loader) == "old"
    await settled()
    assert loader.calls == 1
    await seen(ns, ns.key("a"), "new")


@pytest.mark.parametrize(("ttl", "life"), [(None, 3), (5, 5)])
async def test_a_negative_value_is_fresh_for_its_own_time_and_never_stale(shop, cache, clock, ttl, life):
    """Also in Redis it has no stale window."""

    async def nothing(ctx):
        ctx.negative(ttl)

    entry = await shop.get_or_set_entry(shop.key("a"), nothing)
    assert (entry.value, entry.negative, entry.ttl) == (None, True, life)
    assert (await shop.get_entry(shop.key("a"))).negative
    assert await cache.store.execute("PTTL", shop.key("a")) <= life * 1_000
    clock.advance(life + 0.5)
    assert await shop.get_entry(shop.key("a")) is None


async def test_what_is_skipped_is_for_those_who_wait_only(shop, cache):
    """Nothing is kept, and the lease is given back at once."""

    async def load(ctx):
        ctx.skip()
        return "v"

    values = await asyncio.gather(*(shop.get_or_set(shop.key("a"), load) for _ in range(3)))
    assert values == ["v"] * 3
    await settled()
    keys = {key async for batch in cache.store.scan("*shop*") for key in batch}
    assert keys == set()


async def test_an_unmodified_value_is_kept_with_a_new_age(shop, clock):
    """The factory sees the old entry, and need not send it again."""
    await grow_stale(shop, clock, shop.key("a"), {"etag": 7}, tags=["old"])
    olds = []

    async def load(ctx):
        olds.append(ctx.stale)
        ctx.tag("new")
        return ctx.not_modified()

    assert await shop.get_or_set(shop.key("a"), load) == {"etag": 7}
    await settled()
    entry = await shop.get_entry(shop.key("a"))
    assert (entry.value, entry.state, entry.age, entry.tags) == ({"etag": 7}, "fresh", 0, ("new", "old"))
    assert (olds[0].value, olds[0].state, olds[0].tags) == ({"etag": 7}, "stale", ("old",))


async def test_nothing_is_unmodified_where_nothing_was(shop):
    """The factory is told."""

    async def load(ctx):
        assert ctx.stale is None
        return ctx.not_modified()

    with pytest.raises(cachekit.ConfigurationError, match="no old value"):
        await shop.get_or_set(shop.key("a"), load)


@pytest.mark.parametrize("verb", ["tags", "pattern", "clear"])
async def test_what_was_invalidated_is_no_old_entry(shop, cache, clock, script_gate, verb):
    """The rule came after the look, and before the load: the factory must not say that the old one holds."""
    await grow_stale(shop, clock, shop.key("a"), tags=["t"])
    seen_by_factory = []

    async def load(ctx):
        seen_by_factory.append(ctx.stale)
        return "new"

    arrived, gate = script_gate(cache, ACQUIRE)
    assert await shop.get_or_set(shop.key("a"), load) == "old"
    await arrived.wait()
    if verb in ("tags", "pattern"):
        await shop.invalidate(**{"tags": {"tags": ["t"]}, "pattern": {"pattern": "*"}}[verb])
    else:
        await shop.clear()
    gate.set()
    await settled()
    assert seen_by_factory == [None]


async def test_what_another_process_deleted_is_no_old_entry(shop, peer, cache, clock, script_gate):
    """After the look, and before the lease: `not_modified` must not bring it back."""
    await grow_stale(shop, clock, shop.key("a"))
    seen_by_factory = []

    async def load(ctx):
        seen_by_factory.append(ctx.stale)
        return "new"

    arrived, gate = script_gate(cache, ACQUIRE)
    assert await shop.get_or_set(shop.key("a"), load) == "old"
    await arrived.wait()
    await peer.delete(shop.key("a"))
    gate.set()
    await settled()
    assert seen_by_factory == [None]
    await seen(shop, shop.key("a"), "new")


async def test_a_value_says_how_long_it_may_be_served_stale(shop, cache, clock):
    """In place of the policy's window, also in Redis; a negative value has none all the same."""

    async def load(ctx):
        ctx.stale_for(100)
        return "v"

    async def nothing(ctx):
        ctx.stale_for(100)
        ctx.negative()

    await shop.get_or_set(shop.key("a"), load)
    await shop.get_or_set(shop.key("none"), nothing)
    assert 100_000 < await cache.store.execute("PTTL", shop.key("a")) <= 110_000
    assert await cache.store.execute("PTTL", shop.key("none")) <= 3_000
    clock.advance(109)
    assert (await shop.get_entry(shop.key("a"))).state == "stale"
    clock.advance(2)
    assert await shop.get_entry(shop.key("a")) is None


async def test_a_value_can_forbid_to_be_served_stale(shop, clock):
    """A window of 0 ends it with its ttl; less than that is refused."""

    async def load(ctx):
        with pytest.raises(cachekit.ConfigurationError, match="stale=-1"):
            ctx.stale_for(-1)
        ctx.stale_for(0)
        return "v"

    await shop.get_or_set(shop.key("a"), load)
    clock.advance(11)
    assert await shop.get_entry(shop.key("a")) is None


class Refusing:
    """A factory whose upstream says no: the old value no longer holds."""

    def __init__(self, gate=None):
        self.calls = 0
        self.gate = gate

    async def __call__(self, ctx):
        self.calls += 1
        if self.gate:
            await self.gate.wait()
        ctx.disown()
        raise LookupError("no longer sold")


async def test_a_disowned_value_is_not_served_for_the_error(cache, clock):
    """Who waits for the refresh gets the error, and so does the next one; the value is gone."""
    ns, load = cache.namespace("soft", Policy(ttl=10, stale=20, soft_timeout=30)), Refusing()
    await grow_stale(ns, clock, ns.key("a"))
    for _ in range(2):
        with pytest.raises(LookupError, match="no longer sold"):
            await ns.get_or_set(ns.key("a"), load)
    assert load.calls == 2
    assert await ns.get_entry(ns.key("a")) is None
    await eventually(lambda: unheld(cache, ns.key("a")), "neither value nor lease is there")


async def test_all_who_wait_for_a_refresh_get_an_error_of_their_own(cache, clock):
    """A traceback grows with every raise, so nobody shares one; the factory runs once."""
    ns = cache.namespace("soft", Policy(ttl=10, stale=20, soft_timeout=30))
    load = Refusing(gate=asyncio.Event())
    await grow_stale(ns, clock, ns.key("a"))
    callers = [asyncio.create_task(ns.get_or_set(ns.key("a"), load)) for _ in range(5)]
    while not load.calls:
        await asyncio.sleep(0)
    load.gate.set()
    errors = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(error) for error in errors] == [LookupError] * 5
    assert len(set(map(id, errors))) == 5
    assert load.calls == 1


async def test_a_value_disowned_in_the_background_is_gone_for_the_next_caller(shop, peer, cache, clock):
    """Here and in other processes; nobody takes it for a corrupt one, and no error is left lying about."""
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
    await grow_stale(shop, clock, shop.key("a"))
    assert await shop.get_or_set(shop.key("a"), Refusing()) == "old"
    await settled()
    assert await peer.get_entry(shop.key("a")) is None
    with pytest.raises(LookupError):
        await shop.get_or_set(shop.key("a"), Refusing())
    gc.collect()
    await asyncio.sleep(0)
    assert (cache.stats().corrupt, complaints) == (0, [])


async def test_a_fresh_value_is_disowned_by_a_refresh(shop, peer):
    """It does not live on in any process' memory."""
    await shop.set(shop.key("a"), "old")
    assert (await shop.get(shop.key("a")), await peer.get(shop.key("a"))) == ("old", "old")
    with pytest.raises(LookupError):
        await shop.refresh(shop.key("a"), Refusing())
    await gone(shop, shop.key("a"))
    await gone(peer, shop.key("a"))


async def test_what_was_set_meanwhile_is_not_disowned(shop, peer, clock):
    """Only who still holds the lease removes anything."""
    gate = asyncio.Event()
    await grow_stale(shop, clock, shop.key("a"))
    load = Refusing(gate)
    waiting = asyncio.create_task(shop.refresh(shop.key("a"), load))
    while not load.calls:
        await asyncio.sleep(0)
    await peer.set(shop.key("a"), "newer")
    gate.set()
    with pytest.raises(LookupError):
        await waiting
    await settled()
    assert await shop.get(shop.key("a")) == "newer"


async def test_what_is_skipped_and_disowned_leaves_nothing(shop, clock):
    """A factory may have a value for those who wait, and know that the old one is wrong."""

    async def load(ctx):
        ctx.disown()
        ctx.skip()
        return "only for you"

    await grow_stale(shop, clock, shop.key("a"))
    assert (await shop.refresh(shop.key("a"), load)).value == "only for you"
    assert await shop.get_entry(shop.key("a")) is None


async def test_a_failed_refresh_serves_nothing_that_was_deleted_meanwhile(cache, clock):
    """The old value is served for an error only while it is there to be served."""
    ns, loader = cache.namespace("soft", Policy(ttl=10, stale=20, soft_timeout=30)), Loader()
    await grow_stale(ns, clock, ns.key("a"), tags=["t"])
    loader.hold()
    loader.fail(OSError("down"))
    waiting = asyncio.create_task(ns.get_or_set(ns.key("a"), loader))
    await loader.started()
    await ns.invalidate(tags=["t"])
    loader.release()
    with pytest.raises(OSError, match="down"):
        await waiting


async def test_while_redis_is_away_nothing_is_served_for_an_error(redis_url, clock):
    """Whether the old value still holds cannot be told: what the factory raised is."""
    async with (
        ChaosProxy(redis_url) as proxy,
        cachekit.connect(proxy.url, clock=clock, timeout=1, near=None) as cache,
    ):
        ns = cache.namespace("soft", Policy(ttl=10, stale=20, soft_timeout=30))
        await grow_stale(ns, clock, ns.key("a"))

        async def load(ctx):
            await proxy.cut()
            ctx.disown()
            raise LookupError("no longer sold")

        with pytest.raises(LookupError, match="no longer sold"):
            await ns.get_or_set(ns.key("a"), load)


# Many keys at once.


def keys_of(ns, *names):
    return [ns.key(name) for name in names]


async def test_a_batch_asks_once_for_what_is_missing(shop):
    """What it does not give is neither in the result nor kept."""
    a, b, c = keys_of(shop, "a", "b", "c")
    await shop.set(a, "there")
    loader = BatchLoader({b: "loaded", a: "never"})
    assert await shop.get_or_set_many([a, b, c, b], loader) == {a: "there", b: "loaded"}
    assert loader.asked == [[b, c]]
    assert await shop.get_many([a, b, c]) == {a: "there", b: "loaded"}


async def test_keys_not_asked_for_are_refused(shop):
    """All callers are told, and nothing is kept."""
    a, b = keys_of(shop, "a", "b")

    async def load(keys):
        return {b: 1, a: 2}

    with pytest.raises(cachekit.ConfigurationError, match="not asked for"):
        await shop.get_or_set_many([a], load)
    assert await shop.get_many([a, b]) == {}


async def test_a_batch_that_is_no_mapping_is_refused(shop):
    """The error says what the factory gave, and what it must give."""

    async def load(keys):
        return [1]

    with pytest.raises(cachekit.ConfigurationError, match="gave a list; it must give a mapping"):
        await shop.get_or_set_many(keys_of(shop, "a"), load)


async def already_called():
    return 1


@pytest.mark.parametrize("verb", ["get_or_set", "refresh"])
async def test_a_factory_that_is_no_async_function_is_named(shop, verb):
    """The two slips of beginners: a plain function, and a coroutine in its place."""
    (key,) = keys_of(shop, "a")
    with pytest.raises(cachekit.ConfigurationError, match="gave a value of type int; it must be an async"):
        await getattr(shop, verb)(key, lambda: 1)
    with pytest.raises(cachekit.ConfigurationError, match="gave a value of type dict"):
        await shop.get_or_set_many([key], lambda _keys: {})
    coroutine = already_called()
    with pytest.raises(cachekit.ConfigurationError, match="is a coroutine; give the async function"):
        await getattr(shop, verb)(key, coroutine)
    coroutine.close()


async def test_a_batch_joins_the_load_of_a_single_key(shop):
    """And asks for the others only; a caller of one key joins the batch."""
    a, b = keys_of(shop, "a", "b")
    single, batch = Loader("single"), BatchLoader({b: "batch"})
    single.hold()
    batch.gate.clear()
    alone = asyncio.create_task(shop.get_or_set(a, single))
    await single.started()
    together = asyncio.create_task(shop.get_or_set_many([a, b], batch))
    await batch.begun.wait()
    late = asyncio.create_task(shop.get_or_set(b, Loader("never")))
    await asyncio.sleep(0.01)
    batch.gate.set()
    assert await late == "batch"
    single.release()
    assert await together == {a: "single", b: "batch"}
    assert (await alone, batch.asked) == ("single", [[b]])


async def test_a_single_caller_whose_batch_gives_nothing_loads_itself(shop):
    """What the batch does not know, its own factory may."""
    a, batch = shop.key("a"), BatchLoader({})
    batch.gate.clear()
    together = asyncio.create_task(shop.get_or_set_many([a], batch))
    await batch.begun.wait()
    single = asyncio.create_task(shop.get_or_set(a, Loader("single")))
    await asyncio.sleep(0.01)
    batch.gate.set()
    assert (await together, await single) == ({}, "single")


async def test_a_batch_waits_for_other_processes_keys_and_loads_the_rest_meanwhile(shop, peer):
    """Their lease is theirs; if they fail, the key is loaded in a call of its own."""
    a, b = keys_of(shop, "a", "b")
    theirs = Loader()
    theirs.fail()
    theirs.hold()
    there = asyncio.create_task(peer.get_or_set(a, theirs))
    await theirs.started()
    batch = BatchLoader({a: 1, b: 2})
    here = asyncio.create_task(shop.get_or_set_many([a, b], batch))
    await batch.begun.wait()
    assert batch.asked == [[b]]
    theirs.release()
    with contextlib.suppress(RuntimeError):
        await there
    assert await here == {a: 1, b: 2}
    assert batch.asked == [[b], [a]]


async def test_an_error_of_a_batch_is_every_caller_s_own(shop):
    """Each gets an object of its own, and nothing is kept."""
    a, b = keys_of(shop, "a", "b")
    batch = BatchLoader(ValueError("no"))
    batch.gate.clear()
    calls = [asyncio.create_task(shop.get_or_set_many([a, b], batch)) for _ in range(2)]
    await batch.begun.wait()
    calls.append(asyncio.create_task(shop.get_or_set(a, Loader("never"))))
    await asyncio.sleep(0.01)
    batch.gate.set()
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert [str(error) for error in errors] == ["no"] * 3
    assert len({id(error) for error in errors}) == 3
    assert len(batch.asked) == 1


async def test_a_batch_nobody_waits_for_any_more_is_cancelled(shop):
    """A single caller who joined it keeps it alive."""
    a, b = keys_of(shop, "a", "b")
    batch, joined = BatchLoader({a: 1, b: 2}), BatchLoader({a: 1, b: 2})
    for loader in (batch, joined):
        loader.gate.clear()
    leaving = asyncio.create_task(shop.get_or_set_many([a, b], batch))
    await batch.begun.wait()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await settled()
    leaving = asyncio.create_task(shop.get_or_set_many([a, b], joined))
    await joined.begun.wait()
    staying = asyncio.create_task(shop.get_or_set(a, Loader("never")))
    await asyncio.sleep(0.01)
    leaving.cancel()
    joined.gate.set()
    assert await staying == 1
    assert await shop.get_entry(b) is None


async def test_a_batch_whose_caller_left_before_it_began_is_not_begun(shop, cache, script_gate):
    """One key has its lease, the other is still asking for it."""
    a, b = keys_of(shop, "a", "b")
    batch = BatchLoader({})
    arrived, gate = script_gate(cache, ACQUIRE, b)
    leaving = asyncio.create_task(shop.get_or_set_many([a, b], batch))
    await arrived.wait()
    await eventually(lambda: lease_is_held(cache, a), "the lease of a")
    await asyncio.sleep(0.01)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    gate.set()
    await settled()
    assert batch.asked == []


async def lease_is_held(cache, key):
    return bool(await cache.store.execute("EXISTS", f"cachekit/lease:{{{key}}}"))


async def test_stale_ones_of_a_batch_are_served_and_renewed_together(shop, clock):
    """In one call, apart from that for the missing ones."""
    a, b, c = keys_of(shop, "a", "b", "c")
    await grow_stale(shop, clock, a)
    await shop.set(b, "old", ttl=1)
    clock.advance(2)
    batch = BatchLoader({a: "new", b: "new", c: "new"})
    assert await shop.get_or_set_many([a, b, c], batch) == {a: "old", b: "old", c: "new"}
    await settled()
    assert sorted(batch.asked) == [[a, b], [c]]
    assert await shop.get_many([a, b, c]) == dict.fromkeys([a, b, c], "new")


async def test_warming_is_bounded_and_counts_what_it_loaded(shop):
    """No more than `concurrency` at once; what is fresh is left alone."""
    keys = keys_of(shop, *"abcdef")
    await shop.set(keys[0], "there")
    running = most = 0

    async def load(key):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        return key

    assert await shop.warm(keys, load, concurrency=2) == 5
    assert most == 2
    assert await shop.get(keys[5]) == keys[5]


async def test_the_first_error_ends_the_warming(shop):
    """It is raised, and later keys are not asked for."""
    asked = []

    async def load(key):
        asked.append(key)
        raise ValueError(key)

    with pytest.raises(ValueError, match="shop:a"):
        await shop.warm(keys_of(shop, "a", "b", "c"), load, concurrency=1)
    assert asked == [shop.key("a")]


# set(only="absent"), refresh, leases of other processes.


async def test_only_one_of_many_sets_what_is_absent(shop, peer):
    """In two processes at once."""
    calls = [ns.set(shop.key("a"), number, only="absent") for number, ns in enumerate([shop, peer] * 10)]
    stored = await asyncio.gather(*calls)
    assert sum(stored) == 1
    assert await shop.get(shop.key("a")) == stored.index(True)


async def test_a_stale_value_is_not_absent_and_an_invalid_one_is(shop, clock):
    """Its bytes may still lie in Redis; they are in nobody's way."""
    await grow_stale(shop, clock, shop.key("a"), tags=["t"])
    assert not await shop.set(shop.key("a"), "new", only="absent")
    await shop.invalidate(tags=["t"])
    assert await shop.set(shop.key("a"), "new", only="absent")
    assert await shop.get(shop.key("a")) == "new"


@pytest.mark.parametrize("leftover", [b"", b"garbage"])
async def test_what_is_no_value_is_absent(shop, cache, leftover):
    """And is overwritten."""
    await cache.store.set(shop.key("a"), leftover, px=60_000)
    assert await shop.set(shop.key("a"), "new", only="absent")
    assert await shop.get(shop.key("a")) == "new"


async def test_setting_what_is_absent_defeats_a_load(shop, peer):
    """Here and elsewhere: it is older than what was set."""
    for ns, key in ((shop, shop.key("a")), (peer, shop.key("b"))):
        loader = Loader("loaded")
        loader.hold()
        loading = asyncio.create_task(ns.get_or_set(key, loader))
        await loader.started()
        assert await shop.set(key, "set", only="absent")
        loader.release()
        assert await loading == "loaded"
        assert await shop.get(key) == "set"


async def test_a_refresh_joins_one_under_way(shop):
    """One call of the factory."""
    loader = Loader("v")
    loader.hold()
    calls = [asyncio.create_task(shop.refresh(shop.key("a"), loader)) for _ in range(5)]
    await loader.started()
    await asyncio.sleep(0.01)
    loader.release()
    assert {entry.value for entry in await asyncio.gather(*calls)} == {"v"}
    assert loader.calls == 1


async def test_the_key_of_a_dead_process_is_loaded_when_its_lease_ends(cache, shop, redis_url):
    """Nobody waits for the dead longer than that."""
    ns = cache.namespace("long")  # Its own lease outlasts a busy machine's pauses.
    async with cachekit.connect(redis_url) as other:
        lease = await acquire(other.store, ns.key("a"), seen=None, seconds=0.2)
        lease.stop()
    assert await ns.get_or_set(ns.key("a"), Loader("v")) == "v"
    assert await ns.get(ns.key("a")) == "v"


async def test_a_load_whose_lease_was_taken_over_does_not_overwrite(cache, redis_url, clock):
    """It froze, and another process has loaded meanwhile; its own callers get its value all the same."""
    ns, slow = cache.namespace("short", Policy(lease=0.1)), Loader("slow")
    slow.hold()
    loading = asyncio.create_task(ns.get_or_set(ns.key("a"), slow))
    await slow.started()
    await cache.store.unlink(f"cachekit/lease:{{{ns.key('a')}}}")
    async with cachekit.connect(redis_url, clock=clock) as other:
        theirs = other.namespace("short", Policy(lease=0.1))
        assert await theirs.get_or_set(ns.key("a"), Loader("quick")) == "quick"
    slow.release()
    assert await loading == "slow"
    assert await ns.get(ns.key("a")) == "quick"
    assert cache.stats().unpublished == 1


async def test_a_failed_load_gives_its_lease_back(shop, cache):
    """Another process need not wait for its end."""
    loader = Loader()
    loader.fail()
    with pytest.raises(RuntimeError):
        await shop.get_or_set(shop.key("a"), loader)
    await settled()
    assert not await lease_is_held(cache, shop.key("a"))


async def test_a_load_that_is_left_gives_its_lease_back(shop, cache):
    """It was cancelled with its last caller."""
    loader = Loader()
    loader.hold()
    loading = asyncio.create_task(shop.get_or_set(shop.key("a"), loader))
    await loader.started()
    assert await lease_is_held(cache, shop.key("a"))
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    await settled()
    assert not await lease_is_held(cache, shop.key("a"))


async def test_an_unmodified_value_is_still_hit_by_its_tags(shop):
    """The factory tags only what it is sent; a 304 says nothing of tags, and loses none."""

    async def sent(ctx):
        ctx.tag("t")
        return "v"

    async def unmodified(ctx):
        return ctx.not_modified()

    await shop.get_or_set(shop.key("a"), sent)
    await shop.refresh(shop.key("a"), unmodified)
    await shop.invalidate(tags=["t"])
    assert await shop.get(shop.key("a")) is None


async def test_an_unmodified_nothing_stays_nothing(cache):
    """A typed namespace could not even read it otherwise."""
    ns = cache.namespace("typed", Policy(ttl=10, negative_ttl=3), type=int)

    async def nothing(ctx):
        ctx.negative()

    async def unmodified(ctx):
        return ctx.not_modified()

    await ns.get_or_set(ns.key("a"), nothing)
    await ns.refresh(ns.key("a"), unmodified)
    entry = await ns.get_entry(ns.key("a"))
    assert (entry.value, entry.negative, entry.ttl) == (None, True, 3)


async def test_a_caller_cannot_change_the_factory_s_old_entry(shop, clock):
    """Both have a copy of their own."""
    await grow_stale(shop, clock, shop.key("a"), {"etag": 7})
    olds = []

    async def load(ctx):
        olds.append(ctx.stale.value.copy())
        return ctx.not_modified()

    served = await shop.get_or_set(shop.key("a"), load)
    served["etag"] = 8
    await settled()
    assert olds == [{"etag": 7}]


async def test_many_readers_of_a_stale_value_begin_one_refresh(shop, clock):
    """Also those who come before it has got as far as its load."""
    await grow_stale(shop, clock, shop.key("a"))
    loader = Loader()
    await asyncio.gather(*(shop.get_or_set(shop.key("a"), loader) for _ in range(20)))
    await settled()
    stats = shop.stats()
    assert (stats.refreshes, stats.coalesced, stats.loads) == (1, 0, 1)


@pytest.mark.parametrize("error", [StopIteration, KeyError])
async def test_whatever_a_batch_raises_ends_every_wait(shop, error):
    """StopIteration fits into no future, and a mapping may raise when it is asked."""

    class Bad(dict):
        def __getitem__(self, key):
            raise error

    async def give(keys):
        return Bad.fromkeys(keys)

    async with asyncio.timeout(5):
        with pytest.raises((RuntimeError, KeyError)):
            await shop.get_or_set_many([shop.key("a"), shop.key("b")], give)


async def test_a_caller_who_leaves_while_it_asks_for_the_lease_leaves_no_lease(shop, cache, monkeypatch):
    """It may have been granted all the same, and nobody would renew it or give it up."""
    run = cache.store.run_script
    granted = asyncio.Event()

    async def run_script(script, keys, *arguments):
        reply = await run(script, keys, *arguments)
        if script is ACQUIRE:
            granted.set()
            await asyncio.Event().wait()
        return reply

    monkeypatch.setattr(cache.store, "run_script", run_script)
    caller = asyncio.create_task(shop.get_or_set(shop.key("a"), Loader()))
    await granted.wait()
    caller.cancel()
    await asyncio.wait([caller])
    await settled()
    assert not await cache.store.execute("EXISTS", f"cachekit/lease:{{{shop.key('a')}}}")


async def test_a_batch_asks_once_though_redis_went_away_before_the_leases(shop, cache, monkeypatch):
    """Every key comes to the common call, and each is counted once."""
    run = cache.store.run_script

    async def run_script(script, keys, *arguments):
        if script is ACQUIRE:
            raise cachekit.CacheUnavailable("gone", operation="EVALSHA")
        return await run(script, keys, *arguments)

    monkeypatch.setattr(cache.store, "run_script", run_script)
    keys = [shop.key(name) for name in "abc"]
    load = BatchLoader(dict.fromkeys(keys, 1))
    assert await shop.get_or_set_many(keys, load) == dict.fromkeys(keys, 1)
    assert load.asked == [keys]

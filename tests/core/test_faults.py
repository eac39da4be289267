"""The faults of other caches, none of which is ours: each test names the row of the list it is about.

Two caches on one server stand for two processes, except where the row needs real ones.
"""

import asyncio
import gc
import itertools
import json
import os
import subprocess
import sys
import textwrap
import threading

import pytest
from support.servers import until

import cachekit
from cachekit import Policy
from cachekit.core.scripts import ACQUIRE, PUBLISH, RENEW
from cachekit.core.watcher import Watcher
from cachekit.testing import ChaosProxy, Loader, ManualClock
from cachekit.testing.contract.fixtures import eventually, gone, seen

pytest_plugins = ["support.server_fixtures"]

POLICY = Policy(ttl=60, stale=600, retry_after=5)
BACKGROUND = ("cachekit load", "cachekit refresh", "cachekit batch", "cachekit releases")


@pytest.fixture
def shop(cache):
    return cache.namespace("shop", POLICY)


@pytest.fixture
async def peer(redis_url, clock):
    """The same namespace in another process."""
    async with cachekit.connect(redis_url, clock=clock) as other:
        yield other.namespace("shop", POLICY)


@pytest.fixture(params=["here", "elsewhere"])
def anyone(request, shop, peer):
    return shop if request.param == "here" else peer


@pytest.fixture
def errors_of_the_loop():
    """What the event loop complains about: exceptions that nobody retrieved."""
    complaints = []
    asyncio.get_event_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
    return complaints


async def settled():
    """Wait until nothing loads in the background."""
    while tasks := [task for task in asyncio.all_tasks() if task.get_name().startswith(BACKGROUND)]:
        await asyncio.wait(tasks)


async def near(ns, key, value):
    """Keep a value, and bring it into the near store."""
    await ns.set(key, value)
    await eventually(lambda: is_near(ns, key), f"{key} near")


async def is_near(ns, key):
    entry = await ns.get_entry(key)
    return entry is not None and entry.source == "near"


async def invalidate(ns, verb):
    await {
        "delete": lambda: ns.delete(ns.key("a")),
        "tags": lambda: ns.invalidate(tags=["t"]),
        "pattern": lambda: ns.invalidate(pattern="a*"),
        "clear": ns.clear,
    }[verb]()


def run_python(source, *arguments, **environment):
    """The output of a program in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source), *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


VERBS = pytest.mark.parametrize("verb", ["delete", "tags", "pattern", "clear"])


@VERBS
async def test_01_a_load_under_way_does_not_outlive_an_invalidation(shop, peer, anyone, verb):
    """Row 1: its caller gets the old value, and nobody else, in either process."""
    loader = Loader("old")
    loader.hold()
    loading = asyncio.create_task(shop.get_or_set(shop.key("a"), loader, tags=["t"]))
    await loader.started()
    await invalidate(anyone, verb)
    loader.release()
    assert await loading == "old"
    await gone(shop, shop.key("a"))
    await gone(peer, shop.key("a"))


@VERBS
async def test_01_a_refresh_under_way_does_not_outlive_an_invalidation(shop, peer, anyone, clock, verb):
    """Row 1: nor does one in the background."""
    loader = Loader("overtaken")
    await shop.set(shop.key("a"), "old", tags=["t"])
    clock.advance(61)
    loader.hold()
    assert await shop.get_or_set(shop.key("a"), loader, tags=["t"]) == "old"
    await loader.started()
    await invalidate(anyone, verb)
    loader.release()
    await settled()
    await gone(shop, shop.key("a"))
    await gone(peer, shop.key("a"))


@VERBS
async def test_01_a_publication_that_has_begun_does_not_outlive_an_invalidation(
    shop, cache, peer, monkeypatch, verb
):
    """Row 1: the value is on its way to Redis when another process invalidates."""
    sending, gate, run = asyncio.Event(), asyncio.Event(), cache.store.run_script

    async def run_script(script, *arguments):
        if script is PUBLISH:
            sending.set()
            await gate.wait()
        return await run(script, *arguments)

    monkeypatch.setattr(cache.store, "run_script", run_script)
    loading = asyncio.create_task(shop.get_or_set(shop.key("a"), Loader("old"), tags=["t"]))
    await sending.wait()
    await invalidate(peer, verb)
    gate.set()
    await loading
    await gone(shop, shop.key("a"))
    await gone(peer, shop.key("a"))


@pytest.mark.parametrize("verb", ["delete", "set", "add"])
async def test_01_nobody_joins_a_load_that_another_process_has_overtaken(shop, peer, cache, verb):
    """Row 1: who asks after the write gets what is newer, though the old load still runs here."""
    old, key = Loader("old"), shop.key("a")
    old.hold()
    loading = asyncio.create_task(shop.get_or_set(key, old))
    await old.started()
    rules = cache.runtime().log.rules.of("shop")
    before = rules.newest
    if verb == "delete":
        await peer.delete(key)
    else:
        await peer.set(key, "new", only="absent" if verb == "add" else None)
    await until(lambda: rules.newest > before, "the rule about the key is heard of")
    assert await shop.get_or_set(key, Loader("new")) == "new"
    old.release()
    assert await loading == "old"
    await seen(shop, key, "new")


async def test_02_an_invalidation_that_overtakes_a_near_fill_wins(shop, cache, peer, monkeypatch):
    """Row 2: the push comes after the GET's answer, and before the reader gets to run."""
    await near(shop, shop.key("warm"), 1)
    await shop.set(shop.key("a"), "old")
    get, watcher = cache.store.get, shop._here().watcher
    answered, gate = asyncio.Event(), asyncio.Event()

    async def answer_late(key):
        reply = await get(key)
        answered.set()
        await gate.wait()
        return reply

    monkeypatch.setattr(cache.store, "get", answer_late)
    reading = asyncio.create_task(shop.get(shop.key("a")))
    await answered.wait()
    heard, changed = asyncio.Event(), watcher.changed
    monkeypatch.setattr(watcher, "changed", lambda key: (changed(key), heard.set()))
    await peer.set(shop.key("a"), "new")
    while not heard.is_set():
        await cache.store.ping()
    gate.set()
    assert await reading == "old"
    assert await shop.get(shop.key("a")) == "new"


async def test_03_two_that_set_one_key_at_once_end_with_one_value(shop, peer):
    """Row 3: after the pushes both near stores agree with Redis, a hundred times over."""
    for number in range(100):
        key = shop.key("k", number)
        await asyncio.gather(
            *(ns.set(key, f"{ns is shop}") for ns in (shop, peer)), *(ns.get(key) for ns in (shop, peer) * 2)
        )
        for ns in (shop, peer):
            await ns._here().lookup._store.ping()
        for ns in (shop, peer):
            await ns.get(key)
        stored = json.loads(await shop._here().lookup._store.get(key))["data"]
        assert [await shop.get(key), await peer.get(key)] == [stored] * 2


@pytest.mark.parametrize("command", ["FLUSHALL", "FLUSHDB"])
async def test_04_a_flush_takes_every_near_value_along(shop, cache, peer, command):
    """Row 4: its push names no key."""
    for name in "abc":
        await near(shop, shop.key(name), "v")
    await peer._here().lookup._store.execute(command)
    await gone(shop, *(shop.key(name) for name in "abc"))
    assert len(cache.runtime().near) == 0


async def test_05_a_change_in_another_database_does_no_harm(standalone, clock):
    """Row 5: pushes do not name the database; at worst a value is read once more."""
    async with (
        cachekit.connect(f"{standalone.url}/0", clock=clock) as zero,
        cachekit.connect(f"{standalone.url}/1", clock=clock) as one,
    ):
        first, second = (cache.namespace("shop", POLICY) for cache in (zero, one))
        await near(first, first.key("a"), "zero")
        await near(second, first.key("a"), "one")
        await second.set(first.key("a"), "changed")
        await second.invalidate(pattern="*")
        for _ in range(20):
            assert await first.get(first.key("a")) == "zero"
        await gone(second, first.key("a"))


async def test_06_a_near_value_ends_by_its_own_deadline(cache, clock):
    """Row 6: without a push, which comes late for a key that has expired."""
    ns = cache.namespace("brief", Policy(ttl=10))
    await near(ns, ns.key("a"), "v")
    clock.advance(10)
    assert not await is_near(ns, ns.key("a"))
    clock.advance(0.001)
    assert await ns.get_entry(ns.key("a")) is None


async def test_07_a_lost_link_serves_nothing_until_it_is_subscribed_again(standalone, clock):
    """Row 7: what it may have missed is not served, and then it is read anew."""
    async with (
        ChaosProxy(standalone.url) as proxy,
        cachekit.connect(proxy.url, timeout=0.3, clock=clock) as cache,
        cachekit.connect(standalone.url, clock=clock) as other,
    ):
        ns, theirs = cache.namespace("shop", POLICY), other.namespace("shop", POLICY)
        await near(ns, ns.key("a"), "old")
        await proxy.cut()
        await until(lambda: not ns._here().watcher.live, "the loss is noticed")
        assert await ns.get(ns.key("a")) is None
        await theirs.set(ns.key("a"), "new")
        await proxy.heal()
        await seen(ns, ns.key("a"), "new")


async def test_07_a_killed_link_is_noticed(standalone, clock):
    """Row 7: the server closed it; the next reader sees what has changed since."""
    async with cachekit.connect(standalone.url, clock=clock) as cache:
        ns = cache.namespace("shop", POLICY)
        for number in range(5):
            await near(ns, ns.key("a"), number)
            standalone.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            standalone.call("DEL", ns.key("a"))
            await gone(ns, ns.key("a"))
            await until(lambda: ns._here().watcher.live, "subscribed again")


@pytest.mark.parametrize("silence", ["black_hole", "half_open"])
async def test_07_a_link_that_fell_silent_is_found_out(standalone, clock, silence):
    """Row 7: nobody says a word; an idle link is pinged, so that its values are not served for ever."""
    async with (
        ChaosProxy(standalone.url) as proxy,
        cachekit.connect(proxy.url, timeout=0.3, clock=clock) as cache,
    ):
        ns = cache.namespace("shop", POLICY)
        await near(ns, ns.key("a"), "old")
        await getattr(proxy, silence)()
        standalone.call("DEL", ns.key("a"))
        await until(lambda: not ns._here().watcher.live or not ns._here().lookup._near.slots, "found out")
        await proxy.heal()
        await gone(ns, ns.key("a"))


async def test_08_a_cancelled_leader_leaves_the_others_their_result(shop, errors_of_the_loop):
    """Row 8: and the last one that leaves ends the load."""
    loader = Loader("v")
    loader.hold()
    calls = [asyncio.create_task(shop.get_or_set(shop.key("a"), loader)) for _ in range(3)]
    await loader.started()
    calls[0].cancel()
    await asyncio.wait([calls[0]])
    loader.release()
    assert await asyncio.gather(*calls[1:]) == ["v", "v"]
    loader.hold()
    calls = [asyncio.create_task(shop.refresh(shop.key("a"), loader)) for _ in range(3)]
    await loader.started(2)
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)
    await loader.finished(2)
    assert (loader.calls, loader.cancelled) == (2, 1)
    await settled()
    del calls
    gc.collect()
    assert errors_of_the_loop == []


async def test_09_a_failed_load_is_each_caller_s_own_failure(shop, peer, errors_of_the_loop):
    """Row 9: one object each, nothing stored, nothing "never retrieved"."""
    loader = Loader()
    loader.fail(ValueError("upstream"))
    loader.hold()
    calls = [asyncio.create_task(shop.get_or_set(shop.key("a"), loader)) for _ in range(50)]
    await loader.started()
    while shop.stats().coalesced < 49:
        await asyncio.sleep(0)
    leaving = calls.pop()
    leaving.cancel()
    loader.release()
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert {(type(error), str(error)) for error in errors} == {(ValueError, "upstream")}
    assert len({id(error) for error in errors}) == 49
    assert loader.calls == 1
    assert await peer.get_entry(shop.key("a")) is None
    del calls, errors, leaving
    gc.collect()
    await settled()
    assert errors_of_the_loop == []


async def test_09_a_failed_refresh_is_silent(shop, clock, errors_of_the_loop):
    """Row 9: its stale value was served, and nobody is left to hear of it."""
    loader = Loader()
    loader.fail()
    await shop.set(shop.key("a"), "old")
    clock.advance(61)
    assert await shop.get_or_set(shop.key("a"), loader) == "old"
    await settled()
    gc.collect()
    assert (loader.calls, errors_of_the_loop) == (1, [])


async def test_10_a_load_that_outlasts_its_lease_keeps_it(cache, redis_url, clock, monkeypatch):
    """Row 10: it is renewed, so that nobody else loads."""
    ns, loader, renewals, run = (
        cache.namespace("short", Policy(lease=0.1)),
        Loader("v"),
        [],
        cache.store.run_script,
    )

    async def run_script(script, *arguments):
        reply = await run(script, *arguments)
        if script is RENEW:
            renewals.append(reply)
        return reply

    monkeypatch.setattr(cache.store, "run_script", run_script)
    loader.hold()
    async with cachekit.connect(redis_url, clock=clock) as other:
        calls = [asyncio.create_task(ns.get_or_set(ns.key("a"), loader))]
        await loader.started()
        theirs = other.namespace("short", Policy(lease=0.1))
        calls.append(asyncio.create_task(theirs.get_or_set(ns.key("a"), loader)))
        await until(lambda: len(renewals) >= 6, "twice the life of the lease has passed")
        loader.release()
        assert await asyncio.gather(*calls) == ["v", "v"]
    assert (loader.calls, set(renewals)) == (1, {1})


async def test_10_a_load_that_has_lost_its_lease_does_not_write(cache, redis_url, clock, monkeypatch):
    """Row 10: its process stood still, another one loads, and the late value is refused."""
    ns, slow, run = cache.namespace("short", Policy(lease=0.1)), Loader("slow"), cache.store.run_script

    async def run_script(script, *arguments):
        if script is RENEW:
            await asyncio.Event().wait()
        return await run(script, *arguments)

    monkeypatch.setattr(cache.store, "run_script", run_script)
    slow.hold()
    loading = asyncio.create_task(ns.get_or_set(ns.key("a"), slow))
    await slow.started()
    async with cachekit.connect(redis_url, clock=clock) as other:
        theirs = other.namespace("short", Policy(lease=0.1))
        assert await theirs.get_or_set(ns.key("a"), Loader("quick")) == "quick"
        slow.release()
        assert await loading == "slow"
        assert await theirs.get(ns.key("a")) == "quick"
    assert await ns.get(ns.key("a")) == "quick"


async def test_11_a_hit_takes_one_command_and_no_lock(cache):
    """Row 11: a locked hit takes five elsewhere."""
    ns = cache.namespace("far", Policy(near=0))
    await ns.get_or_set(ns.key("a"), Loader("v"))
    await until(lambda: cache.runtime().log.live, "the mirror follows")
    before = await commands(cache)
    for _ in range(50):
        await ns.get_or_set(ns.key("a"), Loader("never"))
    assert (await commands(cache)) - before == 50


async def commands(cache):
    """How many commands of reading, writing and locking the server has run so far."""
    stats = await cache.store.execute("INFO", "commandstats")
    about = (
        "get",
        "set",
        "mget",
        "evalsha",
        "eval",
        "exists",
        "pttl",
        "unlink",
        "del",
        "xrange",
        "ping",
        "xadd",
    )
    return sum(
        stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in about if name not in ("ping", "xadd")
    )


@pytest.mark.parametrize(
    ("options", "looks"), [({"lease": 30}, 1), ({"near": 0}, 3)], ids=["pushed", "polled"]
)
async def test_11_waiting_for_another_process_is_quiet(cache, redis_url, monkeypatch, options, looks):
    """Row 11: a push ends the wait; where there is none the looks come at longer and longer intervals."""
    ns = cache.namespace("quiet", Policy(**options))
    watcher, store, waits, asks = ns._here().watcher, cache.store, [], []
    wait, run = watcher.wait, store.run_script

    async def note_wait(waiter, *, attempt, at_most):
        waits.append(attempt)
        await wait(waiter, attempt=attempt, at_most=at_most)

    async def note_ask(script, *arguments):
        asks.extend([script] * (script is ACQUIRE))
        return await run(script, *arguments)

    monkeypatch.setattr(watcher, "wait", note_wait)
    monkeypatch.setattr(store, "run_script", note_ask)
    if looks == 1:
        monkeypatch.setattr("cachekit.core.watcher.MOST_POLL", 1_000)
        await near(ns, ns.key("warm"), 1)
    theirs = Loader("theirs")
    theirs.hold()
    async with cachekit.connect(redis_url) as other:
        there = asyncio.create_task(other.namespace("quiet", ns.policy).get_or_set(ns.key("a"), theirs))
        await theirs.started()
        callers = [asyncio.create_task(ns.get_or_set(ns.key("a"), Loader("never"))) for _ in range(100)]
        await until(lambda: len(waits) >= looks, "it has looked")
        theirs.release()
        assert set(await asyncio.gather(there, *callers)) == {"theirs"}
    assert waits == list(range(1 if looks == 1 else len(waits)))
    assert len(asks) == len(waits) + 1


@pytest.mark.parametrize("live", [True, False])
async def test_11_polling_backs_off(monkeypatch, live):
    """Row 11: by doubling, up to half a second; never longer than the other's lease lasts."""
    watcher, pauses = Watcher(None, monotonic=lambda: 0.0), []
    watcher.live = live

    async def note(_, *, timeout):  # noqa: ASYNC109 - as asyncio.wait has it
        pauses.append(timeout)

    monkeypatch.setattr("cachekit.core.watcher.asyncio.wait", note)
    for attempt in range(8):
        await watcher.wait(watcher.expect("k"), attempt=attempt, at_most=60)
    await watcher.wait(watcher.expect("k"), attempt=0 if live else 7, at_most=0.1)
    assert pauses == ([0.5] * 8 if live else [0.02, 0.04, 0.08, 0.16, 0.32, 0.5, 0.5, 0.5]) + [0.1]


STAMPEDE = """
    import asyncio, sys
    import cachekit

    async def main(url, upstream):
        async with cachekit.connect(url) as cache:
            ns = cache.namespace("shop")
            await cache.store.ping()

            async def load():
                with open(upstream, "a") as calls:
                    calls.write("x")
                await asyncio.sleep(0.3)
                return "v"

            print("ready", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
            values = await asyncio.gather(*(ns.get_or_set(ns.key("a"), load) for _ in range(250)))
            assert values == ["v"] * 250

    asyncio.run(main(*sys.argv[1:]))
"""


async def test_12_a_stampede_over_processes_makes_one_load(standalone, tmp_path):
    """Row 12: four processes, a thousand callers, one call of the upstream, a few commands."""
    upstream = tmp_path / "calls"
    command = [sys.executable, "-c", textwrap.dedent(STAMPEDE), standalone.url, str(upstream)]
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe) for _ in range(4)
    ]
    for process in processes:
        assert await process.stdout.readline() == b"ready\n"
    standalone.call("CONFIG", "RESETSTAT")
    outputs = await asyncio.gather(*(process.communicate(b"\n") for process in processes))
    assert [process.returncode for process in processes] == [0] * 4, outputs
    assert upstream.read_text() == "x"
    text = standalone.call("INFO", "commandstats")
    calls = {name: stats["calls"] for name, stats in text.items()}
    outer = [f"cmdstat_{name}" for name in ("get", "evalsha", "eval", "xrange")]
    assert sum(calls.get(name, 0) for name in outer) <= 80, calls


@pytest.mark.parametrize("apart", [-3600, 3600])
@VERBS
async def test_13_clocks_an_hour_apart_invalidate_all_the_same(redis_url, clock, apart, verb):
    """Row 13: what is older is decided by the log: nothing dead is served, and nothing new is lost."""
    async with (
        cachekit.connect(redis_url, clock=clock) as one,
        cachekit.connect(redis_url, clock=ManualClock(clock.now + apart)) as other,
    ):
        policy = Policy(ttl=36_000)
        ours, theirs = one.namespace("shop", policy), other.namespace("shop", policy)
        for writer, invalidator in itertools.permutations((ours, theirs)):
            await writer.set(ours.key("a"), "old", tags=["t"])
            await seen(invalidator, ours.key("a"), "old")
            await invalidate(invalidator, verb)
            await gone(writer, ours.key("a"))
            await gone(invalidator, ours.key("a"))
            await invalidator.set(ours.key("a"), "new", tags=["t"])
            await seen(writer, ours.key("a"), "new")


@VERBS
async def test_14_an_invalidation_kills_the_stale_value_too(shop, peer, anyone, clock, verb):
    """Row 14: it is not served while a new one is loaded, nor if that fails."""
    await shop.set(shop.key("a"), "old", tags=["t"])
    clock.advance(61)
    assert (await peer.get_entry(shop.key("a"))).state == "stale"
    await invalidate(anyone, verb)
    await gone(shop, shop.key("a"))
    loader = Loader()
    loader.fail()
    for ns in (shop, peer):
        with pytest.raises(RuntimeError):
            await ns.get_or_set(shop.key("a"), loader)


@pytest.mark.parametrize("value", [{"n": [1, {"m": 2}]}, [1, 2], {"n": 1}])
async def test_15_who_changes_what_he_got_changes_nobody_else_s(shop, value):
    """Row 15: whether it was loaded, coalesced, read from Redis or from the near store."""

    async def load():
        return json.loads(json.dumps(value))

    for mine in await asyncio.gather(*(shop.get_or_set(shop.key("a"), load) for _ in range(3))):
        assert mine == value
        mine.clear()
    for _ in range(20):
        mine = await shop.get(shop.key("a"))
        assert mine == value
        mine.clear()
    assert await is_near(shop, shop.key("a"))


@pytest.mark.parametrize(
    "value", [-1, 2**63, -(2**70), 0.1, -0.0, 1e300, "é\u2028\x00", "", None, True, [[]], {"": {"1": None}}]
)
async def test_16_what_json_can_hold_comes_back_exactly(shop, peer, value):
    """Row 16: the same value and the same type."""
    await shop.set(shop.key("a"), value)
    back = await peer.get(shop.key("a"), "missing")
    assert (back, type(back), repr(back)) == (value, type(value), repr(value))


@pytest.mark.parametrize("value", [b"x", (1, 2), {1: 2}, {1}, float("nan"), float("inf"), object(), "\ud800"])
async def test_16_what_json_cannot_hold_is_refused(shop, value):
    """Row 16: it is said at once, and nothing is kept."""
    with pytest.raises(cachekit.InvalidValue):
        await shop.set(shop.key("a"), value)
    assert await shop.get_entry(shop.key("a")) is None


def test_17_params_that_differ_have_keys_that_differ(shop):
    """Row 17: types and frames are part of the key."""
    params = [
        None,
        "",
        "None",
        0,
        "0",
        False,
        0.0,
        [],
        {},
        [None],
        ["1:b:2", "3"],
        ["1", "2:b:3"],
        [1, 2],
        [2, 1],
    ]
    keys = [shop.key("r", each) for each in params] + [shop.key("r")]
    assert len(set(keys)) == len(keys)


def test_17_a_key_is_the_same_in_every_process():
    """Row 17: whatever PYTHONHASHSEED says; it has at least 128 bits."""
    source = """
        from cachekit.core.keys import KeySpace
        print(KeySpace("shop").key("r", {"tags": {"b", "a", "c", "d"}, "x": frozenset([1, "1", None])}))
    """
    (key,) = {run_python(source, PYTHONHASHSEED=seed).strip() for seed in ("0", "1", "4711")}
    assert len(key.rpartition(":")[2]) * 4 >= 128


@pytest.mark.parametrize("odd", ["a?", "a*", "[a]", "a\\", "a^", "-"])
async def test_18_glob_characters_in_keys_and_names_mean_themselves(shop, cache, odd):
    """Row 18: what a user sent matches nothing else, here or in Redis, and can be matched itself."""
    literal = shop.literal(odd)
    raw = f"shop:raw{odd}"
    for key in (literal, raw, shop.key("other"), "shop:rawab"):
        await shop.set(key, "v")
    escaped = "".join(f"\\{each}" for each in f"raw{odd}")
    await shop.invalidate(pattern=escaped)
    await cache.swept()
    assert await shop.get(raw) is None
    assert len(await shop.get_many([literal, shop.key("other"), "shop:rawab"])) == 3
    assert not any(each in literal for each in "?*[]\\^")


async def test_19_correctness_does_not_need_scan(shop, peer, cache, monkeypatch):
    """Row 19: it finds nothing at all here, and what was invalidated is gone all the same."""

    async def find_nothing(_):
        for batch in ():
            yield batch

    monkeypatch.setattr(cache.store, "scan", find_nothing)
    await shop.set(shop.key("a"), "v")
    await seen(peer, shop.key("a"), "v")
    await shop.invalidate(pattern="*")
    await cache.swept()
    assert await shop.get_entry(shop.key("a")) is None
    await gone(peer, shop.key("a"))


async def test_19_scan_may_repeat_and_come_late(shop, cache, monkeypatch):
    """Row 19: a key named thrice counts once, and one set anew meanwhile stays."""
    await shop.set(shop.key("old"), "v")
    await shop.set(shop.key("new"), "v")
    scan, gate, begun = cache.store.scan, asyncio.Event(), asyncio.Event()

    async def stutter(pattern):
        begun.set()
        await gate.wait()
        async for batch in scan(pattern):
            yield batch * 3
            yield batch

    monkeypatch.setattr(cache.store, "scan", stutter)
    await shop.clear()
    await begun.wait()
    await shop.set(shop.key("new"), "again")
    gate.set()
    assert await cache.swept() == 1
    assert await shop.get(shop.key("new")) == "again"
    assert await cache.store.get(shop.key("old")) is None


@pytest.mark.parametrize("ttl", [0, -1, 0.0009, float("nan"), float("inf"), True, "60", None])
async def test_20_a_ttl_that_is_none_is_refused(shop, ttl):
    """Row 20: wherever one may be said; there is no "for ever"."""
    with pytest.raises(cachekit.ConfigurationError, match="ttl"):
        Policy(ttl=ttl)
    if ttl is not None:
        for call in (shop.set(shop.key("a"), 1, ttl=ttl), shop.get_or_set(shop.key("a"), Loader(1), ttl=ttl)):
            with pytest.raises(cachekit.ConfigurationError, match="ttl"):
                await call
    assert await shop.get_entry(shop.key("a")) is None


async def test_20_the_shortest_ttl_is_a_millisecond(cache, shop):
    """Row 20: and every key in Redis has an end."""
    ns = cache.namespace("brief", Policy(ttl=0.001))
    await ns.set(ns.key("a"), 1)
    assert -2 <= await cache.store.execute("PTTL", ns.key("a")) <= 1
    assert await cache.store.execute("PTTL", ns.key("a")) != -1


async def test_21_several_event_loops_share_one_cache(shop):
    """Row 21: each thread has connections and loads of its own; what one stores the others see."""
    await shop.set(shop.key("home"), "v")
    found = []

    async def visit(number):
        assert await shop.get(shop.key("home")) == "v"
        loader = Loader(number)
        values = await asyncio.gather(*(shop.get_or_set(shop.key("k", number), loader) for _ in range(20)))
        found.append((set(values), loader.calls))
        await shop.invalidate(tags=[f"t{number}"])

    threads = [threading.Thread(target=asyncio.run, args=(visit(number),)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert sorted(found, key=str) == [({number}, 1) for number in range(3)]
    assert [await shop.get(shop.key("k", number)) for number in range(3)] == [0, 1, 2]


async def test_21_loops_that_load_one_key_at_once_make_one_load(shop):
    """Row 21: the lease stands between them as between processes."""
    calls = []

    async def slow():
        calls.append(threading.get_ident())
        await asyncio.sleep(0.1)
        return "v"

    async def visit():
        assert await shop.get_or_set(shop.key("a"), slow) == "v"

    threads = [threading.Thread(target=asyncio.run, args=(visit(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert await shop.get_or_set(shop.key("a"), slow) == "v"
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert len(calls) == 1


FORK = """
    import asyncio, os, sys
    import cachekit

    async def main(url):
        async with cachekit.connect(url) as cache:
            ns = cache.namespace("shop")
            await ns.set(ns.key("a"), "parent")
            for _ in range(20):
                assert await ns.get(ns.key("a")) == "parent"

            async def child():
                assert await ns.get(ns.key("a")) == "parent"
                await ns.set(ns.key("b"), "child")
                assert await ns.get_or_set(ns.key("c"), load) == "loaded"
                await ns.invalidate(tags=["t"])

            async def load():
                return "loaded"

            pid = os.fork()
            if pid == 0:
                status = 1
                try:
                    asyncio.run(child())
                    status = 0
                finally:
                    sys.stderr.flush()
                    os._exit(status)
            _, status = await asyncio.to_thread(os.waitpid, pid, 0)
            assert status == 0, status
            for name, value in (("a", "parent"), ("b", "child"), ("c", "loaded")):
                assert await ns.get(ns.key(name)) == value, name
            await ns.set(ns.key("a"), "after")
            assert await ns.get(ns.key("a")) == "after"
            print("well", end="")

    asyncio.run(main(sys.argv[1]))
"""


def test_21_a_cache_works_after_a_fork(redis_url):
    """Row 21: in the child on connections of its own, and in the parent as before."""
    assert run_python(FORK, redis_url) == "well"


async def test_22_a_none_is_a_value(shop, peer):
    """Row 22: it hits, near and far, alone and among many."""
    loader = Loader(None)
    for ns in (shop, peer) * 10:
        assert await ns.get_or_set(shop.key("a"), loader) is None
        assert await ns.get(shop.key("a"), "missing") is None
        assert await ns.get_many([shop.key("a")]) == {shop.key("a"): None}
    assert loader.calls == 1


@pytest.mark.parametrize("damage", [b"", b"\x00", b"{}", b'{"data":1', b"null", b"x" * 100_000])
async def test_23_a_corrupt_value_is_a_counted_miss(shop, cache, damage):
    """Row 23: alone and among many, and it makes place for a good one."""
    await shop.set(shop.key("b"), "good")
    await cache.store.set(shop.key("a"), damage, px=60_000)
    assert await shop.get(shop.key("a"), "missing") == "missing"
    assert await shop.get_many([shop.key("a"), shop.key("b")]) == {shop.key("b"): "good"}
    assert cache.stats().corrupt == 2
    assert await shop.get_or_set(shop.key("a"), Loader("new")) == "new"
    assert await shop.get(shop.key("a")) == "new"


async def test_24_clear_is_for_this_namespace_only(shop, cache):
    """Row 24: other namespaces, foreign keys and the log stay."""
    other = cache.namespace("shop-2", POLICY)
    await cache.store.set("foreign", b"x", px=60_000)
    for ns in (shop, other):
        await ns.set(ns.key("a"), "v")
    await shop.clear()
    await cache.swept()
    keys = {key async for batch in cache.store.scan("*") for key in batch}
    assert keys == {b"foreign", b"shop-2:a", b"cachekit/log:cachekit"}
    assert await other.get(other.key("a")) == "v"

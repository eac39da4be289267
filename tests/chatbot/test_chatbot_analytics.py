"""Live analytics: what every instance counts, each of them can read, and an outage loses nothing."""

import asyncio
from contextlib import AsyncExitStack
from decimal import Decimal

import msgspec
import pytest
from support.servers import until

import cachekit
from cachekit.testing import ManualClock
from chatbot.analytics import Analytics, tally
from chatbot.analytics import analytics as module

pytest_plugins = ["support.server_fixtures"]


@pytest.fixture
async def analytics(cache):
    """One instance's, not entered: it writes when told."""
    return Analytics(cache, instance="a")


async def test_what_is_counted_is_what_is_seen(analytics):
    """Searches by route and minute, hits, answers, tokens and cost."""
    for _ in range(3):
        analytics.searched("GRU-LIS", cached=True)
    analytics.searched("GRU-LIS", cached=False)
    analytics.searched("GRU-OPO", cached=False)
    analytics.answered("ana", tokens=1_200, cost=Decimal("0.0105"))
    analytics.answered("bob", tokens=300, cost=Decimal("0.000021"))
    analytics.active("cid")
    await analytics.flush()
    seen = await analytics.snapshot(2)
    assert (seen.searches, seen.hit_ratio, seen.upstream_calls_saved) == (5, 0.6, 3)
    assert (seen.answers, seen.tokens, seen.cost) == (2, 1_500, "0.010521")
    assert seen.active_users == 3
    assert [(each.route, each.searches, each.cached, each.per_minute) for each in seen.routes] == [
        ("GRU-LIS", 4, 3, [0, 4]),
        ("GRU-OPO", 1, 0, [0, 1]),
    ]
    assert [minute.searches for minute in seen.timeline] == [0, 5]


async def test_minutes_stand_apart_and_leave_the_window(analytics, clock):
    """A user active in two minutes counts once; what is older than the window is not shown."""
    analytics.active("ana")
    analytics.searched("GRU-LIS", cached=False)
    clock.advance(60)
    analytics.active("ana")
    analytics.active("bob")
    await analytics.flush()
    seen = await analytics.snapshot(2)
    assert [minute.active_users for minute in seen.timeline] == [1, 2]
    assert (seen.active_users, seen.searches) == (2, 1)
    clock.advance(60)
    seen = await analytics.snapshot(2)
    assert (seen.active_users, seen.searches, seen.hit_ratio) == (2, 0, None)


async def test_a_snapshot_travels_as_json(analytics):
    """It goes to admins as it is, in camel case."""
    payload = msgspec.to_builtins(await analytics.snapshot(1))
    assert {"hitRatio", "upstreamCallsSaved", "activeUsers", "timeline", "routes"} <= set(payload)
    assert payload["at"] == "2026-11-18T11:06:40.000Z"
    assert payload["timeline"][0]["at"] == "2026-11-18T11:06:00.000Z"


@pytest.mark.parametrize("minutes", [0, 61, -1])
async def test_a_window_has_bounds(analytics, minutes):
    """One to sixty minutes."""
    with pytest.raises(ValueError, match="1 to 60"):
        await analytics.snapshot(minutes)


@pytest.mark.parametrize("url", ["memory://", "server"])
async def test_instances_count_together(url, redis_url):
    """Eight instances count and write at once; the sum is exact."""
    async with AsyncExitStack() as stack:
        where = redis_url if url == "server" else url
        clock = ManualClock()
        cache = await stack.enter_async_context(cachekit.connect(where, clock=clock))
        caches = [cache] * 8
        if url == "server":
            caches = [await stack.enter_async_context(cachekit.connect(where, clock=clock)) for _ in range(8)]
        instances = [Analytics(each, instance=str(n)) for n, each in enumerate(caches)]

        async def work(each, number):
            for turn in range(50):
                each.searched("GRU-LIS", cached=turn % 2 == 0)
                each.active(f"user {number} {turn % 5}")
                await each.flush()

        await asyncio.gather(*(work(each, number) for number, each in enumerate(instances)))
        for each in instances:
            seen = await each.snapshot(1)
            assert (seen.searches, seen.upstream_calls_saved, seen.active_users) == (400, 200, 40)


async def test_in_a_cluster(cluster):
    """All keys of a write, and of a count of users, lie in one slot."""
    async with cachekit.connect(cluster.url, clock=ManualClock()) as cache:
        each = Analytics(cache, instance="a")
        each.searched("GRU-LIS", cached=True)
        each.active("ana")
        await each.flush()
        seen = await each.snapshot()
        assert (seen.searches, seen.active_users) == (1, 1)


async def test_an_outage_loses_no_count(standalone, clock):
    """What was counted before and during it is there afterwards, once."""
    async with cachekit.connect(standalone.url, clock=clock) as cache:
        each = Analytics(cache, instance="a", interval=0.01)
        async with each:
            with standalone.paused():
                each.searched("GRU-LIS", cached=False)
                await until(lambda: each._writing is not None, "a write is under way")
                each.searched("GRU-LIS", cached=False)
                with pytest.raises(cachekit.CacheUnavailable):
                    await each.flush()
                clock.advance(60)
                each.searched("GRU-OPO", cached=True)
            await until(lambda: not each._minutes and each._writing is None, "all is written")
        seen = await each.snapshot()
        assert [(route.route, route.searches) for route in seen.routes] == [("GRU-LIS", 2), ("GRU-OPO", 1)]


async def test_a_write_whose_answer_was_lost_counts_once(analytics, cache, monkeypatch):
    """It is sent again under its number."""
    run_script = cache.store.run_script

    async def lose_the_answer(*given):
        await run_script(*given)
        raise cachekit.CacheUnavailable("the answer was lost", operation="EVAL")

    analytics.searched("GRU-LIS", cached=True)
    monkeypatch.setattr(cache.store, "run_script", lose_the_answer)
    with pytest.raises(cachekit.CacheUnavailable):
        await analytics.flush()
    monkeypatch.undo()
    analytics.searched("GRU-LIS", cached=True)
    await analytics.flush()
    assert (await analytics.snapshot(1)).searches == 2


async def test_a_write_that_is_cancelled_counts_once(standalone, clock):
    """Closing in the middle of a write neither loses nor doubles it."""
    async with cachekit.connect(standalone.url, clock=clock) as cache:
        each = Analytics(cache, instance="a", interval=0)
        async with each:
            for _ in range(200):
                each.searched("GRU-LIS", cached=True)
                await asyncio.sleep(0)
        assert (await each.snapshot(1)).searches == 200


async def test_closing_writes_what_is_left(cache):
    """The last second is not lost."""
    async with Analytics(cache, instance="a", interval=3_600) as each:
        each.active("ana")
    assert (await each.snapshot(1)).active_users == 1


async def test_closing_does_not_wait_for_a_redis_that_is_away(standalone, caplog, clock):
    """It says that the counts are lost, and ends."""
    async with cachekit.connect(standalone.url, clock=clock) as cache:
        with standalone.dead():
            async with Analytics(cache, instance="a", interval=3_600) as each:
                each.active("ana")
    assert "analytics are lost" in caplog.text


async def test_memory_is_bounded_during_an_outage(analytics, clock, monkeypatch):
    """The oldest minutes, further users and further routes give way."""
    monkeypatch.setattr(module, "MOST_USERS", 50)
    for minute in range(100):
        for number in range(3):
            analytics.active(f"{minute} {number}")
        clock.advance(60)
    assert len(analytics._minutes) == module.MOST_MINUTES
    assert sum(len(each.users) for each in analytics._minutes.values()) == analytics._users <= 50
    await analytics.flush()
    assert analytics._users == 0


async def test_routes_are_bounded_in_an_instance_and_in_redis(analytics, cache, monkeypatch):
    """Beyond, they count as one; what is no route does so at once."""
    names = [f"{first}{second}-LIS" for first in "ABCDEFGHIJKLMNOPQRST" for second in "ABCDEFGHIJKLMNOPQRST"]
    others = [Analytics(cache, instance=str(number)) for number in range(3)]
    for number, each in enumerate(others):
        for name in names:
            each.searched(f"{number}{name}", cached=True)
        await each.flush()
    analytics.searched("where Ana wants to go", cached=False)
    await analytics.flush()
    fields = await cache.store.execute("HGETALL", f"chat_stats:{{all}}:{int(cache.clock.time() // 60)}")
    assert len(fields) <= module._FIELDS + 2
    assert not any(b"Ana" in name for name in fields)
    seen = await analytics.snapshot(1)
    assert seen.searches == int(fields[b"searches"]) == 1_201
    assert sum(int(n) for name, n in fields.items() if name.startswith(b"r:")) == 1_201
    assert {each.route for each in seen.routes} >= {tally.OTHER}


async def test_everything_expires(analytics, cache):
    """Nothing of a minute is kept for longer than two hours, and no id of a user can be read."""
    analytics.searched("GRU-LIS", cached=True)
    analytics.active("ana@example.com")
    await analytics.flush()
    keys = [key async for batch in cache.store.scan("*") for key in batch]
    assert len(keys) == 3
    for key in keys:
        assert 0 < await cache.store.execute("TTL", key) <= 7_200
        value = await cache.store.execute("DUMP", key)
        assert b"ana@" not in value


async def test_any_user_id_is_counted(analytics):
    """Also one with half a surrogate pair, which UTF-8 cannot hold."""
    for user in ("\ud800", "", "é" * 300):
        analytics.active(user)
    await analytics.flush()
    assert (await analytics.snapshot(1)).active_users == 3

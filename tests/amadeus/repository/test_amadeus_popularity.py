"""What is asked most: counted for nothing, shared, and forgotten."""

import asyncio
import datetime as dt
from dataclasses import replace

import pytest

import cachekit
from cachekit import CacheUnavailable
from cachekit.amadeus.params import FlightSearch, Leg, MultiCitySearch
from cachekit.amadeus.repository.popularity import FLUSH_SECONDS, MOST_KEPT, PERIOD, PERIODS, Popularity
from cachekit.testing import ChaosProxy

DAY = dt.date(2026, 12, 12)
ONE, TWO = (FlightSearch(origin="GRU", destination=code, departure_date=DAY) for code in ("LIS", "MAD"))
JOURNEY = MultiCitySearch(legs=(Leg("GRU", "LIS", DAY), Leg("LIS", "MAD", DAY)), adults=2)


@pytest.fixture
def popularity(cache):
    return Popularity(cache, "us")


@pytest.fixture
async def peer(redis_url, clock):
    """The same in another process."""
    async with cachekit.connect(redis_url, clock=clock) as other:
        yield Popularity(other, "us")


@pytest.fixture
def round_trips(cache, monkeypatch):
    """How often Redis was asked."""
    sent, pipeline = [], cache.store.pipeline

    async def count(commands):
        sent.append(len(commands))
        return await pipeline(commands)

    monkeypatch.setattr(cache.store, "pipeline", count)
    return sent


def ask(popularity, request, times=1):
    for _ in range(times):
        popularity.note(request)


def names(found):
    return [each.request for each in found]


async def keys(cache):
    return [key async for batch in cache.store.scan("cachekit/popular:*") for key in batch]


async def settled():
    while tasks := [task for task in asyncio.all_tasks() if task.get_name() == "cachekit popularity"]:
        await asyncio.wait(tasks)


async def test_what_is_asked_most_comes_first(popularity):
    """Requests of either kind come back as they were asked."""
    ask(popularity, ONE)
    ask(popularity, JOURNEY, 3)
    ask(popularity, TWO, 2)
    found = await popularity.most(2)
    assert [(each.request, each.weight) for each in found] == [(JOURNEY, 3), (TWO, 2)]


async def test_asking_costs_no_command(popularity, round_trips, clock):
    """A thousand askings in half a minute are one round trip."""
    ask(popularity, ONE, 1_000)
    await settled()
    assert round_trips == []
    clock.advance(FLUSH_SECONDS)
    ask(popularity, ONE)
    await settled()
    assert len(round_trips) == 1


async def test_all_processes_count_together(popularity, peer):
    """Each sees what the other has sent."""
    ask(popularity, ONE, 2)
    ask(peer, ONE)
    ask(peer, TWO, 2)
    await popularity.flush()
    assert [(each.request, each.weight) for each in await peer.most(9)] == [(ONE, 3), (TWO, 2)]


async def test_other_contracts_are_counted_apart(popularity, cache):
    """What one asks is not told to the other."""
    ask(popularity, ONE)
    await popularity.flush()
    assert await Popularity(cache, "them").most(9) == []


async def test_an_asking_is_worth_half_after_twelve_hours(popularity, clock):
    """What was popular yesterday gives way to what is today."""
    ask(popularity, ONE, 4)
    await popularity.flush()
    clock.advance(12 * 3600)
    ask(popularity, TWO, 3)
    assert [(each.request, each.weight) for each in await popularity.most(9)] == [
        (TWO, 3),
        (ONE, pytest.approx(2)),
    ]


async def test_what_is_asked_no_more_is_forgotten(popularity, cache, clock):
    """After two days; and Redis drops it by itself."""
    ask(popularity, ONE)
    await popularity.flush()
    assert 0 < await cache.store.execute("TTL", (await keys(cache))[0]) <= PERIOD * (PERIODS + 1)
    clock.advance(PERIOD * PERIODS)
    assert await popularity.most(9) == []


async def test_requests_are_ranked_and_the_unknown_ones_come_last(popularity):
    """Each once, and those of one rank in the order they were given."""
    ask(popularity, TWO, 2)
    ask(popularity, ONE)
    others = [FlightSearch(origin="GRU", destination=code, departure_date=DAY) for code in ("ORY", "CDG")]
    assert await popularity.ranked([others[0], ONE, others[1], TWO, ONE]) == [TWO, ONE, *others]


async def test_only_so_many_are_remembered(popularity, cache):
    """The rarest go; a flood of odd searches takes no room without end."""
    ask(popularity, ONE, 2)
    for number in range(2):
        for days in range(MOST_KEPT):
            day = DAY + dt.timedelta(days)
            popularity.note(
                FlightSearch(origin="GRU", destination="LIS", departure_date=day, adults=2 + number)
            )
        await popularity.flush()
    assert await cache.store.execute("ZCARD", (await keys(cache))[0]) == MOST_KEPT
    assert names(await popularity.most(1)) == [ONE]


async def test_only_so_many_are_counted_between_two_flushes(popularity, round_trips):
    """Memory and the round trip are bounded; what is known already is counted on."""
    for days in range(MOST_KEPT + 9):
        popularity.note(
            FlightSearch(origin="GRU", destination="LIS", departure_date=DAY + dt.timedelta(days))
        )
    ask(popularity, replace(ONE, departure_date=DAY))
    await popularity.flush()
    assert round_trips == [MOST_KEPT + 2]
    assert (await popularity.most(1))[0].weight == 2


async def test_what_others_wrote_there_is_passed_over(popularity, cache):
    """Another version of this library, or somebody with a shell."""
    ask(popularity, ONE)
    await popularity.flush()
    key = (await keys(cache))[0]
    for odd in (
        b"\xff",
        b"7",
        b"{}",
        b'{"GET": {"originLocationCode": "x"}}',
        b'{"POST": {}}',
        b'{"PUT": {}}',
    ):
        await cache.store.execute("ZADD", key, 9, odd)
    assert names(await popularity.most(9)) == [ONE]


async def test_counts_survive_an_outage_of_redis(redis_url, clock):
    """They are sent when it is back; asking never fails."""
    async with (
        ChaosProxy(redis_url) as proxy,
        cachekit.connect(proxy.url, clock=clock, timeout=1) as cache,
    ):
        popularity = Popularity(cache, "us")
        await proxy.cut()
        ask(popularity, ONE, 2)
        await popularity.flush()
        await proxy.heal()
        clock.advance(60)
        ask(popularity, ONE)
        await popularity.flush()
        assert [each.weight for each in await popularity.most(9)] == [3]


async def test_a_long_outage_takes_no_room_without_end(popularity, cache, round_trips, monkeypatch):
    """What is counted while counts are sent in vain joins them, and the rarest go."""
    days = iter(range(5 * MOST_KEPT))

    async def refuse(_):
        for _ in range(MOST_KEPT):
            ask(popularity, replace(ONE, departure_date=DAY + dt.timedelta(next(days))))
        raise CacheUnavailable("away", operation="pipeline")

    ask(popularity, TWO, 2)
    with monkeypatch.context() as outage:
        outage.setattr(cache.store, "pipeline", refuse)
        for _ in range(5):
            await popularity.flush()
    await popularity.flush()
    assert round_trips == [MOST_KEPT + 2]
    assert names(await popularity.most(1)) == [TWO]


async def test_a_closed_cache_ends_the_counting_quietly(redis_url):
    """The last half minute is lost, and that is all."""
    async with cachekit.connect(redis_url) as cache:
        popularity = Popularity(cache, "us")
        ask(popularity, ONE)
    await popularity.flush()

"""Answers that cost no question of their own: out of larger ones, and asked beforehand."""

import asyncio
import datetime as dt
from dataclasses import replace

import pytest
from support.tickets import Tickets

from cachekit.amadeus import AmadeusCacheRepository, AmadeusClient
from cachekit.amadeus.client import RequestLimits
from cachekit.amadeus.errors import AmadeusUnavailable
from cachekit.amadeus.params import FlightSearch, Leg, MultiCitySearch
from cachekit.amadeus.repository import Warmed
from cachekit.amadeus.sandbox import SandboxServer

DAY = dt.date(2026, 12, 12)
GRU_LIS = FlightSearch(origin="GRU", destination="LIS", departure_date=DAY)
CHEAP = replace(GRU_LIS, max_price=402)


@pytest.fixture
def source():
    return Tickets(offers=5)


@pytest.fixture
def repository(cache, source):
    return AmadeusCacheRepository(cache, source, derive=True)


# Out of larger answers.


async def test_a_search_is_answered_out_of_a_larger_one(repository, source, clock):
    """Labelled, as old as that one is, and nobody is asked."""
    larger = await repository.search_flights_entry(GRU_LIS)
    clock.advance(42)
    entry = await repository.search_flights_entry(CHEAP)
    assert [offer["price"]["total"] for offer in entry.value["data"]] == ["401.00", "402.00"]
    assert (entry.derived_from, entry.key) == (larger.key, repository.key(CHEAP))
    assert (entry.age, entry.state, entry.source, entry.timestamp) == (42, "fresh", "redis", larger.timestamp)
    assert source.calls == 1


async def test_an_offer_out_of_a_larger_answer_has_an_id_too(repository):
    """It is found where it is stored."""
    larger = await repository.search_flights_entry(GRU_LIS)
    entry = await repository.search_flights_entry(CHEAP)
    assert entry.offer_ids() == larger.offer_ids()[:2]
    found = await repository.get_offer(entry.offer_ids()[1])
    assert found.offer == larger.value["data"][1]


async def test_nothing_is_derived_unless_asked_for(cache, source):
    """The option is off by default."""
    repository = AmadeusCacheRepository(cache, source)
    await repository.search_flights(GRU_LIS)
    assert (await repository.search_flights_entry(CHEAP)).derived_from is None
    assert source.calls == 2


async def test_the_larger_search_is_never_asked_for(repository, source):
    """Only what is there is used."""
    entry = await repository.search_flights_entry(CHEAP)
    assert (entry.derived_from, source.calls) == (None, 1)


async def test_an_answer_of_its_own_comes_first(repository, source):
    """It is nearer to what the source would say."""
    own = await repository.search_flights_entry(CHEAP)
    await repository.search_flights(GRU_LIS)
    entry = await repository.search_flights_entry(CHEAP)
    assert (entry.derived_from, entry.value, source.calls) == (None, own.value, 2)


async def test_a_stale_larger_answer_is_none(repository, source, clock):
    """It would have to be asked for again."""
    await repository.search_flights(GRU_LIS)
    clock.advance(301)
    assert (await repository.search_flights_entry(CHEAP)).derived_from is None
    assert source.calls == 2


async def test_that_there_is_nothing_is_not_derived_from_an_old_answer(cache, clock):
    """What was not there hours ago may be there by now: as long as an empty answer of its own is kept."""
    source = Tickets(offers=5)
    repository = AmadeusCacheRepository(cache, source, derive=True, ttl="lead_time")
    nothing = replace(GRU_LIS, max_price=1)
    assert (await repository.search_flights_entry(GRU_LIS)).ttl == 7_200
    clock.advance(600)
    entry = await repository.search_flights_entry(nothing)
    assert (entry.value["data"], entry.derived_from is None, source.calls) == ([], False, 1)
    clock.advance(1)
    assert (await repository.search_flights_entry(nothing)).derived_from is None
    assert source.calls == 2


async def test_a_larger_answer_that_was_cut_off_is_none(repository, source):
    """Five offers were asked for, and five came: there may be more."""
    await repository.search_flights(replace(GRU_LIS, max_results=5))
    await repository.search_flights(replace(CHEAP, max_results=5))
    assert source.calls == 2


async def test_a_live_answer_is_never_derived(repository, source):
    """Who refreshes, wants the source's own word."""
    await repository.search_flights(GRU_LIS)
    entry = await repository.search_flights_entry(CHEAP, refresh=True)
    assert (entry.derived_from, entry.source, source.calls) == (None, "load", 2)


async def test_another_route_or_party_is_not_larger(repository, source):
    """Only the limits may differ."""
    await repository.search_flights(GRU_LIS)
    for other in (
        replace(CHEAP, origin="SAO"),
        replace(CHEAP, adults=2),
        replace(CHEAP, currency="EUR"),
        MultiCitySearch(legs=(Leg("GRU", "LIS", DAY),), max_price=402),
    ):
        assert (await repository.search_flights_entry(other)).derived_from is None
    assert source.calls == 5


# Beforehand.


async def test_popular_searches_are_warmed(cache, clock):
    """Those that were asked most, first; the others are left out."""
    source = Tickets()
    repository = AmadeusCacheRepository(cache, source)
    searches = [replace(GRU_LIS, adults=number) for number in range(1, 5)]
    for search in searches:
        for _ in range(search.adults):
            await repository.search_flights(search)
    assert [each.request.adults for each in await repository.popular(3)] == [4, 3, 2]
    clock.advance(4_000)
    assert await repository.warm(most=2) == Warmed(loaded=2, fresh=0, failed=0, left_out=0)
    assert [await repository.get_cached_flight_search(each) is not None for each in searches] == [
        *(False, False, True, True)
    ]


async def test_warming_does_not_make_popular(cache):
    """Else what was warmed once would be warmed for ever."""
    repository = AmadeusCacheRepository(cache, Tickets())
    await repository.warm([GRU_LIS])
    assert await repository.popular() == []


async def test_given_searches_are_warmed_and_fresh_ones_cost_nothing(cache):
    """Each once."""
    source = Tickets()
    repository = AmadeusCacheRepository(cache, source)
    await repository.search_flights(GRU_LIS)
    warmed = await repository.warm([GRU_LIS, CHEAP, CHEAP])
    assert (warmed, source.calls) == (Warmed(loaded=1, fresh=1, failed=0, left_out=0), 2)


async def test_days_that_have_passed_are_not_warmed(cache):
    """Nobody will ask for them again."""
    source = Tickets()
    repository = AmadeusCacheRepository(cache, source)
    assert (await repository.warm([replace(GRU_LIS, departure_date=dt.date(2026, 11, 1))])).loaded == 0
    assert source.calls == 0


async def test_a_source_in_trouble_is_not_pressed(cache, clock):
    """The warming ends at once, and says so; a stale answer does not hide the trouble."""
    source = Tickets()
    repository = AmadeusCacheRepository(cache, source)
    await repository.search_flights(GRU_LIS)
    clock.advance(400)
    source.error = AmadeusUnavailable("down")
    searches = [GRU_LIS, *(replace(GRU_LIS, adults=number) for number in range(2, 6))]
    warmed = await repository.warm(searches, concurrency=1)
    assert warmed == Warmed(loaded=0, fresh=0, failed=1, left_out=4)
    assert source.calls == 2
    assert (await repository.search_flights_entry(GRU_LIS)).state == "stale"


async def test_warming_and_searching_cost_one_question(cache):
    """Who searches for what is being warmed waits for it."""
    source = Tickets()
    repository = AmadeusCacheRepository(cache, source)
    source.gate.clear()
    warming = asyncio.create_task(repository.warm([GRU_LIS]))
    while not source.calls:
        await asyncio.sleep(0)
    searching = asyncio.create_task(repository.search_flights(GRU_LIS))
    await asyncio.sleep(0)
    source.gate.set()
    assert (await warming).loaded == 1
    assert await searching
    assert source.calls == 1


async def test_over_http_warming_leaves_the_reserve_of_the_budget(cache, clock):
    """Ten requests a month, half of them reserved: five are spent, and the sandbox has seen no more."""
    async with (
        SandboxServer(clock=lambda: dt.datetime.fromtimestamp(clock.time(), dt.UTC)) as sandbox,
        AmadeusClient(
            *(sandbox.url, sandbox.client_id, sandbox.client_secret),
            limits=RequestLimits(per_month=10),
            clock=clock.monotonic,
        ) as client,
    ):
        repository = AmadeusCacheRepository(cache, client)
        searches = [replace(GRU_LIS, adults=number, max_results=1) for number in range(1, 9)]
        warmed = await repository.warm(searches, reserve=0.5, concurrency=1)
        assert (warmed.loaded, warmed.left_out) == (5, 3)
        assert sandbox.stats["flight-offers"] == 5
        assert (await client.budget()).left == 5

"""How old an answer may be: stale ones, ends, the contract's limit, and no cache at all."""

import asyncio
import datetime as dt
import json
from dataclasses import replace

import pytest
from support.tickets import Tickets

import cachekit
from cachekit import Policy
from cachekit.amadeus import AmadeusCacheRepository
from cachekit.amadeus.errors import (
    AmadeusAuthError,
    AmadeusBudgetError,
    AmadeusForbiddenError,
    AmadeusNotFoundError,
    AmadeusQuotaError,
    AmadeusRateLimitError,
    AmadeusReplyError,
    AmadeusRequestError,
    AmadeusServerError,
    AmadeusUnavailable,
    FlightSourceError,
)
from cachekit.amadeus.params import AirlineLookup, FlightSearch
from cachekit.amadeus.repository import Warmed
from cachekit.testing import ChaosProxy

DAY = dt.date(2026, 12, 12)
GRU_LIS = FlightSearch(origin="GRU", destination="LIS", departure_date=DAY)
HOUR = 3_600


@pytest.fixture
def source():
    return Tickets()


@pytest.fixture
def repository(cache, source):
    return AmadeusCacheRepository(cache, source)


@pytest.fixture
def today(clock):
    return dt.datetime.fromtimestamp(clock.time(), dt.UTC).date()


def at(clock, moment):
    """Set the clock to a moment of UTC."""
    clock.now = dt.datetime.fromisoformat(f"{moment}Z").timestamp()


async def written(cache, repository, request, document, *, ttl=300, stale=0):
    """Stored as another service may store it: the three fields of old."""
    now = dt.datetime.fromtimestamp(cache.clock.time(), dt.UTC).isoformat()
    value = {"data": document, "timestamp": now, "ttl": ttl, "stale": stale}
    await cache.store.set(repository.key(request), json.dumps(value).encode(), px=86_400_000)


# Stale answers.


@pytest.mark.parametrize(
    "error",
    [
        AmadeusUnavailable,
        AmadeusServerError,
        AmadeusRateLimitError,
        AmadeusQuotaError,
        AmadeusBudgetError,
        AmadeusReplyError,
    ],
)
async def test_a_stale_answer_stands_in_for_a_source_in_trouble(repository, source, clock, error):
    """For an hour: it tells its age; then there is nothing but the error."""
    fresh = await repository.search_flights(GRU_LIS)
    clock.advance(301)
    source.error = error("not now")
    entry = await repository.search_flights_entry(GRU_LIS)
    assert (entry.value, entry.state, entry.age) == (fresh, "stale", 301)
    clock.advance(HOUR)
    with pytest.raises(error):
        await repository.search_flights(GRU_LIS)


async def test_a_stale_answer_is_given_to_nobody_while_the_source_is_well(repository, source, clock):
    """However many ask at once when it has grown stale: one question, and all have the new answer."""
    await repository.search_flights(GRU_LIS)
    clock.advance(301)
    source.gate.clear()
    tasks = [asyncio.create_task(repository.search_flights_entry(GRU_LIS)) for _ in range(50)]
    while source.calls < 2:
        await asyncio.sleep(0)
    source.gate.set()
    entries = await asyncio.gather(*tasks)
    assert {(entry.state, entry.age) for entry in entries} == {("fresh", 0)}
    assert source.calls == 2


@pytest.mark.parametrize(
    "error", [AmadeusRequestError, AmadeusNotFoundError, AmadeusAuthError, AmadeusForbiddenError]
)
async def test_no_answer_stands_in_for_a_refusal(repository, source, clock, error):
    """The source has answered, and says no: the old answer is gone, also when the source is down later."""
    await repository.search_flights(GRU_LIS)
    clock.advance(301)
    source.error = error("no")
    with pytest.raises(error):
        await repository.search_flights(GRU_LIS)
    source.error = AmadeusUnavailable("down")
    with pytest.raises(AmadeusUnavailable):
        await repository.search_flights(GRU_LIS)


async def test_a_refused_refresh_takes_a_fresh_answer_away(repository, source):
    """Credentials that were withdrawn see nothing more."""
    await repository.search_flights(GRU_LIS)
    source.error = AmadeusForbiddenError("no")
    with pytest.raises(AmadeusForbiddenError):
        await repository.search_flights(GRU_LIS, refresh=True)
    assert await repository.get_cached_flight_search(GRU_LIS) is None


async def test_an_empty_answer_is_never_stale(repository, source, clock):
    """A flight may be on sale by now; it is kept for the ttl, five minutes."""
    source.offers = 0
    entry = await repository.search_flights_entry(GRU_LIS)
    assert (entry.negative, entry.ttl, entry.value["data"]) == (True, 300, [])
    clock.advance(301)
    source.error = AmadeusUnavailable("down")
    with pytest.raises(AmadeusUnavailable):
        await repository.search_flights(GRU_LIS)


# By lead time.


@pytest.mark.parametrize(("days", "ttl"), [(2, 600), (5, 1_800), (20, 7_200), (60, 21_600), (200, 43_200)])
async def test_by_lead_time_a_far_departure_is_kept_longer(cache, today, days, ttl):
    """With ttl="lead_time" the days to departure decide."""
    repository = AmadeusCacheRepository(cache, Tickets(last_day="2028-01-01"), ttl="lead_time")
    request = replace(GRU_LIS, departure_date=today + dt.timedelta(days))
    assert (await repository.search_flights_entry(request)).ttl == ttl


async def test_by_lead_time_what_was_handed_in_is_kept_as_long(cache, source):
    """Where an answer came from makes it no older."""
    repository = AmadeusCacheRepository(cache, source, ttl="lead_time")
    await repository.cache_flight_search(GRU_LIS, await source.search(GRU_LIS))
    assert (await repository.search_flights_entry(GRU_LIS)).ttl == 7_200


async def test_by_lead_time_an_empty_answer_is_kept_briefly(cache, today):
    """A flight may go on sale at any moment."""
    repository = AmadeusCacheRepository(cache, Tickets(offers=0), ttl="lead_time")
    request = replace(GRU_LIS, departure_date=today + dt.timedelta(200))
    assert (await repository.search_flights_entry(request)).ttl == 600


# No answer outlives its first offer.


@pytest.mark.parametrize("ttl", ["fixed", "lead_time"])
async def test_a_stale_answer_ends_when_an_offer_may_have_ended(cache, clock, ttl):
    """The last day of ticketing ends first in UTC+14: at 10:00 UTC."""
    at(clock, "2026-12-01T09:00")
    source = Tickets(last_day="2026-12-01")
    repository = AmadeusCacheRepository(cache, source, ttl=ttl)
    await repository.search_flights(GRU_LIS)
    source.error = AmadeusUnavailable("down")
    at(clock, "2026-12-01T09:59")
    assert await repository.search_flights(GRU_LIS)
    at(clock, "2026-12-01T10:01")
    with pytest.raises(AmadeusUnavailable):
        await repository.search_flights(GRU_LIS)


async def test_in_doubt_an_answer_is_kept_ten_minutes(cache, clock):
    """The source still sells what may be over somewhere."""
    at(clock, "2026-12-01T15:00")
    source = Tickets(last_day="2026-12-01")
    repository = AmadeusCacheRepository(cache, source, ttl="lead_time")
    assert (await repository.search_flights_entry(GRU_LIS)).ttl == 600
    clock.advance(599)
    assert (await repository.search_flights_entry(GRU_LIS)).source == "redis"
    clock.advance(2)
    assert (await repository.search_flights_entry(GRU_LIS)).source == "load"


async def test_what_has_ended_everywhere_is_not_kept(cache, repository, clock):
    """A source may answer with flights that have left: who asked gets that, and nobody else."""
    at(clock, "2026-12-12T21:59")  # 09:59 in UTC-12, and the flight leaves at 10:00
    assert (await repository.search_flights_entry(GRU_LIS)).ttl == pytest.approx(60, abs=1)
    clock.advance(61)
    for _ in range(2):
        assert (await repository.search_flights_entry(GRU_LIS)).source == "load"
    assert await cache.namespace("amadeus_cache").get_entry(repository.key(GRU_LIS)) is None


async def test_what_others_stored_ends_with_its_offers_too(cache, repository, source, clock):
    """Their ttl does not know of departures; ours does."""
    document = await source.search(GRU_LIS)
    at(clock, "2026-12-12T20:00")
    await written(cache, repository, GRU_LIS, document, ttl=86_400)
    assert (await repository.search_flights_entry(GRU_LIS)).source == "redis"
    at(clock, "2026-12-12T22:01")
    assert await repository.get_cached_flight_search(GRU_LIS) is None
    source.error = AmadeusUnavailable("down")
    with pytest.raises(AmadeusUnavailable):
        await repository.search_flights(GRU_LIS)


async def test_what_was_handed_in_is_not_served_stale_in_doubt(repository, source, clock):
    """A stored stale window is no reason to tell of a flight that may have left."""
    at(clock, "2026-12-11T19:30")
    await repository.cache_flight_search(GRU_LIS, await source.search(GRU_LIS))
    source.error = AmadeusUnavailable("down")
    at(clock, "2026-12-11T19:50")
    assert (await repository.search_flights_entry(GRU_LIS)).state == "stale"
    at(clock, "2026-12-11T20:01")  # 10:01 of the next day in UTC+14
    with pytest.raises(AmadeusUnavailable):
        await repository.search_flights(GRU_LIS)


async def test_an_empty_answer_handed_in_is_not_served_stale(repository, source, clock):
    """Whoever found nothing."""
    await repository.cache_flight_search(GRU_LIS, {"data": []})
    clock.advance(301)
    source.error = AmadeusUnavailable("down")
    with pytest.raises(AmadeusUnavailable):
        await repository.search_flights(GRU_LIS)


# What a contract allows.


async def test_max_ttl_bounds_fresh_and_stale_together(cache, source, clock):
    """Nothing older is served, though the policy would."""
    repository = AmadeusCacheRepository(cache, source, max_ttl=400)
    assert (await repository.search_flights_entry(GRU_LIS)).ttl == 300
    assert await cache.store.execute("TTL", repository.key(GRU_LIS)) <= 400
    source.error = AmadeusUnavailable("down")
    clock.advance(399)
    assert (await repository.search_flights_entry(GRU_LIS)).state == "stale"
    clock.advance(2)
    with pytest.raises(AmadeusUnavailable):
        await repository.search_flights(GRU_LIS)


async def test_max_ttl_holds_for_one_who_waited_for_a_newer_answer(cache, source, clock):
    """Who found an answer in time, and then waited for the source in vain, does not get it any more."""
    await AmadeusCacheRepository(cache, source).search_flights(GRU_LIS)
    bounded = AmadeusCacheRepository(cache, source, max_ttl=400)
    clock.advance(399)
    source.error = AmadeusUnavailable("down")
    source.gate.clear()
    waiting = asyncio.create_task(bounded.search_flights(GRU_LIS))
    while source.calls < 2:
        await asyncio.sleep(0)
    clock.advance(2)
    source.gate.set()
    with pytest.raises(AmadeusUnavailable):
        await waiting


async def test_a_source_in_trouble_is_asked_once_for_an_answer_too_old(cache, source, clock):
    """It has just failed: what may not be served is no reason to ask again."""
    await AmadeusCacheRepository(cache, source).search_flights(GRU_LIS)
    bounded = AmadeusCacheRepository(cache, source, max_ttl=60)
    clock.advance(400)
    source.error = AmadeusUnavailable("down")
    with pytest.raises(AmadeusUnavailable):
        await bounded.search_flights(GRU_LIS)
    assert source.calls == 2


async def test_max_ttl_bounds_what_was_stored_before_it_was_set(cache, source, clock):
    """By another process, by another version, by whomever; offers by id included."""
    entry = await AmadeusCacheRepository(cache, source).search_flights_entry(GRU_LIS)
    bounded = AmadeusCacheRepository(cache, source, max_ttl=60)
    clock.advance(59)
    assert (await bounded.search_flights_entry(GRU_LIS)).source == "redis"
    assert await bounded.get_offer(entry.offer_ids()[0]) is not None
    clock.advance(2)
    assert await bounded.get_cached_flight_search(GRU_LIS) is None
    assert await bounded.get_offer(entry.offer_ids()[0]) is None
    assert (await bounded.search_flights_entry(GRU_LIS)).source == "load"


async def test_switched_off_nothing_is_read_or_written(cache, source):
    """Each search is asked, and Redis holds nothing of it, not even that it was asked."""
    on = AmadeusCacheRepository(cache, source)
    off = AmadeusCacheRepository(cache, source, enabled=False)
    entry = await off.search_flights_entry(GRU_LIS)
    assert (entry.source, entry.age, entry.ttl, source.calls) == ("load", 0, 0, 1)
    await off.cache_flight_search(GRU_LIS, entry.value)
    await off.warm([GRU_LIS])
    assert await off.popular() == []
    assert [key async for batch in cache.store.scan("*") for key in batch] == []
    id_ = (await on.search_flights_entry(GRU_LIS)).offer_ids()[0]
    assert await off.get_cached_flight_search(GRU_LIS) is None
    assert await off.get_offer(id_) is None
    assert (await off.search_flights_entry(GRU_LIS)).source == "load"
    assert source.calls == 3


async def test_switched_off_redis_is_not_needed(cache, source, redis_url, clock):
    """Nothing is read from it, so that its outage is nothing to us; others' popular searches included."""
    await AmadeusCacheRepository(cache, source).search_flights(GRU_LIS)
    async with ChaosProxy(redis_url) as proxy, cachekit.connect(proxy.url, clock=clock) as away:
        await proxy.cut()
        off = AmadeusCacheRepository(away, source, enabled=False)
        assert (await off.search_flights_entry(GRU_LIS)).source == "load"
        assert await off.popular() == []
        assert (
            await off.warm() == await off.warm([GRU_LIS]) == Warmed(loaded=0, fresh=0, failed=0, left_out=0)
        )


async def test_switched_off_a_wrong_answer_is_still_an_error(cache, source):
    """The check is not about caching."""
    source.spoil = lambda _: {"data": {}}
    with pytest.raises(FlightSourceError):
        await AmadeusCacheRepository(cache, source, enabled=False).search_flights(GRU_LIS)


async def test_switched_off_what_lies_there_can_be_removed(cache, source):
    """Who must not cache any more must be able to clear."""
    on = AmadeusCacheRepository(cache, source)
    await on.search_flights(GRU_LIS)
    await AmadeusCacheRepository(cache, source, enabled=False).invalidate_flight_cache()
    assert await on.get_cached_flight_search(GRU_LIS) is None


async def test_switched_off_reference_data_are_asked_each_time(cache):
    """They are answers of the same contract."""

    class Almanac(Tickets):
        async def airlines(self, request):
            self.calls += 1
            return {"data": [{"iataCode": "TP"}]}

    source = Almanac()
    repository = AmadeusCacheRepository(cache, source, enabled=False)
    for _ in range(2):
        assert (await repository.airlines(AirlineLookup(codes=("TP",))))["data"]
    assert source.calls == 2


async def test_a_policy_without_a_stale_window_serves_nothing_stale(cache, source, clock):
    """Where an old answer is worse than none."""
    repository = AmadeusCacheRepository(cache, source, policy=Policy(ttl=300))
    await repository.search_flights(GRU_LIS)
    clock.advance(301)
    source.error = AmadeusUnavailable("down")
    with pytest.raises(AmadeusUnavailable):
        await repository.search_flights(GRU_LIS)

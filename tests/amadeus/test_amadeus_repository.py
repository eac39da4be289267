"""The cache of flight searches: asked once, kept under the documented key, and never shared wrongly."""

import asyncio
import datetime as dt
import json

import pytest

import cachekit
from cachekit import Policy
from cachekit.amadeus import (
    AmadeusCacheRepository,
    AmadeusClient,
    AmadeusQuotaError,
    FlightSearch,
    TravelClass,
)
from cachekit.amadeus.sandbox import SandboxServer
from cachekit.core.keys import digest

DAY = dt.date(2026, 12, 12)
GRU_LIS = FlightSearch(origin="GRU", destination="LIS", departure_date=DAY)


class Counter:
    """A supplier of another kind: answers at once, counts, and fails when told to."""

    def __init__(self, identity="counter", offers=1):
        self.identity = identity
        self.calls = 0
        self.error = None
        self.offers = offers
        self.gate = asyncio.Event()
        self.gate.set()

    async def search(self, request):
        self.calls += 1
        await self.gate.wait()
        if self.error:
            raise self.error
        data = [{"id": str(number), "of": self.identity} for number in range(self.offers)]
        return {"meta": {"count": self.offers}, "data": data}


@pytest.fixture
def source():
    return Counter()


@pytest.fixture
def repository(cache, source):
    return AmadeusCacheRepository(cache, source)


async def test_a_search_is_asked_once_and_then_read_from_redis(repository, source, clock):
    """The second answer is the first one's, with its age."""
    first = await repository.search_flights_entry(GRU_LIS)
    clock.advance(42)
    second = await repository.search_flights_entry(GRU_LIS)
    assert (first.source, second.source, second.age, source.calls) == ("load", "redis", 42, 1)
    assert second.value == first.value == await repository.search_flights(GRU_LIS)


async def test_the_key_is_the_documented_one(repository, cache):
    """amadeus_cache:flights:search:{hash of the request as sent, and whose answer it is}."""
    await repository.search_flights(GRU_LIS)
    expected = digest({**GRU_LIS.to_query(), "source": "counter"})
    keys = [key.decode() async for batch in cache.store.scan("amadeus_cache:*") for key in batch]
    assert keys == [f"amadeus_cache:flights:search:{expected}"] == [repository.key(GRU_LIS)]


async def test_the_value_is_the_documented_one(repository, cache):
    """data, timestamp and ttl, 300 s, readable by any service."""
    reply = await repository.search_flights(GRU_LIS)
    stored = json.loads(await cache.store.get(repository.key(GRU_LIS)))
    assert (stored["data"], stored["ttl"]) == (reply, 300)
    assert stored["timestamp"].endswith("Z")
    assert 290 < await cache.store.execute("TTL", repository.key(GRU_LIS)) <= 300


async def test_an_answer_is_asked_for_again_after_its_ttl(repository, source, clock):
    """After 300 s truth is asked again."""
    await repository.search_flights(GRU_LIS)
    clock.advance(301)
    assert (await repository.search_flights_entry(GRU_LIS)).source == "load"
    assert source.calls == 2


async def test_spellings_of_one_request_share_an_answer(repository, source):
    """What is folded is one search; what differs on the wire is another."""
    await repository.search_flights(GRU_LIS)
    await repository.search_flights(
        FlightSearch(origin=" gru", destination="lis ", departure_date=DAY, children=0)
    )
    assert source.calls == 1
    for other in (
        FlightSearch(origin="SAO", destination="LIS", departure_date=DAY),
        FlightSearch(origin="LIS", destination="GRU", departure_date=DAY),
        FlightSearch(origin="GRU", destination="LIS", departure_date=DAY, travel_class=TravelClass.ECONOMY),
        FlightSearch(origin="GRU", destination="LIS", departure_date=DAY, currency="EUR"),
        FlightSearch(origin="GRU", destination="LIS", departure_date=DAY, return_date=DAY),
    ):
        before = source.calls
        await repository.search_flights(other)
        assert source.calls == before + 1


async def test_many_who_search_at_once_cost_one_call(repository, source):
    """A hundred callers, one request upstream."""
    source.gate.clear()
    tasks = [asyncio.create_task(repository.search_flights(GRU_LIS)) for _ in range(100)]
    while not source.calls:
        await asyncio.sleep(0)
    source.gate.set()
    replies = await asyncio.gather(*tasks)
    assert source.calls == 1
    assert all(reply == replies[0] for reply in replies)


async def test_sources_never_share_answers(cache):
    """Another host, credential set or office has keys of its own."""
    one, other = Counter("one"), Counter("other")
    assert (await AmadeusCacheRepository(cache, one).search_flights(GRU_LIS))["data"][0]["of"] == "one"
    assert (await AmadeusCacheRepository(cache, other).search_flights(GRU_LIS))["data"][0]["of"] == "other"


async def test_an_error_is_raised_and_never_cached(repository, source, cache):
    """The next search asks again."""
    source.error = AmadeusQuotaError("quota")
    with pytest.raises(AmadeusQuotaError):
        await repository.search_flights(GRU_LIS)
    assert [key async for batch in cache.store.scan("amadeus_cache:*") for key in batch] == []
    source.error = None
    assert (await repository.search_flights(GRU_LIS))["data"]


async def test_refresh_asks_the_source_and_renews_the_entry(repository, source, clock):
    """To check again means live, and everybody profits from it."""
    await repository.search_flights(GRU_LIS)
    clock.advance(100)
    assert (await repository.search_flights_entry(GRU_LIS, refresh=True)).source == "load"
    assert (await repository.search_flights_entry(GRU_LIS)).age == 0
    assert source.calls == 2


async def test_reading_the_cache_never_asks_the_source(repository, source):
    """get_cached_flight_search gives what is there, or None."""
    assert await repository.get_cached_flight_search(GRU_LIS) is None
    await repository.cache_flight_search(GRU_LIS, {"data": [], "meta": {"count": 0}})
    assert await repository.get_cached_flight_search(GRU_LIS) == {"data": [], "meta": {"count": 0}}
    assert source.calls == 0


async def test_what_is_no_reply_is_not_kept(repository):
    """A document without offers' list would be served to everybody."""
    for bad in ({}, {"errors": []}, {"data": {}}):
        with pytest.raises(cachekit.InvalidValue, match="data"):
            await repository.cache_flight_search(GRU_LIS, bad)


def test_an_unknown_choice_of_ttl_is_refused(cache, source):
    """The error names what is allowed."""
    with pytest.raises(cachekit.ConfigurationError, match="'fixed' and 'lead_time'"):
        AmadeusCacheRepository(cache, source, ttl="long")


async def test_the_flight_cache_is_invalidated_by_pattern(repository, source, cache):
    """Searches go; what else lies in Redis stays."""
    await cache.store.set("socket_auth:x", b"{}", px=60_000)
    await repository.search_flights(GRU_LIS)
    await repository.invalidate_flight_cache("flights:price:*")
    assert await repository.get_cached_flight_search(GRU_LIS) is not None
    await repository.invalidate_flight_cache("flights:search:*")
    assert await repository.get_cached_flight_search(GRU_LIS) is None
    await repository.search_flights(GRU_LIS)
    await repository.invalidate_flight_cache()
    await cache.swept()
    keys = {key async for batch in cache.store.scan("*") for key in batch}
    assert keys == {b"socket_auth:x", b"cachekit/log:cachekit"}


async def test_an_entry_carries_its_route_and_day(repository):
    """Tags tell what an answer is about."""
    entry = await repository.search_flights_entry(GRU_LIS)
    assert entry.tags == ("route:GRU-LIS", "origin:GRU", "destination:LIS", "date:2026-12-12")


@pytest.mark.parametrize(("days", "ttl"), [(1, 600), (5, 1_800), (20, 7_200), (60, 21_600), (200, 43_200)])
async def test_by_lead_time_a_far_departure_is_kept_longer(cache, source, clock, days, ttl):
    """With ttl="lead_time" the days to departure decide."""
    repository = AmadeusCacheRepository(cache, source, ttl="lead_time")
    today = dt.datetime.fromtimestamp(clock.time(), dt.UTC).date()
    request = FlightSearch(origin="GRU", destination="LIS", departure_date=today + dt.timedelta(days=days))
    assert (await repository.search_flights_entry(request)).ttl == ttl


async def test_by_lead_time_an_empty_answer_is_kept_briefly(cache, clock):
    """A flight may go on sale at any moment."""
    repository = AmadeusCacheRepository(cache, Counter(offers=0), ttl="lead_time")
    today = dt.datetime.fromtimestamp(clock.time(), dt.UTC).date()
    request = FlightSearch(origin="GRU", destination="LIS", departure_date=today + dt.timedelta(days=200))
    assert (await repository.search_flights_entry(request)).ttl == 600


async def test_while_redis_is_away_searches_go_on(source):
    """The source is asked each time; nobody is told that there is no cache."""
    async with cachekit.connect("redis://127.0.0.1:1", timeout=1) as cache:
        repository = AmadeusCacheRepository(cache, source)
        for _ in range(2):
            assert (await repository.search_flights(GRU_LIS))["data"]
    assert source.calls == 2


async def test_a_policy_of_ones_own_is_kept(cache, source):
    """A contract may allow less than 300 s."""
    repository = AmadeusCacheRepository(cache, source, policy=Policy(ttl=60))
    assert (await repository.search_flights_entry(GRU_LIS)).ttl == 60


async def test_over_http_the_sandbox_is_asked_once(cache):
    """The whole way: client, token, search; then Redis, zstd and back, the same document."""
    async with (
        SandboxServer(clock=lambda: dt.datetime(2026, 11, 22, tzinfo=dt.UTC)) as sandbox,
        AmadeusClient(sandbox.url, sandbox.client_id, sandbox.client_secret) as client,
    ):
        repository = AmadeusCacheRepository(cache, client)
        live = await repository.search_flights(GRU_LIS)
        cached = await repository.search_flights(GRU_LIS)
        assert live == cached
        assert len(live["data"]) == live["meta"]["count"] > 10
        assert sandbox.stats["flight-offers"] == 1
        assert sandbox.stats["token"] == 1
    assert b'"encoding":"zstd"' in (await cache.store.get(repository.key(GRU_LIS))).partition(b"\n")[0]

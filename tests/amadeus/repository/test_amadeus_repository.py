"""The cache of flight searches: asked once, kept under the documented key, and never shared wrongly."""

import asyncio
import datetime as dt
import json
from dataclasses import replace

import pytest
from support.tickets import Tickets

import cachekit
from cachekit import Policy
from cachekit.amadeus import AmadeusCacheRepository, AmadeusClient
from cachekit.amadeus.errors import AmadeusQuotaError
from cachekit.amadeus.params import FlightSearch, Leg, MultiCitySearch, TravelClass
from cachekit.amadeus.sandbox import SandboxServer
from cachekit.core.keys import digest

DAY = dt.date(2026, 12, 12)
GRU_LIS = FlightSearch(origin="GRU", destination="LIS", departure_date=DAY)
EMPTY = {"data": [], "meta": {"count": 0}}


@pytest.fixture
def source():
    return Tickets()


@pytest.fixture
def repository(cache, source):
    return AmadeusCacheRepository(cache, source)


async def keys(cache, pattern="amadeus_cache:*"):
    return [key.decode() async for batch in cache.store.scan(pattern) for key in batch]


async def test_a_search_is_asked_once_and_then_read_from_redis(repository, source, clock):
    """The second answer is the first one's, with its age."""
    first = await repository.search_flights_entry(GRU_LIS)
    clock.advance(42)
    second = await repository.search_flights_entry(GRU_LIS)
    assert (first.source, second.source, second.age, source.calls) == ("load", "redis", 42, 1)
    assert (first.derived_from, second.derived_from) == (None, None)
    assert second.value == first.value == await repository.search_flights(GRU_LIS)


async def test_the_key_is_the_documented_one(repository, cache):
    """amadeus_cache:flights:search:{hash of the request as sent, its verb, and whose answer it is}."""
    await repository.search_flights(GRU_LIS)
    expected = digest({**GRU_LIS.to_query(), "verb": "GET", "source": "tickets"})
    assert await keys(cache) == [f"amadeus_cache:flights:search:{expected}"] == [repository.key(GRU_LIS)]


async def test_the_value_is_the_documented_one(repository, cache):
    """data, timestamp and ttl, 300 s, readable by any service; stale for an hour, physically."""
    reply = await repository.search_flights(GRU_LIS)
    stored = json.loads(await cache.store.get(repository.key(GRU_LIS)))
    assert (stored["data"], stored["ttl"], stored["stale"]) == (reply, 300, 3600)
    assert stored["timestamp"].endswith("Z")
    assert 3_890 < await cache.store.execute("TTL", repository.key(GRU_LIS)) <= 3_900


async def test_an_answer_is_asked_for_again_after_its_ttl(repository, source, clock):
    """After 300 s truth is asked again, and whoever asks first waits for it."""
    await repository.search_flights(GRU_LIS)
    clock.advance(301)
    entry = await repository.search_flights_entry(GRU_LIS)
    assert (entry.source, entry.state, entry.age, source.calls) == ("load", "fresh", 0, 2)


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
        replace(GRU_LIS, travel_class=TravelClass.ECONOMY),
        replace(GRU_LIS, currency="EUR"),
        replace(GRU_LIS, return_date=DAY),
        MultiCitySearch(legs=(Leg("GRU", "LIS", DAY),)),
    ):
        before = source.calls
        await repository.search_flights(other)
        assert source.calls == before + 1


async def test_many_who_search_at_once_cost_one_call(repository, source):
    """A hundred callers, one request upstream; each has a document of his own."""
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
    for name in ("one", "other"):
        reply = await AmadeusCacheRepository(cache, Tickets(name)).search_flights(GRU_LIS)
        assert reply["data"][0]["of"] == name


async def test_an_error_is_raised_and_never_cached(repository, source, cache):
    """The next search asks again."""
    source.error = AmadeusQuotaError("quota")
    with pytest.raises(AmadeusQuotaError):
        await repository.search_flights(GRU_LIS)
    assert await keys(cache) == []
    source.error = None
    assert (await repository.search_flights(GRU_LIS))["data"]


async def test_refresh_asks_the_source_and_renews_the_entry(repository, source, clock):
    """To check again means live, and everybody profits from it."""
    await repository.search_flights(GRU_LIS)
    clock.advance(100)
    assert (await repository.search_flights_entry(GRU_LIS, refresh=True)).source == "load"
    assert (await repository.search_flights_entry(GRU_LIS)).age == 0
    assert source.calls == 2


# The three verbs of old.


async def test_reading_the_cache_never_asks_the_source(repository, source):
    """get_cached_flight_search gives what is there, or None."""
    assert await repository.get_cached_flight_search(GRU_LIS) is None
    await repository.cache_flight_search(GRU_LIS, EMPTY)
    assert await repository.get_cached_flight_search(GRU_LIS) == EMPTY
    assert source.calls == 0


async def test_only_a_fresh_reply_counts_as_cached(repository, clock):
    """As of old, when keys lived for 300 s; what lies there longer is for when the source is down."""
    await repository.search_flights(GRU_LIS)
    clock.advance(300)
    assert await repository.get_cached_flight_search(GRU_LIS) is not None
    clock.advance(1)
    assert await repository.get_cached_flight_search(GRU_LIS) is None


async def test_a_reply_handed_in_is_kept_like_one_that_was_asked_for(repository, source, clock):
    """With its tags, its ttl and its end; and its offers have ids."""
    reply = await source.search(GRU_LIS)
    await repository.cache_flight_search(GRU_LIS, reply)
    entry = await repository.search_flights_entry(GRU_LIS)
    assert (entry.value, entry.source, entry.ttl, source.calls) == (reply, "redis", 300, 1)
    assert {"route:GRU-LIS", "carrier:NI"} < set(entry.tags)
    assert (await repository.get_offer(entry.offer_ids()[0])).offer == reply["data"][0]


@pytest.mark.parametrize("bad", [{}, {"errors": []}, {"data": {}}, {"data": [{}]}, {"data": [7]}])
async def test_what_is_no_reply_is_not_kept(repository, cache, bad):
    """A document of another shape would be served to everybody."""
    with pytest.raises(cachekit.InvalidValue, match="reply"):
        await repository.cache_flight_search(GRU_LIS, bad)
    assert await keys(cache) == []


async def test_a_reply_to_another_search_is_not_kept(repository, source, cache):
    """Nor one whose flights have left."""
    back = FlightSearch(origin="LIS", destination="GRU", departure_date=DAY)
    with pytest.raises(cachekit.InvalidValue, match="LIS-GRU"):
        await repository.cache_flight_search(GRU_LIS, await source.search(replace(back)) | {"meta": {}})
    past = replace(GRU_LIS, departure_date=dt.date(2026, 11, 1))
    with pytest.raises(cachekit.InvalidValue, match="has ended"):
        await repository.cache_flight_search(past, await source.search(past))
    assert await keys(cache) == []


async def test_the_flight_cache_is_invalidated_by_pattern(repository, cache):
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
    assert set(await keys(cache, "*")) == {"socket_auth:x", "cachekit/log:cachekit"}


# Tags.


@pytest.mark.parametrize(
    "tag",
    [
        "route:GRU-LIS",
        "route:LIS-GRU",
        "origin:GRU",
        "destination:LIS",
        "date:2026-12-12",
        "date:2026-12-19",
        "carrier:TP",
        "carrier:NI",
    ],
)
async def test_a_route_a_day_or_an_airline_is_invalidated_in_one_command(repository, tag):
    """Of a round trip the way back counts, too; of a carrier whether it sells, flies or tickets."""
    trip = replace(GRU_LIS, return_date=DAY + dt.timedelta(7))
    await repository.search_flights(trip)
    await repository.invalidate_flight_cache(tags=["route:GRU-MAD", "carrier:LH", "date:2026-12-13"])
    assert await repository.get_cached_flight_search(trip) is not None
    await repository.invalidate_flight_cache(tags=[tag])
    assert await repository.get_cached_flight_search(trip) is None


async def test_tags_may_be_typed_in_any_case(repository):
    """Codes are folded in a search, and so they are here."""
    await repository.search_flights(GRU_LIS)
    await repository.invalidate_flight_cache(tags=[" Route:gru-lis "])
    assert await repository.get_cached_flight_search(GRU_LIS) is None


async def test_by_no_tags_nothing_is_invalidated(repository):
    """Whoever has worked out which routes have changed, and found none, does not lose all."""
    await repository.search_flights(GRU_LIS)
    await repository.invalidate_flight_cache(tags=[])
    assert await repository.get_cached_flight_search(GRU_LIS) is not None


async def test_one_string_of_tags_is_refused(repository):
    """It would be taken for its letters, and invalidate nothing."""
    with pytest.raises(cachekit.ConfigurationError, match="one string"):
        await repository.invalidate_flight_cache(tags="route:GRU-LIS")


async def test_an_answer_on_its_way_is_caught_by_its_carrier(repository, source):
    """The airline is known only when the answer is there; what was asked before the rule is not kept."""
    source.gate.clear()
    waiting = asyncio.create_task(repository.search_flights(GRU_LIS))
    while not source.calls:
        await asyncio.sleep(0)
    await repository.invalidate_flight_cache(tags=["carrier:TP"])
    source.gate.set()
    await waiting
    assert await repository.get_cached_flight_search(GRU_LIS) is None


# Options.


def test_an_unknown_choice_of_ttl_is_refused(cache, source):
    """The error names what is allowed."""
    with pytest.raises(cachekit.ConfigurationError, match="'fixed' and 'lead_time'"):
        AmadeusCacheRepository(cache, source, ttl="long")


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), True])
def test_a_max_ttl_that_is_no_time_is_refused(cache, source, seconds):
    """0 would mean no cache at all: that is `enabled=False`."""
    with pytest.raises(cachekit.ConfigurationError, match="max_ttl="):
        AmadeusCacheRepository(cache, source, max_ttl=seconds)


async def test_a_policy_of_ones_own_is_kept(cache, source):
    """Its ttl, and its time for an empty answer."""
    repository = AmadeusCacheRepository(cache, source, policy=Policy(ttl=60, negative_ttl=20))
    assert (await repository.search_flights_entry(GRU_LIS)).ttl == 60
    source.offers = 0
    assert (await repository.search_flights_entry(replace(GRU_LIS, adults=2))).ttl == 20


async def test_while_redis_is_away_searches_go_on(source):
    """The source is asked each time; nobody is told that there is no cache."""
    async with cachekit.connect("redis://127.0.0.1:1", timeout=1) as cache:
        repository = AmadeusCacheRepository(cache, source)
        for _ in range(2):
            assert (await repository.search_flights(GRU_LIS))["data"]
    assert source.calls == 2


async def test_over_http_the_sandbox_is_asked_once(cache, clock):
    """The whole way: client, token, search; then Redis, zstd and back, the same document."""
    async with (
        SandboxServer(clock=lambda: dt.datetime.fromtimestamp(clock.time(), dt.UTC)) as sandbox,
        AmadeusClient(sandbox.url, sandbox.client_id, sandbox.client_secret) as client,
    ):
        repository = AmadeusCacheRepository(cache, client)
        live = await repository.search_flights(GRU_LIS)
        cached = await repository.search_flights(GRU_LIS)
        assert live == cached
        assert len(live["data"]) == live["meta"]["count"] > 10
        assert (sandbox.stats["flight-offers"], sandbox.stats["token"]) == (1, 1)
    assert b'"encoding":"zstd"' in (await cache.store.get(repository.key(GRU_LIS))).partition(b"\n")[0]

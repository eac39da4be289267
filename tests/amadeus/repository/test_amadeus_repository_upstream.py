"""Bad upstream: each fault ends in a clear error, and nothing of it is ever kept, nor believed from Redis."""

import datetime as dt
import json
from dataclasses import replace

import pytest
from support.tickets import Tickets

from cachekit.amadeus import AmadeusCacheRepository, AmadeusClient
from cachekit.amadeus.errors import AmadeusError, AmadeusReplyError, AmadeusUnavailable
from cachekit.amadeus.params import FlightSearch
from cachekit.amadeus.sandbox import SandboxServer
from cachekit.amadeus.sandbox.faults import Fault

DAY = dt.date(2026, 12, 12)
GRU_LIS = FlightSearch(origin="GRU", destination="LIS", departure_date=DAY, max_results=5)
KINDS = [
    *("error", "errors-in-200", "disconnect", "html", "bad-gateway", "redirect", "empty", "truncated", "cut"),
    *("huge", "bomb", "wrong-route", "wrong-date", "wrong-types", "wrong-items"),
]


@pytest.fixture
def source():
    return Tickets()


@pytest.fixture
def repository(cache, source):
    return AmadeusCacheRepository(cache, source)


@pytest.fixture
async def sandbox(clock):
    async with SandboxServer(clock=lambda: dt.datetime.fromtimestamp(clock.time(), dt.UTC)) as server:
        yield server


@pytest.fixture
async def client(sandbox):
    async with AmadeusClient(sandbox.url, sandbox.client_id, sandbox.client_secret, retries=0) as opened:
        yield opened


async def keys(cache):
    return [key async for batch in cache.store.scan("amadeus_cache:*") for key in batch]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_fault_of_the_service_is_an_error_and_is_never_kept(cache, client, sandbox, kind):
    """Over HTTP, from the sandbox; the next search is answered as if nothing had been."""
    repository = AmadeusCacheRepository(cache, client)
    sandbox.state.fail_next(Fault(kind=kind))
    with pytest.raises(AmadeusError):
        await repository.search_flights(GRU_LIS)
    assert await keys(cache) == []
    assert (await repository.search_flights_entry(GRU_LIS)).source == "load"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_fault_of_the_service_leaves_the_stored_answer_as_it_is(cache, client, sandbox, clock, kind):
    """It is served, stale, to who finds the service in trouble."""
    repository = AmadeusCacheRepository(cache, client)
    good = await repository.search_flights(GRU_LIS)
    clock.advance(301)
    sandbox.state.fail_next(Fault(kind=kind))
    entry = await repository.search_flights_entry(GRU_LIS)
    assert (entry.state, entry.value) == ("stale", good)


SPOILT = {
    "another route": lambda reply: _each_flight(
        reply, departure={"iataCode": "MAD", "at": f"{DAY}T10:00:00"}
    ),
    "another destination": lambda reply: _each_flight(reply, arrival={"iataCode": "MAD"}),
    "another day": lambda reply: _each_flight(
        reply, departure={"iataCode": "GRU", "at": "2026-12-13T10:00:00"}
    ),
    "a direction more": lambda reply: _each_offer(reply, lambda offer: offer["itineraries"] * 2),
    "no direction": lambda reply: _each_offer(reply, lambda _: []),
    "no flights": lambda reply: _each_offer(reply, lambda _: [{"segments": []}]),
    "flights of another type": lambda reply: _each_offer(reply, lambda _: "GRU-LIS"),
    "offers of another type": lambda reply: reply | {"data": ["offer"]},
    "no list of offers": lambda reply: reply | {"data": {"1": reply["data"][0]}},
    "no offers at all": lambda reply: {"meta": reply["meta"]},
    "a list": lambda reply: reply["data"],
    "errors": lambda reply: reply | {"errors": [{"code": 141}]},
    "text": lambda _: "<html>",
    "nothing": lambda _: None,
}


def _each_flight(reply, **changes):
    for offer in reply["data"]:
        offer["itineraries"][0]["segments"][0].update(changes)
    return reply


def _each_offer(reply, change):
    for offer in reply["data"]:
        offer["itineraries"] = change(offer)
    return reply


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
async def test_what_is_no_answer_is_never_kept_whatever_the_source(repository, source, cache, spoil):
    """The source is another one, and makes no such check; the key is absent in Redis."""
    source.spoil = spoil
    with pytest.raises(AmadeusReplyError):
        await repository.search_flights(GRU_LIS)
    assert await cache.store.get(repository.key(GRU_LIS)) is None


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
async def test_what_is_no_answer_is_a_miss_whoever_stored_it(repository, source, cache, spoil):
    """A foreign writer's mistake, or malice, costs one question; the right answer takes its place."""
    good, bad = await source.search(GRU_LIS), spoil(await source.search(GRU_LIS))
    now = dt.datetime.fromtimestamp(cache.clock.time(), dt.UTC).isoformat()
    value = json.dumps({"data": bad, "timestamp": now, "ttl": 300}).encode()
    await cache.store.set(repository.key(GRU_LIS), value, px=300_000)
    assert await repository.get_cached_flight_search(GRU_LIS) is None
    assert await repository.search_flights(GRU_LIS) == good
    assert await repository.get_cached_flight_search(GRU_LIS) == good


async def test_what_is_no_answer_is_not_served_for_a_source_that_is_down(repository, source, cache):
    """No answer is better than that to another question."""
    value = await source.search(replace(GRU_LIS, destination="MAD"))
    await cache.namespace("amadeus_cache").set(repository.key(GRU_LIS), value)
    source.error = AmadeusUnavailable("down")
    with pytest.raises(AmadeusUnavailable):
        await repository.search_flights(GRU_LIS)


async def test_an_error_shows_little_of_what_came(repository, source):
    """Codes and a date, cut short: a reply may hold anything."""
    source.spoil = lambda reply: _each_flight(
        reply, departure={"iataCode": "secret " * 50, "at": f"{DAY}T10:00:00"}
    )
    with pytest.raises(AmadeusReplyError) as caught:
        await repository.search_flights(GRU_LIS)
    assert len(str(caught.value)) < 120

"""What every source of flights has to do: one contract, and all that stands behind the cache today.

A source is added by a fixture of its own in `bench`; the tests know nothing of whose wire it is.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import amadeus
import pytest
from support.other_supplier import SupplierServer, SupplierSource

from cachekit.amadeus import AmadeusCacheRepository, AmadeusClient
from cachekit.amadeus.errors import FlightSourceError
from cachekit.amadeus.params import FlightSearch, Leg, MultiCitySearch
from cachekit.amadeus.repository.reply import check_offers, check_prices
from cachekit.amadeus.sandbox import SandboxServer
from cachekit.amadeus.sandbox.faults import Fault
from cachekit.amadeus.sdk import SdkSource

DAY = dt.date(2026, 12, 12)
ONE_WAY = FlightSearch(origin="GRU", destination="LIS", departure_date=DAY)
TO_A_CITY = FlightSearch(origin="LIS", destination="LON", departure_date=DAY)
ROUND_TRIP = FlightSearch(
    origin="GRU", destination="LIS", departure_date=DAY, return_date=DAY + dt.timedelta(9), adults=2
)
JOURNEY = MultiCitySearch(legs=(Leg("GRU", "LIS", DAY), Leg("LIS", "MAD", DAY + dt.timedelta(3))))
NOWHERE = FlightSearch(origin="LIS", destination="XQZ", departure_date=DAY)


@dataclass
class Bench:
    """A source, and the knobs of the service behind it."""

    source: Any
    asked: Callable[[], int]
    """How many searches the service was asked."""
    go_down: Callable[[], None]
    refuse: Callable[[], None]
    """The next request is refused, or fails for a while."""
    answer_wrongly: Callable[[], None]
    """The next answer is for another route."""


@pytest.fixture
def now(clock):
    return lambda: dt.datetime.fromtimestamp(clock.time(), dt.UTC)


@pytest.fixture
async def amadeus_bench(now):
    async with (
        SandboxServer(clock=now) as sandbox,
        AmadeusClient(sandbox.url, sandbox.client_id, sandbox.client_secret, retries=0) as client,
    ):
        fail = sandbox.state.fail_next
        yield Bench(
            client,
            asked=lambda: sandbox.stats.get("flight-offers", 0) + sandbox.stats.get("flight-offers-post", 0),
            go_down=lambda: fail(Fault(kind="error", code=38189), 5),
            refuse=lambda: fail(Fault(kind="error", code=425)),
            answer_wrongly=lambda: fail(Fault(kind="wrong-route")),
        )


@pytest.fixture
async def sdk_bench(now):
    async with SandboxServer(clock=now) as sandbox:
        host, port = sandbox.url.removeprefix("http://").split(":")
        client = amadeus.Client(
            client_id=sandbox.client_id,
            client_secret=sandbox.client_secret,
            host=host,
            port=int(port),
            ssl=False,
        )
        fail = sandbox.state.fail_next
        async with SdkSource(client) as source:
            yield Bench(
                source,
                asked=lambda: sum(sandbox.stats.get(f"flight-offers{kind}", 0) for kind in ("", "-post")),
                go_down=lambda: fail(Fault(kind="error", code=38189), 5),
                refuse=lambda: fail(Fault(kind="error", code=425)),
                answer_wrongly=lambda: fail(Fault(kind="wrong-route")),
            )


@pytest.fixture
async def supplier_bench(now):
    async with SupplierServer(now) as server, SupplierSource(server.url) as source:

        def answer_wrongly():
            def spoil(document):
                for offer in document["data"]["offers"]:
                    for segment in (each for slice_ in offer["slices"] for each in slice_["segments"]):
                        ends = segment["destination"], segment["origin"]
                        segment["origin"], segment["destination"] = ends
                return document

            server.spoil = spoil

        yield Bench(
            source,
            asked=lambda: server.asked["offer_requests"],
            go_down=lambda: setattr(server, "refuse", (503, "service_unavailable")),
            refuse=lambda: setattr(server, "refuse", (422, "invalid_departure_date")),
            answer_wrongly=answer_wrongly,
        )


@pytest.fixture(params=["amadeus", "sdk", "supplier"])
def bench(request):
    return request.getfixturevalue(f"{request.param}_bench")


@pytest.fixture
def repository(cache, bench):
    return AmadeusCacheRepository(cache, bench.source)


async def stored(cache):
    return [key async for batch in cache.store.scan("amadeus_cache:*") for key in batch]


def test_its_identity_is_one_short_word(bench):
    """It is a part of keys: the same each time, and no address with a secret."""
    assert bench.source.identity == bench.source.identity
    assert 0 < len(bench.source.identity) <= 100
    assert len(bench.source.identity.split()) == 1


@pytest.mark.parametrize("request_", [ONE_WAY, TO_A_CITY, ROUND_TRIP])
async def test_a_search_gives_offers_for_its_legs(bench, request_):
    """The document is the protocol's, whole, cheapest first, each offer with an id of its own."""
    document = await bench.source.search(request_)
    check_offers(request_, document)
    offers = document["data"]
    prices = [float(offer["price"]["total"]) for offer in offers]
    assert 0 < len(offers) == document["meta"]["count"] == len({offer["id"] for offer in offers})
    assert prices == sorted(prices)


async def test_a_journey_of_several_legs_has_as_many_directions(bench):
    """What is asked by POST is answered in the same shape."""
    document = await bench.source.search(JOURNEY)
    check_offers(JOURNEY, document)
    assert {len(offer["itineraries"]) for offer in document["data"]} == {2}


async def test_no_more_offers_come_than_are_asked_for(bench):
    """Whether or not the service knows of such a limit."""
    limited = FlightSearch(origin="GRU", destination="LIS", departure_date=DAY, max_results=2)
    assert len((await bench.source.search(limited))["data"]) == 2


async def test_nothing_for_sale_is_an_empty_answer(bench):
    """And no error."""
    assert (await bench.source.search(NOWHERE))["data"] == []


async def test_an_answer_is_the_callers_own(bench):
    """To change it changes no other."""
    first = await bench.source.search(ONE_WAY)
    first["data"].clear()
    assert (await bench.source.search(ONE_WAY))["data"]


async def test_offers_are_priced_in_the_order_they_were_sent(bench):
    """The same flights, at the price of now."""
    offers = (await bench.source.search(ONE_WAY))["data"][:3]
    priced = check_prices(offers[::-1], await bench.source.price(offers[::-1]))
    assert [each["price"]["total"] for each in priced] == [each["price"]["total"] for each in offers[::-1]]


async def test_a_refusal_says_so(bench):
    """An old answer must not stand in for it."""
    bench.refuse()
    with pytest.raises(FlightSourceError) as caught:
        await bench.source.search(ONE_WAY)
    assert (caught.value.refusal, caught.value.retryable) == (True, False)


async def test_an_outage_says_that_it_may_pass(bench):
    """And is no refusal."""
    bench.go_down()
    with pytest.raises(FlightSourceError) as caught:
        await bench.source.search(ONE_WAY)
    assert (caught.value.refusal, caught.value.retryable) == (False, True)


async def test_behind_the_cache_it_is_asked_once(repository, bench):
    """The second answer is the first one's, whoever gave it; and an offer is found again by its id."""
    first = await repository.search_flights_entry(ONE_WAY)
    again = await repository.search_flights_entry(ONE_WAY)
    assert (first.source, again.source, bench.asked()) == ("load", "redis", 1)
    assert again.value == first.value
    found = [await repository.get_offer(each) for each in again.offer_ids()]
    assert [each.offer for each in found] == first.value["data"]
    assert {"LIS"} < set(found[0].dictionaries["locations"])


async def test_behind_the_cache_a_price_is_asked_each_time(repository):
    """It is compared with what the offer cost, and nothing of it is kept."""
    offer = (await repository.search_flights(ONE_WAY))["data"][0]
    priced = await repository.price(offer)
    assert priced.offers[0].before == priced.offers[0].now
    assert not priced.changed


async def test_behind_the_cache_an_answer_for_another_route_is_never_kept(repository, bench, cache):
    """Whatever the source: it ends in an error, and nothing lies in Redis."""
    bench.answer_wrongly()
    with pytest.raises(FlightSourceError, match=r"LIS-GRU|LIS.*GRU"):
        await repository.search_flights(ONE_WAY)
    assert await stored(cache) == []


async def test_behind_the_cache_an_outage_is_bridged(repository, bench, clock):
    """A stale answer stands in for a source that is down."""
    await repository.search_flights(ONE_WAY)
    clock.advance(400)
    bench.go_down()
    assert (await repository.search_flights_entry(ONE_WAY)).state == "stale"


async def test_behind_the_cache_a_refusal_takes_the_old_answer_away(repository, bench, clock, cache):
    """What the source says no to is no longer told."""
    await repository.search_flights(ONE_WAY)
    clock.advance(400)
    bench.refuse()
    with pytest.raises(FlightSourceError):
        await repository.search_flights(ONE_WAY)
    assert await cache.namespace("amadeus_cache").get_entry(repository.key(ONE_WAY)) is None


# What only the other supplier has.


async def test_an_offer_that_expires_ends_its_answer(cache, clock, now):
    """The supplier names the instant: half an hour, then nothing is served, not even stale."""
    async with SupplierServer(now) as server, SupplierSource(server.url) as source:
        repository = AmadeusCacheRepository(cache, source, ttl="lead_time")
        assert (await repository.search_flights_entry(ONE_WAY)).ttl == pytest.approx(1_800, abs=1)
        server.refuse = (503, "service_unavailable")
        clock.advance(1_801)
        with pytest.raises(FlightSourceError):
            await repository.search_flights(ONE_WAY)


async def test_a_price_that_rose_is_seen(cache, now):
    """Before, now, and the difference."""
    async with SupplierServer(now) as server, SupplierSource(server.url) as source:
        repository = AmadeusCacheRepository(cache, source)
        offer = (await repository.search_flights(ONE_WAY))["data"][0]
        server.surcharge += 25
        priced = await repository.price(offer)
        assert priced.changed
        assert (str(priced.offers[0].difference), priced.offers[0].now.currency) == ("25.00", "GBP")
        server.refuse = (410, "offer_no_longer_available")
        with pytest.raises(FlightSourceError) as caught:
            await repository.price(offer)
        assert caught.value.refusal


async def test_what_a_source_cannot_be_asked_it_refuses(cache, now):
    """A currency it does not sell in is no reason to answer in another one."""
    async with SupplierServer(now) as server, SupplierSource(server.url) as source:
        search = FlightSearch(origin="GRU", destination="LIS", departure_date=DAY, currency="USD")
        with pytest.raises(FlightSourceError, match="GBP"):
            await AmadeusCacheRepository(cache, source).search_flights(search)
        assert server.asked["offer_requests"] == 0

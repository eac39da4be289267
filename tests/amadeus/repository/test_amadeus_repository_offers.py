"""Single offers: found again by their ids, and priced anew, whatever the cache holds."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest
from support.tickets import Tickets

import cachekit
from cachekit.amadeus import AmadeusCacheRepository, AmadeusClient
from cachekit.amadeus.errors import AmadeusReplyError, AmadeusRequestError
from cachekit.amadeus.params import FlightSearch
from cachekit.amadeus.repository import Price
from cachekit.amadeus.sandbox import SandboxServer

DAY = dt.date(2026, 12, 12)
GRU_LIS = FlightSearch(origin="GRU", destination="LIS", departure_date=DAY)


@pytest.fixture
def source():
    return Tickets(offers=3)


@pytest.fixture
def repository(cache, source):
    return AmadeusCacheRepository(cache, source)


async def test_an_offer_is_found_by_its_id(repository, source, clock):
    """Whole, with the words that explain it, and with its age; nobody is asked."""
    entry = await repository.search_flights_entry(GRU_LIS)
    clock.advance(42)
    found = [await repository.get_offer(id_) for id_ in entry.offer_ids()]
    assert [each.offer for each in found] == entry.value["data"]
    assert (found[0].age, found[0].state, found[0].timestamp) == (42, "fresh", entry.timestamp)
    assert found[0].id == entry.offer_ids()[0]
    assert found[0].dictionaries["carriers"] == {"TP": "TAP", "NI": "PORTUGALIA"}
    assert source.calls == 1


async def test_an_offer_is_found_while_its_answer_is_stale(repository, clock):
    """It says so; after that it is gone."""
    id_ = (await repository.search_flights_entry(GRU_LIS)).offer_ids()[0]
    clock.advance(301)
    assert (await repository.get_offer(id_)).state == "stale"
    clock.advance(3_600)
    assert await repository.get_offer(id_) is None


async def test_an_id_finds_the_same_offer_in_a_renewed_answer_or_none(repository, source):
    """Never another one, though that has its number now."""
    entry = await repository.search_flights_entry(GRU_LIS)
    first, second, third = entry.offer_ids()

    def renew(reply):
        cheapest, dearest = reply["data"][0], reply["data"][2]
        cheapest["price"] = {"currency": "EUR", "total": "399.00"}
        data = [{**dearest, "id": "1", "numberOfBookableSeats": 2}, {**cheapest, "id": "2"}]
        return {**reply, "data": data}

    source.spoil = renew
    await repository.search_flights(GRU_LIS, refresh=True)
    assert await repository.get_offer(first) is None
    assert await repository.get_offer(second) is None
    found = await repository.get_offer(third)
    assert (found.offer["id"], found.offer["itineraries"]) == ("1", entry.value["data"][2]["itineraries"])


async def test_an_offer_that_has_ended_is_not_found(cache, clock):
    """Though the answer it came with lies there still."""
    source = Tickets()
    repository = AmadeusCacheRepository(cache, source)
    entry = await repository.search_flights_entry(GRU_LIS)
    await cache.namespace("amadeus_cache").set(entry.key, entry.value, ttl=10_000_000)
    clock.now = dt.datetime(2026, 12, 12, 21, 59, tzinfo=dt.UTC).timestamp()
    assert await repository.get_offer(entry.offer_ids()[0]) is not None
    clock.advance(120)
    assert await repository.get_offer(entry.offer_ids()[0]) is None


async def test_an_id_of_another_source_finds_nothing(cache, source, repository):
    """What one contract was told is never shown to another."""
    entry = await repository.search_flights_entry(GRU_LIS)
    other = AmadeusCacheRepository(cache, Tickets("other", offers=3))
    await other.search_flights(GRU_LIS)
    assert [await other.get_offer(id_) for id_ in entry.offer_ids()] == [None] * 3


@pytest.mark.parametrize("id_", ["", "1", "x" * 43, "*" * 43, "a" * 44, "flights:search:*", "ü" * 43])
async def test_what_is_no_id_finds_nothing(repository, id_):
    """Whatever a model or a user makes up."""
    await repository.search_flights(GRU_LIS)
    assert await repository.get_offer(id_) is None


async def test_an_id_finds_nothing_once_its_search_is_invalidated(repository):
    """By whatever tag."""
    entry = await repository.search_flights_entry(GRU_LIS)
    await repository.invalidate_flight_cache(tags=["carrier:TP"])
    assert await repository.get_offer(entry.offer_ids()[0]) is None


# Prices.


async def test_a_price_is_asked_each_time_and_never_kept(repository, source, cache):
    """Though nothing has changed."""
    offer = (await repository.search_flights(GRU_LIS))["data"][0]
    before = {key async for batch in cache.store.scan("*") for key in batch}
    for _ in range(2):
        priced = await repository.price(offer)
        assert (priced.changed, priced.offers[0].changed, priced.offers[0].difference) == (False, False, 0)
    assert source.priced == 2
    assert {key async for batch in cache.store.scan("*") for key in batch} == before


async def test_a_changed_price_is_shown_beside_the_old_one(repository, source):
    """Each offer's before and now; exact, and in its currency."""
    offers = (await repository.search_flights(GRU_LIS))["data"]

    def dearer(reply):
        reply["data"]["flightOffers"][1]["price"] = {"currency": "EUR", "total": "412.50"}
        return reply

    source.spoil = dearer
    priced = await repository.price(offers)
    assert [each.changed for each in priced.offers] == [False, True, False]
    assert priced.changed
    changed = priced.offers[1]
    assert (changed.before, changed.now) == (Price("EUR", Decimal("402.00")), Price("EUR", Decimal("412.50")))
    assert changed.difference == Decimal("10.50")
    assert changed.offer is priced.document["data"]["flightOffers"][1]


async def test_another_currency_is_a_change_without_a_difference(repository, source):
    """Nobody compares pounds with euros."""
    offer = (await repository.search_flights(GRU_LIS))["data"][0]

    def in_pounds(reply):
        reply["data"]["flightOffers"][0]["price"] = {"currency": "GBP", "total": "401.00"}
        return reply

    source.spoil = in_pounds
    (priced,) = (await repository.price(offer)).offers
    assert (priced.changed, priced.difference) == (True, None)


async def test_a_pricing_of_something_else_is_an_error(repository, source):
    """The source answers with other flights, in another order, or with none."""
    offers = (await repository.search_flights(GRU_LIS))["data"]
    for spoil in (
        lambda reply: {"data": {"flightOffers": reply["data"]["flightOffers"][::-1]}},
        lambda _: {"data": {"flightOffers": []}},
        lambda _: {"data": []},
    ):
        source.spoil = spoil
        with pytest.raises(AmadeusReplyError):
            await repository.price(offers)


async def test_an_offer_that_is_no_longer_sold_is_an_error(repository, source):
    """The source refuses."""
    offer = (await repository.search_flights(GRU_LIS))["data"][0]
    source.error = AmadeusRequestError("gone")
    with pytest.raises(AmadeusRequestError, match="gone"):
        await repository.price(offer)


PRICE = {"currency": "EUR", "total": "400.00"}
FLIGHTS = [{"segments": [{"carrierCode": "TP", "number": "1", "departure": {"iataCode": "GRU", "at": ""}}]}]


@pytest.mark.parametrize(
    "odd",
    [
        {},
        "an offer",
        [{"price": None}],
        {"price": PRICE},
        {"price": PRICE, "itineraries": []},
        {"price": PRICE, "itineraries": [{"segments": [{"carrierCode": "TP"}]}]},
        {"price": {**PRICE, "total": "dear"}, "itineraries": FLIGHTS},
        {"price": {**PRICE, "total": "NaN"}, "itineraries": FLIGHTS},
        {"price": {**PRICE, "currency": 7}, "itineraries": FLIGHTS},
    ],
)
async def test_what_is_no_offer_is_not_sent(repository, source, odd):
    """The error says what is wanted."""
    with pytest.raises(cachekit.InvalidValue, match="flight offer with a price"):
        await repository.price(odd)
    assert source.priced == 0


async def test_over_http_a_price_that_drifted_is_seen(cache, clock):
    """The sandbox's prices change with its clock: a day later the cached offer costs something else."""
    async with (
        SandboxServer(clock=lambda: dt.datetime.fromtimestamp(clock.time(), dt.UTC)) as sandbox,
        AmadeusClient(sandbox.url, sandbox.client_id, sandbox.client_secret) as client,
    ):
        repository = AmadeusCacheRepository(cache, client)
        soon = replace(GRU_LIS, departure_date=dt.date(2026, 11, 24), max_results=6)
        offers = (await repository.search_flights(soon))["data"]
        assert not (await repository.price(offers)).changed
        sandbox.state.set_now(dt.datetime.fromtimestamp(clock.time(), dt.UTC) + dt.timedelta(days=2))
        later = await repository.price(offers)
        assert later.changed
        assert all((each.before == each.now) is (not each.changed) for each in later.offers)

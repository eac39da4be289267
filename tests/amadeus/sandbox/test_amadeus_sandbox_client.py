"""This project's own client, and the sandbox: every path, and what is refused there typed here."""

from datetime import date

import pytest
from support.sandbox import QUERY

from cachekit.amadeus.errors import AmadeusNotFoundError, AmadeusRequestError
from cachekit.amadeus.params import (
    AirlineLookup,
    CheapestDates,
    FlightSearch,
    Leg,
    LocationSearch,
    MultiCitySearch,
    TravelClass,
)

SEARCH = FlightSearch.from_query(QUERY)
JOURNEY = MultiCitySearch(
    legs=(
        Leg("GRU", "LIS", date(2026, 12, 12)),
        Leg("LIS", "PAR", date(2026, 12, 16)),
        Leg("PAR", "GRU", date(2026, 12, 20)),
    ),
    adults=2,
    children=1,
    infants=1,
    travel_class=TravelClass.ECONOMY,
    max_connections=1,
    currency="USD",
    max_results=2,
)


async def test_it_finds_a_journey_of_several_legs(client, server):
    """By POST, with all that such a search can ask for."""
    reply = await client.search(JOURNEY)
    assert [len(offer["itineraries"]) for offer in reply["data"]] == [3, 3]
    assert len(reply["data"][0]["travelerPricings"]) == 4
    assert reply["data"][0]["price"]["currency"] == "USD"
    assert server.stats == {"token": 1, "flight-offers-post": 1}


async def test_it_prices_what_it_found(client):
    """With the details that it asks for."""
    offers = (await client.search(SEARCH))["data"]
    reply = await client.price(offers, include=["bags", "detailed-fare-rules"])
    assert [one["id"] for one in reply["data"]["flightOffers"]] == [one["id"] for one in offers]
    assert set(reply["included"]) == {"bags", "detailed-fare-rules"}


async def test_it_looks_locations_up(client):
    """The page that it asks for."""
    reply = await client.locations(LocationSearch(keyword="lon", limit=2, offset=1))
    assert [one["id"] for one in reply["data"]] == ["ALHR", "ALGW"]
    assert reply["meta"]["count"] == 8


async def test_it_looks_airlines_up(client):
    """By IATA and ICAO codes."""
    reply = await client.airlines(AirlineLookup(codes=("TAP", "BA")))
    assert {one["iataCode"] for one in reply["data"]} == {"BA", "TP"}


async def test_it_finds_the_cheapest_dates(client):
    """Of one way, on one day of three."""
    asked = CheapestDates(
        origin="MAD",
        destination="LIS",
        departure_from=date(2026, 12, 10),
        departure_to=date(2026, 12, 12),
        one_way=True,
    )
    reply = await client.cheapest_dates(asked)
    assert {one["departureDate"] for one in reply["data"]} == {"2026-12-10", "2026-12-11", "2026-12-12"}


async def test_what_is_refused_comes_with_all_that_was_said(client):
    """Status, code, title, detail, source and request id."""
    with pytest.raises(AmadeusRequestError) as caught:
        await client.search(FlightSearch.from_query(QUERY | {"currencyCode": "XXX"}))
    error = caught.value
    assert (error.status, error.code, error.title) == (400, 4926, "INVALID DATA RECEIVED")
    assert error.detail == "the currency is not supported"
    assert error.source == {"parameter": "currencyCode"}
    assert error.request_id


async def test_no_dates_are_not_found(client):
    """404, as a type of its own."""
    with pytest.raises(AmadeusNotFoundError) as caught:
        await client.cheapest_dates(CheapestDates(origin="MAD", destination="XXX"))
    assert caught.value.code == 1797


async def test_an_offer_that_is_gone_is_refused_where_it_stands(client):
    """The source points into what was sent."""
    [offer] = (await client.search(FlightSearch.from_query(QUERY | {"max": "1"})))["data"]
    offer["itineraries"][0]["segments"][0]["number"] = "9999"
    with pytest.raises(AmadeusRequestError) as caught:
        await client.price([offer])
    assert caught.value.source["pointer"].startswith("/data/flightOffers[0]/itineraries[0]")

"""The flight search tool, over replies made for a test and over the real sandbox."""

import copy
import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from cachekit.amadeus import AmadeusCacheRepository
from cachekit.amadeus.errors import (
    AmadeusAuthError,
    AmadeusForbiddenError,
    AmadeusNotFoundError,
    AmadeusQuotaError,
    AmadeusRateLimitError,
    AmadeusReplyError,
    AmadeusRequestError,
    AmadeusServerError,
    AmadeusUnavailable,
)
from cachekit.amadeus.params import FlightSearch
from chatbot.errors import ToolError
from chatbot.places import PlaceDirectory
from chatbot.tools import SearchFlights, ToolRegistry, ToolReply
from chatbot.tools.offers import duration_minutes

TODAY = dt.date(2026, 11, 22)

ASKED = {"origin": "São Paulo", "destination": "Lisboa", "departure_date": "2026-12-12"}


@dataclass
class Canned:
    """A source that answers with what it is given, and remembers what it was asked."""

    answer: Any
    identity: str = "canned"
    requests: list[FlightSearch] = field(default_factory=list)

    async def search(self, request: FlightSearch) -> dict[str, Any]:
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return copy.deepcopy(self.answer)


def segment(
    origin: str, destination: str, departs: str, arrives: str, duration: str = "PT9H55M"
) -> dict[str, Any]:
    return {
        "departure": {"iataCode": origin, "terminal": "3", "at": departs},
        "arrival": {"iataCode": destination, "at": arrives},
        "carrierCode": "TP",
        "number": "88",
        "aircraft": {"code": "339"},
        "operating": {"carrierCode": "AD"},
        "duration": duration,
        "numberOfStops": 0,
    }


def offer(number: int, total: str, *segments: dict[str, Any], duration: str = "PT9H55M") -> dict[str, Any]:
    return {
        "id": str(number),
        "numberOfBookableSeats": 4,
        "lastTicketingDate": "2026-11-25",
        "itineraries": [{"duration": duration, "segments": list(segments)}],
        "price": {"currency": "EUR", "total": total, "grandTotal": total},
        "validatingAirlineCodes": ["TP"],
        "travelerPricings": [
            {
                "fareDetailsBySegment": [
                    {"cabin": "ECONOMY", "brandedFareLabel": "BASIC", "includedCheckedBags": {"quantity": 1}}
                    for _ in segments
                ]
            }
        ],
    }


NIGHT = segment("GRU", "LIS", "2026-12-12T23:05:00", "2026-12-13T12:00:00")
DICTIONARIES = {
    "locations": {"GRU": {"cityCode": "SAO"}, "LIS": {"cityCode": "LIS"}, "MAD": {"cityCode": "MAD"}},
    "carriers": {"TP": "TAP AIR PORTUGAL", "AD": "AZUL"},
    "aircraft": {"339": "AIRBUS A330-900NEO"},
}


def reply(*offers: dict[str, Any]) -> dict[str, Any]:
    return {"meta": {"count": len(offers)}, "data": list(offers), "dictionaries": DICTIONARIES}


Search = Callable[[Canned], ToolRegistry]


@pytest.fixture
def search(cache, places: PlaceDirectory) -> Search:
    """The tool over a source, behind the repository and the registry, as an assistant uses it."""

    def make(source: Canned) -> ToolRegistry:
        repository = AmadeusCacheRepository(cache, source)
        return ToolRegistry([SearchFlights(repository, places, today=lambda: TODAY)], timeout=30)

    return make


async def ask(tools: ToolRegistry, **changes: Any) -> ToolReply:
    return await tools.run("search_flights", ASKED | changes)


async def test_names_become_codes_and_the_request_is_always_the_same(search: Search) -> None:
    """Cities in words, and the same number of results, so that equal questions share one cache entry."""
    source = Canned(reply(offer(1, "500.00", NIGHT)))
    tools = search(source)
    await ask(tools)
    await ask(tools, origin="sao paulo", destination="LIS", adults=1)
    asked = FlightSearch(origin="SAO", destination="LIS", departure_date=date(2026, 12, 12), max_results=50)
    assert source.requests == [asked]
    await ask(tools, refresh=True)
    assert source.requests == [asked, asked]


async def test_all_arguments_reach_the_request(search: Search) -> None:
    """Every field of the schema is sent in the API's own terms."""
    source = Canned(reply())
    found = await ask(
        search(source),
        return_date="2026-12-20",
        adults=2.0,
        children=1,
        infants=1,
        travel_class="BUSINESS",
        non_stop=True,
        max_price=900,
        currency="USD",
        included_airlines=["TP", "LH"],
    )
    assert found.offers is not None
    assert found.offers.search == {
        "originLocationCode": "SAO",
        "destinationLocationCode": "LIS",
        "departureDate": "2026-12-12",
        "returnDate": "2026-12-20",
        "adults": "2",
        "children": "1",
        "infants": "1",
        "travelClass": "BUSINESS",
        "includedAirlineCodes": "LH,TP",
        "nonStop": "true",
        "currencyCode": "USD",
        "maxPrice": "900",
        "max": "50",
    }


async def test_an_offer_becomes_a_card(search: Search) -> None:
    """Names come out of the reply's dictionaries; times stay local."""
    found = await ask(search(Canned(reply(offer(1, "512.30", NIGHT)))))
    assert found.offers is not None
    (card,) = found.offers.offers
    (flight,) = card.itineraries[0].segments
    assert (card.total, card.currency, card.cabin, card.fare_brand) == ("512.30", "EUR", "ECONOMY", "BASIC")
    assert (card.checked_bags, card.seats_left, card.last_ticketing_date) == ("1", 4, "2026-11-25")
    assert (card.itineraries[0].duration_minutes, card.itineraries[0].stops) == (595, 0)
    assert (flight.flight, flight.carrier_name, flight.operated_by) == ("TP88", "TAP Air Portugal", "Azul")
    assert (flight.departs_at, flight.origin_terminal) == ("2026-12-12T23:05:00", "3")
    assert (flight.aircraft, flight.destination_terminal) == ("AIRBUS A330-900NEO", None)


async def test_a_mixed_offer_shows_cabin_and_brand_of_its_longest_segment(search: Search) -> None:
    """Both labels come from one fare, that of most of the way, and never contradict each other."""
    feeder = segment("GRU", "MAD", "2026-12-12T08:00:00", "2026-12-12T09:00:00", "PT1H") | {"id": "1"}
    long_haul = segment("MAD", "LIS", "2026-12-12T11:00:00", "2026-12-12T21:00:00", "PT10H") | {"id": "2"}
    mixed = offer(1, "900.00", feeder, long_haul, duration="PT13H")
    mixed["travelerPricings"][0]["fareDetailsBySegment"] = [
        {"segmentId": "1", "cabin": "ECONOMY", "brandedFareLabel": "LIGHT"},
        {"segmentId": "2", "cabin": "BUSINESS", "brandedFareLabel": "BUSINESS SAVER"},
    ]
    found = await ask(search(Canned(reply(mixed))))
    assert found.offers is not None
    assert (found.offers.offers[0].cabin, found.offers.offers[0].fare_brand) == ("BUSINESS", "BUSINESS SAVER")


async def test_the_age_of_an_answer_is_told(search: Search, clock) -> None:
    """Model and page learn whether it is live, how old it is and when it was fetched."""
    tools = search(Canned(reply(offer(1, "500.00", NIGHT))))
    live = await ask(tools)
    clock.advance(125.9)
    stored = await ask(tools)
    assert [(each.content["source"], each.content["age_seconds"]) for each in (live, stored)] == [
        ("live", 0),
        ("cache", 125),
    ]
    assert stored.offers is not None
    assert (stored.offers.source, round(stored.offers.age, 1)) == ("cache", 125.9)
    assert stored.offers.fetched_at == stored.content["fetched_at"] == "2026-11-22T12:00:00Z"
    assert "checked again" in stored.content["note"]


async def test_the_model_gets_few_offers_and_the_page_more(search: Search) -> None:
    """The model's list is short but keeps the fastest and the cheapest nonstop; the total is true."""
    via = [
        segment("GRU", "MAD", "2026-12-12T10:00:00", "2026-12-13T01:00:00"),
        segment("MAD", "LIS", "2026-12-13T03:00:00", "2026-12-13T03:20:00", "PT1H20M"),
    ]
    offers = [offer(n, f"{400 + n}.00", *via, duration="PT14H20M") for n in range(1, 50)]
    offers.append(offer(50, "900.00", NIGHT))
    found = await ask(search(Canned(reply(*offers))))
    assert found.offers is not None
    told = found.content["offers"]
    assert [each["price"] for each in told] == [*(f"{400 + n}.00" for n in range(1, 10)), "900.00"]
    assert found.content["cheapest_id"] == told[0]["id"]
    assert found.content["fastest_id"] == found.content["cheapest_non_stop_id"] == told[-1]["id"]
    assert (found.content["count"], found.offers.total, len(found.offers.offers)) == (50, 50, 20)
    assert found.content["more"] is True
    assert len(json.dumps(found.content)) < 5_000


async def test_an_empty_result_is_said_clearly(search: Search) -> None:
    """Nothing found is an answer, not an error."""
    found = await ask(search(Canned({"meta": {"count": 0}, "data": []})))
    assert (found.content["count"], found.content["message"]) == (0, "No flights were found for this search.")
    assert found.offers is not None
    assert found.offers.offers == ()


async def test_a_stale_answer_is_called_so(search: Search, clock) -> None:
    """Who reads it learns that the service does not answer."""
    source = Canned(reply(offer(1, "500.00", NIGHT)))
    tools = search(source)
    fresh = await ask(tools)
    clock.advance(900)
    source.answer = AmadeusUnavailable("away")
    stale = await ask(tools)
    assert ["does not answer" in each.content["note"] for each in (fresh, stale)] == [False, True]
    assert (stale.content["source"], stale.content["age_seconds"]) == ("cache", 900)


async def test_an_offer_that_comes_twice_is_one(search: Search) -> None:
    """Offers are told apart by what they say, and not by their numbers in a reply."""
    twins = offer(1, "500.00", NIGHT), offer(2, "500.00", NIGHT)
    found = await ask(search(Canned(reply(*twins, offer(3, "600.00", NIGHT)))))
    assert [each["price"] for each in found.content["offers"]] == ["500.00", "600.00"]


@pytest.mark.parametrize("missing", ["numberOfStops", "duration", "travelerPricings"])
async def test_an_offer_that_cannot_be_read_is_dropped(search: Search, missing: str) -> None:
    """One malformed offer does not cost the others."""
    broken = copy.deepcopy(offer(2, "100.00", NIGHT))
    (flight,) = broken["itineraries"][0]["segments"]
    for part in (broken, flight):
        if missing in part:
            part[missing] = None
    found = await ask(search(Canned(reply(broken, offer(1, "500.00", NIGHT)))))
    assert found.content["count"] == 1


async def test_offers_of_which_none_can_be_read_are_not_no_flights(search: Search) -> None:
    """It is the service that fails."""
    broken = offer(1, "100.00", NIGHT) | {"travelerPricings": []}
    with pytest.raises(ToolError, match="cannot be read") as caught:
        await ask(search(Canned(reply(broken))))
    assert caught.value.code == "unavailable"


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"destination": "Xanadu"}, "unknown_place", "destination"),
        ({"origin": "San José"}, "ambiguous_place", "SJC .* SJO"),
        ({"destination": "SAO"}, "invalid_input", "destination"),
        ({"departure_date": "2026-02-31"}, "invalid_input", "departure_date"),
        ({"departure_date": "2025-12-12"}, "invalid_input", "in the past"),
        ({"departure_date": "2029-12-12"}, "invalid_input", "365 days"),
        ({"return_date": "2026-12-01"}, "invalid_input", "return_date"),
        ({"infants": 2}, "invalid_input", "infants"),
        ({"adults": 10}, "invalid_input", "adults"),
        ({"departure_date": "12/12/2026"}, "invalid_input", "departure_date"),
        ({"cabin": "BUSINESS"}, "invalid_input", "travel_class"),
    ],
)
async def test_bad_arguments_are_refused_by_field(
    search: Search, changes: dict[str, Any], code: str, said: str
) -> None:
    """The error names the field and what is allowed; nothing is asked of the service."""
    source = Canned(reply())
    with pytest.raises(ToolError, match=said) as caught:
        await ask(search(source), **changes)
    assert (caught.value.code, source.requests) == (code, [])


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (AmadeusRateLimitError("secret"), "rate_limited", "too often"),
        (AmadeusQuotaError("secret"), "quota", "quota"),
        (AmadeusAuthError("secret"), "not_configured", "credentials"),
        (AmadeusForbiddenError("secret"), "not_configured", "not allow"),
        (AmadeusNotFoundError("secret"), "no_data", "no data"),
        (AmadeusServerError("secret"), "unavailable", "not available"),
        (AmadeusReplyError("secret"), "unavailable", "not available"),
        (AmadeusUnavailable("secret"), "unavailable", "not available"),
        (
            AmadeusRequestError("secret", title="INVALID DATE", source={"parameter": "departureDate"}),
            "invalid_input",
            r"\(departureDate\): invalid date",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
async def test_a_failure_of_the_service_is_said_safely(
    search: Search, error: Exception, code: str, said: str
) -> None:
    """Each failure has its own sentence; the error's own text stays in the log."""
    with pytest.raises(ToolError, match=said) as caught:
        await ask(search(Canned(error)))
    assert caught.value.code == code
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    ("text", "minutes"), [("PT9H55M", 595), ("P1DT2H", 1560), ("PT45M", 45), ("P2D", 2880)]
)
def test_durations_are_minutes(text: str, minutes: int) -> None:
    """ISO-8601 durations of days, hours and minutes."""
    assert duration_minutes(text) == minutes


@pytest.mark.parametrize("text", ["9h55", "P1M", "", "PT-5M", "P", "PT"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """The offer it stands in cannot be read."""
    with pytest.raises(ValueError, match="ISO-8601"):
        duration_minutes(text)


@pytest.mark.parametrize(
    "changes",
    [{}, {"return_date": "2026-12-20", "adults": 2, "children": 1}, {"origin": "GRU", "non_stop": True}],
)
async def test_offers_of_the_sandbox_are_read_whole(desk, changes: dict[str, Any]) -> None:
    """Every offer that comes over HTTP is read, matches the question, and is sorted by price."""
    found = await ask(desk.tools, **changes)
    assert found.offers is not None
    sent = await desk.source.client.search(FlightSearch.from_query(found.offers.search))
    assert found.offers.total == len(sent["data"]) > 0
    prices = [float(card.total) for card in found.offers.offers]
    assert prices == sorted(prices)
    assert all(len(card.itineraries) == 1 + ("return_date" in changes) for card in found.offers.offers)

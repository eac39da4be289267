"""What the sandbox answers is what the published descriptions promise; skipped where they are absent."""

import pytest
from support.published import check
from support.sandbox import (
    AIRLINES,
    DATES,
    LOCATIONS,
    OFFERS,
    OVERRIDE,
    PRICING,
    QUERY,
    TOKEN,
    ask_for_token,
    posted,
)

# A pattern in the descriptions begins with two brackets.
pytestmark = pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")

OFFERS_V2 = "FlightOffersSearch_v2"
PRICING_V1 = "FlightOffersPrice_v1"
LOCATIONS_V1 = "AirportCitySearch_v1"
AIRLINES_V1 = "AirlineCodeLookUp_v1"
DATES_V1 = "FlightCheapestDateSearch_v1"
TOKEN_V1 = "Authorizaton_v1"

EXTRAS = "bags,other-services,detailed-fare-rules,credit-card-fees"
TRIP = {"origin": "MAD", "destination": "LIS", "departureDate": "2026-12-10,2026-12-12"}


@pytest.mark.parametrize(
    ("path", "query", "name", "place"),
    [
        (OFFERS, QUERY, OFFERS_V2, "/responses/GETAirOffersReply/schema"),
        (
            LOCATIONS,
            {"subType": "AIRPORT,CITY", "keyword": "LON", "page[offset]": "2", "page[limit]": "2"},
            LOCATIONS_V1,
            "/responses/airport-city-autocomplete/schema",
        ),
        (f"{LOCATIONS}/CLON", {}, LOCATIONS_V1, "/responses/airport-city/schema"),
        (
            AIRLINES,
            {"airlineCodes": "BA,ZZ"},
            AIRLINES_V1,
            "/components/responses/airlines/content/application~1vnd.amadeus+json/schema",
        ),
        (DATES, TRIP, DATES_V1, "/definitions/FlightDates"),
    ],
)
async def test_an_answer_is_as_described(let_in, path, query, name, place):
    """Its types, bounds and enumerations."""
    reply = await let_in.get(path, params=query)
    assert reply.status_code == 200
    check(reply.json(), name, place)


async def test_an_answer_to_a_body_is_as_described(let_in):
    """The search by POST, and its first offer priced with all extras."""
    found = await let_in.post(OFFERS, json=posted(), headers=OVERRIDE)
    check(found.json(), OFFERS_V2, "/responses/returnAirOffers/schema")
    payments = [{"brand": "VISA", "flightOfferIds": ["1"]}]
    data = {"type": "flight-offers-pricing", "flightOffers": found.json()["data"][:1], "payments": payments}
    priced = await let_in.post(PRICING, params={"include": EXTRAS}, json={"data": data})
    assert set(priced.json()["included"]) == set(EXTRAS.split(","))
    check(priced.json(), PRICING_V1, "/responses/returnQuotation/schema")


async def test_a_token_is_as_described(http, server):
    """Granted, and refused."""
    granted = await ask_for_token(http, server)
    check(granted.json(), TOKEN_V1, "/components/schemas/AmadeusOAuth2Token")
    refused = await http.get(f"{TOKEN}/unknown")
    check(refused.json(), TOKEN_V1, "/components/schemas/ErrorResponse")


@pytest.mark.parametrize(
    ("path", "query", "name", "place"),
    [
        (OFFERS, {"adults": "1"}, OFFERS_V2, "/definitions/Error_400"),
        (LOCATIONS, {}, LOCATIONS_V1, "/definitions/Error_400"),
        (f"{LOCATIONS}/AXXX", {}, LOCATIONS_V1, "/definitions/Error_404"),
        (DATES, {}, DATES_V1, "/definitions/Error_400"),
        (DATES, TRIP | {"destination": "XXX"}, DATES_V1, "/definitions/Error_404"),
    ],
)
async def test_a_refusal_is_as_described(let_in, path, query, name, place):
    """The error document of the path."""
    reply = await let_in.get(path, params=query)
    assert reply.status_code >= 400
    check(reply.json(), name, place)

"""The sandbox refuses what the service refuses, with its status, code, title and source."""

import pytest
from support.sandbox import (
    AIRLINES,
    LOCATIONS,
    OFFERS,
    OVERRIDE,
    QUERY,
    held,
    posted,
    travelers,
)

from cachekit.amadeus.sandbox.issues import TITLES


def changed(query, changes):
    """The query with changes; None takes a parameter away."""
    return {name: value for name, value in (query | changes).items() if value is not None}


def assert_refused(reply, code, **source):
    """The reply is one error document, and what it names is `source`."""
    issue = reply.json()["errors"][0]
    assert reply.status_code == issue["status"] == 400
    assert reply.headers["Content-Type"] == "application/vnd.amadeus+json"
    assert (issue["code"], issue["title"]) == (code, TITLES[code][1])
    assert issue.get("source", {}).items() >= source.items()


@pytest.mark.parametrize(
    ("changes", "code", "parameter"),
    [
        ({"originLocationCode": None}, 32171, "originLocationCode"),
        ({"destinationLocationCode": ""}, 32171, "destinationLocationCode"),
        ({"departureDate": None}, 32171, "departureDate"),
        ({"adults": None}, 32171, "adults"),
        ({"originLocationCode": "gru"}, 477, "originLocationCode"),
        ({"originLocationCode": "GRUX"}, 477, "originLocationCode"),
        ({"departureDate": "12/12/2026"}, 477, "departureDate"),
        ({"departureDate": "20261212"}, 477, "departureDate"),
        ({"departureDate": "2026-02-30"}, 425, "departureDate"),
        ({"departureDate": "2026-11-20"}, 4926, "departureDate"),
        ({"departureDate": "2027-11-24"}, 425, "departureDate"),
        ({"returnDate": "2026-12-11"}, 4926, "returnDate"),
        ({"returnDate": "2026-11-20"}, 4926, "returnDate"),
        ({"adults": "0"}, 4926, "adults"),
        ({"adults": "10"}, 4926, "adults"),
        ({"adults": "one"}, 477, "adults"),
        ({"adults": "5", "children": "5"}, 10661, "children"),
        ({"children": "-1"}, 477, "children"),
        ({"infants": "2"}, 2668, "infants"),
        ({"children": "1", "infants": "2"}, 2668, "infants"),
        ({"originLocationCode": "AKL", "departureDate": "2026-11-22"}, 4926, "departureDate"),
        ({"travelClass": "COACH"}, 4926, "travelClass"),
        ({"travelClass": "economy"}, 477, "travelClass"),
        ({"travelClass": "ECONOMY,FIRST"}, 477, "travelClass"),
        ({"includedAirlineCodes": "TP,"}, 477, "includedAirlineCodes"),
        ({"excludedAirlineCodes": "tp"}, 477, "excludedAirlineCodes"),
        ({"includedAirlineCodes": "TP", "excludedAirlineCodes": "LA"}, 2668, "excludedAirlineCodes"),
        ({"includedAirlineCodes": ["TP", "LA"]}, 10661, "includedAirlineCodes"),
        ({"nonStop": "True"}, 477, "nonStop"),
        ({"nonStop": "1"}, 477, "nonStop"),
        ({"currencyCode": "eur"}, 477, "currencyCode"),
        ({"currencyCode": "XXX"}, 4926, "currencyCode"),
        ({"maxPrice": "99.5"}, 477, "maxPrice"),
        ({"maxPrice": "0"}, 4926, "maxPrice"),
        ({"max": "0"}, 4926, "max"),
        ({"max": "251"}, 4926, "max"),
        ({"destinationLocationCode": "GRU"}, 2668, "destinationLocationCode"),
        ({"sort": "price"}, 477, "sort"),
    ],
)
async def test_a_bad_parameter_of_a_search_is_named(let_in, changes, code, parameter):
    """Status 400, the documented code and title, and the parameter at fault."""
    reply = await let_in.get(OFFERS, params=changed(QUERY, changes))
    assert_refused(reply, code, parameter=parameter)


async def test_every_bad_parameter_is_listed_with_an_example(let_in):
    """One reply tells all of a kind, and what would do."""
    reply = await let_in.get(OFFERS, params=QUERY | {"originLocationCode": "x", "nonStop": "True"})
    sources = [issue["source"] for issue in reply.json()["errors"]]
    assert sources == [
        {"parameter": "originLocationCode", "example": "SYD"},
        {"parameter": "nonStop", "example": "true"},
    ]


def direction(**changes):
    return posted()["originDestinations"][0] | changes


def day(date, **more):
    return {"departureDateTimeRange": {"date": date, **more}}


def filters(**more):
    return {"searchCriteria": {"flightFilters": more}}


def cabin(**changes):
    one = {"cabin": "BUSINESS", "coverage": "MOST_SEGMENTS", "originDestinationIds": ["1"]}
    return filters(cabinRestrictions=[one | changes])


FILTERS = "/searchCriteria/flightFilters"


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"originDestinations": []}, 32171, "/originDestinations"),
        ({"originDestinations": [direction()] * 7}, 10661, "/originDestinations"),
        ({"originDestinations": "GRU"}, 477, "/originDestinations"),
        ({"originDestinations": [{}]}, 32171, "/originDestinations[0]/id"),
        (
            {"originDestinations": [direction(originLocationCode="gru")]},
            477,
            "/originDestinations[0]/originLocationCode",
        ),
        (
            {"originDestinations": [direction(destinationLocationCode="GRU")]},
            2668,
            "/originDestinations[0]/destinationLocationCode",
        ),
        ({"originDestinations": [direction(), direction()]}, 4926, "/originDestinations[1]/id"),
        (
            {"originDestinations": [direction(**day("2026-02-30"))]},
            425,
            "/originDestinations[0]/departureDateTimeRange/date",
        ),
        (
            {"originDestinations": [direction(**day("2026-11-20"))]},
            4926,
            "/originDestinations[0]/departureDateTimeRange/date",
        ),
        (
            {"originDestinations": [direction(**day("2027-11-24"))]},
            425,
            "/originDestinations[0]/departureDateTimeRange/date",
        ),
        (
            {"originDestinations": [direction(), direction(id="2", **day("2026-12-11"))]},
            4926,
            "/originDestinations[1]/departureDateTimeRange/date",
        ),
        (
            {"originDestinations": [direction(**day("2026-12-12", time="noon"))]},
            477,
            "/originDestinations[0]/departureDateTimeRange/time",
        ),
        (
            {"originDestinations": [direction(**day("2026-12-12", dateWindow="I3D"))]},
            4926,
            "/originDestinations[0]/departureDateTimeRange/dateWindow",
        ),
        (
            {"originDestinations": [direction(originRadius=200)]},
            4926,
            "/originDestinations[0]/originRadius",
        ),
        ({"travelers": []}, 32171, "/travelers"),
        ({"travelers": travelers(*["ADULT"] * 10)}, 10661, "/travelers"),
        ({"travelers": travelers(*["ADULT"] * 19)}, 10661, "/travelers"),
        ({"travelers": travelers("CHILD")}, 4926, "/travelers"),
        ({"travelers": travelers("PILOT")}, 4926, "/travelers[0]/travelerType"),
        ({"travelers": travelers("ADULT", "SENIOR")}, 4926, "/travelers[1]/travelerType"),
        ({"travelers": travelers("ADULT") * 2}, 4926, "/travelers[1]/id"),
        ({"travelers": [{"id": 1, "travelerType": "ADULT"}]}, 477, "/travelers[0]/id"),
        (
            {"travelers": travelers("ADULT", "HELD_INFANT")},
            32171,
            "/travelers[1]/associatedAdultId",
        ),
        ({"travelers": [*travelers("ADULT"), held(2, "7")]}, 4926, "/travelers[1]/associatedAdultId"),
        (
            {"travelers": [*travelers("ADULT", "ADULT"), held(3, "1"), held(4, "1")]},
            2668,
            "/travelers[3]/associatedAdultId",
        ),
        ({"sources": ["NDC"]}, 4926, "/sources[0]"),
        ({"sources": []}, 32171, "/sources"),
        ({"currencyCode": "XXX"}, 4926, "/currencyCode"),
        ({"currencyCode": "eur"}, 477, "/currencyCode"),
        ({"searchCriteria": {"maxFlightOffers": 251}}, 4926, "/searchCriteria/maxFlightOffers"),
        ({"searchCriteria": {"maxFlightOffers": "3"}}, 477, "/searchCriteria/maxFlightOffers"),
        ({"searchCriteria": {"maxPrice": 99.5}}, 477, "/searchCriteria/maxPrice"),
        ({"searchCriteria": {"max": 3}}, 477, "/searchCriteria/max"),
        ({"searchCriteria": {"addOneWayOffers": True}}, 4926, "/searchCriteria/addOneWayOffers"),
        (
            {"searchCriteria": {"pricingOptions": {"refundableFare": True}}},
            4926,
            "/searchCriteria/pricingOptions/refundableFare",
        ),
        (
            filters(connectionRestriction={"maxNumberOfConnections": 3}),
            4926,
            f"{FILTERS}/connectionRestriction/maxNumberOfConnections",
        ),
        (
            filters(carrierRestrictions={"includedCarrierCodes": ["TP"], "excludedCarrierCodes": ["LA"]}),
            2668,
            f"{FILTERS}/carrierRestrictions",
        ),
        (
            filters(carrierRestrictions={"includedCarrierCodes": ["tp"]}),
            477,
            f"{FILTERS}/carrierRestrictions/includedCarrierCodes[0]",
        ),
        (cabin(cabin="COACH"), 4926, f"{FILTERS}/cabinRestrictions[0]/cabin"),
        (
            cabin(originDestinationIds=["7"]),
            4926,
            f"{FILTERS}/cabinRestrictions[0]/originDestinationIds",
        ),
        (cabin(coverage="ALL_SEGMENTS"), 4926, f"{FILTERS}/cabinRestrictions[0]"),
        ({"adults": 1}, 477, "/adults"),
    ],
)
async def test_a_bad_field_of_a_posted_search_is_pointed_at(let_in, changes, code, pointer):
    """Status 400, the documented code and title, and the place in the body."""
    reply = await let_in.post(OFFERS, json=posted(**changes), headers=OVERRIDE)
    assert_refused(reply, code, pointer=pointer)


@pytest.mark.parametrize("missing", ["originDestinations", "travelers", "sources"])
async def test_a_posted_search_needs_its_three_parts(let_in, missing):
    """What is mandatory and not there is pointed at where it should be."""
    body = {name: value for name, value in posted().items() if name != missing}
    reply = await let_in.post(OFFERS, json=body, headers=OVERRIDE)
    assert_refused(reply, 32171, pointer=f"/{missing}")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", 32171),
        (b"{", 477),
        (b"[]", 477),
        (b'"\xff"', 477),
        (b"[" * 100_000, 477),
        (b" " * 4_000_001, 2781),
    ],
)
async def test_a_body_that_is_no_object_is_refused(let_in, content, code):
    """Nothing at all, no JSON, another type, no text, or far too much of it."""
    assert_refused(await let_in.post(OFFERS, content=content, headers=OVERRIDE), code)


async def test_every_bad_day_and_traveler_is_listed(let_in):
    """Faults that do not hide one another come in one reply."""
    body = posted(
        originDestinations=[direction(**day("2026-11-20"))], travelers=travelers("ADULT", "HELD_INFANT")
    )
    issues = (await let_in.post(OFFERS, json=body, headers=OVERRIDE)).json()["errors"]
    assert [issue["code"] for issue in issues] == [4926, 32171]


LOCATION_QUERY = {"subType": "CITY,AIRPORT", "keyword": "LON"}


@pytest.mark.parametrize(
    ("changes", "code", "parameter"),
    [
        ({"subType": None}, 32171, "subType"),
        ({"keyword": None}, 32171, "keyword"),
        ({"keyword": " "}, 32171, "keyword"),
        ({"keyword": "São"}, 477, "keyword"),
        ({"keyword": "x" * 101}, 2781, "keyword"),
        ({"subType": "HOTEL"}, 572, "subType"),
        ({"subType": "city"}, 572, "subType"),
        ({"subType": ["CITY", "AIRPORT"]}, 477, "subType"),
        ({"countryCode": "gb"}, 477, "countryCode"),
        ({"page[limit]": "0"}, 4926, "page[limit]"),
        ({"page[limit]": "many"}, 477, "page[limit]"),
        ({"page[offset]": "-1"}, 477, "page[offset]"),
        ({"sort": "name"}, 572, "sort"),
        ({"view": "TINY"}, 572, "view"),
        ({"page": "1"}, 477, "page"),
    ],
)
async def test_a_bad_parameter_of_a_location_search_is_named(let_in, changes, code, parameter):
    """The codes are those that this path has."""
    reply = await let_in.get(LOCATIONS, params=changed(LOCATION_QUERY, changes))
    assert_refused(reply, code, parameter=parameter)


@pytest.mark.parametrize(
    ("codes", "code"), [("b", 477), ("BA,", 477), ("ba", 477), ("BAWX", 477), ("ZZ", 572)]
)
async def test_bad_airline_codes_are_refused(let_in, codes, code):
    """By their form, or because no airline has any of them."""
    reply = await let_in.get(AIRLINES, params={"airlineCodes": codes})
    assert_refused(reply, code, parameter="airlineCodes")

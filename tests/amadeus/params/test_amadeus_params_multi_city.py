"""Flight searches by POST: validation, and the body they become."""

import re
from copy import deepcopy
from datetime import date, timedelta

import pytest

from cachekit.amadeus.errors import InvalidFlightSearch
from cachekit.amadeus.params import Leg, MultiCitySearch, TravelClass

DAY = date(2026, 12, 12)
LEGS = (Leg("GRU", "LIS", DAY), Leg("LIS", "MAD", DAY + timedelta(days=3)))
FULL = MultiCitySearch(
    legs=LEGS,
    adults=2,
    children=1,
    infants=2,
    travel_class=TravelClass.BUSINESS,
    included_airlines=("TP", "LA"),
    max_connections=1,
    currency="EUR",
    max_price=900,
    max_results=50,
)
BODY = {
    "currencyCode": "EUR",
    "originDestinations": [
        {
            "id": "1",
            "originLocationCode": "GRU",
            "destinationLocationCode": "LIS",
            "departureDateTimeRange": {"date": "2026-12-12"},
        },
        {
            "id": "2",
            "originLocationCode": "LIS",
            "destinationLocationCode": "MAD",
            "departureDateTimeRange": {"date": "2026-12-15"},
        },
    ],
    "travelers": [
        {"id": "1", "travelerType": "ADULT"},
        {"id": "2", "travelerType": "ADULT"},
        {"id": "3", "travelerType": "CHILD"},
        {"id": "4", "travelerType": "HELD_INFANT", "associatedAdultId": "1"},
        {"id": "5", "travelerType": "HELD_INFANT", "associatedAdultId": "2"},
    ],
    "sources": ["GDS"],
    "searchCriteria": {
        "maxFlightOffers": 50,
        "maxPrice": 900,
        "flightFilters": {
            "cabinRestrictions": [
                {"cabin": "BUSINESS", "coverage": "MOST_SEGMENTS", "originDestinationIds": ["1", "2"]}
            ],
            "carrierRestrictions": {"includedCarrierCodes": ["LA", "TP"]},
            "connectionRestriction": {"maxNumberOfConnections": 1},
        },
    },
}
FILTERS = "searchCriteria.flightFilters"
HERE = None
"""The error names the path that was changed."""


def changed(path, value):
    """The body with another value at a path such as `travelers.0.id`; names and numbers joined by dots."""
    body = deepcopy(BODY)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place = body
    for part in parents:
        place = place[part]
    place[last] = value
    return body


def refused(body):
    """The error that reading the body ends in."""
    with pytest.raises(InvalidFlightSearch) as caught:
        MultiCitySearch.from_body(body)
    return caught.value


def test_the_body_is_the_published_one():
    """Every attribute stands where the service looks for it."""
    assert FULL.to_body() == BODY
    assert MultiCitySearch.from_body(BODY) == FULL


def test_the_smallest_body_writes_the_defaults_out():
    """What was not asked for is left out; how many offers is always said."""
    assert MultiCitySearch(legs=LEGS[:1]).to_body() == {
        "originDestinations": BODY["originDestinations"][:1],
        "travelers": [{"id": "1", "travelerType": "ADULT"}],
        "sources": ["GDS"],
        "searchCriteria": {"maxFlightOffers": 250},
    }


def test_excluded_airlines_stand_beside_no_included_ones():
    """There is one list or the other."""
    body = MultiCitySearch(legs=LEGS, excluded_airlines=("tp", "LA")).to_body()
    filters = body["searchCriteria"]["flightFilters"]
    assert filters == {"carrierRestrictions": {"excludedCarrierCodes": ["LA", "TP"]}}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"legs": ()}, "legs"),
        ({"legs": LEGS[:1] * 7}, "legs"),
        ({"legs": LEGS[0]}, "legs"),
        ({"legs": [("GRU", "LIS", DAY)]}, "legs"),
        ({"legs": LEGS[::-1]}, "legs[1].date"),
        ({"legs": (*LEGS, LEGS[0])}, "legs[2].date"),
        ({"adults": 0}, "adults"),
        ({"adults": 9, "children": 1}, "children"),
        ({"infants": 2}, "infants"),
        ({"travel_class": "COACH"}, "travel_class"),
        ({"included_airlines": ("TP",), "excluded_airlines": ("LA",)}, "excluded_airlines"),
        ({"included_airlines": tuple(f"{number:02}" for number in range(100))}, "included_airlines"),
        ({"max_connections": 3}, "max_connections"),
        ({"max_connections": True}, "max_connections"),
        ({"currency": "EURO"}, "currency"),
        ({"max_price": 0}, "max_price"),
        ({"max_results": 251}, "max_results"),
    ],
)
def test_what_the_service_refuses_is_refused_here(change, field):
    """The error names the field, the rule and the value."""
    with pytest.raises(InvalidFlightSearch) as caught:
        MultiCitySearch(**{"legs": LEGS} | change)
    assert caught.value.field == field
    assert caught.value.rule in str(caught.value)


def test_legs_may_leave_on_one_day_and_be_six():
    """The order of the days is what counts."""
    search = MultiCitySearch(legs=[LEGS[0], Leg("LIS", "GRU", DAY)] * 3)
    assert len(search.legs) == 6


def test_airlines_are_counted_without_their_repeats():
    """99 are allowed, however often each is given."""
    codes = [f"{number:02}" for number in range(99)]
    assert MultiCitySearch(legs=LEGS, included_airlines=codes * 2).included_airlines == tuple(codes)


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("currency", "EUR", HERE),
        ("currencyCode", 7, "currency"),
        ("originDestinations", None, HERE),
        ("originDestinations", {}, HERE),
        ("originDestinations", BODY["originDestinations"][:1] * 7, "originDestinations[1].id"),
        ("originDestinations.1", "GRU-LIS", HERE),
        ("originDestinations.1.id", "3", HERE),
        ("originDestinations.1.originRadius", 100, HERE),
        ("originDestinations.1.originLocationCode", "lisbon", "legs[1].origin"),
        ("originDestinations.1.originLocationCode", "MAD", "legs[1].destination"),
        ("originDestinations.1.destinationLocationCode", "", HERE),
        ("originDestinations.1.departureDateTimeRange", "2026-12-15", HERE),
        ("originDestinations.1.departureDateTimeRange.date", "15/12/2026", "legs[1].date"),
        ("originDestinations.1.departureDateTimeRange.date", "2026-12-11", "legs[1].date"),
        ("originDestinations.1.departureDateTimeRange.time", "10:00:00", HERE),
        ("travelers", [], HERE),
        ("travelers", 2, HERE),
        ("travelers", [{"id": "1", "travelerType": "CHILD"}], "adults"),
        ("travelers", [{"id": str(number), "travelerType": "ADULT"} for number in range(1, 11)], "adults"),
        ("travelers.1.travelerType", "CHILD", "infants"),
        ("travelers.1.travelerType", "SENIOR", HERE),
        ("travelers.1.travelerType", None, HERE),
        ("travelers.1.id", "1", HERE),
        ("travelers.1.id", True, HERE),
        ("travelers.1.id", 2.5, HERE),
        ("travelers.1.associatedAdultId", "1", HERE),
        ("travelers.1.associatedAdultId", {"id": "1"}, HERE),
        ("travelers.3.associatedAdultId", "2", HERE),
        ("travelers.3.associatedAdultId", None, HERE),
        ("travelers.3.fareOptions", ["STANDARD"], HERE),
        ("sources", [], HERE),
        ("sources", ["NDC"], HERE),
        ("sources", "GDS,NDC", HERE),
        ("searchCriteria", [1], HERE),
        ("searchCriteria.addOneWayOffers", True, HERE),
        ("searchCriteria.maxFlightOffers", "all", "max_results"),
        ("searchCriteria.maxPrice", 99.5, "max_price"),
        (f"{FILTERS}.railSegmentAllowed", True, HERE),
        (f"{FILTERS}.cabinRestrictions", "BUSINESS", HERE),
        (f"{FILTERS}.cabinRestrictions.0.cabin", "COACH", "travel_class"),
        (f"{FILTERS}.cabinRestrictions.0.coverage", "ALL_SEGMENTS", HERE),
        (f"{FILTERS}.cabinRestrictions.0.coverage", None, HERE),
        (f"{FILTERS}.cabinRestrictions.0.originDestinationIds", ["1"], HERE),
        (f"{FILTERS}.cabinRestrictions.0.originDestinationIds", "12", HERE),
        (f"{FILTERS}.carrierRestrictions.includedCarrierCodes", ["TAP"], "included_airlines"),
        (f"{FILTERS}.carrierRestrictions.excludedCarrierCodes", ["TP"], "excluded_airlines"),
        (f"{FILTERS}.connectionRestriction.maxNumberOfConnections", 3, "max_connections"),
        (f"{FILTERS}.connectionRestriction.nonStopPreferred", True, HERE),
    ],
)
def test_a_body_that_is_no_search_of_ours_is_refused(path, value, field):
    """What the service would refuse, and what a search has no attribute for, is named by the error."""
    error = refused(changed(path, value))
    assert error.field == (field or re.sub(r"[.]([0-9]+)", r"[\1]", path))
    assert error.rule in str(error)


@pytest.mark.parametrize("path", ["travelers.1.id", "originDestinations.0.id", "searchCriteria.maxPrice"])
def test_a_number_without_end_is_refused_like_any_other(path):
    """Python refuses to write numbers of more than 4,300 digits; the error does not try."""
    assert "too large to show" in str(refused(changed(path, 10**5000)))


def test_two_infants_on_one_lap_are_too_many_infants():
    """The error counts them; it asks for no other adult, since there is none."""
    held = {"travelerType": "HELD_INFANT", "associatedAdultId": "1"}
    party = [{"id": "1", "travelerType": "ADULT"}, {"id": "2", **held}, {"id": "3", **held}]
    assert refused(changed("travelers", party)).field == "infants"


def test_two_cabins_are_refused():
    """A journey has one cabin for all of its legs."""
    one = BODY["searchCriteria"]["flightFilters"]["cabinRestrictions"][0]
    assert (
        refused(changed(f"{FILTERS}.cabinRestrictions", [one, one])).field == f"{FILTERS}.cabinRestrictions"
    )


@pytest.mark.parametrize("body", [[], "{}", 7, [BODY]])
def test_a_body_is_an_object(body):
    """Anything else is refused."""
    assert refused(body).field == "body"


@pytest.mark.parametrize("name", ["originDestinations", "travelers", "sources"])
def test_a_missing_part_is_named(name):
    """The three that the service asks for."""
    error = refused({each: value for each, value in BODY.items() if each != name})
    assert str(error) == f"{name} must be given; it is mandatory; nothing was given"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "originDestinations.1.originLocationCode",
            (
                "legs[1].origin (originDestinations[1].originLocationCode) must be three letters A to Z, "
                "such as GRU or LON; not 'x'"
            ),
        ),
        (
            "travelers.2.x",
            "unknown parameter 'travelers[2].x'; it must be one of id, travelerType, associatedAdultId",
        ),
        (
            "travelers.2.id",
            "travelers[2].id must be 3; ids count up from 1, adults before children before infants; not 'x'",
        ),
        (
            "originDestinations.0.id",
            "originDestinations[0].id must be 1; ids count up from 1; not 'x'",
        ),
        (
            f"{FILTERS}.connectionRestriction.maxNumberOfConnections",
            (
                f"max_connections ({FILTERS}.connectionRestriction.maxNumberOfConnections) "
                "must be a whole number; not 'x'"
            ),
        ),
    ],
)
def test_a_refusal_says_where_in_the_body(path, text):
    """The path leads to what is to be mended."""
    assert str(refused(changed(path, "x"))) == text


@pytest.mark.parametrize(("days", "allowed"), [(-2, False), (-1, True), (366, True), (367, False)])
def test_every_leg_is_bounded_with_a_day_of_grace(days, allowed):
    """Neither past nor more than a year ahead; the error counts the legs from 0."""
    leg = Leg("LIS", "MAD", DAY + timedelta(days))
    search = MultiCitySearch(legs=(leg,) if days < 0 else (LEGS[0], leg))
    if allowed:
        search.check_dates(DAY)
    else:
        with pytest.raises(InvalidFlightSearch, match=rf"legs\[{len(search.legs) - 1}\].date"):
            search.check_dates(DAY)

"""Cheapest dates, locations and airlines: validation, and the queries they become."""

from datetime import date, datetime, timedelta

import pytest

from cachekit.amadeus.errors import InvalidFlightSearch, InvalidParams
from cachekit.amadeus.params import (
    AirlineLookup,
    CheapestDates,
    LocationKind,
    LocationSearch,
    LocationView,
    ViewBy,
)

DAY = date(2026, 12, 12)
LATER = DAY + timedelta(days=4)
ROUTE = {"origin": "MAD", "destination": "MUC"}


def test_cheapest_dates_write_their_ranges_with_a_comma():
    """The first and the last day, and the shortest and the longest stay."""
    asked = CheapestDates(
        **ROUTE,
        departure_from=DAY,
        departure_to=LATER,
        duration_from=2,
        duration_to=8,
        max_price=300,
        view_by=ViewBy.WEEK,
    )
    assert asked.to_query() == {
        "origin": "MAD",
        "destination": "MUC",
        "departureDate": "2026-12-12,2026-12-16",
        "oneWay": "false",
        "duration": "2,8",
        "nonStop": "false",
        "maxPrice": "300",
        "viewBy": "WEEK",
    }


def test_a_range_of_one_day_is_that_day():
    """Ranges include both of their ends."""
    one = CheapestDates(**ROUTE, departure_from=DAY, departure_to=DAY, duration_from=7, duration_to=7)
    assert one == CheapestDates(**ROUTE, departure_from=DAY, duration_from=7)
    assert one.departure_to is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"destination": "mad"}, "destination"),
        ({"departure_to": DAY}, "departure_to"),
        ({"departure_from": LATER, "departure_to": DAY}, "departure_to"),
        ({"departure_from": datetime(2026, 12, 12)}, "departure_from"),  # noqa: DTZ001
        ({"departure_from": DAY, "departure_to": "2026-12-16"}, "departure_to"),
        ({"duration_from": 0}, "duration_from"),
        ({"duration_from": 366}, "duration_from"),
        ({"duration_to": 5}, "duration_to"),
        ({"duration_from": 5, "duration_to": 4}, "duration_to"),
        ({"duration_from": 5, "duration_to": True}, "duration_to"),
        ({"one_way": True, "duration_from": 5}, "duration_from"),
        ({"one_way": 1}, "one_way"),
        ({"max_price": 0}, "max_price"),
        ({"view_by": "MONTH"}, "view_by"),
    ],
)
def test_cheapest_dates_that_cannot_be_are_refused(change, field):
    """The error names the field, the rule and the value."""
    with pytest.raises(InvalidFlightSearch) as caught:
        CheapestDates(**ROUTE | change)
    assert caught.value.field == field
    assert caught.value.rule in str(caught.value)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"departureDate": "2026-12-12,"}, "departure_to"),
        ({"departureDate": ",2026-12-12"}, "departure_from"),
        ({"departureDate": "2026-12-12,2026-12-13,2026-12-14"}, "departureDate"),
        ({"departureDate": [None, DAY]}, "departure_to"),
        ({"departureDate": 20261212}, "departure_from"),
        ({"duration": "2-8"}, "duration_from"),
        ({"duration": "5", "oneWay": "true"}, "duration_from"),
        ({"origin": None}, "origin"),
        ({"currency": "EUR"}, "currency"),
    ],
)
def test_a_query_for_cheapest_dates_that_cannot_be_is_refused(change, field):
    """Ranges have one end or two, and both are values."""
    with pytest.raises(InvalidFlightSearch) as caught:
        CheapestDates.from_query(ROUTE | change)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("days", "field"), [((-2, 0), "departure_from"), ((0, 367), "departure_to"), ((-1, 366), None)]
)
def test_both_ends_of_the_departures_are_bounded(days, field):
    """Neither past nor more than a year ahead, with a day of grace."""
    first, last = (DAY + timedelta(each) for each in days)
    asked = CheapestDates(**ROUTE, departure_from=first, departure_to=last)
    if field is None:
        asked.check_dates(DAY)
    else:
        with pytest.raises(InvalidFlightSearch) as caught:
            asked.check_dates(DAY)
        assert caught.value.field == field


def test_a_search_for_locations_writes_every_default_out():
    """Both kinds, the first page of ten, and all that is known of each."""
    assert LocationSearch(keyword=" Lis").to_query() == {
        "keyword": "LIS",
        "subType": "AIRPORT,CITY",
        "page[limit]": "10",
        "page[offset]": "0",
        "view": "FULL",
    }


@pytest.mark.parametrize(
    "page",
    [{"page": {"limit": 5, "offset": "20"}}, {"page[limit]": "05", "page[offset]": 20.0}],
    ids=["nested", "flat"],
)
def test_the_page_is_given_in_brackets_or_as_the_sdk_takes_it(page):
    """Both are one request; the only order there is may be given too."""
    query = {"keyword": "lis", "subType": ["CITY"], "sort": "analytics.travelers.score"}
    asked = LocationSearch(keyword="LIS", kinds=(LocationKind.CITY,), limit=5, offset=20)
    assert LocationSearch.from_query(query | page) == asked


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"keyword": " "}, "keyword"),
        ({"keyword": "São Paulo"}, "keyword"),
        ({"keyword": "A" * 101}, "keyword"),
        ({"keyword": 7}, "keyword"),
        ({"subType": "HOTEL"}, "kinds"),
        ({"subType": ["CITY", 7]}, "kinds"),
        ({"subType": ","}, "kinds"),
        ({"countryCode": "BRA"}, "country"),
        ({"page[limit]": 0}, "limit"),
        ({"page": {"limit": 1001}}, "limit"),
        ({"page": {"offset": -1}}, "offset"),
        ({"page": {"size": 5}}, "page[size]"),
        ({"page": {"limit": 5}, "page[limit]": 6}, "page[limit]"),
        ({"page": 2}, "page"),
        ({"sort": "name"}, "sort"),
        ({"view": "HUGE"}, "view"),
        ({"radius": 5}, "radius"),
    ],
)
def test_a_search_for_locations_that_cannot_be_is_refused(change, field):
    """It is no flight search, and the error does not say so."""
    with pytest.raises(InvalidParams) as caught:
        LocationSearch.from_query({"keyword": "LIS"} | change)
    assert caught.value.field == field
    assert type(caught.value) is InvalidParams


def test_choices_are_folded_to_members():
    """Words in any case become members of their kinds."""
    asked = LocationSearch(keyword="LIS", kinds=["city", "airport", "CITY"], view="light")
    assert asked.kinds == (LocationKind.AIRPORT, LocationKind.CITY)
    assert [type(kind) for kind in asked.kinds] == [LocationKind] * 2
    assert asked.view is LocationView.LIGHT


def test_airlines_are_looked_up_by_iata_and_icao_codes():
    """Sorted, in capitals, each once."""
    assert AirlineLookup(codes=("tp", "TAP", "3o", "TP")).to_query() == {"airlineCodes": "3O,TAP,TP"}


@pytest.mark.parametrize(
    "codes", [None, "", (), ",", "T", "TAPX", "T1P", "TP LA", 7, ["TP", 7], {"TP": 1}, b"TP"]
)
def test_a_look_up_of_what_is_no_airline_is_refused(codes):
    """At least one code, of two characters or of three letters."""
    with pytest.raises(InvalidParams) as caught:
        AirlineLookup(codes=codes)
    assert caught.value.field == "codes"
    assert type(caught.value) is InvalidParams


def test_a_look_up_without_codes_names_the_parameter():
    """All airlines at once are not asked for."""
    with pytest.raises(InvalidParams, match="airlineCodes"):
        AirlineLookup.from_query({"airlineCodes": ["", " "]})


@pytest.mark.parametrize(("codes", "given"), [((), "nothing was given"), (",", "not ','")])
def test_an_empty_list_is_told_what_is_missing(codes, given):
    """What was given is repeated, if it was anything."""
    with pytest.raises(InvalidParams) as caught:
        AirlineLookup(codes=codes)
    assert str(caught.value) == f"codes (airlineCodes) must be a list of 1 or more; {given}"


@pytest.mark.parametrize("stay", [1, 365])
def test_the_bounds_themselves_are_allowed(stay):
    """A stay of a day or of a year, the least price, and pages of one or a thousand."""
    asked = CheapestDates(**ROUTE, duration_from=1, duration_to=stay, max_price=1)
    assert CheapestDates.from_query(asked.to_query()) == asked
    assert [LocationSearch(keyword="L", limit=limit).limit for limit in (1, 1_000)] == [1, 1_000]

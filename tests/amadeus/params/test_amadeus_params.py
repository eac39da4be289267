"""Flight searches by GET and single legs: validation, and the query they become."""

from datetime import date, datetime, timedelta

import pytest

from cachekit.amadeus.errors import AmadeusError, InvalidFlightSearch, InvalidParams
from cachekit.amadeus.params import WIRE_NAMES, FlightSearch, Leg

DAY = date(2026, 12, 12)
QUERY = {"originLocationCode": "GRU", "destinationLocationCode": "LIS", "departureDate": "2026-12-12"}


def test_the_query_writes_every_default_out():
    """What is sent is the whole folded request."""
    assert FlightSearch(origin="gru", destination=" lis", departure_date=DAY).to_query() == {
        "originLocationCode": "GRU",
        "destinationLocationCode": "LIS",
        "departureDate": "2026-12-12",
        "adults": "1",
        "children": "0",
        "infants": "0",
        "nonStop": "false",
        "max": "250",
    }


def test_equal_searches_are_one_dictionary_key():
    """A search is a value."""
    one = FlightSearch(origin="gru", destination="LIS", departure_date=DAY, included_airlines=("tp", "LA"))
    other = FlightSearch(origin="GRU", destination="lis", departure_date=DAY, included_airlines=("LA", "TP"))
    assert {one: 1}[other] == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"originLocationCode": "GR"}, "origin"),
        ({"originLocationCode": "ßA"}, "origin"),
        ({"originLocationCode": "GRU\n1"}, "origin"),
        ({"originLocationCode": 7}, "origin"),
        ({"destinationLocationCode": "gru"}, "destination"),
        ({"departureDate": "20261212"}, "departure_date"),
        ({"departureDate": "2026-W50-6"}, "departure_date"),
        ({"departureDate": "2026-02-30"}, "departure_date"),
        ({"departureDate": datetime(2026, 12, 12)}, "departure_date"),  # noqa: DTZ001
        ({"departureDate": " "}, "departure_date"),
        ({"returnDate": "2026-12-11"}, "return_date"),
        ({"adults": 0}, "adults"),
        ({"adults": True}, "adults"),
        ({"adults": 1.5}, "adults"),
        ({"adults": "1_0"}, "adults"),
        ({"adults": "-1"}, "adults"),
        ({"adults": "٣"}, "adults"),
        ({"adults": [1]}, "adults"),
        ({"adults": 10}, "adults"),
        ({"adults": 10**5000}, "adults"),
        ({"adults": 9, "children": 1}, "children"),
        ({"infants": 2}, "infants"),
        ({"travelClass": "COACH"}, "travel_class"),
        ({"travelClass": "ﬁrst"}, "travel_class"),
        ({"travelClass": 1}, "travel_class"),
        ({"includedAirlineCodes": "TAP"}, "included_airlines"),
        ({"includedAirlineCodes": [7]}, "included_airlines"),
        ({"includedAirlineCodes": {"TP": 1}}, "included_airlines"),
        ({"includedAirlineCodes": "TP", "excludedAirlineCodes": "LA"}, "excluded_airlines"),
        ({"nonStop": "yes"}, "non_stop"),
        ({"nonStop": 1}, "non_stop"),
        ({"currencyCode": "EURO"}, "currency"),
        ({"maxPrice": 0}, "max_price"),
        ({"maxPrice": "1234567890"}, "max_price"),
        ({"maxPrice": 1_000_000_000}, "max_price"),
        ({"max": 251}, "max_results"),
        ({"max": float("nan")}, "max_results"),
        ({"sort": "price"}, "sort"),
    ],
)
def test_what_the_service_refuses_is_refused_here(change, field):
    """The error names the field, the rule and the value."""
    with pytest.raises(InvalidFlightSearch) as caught:
        FlightSearch.from_query(QUERY | change)
    assert caught.value.field == field
    assert caught.value.rule in str(caught.value)
    assert isinstance(caught.value, InvalidParams)
    assert isinstance(caught.value, AmadeusError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"adults": 0},
            "adults must be a whole number from 1 to 9; not 0",
        ),
        (
            {"originLocationCode": "Lisbon"},
            "origin (originLocationCode) must be three letters A to Z, such as GRU or LON; not 'Lisbon'",
        ),
        (
            {"travelClass": "coach"},
            (
                "travel_class (travelClass) must be one of ECONOMY, PREMIUM_ECONOMY, BUSINESS, FIRST; "
                "not 'coach'"
            ),
        ),
        (
            {"returnDate": "2026-12-11"},
            "return_date (returnDate) must be not before the departure on 2026-12-12; not 2026-12-11",
        ),
        (
            {"departureDate": None},
            "departure_date (departureDate) must be given; it is mandatory; nothing was given",
        ),
    ],
)
def test_a_refusal_says_field_rule_and_value(change, text):
    """One line tells a caller what to mend."""
    with pytest.raises(InvalidFlightSearch) as caught:
        FlightSearch.from_query(QUERY | change)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    "value", ["x" * 100_000, 10**5000, [10**5000]], ids=["text", "number", "number in a list"]
)
def test_a_refusal_repeats_a_huge_value_in_part_only(value):
    """Neither a log nor a reply is flooded, and nothing else is raised."""
    with pytest.raises(InvalidFlightSearch) as caught:
        FlightSearch.from_query(QUERY | {"adults": value})
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"departure_date": "2026-12-12"}, "departure_date"),
        ({"departure_date": None}, "departure_date"),
        ({"adults": "1"}, "adults"),
        ({"adults": None}, "adults"),
        ({"non_stop": "true"}, "non_stop"),
        ({"included_airlines": None}, "included_airlines"),
    ],
)
def test_a_program_gives_each_value_in_its_own_type(change, field):
    """Texts that stand for days, numbers and flags are read by from_query only."""
    with pytest.raises(InvalidFlightSearch) as caught:
        FlightSearch(**{"origin": "GRU", "destination": "LIS", "departure_date": DAY} | change)
    assert caught.value.field == field


@pytest.mark.parametrize("wire", QUERY)
def test_a_missing_mandatory_parameter_is_named(wire):
    """Without origin, destination or date there is no search."""
    with pytest.raises(InvalidFlightSearch, match=wire):
        FlightSearch.from_query({name: value for name, value in QUERY.items() if name != wire})


def test_an_unknown_parameter_is_told_what_is_allowed():
    """The error lists every name of the API."""
    with pytest.raises(InvalidFlightSearch) as caught:
        FlightSearch.from_query(QUERY | {"origin": "GRU"})
    assert caught.value.rule == f"one of {', '.join(WIRE_NAMES.values())}"
    assert (caught.value.field, caught.value.value) == ("origin", "origin")


@pytest.mark.parametrize(("days", "allowed"), [(-2, False), (-1, True), (0, True), (366, True), (367, False)])
def test_dates_are_bounded_with_a_day_of_grace(days, allowed):
    """The airport's day may be one off the caller's, so the service has the last word."""
    search = FlightSearch(origin="GRU", destination="LIS", departure_date=DAY + timedelta(days))
    if allowed:
        search.check_dates(DAY)
    else:
        with pytest.raises(InvalidFlightSearch, match="departureDate"):
            search.check_dates(DAY)


def test_the_return_date_is_bounded_too():
    """A return a year and more ahead is refused."""
    search = FlightSearch(
        origin="GRU", destination="LIS", departure_date=DAY, return_date=DAY + timedelta(days=367)
    )
    with pytest.raises(InvalidFlightSearch, match="returnDate"):
        search.check_dates(DAY)


def test_a_search_has_a_leg_for_each_way():
    """The way back leads from the destination on the day of return."""
    asked = {"origin": "gru", "destination": "LIS", "departure_date": DAY}
    back = DAY + timedelta(days=5)
    assert FlightSearch(**asked).legs == (Leg("GRU", "LIS", DAY),)
    assert FlightSearch(**asked, return_date=back).legs == (Leg("GRU", "LIS", DAY), Leg("LIS", "GRU", back))


def test_a_leg_is_folded():
    """Codes are brought to capitals."""
    assert Leg(" gru", "lis ", DAY) == Leg("GRU", "LIS", DAY)


@pytest.mark.parametrize(
    ("leg", "field"),
    [
        (("G", "LIS", DAY), "origin"),
        (("GRU", None, DAY), "destination"),
        (("GRU", "gru", DAY), "destination"),
        (("GRU", "LIS", "2026-12-12"), "date"),
        (("GRU", "LIS", datetime(2026, 12, 12)), "date"),  # noqa: DTZ001
    ],
)
def test_a_leg_that_cannot_be_flown_is_refused(leg, field):
    """It leads from one place to another on a day."""
    with pytest.raises(InvalidFlightSearch) as caught:
        Leg(*leg)
    assert caught.value.field == field

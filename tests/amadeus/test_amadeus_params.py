"""Flight searches: folding, validation, and the query they become."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachekit.amadeus.errors import AmadeusError, InvalidFlightSearch
from cachekit.amadeus.params import WIRE_NAMES, FlightSearch, TravelClass

DAY = date(2026, 12, 12)
QUERY = {"originLocationCode": "GRU", "destinationLocationCode": "LIS", "departureDate": "2026-12-12"}

codes = st.from_regex(r"[A-Z]{3}", fullmatch=True)
airlines = st.lists(st.from_regex(r"[0-9A-Z]{2}", fullmatch=True), max_size=4).map(tuple)


@st.composite
def searches(draw):
    """Any valid search."""
    origin, destination = draw(st.lists(codes, min_size=2, max_size=2, unique=True))
    departure = draw(st.dates(date(2026, 1, 1), date(2027, 12, 31)))
    adults = draw(st.integers(1, 9))
    which = draw(st.sampled_from(["included_airlines", "excluded_airlines"]))
    return FlightSearch(
        origin=origin,
        destination=destination,
        departure_date=departure,
        return_date=draw(st.none() | st.integers(0, 60).map(lambda days: departure + timedelta(days))),
        adults=adults,
        children=draw(st.integers(0, 9 - adults)),
        infants=draw(st.integers(0, adults)),
        travel_class=draw(st.none() | st.sampled_from(TravelClass)),
        non_stop=draw(st.booleans()),
        currency=draw(st.none() | codes),
        max_price=draw(st.none() | st.integers(1, 999_999_999)),
        max_results=draw(st.integers(1, 250)),
        **{which: draw(airlines)},
    )


@st.composite
def spellings(draw, search):
    """The same search as somebody else might spell it."""
    query = {}
    for wire, text in search.to_query().items():
        if text == {"children": "0", "infants": "0", "nonStop": "false", "max": "250"}.get(wire):
            value = draw(st.sampled_from([text, None, ""]))
        elif wire in {"adults", "children", "infants", "max", "maxPrice"}:
            value = draw(st.sampled_from([text, int(text), float(text), "00" + text, f" {text}"]))
        elif wire.endswith("AirlineCodes"):
            parts = draw(st.permutations(text.split(",") * 2))
            value = draw(st.sampled_from([parts, ",".join(parts).lower(), " , ".join(parts), set(parts)]))
        elif wire == "nonStop":
            value = draw(st.sampled_from([text, text.title(), text == "true"]))
        else:
            value = draw(st.sampled_from([text, text.lower(), f" {text} "]))
        query[wire] = value
    return query


@given(searches())
def test_a_query_reads_back_as_the_same_search(search):
    """from_query is the inverse of to_query."""
    assert FlightSearch.from_query(search.to_query()) == search


@given(searches())
def test_folding_twice_changes_nothing(search):
    """A folded request folds to itself."""
    query = search.to_query()
    assert FlightSearch.from_query(query).to_query() == query


@given(st.data())
def test_every_spelling_of_a_request_is_one_query(data):
    """Case, spaces, zeros, order, repeats and left-out defaults do not matter."""
    search = data.draw(searches())
    spelled = FlightSearch.from_query(data.draw(spellings(search)))
    assert spelled == search
    assert list(spelled.to_query().items()) == list(search.to_query().items())


@given(searches(), searches())
def test_two_searches_share_a_query_only_if_they_are_equal(one, other):
    """The query is as good a key as the request itself."""
    assert (one.to_query() == other.to_query()) == (one == other)


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


def test_what_the_service_tells_apart_is_not_folded():
    """Cities and airports, no class and ECONOMY, no currency and EUR stay different requests."""
    asked = {"origin": "LON", "destination": "LIS", "departure_date": DAY}
    variants = [
        asked,
        asked | {"origin": "LHR"},
        asked | {"origin": "LIS", "destination": "LON"},
        asked | {"travel_class": "ECONOMY"},
        asked | {"currency": "EUR"},
        asked | {"return_date": DAY},
        asked | {"max_results": 249},
    ]
    assert len({tuple(FlightSearch(**variant).to_query().items()) for variant in variants}) == len(variants)


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
        ({"adults": 9, "children": 1}, "children"),
        ({"infants": 2}, "infants"),
        ({"travelClass": "COACH"}, "travel_class"),
        ({"includedAirlineCodes": "TAP"}, "included_airlines"),
        ({"includedAirlineCodes": [7]}, "included_airlines"),
        ({"includedAirlineCodes": {"TP": 1}}, "included_airlines"),
        ({"includedAirlineCodes": "TP", "excludedAirlineCodes": "LA"}, "excluded_airlines"),
        ({"nonStop": "yes"}, "non_stop"),
        ({"nonStop": 1}, "non_stop"),
        ({"currencyCode": "EURO"}, "currency"),
        ({"maxPrice": 0}, "max_price"),
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
    assert isinstance(caught.value, AmadeusError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("wire", QUERY)
def test_a_missing_mandatory_parameter_is_named(wire):
    """Without origin, destination or date there is no search."""
    with pytest.raises(InvalidFlightSearch, match=wire):
        FlightSearch.from_query({name: value for name, value in QUERY.items() if name != wire})


def test_an_unknown_parameter_is_told_what_is_allowed():
    """The error lists every name of the API."""
    with pytest.raises(InvalidFlightSearch) as caught:
        FlightSearch.from_query(QUERY | {"origin": "GRU"})
    assert all(wire in caught.value.rule for wire in WIRE_NAMES.values())


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

"""Two requests share a key if and only if the service must answer them alike.

A meaning is drawn, spelled at random (`support.spelling`), read by the request types, and its key made by
the real key space. The sandbox, which reads strictly and on its own, judges what would be sent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import spelling

from cachekit.amadeus.errors import InvalidParams
from cachekit.amadeus.params import (
    AirlineLookup,
    CheapestDates,
    FlightSearch,
    Leg,
    LocationSearch,
    MultiCitySearch,
)
from cachekit.amadeus.sandbox.airlines import read_airline_codes
from cachekit.amadeus.sandbox.requests.date_query import read_cheapest_dates
from cachekit.amadeus.sandbox.requests.location_query import read_location_search
from cachekit.amadeus.sandbox.requests.posted import read_posted
from cachekit.amadeus.sandbox.requests.query import read_search
from cachekit.core.keys import KeySpace

SPACE = KeySpace("amadeus_cache")


@dataclass(frozen=True)
class Form:
    """One kind of request: its meanings, how they are spelled, read and sent, and who judges what is sent."""

    meanings: st.SearchStrategy
    spell: Callable[[Any], st.SearchStrategy]
    read: Callable[[Any], Any]
    sent: Callable[[Any], Any]
    judge: Callable[[Any], Any]
    defaults: dict[str, Any]


def query_form(kind, meanings, kinds, defaults, judge):
    return Form(
        meanings=meanings,
        spell=lambda meaning: spelling.queries(meaning, kinds, defaults),
        read=kind.from_query,
        sent=kind.to_query,
        judge=lambda sent: judge(list(sent.items())),
        defaults=defaults,
    )


FORMS = {
    "search": query_form(
        FlightSearch,
        spelling.searches(),
        spelling.SEARCH_KINDS,
        spelling.SEARCH_DEFAULTS,
        lambda query: read_search(query, spelling.NOW),
    ),
    "journey": Form(
        meanings=spelling.journeys(),
        spell=spelling.bodies,
        read=MultiCitySearch.from_body,
        sent=MultiCitySearch.to_body,
        judge=lambda body: read_posted(body, spelling.NOW).search,
        defaults={"max_results": 250},
    ),
    "dates": query_form(
        CheapestDates,
        spelling.cheapest_dates(),
        spelling.DATES_KINDS,
        spelling.DATES_DEFAULTS,
        lambda query: read_cheapest_dates(query, spelling.NOW),
    ),
    "locations": query_form(
        LocationSearch,
        spelling.location_searches(),
        spelling.LOCATION_KINDS,
        spelling.LOCATION_DEFAULTS,
        read_location_search,
    ),
    "airlines": query_form(
        AirlineLookup,
        spelling.airline_lookups,
        spelling.AIRLINE_KINDS,
        {},
        lambda query: AirlineLookup(codes=read_airline_codes(query)),
    ),
}
QUERIES = sorted(set(FORMS) - {"journey"})


def key(request):
    """The key as the repository makes it, of one source."""
    return SPACE.key("flights:search", {**request.key_params(), "source": "one"})


def spelled(data, form, meaning):
    """The request, read from one spelling of its meaning."""
    return form.read(data.draw(form.spell(meaning)))


@pytest.mark.parametrize("name", FORMS)
@spelling.UNHURRIED
@given(data=st.data())
def test_every_spelling_of_a_request_has_one_key_and_is_sent_alike(name, data):
    """Case, spaces, zeros, floats, order, repeats, defaults and empty values do not matter."""
    form = FORMS[name]
    meaning = data.draw(form.meanings)
    one, other = spelled(data, form, meaning), spelled(data, form, meaning)
    assert key(one) == key(other)
    assert form.sent(one) == form.sent(other)
    assert (one, hash(one)) == (other, hash(other))


@pytest.mark.parametrize("name", FORMS)
@spelling.UNHURRIED
@given(data=st.data())
def test_any_one_change_of_meaning_makes_another_key(name, data):
    """Each field counts, one at a time."""
    form = FORMS[name]
    one, other = data.draw(form.meanings), data.draw(form.meanings)
    known = key(spelled(data, form, one))
    for field in sorted(one | other):
        changed = {each: value for each, value in one.items() if each != field}
        changed |= {field: other[field]} if field in other else {}
        if form.defaults | changed == form.defaults | one:
            continue
        try:
            request = spelled(data, form, changed)
        except InvalidParams:
            continue
        assert key(request) != known, field


@pytest.mark.parametrize("name", FORMS)
@spelling.UNHURRIED
@given(data=st.data())
def test_what_is_sent_reads_back_as_the_same_request(name, data):
    """Reading is the inverse of writing, so a folded request folds to itself."""
    form = FORMS[name]
    request = spelled(data, form, data.draw(form.meanings))
    again = form.read(form.sent(request))
    assert again == request
    assert repr(form.sent(again)) == repr(form.sent(request))


@pytest.mark.parametrize("name", FORMS)
@spelling.UNHURRIED
@given(data=st.data())
def test_a_strict_service_takes_what_is_sent_and_understands_the_same(name, data):
    """The sandbox folds nothing, and reads the request that was meant."""
    form = FORMS[name]
    request = spelled(data, form, data.draw(form.meanings))
    assert form.judge(form.sent(request)) == request


@pytest.mark.parametrize("name", QUERIES)
@spelling.UNHURRIED
@given(data=st.data())
def test_the_query_says_all_that_was_meant_and_nothing_more(name, data):
    """Every default is written out, each value in its one form."""
    form = FORMS[name]
    meaning = data.draw(form.meanings)
    sent = form.sent(spelled(data, form, meaning))
    assert sent == {
        wire: spelling.text(value) for wire, value in spelling.full(meaning, form.defaults).items()
    }


@spelling.UNHURRIED
@given(meaning=spelling.journeys(), data=st.data())
def test_the_body_means_what_was_asked_for(meaning, data):
    """Each attribute is the one that was spelled."""
    legs = tuple(Leg(*leg) for leg in meaning["legs"])
    assert spelled(data, FORMS["journey"], meaning) == MultiCitySearch(**meaning | {"legs": legs})


@spelling.UNHURRIED
@given(meaning=spelling.searches(), data=st.data())
def test_get_and_post_of_one_journey_have_two_keys(meaning, data):
    """The service may answer them differently."""
    search = spelled(data, FORMS["search"], meaning)
    journey = MultiCitySearch(
        legs=search.legs, adults=search.adults, children=search.children, infants=search.infants
    )
    assert key(search) != key(journey)


ASKED = {"originLocationCode": "LON", "destinationLocationCode": "LIS", "departureDate": "2026-12-12"}


@pytest.mark.parametrize(
    "change",
    [
        {"originLocationCode": "LHR"},
        {"originLocationCode": "LIS", "destinationLocationCode": "LON"},
        {"travelClass": "ECONOMY"},
        {"currencyCode": "EUR"},
        {"returnDate": "2026-12-12"},
        {"max": 249},
    ],
)
def test_what_the_service_tells_apart_is_never_folded(change):
    """City and airport, both directions, no class and ECONOMY, no currency and EUR, one way and return."""
    assert key(FlightSearch.from_query(ASKED)) != key(FlightSearch.from_query(ASKED | change))


def test_a_journey_there_and_back_is_neither_of_its_ways():
    """A round trip and two one-ways have three keys, whichever way they are asked for."""
    search = FlightSearch.from_query(ASKED | {"returnDate": "2026-12-20"})
    there, back = search.legs
    journeys = [MultiCitySearch(legs=legs) for legs in ((there, back), (there,), (back,))]
    ways = [
        FlightSearch(origin=leg.origin, destination=leg.destination, departure_date=leg.date)
        for leg in search.legs
    ]
    assert len({key(request) for request in (search, *ways, *journeys)}) == 6


def test_the_key_is_made_of_what_is_sent_and_how():
    """Other programs make the same key from the wire's own names and the verb."""
    search = FlightSearch.from_query(ASKED)
    journey = MultiCitySearch(legs=search.legs)
    assert search.key_params() == search.to_query() | {"verb": "GET"}
    assert journey.key_params() == journey.to_body() | {"verb": "POST"}

"""Whatever is sent, the sandbox answers or refuses; it never fails."""

import copy
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.sandbox import NOW, QUERY, posted

from cachekit.amadeus.params import CheapestDates, FlightSearch, LocationSearch, MultiCitySearch
from cachekit.amadeus.sandbox.airlines import find_airlines, read_airline_codes
from cachekit.amadeus.sandbox.extras import booking_requirements, included, locations_of
from cachekit.amadeus.sandbox.inventory.offers import find_offers
from cachekit.amadeus.sandbox.issues import Refusal
from cachekit.amadeus.sandbox.repricing import reprice
from cachekit.amadeus.sandbox.requests.date_query import read_cheapest_dates
from cachekit.amadeus.sandbox.requests.location_query import read_location_search
from cachekit.amadeus.sandbox.requests.posted import read_posted
from cachekit.amadeus.sandbox.requests.pricing_body import read_pricing
from cachekit.amadeus.sandbox.requests.query import read_search

many = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.sampled_from(["1", "2", "7", "GRU", "LIS", "2026-12-12", "2026-02-30", "0001-01-01", "9999-12-31"]),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["id", "date", "x"]), inner, max_size=3),
    ),
    max_leaves=5,
)
steps = st.lists(st.integers(0, 30), min_size=1, max_size=9)

BODY = posted(
    originDestinations=[
        posted()["originDestinations"][0],
        posted()["originDestinations"][0] | {"id": "2", "departureDateTimeRange": {"date": "2026-12-16"}},
    ],
    travelers=[
        {"id": "1", "travelerType": "ADULT"},
        {"id": "2", "travelerType": "HELD_INFANT", "associatedAdultId": "1"},
    ],
    currencyCode="USD",
    searchCriteria={
        "maxFlightOffers": 2,
        "maxPrice": 5000,
        "flightFilters": {
            "cabinRestrictions": [
                {"cabin": "ECONOMY", "coverage": "MOST_SEGMENTS", "originDestinationIds": ["1", "2"]}
            ],
            "carrierRestrictions": {"excludedCarrierCodes": ["TP"]},
            "connectionRestriction": {"maxNumberOfConnections": 1},
        },
    },
)
OFFER = find_offers(
    FlightSearch(
        origin="GRU",
        destination="LIS",
        departure_date=date(2026, 12, 12),
        return_date=date(2026, 12, 19),
        children=1,
        infants=1,
        max_results=1,
    ),
    seed=1,
    now=NOW,
)["data"][0]
PAYMENT = {"brand": "VISA", "flightOfferIds": ["1"]}


def altered(document, path, value, *, removed):
    """The document with one place in it changed, found by `path`; or with that place taken out."""
    document = copy.deepcopy(document)
    inner = document
    for step in path:
        place = inner
        keys = list(place) if isinstance(place, dict) else range(len(place))
        key = keys[step % len(keys)]
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner:
            break
    if removed:
        del place[key]
    else:
        place[key] = value
    return document


def answered(read):
    """What was read, or None where that is refused; each issue is one that can be written."""
    try:
        return read()
    except Refusal as error:
        refusal = error
    document = refusal.document()
    assert {issue["status"] for issue in document["errors"]} <= {400, 404}
    return None


@many
@given(steps, values, st.booleans())
def test_any_change_of_a_posted_search_is_answered_or_refused(path, value, removed):
    """And what is answered is a search."""
    found = answered(lambda: read_posted(altered(BODY, path, value, removed=removed), NOW))
    assert found is None or isinstance(found.search, MultiCitySearch)


@many
@given(values)
def test_any_json_at_all_is_answered_or_refused(document):
    """As a search and as a request for prices."""
    assert answered(lambda: read_posted(document, NOW)) is None
    assert answered(lambda: read_pricing([], document)) is None


@many
@given(steps, values, st.booleans())
def test_any_change_of_a_request_for_prices_is_answered_or_refused(path, value, removed):
    """Down to the last field of an offer, extras included."""
    body = {"data": {"type": "flight-offers-pricing", "flightOffers": [OFFER], "payments": [PAYMENT]}}
    extras = [("include", "bags,other-services,detailed-fare-rules,credit-card-fees")]

    def price():
        asked = read_pricing(extras, altered(body, path, value, removed=removed))
        offers = reprice(asked.offers, seed=1, now=NOW)
        booking_requirements(offers), locations_of(offers)
        return included(asked.extras, offers, asked.payments)

    found = answered(price)
    assert found is None or set(found) == set(extras[0][1].split(","))


odd = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["1", "٣", "1,5", "true", "GRU", "LIS", "LON\n", "CITY", "BA", "DATE", "FULL"]),
    st.sampled_from(["2026-12-12", "2026-12-12,2026-12-20", "0000-00-00", "9999-12-31"]),
)


@pytest.mark.parametrize(
    ("base", "names", "read", "kind"),
    [
        (
            QUERY,
            [*QUERY, "returnDate", "children", "infants", "travelClass", "maxPrice", "nonStop"],
            lambda query: read_search(query, NOW),
            FlightSearch,
        ),
        (
            {"origin": "GRU", "destination": "LIS"},
            ["origin", "departureDate", "duration", "oneWay", "maxPrice", "viewBy"],
            lambda query: read_cheapest_dates(query, NOW),
            CheapestDates,
        ),
        (
            {"subType": "CITY", "keyword": "LON"},
            ["subType", "keyword", "countryCode", "page[limit]", "page[offset]", "view", "sort"],
            read_location_search,
            LocationSearch,
        ),
        ({}, ["airlineCodes", "x"], lambda query: find_airlines(read_airline_codes(query)), dict),
    ],
)
@many
@given(data=st.data())
def test_any_query_is_answered_or_refused(base, names, read, kind, data):
    """Whatever the values are, in whatever script."""
    changes = data.draw(st.dictionaries(st.sampled_from(names), odd, max_size=3))
    found = answered(lambda: read(list((base | changes).items())))
    assert found is None or isinstance(found, kind)

"""Both sides of the wire agree: the client refuses what the sandbox would refuse, and nothing else."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.sandbox import NOW, held, travelers

from cachekit.amadeus.errors import InvalidParams
from cachekit.amadeus.params import CheapestDates, FlightSearch, LocationSearch, MultiCitySearch
from cachekit.amadeus.sandbox.issues import Refusal
from cachekit.amadeus.sandbox.requests.date_query import read_cheapest_dates
from cachekit.amadeus.sandbox.requests.location_query import read_location_search
from cachekit.amadeus.sandbox.requests.posted import read_posted
from cachekit.amadeus.sandbox.requests.query import read_search

values = st.sampled_from(
    ["0", "1", "5", "9", "10", "251", "GRU", "LIS", "true", "TP", "TP,LA", "ECONOMY", "USD"]
)
dates = st.sampled_from(["2026-11-22", "2026-12-12", "2026-12-20", "2027-11-22", "2026-02-30", "2026-1-1"])
searches = st.fixed_dictionaries(
    {
        "originLocationCode": st.sampled_from(["GRU", "LON", "GR"]),
        "destinationLocationCode": st.sampled_from(["LIS", "GRU"]),
        "departureDate": dates,
        "adults": st.sampled_from(["1", "2", "9", "0"]),
    },
    optional={
        "returnDate": dates,
        "children": values,
        "infants": values,
        "travelClass": values,
        "includedAirlineCodes": values,
        "excludedAirlineCodes": values,
        "nonStop": values,
        "currencyCode": st.sampled_from(["USD", "BRL", "US"]),
        "maxPrice": values,
        "max": values,
    },
)
slow = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def asked(make, *, dated=True):
    """What the client's side makes of a request; None if it refuses it."""
    try:
        request = make()
        if dated:
            request.check_dates(NOW.date())
    except InvalidParams:
        return None
    return request


def read(make):
    """What the sandbox's side makes of it; None if it refuses it."""
    try:
        return make()
    except Refusal:
        return None


@slow
@given(searches)
def test_both_sides_agree_on_what_a_search_may_be(query):
    """The client refuses locally exactly what the sandbox would refuse, and both read the rest alike."""
    request = asked(lambda: FlightSearch.from_query(query))
    assert read(lambda: read_search(list(query.items()), NOW)) == request
    if request is not None:
        assert read_search(list(request.to_query().items()), NOW) == request


directions = st.builds(
    lambda number, origin, destination, on: {
        "id": str(number),
        "originLocationCode": origin,
        "destinationLocationCode": destination,
        "departureDateTimeRange": {"date": on},
    },
    st.integers(1, 3),
    st.sampled_from(["GRU", "LON", "GR"]),
    st.sampled_from(["LIS", "GRU"]),
    dates,
)
parties = st.sampled_from(
    [
        travelers("ADULT"),
        travelers("ADULT", "CHILD"),
        travelers("CHILD"),
        [*travelers("ADULT"), held(2, "1")],
        [*travelers("ADULT"), held(2, "2")],
        travelers(*["ADULT"] * 9),
        travelers(*["ADULT"] * 10),
    ]
)
bodies = st.builds(
    lambda legs, party, currency, most: {
        "originDestinations": [leg | {"id": str(number)} for number, leg in enumerate(legs, 1)],
        "travelers": party,
        "sources": ["GDS"],
        "currencyCode": currency,
        "searchCriteria": {"maxFlightOffers": most},
    },
    st.lists(directions, max_size=7),
    parties,
    st.sampled_from(["USD", "US"]),
    st.sampled_from([0, 1, 250, 251]),
)


@slow
@given(bodies)
def test_both_sides_agree_on_what_a_posted_search_may_be(body):
    """The same, for a body in the form that the client writes."""
    request = asked(lambda: MultiCitySearch.from_body(body))
    found = read(lambda: read_posted(body, NOW))
    assert (found and found.search) == request
    if request is not None:
        assert read_posted(request.to_body(), NOW).search == request


pages = st.sampled_from(["0", "1", "10", "1000", "1001", "x"])
location_queries = st.fixed_dictionaries(
    {"keyword": st.sampled_from(["LON", "new york", "-", "x" * 101, "ß", " "])},
    optional={
        "subType": st.sampled_from(["CITY", "AIRPORT", "AIRPORT,CITY", "HOTEL", "CITY,"]),
        "countryCode": st.sampled_from(["GB", "GBR"]),
        "page[limit]": pages,
        "page[offset]": pages,
        "view": st.sampled_from(["LIGHT", "FULL", "TINY"]),
    },
)


@slow
@given(location_queries)
def test_what_the_client_asks_of_locations_the_sandbox_answers(query):
    """Every query that the client sends is read as it was meant."""
    request = asked(lambda: LocationSearch.from_query(query), dated=False)
    if request is not None:
        assert read_location_search(list(request.to_query().items())) == request


date_queries = st.fixed_dictionaries(
    {"origin": st.sampled_from(["GRU", "MAD"]), "destination": st.sampled_from(["MAD", "LIS"])},
    optional={
        "departureDate": st.one_of(dates, st.builds("{},{}".format, dates, dates)),
        "oneWay": st.sampled_from(["true", "false", "yes"]),
        "duration": st.sampled_from(["0", "1", "2,8", "8,2", "5,5", "366", "x"]),
        "nonStop": st.sampled_from(["true", "false"]),
        "maxPrice": values,
        "viewBy": st.sampled_from(["DATE", "DURATION", "WEEK", "MONTH"]),
    },
)


@slow
@given(date_queries)
def test_both_sides_agree_on_what_a_search_for_dates_may_be(query):
    """As for the search for offers."""
    request = asked(lambda: CheapestDates.from_query(query))
    assert read(lambda: read_cheapest_dates(list(query.items()), NOW)) == request

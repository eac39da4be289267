"""What passes as an answer to a request, and what does not."""

import copy
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachekit.amadeus.errors import AmadeusReplyError
from cachekit.amadeus.params import (
    AirlineLookup,
    CheapestDates,
    FlightSearch,
    Leg,
    LocationKind,
    LocationSearch,
    MultiCitySearch,
)
from cachekit.amadeus.repository.reply import (
    check_airlines,
    check_dates,
    check_locations,
    check_offers,
    check_prices,
)
from cachekit.amadeus.sandbox.inventory.offers import find_offers

NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
DAY = dt.date(2026, 12, 12)
SEARCH = FlightSearch(origin="GRU", destination="LON", departure_date=DAY, return_date=DAY + dt.timedelta(7))
GENUINE = find_offers(
    FlightSearch(
        origin="GRU",
        destination="LON",
        departure_date=DAY,
        return_date=DAY + dt.timedelta(7),
        max_results=3,
    ),
    seed=1,
    now=NOON,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def spoilt(change):
    reply = copy.deepcopy(GENUINE)
    change(reply)
    return reply


def paths(value, path=()):
    """Where in a document something stands."""
    yield path
    if isinstance(value, dict | list):
        for name in value if isinstance(value, dict) else range(len(value)):
            yield from paths(value[name], (*path, name))


def put(document, path, value):
    if not path:
        return value
    document = copy.deepcopy(document)
    holder = document
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = value
    return document


def test_a_genuine_reply_passes():
    """To a city, and back: by the airports' city in the dictionaries."""
    check_offers(SEARCH, GENUINE)
    assert {offer["itineraries"][0]["segments"][-1]["arrival"]["iataCode"] for offer in GENUINE["data"]} != {
        "LON"
    }


def test_an_empty_reply_passes():
    """Nothing is for sale; dictionaries may be missing."""
    check_offers(SEARCH, {"meta": {"count": 0}, "data": []})


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (None, "a NoneType, not an object"),
        ([], "a list, not an object"),
        ({}, "no list 'data'"),
        ({"data": {}}, "no list 'data'"),
        ({"data": None}, "no list 'data'"),
        ({"data": [], "errors": []}, "holds errors"),
        ({"data": ["offer"]}, "data.0. is no flight offer"),
        ({"data": [None]}, "data.0. is no flight offer"),
        ({"data": [{}]}, "data.0. is no flight offer"),
        ({"data": [], "dictionaries": []}, "dictionaries"),
        ({"data": [], "dictionaries": {"locations": []}}, "dictionaries"),
    ],
)
def test_what_is_no_document_of_offers_is_named(reply, says):
    """The error says what is wrong with it."""
    with pytest.raises(AmadeusReplyError, match=says):
        check_offers(SEARCH, reply)


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (
            FlightSearch(origin="LON", destination="GRU", departure_date=DAY, return_date=DAY),
            "instead of LON-GRU",
        ),
        (
            FlightSearch(
                origin="GRU", destination="PAR", departure_date=DAY, return_date=DAY + dt.timedelta(7)
            ),
            "instead of GRU-PAR",
        ),
        (
            FlightSearch(
                origin="GRU", destination="LON", departure_date=DAY, return_date=DAY + dt.timedelta(8)
            ),
            "departs on 2026-12-19 instead of 2026-12-20",
        ),
        (
            FlightSearch(
                origin="GRU",
                destination="LON",
                departure_date=DAY - dt.timedelta(1),
                return_date=DAY + dt.timedelta(7),
            ),
            "departs on 2026-12-12 instead of 2026-12-11",
        ),
        (FlightSearch(origin="GRU", destination="LON", departure_date=DAY), "2 directions instead of 1"),
        (
            MultiCitySearch(
                legs=(
                    Leg("GRU", "LON", DAY),
                    Leg("LON", "GRU", DAY + dt.timedelta(7)),
                    Leg("GRU", "MAD", DAY + dt.timedelta(9)),
                )
            ),
            "2 directions instead of 3",
        ),
    ],
)
def test_a_reply_to_another_search_is_refused(request_, says):
    """Another route, another day, another number of directions."""
    with pytest.raises(AmadeusReplyError, match=says):
        check_offers(request_, GENUINE)


def test_an_airport_is_no_city():
    """Who asks for Heathrow does not get Gatwick, though both are London's."""
    arrivals = {offer["itineraries"][0]["segments"][-1]["arrival"]["iataCode"] for offer in GENUINE["data"]}
    other = "LHR" if arrivals != {"LHR"} else "LGW"
    search = FlightSearch(
        origin="GRU", destination=other, departure_date=DAY, return_date=DAY + dt.timedelta(7)
    )
    with pytest.raises(AmadeusReplyError, match=f"instead of GRU-{other}"):
        check_offers(search, GENUINE)


def test_an_airport_of_an_unknown_city_does_not_pass():
    """Without the dictionaries nobody can tell."""
    with pytest.raises(AmadeusReplyError, match="instead of GRU-LON"):
        check_offers(SEARCH, spoilt(lambda reply: reply.pop("dictionaries")))


@pytest.mark.parametrize("total", ["", "free", "-1.00", "NaN", "1e9", 412.0, None], ids=repr)
def test_an_offer_without_a_price_does_not_pass(total):
    """Money is text of digits."""
    reply = spoilt(lambda reply: reply["data"][2]["price"].update(total=total))
    with pytest.raises(AmadeusReplyError, match=r"data\[2\]"):
        check_offers(SEARCH, reply)


def test_one_wrong_offer_spoils_the_reply():
    """Who mixes two answers up does it with any of them."""
    other = find_offers(
        FlightSearch(origin="GRU", destination="MAD", departure_date=DAY, return_date=DAY + dt.timedelta(7)),
        seed=1,
        now=NOON,
    )
    reply = spoilt(lambda reply: reply["data"].append(other["data"][0]))
    with pytest.raises(AmadeusReplyError, match=r"data\[3\]"):
        check_offers(SEARCH, reply)


@given(st.data())
def test_whatever_stands_in_a_reply_is_read_or_refused(data):
    """No document raises anything else, wherever it is wrong; and no text of it is shown at length."""
    path = data.draw(st.sampled_from(sorted(paths(GENUINE), key=str)))
    reply = put(GENUINE, path, data.draw(JSON))
    complaint = None
    try:
        check_offers(SEARCH, reply)
    except AmadeusReplyError as error:
        complaint = error
    assert complaint is None or len(str(complaint)) < 200


def priced(offers):
    return {"data": {"type": "flight-offers-pricing", "flightOffers": offers}}


def test_prices_are_about_the_offers_that_were_sent():
    """The same flights, in the same order."""
    offers = GENUINE["data"]
    dearer = [copy.deepcopy(offer) for offer in offers]
    dearer[0]["price"]["total"] = "9999.00"
    assert check_prices(offers, priced(dearer)) == dearer


@pytest.mark.parametrize(
    "reply",
    [
        None,
        {},
        {"data": []},
        {"data": {"flightOffers": None}},
        priced([]),
        priced(GENUINE["data"][:2]),
        priced(GENUINE["data"][::-1]),
        priced([*GENUINE["data"][:2], {"itineraries": []}]),
        priced([*GENUINE["data"][:2], {**GENUINE["data"][2], "price": {"total": "x", "currency": "EUR"}}]),
        priced(GENUINE["data"]) | {"errors": []},
    ],
)
def test_prices_of_something_else_do_not_pass(reply):
    """Fewer, other or no offers, or none with a price."""
    with pytest.raises(AmadeusReplyError, match="pricing"):
        check_prices(GENUINE["data"], reply)


DATES = CheapestDates(
    origin="MAD", destination="LON", departure_from=dt.date(2026, 12, 1), departure_to=dt.date(2026, 12, 5)
)


def date(**changes):
    return {
        "type": "flight-date",
        "origin": "MAD",
        "destination": "LHR",
        "departureDate": "2026-12-03",
        "returnDate": "2026-12-07",
        "price": {"total": "80.86"},
        **changes,
    }


def dates(*items):
    return {"data": list(items), "dictionaries": {"locations": {"LHR": {"cityCode": "LON"}}}}


def test_dates_for_the_route_and_range_pass():
    """A single day is a range of one; without any, every day passes."""
    check_dates(DATES, dates(date(), date(departureDate="2026-12-01"), date(departureDate="2026-12-05")))
    check_dates(CheapestDates(origin="MAD", destination="LON"), dates(date(departureDate="2027-05-01")))
    check_dates(DATES, dates())


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "BCN"},
        {"destination": "CDG"},
        {"departureDate": "2026-12-06"},
        {"departureDate": "2026-11-30"},
        {"departureDate": "2026-12-03T10:00"},
        {"departureDate": None},
        {"price": None},
        {"price": {"total": "cheap"}},
        {"price": {"total": 80.86}},
    ],
)
def test_other_dates_do_not_pass(changes):
    """Another route, a day out of range, no price."""
    with pytest.raises(AmadeusReplyError, match=r"data\[1\]"):
        check_dates(DATES, dates(date(), date(**changes)))


def test_locations_are_of_the_kinds_and_the_country_asked_for():
    """Anything else is the answer to another search."""
    lisbon = {"iataCode": "LIS", "subType": "AIRPORT", "address": {"countryCode": "PT"}}
    search = LocationSearch(keyword="lis", kinds=(LocationKind.AIRPORT,), country="PT")
    check_locations(search, {"data": [lisbon, {"iataCode": "LIS", "subType": "AIRPORT"}]})
    for other in (
        {**lisbon, "subType": "CITY"},
        {**lisbon, "address": {"countryCode": "ES"}},
        {**lisbon, "address": None},
        {"subType": "AIRPORT"},
        "LIS",
    ):
        with pytest.raises(AmadeusReplyError, match=r"data\[0\]"):
            check_locations(search, {"data": [other]})


def test_airlines_have_a_code_that_was_asked_for():
    """In either of the two systems of codes."""
    lookup = AirlineLookup(codes=("TP", "BAW"))
    check_airlines(lookup, {"data": [{"iataCode": "TP", "icaoCode": "TAP"}, {"icaoCode": "BAW"}]})
    for other in ({"iataCode": "LH"}, {}, None, {"iataCode": []}):
        with pytest.raises(AmadeusReplyError, match=r"data\[0\]"):
            check_airlines(lookup, {"data": [other]})

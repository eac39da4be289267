"""The cheapest dates: on each, what a search for it would find first."""

from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachekit.amadeus.params import CheapestDates, FlightSearch, ViewBy
from cachekit.amadeus.sandbox.inventory.dates import cheapest_dates, defaults_of
from cachekit.amadeus.sandbox.inventory.money import amount
from tests.support.inventory import NOW, ask

TODAY = NOW.date()


def asked(origin="GRU", destination="LIS", **more):
    return CheapestDates(origin=origin, destination=destination, **more)


def answer(*places, now=NOW, seed=1, **more):
    return cheapest_dates(asked(*places, **more), seed=seed, now=now)


def range_of(first, days):
    return {"departure_from": first, "departure_to": first + timedelta(days=days)}


def first_price(departure, back, *places, non_stop):
    """What a search for these dates would find first."""
    request = FlightSearch(
        origin=places[0],
        destination=places[1],
        departure_date=departure,
        return_date=back,
        non_stop=non_stop,
        max_results=1,
    )
    return [offer["price"]["grandTotal"] for offer in ask(request)]


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([("GRU", "LIS"), ("SAO", "RIO"), ("MAD", "LIS"), ("NYC", "LON"), ("FLN", "BGO")]),
    st.integers(0, 330),
    st.none() | st.tuples(st.integers(1, 4), st.integers(0, 3)),
    st.booleans(),
)
def test_a_total_is_that_of_the_first_offer_of_a_search(places, ahead, stays, non_stop):
    """To the cent, at the same moment, for every date; dates without offers are left out."""
    first = TODAY + timedelta(days=ahead)
    more, backs = {"one_way": True}, [None]
    if stays is not None:
        shortest, longer = stays
        more = {"duration_from": shortest, "duration_to": shortest + longer}
        backs = [timedelta(days=shortest + number) for number in range(longer + 1)]
    found = answer(*places, non_stop=non_stop, **range_of(first, 2), **more)["data"]
    expected = {}
    for departure in (first, first + timedelta(days=1), first + timedelta(days=2)):
        for back in (stay and departure + stay for stay in backs):
            if price := first_price(departure, back, *places, non_stop=non_stop):
                expected[departure.isoformat(), back and back.isoformat()] = price[0]
    assert {(one["departureDate"], one.get("returnDate")): one["price"]["total"] for one in found} == expected


@pytest.mark.parametrize("places", [("LON", "SYD"), ("GRU", "LIS"), ("NYC", "LON")])
@pytest.mark.parametrize("days", [1, 2])
def test_who_turns_back_at_once_has_landed_before(places, days):
    """The shortest stays are those of a search too, in which the way back waits for the way there."""
    first = TODAY + timedelta(days=40)
    back = first + timedelta(days=days)
    expected = first_price(first, back, *places, non_stop=False)
    found = answer(*places, departure_from=first, duration_from=days)["data"]
    assert [one["price"]["total"] for one in found] == expected


def test_answers_come_in_ascending_price():
    """And each names its dates and where to find the offers."""
    found = answer(**range_of(TODAY + timedelta(days=30), 10), duration_from=7)["data"]
    prices = [float(one["price"]["total"]) for one in found]
    assert prices == sorted(prices)
    assert len(found) == 11
    for one in found:
        stay = date.fromisoformat(one["returnDate"]) - date.fromisoformat(one["departureDate"])
        assert stay == timedelta(days=7)


def test_the_service_chooses_what_is_left_out():
    """Round trips of 1 to 15 days that leave within 180 days from tomorrow on, by duration; and says so."""
    found = answer("MAD", "MUC")
    assert defaults_of(asked("MAD", "MUC"), NOW) == {
        "departureDate": "2026-11-23,2027-05-21",
        "oneWay": False,
        "duration": "1,15",
        "nonStop": False,
        "viewBy": "DURATION",
    }
    assert found["warnings"] == [{"title": "Maximum response size reached"}]
    assert {one["departureDate"] for one in found["data"]} <= {
        (TODAY + timedelta(days=number)).isoformat() for number in range(1, 181)
    }


def test_what_is_asked_for_is_no_default():
    """Only what was left out is told."""
    whole = asked(one_way=True, non_stop=True, view_by=ViewBy.WEEK, departure_from=TODAY)
    assert defaults_of(whole, NOW) == {}


@pytest.mark.parametrize(
    ("view", "count"), [(ViewBy.DATE, 14), (ViewBy.WEEK, 2), (ViewBy.DURATION, 28), (None, 28)]
)
def test_one_answer_is_given_for_each_date_duration_or_week(view, count):
    """Of what it stands for, the cheapest."""
    monday = date(2026, 12, 7)
    every = answer(**range_of(monday, 13), duration_from=5, duration_to=6)["data"]
    found = answer(**range_of(monday, 13), duration_from=5, duration_to=6, view_by=view)["data"]
    assert len(found) == count
    assert found[0] | {"links": None} == every[0] | {"links": None}
    if view is ViewBy.WEEK:
        weeks = Counter(date.fromisoformat(one["departureDate"]).isocalendar()[1] for one in found)
        assert set(weeks.values()) == {1}


def test_no_return_is_further_ahead_than_a_search_may_be():
    """A search for it would be refused."""
    last = TODAY + timedelta(days=363)
    found = answer(departure_from=last, duration_from=1, duration_to=5)["data"]
    assert {one["returnDate"] for one in found} == {"2027-11-21", "2027-11-22"}


def test_prices_are_at_most_as_high_as_asked_for():
    """Dearer dates are left out."""
    days = range_of(TODAY + timedelta(days=30), 20)
    every = [float(one["price"]["total"]) for one in answer(one_way=True, **days)["data"]]
    most = round(every[len(every) // 2])
    cheap = [float(one["price"]["total"]) for one in answer(one_way=True, max_price=most, **days)["data"]]
    assert cheap == [price for price in every if price <= most]


def test_prices_drift_with_the_clock_and_with_nothing_else():
    """The same moment gives the same answer; four days later it is another."""
    days = range_of(TODAY + timedelta(days=30), 20)
    first = answer(one_way=True, **days)
    later = answer(one_way=True, now=NOW + timedelta(days=4), **days)
    assert answer(one_way=True, **days) == first
    assert later != first


def test_nothing_for_sale_is_an_empty_answer():
    """Between airports that no two stops connect."""
    assert answer("MCP", "WLG", departure_from=TODAY + timedelta(days=9)) == {"data": []}


def test_places_are_named():
    """An airport by its own name, a city of several by the city's."""
    places = answer("NYC", "LIS", departure_from=TODAY + timedelta(days=9))["dictionaries"]["locations"]
    assert places["NYC"] == {"subType": "CITY", "detailedName": "NEW YORK"}
    assert places["LIS"]["subType"] == "AIRPORT"


def test_links_lead_to_the_offers():
    """With the base URL that is given, and the dates of each answer."""
    request = asked(departure_from=TODAY + timedelta(days=9), duration_from=3, non_stop=True)
    (one,) = cheapest_dates(request, seed=1, now=NOW, base_url="http://sandbox")["data"]
    assert one["links"] == {
        "flightOffers": "http://sandbox/v2/shopping/flight-offers?originLocationCode=GRU"
        "&destinationLocationCode=LIS&departureDate=2026-12-01&returnDate=2026-12-04&adults=1&nonStop=true",
        "flightDestinations": "http://sandbox/v1/shopping/flight-destinations?origin=GRU"
        "&departureDate=2026-12-01,2026-12-01&oneWay=false&duration=3,3&nonStop=true&viewBy=DURATION",
    }


def test_amounts_are_written_with_two_decimals():
    """Hundredths are counted, never guessed."""
    assert [amount(number) for number in (0, 5, 100, 123456)] == ["0.00", "0.05", "1.00", "1234.56"]

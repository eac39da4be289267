"""What offers speak of: tags, and the part of the dictionaries that explains them."""

import datetime as dt

import pytest

from cachekit.amadeus.params import FlightSearch, Leg, MultiCitySearch
from cachekit.amadeus.repository.mentions import explaining, leg_tags, search_tags

DAY = dt.date(2026, 12, 12)


def flight(origin, destination, carrier="TP", **more):
    return {
        "departure": {"iataCode": origin},
        "arrival": {"iataCode": destination},
        "carrierCode": carrier,
        **more,
    }


def offer(*segments, **more):
    return {"itineraries": [{"segments": list(segments)}], **more}


def test_a_search_is_tagged_by_its_legs():
    """The way back, too: what is cancelled there concerns a round trip."""
    search = FlightSearch(
        origin="GRU", destination="LIS", departure_date=DAY, return_date=DAY + dt.timedelta(7)
    )
    assert set(search_tags(search, ())) == {
        *leg_tags("GRU", "LIS"),
        *leg_tags("LIS", "GRU"),
        "date:2026-12-12",
        "date:2026-12-19",
    }
    assert leg_tags("GRU", "LIS") == ("route:GRU-LIS", "origin:GRU", "destination:LIS")
    journey = MultiCitySearch(legs=(Leg("GRU", "LIS", DAY), Leg("LIS", "MAD", DAY)))
    assert {"route:GRU-LIS", "route:LIS-MAD", "destination:MAD"} < set(search_tags(journey, ()))


def test_an_answer_is_tagged_by_the_airports_its_offers_use():
    """An answer about London goes with Heathrow; where one changes planes it does not count."""
    search = FlightSearch(origin="GRU", destination="LON", departure_date=DAY)
    found = set(search_tags(search, [offer(flight("GRU", "MAD"), flight("MAD", "LHR"))]))
    assert {"route:GRU-LON", "destination:LON", "route:GRU-LHR", "destination:LHR"} < found
    assert not any("MAD" in tag for tag in found)


def test_an_answer_is_tagged_by_who_sells_flies_and_tickets():
    """Each carrier once, whatever it does."""
    search = FlightSearch(origin="GRU", destination="LIS", departure_date=DAY)
    offers = [
        offer(flight("GRU", "LIS", operating={"carrierCode": "NI"}), validatingAirlineCodes=["UX", "TP"]),
        offer(flight("GRU", "LIS", "LA")),
    ]
    tags = [tag for tag in search_tags(search, offers) if tag.startswith("carrier:")]
    assert tags == ["carrier:LA", "carrier:NI", "carrier:TP", "carrier:UX"]


def test_what_is_no_code_makes_no_tag():
    """The rest of an offer may be anything."""
    search = FlightSearch(origin="GRU", destination="LIS", departure_date=DAY)
    odd = [
        offer(
            flight("GRU", "LIS", operating=7, aircraft=[], stops={}), validatingAirlineCodes=codes, price=None
        )
        for codes in (None, 7, "TP", [7, None, ["TP"]])
    ]
    assert [tag for tag in search_tags(search, odd) if tag.startswith("carrier:")] == ["carrier:TP"]
    assert explaining(odd, {"locations": {"GRU": {}, "MAD": {}}}) == {"locations": {"GRU": {}}}


@pytest.mark.parametrize("odd", ["", "\ud800", "x" * 70_000, "T P", "tp", "*", "TP:LIS"])
def test_text_that_is_no_code_makes_no_tag(odd):
    """Tags are written beside the value, and matched by their text."""
    search = FlightSearch(origin="GRU", destination="LIS", departure_date=DAY)
    flights = offer(flight(odd, "LIS", odd), flight("LIS", odd, odd, operating={"carrierCode": odd}))
    assert search_tags(search, [flights | {"validatingAirlineCodes": [odd]}]) == search_tags(search, ())


def test_only_what_is_mentioned_is_explained():
    """Where one lands in between counts; unknown dictionaries stay as they are."""
    offers = [
        offer(
            flight("GRU", "LIS", aircraft={"code": "339"}, stops=[{"iataCode": "REC"}]),
            price={"currency": "EUR"},
        )
    ]
    words = {
        "locations": {"GRU": 1, "LIS": 2, "REC": 3, "MAD": 4},
        "aircraft": {"339": "A330-900", "77W": "B777"},
        "currencies": {"EUR": "EURO", "BRL": "REAL"},
        "carriers": {"TP": "TAP", "LA": "LATAM"},
        "more": {"x": 1},
    }
    assert explaining(offers, words) == {
        "locations": {"GRU": 1, "LIS": 2, "REC": 3},
        "aircraft": {"339": "A330-900"},
        "currencies": {"EUR": "EURO"},
        "carriers": {"TP": "TAP"},
        "more": {"x": 1},
    }
    assert explaining(offers, None) == {}

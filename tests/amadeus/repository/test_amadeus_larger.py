"""Answers out of larger stored ones: only where they are whole, and then what the source would say."""

import datetime as dt
from dataclasses import replace

import pytest

from cachekit.amadeus.params import FlightSearch
from cachekit.amadeus.repository.larger import larger_searches, narrow
from cachekit.amadeus.repository.offer_ids import fingerprint
from cachekit.amadeus.sandbox.inventory.offers import find_offers

NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
WHOLE = FlightSearch(
    origin="GRU", destination="LIS", departure_date=dt.date(2026, 12, 12), adults=2, children=1
)


def ask(search):
    found = find_offers(search, seed=1, now=NOON)
    return {"meta": {"count": len(found["data"]), "links": {"self": "…"}}, **found}


STORED = ask(WHOLE)
DEAREST = max(float(offer["travelerPricings"][0]["price"]["total"]) for offer in STORED["data"])
CHEAPEST = min(float(offer["travelerPricings"][0]["price"]["total"]) for offer in STORED["data"])
MIDDLE = round((DEAREST + CHEAPEST) / 2)


def contents(document):
    """Its offers, but for how they are numbered."""
    return [fingerprint("", offer) for offer in document["data"]]


@pytest.mark.parametrize(
    "limits",
    [
        {"max_results": 3},
        {"max_price": MIDDLE},
        {"non_stop": True},
        {"max_price": MIDDLE, "max_results": 2, "non_stop": True},
        {"max_price": 1},
    ],
)
def test_it_is_what_the_source_would_say(limits):
    """For one way, at the same moment: the same offers, and the same dictionaries."""
    search = replace(WHOLE, **limits)
    derived, live = narrow(search, WHOLE, STORED), ask(search)
    assert contents(derived) == contents(live)
    assert derived["meta"] == {"count": len(live["data"])}
    assert [offer["id"] for offer in derived["data"]] == [offer["id"] for offer in live["data"]]
    if live["data"]:
        assert derived["dictionaries"] == live["dictionaries"]


def test_the_price_limit_is_each_travelers():
    """Not the party's: three pay more than the limit together."""
    derived = narrow(replace(WHOLE, max_price=MIDDLE), WHOLE, STORED)
    assert all(float(offer["price"]["total"]) > MIDDLE for offer in derived["data"])
    assert 0 < len(derived["data"]) < len(STORED["data"])


def test_an_answer_that_was_cut_off_is_no_source():
    """What it left out might have been what is asked for."""
    larger = replace(WHOLE, max_results=len(STORED["data"]))
    assert narrow(replace(WHOLE, max_results=2), larger, STORED) is None


@pytest.mark.parametrize(
    ("limits", "name"), [({"non_stop": True}, "itineraries"), ({"max_price": 900}, "travelerPricings")]
)
def test_an_offer_that_does_not_tell_is_no_source(limits, name):
    """Nothing is guessed."""
    odd = {"itineraries": [{"segments": [{}]}], "travelerPricings": [{"price": {"total": "cheap"}}]}
    for other in (odd[name], None):
        stored = {**STORED, "data": [{**STORED["data"][0], name: other}]}
        assert narrow(replace(WHOLE, **limits), WHOLE, stored) is None


def test_a_technical_stop_is_a_stop():
    """One flight number that lands twice is not nonstop."""
    offer = {"id": "1", "itineraries": [{"segments": [{"numberOfStops": 1}]}]}
    assert narrow(replace(WHOLE, non_stop=True), WHOLE, {"data": [offer]})["data"] == []


def test_the_stored_answer_is_left_as_it_is():
    """It is somebody else's, too."""
    before = repr(STORED)
    narrow(replace(WHOLE, max_results=1), WHOLE, STORED)["data"][0]["id"] = "changed"
    assert repr(STORED) == before


def test_larger_searches_lack_a_limit_and_are_otherwise_the_same():
    """The nearest first, at most seven; a search without limits has none."""
    search = replace(WHOLE, max_results=5, max_price=900, non_stop=True)
    larger = list(larger_searches(search))
    assert len(set(larger)) == 7
    assert larger[0] == replace(search, non_stop=False)
    assert larger[-1] == WHOLE
    assert {replace(each, max_results=250, max_price=None, non_stop=False) for each in larger} == {WHOLE}
    assert list(larger_searches(WHOLE)) == []

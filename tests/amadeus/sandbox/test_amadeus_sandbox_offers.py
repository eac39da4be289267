"""Answers to searches: offers that add up, in order, of flights that are for sale."""

import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachekit.amadeus.params import TravelClass
from cachekit.amadeus.sandbox.inventory.carriers import CARRIERS, sell_together
from cachekit.amadeus.sandbox.inventory.offers import find_offers
from tests.support.inventory import (
    DAY,
    NOW,
    ask,
    carriers_of,
    journey,
    minutes,
    offers,
    route,
    search,
    segments,
    totals,
    utc,
)

WEEK = timedelta(days=7)


def test_the_answer_depends_on_seed_search_and_clock_only():
    """A new process with another hash seed gives the same offers."""
    code = (
        "import datetime as d, hashlib, json\n"
        "from cachekit.amadeus.params import FlightSearch\n"
        "from cachekit.amadeus.sandbox.inventory.offers import find_offers\n"
        "s = FlightSearch(origin='SAO', destination='LIS', departure_date=d.date(2026, 12, 12))\n"
        "r = find_offers(s, seed=1, now=d.datetime(2026, 11, 22, 12, tzinfo=d.UTC))\n"
        "print(hashlib.sha256(json.dumps(r).encode()).hexdigest())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1
    assert offers(seed=1) == offers(seed=1)
    assert totals(offers(seed=1)) != totals(offers(seed=2))


def test_fares_look_like_fares():
    """Long haul costs hundreds, a hop tens, and booking late costs more."""
    long, hop = totals(offers("GRU", "LIS")), totals(offers("GRU", "GIG"))
    assert 400 < min(long) < 700
    assert max(long) < 1300
    assert 40 < min(hop) < max(hop) < 180
    early = datetime(2026, 8, 1, tzinfo=UTC)
    late = datetime(2026, 12, 10, tzinfo=UTC)
    assert min(totals(offers(now=early))) < min(long) < min(totals(offers(now=late)))


def test_offers_are_numbered_in_ascending_price():
    """Ids are "1" to "n"."""
    found = offers("SAO", "LIS")
    assert [offer["id"] for offer in found] == [str(number) for number in range(1, len(found) + 1)]
    assert totals(found) == sorted(totals(found))


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([("SAO", "LIS"), ("GRU", "GIG"), ("FLN", "BGO"), ("NYC", "LON"), ("DUR", "AKL")]),
    st.none() | st.integers(0, 20),
    st.tuples(st.integers(1, 3), st.integers(0, 2), st.integers(0, 1)),
    st.none() | st.sampled_from(TravelClass),
    st.sampled_from([None, "USD", "JPY", "BRL"]),
)
def test_a_reply_is_whole(places, stay, party, cabin, currency):
    """Money adds up, ids refer to what is there, durations fit the times, dictionaries name everything."""
    adults, children, infants = party
    request = search(
        *places,
        return_date=None if stay is None else DAY + timedelta(stay),
        adults=adults,
        children=children,
        infants=infants,
        travel_class=cabin,
        currency=currency,
        max_results=20,
    )
    reply = find_offers(request, seed=1, now=NOW)
    assert len(reply["data"]) <= 20
    for offer in reply["data"]:
        assert len(offer["itineraries"]) == len(request.legs)
        assert_is_whole(offer, request, reply["dictionaries"])


def assert_is_whole(offer, request, dictionaries):
    assert_times_fit(offer)
    assert_money_adds_up(offer, request.currency or "EUR")
    assert_travelers_fit(offer, request)
    assert_is_named(offer, dictionaries)
    assert NOW.date().isoformat() <= offer["lastTicketingDate"]
    assert offer["lastTicketingDate"] <= segments(offer)[0]["departure"]["at"][:10]
    assert request.adults + request.children <= offer["numberOfBookableSeats"] <= 9


def assert_times_fit(offer):
    for itinerary in offer["itineraries"]:
        flown = itinerary["segments"]
        for segment in flown:
            length = utc(segment["arrival"]) - utc(segment["departure"])
            assert length == timedelta(minutes=minutes(segment["duration"]))
        whole = utc(flown[-1]["arrival"]) - utc(flown[0]["departure"])
        assert whole == timedelta(minutes=minutes(itinerary["duration"]))
    for one, other in pairwise(segments(offer)):
        assert utc(other["departure"]) - utc(one["arrival"]) >= timedelta(minutes=45)


def assert_money_adds_up(offer, currency):
    price = offer["price"]
    shares = [pricing["price"] for pricing in offer["travelerPricings"]]
    for part in ("total", "base"):
        assert sum(Decimal(share[part]) for share in shares) == Decimal(price[part])
    assert price["grandTotal"] == price["total"]
    assert {price["currency"], *(share["currency"] for share in shares)} == {currency}
    assert Decimal(price["base"]) < Decimal(price["total"])


def assert_travelers_fit(offer, request):
    pricings = offer["travelerPricings"]
    kinds = Counter(pricing["travelerType"] for pricing in pricings)
    assert (kinds["ADULT"], kinds["CHILD"], kinds["HELD_INFANT"]) == (
        request.adults,
        request.children,
        request.infants,
    )
    base = {pricing["travelerType"]: Decimal(pricing["price"]["base"]) for pricing in pricings}
    for kind, share in (("CHILD", 0.75), ("HELD_INFANT", 0.10)):
        assert kind not in base or float(base[kind] / base["ADULT"]) == pytest.approx(share, abs=0.01)
    laps = [pricing["associatedAdultId"] for pricing in pricings if "associatedAdultId" in pricing]
    assert laps == [str(number) for number in range(1, request.infants + 1)]
    ids = [segment["id"] for segment in segments(offer)]
    for pricing in pricings:
        assert [detail["segmentId"] for detail in pricing["fareDetailsBySegment"]] == ids
        assert (pricing["travelerType"] == "HELD_INFANT") == ("associatedAdultId" in pricing)


def assert_is_named(offer, dictionaries):
    for segment in segments(offer):
        assert segment["carrierCode"] in dictionaries["carriers"]
        assert segment.get("operating", segment)["carrierCode"] in dictionaries["carriers"]
        assert segment["aircraft"]["code"] in dictionaries["aircraft"]
        for end in (segment["departure"], segment["arrival"]):
            assert end["iataCode"] in dictionaries["locations"]
    assert offer["price"]["currency"] in dictionaries["currencies"]


@pytest.mark.parametrize(
    "request_",
    [
        search("SAO", "LIS", return_date=DAY + WEEK),
        search("PRG", "DPS"),  # Sold with a connection today, and with the same flight a day later.
        journey(("GRU", "LIS", DAY), ("LIS", "GRU", DAY + WEEK), ("GRU", "LIS", DAY + 2 * WEEK)),
    ],
)
def test_segment_ids_are_unique_in_a_reply(request_):
    """One id is one flight on one day, in whatever offer it stands."""
    named = {}
    for offer in ask(request_):
        for segment in segments(offer):
            flight = (segment["carrierCode"], segment["number"], segment["departure"]["at"])
            assert named.setdefault(segment["id"], flight) == flight
    assert len(set(named.values())) == len(named)


def test_part_of_the_flights_are_codeshares():
    """The operating carrier differs from the marketing one, or is not told at all; both are in order."""
    flown = [segment for offer in offers("SAO", "LIS") + offers("NYC", "LON") for segment in segments(offer)]
    shared = [one for one in flown if one.get("operating", one)["carrierCode"] != one["carrierCode"]]
    assert 0.05 < len(shared) / len(flown) < 0.5
    assert 0 < sum("operating" not in segment for segment in flown) < 0.15 * len(flown)


def test_airlines_are_included_and_excluded():
    """By who sells, on every flight of an offer and not only on the first."""
    assert {code for offer in offers(included_airlines=("TP",)) for code in carriers_of(offer)} == {"TP"}
    assert not any("TP" in carriers_of(offer) for offer in offers(excluded_airlines=("TP",)))


def test_nonstop_price_and_count_limits_hold():
    """The filters of the request are obeyed, and the cheapest offers are the ones kept."""
    assert all(len(segments(offer)) == 1 for offer in offers(non_stop=True))
    cheap = offers(max_price=600)
    assert 0 < len(cheap) < len(offers())
    assert totals(cheap) == [price for price in totals(offers()) if price <= 600]
    assert totals(offers(max_results=3)) == totals(offers())[:3]


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from([("SAO", "LIS"), ("NYC", "LON"), ("MAD", "LHR")]),
    st.integers(1, 60),
    st.sampled_from(["EUR", "JPY", "GBP"]),
    st.integers(0, 2),
    st.none() | st.integers(300, 1500),
)
def test_the_first_offers_are_those_of_a_longer_answer(places, most, currency, children, max_price):
    """Stopping early never costs a cheaper offer, however amounts are rounded."""
    asked = {
        "return_date": DAY + WEEK,
        "currency": currency,
        "children": children,
        "infants": 1,
        "max_price": max_price,
    }
    few, many = offers(*places, max_results=most, **asked), offers(*places, **asked)
    assert totals(few) == totals(many)[:most]


@pytest.mark.parametrize(
    ("places", "party", "currency", "most"),
    [
        (("FRA", "LON"), (1, 1, 1), "JPY", 47),
        (("FRA", "LON"), (1, 2, 1), "EUR", 182),
        (("MAD", "LHR"), (2, 1, 1), "JPY", 207),
    ],
)
def test_rounding_does_not_cost_a_cheaper_offer(places, party, currency, most):
    """Where the last offer kept and the first one dropped change places as shares are rounded."""
    adults, children, infants = party
    asked = {"adults": adults, "children": children, "infants": infants, "currency": currency}
    few = offers(*places, return_date=DAY + WEEK, max_results=most, **asked)
    assert totals(few) == totals(offers(*places, return_date=DAY + WEEK, **asked))[:most]


@pytest.mark.parametrize("cabin", TravelClass)
def test_a_cabin_is_flown_for_most_of_the_time(cabin):
    """The cabin asked for or a better one, on more than half of the minutes; short feeders may be lower."""
    order = list(TravelClass)
    found = offers("LON", "NYC", travel_class=cabin)
    assert found
    for offer in found:
        spent = {segment["id"]: minutes(segment["duration"]) for segment in segments(offer)}
        good = [
            spent[detail["segmentId"]]
            for detail in offer["travelerPricings"][0]["fareDetailsBySegment"]
            if order.index(detail["cabin"]) >= order.index(cabin)
        ]
        assert sum(good) * 2 > sum(spent.values())


def test_both_airports_of_a_city_are_searched():
    """SAO finds flights that GRU alone does not."""
    assert {route(offer)[0] for offer in offers("SAO", "LIS")} >= {"GRU", "VCP"}
    assert {route(offer) for offer in offers("GRU", "LIS")} == {("GRU", "LIS")}


@pytest.mark.parametrize("places", [("GRU", "XXX"), ("XXX", "LIS"), ("LHR", "LGW"), ("MCP", "WLG")])
def test_nothing_to_sell_is_an_empty_answer(places):
    """An unknown place, two airports of one city, or a pair too far apart for two stops."""
    assert find_offers(search(*places), seed=1, now=NOW) == {"data": []}


def test_flights_that_have_left_are_not_sold():
    """On the day itself only later flights are offered."""
    noon = datetime(2026, 12, 12, 15, tzinfo=UTC)
    left = [utc(segments(offer)[0]["departure"]) for offer in offers("GRU", "GIG", now=noon)]
    assert left
    assert min(left) >= noon + timedelta(hours=1)


def test_bags_are_pieces_or_a_weight():
    """Clients must read both forms."""
    found = offers("GRU", "LIS") + offers("GRU", "DXB", included_airlines=("EK",))
    details = [detail for offer in found for detail in offer["travelerPricings"][0]["fareDetailsBySegment"]]
    bags = {tuple(sorted(detail["includedCheckedBags"])) for detail in details}
    assert bags == {("quantity",), ("weight", "weightUnit")}


def test_a_fare_without_a_family_names_none():
    """Airlines that have no fare families leave brand, label and amenities out."""
    found = offers("CAI", "LHR", included_airlines=("MS",))
    assert found
    detail = found[0]["travelerPricings"][0]["fareDetailsBySegment"][0]
    assert not {"brandedFare", "brandedFareLabel", "amenities"} & set(detail)
    assert "class" in detail


ROUND_THE_ATLANTIC = (
    ("GRU", "LIS", DAY),
    ("LIS", "PAR", DAY + timedelta(days=4)),
    ("PAR", "NYC", DAY + timedelta(days=7)),
    ("NYC", "GRU", DAY + timedelta(days=15)),
)


@pytest.mark.parametrize("count", range(1, 5))
def test_a_journey_of_several_legs_is_one_offer(count):
    """One itinerary for each leg, in their order; everything in the reply fits together."""
    request = journey(*ROUND_THE_ATLANTIC[:count], adults=2, children=1, infants=2, currency="BRL")
    reply = find_offers(request, seed=1, now=NOW)
    assert reply["data"]
    assert totals(reply["data"]) == sorted(totals(reply["data"]))
    for offer in reply["data"]:
        assert len(offer["itineraries"]) == count
        assert_is_whole(offer, request, reply["dictionaries"])


def test_six_legs_are_the_most():
    """A week of hops is still answered in full."""
    hops = ("LIS", "MAD", "PAR", "FRA", "ROM", "LON", "LIS")
    legs = [(*pair, DAY + timedelta(days=number)) for number, pair in enumerate(pairwise(hops))]
    assert {len(offer["itineraries"]) for offer in ask(journey(*legs))} == {6}


def test_two_legs_there_and_back_cost_what_a_round_trip_costs():
    """The same flights have the same price by POST as by GET."""
    by_get = {flights(offer): totals([offer]) for offer in offers(return_date=DAY + WEEK)}
    by_post = {
        flights(offer): totals([offer])
        for offer in ask(journey(("GRU", "LIS", DAY), ("LIS", "GRU", DAY + WEEK)))
    }
    both = by_get.keys() & by_post.keys()
    assert len(both) > 10
    assert all(by_get[one] == by_post[one] for one in both)


def flights(offer):
    return tuple(
        (segment["carrierCode"], segment["number"], segment["departure"]["at"]) for segment in segments(offer)
    )


def test_one_ticket_is_of_airlines_that_sell_together():
    """There with one and back with another only if they are partners."""
    found = offers("NYC", "LON", return_date=DAY + WEEK, non_stop=True)
    pairs = {tuple(segment["carrierCode"] for segment in segments(offer)) for offer in found}
    assert any(there != back for there, back in pairs)
    assert all(sell_together(CARRIERS[there], CARRIERS[back]) for there, back in pairs)


def test_post_looks_further_than_get():
    """As on the real service, one answer must not stand in for the other."""
    by_get, by_post = offers("GRU", "MAD"), ask(journey(("GRU", "MAD", DAY)))
    assert set(map(flights, by_get)) < set(map(flights, by_post))


@pytest.mark.parametrize("most", [0, 1, 2])
def test_connections_are_at_most_as_many_as_asked_for(most):
    """On every leg."""
    found = ask(journey(("NVT", "LIS", DAY), ("LIS", "GRU", DAY + WEEK), max_connections=most))
    stops = {len(itinerary["segments"]) - 1 for offer in found for itinerary in offer["itineraries"]}
    assert stops <= set(range(most + 1))
    assert bool(found) == (most > 0)


def test_a_cabin_by_post_is_that_of_most_segments():
    """Where GET counts minutes: a long flight in business and a short one in economy are not most."""
    order = list(TravelClass)
    for offer in ask(journey(("LON", "NYC", DAY), travel_class=TravelClass.FIRST)):
        details = offer["travelerPricings"][0]["fareDetailsBySegment"]
        good = [detail for detail in details if order.index(detail["cabin"]) >= order.index("FIRST")]
        assert 2 * len(good) > len(details)


@pytest.mark.parametrize(
    "legs",
    [
        (("GRU", "GIG", DAY), ("GIG", "SSA", DAY)),
        (("NYC", "LON", DAY), ("LON", "NYC", DAY + timedelta(days=1))),
        (("LON", "SYD", DAY), ("SYD", "LON", DAY + timedelta(days=2))),
    ],
)
def test_the_next_leg_waits_for_the_last_one(legs):
    """It leaves three hours after the landing or later, whichever airlines are combined."""
    found = ask(journey(*legs))
    assert found
    for offer in found:
        out, onward = offer["itineraries"]
        landing = utc(out["segments"][-1]["arrival"])
        assert utc(onward["segments"][0]["departure"]) >= landing + timedelta(hours=3)

"""Offers at the price of now: the search's own price at its moment, the drifted one later."""

from copy import deepcopy
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachekit.amadeus.params import TravelClass
from cachekit.amadeus.sandbox.inventory.money import CURRENCIES
from cachekit.amadeus.sandbox.issues import Refusal
from cachekit.amadeus.sandbox.repricing import reprice
from tests.support.inventory import DAY, NOW, ask, journey, offers, segments, total, totals

WEEK = timedelta(days=7)


def priced(*found, now=NOW, seed=1):
    return reprice(found, seed=seed, now=now)


def one_offer(**more):
    return offers(return_date=DAY + WEEK, max_results=1, **more)[0]


def refusal_of(offer, **more):
    with pytest.raises(Refusal) as caught:
        priced(offer, **more)
    return [(issue.code, issue.pointer) for issue in caught.value.issues]


def changed(change):
    """An offer after `change` has been made to it."""
    offer = deepcopy(one_offer())
    change(offer)
    return offer


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from([("SAO", "LIS"), ("NYC", "LON"), ("GRU", "GIG"), ("GRU", "DXB"), ("NVT", "TRD")]),
    st.booleans(),
    st.sampled_from([None, "USD", "JPY"]),
    st.none() | st.sampled_from(TravelClass),
    st.tuples(st.integers(1, 2), st.integers(0, 1), st.integers(0, 1)),
)
def test_at_the_moment_of_the_search_the_price_is_the_searchs(places, back, currency, cabin, party):
    """To the cent, for the whole party and each of its travelers, whatever was asked for."""
    adults, children, infants = party
    found = offers(
        *places,
        return_date=DAY + WEEK if back else None,
        currency=currency,
        travel_class=cabin,
        adults=adults,
        children=children,
        infants=infants,
        max_results=30,
    )
    for offer in found:
        (again,) = priced(offer)
        assert again["id"] == offer["id"]
        assert total(again) == total(offer)
        for one, other in zip(again["travelerPricings"], offer["travelerPricings"], strict=True):
            assert (one["price"]["total"], one["price"]["base"]) == (
                other["price"]["total"],
                other["price"]["base"],
            )


def test_a_journey_of_several_legs_is_priced_too():
    """Also one that was found by POST."""
    legs = (("GRU", "LIS", DAY), ("LIS", "PAR", DAY + WEEK), ("PAR", "GRU", DAY + 2 * WEEK))
    found = ask(journey(*legs, adults=2, infants=1, max_results=5))
    assert found
    for offer in found:
        assert totals(priced(offer)) == [total(offer)]


def test_later_the_price_is_what_a_search_then_says():
    """Wherever the same fare brand is on sale still, of the same flights."""
    later = NOW + timedelta(days=4)
    then = {key(offer): total(offer) for offer in offers(now=later)}
    now = {key(offer): total(priced(offer, now=later)[0]) for offer in offers() if key(offer) in then}
    assert len(now) > 10
    assert all(now[one] == then[one] for one in now)
    assert {one: total(offer) for offer in offers() if (one := key(offer)) in now} != now


def key(offer):
    """The flights of a one-way offer, and its brand."""
    brand = offer["travelerPricings"][0]["fareDetailsBySegment"][0].get("brandedFare")
    return (brand, *((one["carrierCode"], one["number"]) for one in segments(offer)))


def test_a_better_brand_is_kept_when_a_lower_one_is_back():
    """Who chose a fare with a bag is not given one without."""
    order = ("LIGHT", "CLASSIC", "FLEX")
    for offer in offers("GRU", "LIS"):
        brand = offer["travelerPricings"][0]["fareDetailsBySegment"][0].get("brandedFare")
        if brand in order:
            (again,) = priced(offer, now=NOW + timedelta(days=5))
            kept = again["travelerPricings"][0]["fareDetailsBySegment"][0]["brandedFare"]
            assert order.index(kept) >= order.index(brand)


def test_an_offer_may_leave_out_who_operates_and_which_brand():
    """The flights are recognised by who sells them; without a brand it is the lowest one for sale."""
    offer = one_offer()
    bare = deepcopy(offer)
    for segment in segments(bare):
        segment.pop("operating", None)
    for pricing in bare["travelerPricings"]:
        for details in pricing["fareDetailsBySegment"]:
            details.pop("brandedFare", None)
    assert totals(priced(bare)) == [total(offer)]


def test_taxes_add_up_and_infants_pay_none():
    """Base and taxes are the total, in every currency; fees and what is billed are told."""
    for currency in CURRENCIES:
        (again,) = priced(one_offer(adults=1, children=1, infants=1, currency=currency))
        assert again["price"]["billingCurrency"] == currency
        assert [fee["type"] for fee in again["price"]["fees"]] == ["SUPPLIER", "TICKETING", "FORM_OF_PAYMENT"]
        for pricing in again["travelerPricings"]:
            price = pricing["price"]
            taxes = sum(Decimal(tax["amount"]) for tax in price.get("taxes", ()))
            assert Decimal(price["base"]) + taxes == Decimal(price["total"])
            assert ("taxes" in price) == (pricing["travelerType"] != "HELD_INFANT")
            assert Decimal(price.get("refundableTaxes", 0)) <= taxes


def test_segments_keep_the_ids_they_came_with():
    """So that fare details of the caller still belong to them."""
    found = offers("SAO", "LIS", return_date=DAY + WEEK)[40]
    (again,) = priced(found)
    assert [one["id"] for one in segments(again)] == [one["id"] for one in segments(found)]
    for pricing in again["travelerPricings"]:
        assert [one["segmentId"] for one in pricing["fareDetailsBySegment"]] == [
            one["id"] for one in segments(found)
        ]


def test_offers_are_priced_each_for_itself():
    """Several in one call, in their order."""
    found = offers(max_results=3)
    assert totals(priced(*found)) == totals(found)


def test_a_flight_that_has_left_is_refused():
    """From an hour before departure on."""
    offer = offers(max_results=1)[0]
    last = [(4926, "/data/flightOffers[0]/itineraries[0]")]
    assert refusal_of(offer, now=datetime(2026, 12, 14, tzinfo=NOW.tzinfo)) == last


def test_a_flight_without_enough_seats_is_refused():
    """Seats go as time passes, and nobody is promised one that is gone."""
    party = next(offer for offer in offers() if offer["numberOfBookableSeats"] < 9)
    seats = party["numberOfBookableSeats"]
    adult = party["travelerPricings"][0]
    party["travelerPricings"] = [{**adult, "travelerId": str(number + 1)} for number in range(seats)]
    assert priced(party)
    party["travelerPricings"].append({**adult, "travelerId": "9"})
    assert refusal_of(party) == [(4926, "/data/flightOffers[0]/itineraries[0]")]


def first_segment(offer):
    return offer["itineraries"][0]["segments"][0]


def first_fare(offer):
    return offer["travelerPricings"][0]["fareDetailsBySegment"][0]


NO_SUCH_FLIGHT = [(4926, "/data/flightOffers[0]/itineraries[0]")]


@pytest.mark.parametrize(
    "change",
    [
        lambda offer: first_segment(offer).update(number="1"),
        lambda offer: first_segment(offer).update(carrierCode="XX"),
        lambda offer: first_segment(offer)["departure"].update(iataCode="XXX"),
        lambda offer: first_segment(offer)["departure"].update(at="2026-12-12T03:33:00"),
        lambda offer: first_segment(offer)["arrival"].update(iataCode="OPO"),
        lambda offer: first_fare(offer).update(brandedFare="GOLD"),
        lambda offer: first_fare(offer).update(cabin="FIRST"),
    ],
)
def test_flights_and_fares_that_do_not_exist_are_refused(change):
    """Each part of what makes them is looked at, and the issue points at the direction."""
    assert refusal_of(changed(change)) == NO_SUCH_FLIGHT


@pytest.mark.parametrize(
    ("change", "code", "place"),
    [
        (lambda offer: offer.pop("id"), 32171, "id"),
        (lambda offer: offer.update(type="flight"), 4926, "type"),
        (lambda offer: offer.update(itineraries=[]), 32171, "itineraries"),
        (lambda offer: offer.update(itineraries="x"), 477, "itineraries"),
        (lambda offer: first_segment(offer).pop("number"), 32171, "itineraries[0]/segments[0]/number"),
        (
            lambda offer: first_segment(offer)["departure"].update(at="2026-12-12"),
            477,
            "itineraries[0]/segments[0]/departure/at",
        ),
        (
            lambda offer: first_segment(offer)["departure"].update(at="2026-02-30T10:00:00"),
            425,
            "itineraries[0]/segments[0]/departure/at",
        ),
        (lambda offer: offer["price"].update(currency="XXX"), 4926, "price/currency"),
        (
            lambda offer: offer["travelerPricings"][0].update(travelerType="SENIOR"),
            4926,
            "travelerPricings[0]/travelerType",
        ),
        (
            lambda offer: offer["travelerPricings"][0].update(associatedAdultId="1"),
            4926,
            "travelerPricings[0]/associatedAdultId",
        ),
        (
            lambda offer: offer["travelerPricings"][0]["fareDetailsBySegment"].pop(),
            4926,
            "travelerPricings[0]/fareDetailsBySegment",
        ),
    ],
)
def test_a_malformed_offer_is_refused(change, code, place):
    """The issue points at what is wrong with it."""
    assert refusal_of(changed(change)) == [(code, f"/data/flightOffers[0]/{place}")]


@pytest.mark.parametrize("count", [0, 7])
def test_one_to_six_offers_are_priced_at_a_time(count):
    """As the service documents it."""
    with pytest.raises(Refusal):
        priced(*[one_offer()] * count)

"""Offers at the price of now, as Flight Offers Price answers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

from cachekit.amadeus.sandbox.inventory.brands import cabins_of
from cachekit.amadeus.sandbox.inventory.choices import Choice, first_minute, fit_in, make_choice
from cachekit.amadeus.sandbox.inventory.money import amount
from cachekit.amadeus.sandbox.inventory.offers import write_offer
from cachekit.amadeus.sandbox.inventory.pricing import quote
from cachekit.amadeus.sandbox.inventory.segments import SegmentIds
from cachekit.amadeus.sandbox.inventory.taxes import AIRLINE_CODE, itemised, write_taxes
from cachekit.amadeus.sandbox.inventory.trips import Trip, make_trip
from cachekit.amadeus.sandbox.inventory.zones import minutes_of
from cachekit.amadeus.sandbox.issues import Issue, Refusal
from cachekit.amadeus.sandbox.presented import Direction, Presented, read_offers

__all__ = ["reprice"]

_LEFT_OUT = ("oneWay", "isUpsellOffer", "numberOfBookableSeats", "lastTicketingDateTime")
"""Keys of a search's offers that Flight Offers Price does not repeat."""


def reprice(offers: Sequence[Mapping[str, Any]], *, seed: int, now: datetime) -> list[dict[str, Any]]:
    """The same offers at `now` (aware), with the taxes listed; at the moment of the search, at its price.

    The fare brand is the one that the offer names while it is for sale, and the next better one later.

    Raises:
        Refusal: an offer is malformed, its flights do not exist, have left or are about to, or have not
            enough seats any more. Its issues point into the body: `/data/flightOffers[0]/…`.
    """
    return [_priced(offer, seed, now) for offer in read_offers(offers)]


def _priced(offer: Presented, seed: int, now: datetime) -> dict[str, Any]:
    trip = make_trip(
        tuple(_buy(one, offer.party.seated, seed, minutes_of(now)) for one in offer.directions),
        offer.party,
        offer.currency,
    )
    ids = SegmentIds()
    for direction in offer.directions:
        for flight, segment_id in zip(direction.journey.flights, direction.segment_ids, strict=True):
            ids.assign(flight, direction.day.toordinal(), segment_id)
    written = write_offer(offer.id, trip, ids, offer.currency, now)
    return _as_priced(written, trip, offer.currency)


def _buy(direction: Direction, seats: int, seed: int, now: float) -> Choice:
    journey, day = direction.journey, direction.day
    if journey.departs < first_minute(day, now):
        _refuse(direction, "the flight has left, or is about to")
    if any(
        cabin not in cabins_of(flight)
        for flight, cabin in zip(journey.flights, direction.cabins, strict=True)
    ):
        _refuse(direction, "a flight has no such cabin")
    priced = quote(seed, journey, day, now)
    if priced.seats < seats:
        _refuse(direction, "there are not enough seats left")
    fitted = fit_in(journey, direction.cabins)
    names = [brand.name for brand in fitted.brands]
    if direction.brand is None:
        return make_choice(journey, day, fitted, priced)
    if direction.brand not in names:
        _refuse(direction, "there is no such fare brand")
    return make_choice(journey, day, fitted, priced, least=names.index(direction.brand))


def _refuse(direction: Direction, reason: str) -> NoReturn:
    raise Refusal([Issue(4926, f"No fare applicable: {reason}", pointer=direction.pointer)])


def _as_priced(written: dict[str, Any], trip: Trip, currency: str) -> dict[str, Any]:
    """A search's offer with what pricing adds to it, and without what pricing leaves out."""
    for name in _LEFT_OUT:
        del written[name]
    for itinerary in written["itineraries"]:
        del itinerary["duration"]
    written["paymentCardRequired"] = False
    price = written["price"]
    price["fees"].append({"amount": "0.00", "type": "FORM_OF_PAYMENT"})
    price["billingCurrency"] = currency
    taxes = itemised((choice.journey for choice in trip.choices), currency)
    for traveler, pricing in zip(trip.travelers, written["travelerPricings"], strict=True):
        if traveler.taxes:
            pricing["price"]["taxes"] = write_taxes(taxes)
            pricing["price"]["refundableTaxes"] = amount(traveler.taxes - taxes.get(AIRLINE_CODE, 0))
        for details in pricing["fareDetailsBySegment"]:
            for name in ("brandedFareLabel", "includedCabinBags", "amenities"):
                details.pop(name, None)
    return written

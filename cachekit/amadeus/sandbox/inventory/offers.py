"""The reply to a search, written as the API writes it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from cachekit.amadeus.params import FlightRequest
from cachekit.amadeus.sandbox.inventory.carriers import AIRCRAFT
from cachekit.amadeus.sandbox.inventory.chance import chance
from cachekit.amadeus.sandbox.inventory.choices import Choice
from cachekit.amadeus.sandbox.inventory.fares import traveler_pricing
from cachekit.amadeus.sandbox.inventory.money import CURRENCIES, DEFAULT_CURRENCY, amount
from cachekit.amadeus.sandbox.inventory.segments import SegmentIds, itinerary
from cachekit.amadeus.sandbox.inventory.trips import Trip, find_trips

__all__ = ["find_offers", "write_offer"]

LONGEST_TICKETING: Final = 7
"""Days within which a fare must be ticketed, at most."""


def find_offers(request: FlightRequest, *, seed: int, now: datetime) -> dict[str, Any]:
    """Answer a search at `now` (aware): `data` in ascending price, and `dictionaries` if there is any.

    The same search, seed and time give the same answer, in every process.
    """
    currency = request.currency or DEFAULT_CURRENCY
    trips = find_trips(request, currency, seed=seed, now=now)
    ids = SegmentIds()
    data = [write_offer(str(number), trip, ids, currency, now) for number, trip in enumerate(trips, 1)]
    if not data:
        return {"data": data}
    return {"data": data, "dictionaries": _dictionaries(trips, currency)}


def _dictionaries(trips: Sequence[Trip], currency: str) -> dict[str, Any]:
    flights = {flight: None for trip in trips for choice in trip.choices for flight in choice.journey.flights}
    ends = {end for flight in flights for end in (flight.route.origin, flight.route.destination)}
    types = {flight.operated.service.aircraft for flight in flights}
    carriers = {carrier for flight in flights for carrier in (flight.carrier, flight.route.carrier)}
    return {
        "locations": {
            end.code: {"cityCode": end.city_code, "countryCode": end.country}
            for end in sorted(ends, key=lambda end: end.code)
        },
        "aircraft": {code: AIRCRAFT[code] for code in sorted(types)},
        "currencies": {currency: CURRENCIES[currency]},
        "carriers": {
            carrier.code: carrier.name for carrier in sorted(carriers, key=lambda carrier: carrier.code)
        },
    }


def write_offer(number: str, trip: Trip, ids: SegmentIds, currency: str, now: datetime) -> dict[str, Any]:
    """The offer with that id; its segments are those of `ids`."""
    last_day = _last_ticketing_date(trip.choices[0], now)
    total = amount(trip.total)
    return {
        "type": "flight-offer",
        "id": number,
        "source": "GDS",
        "instantTicketingRequired": False,
        "nonHomogeneous": False,
        "oneWay": False,
        "isUpsellOffer": False,
        "lastTicketingDate": last_day,
        "lastTicketingDateTime": last_day,
        "numberOfBookableSeats": min(choice.quote.seats for choice in trip.choices),
        "itineraries": [itinerary(choice, ids) for choice in trip.choices],
        "price": {
            "currency": currency,
            "total": total,
            "base": amount(sum(traveler.base for traveler in trip.travelers)),
            "fees": [{"amount": "0.00", "type": "SUPPLIER"}, {"amount": "0.00", "type": "TICKETING"}],
            "grandTotal": total,
        },
        "pricingOptions": {
            "fareType": ["PUBLISHED"],
            "includedCheckedBagsOnly": all(choice.brand.pieces for choice in trip.choices),
        },
        "validatingAirlineCodes": [trip.choices[0].journey.seller.code],
        "travelerPricings": [
            traveler_pricing(traveler, trip.choices, ids, currency) for traveler in trip.travelers
        ],
    }


def _last_ticketing_date(choice: Choice, now: datetime) -> str:
    """Some days from now, as the fare's last change decides, and never after departure."""
    name = f"{choice.journey.name}@{choice.day}"
    grace = 1 + int(LONGEST_TICKETING * chance("ticketing", name, choice.quote.step.name))
    return min(now.date() + timedelta(days=grace), choice.day).isoformat()

"""The reply to a search, written as the API writes it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from cachekit.amadeus.params import FlightSearch, TravelClass
from cachekit.amadeus.sandbox.airports import Airport
from cachekit.amadeus.sandbox.brands import BOOKING_CLASSES
from cachekit.amadeus.sandbox.carriers import AIRCRAFT
from cachekit.amadeus.sandbox.chance import chance
from cachekit.amadeus.sandbox.money import CURRENCIES, DEFAULT_CURRENCY, amount
from cachekit.amadeus.sandbox.schedule import Flight, Journey
from cachekit.amadeus.sandbox.trips import Choice, Traveler, Trip, find_trips

__all__ = ["find_offers"]

WEIGHT_WITH_TERMINALS: Final = 7
"""Airports from this weight on have more than one terminal."""
SHARE_WITHOUT_OPERATING: Final = 0.05
"""The real service leaves the operating carrier out now and then; clients must bear it."""
LONGEST_TICKETING: Final = 7
"""Days within which a fare must be ticketed, at most."""


def find_offers(request: FlightSearch, *, seed: int, now: datetime) -> dict[str, Any]:
    """Answer a search at `now` (aware): `data` in ascending price, and `dictionaries` if there is any.

    The same search, seed and time give the same answer, in every process.
    """
    currency = request.currency or DEFAULT_CURRENCY
    return _document(find_trips(request, currency, seed=seed, now=now), currency, now)


def _document(trips: Sequence[Trip], currency: str, now: datetime) -> dict[str, Any]:
    flights: dict[str, Flight] = {
        flight.designator: flight
        for trip in trips
        for choice in trip.choices
        for flight in choice.journey.flights
    }
    segment_ids = {designator: str(number) for number, designator in enumerate(flights, 1)}
    data = [_offer(str(number), trip, segment_ids, currency, now) for number, trip in enumerate(trips, 1)]
    if not data:
        return {"data": data}
    ends = [end for flight in flights.values() for end in (flight.route.origin, flight.route.destination)]
    types = {flight.service.aircraft for flight in flights.values()}
    carriers = {flight.route.carrier for flight in flights.values()}
    return {
        "data": data,
        "dictionaries": {
            "locations": {
                end.code: {"cityCode": end.city_code, "countryCode": end.country}
                for end in sorted(ends, key=lambda end: end.code)
            },
            "aircraft": {code: AIRCRAFT[code] for code in sorted(types)},
            "currencies": {currency: CURRENCIES[currency]},
            "carriers": {
                carrier.code: carrier.name for carrier in sorted(carriers, key=lambda carrier: carrier.code)
            },
        },
    }


def _offer(
    number: str, trip: Trip, segment_ids: dict[str, str], currency: str, now: datetime
) -> dict[str, Any]:
    first = trip.choices[0].journey
    base = sum((traveler.base for traveler in trip.travelers), Decimal(0))
    sellable = min(choice.quote.seats for choice in trip.choices)
    last_day = _last_ticketing_date(trip.choices[0], now)
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
        "numberOfBookableSeats": sellable,
        "itineraries": [_itinerary(choice.journey, segment_ids) for choice in trip.choices],
        "price": {
            "currency": currency,
            "total": amount(trip.total),
            "base": amount(base),
            "fees": [{"amount": "0.00", "type": "SUPPLIER"}, {"amount": "0.00", "type": "TICKETING"}],
            "grandTotal": amount(trip.total),
        },
        "pricingOptions": {
            "fareType": ["PUBLISHED"],
            "includedCheckedBagsOnly": all(choice.brand.pieces for choice in trip.choices),
        },
        "validatingAirlineCodes": [first.main_carrier.code],
        "travelerPricings": [
            _traveler_pricing(traveler, trip.choices, segment_ids, currency) for traveler in trip.travelers
        ],
    }


def _last_ticketing_date(choice: Choice, now: datetime) -> str:
    """Some days from now, as the fare's last change decides, and never after departure."""
    flight = choice.journey.flights[0]
    grace = 1 + int(
        LONGEST_TICKETING * chance("ticketing", choice.journey.designator, choice.quote.step.name)
    )
    return min(now.date() + timedelta(days=grace), flight.departs.date()).isoformat()


def _itinerary(journey: Journey, segment_ids: dict[str, str]) -> dict[str, Any]:
    return {
        "duration": _period(journey.duration),
        "segments": [_segment(flight, segment_ids[flight.designator]) for flight in journey.flights],
    }


def _segment(flight: Flight, segment_id: str) -> dict[str, Any]:
    carrier = flight.route.carrier.code
    segment = {
        "departure": _end(flight.route.origin, carrier, flight.departs),
        "arrival": _end(flight.route.destination, carrier, flight.arrives),
        "carrierCode": carrier,
        "number": flight.service.number,
        "aircraft": {"code": flight.service.aircraft},
        "operating": {"carrierCode": carrier},
        "duration": _period(timedelta(minutes=flight.route.minutes)),
        "id": segment_id,
        "numberOfStops": 0,
        "blacklistedInEU": False,
    }
    if chance("operating", carrier, flight.service.number) < SHARE_WITHOUT_OPERATING:
        del segment["operating"]
    return segment


def _end(airport: Airport, carrier: str, at: datetime) -> dict[str, str]:
    """One end of a flight; large airports have terminals, and an airline keeps to its own."""
    end = {"iataCode": airport.code}
    if airport.weight >= WEIGHT_WITH_TERMINALS:
        end["terminal"] = str(1 + int(4 * chance("terminal", airport.code, carrier)))
    return {**end, "at": at.isoformat()}


def _traveler_pricing(
    traveler: Traveler, choices: Sequence[Choice], segment_ids: dict[str, str], currency: str
) -> dict[str, Any]:
    pricing: dict[str, Any] = {
        "travelerId": traveler.id,
        "fareOption": "STANDARD",
        "travelerType": traveler.kind,
    }
    if traveler.adult is not None:
        pricing["associatedAdultId"] = traveler.adult
    pricing["price"] = {
        "currency": currency,
        "total": amount(traveler.base + traveler.taxes),
        "base": amount(traveler.base),
    }
    pricing["fareDetailsBySegment"] = [
        _fare_details(choice, flight, cabin, segment_ids[flight.designator])
        for choice in choices
        for flight, cabin in zip(choice.journey.flights, choice.cabins, strict=True)
    ]
    return pricing


def _fare_details(choice: Choice, flight: Flight, cabin: TravelClass, segment_id: str) -> dict[str, Any]:
    classes = BOOKING_CLASSES[cabin]
    booking_class = classes[int(choice.quote.brand_chance * len(classes))]
    seller = choice.journey.main_carrier
    origin = flight.route.origin.country
    return {
        "segmentId": segment_id,
        "cabin": cabin.value,
        "fareBasis": f"{booking_class}{seller.code}{choice.brand.name[:3]}{origin}",
        "brandedFare": choice.brand.name,
        "brandedFareLabel": choice.brand.label,
        "class": booking_class,
        "includedCheckedBags": choice.brand.checked_bags(seller),
        "includedCabinBags": {"quantity": 1},
        "amenities": choice.brand.amenities(),
    }


def _period(length: timedelta) -> str:
    """ISO 8601, hours going on past 24: PT9H45M, PT10H, PT50M, PT26H10M."""
    hours, minutes = divmod(int(length / timedelta(minutes=1)), 60)
    return "PT" + (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")

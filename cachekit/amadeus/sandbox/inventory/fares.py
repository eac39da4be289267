"""What each traveler pays and gets for it, written as the API writes it."""

from collections.abc import Sequence
from typing import Any

from cachekit.amadeus.params import TravelClass
from cachekit.amadeus.sandbox.inventory.brands import BOOKING_CLASSES
from cachekit.amadeus.sandbox.inventory.choices import Choice
from cachekit.amadeus.sandbox.inventory.money import amount
from cachekit.amadeus.sandbox.inventory.segments import SegmentIds
from cachekit.amadeus.sandbox.inventory.trips import Traveler

__all__ = ["traveler_pricing"]


def traveler_pricing(
    traveler: Traveler, choices: Sequence[Choice], ids: SegmentIds, currency: str
) -> dict[str, Any]:
    """One traveler's share of an offer."""
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
        _fare_details(choice, cabin, ids.id_of(flight, choice.day.toordinal()))
        for choice in choices
        for flight, cabin in zip(choice.journey.flights, choice.fit.cabins, strict=True)
    ]
    return pricing


def _fare_details(choice: Choice, cabin: TravelClass, segment_id: str) -> dict[str, Any]:
    """What a fare includes on one flight; airlines without fare families name none."""
    classes = BOOKING_CLASSES[cabin]
    booking_class = classes[int(choice.quote.brand_chance * len(classes))]
    seller, brand = choice.journey.seller, choice.brand
    details: dict[str, Any] = {
        "segmentId": segment_id,
        "cabin": cabin.value,
        "fareBasis": f"{booking_class}{seller.code}{brand.name[:3]}{choice.journey.origin.country}",
    }
    if brand.name:
        details["brandedFare"] = brand.name
        details["brandedFareLabel"] = brand.label
    details["class"] = booking_class
    details["includedCheckedBags"] = brand.checked_bags(seller)
    details["includedCabinBags"] = {"quantity": 1}
    if brand.name:
        details["amenities"] = brand.amenities()
    return details

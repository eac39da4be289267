"""What pricing tells beyond the price: fare rules, bags, other services and fees of cards; all made up."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from cachekit.amadeus.sandbox.inventory.airports import airports
from cachekit.amadeus.sandbox.inventory.money import amount, convert
from cachekit.amadeus.sandbox.requests.pricing_body import Payment

__all__ = ["booking_requirements", "included", "locations_of"]

BAG: Final = 45.0
PRIORITY: Final = 12.0
"""EUR for one more checked bag, and for boarding first, on one direction."""

Offers = Sequence[Mapping[str, Any]]


def included(extras: Sequence[str], offers: Offers, payments: Sequence[Payment]) -> dict[str, Any]:
    """Each of the extras by its name; the entries of each are numbered from "1"."""
    makers: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
        "bags": lambda: _services(offers, "CHECKED_BAG", BAG, quantity=1),
        "other-services": lambda: _services(offers, "PRIORITY_BOARDING", PRIORITY, bookableByTraveler=True),
        "detailed-fare-rules": lambda: _fare_rules(offers),
        "credit-card-fees": lambda: _card_fees(offers, payments),
    }
    return {
        extra: {str(number): entry for number, entry in enumerate(makers[extra](), 1)} for extra in extras
    }


def booking_requirements(offers: Offers) -> dict[str, Any]:
    """What an order of these offers would need: papers, if a border is crossed."""
    requirements: dict[str, Any] = {"emailAddressRequired": True, "mobilePhoneNumberRequired": True}
    if len({place["countryCode"] for place in locations_of(offers).values()}) > 1:
        travelers = dict.fromkeys(one["travelerId"] for offer in offers for one in offer["travelerPricings"])
        requirements["travelerRequirements"] = [
            {
                "travelerId": traveler,
                "genderRequired": True,
                "documentRequired": True,
                "dateOfBirthRequired": True,
            }
            for traveler in travelers
        ]
    return requirements


def locations_of(offers: Offers) -> dict[str, dict[str, str]]:
    """City and country of every airport in the offers, as the dictionaries have them."""
    codes = {
        segment[end]["iataCode"]
        for offer in offers
        for itinerary in offer["itineraries"]
        for segment in itinerary["segments"]
        for end in ("departure", "arrival")
    }
    found = {code: airports()[code] for code in sorted(codes)}
    return {code: {"cityCode": one.city_code, "countryCode": one.country} for code, one in found.items()}


def _services(offers: Offers, name: str, euros: float, **more: Any) -> Iterator[dict[str, Any]]:
    """One service for each direction of each offer, for all who have a seat."""
    for offer in offers:
        seated = [
            one["travelerId"] for one in offer["travelerPricings"] if one["travelerType"] != "HELD_INFANT"
        ]
        currency = offer["price"]["currency"]
        for itinerary in offer["itineraries"]:
            yield {
                **more,
                "name": name,
                "price": {"amount": amount(convert(euros, currency)), "currencyCode": currency},
                "bookableByItinerary": True,
                "segmentIds": [segment["id"] for segment in itinerary["segments"]],
                "travelerIds": seated,
            }


def _fare_rules(offers: Offers) -> Iterator[dict[str, Any]]:
    """One entry for each flight: the fares of all travelers follow the same rules."""
    for offer in offers:
        for details in offer["travelerPricings"][0]["fareDetailsBySegment"]:
            text = "CHANGES AND REFUNDS AGAINST A FEE, AS THE BRAND SAYS. A MADE-UP RULE OF A SANDBOX."
            named = {"name": details["brandedFare"]} if "brandedFare" in details else {}
            yield {
                "fareBasis": details["fareBasis"],
                **named,
                "fareNotes": {"descriptions": [{"descriptionType": "PENALTIES", "text": text}]},
                "segmentId": details["segmentId"],
            }


def _card_fees(offers: Offers, payments: Sequence[Payment]) -> Iterator[dict[str, Any]]:
    """Cards cost nothing here."""
    currencies = {offer["id"]: offer["price"]["currency"] for offer in offers}
    for payment in payments:
        for offer_id in payment.flight_offer_ids:
            yield {
                "brand": payment.brand,
                "amount": "0.00",
                "currency": currencies[offer_id],
                "flightOfferId": offer_id,
            }

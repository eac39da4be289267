"""Amadeus offers as a person reads them: one document of the API becomes cards for the page."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from chatbot.messages import Itinerary, OfferCard, Segment

_DURATION = re.compile(
    r"P(?=T?\d)(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:\d+S)?)?"
)
_INITIALS = re.compile(r"(?!(?:AIR|FLY|JET|NEW|SKY|SUN|DE|OF)$)[A-Z]{2,3}")


@dataclass(frozen=True, slots=True)
class FoundOffers:
    """What a search found, for the page: the fields of `chatbot.messages.Offers` that a tool knows.

    `search` is the request as sent, in the API's names; `total` counts all offers found, of which
    `offers` are the cheapest; `age` is how long ago, in seconds, the API gave them, which was at
    `fetched_at` (ISO-8601 UTC with Z).
    """

    search: Mapping[str, Any]
    offers: tuple[OfferCard, ...]
    total: int
    source: Literal["live", "cache"]
    age: float
    fetched_at: str


def read_card(offer: Mapping[str, Any], dictionaries: Mapping[str, Any]) -> OfferCard:
    """One flight offer of the API, with carriers and aircraft named by the reply's dictionaries.

    Raises:
        LookupError, TypeError, ValueError: the offer lacks what every offer has.
    """
    fares = offer["travelerPricings"][0]["fareDetailsBySegment"]
    main = _main_fare(fares, offer["itineraries"])
    validating = offer.get("validatingAirlineCodes") or [None]
    return OfferCard(
        id=str(offer["id"]),
        total=str(offer["price"].get("grandTotal") or offer["price"]["total"]),
        currency=str(offer["price"]["currency"]),
        itineraries=[_itinerary(itinerary, dictionaries) for itinerary in offer["itineraries"]],
        cabin=str(main.get("cabin", "ECONOMY")),
        fare_brand=main.get("brandedFareLabel") or main.get("brandedFare"),
        checked_bags=_bags(fares),
        seats_left=offer.get("numberOfBookableSeats"),
        last_ticketing_date=offer.get("lastTicketingDate"),
        validating_carrier=validating[0],
    )


def duration_minutes(text: str) -> int:
    """Minutes of an ISO-8601 duration such as PT9H55M or P1DT2H.

    Raises:
        ValueError: it is not one.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"not an ISO-8601 duration of days, hours and minutes: {text[:40]!r}")
    days, hours, minutes = (int(match[unit] or 0) for unit in ("days", "hours", "minutes"))
    return (days * 24 + hours) * 60 + minutes


def _itinerary(itinerary: Mapping[str, Any], dictionaries: Mapping[str, Any]) -> Itinerary:
    segments = itinerary["segments"]
    landings = sum(int(segment.get("numberOfStops", 0)) for segment in segments)
    return Itinerary(
        duration_minutes=duration_minutes(itinerary["duration"]),
        stops=len(segments) - 1 + landings,
        segments=[_segment(segment, dictionaries) for segment in segments],
    )


def _segment(segment: Mapping[str, Any], dictionaries: Mapping[str, Any]) -> Segment:
    departure, arrival, carrier = segment["departure"], segment["arrival"], segment["carrierCode"]
    carriers = dictionaries.get("carriers", {})
    aircraft = (segment.get("aircraft") or {}).get("code")
    operator = (segment.get("operating") or {}).get("carrierCode")
    return Segment(
        origin=departure["iataCode"],
        destination=arrival["iataCode"],
        departs_at=departure["at"],
        arrives_at=arrival["at"],
        duration_minutes=duration_minutes(segment["duration"]),
        carrier=carrier,
        carrier_name=_titled(carriers.get(carrier, carrier)),
        flight=f"{carrier}{segment['number']}",
        aircraft=dictionaries.get("aircraft", {}).get(aircraft, aircraft),
        origin_terminal=departure.get("terminal"),
        destination_terminal=arrival.get("terminal"),
        operated_by=_titled(carriers.get(operator, operator)) if operator and operator != carrier else None,
    )


def _titled(name: str) -> str:
    """The API shouts carriers' names; a short word is initials and stays, unless it is a word: TAP Air."""
    words = (word if _INITIALS.fullmatch(word) else word.capitalize() for word in name.split())
    return " ".join(words) if name.isupper() else name


def _main_fare(fares: list[Mapping[str, Any]], itineraries: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The fare of the longest segment: its cabin and brand belong together and are most of the trip."""
    minutes = {
        segment.get("id"): duration_minutes(segment["duration"])
        for itinerary in itineraries
        for segment in itinerary["segments"]
    }
    return max(fares, key=lambda fare: minutes.get(fare.get("segmentId"), 0))


def _bags(fares: list[Mapping[str, Any]]) -> str | None:
    """The least checked baggage any segment includes: "1", "23 kg"; None where the fare does not say."""
    allowances = [fare.get("includedCheckedBags") for fare in fares]
    texts = [_allowance(bags) for bags in allowances if bags]
    return min(texts, key=lambda text: float(text.split()[0])) if len(texts) == len(fares) else None


def _allowance(bags: Mapping[str, Any]) -> str:
    if "quantity" in bags:
        return str(int(bags["quantity"]))
    return f"{bags.get('weight', 0)} {str(bags.get('weightUnit', 'KG')).lower()}"

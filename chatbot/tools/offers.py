"""Amadeus offers as a person reads them: one document of the API becomes cards for the page."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from chatbot.messages import Itinerary, OfferCard, Segment
from chatbot.tools.cleaning import (
    AIRPORT,
    CARRIER,
    FLIGHT_NUMBER,
    calendar_day,
    moment,
    name,
    number,
)
from chatbot.tools.fares import Fare, Total, fares, least_bags

__all__ = ["UNREADABLE", "FoundOffers", "duration_minutes", "longest", "read_card"]

UNREADABLE: Final = (LookupError, TypeError, ValueError, AttributeError)
"""What reading an offer raises that lacks what every offer has, or has it in another form."""

MOST_DIRECTIONS: Final = 6
MOST_FLIGHTS: Final = 8
"""Directions of an offer, and flights of a direction: more than any that is sold."""

_MOST_LANDINGS: Final = 9
_MOST_SEATS: Final = 999
_TERMINAL: Final = 20
_DURATION: Final = re.compile(
    r"P(?=T?\d)(?:(?P<days>[0-9]{1,3})D)?"
    r"(?:T(?:(?P<hours>[0-9]{1,4})H)?(?:(?P<minutes>[0-9]{1,5})M)?(?:[0-9]{1,5}S)?)?"
)
_INITIALS: Final = re.compile(r"(?!(?:AIR|FLY|JET|NEW|SKY|SUN|DE|OF)$)[A-Z]{2,3}")


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


def read_card(offer: Mapping[str, Any], dictionaries: Mapping[str, Any], *, offer_id: str) -> OfferCard:
    """One flight offer of the API, with carriers and aircraft named by the reply's dictionaries.

    Every text in it is checked or cleaned; see `chatbot.tools.cleaning`.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: it lacks what every offer has.
    """
    total, sold = Total.of(offer), fares(offer)
    itineraries = _few(offer["itineraries"], MOST_DIRECTIONS)
    main = longest(sold, itineraries)
    validating = (offer.get("validatingAirlineCodes") or [None])[0]
    ticketing, seats = offer.get("lastTicketingDate"), offer.get("numberOfBookableSeats")
    return OfferCard(
        id=offer_id,
        total=total.amount,
        currency=total.currency,
        itineraries=[_itinerary(itinerary, dictionaries) for itinerary in itineraries],
        cabin=main.cabin,
        fare_brand=main.brand,
        checked_bags=least_bags(sold),
        seats_left=None if seats is None else number(seats, most=_MOST_SEATS),
        last_ticketing_date=None if ticketing is None else calendar_day(ticketing),
        validating_carrier=CARRIER.maybe(validating),
    )


def longest(sold: list[Fare], itineraries: list[Mapping[str, Any]]) -> Fare:
    """The fare of the longest flight: its cabin and brand belong together and are most of the trip."""
    minutes = {
        segment.get("id"): duration_minutes(segment["duration"])
        for itinerary in itineraries
        for segment in _few(itinerary["segments"], MOST_FLIGHTS)
    }
    return max(sold, key=lambda fare: minutes.get(fare.segment_id, 0))


def duration_minutes(text: object) -> int:
    """Minutes of an ISO-8601 duration such as PT9H55M or P1DT2H.

    Raises:
        ValueError: it is not one.
    """
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("not an ISO-8601 duration of days, hours and minutes")
    days, hours, minutes = (int(match[unit] or 0) for unit in ("days", "hours", "minutes"))
    return (days * 24 + hours) * 60 + minutes


def _itinerary(itinerary: Mapping[str, Any], dictionaries: Mapping[str, Any]) -> Itinerary:
    segments = _few(itinerary["segments"], MOST_FLIGHTS)
    landings = sum(number(segment.get("numberOfStops", 0), most=_MOST_LANDINGS) for segment in segments)
    return Itinerary(
        duration_minutes=duration_minutes(itinerary["duration"]),
        stops=len(segments) - 1 + landings,
        segments=[_segment(segment, dictionaries) for segment in segments],
    )


def _segment(segment: Mapping[str, Any], dictionaries: Mapping[str, Any]) -> Segment:
    departure, arrival = segment["departure"], segment["arrival"]
    carrier = CARRIER.of(segment["carrierCode"])
    operator = CARRIER.maybe((segment.get("operating") or {}).get("carrierCode"))
    carriers, aircraft = dictionaries.get("carriers", {}), (segment.get("aircraft") or {}).get("code")
    return Segment(
        origin=AIRPORT.of(departure["iataCode"]),
        destination=AIRPORT.of(arrival["iataCode"]),
        departs_at=moment(departure["at"]),
        arrives_at=moment(arrival["at"]),
        duration_minutes=duration_minutes(segment["duration"]),
        carrier=carrier,
        carrier_name=_airline(carriers, carrier),
        flight=f"{carrier}{FLIGHT_NUMBER.of(segment['number'])}",
        aircraft=name(dictionaries.get("aircraft", {}).get(aircraft, aircraft)),
        origin_terminal=name(departure.get("terminal"), most=_TERMINAL),
        destination_terminal=name(arrival.get("terminal"), most=_TERMINAL),
        operated_by=_airline(carriers, operator) if operator and operator != carrier else None,
    )


def _airline(carriers: Mapping[str, Any], code: str) -> str:
    """An airline's name; its code where the name is not told, or nothing is left of it."""
    text = name(carriers.get(code)) or code
    # The API shouts names; a short word is initials and stays, unless it is a word: TAP Air.
    words = (word if _INITIALS.fullmatch(word) else word.capitalize() for word in text.split())
    return " ".join(words) if text.isupper() else text


def _few(parts: Any, most: int) -> list[Mapping[str, Any]]:
    """A list of 1 to `most` objects; raises TypeError or ValueError for anything else."""
    if not isinstance(parts, list) or not 1 <= len(parts) <= most:
        raise ValueError(f"not a list of 1 to {most}")
    return parts

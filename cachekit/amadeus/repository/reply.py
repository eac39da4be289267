"""Whether a reply is an answer to the request: what is not is an error, and is never cached.

A reply can be wrong in two ways: it has not the shape the API promises, or it is the answer to something
else, another route, another day. Either may come from a source with a fault, from a proxy that mixes
answers up, or out of Redis, where any service can write.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cachekit.amadeus.errors import AmadeusReplyError
from cachekit.amadeus.params import AirlineLookup, CheapestDates, FlightRequest, LocationSearch
from cachekit.errors import InvalidValue

__all__ = ["check_airlines", "check_dates", "check_locations", "check_offers", "check_prices", "check_sent"]

_AMOUNT: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,4})?")
_DATE_DIGITS: Final = 10
_LONGEST: Final = 40
"""Characters of a reply's own text that an error shows."""

_MALFORMED: Final = (LookupError, TypeError, AttributeError)
"""What reading a document of another shape raises."""


def check_offers(request: FlightRequest, reply: object) -> None:
    """Raises AmadeusReplyError unless `reply` is a document of offers for the legs of `request`."""
    document = _document(reply)
    locations = _locations(document)
    legs = [(leg.origin, leg.destination, leg.date.isoformat()) for leg in request.legs]
    for index, offer in enumerate(document["data"]):
        try:
            problem = _mismatch(offer, legs, locations)
        except _MALFORMED as error:
            raise AmadeusReplyError(f"the reply's data[{index}] is no flight offer") from error
        if problem is not None:
            raise AmadeusReplyError(f"the reply is for another search: data[{index}] {problem}")


def check_sent(offers: Sequence[Mapping[str, Any]]) -> None:
    """Raises InvalidValue unless each of the offers that are to be priced has flights and a price."""
    for index, offer in enumerate(offers):
        try:
            fits = any(_flights(offer)) and _is_price(offer["price"])
        except _MALFORMED:
            fits = False
        if not fits:
            raise InvalidValue(f"offers[{index}] is not a flight offer with a price, as a search gives it")


def check_prices(offers: Sequence[Mapping[str, Any]], reply: Any) -> list[dict[str, Any]]:
    """The offers of `reply`, as priced now; AmadeusReplyError unless they are `offers`, in their order."""
    try:
        priced = reply["data"]["flightOffers"]
        fits = isinstance(priced, list) and [_flights(each) for each in priced] == list(map(_flights, offers))
        fits = fits and all(_is_price(each["price"]) for each in priced)
    except _MALFORMED as error:
        raise AmadeusReplyError("the reply to a pricing has no offers with flights and prices") from error
    if not fits or "errors" in reply:
        raise AmadeusReplyError("the reply to a pricing is not about the offers that were sent")
    return list(priced)


def check_dates(request: CheapestDates, reply: object) -> None:
    """Raises AmadeusReplyError unless `reply` holds dates with prices for the route of `request`."""
    document = _document(reply)
    locations = _locations(document)
    first = None if request.departure_from is None else request.departure_from.isoformat()
    last = first if request.departure_to is None else request.departure_to.isoformat()
    for index, each in enumerate(document["data"]):
        try:
            day, price = each["departureDate"], each["price"]
            on_route = _is_at(each["origin"], request.origin, locations) and _is_at(
                each["destination"], request.destination, locations
            )
            in_range = len(day) == _DATE_DIGITS and (first or day) <= day <= (last or day)
            is_priced = _AMOUNT.fullmatch(price["total"]) is not None
        except _MALFORMED as error:
            raise AmadeusReplyError(f"the reply's data[{index}] is no flight date") from error
        if not (on_route and in_range and is_priced):
            raise AmadeusReplyError(f"the reply is for other dates or another route: data[{index}]")


def check_locations(request: LocationSearch, reply: object) -> None:
    """Raises AmadeusReplyError unless `reply` holds locations of the kinds and country of `request`."""
    for index, each in enumerate(_document(reply)["data"]):
        try:
            country = each.get("address", {}).get("countryCode", request.country)
            fits = isinstance(each["iataCode"], str) and each["subType"] in set(request.kinds)
        except _MALFORMED as error:
            raise AmadeusReplyError(f"the reply's data[{index}] is no location") from error
        if not fits or (request.country is not None and country != request.country):
            raise AmadeusReplyError(f"the reply is for another search of locations: data[{index}]")


def check_airlines(request: AirlineLookup, reply: object) -> None:
    """Raises AmadeusReplyError unless `reply` holds airlines with codes of `request`."""
    asked = set(request.codes)
    for index, each in enumerate(_document(reply)["data"]):
        try:
            fits = not asked.isdisjoint({each.get("iataCode"), each.get("icaoCode")})
        except _MALFORMED as error:
            raise AmadeusReplyError(f"the reply's data[{index}] is no airline") from error
        if not fits:
            raise AmadeusReplyError(f"the reply is for other airlines: data[{index}]")


def _document(reply: object) -> dict[str, Any]:
    if not isinstance(reply, dict):
        raise AmadeusReplyError(f"the reply is a {type(reply).__name__}, not an object")
    if "errors" in reply:
        raise AmadeusReplyError("the reply holds errors, though it says it is a success")
    if not isinstance(reply.get("data"), list):
        raise AmadeusReplyError("the reply has no list 'data'")
    return reply


def _locations(document: Mapping[str, Any]) -> Mapping[str, Any]:
    dictionaries = document.get("dictionaries", {})
    locations = dictionaries.get("locations", {}) if isinstance(dictionaries, dict) else None
    if not isinstance(locations, dict):
        raise AmadeusReplyError("the reply's dictionaries are no objects")
    return locations


def _mismatch(
    offer: Mapping[str, Any], legs: Sequence[tuple[str, str, str]], locations: Mapping[str, Any]
) -> str | None:
    """What about this offer is not what was asked for; None if it is. Raises one of _MALFORMED."""
    itineraries = offer["itineraries"]
    if len(itineraries) != len(legs):
        return f"has {len(itineraries)} directions instead of {len(legs)}"
    for itinerary, (origin, destination, day) in zip(itineraries, legs, strict=True):
        segments = itinerary["segments"]
        departure, arrival = segments[0]["departure"], segments[-1]["arrival"]
        first, last, date = departure["iataCode"], arrival["iataCode"], departure["at"][:_DATE_DIGITS]
        if not _is_at(first, origin, locations) or not _is_at(last, destination, locations):
            return f"is for {_shown(first)}-{_shown(last)} instead of {origin}-{destination}"
        if date != day:
            return f"departs on {_shown(date)} instead of {day}"
        for flight in segments:
            codes = flight["carrierCode"], flight["departure"]["iataCode"], flight["arrival"]["iataCode"]
            if set(map(type, codes)) != {str}:
                return "has a flight without a carrier or an airport"
    if not _is_price(offer["price"]):
        return "has no price"
    return None if isinstance(offer["id"], str) else "has no id"


def _flights(offer: Mapping[str, Any]) -> list[list[tuple[str, str, str, str]]]:
    """The flights an offer is made of, direction by direction."""
    return [
        [
            (
                flight["carrierCode"],
                flight["number"],
                flight["departure"]["iataCode"],
                flight["departure"]["at"],
            )
            for flight in itinerary["segments"]
        ]
        for itinerary in offer["itineraries"]
    ]


def _is_price(price: Mapping[str, Any]) -> bool:
    return _AMOUNT.fullmatch(price["total"]) is not None and isinstance(price["currency"], str)


def _is_at(airport: str, asked: str, locations: Mapping[str, Any]) -> bool:
    """Whether an airport is the one asked for, or one of the city asked for."""
    if airport == asked:
        return True
    known = locations.get(airport)
    return known is not None and known.get("cityCode") == asked


def _shown(text: object) -> str:
    is_plain = isinstance(text, str) and text.isascii() and text.isprintable()
    return (str(text) if is_plain else repr(text))[:_LONGEST]

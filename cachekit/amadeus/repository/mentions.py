"""What the offers of a reply speak of: the codes by which they are invalidated, and explained."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from cachekit.amadeus.params import FlightRequest

__all__ = ["explaining", "folded", "leg_tags", "search_tags"]

_AIRPORT: Final = re.compile(r"[A-Z]{3}")
_CARRIER: Final = re.compile(r"[0-9A-Z]{2,3}")
_KINDS: Final = frozenset({"route", "origin", "destination", "date", "carrier"})

Offers = Collection[Mapping[str, Any]]
"""Offers whose flights `cachekit.amadeus.repository.reply` has checked; the rest of them may be anything."""


def search_tags(request: FlightRequest, offers: Offers) -> tuple[str, ...]:
    """By what an answer to `request` is invalidated in one command, each tag once.

    `route:GRU-LIS`, `origin:GRU`, `destination:LIS` and `date:2026-12-12` for each leg, the way back of a
    round trip too, by the codes that were asked for and by the airports that the offers use: an answer
    about London goes with LON and with LHR. `carrier:TP` for each carrier that sells, flies or tickets.
    What is no code makes no tag: a reply may hold anything, and tags are short.
    """
    tags: dict[str, None] = {}
    for leg in request.legs:
        tags |= dict.fromkeys(leg_tags(leg.origin, leg.destination))
        tags[f"date:{leg.date.isoformat()}"] = None
    for origin, destination in sorted({ends for offer in offers for ends in _ends(offer)}):
        if _AIRPORT.fullmatch(origin) and _AIRPORT.fullmatch(destination):
            tags |= dict.fromkeys(leg_tags(origin, destination))
    carriers = sorted(code for code in _carriers(offers) if _CARRIER.fullmatch(code))
    return (*tags, *(f"carrier:{code}" for code in carriers))


def leg_tags(origin: str, destination: str) -> tuple[str, str, str]:
    """The tags of one way from a place to another."""
    return f"route:{origin}-{destination}", f"origin:{origin}", f"destination:{destination}"


def folded(tag: str) -> str:
    """A tag as it is written here: whoever invalidates may have typed `route:gru-lis`.

    A tag of another kind stays as it is.
    """
    kind, colon, code = tag.strip().partition(":")
    kind = kind.lower()
    return f"{kind}{colon}{code.strip().upper()}" if kind in _KINDS else tag


def explaining(offers: Offers, dictionaries: object) -> dict[str, Any]:
    """The part of a reply's `dictionaries` that these offers mention."""
    if not isinstance(dictionaries, Mapping):
        return {}
    used = {
        "locations": _locations(offers),
        "aircraft": {_code(segment.get("aircraft"), "code") for segment in _segments(offers)},
        "currencies": {_code(offer.get("price"), "currency") for offer in offers},
        "carriers": _carriers(offers),
    }
    kept = dict(dictionaries)
    for name, codes in used.items():
        if isinstance(words := kept.get(name), Mapping):
            kept[name] = {code: word for code, word in words.items() if code in codes}
    return kept


def _ends(offer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """From where to where each direction of the offer leads."""
    for itinerary in offer["itineraries"]:
        segments = itinerary["segments"]
        yield segments[0]["departure"]["iataCode"], segments[-1]["arrival"]["iataCode"]


def _segments(offers: Offers) -> Iterator[Mapping[str, Any]]:
    for offer in offers:
        for itinerary in offer["itineraries"]:
            yield from itinerary["segments"]


def _carriers(offers: Offers) -> set[str]:
    codes = set()
    for flight in _segments(offers):
        codes |= {_code(flight, "carrierCode"), _code(flight.get("operating"), "carrierCode")}
    for offer in offers:
        sellers = offer.get("validatingAirlineCodes")
        if isinstance(sellers, list):
            codes.update(code for code in sellers if isinstance(code, str))
    return codes - {""}


def _locations(offers: Offers) -> set[str]:
    codes = set()
    for segment in _segments(offers):
        stops = segment.get("stops")
        points = [segment["departure"], segment["arrival"], *(stops if isinstance(stops, list) else ())]
        codes |= {_code(point, "iataCode") for point in points}
    return codes


def _code(holder: object, name: str) -> str:
    """The code a part of an offer has under `name`; empty where it says nothing."""
    code = holder.get(name) if isinstance(holder, Mapping) else None
    return code if isinstance(code, str) else ""

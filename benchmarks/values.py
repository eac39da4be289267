"""The values that are cached: 200 bytes, and a real reply of the flight sandbox of about 250 KB."""

import datetime as dt
from functools import cache
from typing import Any

import msgspec

from cachekit.amadeus import FlightSearch
from cachekit.amadeus.sandbox import find_offers

LARGE_BYTES = 250_000


class Price(msgspec.Struct, frozen=True, gc=False):
    """What a quote costs."""

    total: str
    currency: str


class Quote(msgspec.Struct, frozen=True, gc=False):
    """The small value, typed."""

    id: int
    route: str
    price: Price
    text: str


SMALL_TYPED = Quote(id=7, route="GRU-LIS", price=Price(total="517.94", currency="EUR"), text="x" * 110)
SMALL: dict[str, Any] = msgspec.to_builtins(SMALL_TYPED)


class Segment(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One flight of an itinerary; the fields that an application reads."""

    carrier_code: str
    number: str
    duration: str


class Itinerary(msgspec.Struct, frozen=True, gc=False):
    """One way of a trip."""

    duration: str
    segments: tuple[Segment, ...]


class Offer(msgspec.Struct, frozen=True, gc=False):
    """One flight offer."""

    id: str
    price: Price
    itineraries: tuple[Itinerary, ...]


class Reply(msgspec.Struct, frozen=True, gc=False):
    """A flight search's reply, typed; it counts how many of it were ever decoded."""

    data: tuple[Offer, ...]

    def __post_init__(self) -> None:
        """Called by msgspec once for each decode, and by the constructor."""
        decodes.append(None)


decodes: list[None] = []
"""One for each `Reply` made."""


@cache
def flight_reply() -> dict[str, Any]:
    """A reply of the sandbox with as many offers as make `LARGE_BYTES` of JSON, the same on every run."""
    noon = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
    whole: dict[str, Any] = {"data": [], "dictionaries": {}}
    size = 0
    for origin, destination in (("MAD", "LHR"), ("JFK", "LHR"), ("GRU", "LIS"), ("FRA", "LHR")):
        search = FlightSearch(
            origin=origin, destination=destination, departure_date=dt.date(2026, 12, 12), max_results=250
        )
        reply = find_offers(search, seed=1, now=noon)
        for kind, names in reply["dictionaries"].items():
            whole["dictionaries"].setdefault(kind, {}).update(names)
        for offer in reply["data"]:
            if size >= LARGE_BYTES:
                return whole
            whole["data"].append({**offer, "id": str(len(whole["data"]) + 1)})
            size += len(msgspec.json.encode(offer)) + 1
    return whole

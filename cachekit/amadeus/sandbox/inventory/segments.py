"""Itineraries and their segments, written as the API writes them."""

from functools import cache, lru_cache
from typing import Any, Final

from cachekit.amadeus.sandbox.inventory.airports import Airport
from cachekit.amadeus.sandbox.inventory.carriers import Carrier
from cachekit.amadeus.sandbox.inventory.chance import chance
from cachekit.amadeus.sandbox.inventory.choices import Choice
from cachekit.amadeus.sandbox.inventory.schedule import Flight
from cachekit.amadeus.sandbox.inventory.zones import DAY_MINUTES, iso_time

__all__ = ["SegmentIds", "itinerary"]

WEIGHT_WITH_TERMINALS: Final = 7
"""Airports from this weight on have more than one terminal."""
SHARE_WITHOUT_OPERATING: Final = 0.05
"""The real service leaves the operating carrier out now and then; clients must bear it."""

_Key = tuple[str, str, str, str, int]


class SegmentIds:
    """The ids of the segments of one reply: one id is one flight on one day, in whatever offer it stands."""

    def __init__(self) -> None:
        self._ids: dict[_Key, str] = {}

    def id_of(self, flight: Flight, ordinal: int) -> str:
        """The id of a flight of a journey that leaves on that day; a new one where it has none yet."""
        return self._ids.setdefault(_key(flight, ordinal), str(len(self._ids) + 1))

    def assign(self, flight: Flight, ordinal: int, segment_id: str) -> None:
        """Give a flight the id that it already goes by."""
        self._ids[_key(flight, ordinal)] = segment_id


def _key(flight: Flight, ordinal: int) -> _Key:
    operated = flight.operated
    return (
        flight.carrier.code,
        flight.number,
        operated.route.origin.code,
        operated.route.destination.code,
        ordinal * DAY_MINUTES + operated.leaves,
    )


def itinerary(choice: Choice, ids: SegmentIds) -> dict[str, Any]:
    """One direction, with its flights under their ids."""
    ordinal = choice.day.toordinal()
    return {
        "duration": period(choice.journey.minutes),
        "segments": [
            _segment(flight, ordinal, ids.id_of(flight, ordinal)) for flight in choice.journey.flights
        ],
    }


def _segment(flight: Flight, ordinal: int, segment_id: str) -> dict[str, Any]:
    start = ordinal * DAY_MINUTES
    operated, route = flight.operated, flight.route
    segment: dict[str, Any] = {
        "departure": _end(route.origin, route.carrier, start + operated.leaves),
        "arrival": _end(route.destination, route.carrier, start + operated.lands),
        "carrierCode": flight.carrier.code,
        "number": flight.number,
        "aircraft": {"code": operated.service.aircraft},
    }
    if _names_operator(flight.carrier.code, flight.number):
        segment["operating"] = {"carrierCode": route.carrier.code}
    segment["duration"] = period(route.minutes)
    segment["id"] = segment_id
    segment["numberOfStops"] = 0
    segment["blacklistedInEU"] = False
    return segment


@lru_cache(maxsize=2**14)
def _names_operator(carrier: str, number: str) -> bool:
    return chance("operating", carrier, number) >= SHARE_WITHOUT_OPERATING


def _end(airport: Airport, operator: Carrier, local: int) -> dict[str, str]:
    end = {"iataCode": airport.code}
    terminal = _terminal(airport, operator)
    if terminal is not None:
        end["terminal"] = terminal
    end["at"] = iso_time(local)
    return end


@cache
def _terminal(airport: Airport, operator: Carrier) -> str | None:
    """Large airports have terminals, and an airline keeps to its own."""
    if airport.weight < WEIGHT_WITH_TERMINALS:
        return None
    return str(1 + int(4 * chance("terminal", airport.code, operator.code)))


def period(minutes: int) -> str:
    """ISO 8601, hours going on past 24: PT9H45M, PT10H, PT50M, PT26H10M."""
    hours, rest = divmod(minutes, 60)
    return "PT" + (f"{hours}H" if hours else "") + (f"{rest}M" if rest else "")

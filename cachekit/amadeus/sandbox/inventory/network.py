"""Which airline flies where without a stop, how often, when and with what.

A flight has at least one end at a hub of its airline; demand (the two weights and the distance) decides
the rest. Nothing here depends on the seed or on a clock: the timetable is the same every week.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from math import cos, pi, tau
from typing import Final

from cachekit.amadeus.sandbox.inventory.airports import (
    DOMESTIC_ONLY,
    EARTH_RADIUS_KM,
    Airport,
    airports,
    distance_km,
)
from cachekit.amadeus.sandbox.inventory.carriers import CARRIERS, Carrier
from cachekit.amadeus.sandbox.inventory.chance import chance, pick

__all__ = ["Network", "Route", "Service", "network", "services"]

SHORTEST_KM: Final = 150
NEIGHBOURING_KM: Final = 3_000
"""Up to here, flights to another region count as short haul."""
SHORT_HAUL_KM: Final = 5_000
LONGEST_KM: Final = 15_500
WHIM: Final = 0.15
"""The share of plausible routes that an airline does not fly for all that."""
CERTAIN_WEIGHT: Final = 7
"""From this weight on, no such whim keeps an airline away."""
NOWHERE: Final = 11
"""A least weight that no airport has."""
AIRCRAFT_RANGE_KM: Final = {"AT7": 900, "DH4": 900, "CR9": 1_800, "E75": 2_500, "E90": 3_000, "E95": 3_000}
"""Of the types that do not cover all of short haul."""

TAXI_MINUTES: Final = 54
MINUTES_PER_KM: Final = 0.0689
"""Block minutes are about 54 + 0.0689 km: taxi, climb and approach, and then some 870 km/h."""
WIND: Final = 0.05
"""Eastbound flights are faster and westbound ones slower by this share, in the westerlies."""

DAILY_FLIGHTS: Final = ((1_000, 9.0), (2_500, 5.0), (6_000, 2.6), (LONGEST_KM, 1.8))
"""(km up to which it holds, flights a day between two airports of weight 10)."""
MOST_DAILY: Final = 10
HIGHEST_NUMBER: Final = 4_900
"""About the highest number of a flight under its own airline's code."""
FIRST_DEPARTURE: Final = 6 * 60
LAST_DEPARTURE: Final = 22 * 60 + 30
_REFERENCE: Final = datetime(2026, 1, 15)  # noqa: DTZ001 - a wall-clock time, for comparing zones
"""When time zones are compared to choose civil hours; any day would do."""


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """A nonstop route in one direction. `minutes` is block time, gate to gate."""

    carrier: Carrier
    origin: Airport
    destination: Airport
    km: float
    minutes: int
    weekly: int


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """One flight number of a route: its local departure in minutes after midnight, and its weekdays."""

    number: str
    departs: int
    weekdays: frozenset[int]
    aircraft: str


class Network:
    """All routes, by the codes of their ends."""

    def __init__(self, routes: list[Route]) -> None:
        self._between: defaultdict[tuple[str, str], list[Route]] = defaultdict(list)
        self._out: defaultdict[str, list[Route]] = defaultdict(list)
        self._into: defaultdict[str, list[Route]] = defaultdict(list)
        for route in routes:
            self._between[route.origin.code, route.destination.code].append(route)
            self._out[route.origin.code].append(route)
            self._into[route.destination.code].append(route)

    def between(self, origin: Airport, destination: Airport) -> list[Route]:
        """The airlines that fly from one to the other."""
        return self._between.get((origin.code, destination.code), [])

    def out_of(self, origin: Airport) -> list[Route]:
        """All routes that start there."""
        return self._out.get(origin.code, [])

    def into(self, destination: Airport) -> list[Route]:
        """All routes that end there."""
        return self._into.get(destination.code, [])


@cache
def network() -> Network:
    """The whole network; drawn once, in some 200 ms."""
    served = airports()
    routes: dict[tuple[str, str, str], Route] = {}
    for carrier in CARRIERS.values():
        for rank, code in enumerate(carrier.hubs):
            hub = served[code]
            for spoke in served.values():
                if (carrier.code, code, spoke.code) in routes or not _flies(carrier, hub, spoke, rank):
                    continue
                weekly = _weekly(hub, spoke, rank)
                for origin, destination in ((hub, spoke), (spoke, hub)):
                    km = distance_km(origin, destination)
                    minutes = block_minutes(origin, destination)
                    route = Route(carrier, origin, destination, km, minutes, weekly)
                    routes[carrier.code, origin.code, destination.code] = route
    return Network(list(routes.values()))


def _flies(carrier: Carrier, hub: Airport, spoke: Airport, rank: int) -> bool:
    """Whether the airline flies between its hub of this rank (0 is the main one) and the other airport."""
    km = distance_km(hub, spoke)
    if not SHORTEST_KM <= km <= LONGEST_KM:
        return False
    abroad = hub.country != spoke.country
    if abroad and (hub.code in DOMESTIC_ONLY or spoke.code in DOMESTIC_ONLY):
        return False
    if km > SHORT_HAUL_KM and not carrier.long:
        return False
    if (
        chance("route", carrier.code, *sorted((hub.code, spoke.code))) < WHIM
        and spoke.weight < CERTAIN_WEIGHT
    ):
        return False
    return spoke.weight >= _least_weight(carrier, hub, spoke, rank)


def _least_weight(carrier: Carrier, hub: Airport, spoke: Airport, rank: int) -> int:
    """How busy an airport must be for the airline to fly there from this hub."""
    main = rank == 0
    if hub.country == spoke.country:
        return 1 if main or hub.weight >= CERTAIN_WEIGHT else 2
    km = distance_km(hub, spoke)
    if km <= SHORT_HAUL_KM and (hub.region == spoke.region or km <= NEIGHBOURING_KM):
        return 2 if main else 6
    if not carrier.long:
        return NOWHERE
    if spoke.country in carrier.ties:
        return 5 if main else 7
    return carrier.reach + min(rank, 1)


def _weekly(hub: Airport, spoke: Airport, rank: int) -> int:
    km = distance_km(hub, spoke)
    pace = next(daily for up_to, daily in DAILY_FLIGHTS if km <= up_to)
    daily = hub.weight * spoke.weight / 100 * pace * (1.0 if rank == 0 else 0.7)
    return max(3, min(round(7 * daily), 7 * MOST_DAILY))


def block_minutes(origin: Airport, destination: Airport) -> int:
    """Gate-to-gate minutes, rounded to five."""
    km = distance_km(origin, destination)
    turn = (destination.longitude - origin.longitude + pi) % tau - pi
    east_km = turn * cos((origin.latitude + destination.latitude) / 2) * EARTH_RADIUS_KM
    wind = WIND * max(-1.0, min(1.0, east_km / km))
    return 5 * round((TAXI_MINUTES + MINUTES_PER_KM * km) * (1 - wind) / 5)


@cache
def services(route: Route) -> tuple[Service, ...]:
    """The flight numbers of a route, first departure of the day first."""
    name = (route.carrier.code, route.origin.code, route.destination.code)
    daily, rest = divmod(route.weekly, 7)
    count = daily + bool(rest)
    numbers = _numbers(name, count)
    flights = []
    for slot in range(count):
        weekdays = frozenset(range(7))
        if slot == daily:
            order = sorted(range(7), key=lambda day: chance("weekday", *name, day))
            weekdays = frozenset(order[:rest])
        flights.append(
            Service(
                number=numbers[slot],
                departs=_departs(route, name, slot, count),
                weekdays=weekdays,
                aircraft=pick(_types(route), "aircraft", *name, slot),
            )
        )
    return tuple(sorted(flights, key=lambda service: (service.departs, service.number)))


def _numbers(name: tuple[str, str, str], count: int) -> list[str]:
    """Different flight numbers of two to four digits, below those that partners sell the flights under.

    The two directions of a route differ in parity.
    """
    carrier, origin, destination = name
    pair = sorted((origin, destination))
    taken: list[int] = []
    for slot in range(count):
        half = int(chance("number", carrier, *pair, slot) * HIGHEST_NUMBER / 2)
        while half in taken:
            half += 1
        taken.append(half)
    return [str(20 + 2 * half + (origin == pair[0])) for half in taken]


def _types(route: Route) -> tuple[str, ...]:
    if route.km > SHORT_HAUL_KM or not route.carrier.short:
        return route.carrier.long
    fitting = tuple(
        kind for kind in route.carrier.short if route.km <= AIRCRAFT_RANGE_KM.get(kind, SHORT_HAUL_KM)
    )
    return fitting or route.carrier.short


def _departs(route: Route, name: tuple[str, str, str], slot: int, count: int) -> int:
    """The local minute of departure: spread over the day, or such that a long flight lands in daytime."""
    if route.minutes < 5 * 60:
        span = LAST_DEPARTURE - FIRST_DEPARTURE
        minute = FIRST_DEPARTURE + (slot + chance("departure", *name, slot)) * span / count
        return 5 * int(minute / 5)
    shift = _offset_minutes(route.destination) - _offset_minutes(route.origin)
    minute = 0
    for attempt in range(8):
        minute = 5 * int((7 + 16.9 * chance("departure", *name, slot, attempt)) * 12)
        if 5 * 60 <= (minute + route.minutes + shift) % (24 * 60) <= 23 * 60:
            break
    return minute


def _offset_minutes(airport: Airport) -> float:
    offset = airport.zone.utcoffset(_REFERENCE)
    return (offset or timedelta()) / timedelta(minutes=1)

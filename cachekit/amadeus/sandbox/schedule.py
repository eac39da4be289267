"""The journeys of a day from one airport to another: nonstop, or through hubs.

A journey leaves on the day asked for, in the local time of its origin. It connects at a hub of one of
the two airlines, between airlines that sell together, after 45 minutes at home or 60 abroad and within
eight hours, with at most two stops and at most 1.6 times the direct distance.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

from cachekit.amadeus.sandbox.airports import Airport, distance_km
from cachekit.amadeus.sandbox.carriers import Carrier, sell_together
from cachekit.amadeus.sandbox.network import Route, Service, network, services

__all__ = ["Flight", "Journey", "journeys"]

SHORTEST_DOMESTIC_CONNECTION: Final = timedelta(minutes=45)
SHORTEST_CONNECTION: Final = timedelta(minutes=60)
LONGEST_CONNECTION: Final = timedelta(hours=8)
LONGEST_DETOUR: Final = 1.6
ENOUGH_WITHOUT_TWO_STOPS: Final = 15
"""Journeys with two stops are only looked for where there are fewer others."""
MOST_PER_CHAIN: Final = 3
"""Journeys kept for one sequence of routes, the fastest ones."""
MOST_CHAINS: Final = 60
"""Sequences of three routes tried, the shortest ones."""
MOST_JOURNEYS: Final = 160


@dataclass(frozen=True, slots=True, eq=False)
class Flight:
    """One flight on one day. Local times are naive; the UTC ones are aware."""

    route: Route
    service: Service
    departs: datetime
    arrives: datetime
    departs_utc: datetime
    arrives_utc: datetime

    @property
    def designator(self) -> str:
        """Carrier, number and local day of departure: TP82@2026-12-12."""
        return f"{self.route.carrier.code}{self.service.number}@{self.departs:%Y-%m-%d}"


@dataclass(frozen=True, slots=True)
class Journey:
    """One direction of a trip: one to three flights."""

    flights: tuple[Flight, ...]

    @property
    def origin(self) -> Airport:
        """Where it starts."""
        return self.flights[0].route.origin

    @property
    def destination(self) -> Airport:
        """Where it ends."""
        return self.flights[-1].route.destination

    @property
    def duration(self) -> timedelta:
        """From the first departure to the last arrival."""
        return self.flights[-1].arrives_utc - self.flights[0].departs_utc

    @property
    def stops(self) -> int:
        """Connections on the way, 0 to 2."""
        return len(self.flights) - 1

    @property
    def designator(self) -> str:
        """The flights it is made of; the same journey on another day has another one."""
        return "+".join(flight.designator for flight in self.flights)

    @property
    def main_carrier(self) -> Carrier:
        """The airline of the longest flight, which sells the ticket."""
        return max(self.flights, key=lambda flight: flight.route.minutes).route.carrier


@lru_cache(maxsize=256)
def journeys(origin: Airport, destination: Airport, day: date) -> tuple[Journey, ...]:
    """The day's journeys, fastest first; none if the two belong to one city or nothing fits."""
    if origin.city_code == destination.city_code:
        return ()
    found = [
        Journey((flight,))
        for route in network().between(origin, destination)
        for flight in flights_on(route, day)
    ]
    for chain in _chains_of_two(origin, destination):
        found += _along(chain, day)
    if len(found) < ENOUGH_WITHOUT_TWO_STOPS:
        for chain in _chains_of_three(origin, destination):
            found += _along(chain, day)
    found.sort(key=lambda journey: (journey.duration, journey.designator))
    return tuple(found[:MOST_JOURNEYS])


@lru_cache(maxsize=8_192)
def flights_on(route: Route, day: date) -> tuple[Flight, ...]:
    """The flights of a route that leave on a local day, first departure first."""
    return tuple(
        _flight(route, service, day) for service in services(route) if day.weekday() in service.weekdays
    )


def _flight(route: Route, service: Service, day: date) -> Flight:
    at = datetime.combine(day, time(service.departs // 60, service.departs % 60), route.origin.zone)
    departs_utc = at.astimezone(UTC)
    arrives_utc = departs_utc + timedelta(minutes=route.minutes)
    return Flight(
        route=route,
        service=service,
        # Back from UTC, so that an hour which summer time skips is not printed.
        departs=departs_utc.astimezone(route.origin.zone).replace(tzinfo=None),
        arrives=arrives_utc.astimezone(route.destination.zone).replace(tzinfo=None),
        departs_utc=departs_utc,
        arrives_utc=arrives_utc,
    )


def _chains_of_two(origin: Airport, destination: Airport) -> Iterator[tuple[Route, ...]]:
    longest = LONGEST_DETOUR * distance_km(origin, destination)
    for first in network().out_of(origin):
        hub = first.destination
        if hub.city_code == destination.city_code:
            continue
        for second in network().between(hub, destination):
            if first.km + second.km <= longest and _connects(first, second):
                yield first, second


def _chains_of_three(origin: Airport, destination: Airport) -> list[tuple[Route, ...]]:
    longest = LONGEST_DETOUR * distance_km(origin, destination)
    cities = {origin.city_code, destination.city_code}
    found = []
    for first in network().out_of(origin):
        for last in network().into(destination):
            if first.destination.city_code in cities or last.origin.city_code in cities:
                continue
            if first.km + last.km > longest:
                continue
            for middle in network().between(first.destination, last.origin):
                km = first.km + middle.km + last.km
                if km <= longest and _connects(first, middle) and _connects(middle, last):
                    found.append((km, (first, middle, last)))
    found.sort(key=lambda pair: (pair[0], [route.carrier.code for route in pair[1]]))
    return [chain for _, chain in found[:MOST_CHAINS]]


def _connects(first: Route, second: Route) -> bool:
    """Whether a ticket is sold over both routes: partners, at a hub of one of them."""
    hub = second.origin.code
    if hub not in first.carrier.hubs and hub not in second.carrier.hubs:
        return False
    return sell_together(first.carrier, second.carrier)


def _along(chain: tuple[Route, ...], day: date) -> list[Journey]:
    """The fastest journeys over these routes that leave on `day`."""
    found = []
    for flight in flights_on(chain[0], day):
        flights = [flight]
        for route in chain[1:]:
            onward = _onward(flights[-1], route)
            if onward is None:
                break
            flights.append(onward)
        else:
            found.append(Journey(tuple(flights)))
    found.sort(key=lambda journey: journey.duration)
    return found[:MOST_PER_CHAIN]


def _onward(flight: Flight, route: Route) -> Flight | None:
    """The first flight of `route` that can be reached from `flight`, if it leaves soon enough."""
    abroad = len({flight.route.origin.country, route.origin.country, route.destination.country}) > 1
    earliest = flight.arrives_utc + (SHORTEST_CONNECTION if abroad else SHORTEST_DOMESTIC_CONNECTION)
    latest = flight.arrives_utc + LONGEST_CONNECTION
    day = flight.arrives.date()
    for candidate in (*flights_on(route, day), *flights_on(route, day + timedelta(days=1))):
        if candidate.departs_utc >= earliest:
            return candidate if candidate.departs_utc <= latest else None
    return None

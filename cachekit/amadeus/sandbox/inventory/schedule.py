"""The journeys of a day from one airport to another: nonstop, or through hubs.

A journey leaves on the day asked for, in the local time of its origin. It connects at a hub of one of
the two airlines, between airlines that sell together, after 45 minutes at home or 60 abroad and within
eight hours, with at most two stops and at most 1.6 times the direct distance.

A timetable repeats itself: journeys are found once for each weekday and each setting of the clocks along
the way, and shared by all days alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from cachekit.amadeus.sandbox.inventory.airports import Airport, distance_km
from cachekit.amadeus.sandbox.inventory.carriers import Carrier, sell_together
from cachekit.amadeus.sandbox.inventory.codeshares import codeshare_number, resellers
from cachekit.amadeus.sandbox.inventory.departures import Departure, departures, weekday_of
from cachekit.amadeus.sandbox.inventory.network import Route, network
from cachekit.amadeus.sandbox.inventory.zones import DAY_MINUTES, steady_offset

__all__ = ["Flight", "Journey", "journeys"]

SHORTEST_DOMESTIC_CONNECTION: Final = 45
SHORTEST_CONNECTION: Final = 60
LONGEST_CONNECTION: Final = 8 * 60
LONGEST_DETOUR: Final = 1.6
ENOUGH_WITHOUT_TWO_STOPS: Final = 6
"""Sequences of routes with two stops are only looked for where there are fewer others."""
MOST_PER_WAY: Final = 3
"""Journeys kept for one sequence of routes, the fastest ones."""
MOST_WAYS_WITH_TWO_STOPS: Final = 60
"""Sequences of three routes tried, the shortest ones."""
MOST_JOURNEYS: Final = 160

Way = tuple[Route, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Flight:
    """One flight of a journey as it is sold: under a partner's code and number if it is a codeshare."""

    operated: Departure
    carrier: Carrier
    number: str

    @property
    def route(self) -> Route:
        """Whose flight it is, and between which airports."""
        return self.operated.route

    @property
    def designator(self) -> str:
        """Carrier and number: TP82."""
        return self.carrier.code + self.number


@dataclass(frozen=True, slots=True, eq=False)
class Journey:
    """One direction of a trip, as it stands in the timetable of many days: one to three flights.

    Attributes:
        flights: their times count from the midnight that starts the day of departure.
        seller: the airline of the longest flight, or a partner that sells it; it issues the ticket.
        name: the flights: `TP82`, `IB6820+IB5104`. With the day of departure it says which journey it is.
        departs: the first departure, in minutes of UTC after the midnight that starts the day.
        minutes: from the first departure to the last arrival.
    """

    flights: tuple[Flight, ...]
    seller: Carrier
    name: str
    departs: int
    minutes: int

    @property
    def origin(self) -> Airport:
        """Where it starts."""
        return self.flights[0].operated.route.origin

    @property
    def destination(self) -> Airport:
        """Where it ends."""
        return self.flights[-1].operated.route.destination

    @property
    def stops(self) -> int:
        """Connections on the way, 0 to 2."""
        return len(self.flights) - 1


@dataclass(frozen=True, slots=True)
class _Day:
    """A day to travel on. Days that compare equal have the same timetable.

    `odd` is the day itself where clocks change along the way while one travels, and 0 on other days.
    """

    weekday: int
    offsets: tuple[int | None, ...]
    odd: int
    ordinal: int = field(compare=False)


def journeys(origin: Airport, destination: Airport, ordinal: int) -> tuple[Journey, ...]:
    """The journeys of a day, by its ordinal, fastest first; none within one city, or if nothing fits."""
    if origin.city_code == destination.city_code:
        return ()
    offsets = tuple(steady_offset(zone, ordinal) for zone in _zones(origin, destination))
    odd = ordinal if None in offsets else 0
    return _found(origin, destination, _Day(weekday_of(ordinal), offsets, odd, ordinal))


@lru_cache(maxsize=1024)
def _found(origin: Airport, destination: Airport, day: _Day) -> tuple[Journey, ...]:
    found: list[Journey] = []
    for way in _ways(origin, destination):
        for flown in _along(way, day.ordinal):
            found += _sold(flown)
    found.sort(key=lambda journey: (journey.minutes, journey.name))
    return tuple(found[:MOST_JOURNEYS])


@lru_cache(maxsize=1024)
def _zones(origin: Airport, destination: Airport) -> tuple[ZoneInfo, ...]:
    """The time zones whose clocks decide about the day's journeys."""
    routes = [route for way in _ways(origin, destination) for route in way]
    zones = {end.zone.key: end.zone for route in routes for end in (route.origin, route.destination)}
    return tuple(zones.values())


@lru_cache(maxsize=1024)
def _ways(origin: Airport, destination: Airport) -> tuple[Way, ...]:
    """The sequences of routes that lead from one to the other."""
    ways: list[Way] = [(route,) for route in network().between(origin, destination)]
    ways += _with_one_stop(origin, destination)
    if len(ways) < ENOUGH_WITHOUT_TWO_STOPS:
        ways += _with_two_stops(origin, destination)
    return tuple(ways)


def _with_one_stop(origin: Airport, destination: Airport) -> Iterator[Way]:
    longest = LONGEST_DETOUR * distance_km(origin, destination)
    for first in network().out_of(origin):
        hub = first.destination
        if hub.city_code == destination.city_code:
            continue
        for second in network().between(hub, destination):
            if first.km + second.km <= longest and _connects(first, second):
                yield first, second


def _with_two_stops(origin: Airport, destination: Airport) -> list[Way]:
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
    return [way for _, way in found[:MOST_WAYS_WITH_TWO_STOPS]]


def _connects(first: Route, second: Route) -> bool:
    """Whether a ticket is sold over both routes: partners, at a hub of one of them."""
    hub = second.origin.code
    if hub not in first.carrier.hubs and hub not in second.carrier.hubs:
        return False
    return sell_together(first.carrier, second.carrier)


def _along(way: Way, ordinal: int) -> list[tuple[Departure, ...]]:
    """What is flown over these routes from that day on: all flights of one route, else the fastest few."""
    found: list[tuple[Departure, ...]] = []
    for first in departures(way[0], ordinal):
        flown = [first]
        for route in way[1:]:
            onward = _onward(flown[-1], route, ordinal)
            if onward is None:
                break
            flown.append(onward)
        else:
            found.append(tuple(flown))
    if len(way) == 1:
        return found
    found.sort(key=lambda flown: flown[-1].arrives - flown[0].departs)
    return found[:MOST_PER_WAY]


def _onward(last: Departure, route: Route, ordinal: int) -> Departure | None:
    """The first flight of `route` that can be reached from `last`, if it leaves soon enough."""
    country = route.origin.country
    at_home = country == last.route.origin.country and country == route.destination.country
    earliest = last.arrives + (SHORTEST_DOMESTIC_CONNECTION if at_home else SHORTEST_CONNECTION)
    landing_day = last.lands // DAY_MINUTES
    for day in (landing_day, landing_day + 1):
        shift = day * DAY_MINUTES
        for candidate in departures(route, ordinal + day):
            if candidate.departs + shift >= earliest:
                soon = candidate.departs + shift <= last.arrives + LONGEST_CONNECTION
                return candidate.shifted(day) if soon else None
    return None


def _sold(flown: tuple[Departure, ...]) -> Iterator[Journey]:
    """The journey as its main airline sells it; one without stops, as partners sell it too."""
    longest = max(flown, key=lambda departure: departure.route.minutes).route
    yield _journey(flown, longest.carrier)
    if len(flown) == 1:
        for partner in resellers(longest):
            if codeshare_number(partner, longest, flown[0].service) is not None:
                yield _journey(flown, partner)


def _journey(flown: tuple[Departure, ...], seller: Carrier) -> Journey:
    flights = tuple(_flight(departure, seller) for departure in flown)
    name = "+".join(flight.designator for flight in flights)
    departs = flown[0].departs
    return Journey(flights, seller, name, departs, flown[-1].arrives - departs)


def _flight(departure: Departure, seller: Carrier) -> Flight:
    carrier, number = departure.route.carrier, departure.service.number
    if carrier is not seller and sell_together(seller, carrier):
        resold = codeshare_number(seller, departure.route, departure.service)
        if resold is not None:
            carrier, number = seller, resold
    return Flight(departure, carrier, number)

"""The flights of a route on a day, in minutes counted from the midnight that starts that day."""

from functools import lru_cache
from typing import NamedTuple

from cachekit.amadeus.sandbox.inventory.network import Route, Service, services
from cachekit.amadeus.sandbox.inventory.zones import DAY_MINUTES, local_minutes, steady_offset, utc_minutes

__all__ = ["Departure", "departures", "weekday_of"]


class Departure(NamedTuple):
    """A flight as it is operated. `departs`, `arrives` are UTC; `leaves`, `lands` local, at either end.

    All are minutes after the midnight, of UTC or of the place, that starts one day: `lands // 1440` is how
    many days after it the flight lands.
    """

    route: Route
    service: Service
    departs: int
    arrives: int
    leaves: int
    lands: int

    def shifted(self, days: int) -> "Departure":
        """The same flight, counted from so many days earlier."""
        if not days:
            return self
        minutes = days * DAY_MINUTES
        return Departure(
            self.route,
            self.service,
            self.departs + minutes,
            self.arrives + minutes,
            self.leaves + minutes,
            self.lands + minutes,
        )


def weekday_of(ordinal: int) -> int:
    """0 is Monday."""
    return (ordinal - 1) % 7


def departures(route: Route, ordinal: int) -> tuple[Departure, ...]:
    """The flights of a route that leave on a local day, first departure first."""
    here = steady_offset(route.origin.zone, ordinal)
    there = steady_offset(route.destination.zone, ordinal)
    if here is None or there is None:
        return _as_clocks_change(route, ordinal)
    return _every_week(route, weekday_of(ordinal), here, there)


@lru_cache(maxsize=2**15)
def _every_week(route: Route, weekday: int, here: int, there: int) -> tuple[Departure, ...]:
    flights = []
    for service in services(route):
        if weekday in service.weekdays:
            departs = service.departs - here
            arrives = departs + route.minutes
            flights.append(Departure(route, service, departs, arrives, service.departs, arrives + there))
    return tuple(flights)


@lru_cache(maxsize=2**13)
def _as_clocks_change(route: Route, ordinal: int) -> tuple[Departure, ...]:
    start = ordinal * DAY_MINUTES
    flights = []
    for service in services(route):
        if weekday_of(ordinal) in service.weekdays:
            departs = utc_minutes(route.origin.zone, start + service.departs)
            arrives = departs + route.minutes
            # Back from UTC, so that an hour which summer time skips is not printed.
            leaves = local_minutes(route.origin.zone, departs)
            lands = local_minutes(route.destination.zone, arrives)
            flights.append(
                Departure(route, service, departs - start, arrives - start, leaves - start, lands - start)
            )
    return tuple(flights)

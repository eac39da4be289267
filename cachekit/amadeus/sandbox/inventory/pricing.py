"""What a journey costs: a pure function of the seed, the journey and the clock, with nothing stored.

A fare changes in steps. The steps of one journey are a Poisson process whose rate rises from 0.3 a day
far out to 3 a day in the last week; their instants are drawn by hash, so that the truth at any moment
can be worked out afresh and a cached answer can be proved stale. Between two steps nothing changes: what
depends on the days left is read at the last step.
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import pairwise
from math import exp, log, sqrt
from typing import Final

from cachekit.amadeus.sandbox.inventory.airports import Airport, distance_km
from cachekit.amadeus.sandbox.inventory.chance import chance, draws
from cachekit.amadeus.sandbox.inventory.schedule import Journey
from cachekit.amadeus.sandbox.inventory.zones import DAY_MINUTES

__all__ = ["CHEAPEST_LEVEL", "Quote", "Step", "changes_until_departure", "last_step", "quote", "usual_fare"]

LAST_WEEK: Final = 7.0
FAR_OUT: Final = 60.0
"""Days before departure where the rate starts to rise, and where it is at its highest."""
LAST_WEEK_RATE: Final = 3.0
FAR_RATE: Final = 0.3
"""Changes a day; in between the rate is linear in the days left."""

ADVANCE: Final = ((0.0, 1.9), (3.0, 1.6), (7.0, 1.35), (14.0, 1.1), (30.0, 0.95), (60.0, 0.85))
"""(days left, factor): the advance-purchase curve, linear in between."""
WEEKDAYS: Final = (1.0, 0.95, 0.95, 1.0, 1.08, 0.98, 1.07)
MONTHS: Final = (1.05, 0.94, 0.96, 1.0, 0.98, 1.08, 1.2, 1.17, 1.0, 0.97, 0.92, 1.12)

LEVEL_SPREAD: Final = 0.24
"""Logarithm of the ratio between the highest and the lowest level that a step can bring."""
CHEAPEST_LEVEL: Final = exp(-LEVEL_SPREAD / 2) * ADVANCE[-1][1]
"""No fare falls below this share of the usual one."""

_SLOPE: Final = (LAST_WEEK_RATE - FAR_RATE) / (FAR_OUT - LAST_WEEK)
_AT_LAST_WEEK: Final = LAST_WEEK_RATE * LAST_WEEK
_AT_FAR_OUT: Final = _AT_LAST_WEEK + (LAST_WEEK_RATE + FAR_RATE) / 2 * (FAR_OUT - LAST_WEEK)
# The chances of 0, 1, 2, … events of a Poisson distribution with mean 1, summed up.
_POISSON: Final = (0.36788, 0.73576, 0.91970, 0.98101, 0.99634, 0.99941, 0.99992)
_NEVER: Final = 1e9


@dataclass(frozen=True, slots=True)
class Step:
    """The last change of a fare: which one, and how many days before departure it came."""

    name: str
    days: float


@dataclass(frozen=True, slots=True)
class Quote:
    """An adult's economy fare one way, in EUR without taxes, at the lowest fare brand.

    `brand_chance`, in [0, 1), says which brands are still for sale; `seats` is 1 to 9.
    """

    step: Step
    base: float
    seats: int
    brand_chance: float


def changes_until_departure(days: float) -> float:
    """The expected number of changes in the last `days` days: the integral of the rate."""
    if days <= LAST_WEEK:
        return LAST_WEEK_RATE * days
    if days <= FAR_OUT:
        past = days - LAST_WEEK
        return _AT_LAST_WEEK + LAST_WEEK_RATE * past - _SLOPE * past * past / 2
    return _AT_FAR_OUT + FAR_RATE * (days - FAR_OUT)


def _days_before(changes: float) -> float:
    """The inverse of `changes_until_departure`."""
    if changes <= _AT_LAST_WEEK:
        return changes / LAST_WEEK_RATE
    if changes <= _AT_FAR_OUT:
        root = sqrt(LAST_WEEK_RATE**2 - 2 * _SLOPE * (changes - _AT_LAST_WEEK))
        return LAST_WEEK + (LAST_WEEK_RATE - root) / _SLOPE
    return FAR_OUT + (changes - _AT_FAR_OUT) / FAR_RATE


def last_step(seed: int, name: str, days: float) -> Step:
    """The last change of a fare at `days` before its departure; `name` says which fare it is.

    Measured in expected changes, the process has rate 1 everywhere: each unit interval holds a number of
    events drawn from Poisson(1), each at a place drawn evenly. The last event is the nearest one that
    lies further from departure than now.
    """
    now = changes_until_departure(days)
    interval = int(now)
    while True:
        count, *places = draws(f"{seed}|{name}|{interval}")
        nearest, which = _NEVER, 0
        for event, place in enumerate(places[: bisect_right(_POISSON, count)]):
            if now <= interval + place < nearest:
                nearest, which = interval + place, event
        if nearest < _NEVER:
            return Step(f"{interval}.{which}", _days_before(nearest))
        interval += 1


def quote(seed: int, journey: Journey, day: date, now: float) -> Quote:
    """What a journey that leaves on `day` costs at `now`, before it leaves.

    `now` is in minutes of UTC, as `zones.minutes_of` gives them.
    """
    name = f"{journey.name}@{day}"
    departs = day.toordinal() * DAY_MINUTES + journey.departs
    step = last_step(seed, name, max(0.0, (departs - now) / DAY_MINUTES))
    level, seats, brand, *_ = draws(f"{seed}|{name}|{step.name}|fare")
    return Quote(
        step=step,
        base=usual_fare(seed, journey, day) * _advance(step.days) * exp(LEVEL_SPREAD * (level - 0.5)),
        seats=min(9, 1 + int(seats * 14)),
        brand_chance=brand,
    )


def usual_fare(seed: int, journey: Journey, day: date) -> float:
    """EUR that the journey costs on that day, before what changes with the clock."""
    return _worth(journey) * _market(seed, journey.origin, journey.destination) * _season(day)


def _advance(days: float) -> float:
    for (near, high), (far, low) in pairwise(ADVANCE):
        if days <= far:
            return high + (low - high) * (days - near) / (far - near)
    return ADVANCE[-1][1]


@lru_cache(maxsize=1024)
def _season(day: date) -> float:
    """The weekday, the summer of the north, and the weeks around New Year everywhere."""
    holidays = (day.month, day.day) >= (12, 18) or (day.month, day.day) <= (1, 4)
    return WEEKDAYS[day.weekday()] * MONTHS[day.month - 1] * (1.15 if holidays else 1.0)


@lru_cache(maxsize=2**12)
def _market(seed: int, origin: Airport, destination: Airport) -> float:
    return 0.9 + 0.2 * chance(seed, "market", origin.code, destination.code)


@lru_cache(maxsize=2**16)
def _worth(journey: Journey) -> float:
    """EUR by the direct distance, falling per kilometre, and how the journey compares: airline, time, stops.

    About 60 for 340 km and 500 for 7,900 km.
    """
    km = distance_km(journey.origin, journey.destination)
    by_distance = 30 + 0.19 * exp(0.87 * log(km))
    airline = 0.92 + 0.2 * chance("airline", journey.seller.code)
    if journey.seller.low_cost:
        airline *= 0.82
    slower = journey.minutes / 60 / (0.9 + km / 870) - 1
    return by_distance * airline * max(0.78, 1.06 - 0.16 * slower) * 0.97**journey.stops

"""What a journey costs: a pure function of the seed, the journey and the clock, with nothing stored.

A fare changes in steps. The steps of one journey are a Poisson process whose rate rises from 0.3 a day
far out to 3 a day in the last week; their instants are drawn by hash, so that the truth at any moment
can be worked out afresh and a cached answer can be proved stale. Between two steps nothing changes: what
depends on the days left is read at the last step.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import exp, floor, log, sqrt
from typing import Final

from cachekit.amadeus.sandbox.airports import distance_km
from cachekit.amadeus.sandbox.chance import chance
from cachekit.amadeus.sandbox.schedule import Journey

__all__ = ["Quote", "Step", "changes_until_departure", "last_step", "quote"]

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

_SLOPE: Final = (LAST_WEEK_RATE - FAR_RATE) / (FAR_OUT - LAST_WEEK)
_AT_LAST_WEEK: Final = LAST_WEEK_RATE * LAST_WEEK
_AT_FAR_OUT: Final = _AT_LAST_WEEK + (LAST_WEEK_RATE + FAR_RATE) / 2 * (FAR_OUT - LAST_WEEK)
# The chances of 0, 1, 2, … events of a Poisson distribution with mean 1, summed up.
_POISSON: Final = (0.36788, 0.73576, 0.91970, 0.98101, 0.99634, 0.99941, 0.99992)


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


def last_step(seed: int, designator: str, days: float) -> Step:
    """The last change of a journey's fare at `days` before its departure.

    Measured in expected changes, the process has rate 1 everywhere: each unit interval holds a number of
    events drawn from Poisson(1), each at a place drawn evenly. The last event is the nearest one that
    lies further from departure than now.
    """
    now = changes_until_departure(days)
    interval = floor(now)
    while True:
        draw = chance(seed, designator, interval, "count")
        count = sum(draw >= bound for bound in _POISSON)
        events = [
            (interval + chance(seed, designator, interval, event), f"{interval}.{event}")
            for event in range(count)
        ]
        past = [event for event in events if event[0] >= now]
        if past:
            changes, name = min(past)
            return Step(name, _days_before(changes))
        interval += 1


def quote(seed: int, journey: Journey, now: datetime) -> Quote:
    """What the journey costs at `now` (aware), before its departure."""
    designator = journey.designator
    days = max(0.0, (journey.flights[0].departs_utc - now) / timedelta(days=1))
    step = last_step(seed, designator, days)
    level = exp(0.24 * (chance(seed, designator, step.name, "level") - 0.5))
    base = (
        _by_distance(journey)
        * _advance(step.days)
        * _season(journey)
        * WEEKDAYS[journey.flights[0].departs.weekday()]
        * _product(seed, journey)
        * level
    )
    return Quote(
        step=step,
        base=base,
        seats=min(9, 1 + int(chance(seed, designator, step.name, "seats") * 14)),
        brand_chance=chance(seed, designator, step.name, "brand"),
    )


def _by_distance(journey: Journey) -> float:
    """EUR by the direct distance, falling per kilometre: about 60 for 340 km and 500 for 7,900 km."""
    return 30 + 0.19 * exp(0.87 * log(distance_km(journey.origin, journey.destination)))


def _advance(days: float) -> float:
    for (near, high), (far, low) in pairwise(ADVANCE):
        if days <= far:
            return high + (low - high) * (days - near) / (far - near)
    return ADVANCE[-1][1]


def _season(journey: Journey) -> float:
    """Summer of the north, and the weeks around New Year everywhere."""
    day = journey.flights[0].departs
    holidays = (day.month, day.day) >= (12, 18) or (day.month, day.day) <= (1, 4)
    return MONTHS[day.month - 1] * (1.15 if holidays else 1.0)


def _product(seed: int, journey: Journey) -> float:
    """How the journey compares: its airline, its market, its stops."""
    carrier = journey.main_carrier
    airline = 0.92 + 0.2 * chance("airline", carrier.code)
    if carrier.low_cost:
        airline *= 0.82
    market = 0.9 + 0.2 * chance(seed, "market", journey.origin.code, journey.destination.code)
    hours = journey.duration / timedelta(hours=1)
    nonstop_hours = 0.9 + distance_km(journey.origin, journey.destination) / 870
    return airline * market * max(0.78, 1.06 - 0.16 * (hours / nonstop_hours - 1)) * 0.97**journey.stops

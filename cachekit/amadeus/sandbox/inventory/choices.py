"""What is for sale in one direction on a day: journeys in the cabin asked for, at the price of the moment."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import product
from typing import Final

from cachekit.amadeus.params import FlightRequest, FlightSearch, Leg, TravelClass
from cachekit.amadeus.sandbox.inventory.airports import locate
from cachekit.amadeus.sandbox.inventory.brands import CABIN_FACTORS, Brand, available_brands, cabin_on
from cachekit.amadeus.sandbox.inventory.pricing import Quote, quote
from cachekit.amadeus.sandbox.inventory.schedule import Journey, journeys
from cachekit.amadeus.sandbox.inventory.taxes import levies
from cachekit.amadeus.sandbox.inventory.zones import DAY_MINUTES

__all__ = [
    "COMBINED_FACTOR",
    "Choice",
    "Fit",
    "Wish",
    "choices",
    "first_minute",
    "fit",
    "fit_in",
    "fitting",
    "make_choice",
    "wish_of",
]

LAST_CALL: Final = 60
"""Flights that leave in fewer minutes than this are no longer sold."""
LONGEST_SHARE: Final = {"GET": 1.8, "POST": 2.4}
"""A journey is for sale if it takes at most this share of the fastest one; POST looks further than GET."""
LONGEST_EXTRA: Final = 6 * 60
"""Or if it takes at most so many minutes longer."""
MOST_STOPS: Final = 2

COMBINED_FACTOR: Final = 0.88
"""What each direction of a ticket for several costs over the same flight one way."""

_ORDER: Final = {cabin: rank for rank, cabin in enumerate(TravelClass)}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request asks of each direction, wherever that leads.

    `by_segment` counts flights where otherwise minutes count, when a cabin is wanted for the most of them.
    `longest_share` is how slow a journey may be, as a share of the fastest one.
    """

    cabin: TravelClass = TravelClass.ECONOMY
    most_stops: int = MOST_STOPS
    included: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    by_segment: bool = False
    longest_share: float = LONGEST_SHARE["GET"]


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """How a journey is flown in the cabin asked for, whatever the day: what does not change with the clock.

    `comfort` is what the cabins cost over economy; `taxes` are EUR for one adult.
    """

    cabins: tuple[TravelClass, ...]
    comfort: float
    brands: tuple[Brand, ...]
    taxes: float


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """One direction as it can be bought: the journey, its day, the cabins, the brand, the price.

    `base` and `taxes` are EUR for one adult, one way. `departs` and `arrives` are minutes of UTC.
    """

    journey: Journey
    day: date
    fit: Fit
    brand: Brand
    quote: Quote
    base: float
    departs: int
    arrives: int

    @property
    def cost(self) -> float:
        """EUR that it adds, for one adult, to a ticket for several directions."""
        return COMBINED_FACTOR * self.base + self.fit.taxes


def wish_of(request: FlightRequest) -> Wish:
    """What the request asks of each of its legs."""
    if isinstance(request, FlightSearch):
        most_stops = 0 if request.non_stop else MOST_STOPS
    else:
        most_stops = MOST_STOPS if request.max_connections is None else request.max_connections
    return Wish(
        cabin=request.travel_class or TravelClass.ECONOMY,
        most_stops=most_stops,
        included=frozenset(request.included_airlines),
        excluded=frozenset(request.excluded_airlines),
        by_segment=request.verb == "POST",
        longest_share=LONGEST_SHARE[request.verb],
    )


def choices(wish: Wish, leg: Leg, seats: int, *, seed: int, now: float) -> Iterator[Choice]:
    """What can be bought on one leg for so many seated travelers at `now`, minutes of UTC."""
    first = first_minute(leg.date, now)
    for journey, fitted in fitting(wish, leg.origin, leg.destination, leg.date):
        if journey.departs < first:
            continue
        priced = quote(seed, journey, leg.date, now)
        if priced.seats >= seats:
            yield make_choice(journey, leg.date, fitted, priced)


def first_minute(day: date, now: float) -> float:
    """What `Journey.departs` must reach for the journey of that day to be for sale still."""
    return now + LAST_CALL - day.toordinal() * DAY_MINUTES


def fitting(wish: Wish, origin: str, destination: str, day: date) -> tuple[tuple[Journey, Fit], ...]:
    """The day's journeys between two places, those far slower than the fastest left out, as is wished."""
    ordinal = day.toordinal()
    timetables = tuple(
        journeys(start, end, ordinal) for start, end in product(locate(origin), locate(destination))
    )
    return _fitting(wish, timetables)


@lru_cache(maxsize=256)
def _fitting(wish: Wish, timetables: tuple[tuple[Journey, ...], ...]) -> tuple[tuple[Journey, Fit], ...]:
    found = [journey for timetable in timetables for journey in timetable]
    fastest = min((journey.minutes for journey in found), default=0)
    slowest = max(fastest * wish.longest_share, fastest + LONGEST_EXTRA)
    return tuple(
        (journey, fitted)
        for journey in found
        if journey.minutes <= slowest
        and _is_wanted(journey, wish)
        and (fitted := fit(journey, wish.cabin, by_segment=wish.by_segment))
    )


def _is_wanted(journey: Journey, wish: Wish) -> bool:
    """Airlines are those that sell the flights, whoever flies them."""
    if journey.stops > wish.most_stops:
        return False
    airlines = {flight.carrier.code for flight in journey.flights}
    if wish.included and not airlines <= wish.included:
        return False
    return airlines.isdisjoint(wish.excluded)


@lru_cache(maxsize=2**14)
def fit(journey: Journey, wanted: TravelClass, *, by_segment: bool) -> Fit | None:
    """How a traveler who wants this cabin flies; None if most of the way is in a lower one."""
    cabins = tuple(cabin_on(flight, wanted) for flight in journey.flights)
    weights = [1 if by_segment else flight.route.minutes for flight in journey.flights]
    good = sum(
        weight for weight, cabin in zip(weights, cabins, strict=True) if _ORDER[cabin] >= _ORDER[wanted]
    )
    return fit_in(journey, cabins) if 2 * good > sum(weights) else None


def fit_in(journey: Journey, cabins: tuple[TravelClass, ...]) -> Fit:
    """How the journey is flown in these cabins, one for each flight."""
    minutes = [flight.route.minutes for flight in journey.flights]
    comfort = sum(CABIN_FACTORS[cabin] * spent for cabin, spent in zip(cabins, minutes, strict=True))
    longest = cabins[minutes.index(max(minutes))]
    return Fit(
        cabins=cabins,
        comfort=comfort / sum(minutes),
        brands=available_brands(journey.seller, longest),
        taxes=sum(levies(journey).values()),
    )


def make_choice(journey: Journey, day: date, fitted: Fit, priced: Quote, least: int = 0) -> Choice:
    """The journey at the lowest brand that is still for sale, `fitted.brands[least]` or a better one."""
    # The lowest brands sell out first; two thirds of all fares still have the very lowest.
    lowest = int(max(0.0, priced.brand_chance - 0.5) * 6)
    brand = fitted.brands[min(max(lowest, least), len(fitted.brands) - 1)]
    departs = day.toordinal() * DAY_MINUTES + journey.departs
    return Choice(
        journey=journey,
        day=day,
        fit=fitted,
        brand=brand,
        quote=priced,
        base=priced.base * fitted.comfort * brand.factor,
        departs=departs,
        arrives=departs + journey.minutes,
    )

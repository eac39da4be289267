"""What is for sale: journeys in the cabin asked for, paired into trips and priced for each traveler."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Final

from cachekit.amadeus.params import FlightSearch, TravelClass
from cachekit.amadeus.sandbox.airports import Airport, locate
from cachekit.amadeus.sandbox.brands import CABIN_FACTORS, Brand, available_brands, cabin_on
from cachekit.amadeus.sandbox.carriers import CARRIERS, sell_together
from cachekit.amadeus.sandbox.money import convert
from cachekit.amadeus.sandbox.pricing import Quote, quote
from cachekit.amadeus.sandbox.schedule import Journey, journeys

__all__ = ["Choice", "Traveler", "Trip", "find_trips"]

LAST_CALL: Final = timedelta(hours=1)
"""Flights that leave sooner than this are no longer sold."""
SHORTEST_STAY: Final = timedelta(hours=3)
"""Between landing and the flight back."""
LONGEST_SHARE: Final = 1.8
LONGEST_EXTRA: Final = timedelta(hours=6)
"""A journey is for sale if it takes at most this share of the fastest one, or this much longer."""
ROUND_TRIP_FACTOR: Final = 0.88
"""What each direction of a round trip costs over the same flight one way."""
CHOICES_PER_AIRLINE: Final = 10
"""Journeys of one direction that an airline combines into round trips, the cheapest ones."""

CHILD_SHARE: Final = 0.75
INFANT_SHARE: Final = 0.10
AIRPORT_TAX: Final = 14.0
ABROAD_TAX: Final = 24.0
"""EUR for each flight, and for each direction that leaves the country; infants pay neither."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One direction as it can be bought: the journey, the cabin of each flight, the brand, the price.

    `base` and `taxes` are EUR for one adult, one way.
    """

    journey: Journey
    cabins: tuple[TravelClass, ...]
    brand: Brand
    quote: Quote
    base: float
    taxes: float


@dataclass(frozen=True, slots=True)
class Traveler:
    """One traveler: his type, and the exact amounts he pays. An infant's `adult` is whose lap it sits on."""

    id: str
    kind: str
    base: Decimal
    taxes: Decimal
    adult: str | None = None


@dataclass(frozen=True, slots=True)
class Trip:
    """What one offer sells: one direction or two, and what each traveler pays."""

    choices: tuple[Choice, ...]
    travelers: tuple[Traveler, ...]
    total: Decimal


def find_trips(request: FlightSearch, currency: str, *, seed: int, now: datetime) -> list[Trip]:
    """The trips for sale at `now` (aware), in ascending price, at most `request.max_results`."""
    factor = 1.0 if request.return_date is None else ROUND_TRIP_FACTOR
    trips = []
    for choices in _combinations(request, seed, now):
        travelers = tuple(_travelers(request, choices, currency, factor))
        adult = travelers[0]
        if request.max_price is not None and adult.base + adult.taxes > request.max_price:
            continue
        total = sum((traveler.base + traveler.taxes for traveler in travelers), Decimal(0))
        trips.append(Trip(choices, travelers, total))
    trips.sort(key=lambda trip: (trip.total, _fastest_first(trip.choices)))
    return trips[: request.max_results]


def _fastest_first(choices: Sequence[Choice]) -> tuple[timedelta, list[str]]:
    journeys_ = [choice.journey for choice in choices]
    duration = sum((journey.duration for journey in journeys_), timedelta())
    return duration, [journey.designator for journey in journeys_]


def _combinations(request: FlightSearch, seed: int, now: datetime) -> Iterator[tuple[Choice, ...]]:
    """One-way journeys, or pairs of them that are sold on one ticket."""
    out = list(_choices(request, seed, now, back=False))
    if request.return_date is None:
        yield from ((choice,) for choice in out)
        return
    back = _by_airline(list(_choices(request, seed, now, back=True)))
    for airline, outward in _by_airline(out).items():
        for other, homeward in back.items():
            if not sell_together(CARRIERS[airline], CARRIERS[other]):
                continue
            most = CHOICES_PER_AIRLINE if airline == other else 1
            for pair in product(outward[:most], homeward[:most]):
                if _stays(*pair):
                    yield pair


def _stays(out: Choice, back: Choice) -> bool:
    landing = out.journey.flights[-1].arrives_utc
    return back.journey.flights[0].departs_utc >= landing + SHORTEST_STAY


def _by_airline(choices: list[Choice]) -> dict[str, list[Choice]]:
    choices.sort(key=lambda choice: (choice.base + choice.taxes, choice.journey.designator))
    groups: dict[str, list[Choice]] = {}
    for choice in choices:
        groups.setdefault(choice.journey.main_carrier.code, []).append(choice)
    return groups


def _choices(request: FlightSearch, seed: int, now: datetime, *, back: bool) -> Iterator[Choice]:
    """What can be bought in one direction, in the cabin asked for."""
    origins, destinations = locate(request.origin), locate(request.destination)
    day = request.departure_date
    if back:
        origins, destinations, day = destinations, origins, request.return_date or day
    wanted = request.travel_class or TravelClass.ECONOMY
    for journey in _bearable(origins, destinations, day):
        if journey.flights[0].departs_utc < now + LAST_CALL or not _is_wanted(journey, request):
            continue
        cabins = tuple(cabin_on(flight, wanted) for flight in journey.flights)
        if not _mostly_in(journey, cabins, wanted):
            continue
        priced = quote(seed, journey, now)
        if priced.seats < request.adults + request.children:
            continue
        yield _choice(journey, cabins, priced)


def _bearable(origins: Sequence[Airport], destinations: Sequence[Airport], day: date) -> list[Journey]:
    """The day's journeys between any two of the airports, without those far slower than the fastest."""
    found = [
        journey
        for origin, destination in product(origins, destinations)
        for journey in journeys(origin, destination, day)
    ]
    if not found:
        return []
    fastest = min(journey.duration for journey in found)
    slowest = max(fastest * LONGEST_SHARE, fastest + LONGEST_EXTRA)
    return [journey for journey in found if journey.duration <= slowest]


def _is_wanted(journey: Journey, request: FlightSearch) -> bool:
    if request.non_stop and journey.stops:
        return False
    airlines = {flight.route.carrier.code for flight in journey.flights}
    if request.included_airlines and not airlines <= set(request.included_airlines):
        return False
    return airlines.isdisjoint(request.excluded_airlines)


def _mostly_in(journey: Journey, cabins: Sequence[TravelClass], wanted: TravelClass) -> bool:
    """Whether more than half of the flight time is spent in the cabin wanted or a better one."""
    order = tuple(TravelClass)
    minutes = [flight.route.minutes for flight in journey.flights]
    good = sum(
        spent
        for spent, cabin in zip(minutes, cabins, strict=True)
        if order.index(cabin) >= order.index(wanted)
    )
    return 2 * good > sum(minutes)


def _choice(journey: Journey, cabins: tuple[TravelClass, ...], priced: Quote) -> Choice:
    minutes = [flight.route.minutes for flight in journey.flights]
    comfort = sum(CABIN_FACTORS[cabin] * spent for cabin, spent in zip(cabins, minutes, strict=True)) / sum(
        minutes
    )
    longest = cabins[minutes.index(max(minutes))]
    brands = available_brands(journey.main_carrier, longest)
    # The lowest brands sell out first; two thirds of all fares still have the very lowest.
    brand = brands[min(int(max(0.0, priced.brand_chance - 0.5) * 6), len(brands) - 1)]
    abroad = journey.origin.country != journey.destination.country
    taxes = AIRPORT_TAX * len(journey.flights) + ABROAD_TAX * abroad
    return Choice(journey, cabins, brand, priced, priced.base * comfort * brand.factor, taxes)


def _travelers(
    request: FlightSearch, choices: Sequence[Choice], currency: str, factor: float
) -> Iterator[Traveler]:
    base = sum(choice.base for choice in choices) * factor
    taxes = convert(sum(choice.taxes for choice in choices), currency)
    for number in range(1, request.adults + request.children + request.infants + 1):
        if number <= request.adults:
            yield Traveler(str(number), "ADULT", convert(base, currency), taxes)
        elif number <= request.adults + request.children:
            yield Traveler(str(number), "CHILD", convert(base * CHILD_SHARE, currency), taxes)
        else:
            lap = str(number - request.adults - request.children)
            share = convert(base * INFANT_SHARE, currency)
            yield Traveler(str(number), "HELD_INFANT", share, Decimal(0), lap)

"""The lowest total of each day: what a search for it would find first, without finding the rest.

A fare has a lowest level that no change takes it below, so fares are quoted in the order of these levels
and only as far as one can still matter; what has been quoted serves all directions and durations.
"""

from dataclasses import dataclass
from datetime import date
from heapq import heappop, heappush
from math import inf
from typing import Final

from cachekit.amadeus.params import Leg
from cachekit.amadeus.sandbox.inventory.carriers import Carrier, sell_together
from cachekit.amadeus.sandbox.inventory.choices import (
    COMBINED_FACTOR,
    Choice,
    Fit,
    Wish,
    first_minute,
    fitting,
    make_choice,
)
from cachekit.amadeus.sandbox.inventory.combinations import choices_per_airline, stays
from cachekit.amadeus.sandbox.inventory.money import DEFAULT_CURRENCY
from cachekit.amadeus.sandbox.inventory.pricing import CHEAPEST_LEVEL, quote, usual_fare
from cachekit.amadeus.sandbox.inventory.schedule import Journey
from cachekit.amadeus.sandbox.inventory.trips import adult_total

__all__ = ["FareCalendar"]

ROUNDING: Final = 0.02
"""Euros by which rounding can move one total against another."""
_CAUTION: Final = 1e-9
"""For the last digits of a product, which depend on the order of its factors."""


_Unquoted = tuple[float, str, Journey, Fit]
"""A journey, with the least it can cost in euros and its name to sort it by."""


@dataclass(frozen=True, slots=True)
class _Moment:
    """Whose fares, when, and at what share of them a direction is sold."""

    seed: int
    now: float
    factor: float


class _Fares:
    """An airline's choices of one day, cheapest first; quoted as far as they are looked at.

    `floor` is what its cheapest choice cannot cost less than, in euros; `least` is the same until that
    choice is known, and then what it costs.
    """

    def __init__(self, airline: Carrier, day: date, moment: _Moment, unquoted: list[_Unquoted]) -> None:
        self.airline = airline
        self.floor = self.least = min(floor for floor, *_ in unquoted)
        self._day = day
        self._moment = moment
        self._unquoted = unquoted
        self._quoted: list[tuple[float, str, int, Choice]] = []
        self._sorted: list[tuple[float, Choice]] = []

    def nth(self, index: int) -> tuple[float, Choice] | None:
        """A choice and what it costs; None where there are not so many."""
        if not self._sorted:
            self._unquoted.sort(key=_floor_and_name, reverse=True)
        while len(self._sorted) <= index:
            while self._unquoted and (not self._quoted or self._unquoted[-1][0] <= self._quoted[0][0]):
                self._quote()
            if not self._quoted:
                return None
            cost, *_, choice = heappop(self._quoted)
            self._sorted.append((cost, choice))
            self.least = self._sorted[0][0]
        return self._sorted[index]

    def _quote(self) -> None:
        _, name, journey, fitted = self._unquoted.pop()
        moment = self._moment
        choice = make_choice(journey, self._day, fitted, quote(moment.seed, journey, self._day, moment.now))
        cost = moment.factor * choice.base + fitted.taxes
        # The count left keeps two of one cost and name from being compared any further.
        heappush(self._quoted, (cost, name, len(self._unquoted), choice))


class FareCalendar:
    """The lowest totals for one adult at one moment, one way or there and back, in hundredths of a euro.

    `now` is in minutes of UTC.
    """

    def __init__(self, wish: Wish, *, one_way: bool, seed: int, now: float) -> None:
        self._wish = wish
        self._moment = _Moment(seed, now, 1.0 if one_way else COMBINED_FACTOR)
        self._days: dict[Leg, list[_Fares]] = {}

    def one_way(self, leg: Leg) -> int | None:
        """The lowest total of a day; None if nothing is for sale."""
        lowest = _Lowest()
        for fares in self._fares(leg):
            index = 0
            while fares.floor <= lowest.limit and (found := fares.nth(index)) and found[0] <= lowest.limit:
                lowest.add(found[0], (found[1],))
                index += 1
        return lowest.total

    def round_trip(self, out: Leg, back: Leg) -> int | None:
        """The lowest total there and back; None if nothing is for sale."""
        lowest = _Lowest()
        homeward = self._fares(back)
        for there in self._fares(out):
            for home in homeward:
                if there.floor + home.floor > lowest.limit:
                    break
                if there.least + home.least > lowest.limit:
                    continue
                if there.airline is home.airline:
                    _pair(there, home, choices_per_airline(2), lowest)
                elif sell_together(there.airline, home.airline):
                    _pair(there, home, 1, lowest)
        return lowest.total

    def _fares(self, leg: Leg) -> list[_Fares]:
        """What each airline sells on a day; the one that may be cheapest first."""
        known = self._days.get(leg)
        if known is None:
            known = self._days[leg] = self._read(leg)
        return known

    def _read(self, leg: Leg) -> list[_Fares]:
        groups: dict[Carrier, list[_Unquoted]] = {}
        first = first_minute(leg.date, self._moment.now)
        for journey, fitted in fitting(self._wish, leg.origin, leg.destination, leg.date):
            if journey.departs >= first:
                fare = usual_fare(self._moment.seed, journey, leg.date) * fitted.comfort
                base = CHEAPEST_LEVEL * fare * fitted.brands[0].factor
                least = (1 - _CAUTION) * (self._moment.factor * base + fitted.taxes)
                groups.setdefault(journey.seller, []).append((least, journey.name, journey, fitted))
        found = [_Fares(airline, leg.date, self._moment, group) for airline, group in groups.items()]
        return sorted(found, key=lambda fares: fares.floor)


def _floor_and_name(unquoted: _Unquoted) -> tuple[float, str]:
    return unquoted[:2]


class _Lowest:
    """The lowest total so far. Whatever costs more than `limit` euros cannot be lower."""

    def __init__(self) -> None:
        self.total: int | None = None
        self.limit = inf

    def add(self, cost: float, bought: tuple[Choice, ...]) -> None:
        """Take note of a trip that costs about so many euros."""
        total = adult_total(bought, DEFAULT_CURRENCY)
        self.total = total if self.total is None else min(total, self.total)
        self.limit = min(self.limit, cost + ROUNDING)


def _pair(there: _Fares, home: _Fares, most: int, lowest: _Lowest) -> None:
    """Take note of the trips out of the first `most` choices of both that can be the lowest."""
    for first in range(most):
        out = there.nth(first)
        if out is None or out[0] + home.least > lowest.limit:
            return
        for second in range(most):
            back = home.nth(second)
            if back is None or out[0] + back[0] > lowest.limit:
                break
            if stays(out[1], back[1]):
                lowest.add(out[0] + back[0], (out[1], back[1]))

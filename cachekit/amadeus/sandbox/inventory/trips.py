"""What one offer sells: choices of one direction or more, and what each traveler pays for them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cachekit.amadeus.params import FlightRequest
from cachekit.amadeus.sandbox.inventory.choices import COMBINED_FACTOR, Choice, choices, wish_of
from cachekit.amadeus.sandbox.inventory.combinations import combine
from cachekit.amadeus.sandbox.inventory.money import convert, smallest_payable
from cachekit.amadeus.sandbox.inventory.zones import minutes_of

__all__ = ["Party", "Traveler", "Trip", "adult_total", "find_trips", "make_trip"]

CHILD_SHARE: Final = 0.75
INFANT_SHARE: Final = 0.10
"""Of an adult's fare. Children pay all taxes, infants none."""


@dataclass(frozen=True, slots=True)
class Party:
    """Who travels: one (id, type, id of the adult whose lap it sits on) for each traveler."""

    members: tuple[tuple[str, str, str | None], ...]

    @classmethod
    def of(cls, request: FlightRequest) -> "Party":
        """Adults, then children, then infants, numbered from "1" on, one infant on each adult's lap."""
        kinds = ["ADULT"] * request.adults + ["CHILD"] * request.children
        members = [(str(number), kind, None) for number, kind in enumerate(kinds, 1)]
        laps = range(1, request.infants + 1)
        return cls((*members, *((str(len(kinds) + lap), "HELD_INFANT", str(lap)) for lap in laps)))

    @property
    def seated(self) -> int:
        """Travelers with a seat of their own."""
        return sum(adult is None for _, _, adult in self.members)

    def cost(self, base: float, taxes: float) -> float:
        """About what all of them pay, from an adult's fare and taxes."""
        return sum(base * _share(kind) + taxes * (kind != "HELD_INFANT") for _, kind, _ in self.members)


@dataclass(frozen=True, slots=True)
class Traveler:
    """One traveler and the exact amounts he pays, in hundredths of the currency's unit.

    An infant's `adult` is whose lap it sits on.
    """

    id: str
    kind: str
    base: int
    taxes: int
    adult: str | None = None


@dataclass(frozen=True, slots=True)
class Trip:
    """What one offer sells, and the exact amounts in hundredths of the currency's unit."""

    choices: tuple[Choice, ...]
    travelers: tuple[Traveler, ...]
    total: int


def find_trips(request: FlightRequest, currency: str, *, seed: int, now: datetime) -> list[Trip]:
    """The trips for sale at `now` (aware), in ascending price, at most `request.max_results`."""
    party, wish, minute = Party.of(request), wish_of(request), minutes_of(now)
    legs = [list(choices(wish, leg, party.seated, seed=seed, now=minute)) for leg in request.legs]
    trips = _cheapest(combine(legs), party, currency, request.max_price, request.max_results)
    trips.sort(key=lambda trip: (trip.total, *_fastest_first(trip.choices)))
    return trips[: request.max_results]


def _cheapest(
    combinations: Iterator[tuple[Choice, ...]],
    party: Party,
    currency: str,
    max_price: int | None,
    most: int,
) -> list[Trip]:
    """At least the `most` cheapest trips that are not too dear, if there are as many.

    Exact amounts are worked out for them alone: the others are further off than rounding can carry them.
    """
    about = sorted(((_about(party, found), found) for found in combinations), key=lambda pair: pair[0])
    slack = 2 * len(party.members) * smallest_payable(currency)
    trips: list[Trip] = []
    limit = float("inf")
    for cost, found in about:
        if cost > limit:
            break
        trip = make_trip(found, party, currency)
        adult = trip.travelers[0]
        if max_price is None or adult.base + adult.taxes <= 100 * max_price:
            trips.append(trip)
            if len(trips) == most:
                limit = cost + slack
    return trips


def make_trip(bought: tuple[Choice, ...], party: Party, currency: str) -> Trip:
    """What the party pays for these choices on one ticket."""
    base, taxes = _fare(bought)
    travelers = tuple(
        Traveler(
            id=name,
            kind=kind,
            base=convert(base * _share(kind), currency),
            taxes=0 if kind == "HELD_INFANT" else convert(taxes, currency),
            adult=adult,
        )
        for name, kind, adult in party.members
    )
    return Trip(bought, travelers, sum(traveler.base + traveler.taxes for traveler in travelers))


def adult_total(bought: tuple[Choice, ...], currency: str) -> int:
    """What one adult pays for these choices on one ticket, in hundredths of the currency's unit."""
    base, taxes = _fare(bought)
    return convert(base, currency) + convert(taxes, currency)


def _about(party: Party, bought: Sequence[Choice]) -> float:
    return party.cost(*_fare(bought))


def _fare(bought: Sequence[Choice]) -> tuple[float, float]:
    """EUR that an adult pays for all directions, and the taxes on them."""
    factor = 1.0 if len(bought) == 1 else COMBINED_FACTOR
    return sum(choice.base for choice in bought) * factor, sum(choice.fit.taxes for choice in bought)


def _share(kind: str) -> float:
    return {"CHILD": CHILD_SHARE, "HELD_INFANT": INFANT_SHARE}.get(kind, 1.0)


def _fastest_first(bought: Sequence[Choice]) -> tuple[int, list[str]]:
    return sum(choice.journey.minutes for choice in bought), [choice.journey.name for choice in bought]

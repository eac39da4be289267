"""Directions that one ticket sells together: a round trip, or a journey of several legs."""

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from typing import Final

from cachekit.amadeus.sandbox.inventory.carriers import sell_together
from cachekit.amadeus.sandbox.inventory.choices import Choice

__all__ = ["SHORTEST_STAY", "by_airline", "choices_per_airline", "combine", "stays"]

SHORTEST_STAY: Final = 3 * 60
"""Minutes between landing and the next leg's departure."""
CHOICES_PER_AIRLINE: Final = {2: 10, 3: 6, 4: 4, 5: 3, 6: 3}
"""Choices of each leg that an airline combines with its own on the others, by the number of legs."""
MOST_UNFINISHED: Final = 500
"""Combinations of several airlines that are carried on to the next leg, the cheapest ones."""

Combination = tuple[Choice, ...]


def combine(legs: Sequence[Sequence[Choice]]) -> Iterator[Combination]:
    """What is sold on one ticket: of a single leg everything.

    Of more legs, the cheapest choices of one airline in any combination, and the cheapest one of each
    airline with those of its partners.
    """
    if len(legs) == 1:
        yield from ((choice,) for choice in legs[0])
        return
    groups = [by_airline(leg) for leg in legs]
    yield from _of_one_airline(groups)
    yield from _of_partners(groups)


def choices_per_airline(legs: int) -> int:
    """How many of an airline's choices are combined with its own on other legs."""
    return CHOICES_PER_AIRLINE[legs]


def by_airline(choices: Sequence[Choice]) -> dict[str, list[Choice]]:
    """The choices by the airline that sells them, cheapest first."""
    groups: dict[str, list[Choice]] = {}
    for choice in sorted(choices, key=lambda choice: (choice.cost, choice.journey.name)):
        groups.setdefault(choice.journey.seller.code, []).append(choice)
    return groups


def stays(one: Choice, other: Choice) -> bool:
    """Whether there is time between landing and the next leg."""
    return other.departs >= one.arrives + SHORTEST_STAY


def _of_one_airline(groups: Sequence[dict[str, list[Choice]]]) -> Iterator[Combination]:
    most = CHOICES_PER_AIRLINE[len(groups)]
    for airline in groups[0]:
        for combination in product(*(group.get(airline, [])[:most] for group in groups)):
            if all(stays(one, other) for one, other in pairwise(combination)):
                yield combination


def _of_partners(groups: Sequence[dict[str, list[Choice]]]) -> Iterator[Combination]:
    first, *others = ([choices[0] for choices in group.values()] for group in groups)
    unfinished: list[Combination] = [(choice,) for choice in first]
    for cheapest in others:
        unfinished.sort(key=lambda combination: sum(choice.cost for choice in combination))
        unfinished = [
            (*combination, choice)
            for combination in unfinished[:MOST_UNFINISHED]
            for choice in cheapest
            if stays(combination[-1], choice) and all(_partners(choice, earlier) for earlier in combination)
        ]
    for combination in unfinished:
        if len({choice.journey.seller.code for choice in combination}) > 1:
            yield combination


def _partners(one: Choice, other: Choice) -> bool:
    return sell_together(one.journey.seller, other.journey.seller)

"""What one instance has counted in one minute and not yet written to Redis."""

import re
from collections import Counter
from decimal import Decimal
from typing import Final

MOST_ROUTES: Final = 200
"""Routes told apart in one minute, in an instance and in Redis; further ones count as `other`."""

OTHER: Final = "other"

MICRO: Final = 1_000_000
"""Costs are kept in millionths of the currency's unit: Redis adds whole numbers exactly."""

_ROUTE: Final = re.compile(r"[A-Z0-9-]{1,15}")


class Tally:
    """Numbers by field, and who was active.

    | field                                    | counts                                            |
    |------------------------------------------|---------------------------------------------------|
    | `searches`, `cached`                     | searches, and those that needed no upstream call  |
    | `answers`, `tokens`, `cost`              | answers, their tokens and their cost in millionths |
    | `r:{route}`, `c:{route}`                 | searches and cached ones of a route               |
    """

    __slots__ = ("_cost", "numbers", "routes", "users")

    def __init__(self) -> None:
        self.numbers: Counter[str] = Counter()
        self.routes: set[str] = set()
        self.users: set[bytes] = set()
        self._cost = Decimal(0)

    def searched(self, route: str, *, cached: bool) -> None:
        """Count a search of `route`, such as `GRU-LIS`."""
        if not _ROUTE.fullmatch(route) or (route not in self.routes and len(self.routes) >= MOST_ROUTES):
            route = OTHER
        self.routes.add(route)
        self.numbers["searches"] += 1
        self.numbers[f"r:{route}"] += 1
        if cached:
            self.numbers["cached"] += 1
            self.numbers[f"c:{route}"] += 1

    def answered(self, tokens: int, cost: Decimal) -> None:
        """Count an answer."""
        self.numbers["answers"] += 1
        self.numbers["tokens"] += tokens
        self._cost += cost
        self.numbers["cost"] = round(self._cost * MICRO)

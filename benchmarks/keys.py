"""A key of eight params: the canonical digest against what people write by hand.

python benchmarks/keys.py
"""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable

from measure import Contender, compare

from cachekit.core.keys import KeySpace

PARAMS = {
    "originLocationCode": "GRU",
    "destinationLocationCode": "LIS",
    "departureDate": "2026-12-12",
    "adults": 1,
    "children": 0,
    "infants": 0,
    "nonStop": False,
    "max": 50,
}
WITH_LIST = {**PARAMS, "includedAirlineCodes": ["TP", "LA"]}
SPACE = KeySpace("amadeus_cache")


def repeated(once: Callable[[], object]) -> Callable[[int], Awaitable[None]]:
    """`run(n)` that calls a plain function n times."""

    async def run(count: int) -> None:
        for _ in range(count):
            once()

    return run


def by_hand() -> str:
    """Sorted JSON and SHA-256, as in most code bases."""
    digest = hashlib.sha256(json.dumps(PARAMS, sort_keys=True).encode()).hexdigest()
    return f"amadeus_cache:flights:search:{digest}"


async def main() -> None:
    """Print the table."""
    contenders = [
        Contender("json.dumps(sort_keys) + sha256", repeated(by_hand)),
        Contender("cachekit key()", repeated(lambda: SPACE.key("flights:search", PARAMS))),
        Contender("cachekit key(), with a list", repeated(lambda: SPACE.key("x", WITH_LIST))),
    ]
    await compare("key of 8 params", contenders, count=20_000)


if __name__ == "__main__":
    asyncio.run(main())

"""A key of eight params: the canonical digest against what people write by hand."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import orjson
from cashews.formatter import default_format

from benchmarks.measure import Contender, compare
from benchmarks.report import Target, at_least
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
BY_HAND = "json.dumps(sort_keys) + sha256"
OURS = "cachekit key()"


async def run(*, quick: bool) -> list[Target]:
    """Print the table."""
    template = "flights:search:" + ":".join(f"{{{name}}}" for name in PARAMS)
    contenders = [
        _repeated(BY_HAND, _by_hand),
        _repeated("orjson(sorted) + sha256, types not told apart", _by_orjson),
        _repeated("cashews template", lambda: default_format(template, **PARAMS)),
        _repeated(OURS, lambda: SPACE.key("flights:search", PARAMS)),
        _repeated("cachekit key(), with a list", lambda: SPACE.key("x", WITH_LIST)),
    ]
    result = await compare(contenders, rounds=9 if quick else 31, seconds=0.04)
    result.show("Key of 8 params")
    return [at_least("key of 8 params: x json.dumps + sha256", result.ratio(OURS, BY_HAND), 4)]


def _by_hand() -> str:
    """Sorted JSON and SHA-256, as in most code bases."""
    digest = hashlib.sha256(json.dumps(PARAMS, sort_keys=True).encode()).hexdigest()
    return f"amadeus_cache:flights:search:{digest}"


def _by_orjson() -> str:
    digest = hashlib.sha256(orjson.dumps(PARAMS, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return f"amadeus_cache:flights:search:{digest}"


def _repeated(name: str, once: Callable[[], Any]) -> Contender:
    first = once()

    async def run(count: int) -> None:
        for _ in range(count):
            once()

    async def check() -> None:
        if once() != first:
            raise AssertionError(f"{name}: the key is not the same each time")

    return Contender(name, run, check)

"""A hit in this process: the near store against a plain dict and what others keep in memory.

A near hit has to be coherent with Redis, which of the others only cashews' client-side cache attempts; the
dict and the two TTL caches are what it would cost to be neither coherent nor safe from the caller's changes.
"""

import asyncio
from functools import partial
from typing import Any

import cachebox
import cachetools

import cachekit
from benchmarks.measure import callers, compare
from benchmarks.peers import open_cashews
from benchmarks.report import Target, at_least
from benchmarks.servers import private_server
from benchmarks.values import SMALL, SMALL_TYPED, Quote

UNTYPED = "cachekit near hit, untyped"
TYPED = "cachekit near hit, typed frozen struct"
DICT = "dict in an async def"
_NEAR_DEADLINE = 5.0


async def run(*, quick: bool) -> list[Target]:
    """Print the table."""
    with private_server() as port:
        async with (
            open_cashews(port, client_side=True) as cashews,
            cachekit.connect(f"redis://127.0.0.1:{port}", app="bench") as cache,
        ):
            untyped = cache.namespace("untyped", cachekit.Policy(ttl=3600))
            typed = cache.namespace("typed", cachekit.Policy(ttl=3600), type=Quote)
            await cashews.set("value", SMALL)
            contenders = [
                callers(DICT, [partial(_in_dict({"value": SMALL}), "value")], SMALL),
                callers(cashews.name, [partial(cashews.get, "value")], SMALL),
                callers("cachebox TTLCache", [partial(_in_dict(_cachebox()), "value")], SMALL),
                callers("cachetools TTLCache", [partial(_in_dict(_cachetools()), "value")], SMALL),
            ]
            for name, namespace, value in ((UNTYPED, untyped, SMALL), (TYPED, typed, SMALL_TYPED)):
                key = namespace.key("value", {"size": 200})
                await namespace.set(key, value)
                await wait_until_near(namespace, key)
                contenders.append(callers(name, [partial(namespace.get, key)], value))
            result = await compare(contenders, rounds=9 if quick else 31, seconds=0.04)
    result.show("Near hit, 200 B, 1 caller")
    return [
        at_least("near hit, untyped: x cashews client-side", result.ratio(UNTYPED, cashews.name), 8),
        at_least("near hit, typed: x cashews client-side", result.ratio(TYPED, cashews.name), 8),
        at_least("near hit, untyped: x dict in an async def", result.ratio(UNTYPED, DICT), 0.2),
        at_least("near hit, typed: x dict in an async def", result.ratio(TYPED, DICT), 0.2),
    ]


async def wait_until_near(namespace: cachekit.Namespace, key: str) -> None:
    """Read `key` until the near store serves it; raises TimeoutError if it does not within 5 s."""
    async with asyncio.timeout(_NEAR_DEADLINE):
        while True:
            entry = await namespace.get_entry(key)
            if entry is not None and entry.source == "near":
                return
            await asyncio.sleep(0.01)


def _in_dict(table: Any) -> Any:
    async def look_up(key: str) -> Any:
        return table[key]

    return look_up


def _cachebox() -> Any:
    table: cachebox.TTLCache[str, Any] = cachebox.TTLCache(1000, global_ttl=3600)
    table["value"] = SMALL
    return table


def _cachetools() -> Any:
    table: cachetools.TTLCache[str, Any] = cachetools.TTLCache(1000, ttl=3600)
    table["value"] = SMALL
    return table

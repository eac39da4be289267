"""A miss: look, load, store. The load costs nothing here, so what is timed is the cache's own share."""

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import orjson

import cachekit
from benchmarks.measure import Contender, callers, compare
from benchmarks.peers import TTL, Peer, open_aiocache, open_cashews, open_raw
from benchmarks.report import Target, at_least
from benchmarks.servers import private_server
from benchmarks.values import SMALL

CALLERS = 64
OURS = "cachekit get_or_set()"
OURS_WITHOUT_NEAR = "cachekit get_or_set(), near=0"
RAW = "redis-py GET + SET + orjson.dumps"


async def run(*, quick: bool) -> list[Target]:
    """Print the table."""
    with private_server() as port:
        async with (
            open_raw(port) as raw,
            open_cashews(port) as cashews,
            open_aiocache(port) as aiocache,
            cachekit.connect(f"redis://127.0.0.1:{port}", app="bench") as cache,
        ):

            async def raw_miss(number: int) -> Any:
                key = f"raw:{number}"
                if await raw.get(key) is None:
                    value = await _load()
                    await raw.set(key, orjson.dumps(value), ex=TTL)
                return value

            contenders = [
                _misses(RAW, raw_miss),
                _misses("cashews get() + set(), unprotected", _unprotected(cashews)),
                _misses("aiocache get() + set(), unprotected", _unprotected(aiocache)),
                _misses(OURS, _ours(cache.namespace("near", cachekit.Policy(ttl=TTL)))),
                _misses(OURS_WITHOUT_NEAR, _ours(cache.namespace("far", cachekit.Policy(ttl=TTL, near=0)))),
            ]
            result = await compare(contenders, rounds=7 if quick else 21)
    result.show(f"Miss, 200 B, {CALLERS} callers, every key new")
    return [
        at_least("miss, 64 callers: x raw GET + SET", result.ratio(OURS, RAW), 1),
        at_least("miss, 64 callers, near=0: x raw GET + SET", result.ratio(OURS_WITHOUT_NEAR, RAW), 1),
    ]


async def _load() -> dict[str, Any]:
    return SMALL


def _misses(name: str, miss: Callable[[int], Awaitable[Any]]) -> Contender:
    numbers = count()
    return callers(name, [lambda: miss(next(numbers))] * CALLERS, SMALL)


def _ours(namespace: cachekit.Namespace) -> Callable[[int], Awaitable[Any]]:
    async def miss(number: int) -> Any:
        return await namespace.get_or_set(f"{namespace.name}:miss:{number}", _load)

    return miss


def _unprotected(peer: Peer) -> Callable[[int], Awaitable[Any]]:
    async def miss(number: int) -> Any:
        key = f"{peer.name}:{number}"
        value = await peer.get(key)
        if value is None:
            value = await _load()
            await peer.set(key, value)
        return value

    return miss

"""A hit in Redis: this cache against the raw client, the bare protocol and its peers.

The near store is off for the namespace, so that every `get()` asks Redis, with every other guarantee on.
Every caller asks for a key of its own; a second table has all callers ask for one key, where this cache
sends one command for all the callers of one turn of the loop.
"""

from functools import partial

import cachekit
from benchmarks.measure import Comparison, callers, compare
from benchmarks.peers import BARE, CASHEWS, RAW, open_peers
from benchmarks.report import Target, at_least
from benchmarks.servers import private_server
from benchmarks.values import SMALL, flight_reply

OURS = "cachekit get(), near=0"


async def run(*, quick: bool) -> list[Target]:
    """Print a table for each size and number of callers."""
    rounds = 7 if quick else 15
    many = await _hits("200 B, 64 callers, a key each", SMALL, count=64, keys=64, rounds=rounds)
    one = await _hits("200 B, 1 caller", SMALL, count=1, keys=1, rounds=rounds)
    if not quick:
        await _hits("200 B, 64 callers, all the same key", SMALL, count=64, keys=1, rounds=rounds)
        await _hits("250 KB, 8 callers, a key each", flight_reply(), count=8, keys=8, rounds=7)
    return [
        at_least("Redis hit, 64 callers: x raw redis-py", many.ratio(OURS, RAW), 8),
        at_least("Redis hit, 64 callers: x cashews", many.ratio(OURS, CASHEWS), 12),
        at_least("Redis hit, 64 callers: x bare protocol", many.ratio(OURS, BARE), 0.6),
        at_least("Redis hit, 1 caller: x raw redis-py", one.ratio(OURS, RAW), 0.95),
    ]


async def _hits(title: str, value: object, *, count: int, keys: int, rounds: int) -> Comparison:
    with private_server() as port:
        async with (
            open_peers(port) as peers,
            cachekit.connect(f"redis://127.0.0.1:{port}", app="bench") as cache,
        ):
            ns = cache.namespace("bench", cachekit.Policy(ttl=3600, near=0))
            ours = [ns.key("value", {"number": number % keys}) for number in range(count)]
            theirs = [f"peer:{number % keys}" for number in range(count)]
            contenders = []
            for peer in peers:
                for key in theirs:
                    await peer.set(f"{peer.name}:{key}", value)
                calls = [partial(peer.get, f"{peer.name}:{key}") for key in theirs]
                contenders.append(callers(peer.name, calls, value))
            for key in ours:
                await ns.set(key, value)
            contenders.append(callers(OURS, [partial(ns.get, key) for key in ours], value))
            result = await compare(contenders, rounds=rounds, least=count)
    result.show(f"Redis hit, {title}")
    return result

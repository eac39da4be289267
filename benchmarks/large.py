"""A flight reply of about 250 KB: how often it is decoded, and what compression gives.

Decodes are counted, by a typed reply that msgspec tells of each decode, through the public verbs only.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec
import orjson
import redis.asyncio

import cachekit
from benchmarks.measure import Call, Contender, Spread, callers, compare
from benchmarks.near import wait_until_near
from benchmarks.peers import RAW, open_raw
from benchmarks.report import Target, at_least, at_most
from benchmarks.servers import private_server
from benchmarks.values import Reply, decodes, flight_reply

CALLERS = 64
BITS_PER_SECOND = 1e9
COMPRESSED = "cachekit set + get, compressed"
PLAIN = "cachekit set + get, compress_over=None"


async def run(*, quick: bool) -> list[Target]:
    """Print the tables."""
    value = flight_reply()
    rounds = 7 if quick else 15
    return [*await _decodes(value, rounds), *await _compression(value, rounds)]


@asynccontextmanager
async def _open(port: int) -> AsyncIterator[cachekit.Cache]:
    near = cachekit.Near(max_bytes=64 * 1024 * 1024)
    async with cachekit.connect(f"redis://127.0.0.1:{port}", app="bench", near=near) as cache:
        yield cache


async def _decodes(value: dict[str, Any], rounds: int) -> list[Target]:
    with private_server() as port:
        async with _open(port) as cache, open_raw(port) as raw:
            untyped = cache.namespace("untyped", cachekit.Policy(ttl=3600))
            near = cache.namespace("near", cachekit.Policy(ttl=3600), type=Reply)
            remote = cache.namespace("remote", cachekit.Policy(ttl=3600, near=0), type=Reply)
            typed = msgspec.convert(value, Reply)
            for namespace, content in ((near, typed), (remote, typed), (untyped, value)):
                await namespace.set(namespace.key("reply", {"n": 1}), content)
            await raw.set("raw", orjson.dumps(value))

            key = near.key("reply", {"n": 1})
            stored: Any = await raw.get(key)
            arrivals = []
            for _ in range(rounds):
                # Written by somebody else: the near copy goes, and the next callers all wait for one arrival.
                await raw.set(key, stored)
                await asyncio.sleep(0.05)
                arrivals.append(await _decodes_per_arrival(raw, partial(near.get, key), typed))
            await wait_until_near(near, key)
            again = await _decodes_of(partial(near.get, key), typed, 1000)
            far = remote.key("reply", {"n": 1})
            get_far = partial(remote.get, far)
            together = [await _decodes_per_arrival(raw, get_far, typed) for _ in range(rounds)]

            async def raw_hit() -> Any:
                reply: Any = await raw.get("raw")
                return orjson.loads(reply)

            plain = untyped.key("reply", {"n": 1})
            await wait_until_near(untyped, plain)
            contenders = [
                callers(RAW, [raw_hit], value),
                callers("cachekit near hit, untyped", [partial(untyped.get, plain)], value),
                callers("cachekit get(), typed, near=0", [get_far], typed),
                callers("cachekit near hit, typed", [partial(near.get, key)], typed),
            ]
            result = await compare(contenders, rounds=rounds, least=1)
    result.show(f"A hit of {len(orjson.dumps(value)) / 1000:.0f} KB, 1 caller")
    return [
        at_most("250 KB typed: decodes in 1,000 near hits", Spread.of([again]), 0),
        at_most("250 KB typed, near: decodes per arrival, 64 callers", Spread.of(arrivals), 1),
        at_most("250 KB typed, near=0: decodes per arrival, 64 callers", Spread.of(together), 1),
    ]


async def _decodes_of(call: Call, expected: Reply, count: int) -> int:
    decodes.clear()
    answers = await asyncio.gather(*(call() for _ in range(count)))
    made = len(decodes)
    if any(answer != expected for answer in answers):
        raise AssertionError("cachekit: gave another value than was stored")
    return made


async def _decodes_per_arrival(raw: "redis.asyncio.Redis", call: Call, expected: Reply) -> float:
    """Decodes for `CALLERS` at once, per GET that the server answered for them."""
    before = await _gets(raw)
    made = await _decodes_of(call, expected, CALLERS)
    return made / (await _gets(raw) - before)


async def _gets(raw: "redis.asyncio.Redis") -> int:
    stats: Any = await raw.info("commandstats")
    return int(stats["cmdstat_get"]["calls"])


async def _compression(value: dict[str, Any], rounds: int) -> list[Target]:
    sizes = {}
    with private_server() as port:
        async with _open(port) as cache, open_raw(port) as raw:
            contenders = []
            for name, over in ((PLAIN, None), (COMPRESSED, 4096)):
                policy = cachekit.Policy(ttl=3600, near=0, compress_over=over)
                namespace = cache.namespace(f"over-{over}", policy)
                key = namespace.key("reply", {"n": 1})
                await namespace.set(key, value)
                sizes[name] = await raw.strlen(key)
                contenders.append(_round_trip(name, namespace, key, value))
            result = await compare(contenders, rounds=rounds, least=1)
    result.show("Set and get of 250 KB on the loopback, 1 caller")
    # Once there and once back; on the loopback the bytes themselves cost next to nothing.
    wire = {name: 2 * 8 * size / BITS_PER_SECOND for name, size in sizes.items()}
    pairs = zip(result.seconds[PLAIN], result.seconds[COMPRESSED], strict=True)
    whole = Spread.of([(plain + wire[PLAIN]) / (packed + wire[COMPRESSED]) for plain, packed in pairs])
    print(
        f"  stored: {sizes[PLAIN]:,} bytes plain, {sizes[COMPRESSED]:,} compressed; the wire at 1 Gbit/s "
        f"would add {wire[PLAIN] * 1e3:.2f} ms and {wire[COMPRESSED] * 1e3:.2f} ms to a round trip"
    )
    return [
        at_least("compression of 250 KB: ratio", Spread.of([sizes[PLAIN] / sizes[COMPRESSED]]), 8),
        at_least("compressed round trip at 1 Gbit/s: x plain", whole, 1),
        Target(
            "compressed round trip on loopback: x plain", str(result.ratio(COMPRESSED, PLAIN)), "stated", True
        ),
    ]


def _round_trip(name: str, namespace: cachekit.Namespace, key: str, value: Any) -> Contender:
    async def once() -> Any:
        await namespace.set(key, value)
        return await namespace.get(key)

    return callers(name, [once], value)

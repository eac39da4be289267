"""A Redis hit, 200 B and 250 KB, at 1 and 64 callers: this cache against raw redis-py and its peers.

    pip install cashews aiocache
    python benchmarks/hits.py

Peers that are not installed are left out, and said to be.
"""

import asyncio
import json
import socket

import redis.asyncio
from measure import Contender, compare, over_callers

import cachekit
from cachekit.core.embedded import EmbeddedServer

try:
    import cashews
except ImportError:
    cashews = None
try:
    import aiocache
    import aiocache.serializers
except ImportError:
    aiocache = None

SMALL = {"id": 7, "route": "GRU-LIS", "price": {"total": "517.94", "currency": "EUR"}, "text": "x" * 110}
OFFER = {"id": "1", "segments": [{"from": "GRU", "to": "LIS", "at": "2026-12-12T17:05:00"}] * 20, "n": 1.5}
LARGE = {"data": [{**OFFER, "id": str(number)} for number in range(210)]}


async def main() -> None:
    """Print a table for each size and number of callers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # Over TCP for all: not every peer knows Unix sockets.
    url = f"redis://127.0.0.1:{port}"
    with EmbeddedServer(port=port):
        async with cachekit.connect(url) as cache, redis.asyncio.Redis.from_url(url) as raw:
            ns = cache.namespace("bench")
            peers = await _peers(url, port)
            for label, value, count in (("200 B", SMALL, 3_200), ("250 KB", LARGE, 256)):
                key = ns.key("value", {"size": label})
                await ns.set(key, value)
                await raw.set("raw", json.dumps(value))
                for _, store, _ in peers:
                    await store("peer", value)

                async def raw_hit() -> object:
                    return json.loads(await raw.get("raw"))

                async def our_hit(key: str = key) -> object:
                    return await ns.get(key)

                for callers in (1, 64):
                    contenders = [
                        Contender("redis-py GET + json.loads", over_callers(callers, raw_hit)),
                        Contender("cachekit get()", over_callers(callers, our_hit)),
                        *(
                            Contender(name, over_callers(callers, lambda load=load: load("peer")))
                            for name, _, load in peers
                        ),
                    ]
                    await compare(f"hit, {label}, {callers} callers", contenders, count=count)


async def _peers(url: str, port: int) -> list[tuple]:
    """Name, set and get of each peer that is installed."""
    peers = []
    if cashews is None:
        print("cashews is not installed: left out")
    else:
        cache = cashews.Cache()
        cache.setup(url)
        peers.append(("cashews get()", lambda key, value: cache.set(key, value, expire=300), cache.get))
    if aiocache is None:
        print("aiocache is not installed: left out")
    else:
        serializer = aiocache.serializers.JsonSerializer()
        other = aiocache.RedisCache(endpoint="127.0.0.1", port=port, serializer=serializer)
        peers.append(("aiocache get()", lambda key, value: other.set(key, value, ttl=300), other.get))
    return peers


if __name__ == "__main__":
    asyncio.run(main())

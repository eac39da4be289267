"""The peers, each with a `set` and a `get` that gives the decoded value back."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiocache  # type: ignore[import-untyped]
import aiocache.serializers  # type: ignore[import-untyped]
import cashews
import coredis
import glide
import orjson
import redis.asyncio

from benchmarks.bare import bare_client

BARE = "bare protocol + hiredis"
CASHEWS = "cashews"
RAW = "redis-py GET + orjson.loads"

TTL = 3600


@dataclass(frozen=True, slots=True)
class Peer:
    """A client or cache: `set(key, value)` and `get(key)`, value being plain JSON types."""

    name: str
    set: Callable[[str, Any], Awaitable[Any]]
    get: Callable[[str], Awaitable[Any]]


@asynccontextmanager
async def open_peers(port: int) -> AsyncIterator[list[Peer]]:
    """All peers, connected to the server on this port of the loopback; `RAW` comes first."""
    async with AsyncExitStack() as stack:
        raw = await stack.enter_async_context(open_raw(port))
        bare = await stack.enter_async_context(bare_client(port))
        glide_client = await glide.GlideClient.create(
            glide.GlideClientConfiguration([glide.NodeAddress("127.0.0.1", port)])
        )
        stack.push_async_callback(glide_client.close)
        core = await stack.enter_async_context(coredis.Redis(host="127.0.0.1", port=port))
        yield [
            _over_client(RAW, raw.get, raw.set),
            _over_client(BARE, bare.get, lambda key, value: bare.send("SET", key, value)),
            _over_client("valkey-glide + orjson.loads", glide_client.get, glide_client.set),
            _over_client("coredis + orjson.loads", core.get, core.set),
            await stack.enter_async_context(open_cashews(port)),
            await stack.enter_async_context(open_aiocache(port)),
        ]


@asynccontextmanager
async def open_raw(port: int) -> AsyncIterator["redis.asyncio.Redis"]:
    """redis-py as it comes: its pool holds a hundred connections, enough for 64 callers."""
    async with redis.asyncio.Redis(host="127.0.0.1", port=port) as client:
        yield client


@asynccontextmanager
async def open_cashews(port: int, *, client_side: bool = False) -> AsyncIterator[Peer]:
    """Open cashews with its default pickles."""
    async with open_cashews_cache(port, client_side=client_side) as cache:
        name = "cashews, client-side" if client_side else CASHEWS
        yield Peer(name, lambda key, value: cache.set(key, value, expire=TTL), cache.get)


@asynccontextmanager
async def open_cashews_cache(port: int, *, client_side: bool = False) -> AsyncIterator[cashews.Cache]:
    """Open cashews itself; its client-side cache needs RESP2, for under RESP3 it never evicts."""
    cache = cashews.Cache()
    options: dict[str, Any] = {"client_side": True, "protocol": 2} if client_side else {}
    cache.setup(f"redis://127.0.0.1:{port}", **options)
    await cache.init()
    try:
        yield cache
    finally:
        await cache.close()


@asynccontextmanager
async def open_aiocache(port: int) -> AsyncIterator[Peer]:
    """Open aiocache with its JSON serializer."""
    serializer = aiocache.serializers.JsonSerializer()
    cache = aiocache.RedisCache(endpoint="127.0.0.1", port=port, serializer=serializer, pool_max_size=100)
    async with cache:
        yield Peer("aiocache", lambda key, value: cache.set(key, value, ttl=TTL), cache.get)


def _over_client(name: str, read: Callable[[str], Awaitable[Any]], write: Callable[..., Any]) -> Peer:
    async def get(key: str) -> Any:
        return orjson.loads(await read(key))

    async def put(key: str, value: Any) -> None:
        await write(key, orjson.dumps(value))

    return Peer(name, put, get)

"""One process of a stampede: `python -m benchmarks.stampede_worker NAME PORT`.

Says `ready`; then for each line `KEY START` on stdin, has its callers ask for the key at the moment START of
the monotonic clock, and answers one line of JSON: calls of the upstream, errors, seconds of each caller.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

import aiocache  # type: ignore[import-untyped]
import aiocache.serializers  # type: ignore[import-untyped]
import cashews
from dogpile.cache import make_region

import cachekit
from benchmarks.values import SMALL

CALLERS: Final = 250
UPSTREAM_SECONDS: Final = 0.2

Ask = Callable[[str], Awaitable[Any]]

calls: list[str] = []
"""The keys the upstream was asked for."""


async def upstream(key: str) -> dict[str, Any]:
    """What all are waiting for."""
    calls.append(key)
    await asyncio.sleep(UPSTREAM_SECONDS)
    return SMALL


@asynccontextmanager
async def _cachekit(port: int) -> AsyncIterator[Ask]:
    async with cachekit.connect(f"redis://127.0.0.1:{port}", app="bench") as cache:
        ns = cache.namespace("bench", cachekit.Policy(ttl=60))
        yield lambda key: ns.get_or_set(ns.literal(key), lambda: upstream(key))


@asynccontextmanager
async def _cashews(port: int) -> AsyncIterator[Ask]:
    cache = cashews.Cache()
    cache.setup(f"redis://127.0.0.1:{port}")
    yield cache(ttl=60, key="{key}", lock=True)(upstream)
    await cache.close()


@asynccontextmanager
async def _aiocache(port: int) -> AsyncIterator[Ask]:
    decorated = aiocache.cached_stampede(
        lease=2,
        ttl=60,
        key_builder=lambda _function, key: key,
        cache=aiocache.RedisCache,
        serializer=aiocache.serializers.JsonSerializer(),
        endpoint="127.0.0.1",
        port=port,
        # Its own default of 100 raises for the callers beyond.
        pool_max_size=CALLERS,
    )(upstream)
    yield decorated
    await decorated.cache.close()


@asynccontextmanager
async def _dogpile(port: int) -> AsyncIterator[Ask]:
    """dogpile.cache has no asyncio: each caller is a thread."""
    arguments = {"host": "127.0.0.1", "port": port, "distributed_lock": True, "thread_local_lock": False}
    region = make_region().configure("dogpile.cache.redis", expiration_time=60, arguments=arguments)

    def create(key: str) -> dict[str, Any]:
        calls.append(key)
        time.sleep(UPSTREAM_SECONDS)
        return SMALL

    def ask(key: str) -> Any:
        return region.get_or_create(key, create, creator_args=((key,), {}))

    with ThreadPoolExecutor(CALLERS) as threads:
        yield lambda key: asyncio.get_running_loop().run_in_executor(threads, ask, key)


STAMPEDERS: Final[dict[str, Callable[[int], AbstractAsyncContextManager[Ask]]]] = {
    "cachekit": _cachekit,
    "cashews lock": _cashews,
    "aiocache stampede": _aiocache,
    "dogpile lock": _dogpile,
}


async def main(name: str, port: int) -> None:
    """Serve until stdin ends."""
    async with STAMPEDERS[name](port) as ask:
        await ask(f"warm-up-{os.getpid()}")
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            key, start = line.split()
            calls.clear()
            await asyncio.sleep(float(start) - time.monotonic())
            began = time.perf_counter()
            outcomes = await asyncio.gather(*(_timed(ask, key, began) for _ in range(CALLERS)))
            latencies = [seconds for seconds, _ in outcomes]
            errors = sum(not is_right for _, is_right in outcomes)
            print(json.dumps({"calls": len(calls), "errors": errors, "latencies": latencies}), flush=True)


async def _timed(ask: Ask, key: str, began: float) -> tuple[float, bool]:
    """Seconds since the stampede began until the caller had an outcome; whether it was the right value."""
    try:
        is_right = await ask(key) == SMALL
    except Exception:
        is_right = False
    return time.perf_counter() - began, is_right


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))

"""Whether this instance lives, whether it is ready for people, and how Redis does. Says nothing of hosts."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from cachekit.core.cache import Cache
from cachekit.errors import CacheKitError

REDIS_ANSWERS: Final = 0.5
"""Seconds within which Redis must answer for an instance to be ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What an instance knows of itself.

    `conditions` are what must hold, beside an answer of Redis, for it to be ready, each by the word that is
    told while it does not: such as `bus`, `model` and `draining`. `sockets` counts those of all instances,
    `held` those of this one.
    """

    cache: Cache
    conditions: Mapping[str, Callable[[], bool]]
    sockets: Callable[[], Awaitable[int]]
    held: Callable[[], int]


def health_routes(health: Health, *, timeout: float = REDIS_ANSWERS) -> web.RouteTableDef:
    """The routes under `/health`; Redis must answer within `timeout` seconds."""
    routes = web.RouteTableDef()

    @routes.get("/health/live")
    async def live(_request: web.Request) -> web.Response:
        """200 as long as the event loop turns, whatever else is broken."""
        return _reply({"status": "UP"})

    @routes.get("/health/ready")
    async def ready(_request: web.Request) -> web.Response:
        """200 if people may be sent here; else 503 with the names of what fails."""
        failing = [name for name, holds in health.conditions.items() if not holds()]
        if await _latency(health.cache, timeout) is None:
            failing.insert(0, "redis")
        if failing:
            return _reply({"status": "DOWN", "failing": failing}, status=503)
        return _reply({"status": "UP"})

    @routes.get("/health/redis")
    async def redis(_request: web.Request) -> web.Response:
        """200 with the round trip in milliseconds, connections and counts of sockets; 503 without Redis."""
        latency = await _latency(health.cache, timeout)
        if latency is None:
            return _reply({"redis": "DOWN"}, status=503)
        try:
            async with asyncio.timeout(timeout):
                sockets = await health.sockets()
        except (CacheKitError, TimeoutError):
            return _reply({"redis": "DOWN"}, status=503)
        connections, most = health.cache.store.connections
        return _reply(
            {
                "redis": "UP",
                "latencyMs": round(latency * 1000, 2),
                "pool": {"connections": connections, "most": most},
                "connectedSockets": sockets,
                "heldSockets": health.held(),
            }
        )

    return routes


async def _latency(cache: Cache, timeout: float) -> float | None:  # noqa: ASYNC109 - it is what is configured
    """Redis' round trip in seconds; None if it is away, or takes longer than `timeout`."""
    try:
        async with asyncio.timeout(timeout):
            return (await cache.health()).latency
    except (CacheKitError, TimeoutError):
        return None


def _reply(body: dict[str, Any], *, status: int = 200) -> web.Response:
    # A proxy that kept an answer would tell of a moment that has passed.
    return web.json_response(body, status=status, headers={"Cache-Control": "no-store"})

"""Health: what a load balancer and an operator are told, and what they are not."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

import cachekit
from chatbot.health import Health, health_routes

pytest_plugins = ["support.server_fixtures"]


class Rig:
    """An instance's health routes, and the switches behind them."""

    def __init__(self, cache, client, conditions):
        self.cache, self.client, self.conditions = cache, client, conditions

    async def get(self, path):
        reply = await self.client.get(path)
        assert reply.headers["Cache-Control"] == "no-store"
        return reply.status, await reply.json()


@pytest.fixture
async def rig(standalone):
    conditions = {"bus": True, "model": True, "draining": True}
    async with cachekit.connect(standalone.url, timeout=60) as cache:

        async def sockets():
            return int(await cache.store.execute("ZCARD", "sockets"))

        health = Health(
            cache=cache,
            conditions={name: lambda name=name: conditions[name] for name in conditions},
            sockets=sockets,
            held=lambda: 3,
        )
        application = web.Application()
        application.add_routes(health_routes(health, timeout=0.3))
        async with TestClient(TestServer(application)) as client:
            yield Rig(cache, client, conditions)


async def test_a_whole_instance_is_ready(rig):
    """All three say so."""
    assert await rig.get("/health/live") == (200, {"status": "UP"})
    assert await rig.get("/health/ready") == (200, {"status": "UP"})
    status, body = await rig.get("/health/redis")
    assert status == 200
    assert body.pop("latencyMs") > 0
    assert body.pop("pool") == {"connections": 1, "most": 64}
    assert body == {"redis": "UP", "connectedSockets": 0, "heldSockets": 3}


@pytest.mark.parametrize("name", ["bus", "model", "draining"])
async def test_each_condition_takes_the_instance_out(rig, name):
    """Until it holds again; the instance lives all the same."""
    rig.conditions[name] = False
    assert await rig.get("/health/ready") == (503, {"status": "DOWN", "failing": [name]})
    assert (await rig.get("/health/live"))[0] == 200
    rig.conditions[name] = True
    assert (await rig.get("/health/ready"))[0] == 200


async def test_without_redis_it_lives_and_is_not_ready(rig, standalone):
    """It says so without naming a host, and is ready again by itself."""
    with standalone.dead():
        assert await rig.get("/health/ready") == (503, {"status": "DOWN", "failing": ["redis"]})
        assert await rig.get("/health/redis") == (503, {"redis": "DOWN"})
        assert (await rig.get("/health/live"))[0] == 200

    async def ready():
        return (await rig.get("/health/ready"))[0] == 200

    while not await ready():
        pass


async def test_a_redis_that_does_not_answer_in_time_is_away(rig, standalone):
    """A slow one is as good as none for people who wait, however long the cache itself would."""
    with standalone.paused():
        async with asyncio.timeout(20):
            assert await rig.get("/health/ready") == (503, {"status": "DOWN", "failing": ["redis"]})
        assert await rig.get("/health/redis") == (503, {"redis": "DOWN"})


async def test_counts_that_cannot_be_had_count_as_down(rig, standalone):
    """Half an answer would be taken for a whole one."""
    standalone.call("SET", "sockets", "no sorted set")
    assert await rig.get("/health/redis") == (503, {"redis": "DOWN"})


async def test_a_closed_cache_is_down(rig):
    """At the end of a shutdown nobody gets a traceback."""
    await rig.cache.aclose()
    assert (await rig.get("/health/ready"))[0] == 503

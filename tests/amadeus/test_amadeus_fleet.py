"""Several processes over one Redis and one host: what they ask for together, and what one's end leaves.

Run as a program this file is one such process: for each line of its input, a list of routes, it searches
them all at once and writes a line with what came of it.
"""

import asyncio
import datetime as dt
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

import cachekit
from cachekit import Policy
from cachekit.amadeus import (
    AmadeusBudgetError,
    AmadeusCacheRepository,
    AmadeusClient,
    AmadeusError,
    AmadeusQuotaError,
    FlightSearch,
    RequestLimits,
)
from cachekit.amadeus.sandbox import Limits, SandboxServer, find_offers, gate
from cachekit.testing import ManualClock

NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
ROUTES = ["GRU-LIS", "LIS-GRU", "MAD-JFK", "JFK-MAD", "CDG-LHR", "LHR-CDG", "AMS-FCO", "FCO-AMS", "MIA-BOG"]
"""As many as the budget has requests."""
POLICY = Policy(ttl=300, stale=3_600, soft_timeout=10)
"""With a lease that a busy machine does not lose; who is killed holds it for five seconds."""


def search(route: str) -> FlightSearch:
    origin, destination = route.split("-")
    day = dt.date(2026, 12, 12)
    return FlightSearch(origin=origin, destination=destination, departure_date=day, max_results=3)


def truth(route: str, now: dt.datetime = NOW) -> list[dict[str, Any]]:
    return find_offers(search(route), seed=1, now=now)["data"]


async def work(redis_url: str, url: str, client_id: str, client_secret: str) -> None:
    """One process of the fleet."""
    limits = RequestLimits(per_month=len(ROUTES))
    async with (
        cachekit.connect(redis_url, clock=ManualClock(NOW.timestamp())) as cache,
        AmadeusClient(url, client_id, client_secret, cache=cache, limits=limits) as client,
    ):
        flights = AmadeusCacheRepository(cache, client, policy=POLICY)

        async def answer(route: str) -> Any:
            try:
                return (await flights.search_flights(search(route)))["data"]
            except AmadeusError as error:
                return type(error).__name__

        say("ready")
        while line := await asyncio.to_thread(sys.stdin.readline):
            answers = await asyncio.gather(*map(answer, json.loads(line)))
            say(answers)


def say(what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


class Worker:
    """Such a process, seen from outside."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def said(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(await self.process.stdout.readline())

    def order(self, *routes: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(routes).encode() + b"\n")

    async def search(self, *routes: str) -> Any:
        self.order(*routes)
        return await self.said()


@asynccontextmanager
async def running(redis_url: str, server: SandboxServer) -> AsyncIterator[Worker]:
    arguments = (redis_url, server.url, server.client_id, server.client_secret)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    try:
        worker = Worker(process)
        assert await worker.said() == "ready"
        yield worker
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


@pytest.fixture
async def server() -> AsyncIterator[SandboxServer]:
    async with SandboxServer(seed=1, clock=lambda: NOW) as opened:
        yield opened


@pytest.fixture
async def fleet(redis_url: str, server: SandboxServer) -> AsyncIterator[list[Worker]]:
    async with AsyncExitStack() as stack:
        starting = [stack.enter_async_context(running(redis_url, server)) for _ in range(3)]
        yield [await each for each in starting]


@pytest.fixture
def held(server: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """The first search reaches the sandbox, and is answered when this is set."""
    release = asyncio.Event()

    async def sleep(delay: float) -> None:
        if delay:
            await release.wait()

    def is_first(endpoint: str, ordinal: int) -> float:
        return float(endpoint == "flight-offers" and ordinal == 1)

    monkeypatch.setattr(gate, "asyncio", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(server.state, "delay", is_first)
    return release


async def until_asked(server: SandboxServer) -> None:
    while not server.stats.get("flight-offers"):
        await asyncio.sleep(0.01)


async def test_a_fleet_asks_for_each_thing_once(fleet, server):
    """One token, one call for each search, all answers true; and what is over the budget is never sent."""
    answers = await asyncio.gather(*(worker.search(*ROUTES) for worker in fleet))
    assert answers == [[truth(route) for route in ROUTES]] * 3
    assert server.stats == {"token": 1, "flight-offers": len(ROUTES)}
    refused = await asyncio.gather(*(worker.search("GRU-MAD", "GRU-LIS") for worker in fleet))
    assert refused == [["AmadeusBudgetError", truth("GRU-LIS")]] * 3
    assert server.stats == {"token": 1, "flight-offers": len(ROUTES)}


async def test_one_new_token_follows_a_revocation(fleet, server):
    """Whoever hears of it first removes the old one for all."""
    await fleet[0].search("GRU-LIS")
    server.state.revoke_tokens()
    pairs = zip(fleet, ("LIS-GRU", "MAD-JFK", "JFK-MAD"), strict=True)
    answers = await asyncio.gather(*(worker.search(route) for worker, route in pairs))
    assert answers == [[truth(route)] for route in ("LIS-GRU", "MAD-JFK", "JFK-MAD")]
    assert server.stats["token"] == 2


async def test_a_process_that_has_missed_two_revocations_is_served(fleet, server):
    """The token that it finds in Redis is as stale as its own was."""
    await fleet[0].search("GRU-LIS")
    server.state.revoke_tokens()
    await fleet[1].search("LIS-GRU")
    server.state.revoke_tokens()
    assert await fleet[0].search("MAD-JFK") == [truth("MAD-JFK")]
    assert server.stats == {"token": 3, "flight-offers": 6}


async def test_another_takes_over_from_one_that_is_killed(fleet, server, held):
    """Its lease ends by itself; its token serves the others."""
    fleet[0].order("GRU-LIS")
    await until_asked(server)
    fleet[0].process.kill()
    assert await fleet[1].search("GRU-LIS") == [truth("GRU-LIS")]
    assert server.stats == {"token": 1, "flight-offers": 2}
    held.set()


async def test_an_invalidation_overtakes_a_search_under_way_elsewhere(fleet, server, held, redis_url):
    """Who asks afterwards is given a newer one; and the old one is not kept when it comes."""
    server.state.token_lifetime = 86_400
    fleet[0].order("GRU-LIS")
    await until_asked(server)
    server.state.offset = dt.timedelta(hours=6)
    now = NOW + server.state.offset
    assert truth("GRU-LIS", now) != truth("GRU-LIS")
    command = [sys.executable, "-c", "from cachekit.cli import main; main()", "invalidate", "amadeus_cache"]
    process = await asyncio.create_subprocess_exec(*command, "--tag", "route:GRU-LIS", "--url", redis_url)
    assert await process.wait() == 0
    asking = asyncio.create_task(fleet[1].search("GRU-LIS"))
    held.set()
    assert await fleet[0].said() == [truth("GRU-LIS")]
    assert await asking == [truth("GRU-LIS", now)]
    assert await fleet[0].search("GRU-LIS") == [truth("GRU-LIS", now)]
    assert server.stats["flight-offers"] == 2


async def test_warming_takes_what_another_process_has_just_been_answered(server, held, redis_url):
    """It joins the search of its own process that waits for that; nothing is asked twice."""
    clock, request = ManualClock(NOW.timestamp()), search("GRU-LIS")
    async with (
        cachekit.connect(redis_url, clock=clock) as one,
        cachekit.connect(redis_url, clock=clock) as other,
        AmadeusClient(server.url, server.client_id, server.client_secret) as client,
    ):
        asking, warming = AmadeusCacheRepository(one, client), AmadeusCacheRepository(other, client)
        tasks = [asyncio.create_task(asking.search_flights(request))]
        await until_asked(server)
        tasks.append(asyncio.create_task(warming.search_flights(request)))
        warmed = asyncio.create_task(warming.warm([request]))
        while not other.stats().coalesced:
            await asyncio.sleep(0.01)
        held.set()
        assert (await warmed).fresh == 1
        assert [reply["data"] for reply in await asyncio.gather(*tasks)] == [truth("GRU-LIS")] * 2
    assert server.stats["flight-offers"] == 1


async def test_who_stands_in_line_when_the_quota_is_spent_is_not_sent(server):
    """Nor counted; he hears why."""
    server.state.limits = Limits(quota=0)
    released = asyncio.Event()

    async def sleep(_: float) -> None:
        await released.wait()

    limits = RequestLimits(least_interval=60, per_month=100)
    options = {"limits": limits, "sleep": sleep, "total_timeout": 100}
    async with AmadeusClient(server.url, server.client_id, server.client_secret, **options) as client:
        first, second = (asyncio.create_task(client.search(search(route))) for route in ROUTES[:2])
        with pytest.raises(AmadeusQuotaError, match="38195"):
            await first
        released.set()
        with pytest.raises(AmadeusBudgetError, match="quota is spent"):
            await second
        assert server.stats["flight-offers"] == (await client.budget()).used == 1


async def test_limits_are_about_when_requests_come(fleet, server, held):
    """One that is answered late has been counted: the next one is over the quota at once."""
    server.state.limits = Limits(quota=1)
    fleet[0].order("GRU-LIS")
    await until_asked(server)
    assert await fleet[1].search("LIS-GRU") == ["AmadeusQuotaError"]
    held.set()
    assert await fleet[0].said() == [truth("GRU-LIS")]


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))

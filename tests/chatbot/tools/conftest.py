"""The tools over a real sandbox and a real Redis, behind the registry as an assistant uses them."""

import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

import cachekit
from cachekit.amadeus import AmadeusCacheRepository, AmadeusClient
from cachekit.amadeus.sandbox import SandboxServer
from cachekit.testing import ManualClock
from chatbot.places import PlaceDirectory
from chatbot.tools import ToolRegistry, flight_tools

ASKED = {"origin": "São Paulo", "destination": "Lisboa", "departure_date": "2026-12-12"}


@dataclass
class Tampered:
    """The sandbox over HTTP, with a hand in its replies: `spoil` is the last to touch each of them."""

    client: AmadeusClient
    spoil: Callable[[Any], Any] = field(default=lambda reply: reply)
    error: Exception | None = None

    @property
    def identity(self) -> str:
        return self.client.identity

    async def search(self, request):
        return self._answer(await self.client.search(request))

    async def price(self, offers):
        return self._answer(await self.client.price(offers))

    async def locations(self, request):
        return self._answer(await self.client.locations(request))

    async def cheapest_dates(self, request):
        return self._answer(await self.client.cheapest_dates(request))

    def _answer(self, reply):
        if self.error:
            raise self.error
        return self.spoil(reply)


@dataclass
class Desk:
    """One instance's tools, and the parts one looks at."""

    tools: ToolRegistry
    source: Tampered
    repository: AmadeusCacheRepository
    sandbox: SandboxServer
    outcomes: Counter[tuple[str, str]]

    async def ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return dict((await self.tools.run(tool, arguments)).content)

    async def search(self, **changes: Any) -> dict[str, Any]:
        return await self.ask("search_flights", **(ASKED | changes))

    def calls(self, endpoint: str) -> int:
        """How often the sandbox was asked."""
        return self.sandbox.stats.get(endpoint, 0)


OpenDesk = Callable[..., Any]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(now=dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC).timestamp())


@pytest.fixture
async def sandbox(clock: ManualClock) -> AsyncIterator[SandboxServer]:
    async with SandboxServer(seed=1, clock=lambda: now(clock)) as server:
        yield server


@pytest.fixture
async def open_desk(
    redis_url: str, clock: ManualClock, sandbox: SandboxServer, places: PlaceDirectory
) -> AsyncIterator[OpenDesk]:
    """Opens instances that share nothing but Redis and the sandbox; `url` names another Redis."""
    async with AsyncExitStack() as stack:

        async def open_one(url: str = redis_url, **options: Any) -> Desk:
            return await stack.enter_async_context(desk_on(url, clock, sandbox, places, **options))

        yield open_one


@pytest.fixture
async def desk(open_desk: OpenDesk) -> Desk:
    return await open_desk()


@asynccontextmanager
async def desk_on(
    url: str, clock: ManualClock, sandbox: SandboxServer, places: PlaceDirectory, **options: Any
) -> AsyncIterator[Desk]:
    async with (
        cachekit.connect(url, clock=clock) as cache,
        AmadeusClient(sandbox.url, sandbox.client_id, sandbox.client_secret) as client,
    ):
        source, outcomes = Tampered(client), Counter()
        repository = AmadeusCacheRepository(cache, source, **options)
        tools = ToolRegistry(
            flight_tools(repository, places, today=lambda: now(clock).date()),
            timeout=30,
            observe=lambda name, outcome, _: outcomes.update([(name, outcome)]),
        )
        yield Desk(tools, source, repository, sandbox, outcomes)


def now(clock: ManualClock) -> dt.datetime:
    return dt.datetime.fromtimestamp(clock.time(), dt.UTC)

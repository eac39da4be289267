"""The flight API's wire, played by respx, and a client whose waits take no time."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
import respx
from support.flight_wire import FOUND, HOST, SECRET, Sleeper

from cachekit.amadeus.client import AmadeusClient
from cachekit.testing import ManualClock

Make = Callable[..., AmadeusClient]


@pytest.fixture
def sleeper(clock: ManualClock) -> Sleeper:
    return Sleeper(clock)


@pytest.fixture
def wire() -> Iterator[respx.MockRouter]:
    """The token endpoint, which gives token-1, token-2, …, and a search that finds one offer."""
    with respx.mock(assert_all_called=False) as router:
        router.post(f"{HOST}/v1/security/oauth2/token", name="token").mock(
            side_effect=lambda _, route: httpx.Response(
                200, json={"access_token": f"token-{route.call_count + 1}", "expires_in": 1799}
            )
        )
        router.get(f"{HOST}/v2/shopping/flight-offers", name="search").respond(json=FOUND)
        yield router


@pytest.fixture
async def make(clock: ManualClock, sleeper: Sleeper) -> AsyncIterator[Make]:
    """Makes clients, and closes them."""
    opened: list[AmadeusClient] = []

    def factory(
        *, host: str = HOST, client_id: str = "id", secret: str = SECRET, **options: Any
    ) -> AmadeusClient:
        options = {"clock": clock.monotonic, "sleep": sleeper, "random": lambda: 0.5} | options
        opened.append(AmadeusClient(host, client_id, secret, **options))
        return opened[-1]

    yield factory
    for client in opened:
        await client.aclose()

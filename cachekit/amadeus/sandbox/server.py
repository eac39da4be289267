"""The sandbox as a server: its paths, each behind the gate, on loopback."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from cachekit.amadeus.sandbox import reference, shopping
from cachekit.amadeus.sandbox.admin import Admin
from cachekit.amadeus.sandbox.gate import Gate, Handler, mark
from cachekit.amadeus.sandbox.inventory.locations import locations
from cachekit.amadeus.sandbox.inventory.network import network
from cachekit.amadeus.sandbox.latency import NO_LATENCY, Latency
from cachekit.amadeus.sandbox.oauth import TokenDesk
from cachekit.amadeus.sandbox.replay import Replay
from cachekit.amadeus.sandbox.requests.bodies import LARGEST_BODY
from cachekit.amadeus.sandbox.state import SandboxState, utc_now

__all__ = ["DEMO_CLIENT_ID", "DEMO_CLIENT_SECRET", "SandboxServer"]

DEMO_CLIENT_ID: Final = "sandbox-client"
DEMO_CLIENT_SECRET: Final = "sandbox-secret"  # noqa: S105 - published, and good for nothing else
"""What the sandbox accepts by default; anything else is an invalid client."""

CLOSING_SECONDS: Final = 1.0
"""How long requests under way are waited for when the server stops."""


class SandboxServer:
    """A sandbox in this process; `async with SandboxServer() as server:` starts it on a free port.

    Offers are made up, look real, and depend only on the seed, the search and the clock. See
    `cachekit.amadeus.sandbox.admin` for the knobs; `state` has the same ones without HTTP.

    Args:
        seed: which world of prices this is.
        clock: the time, aware, in UTC; the system's by default.
        host, port: where to listen; loopback and a free port by default. There is nothing secret in the
            sandbox, but its knobs are open to whoever reaches it.
        latency: how long answers take; no delay by default.
        token_lifetime: seconds a token is good for.
        client_id, client_secret: the credentials that are accepted.
        replay: recorded answers, given to the requests they were recorded for.
        replay_only: whether all other requests are refused (404, code 1797) instead of made up.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        clock: Callable[[], datetime] = utc_now,
        host: str = "127.0.0.1",
        port: int = 0,
        latency: Latency = NO_LATENCY,
        token_lifetime: int = 1_799,
        client_id: str = DEMO_CLIENT_ID,
        client_secret: str = DEMO_CLIENT_SECRET,
        replay: Replay | None = None,
        replay_only: bool = False,
    ) -> None:
        self.state = SandboxState(seed=seed, clock=clock, token_lifetime=token_lifetime, latency=latency)
        self.client_id = client_id
        self.client_secret = client_secret
        self._host = host
        self._port = port
        self._replay = replay
        self._gate = Gate(self.state, replay=replay, replay_only=replay_only)
        self._runner: web.AppRunner | None = None

    def __repr__(self) -> str:
        return f"SandboxServer(seed={self.state.seed}, host={self._host!r}, port={self._port})"

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash; known once the server has started."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def stats(self) -> dict[str, int]:
        """Requests received so far, by endpoint (see `faults.Endpoint`), and those to `unknown` paths."""
        return dict(self.state.requests)

    async def __aenter__(self) -> Self:
        """Start listening.

        Raises:
            OSError: the address cannot be listened on.
        """
        # Drawn now, so that the first answers are not slower than the others, nor the loop stands still.
        await asyncio.to_thread(network)
        await asyncio.to_thread(locations)
        runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=CLOSING_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        self._port = runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self._gate.unknown], client_max_size=LARGEST_BODY)
        app.on_response_prepare.append(mark)
        app[shopping.TURN] = asyncio.Semaphore(1)
        app.add_routes([*self._paths(), *Admin(self.state, self._replay).routes()])
        return app

    def _paths(self) -> list[web.RouteDef]:
        desk = TokenDesk(self.client_id, self.client_secret)
        gate = self._gate
        return [
            web.post("/v1/security/oauth2/token", gate.open("token", desk.grant)),
            _get("/v1/security/oauth2/token/{token}", gate.open("token-state", desk.tell)),
            _get("/v2/shopping/flight-offers", gate.data("flight-offers", shopping.search)),
            web.post("/v2/shopping/flight-offers", gate.data("flight-offers-post", shopping.posted_search)),
            web.post("/v1/shopping/flight-offers/pricing", gate.data("pricing", shopping.price)),
            _get("/v1/shopping/flight-dates", gate.data("flight-dates", shopping.dates)),
            _get("/v1/reference-data/locations", gate.data("locations", reference.locations)),
            _get("/v1/reference-data/locations/{location}", gate.data("location", reference.location_by_id)),
            _get("/v1/reference-data/airlines", gate.data("airlines", reference.airlines)),
        ]


def _get(path: str, handler: Handler) -> web.RouteDef:
    return web.get(path, handler, allow_head=False)

"""The sandbox as a server: the token endpoint, the search, and the errors of both, on loopback."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self
from uuid import uuid4

import msgspec
from aiohttp import web

from cachekit.amadeus.sandbox.admin import Admin
from cachekit.amadeus.sandbox.issues import Issue, Refusal
from cachekit.amadeus.sandbox.network import network
from cachekit.amadeus.sandbox.offers import find_offers
from cachekit.amadeus.sandbox.query import read_search
from cachekit.amadeus.sandbox.state import NO_LATENCY, Fault, Latency, SandboxState, utc_now

__all__ = ["DEMO_CLIENT_ID", "DEMO_CLIENT_SECRET", "SandboxServer"]

DEMO_CLIENT_ID: Final = "sandbox-client"
DEMO_CLIENT_SECRET: Final = "sandbox-secret"  # noqa: S105 - published, and good for nothing else
"""What the sandbox accepts by default; anything else is an invalid client."""

# The official SDK compares the whole header, so no charset may follow.
DATA_TYPE: Final = "application/vnd.amadeus+json"
TOKEN_TYPE: Final = "application/json"  # noqa: S105 - a media type

CLOSING_SECONDS: Final = 1.0
"""How long requests under way are waited for when the server stops."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


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
    ) -> None:
        self.state = SandboxState(seed=seed, clock=clock, token_lifetime=token_lifetime, latency=latency)
        self.client_id = client_id
        self.client_secret = client_secret
        self._host = host
        self._port = port
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
        """Requests received so far, by endpoint: `token`, `token-state`, `flight-offers`, `unknown`."""
        return dict(self.state.requests)

    async def __aenter__(self) -> Self:
        """Start listening.

        Raises:
            OSError: the address cannot be listened on.
        """
        # Drawn now, so that the first search is not slower than the others.
        await asyncio.to_thread(network)
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
        app = web.Application(middlewares=[self._errors])
        app.add_routes(
            [
                web.post("/v1/security/oauth2/token", self._served("token", self._token)),
                web.get("/v1/security/oauth2/token/{token}", self._served("token-state", self._token_state)),
                web.get("/v2/shopping/flight-offers", self._served("flight-offers", self._search)),
                *Admin(self.state).routes(),
            ]
        )
        return app

    def _served(self, endpoint: str, handler: Handler) -> Handler:
        """`handler` as it is reached over a real network: counted, delayed, and failing when told to."""

        async def serve(request: web.Request) -> web.StreamResponse:
            ordinal = self.state.count(endpoint)
            if delay := self.state.delay(endpoint, ordinal):
                await asyncio.sleep(delay)
            if fault := self.state.take_fault(endpoint):
                return _fail(request, fault)
            return await handler(request)

        return serve

    @web.middleware
    async def _errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Give every reply its request id, and every error its document."""
        try:
            reply = await handler(request)
        except Refusal as refusal:
            reply = _reply(refusal.document(), status=refusal.status)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            self.state.count("unknown")
            issue = Issue(38196, "The targeted resource doesn't exist")
            reply = _reply({"errors": [issue.document()]}, status=issue.status)
        reply.headers["Ama-Request-Id"] = str(uuid4())
        return reply

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form.get("grant_type") != "client_credentials":
            description = "Only value client_credentials is allowed for grant_type"
            return _token_error(400, "unsupported_grant_type", description)
        if (form.get("client_id"), form.get("client_secret")) != (self.client_id, self.client_secret):
            return _token_error(401, "invalid_client", "Client credentials are invalid")
        return self._token_document(self.state.issue_token(), self.state.token_lifetime)

    async def _token_state(self, request: web.Request) -> web.Response:
        token = request.match_info["token"]
        left = self.state.token_seconds_left(token)
        if left is None:
            return _token_error(404, "invalid_request", "The access token is unknown")
        return self._token_document(token, left)

    def _token_document(self, token: str, seconds_left: int) -> web.Response:
        document = {
            "type": "amadeusOAuth2Token",
            "username": "sandbox@example.com",
            "application_name": "Sandbox",
            "client_id": self.client_id,
            "token_type": "Bearer",
            "access_token": token,
            "expires_in": seconds_left,
            "state": "approved" if seconds_left else "expired",
            "scope": "",
        }
        return _reply(document, content_type=TOKEN_TYPE)

    async def _search(self, request: web.Request) -> web.Response:
        self.state.check_token(request.headers.get("Authorization"))
        self.state.check_limits()
        now = self.state.now()
        search = read_search(list(request.query.items()), now)
        found = await asyncio.to_thread(find_offers, search, seed=self.state.seed, now=now)
        meta = {"count": len(found["data"]), "links": {"self": str(request.url)}}
        return _reply({"meta": meta, **found})


def _fail(request: web.Request, fault: Fault) -> web.Response:
    if fault.kind == "malformed":
        return web.Response(body=b"<html><body>Bad Gateway</body></html>", content_type="text/html")
    if fault.kind == "disconnect":
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
    raise Refusal([Issue(fault.code, "injected by the sandbox")])


def _token_error(status: int, error: str, description: str) -> web.Response:
    document = {
        "error": error,
        "error_description": description,
        "code": 38187,
        "title": "Invalid parameters",
    }
    return _reply(document, status=status, content_type=TOKEN_TYPE)


def _reply(document: dict[str, Any], *, status: int = 200, content_type: str = DATA_TYPE) -> web.Response:
    return web.Response(body=msgspec.json.encode(document), status=status, content_type=content_type)

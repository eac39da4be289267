"""The composition root: settings become a running gateway, and everything that was opened is closed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime

from aiohttp import web

import cachekit
from cachekit.amadeus import AmadeusCacheRepository, AmadeusClient
from cachekit.socket_auth import SocketAuthRepository
from chatbot.assistant import Assistant, system_prompt
from chatbot.auth import TokenIssuer, TokenVerifier
from chatbot.gateway import Gateway
from chatbot.generation import Generations
from chatbot.health import health_routes
from chatbot.models.offline import OfflineModel
from chatbot.page import add_asset_headers, page_routes
from chatbot.places import PlaceDirectory
from chatbot.sessions import SessionRepository
from chatbot.settings import Settings
from chatbot.tools import SearchFlights, ToolRegistry

TOOL_TIMEOUT = 35.0
"""Seconds one tool call may take: a flight search with its retries fits."""
DEMO_TOKEN_LIFETIME = 12 * 3600.0
SHUTDOWN_GRACE = 0.5
"""Seconds that clients who were told to go have to do so at shutdown."""


def utc_today() -> date:
    """The day it is, in UTC."""
    return datetime.now(UTC).date()


@asynccontextmanager
async def gateway_app(
    settings: Settings, *, today: Callable[[], date] = utc_today, places: PlaceDirectory | None = None
) -> AsyncIterator[web.Application]:
    """The gateway as an aiohttp application, with all it stands on open; closed with the context.

    `today` is the day that "tomorrow" follows; several gateways of a process may share `places`.
    """
    async with (
        cachekit.connect(settings.redis_url, app="chatbot") as cache,
        AmadeusClient.from_settings(settings.amadeus, cache=cache) as flights,
    ):
        places = places or PlaceDirectory()
        # Takes a second of one core: before the first question, and beside the event loop.
        await asyncio.to_thread(places.load)
        model = OfflineModel(places, today=today, pace=settings.pace)
        repository = AmadeusCacheRepository(
            cache,
            flights,
            ttl=settings.ttl,
            max_ttl=settings.amadeus.max_ttl,
            enabled=settings.amadeus.cache,
        )
        tools = ToolRegistry([SearchFlights(repository, places, today=today)], timeout=TOOL_TIMEOUT)
        assistant = Assistant(model, tools, system=lambda: system_prompt(today().isoformat()))
        sessions = SessionRepository(cache.store, cache.clock)
        sockets = SocketAuthRepository(cache)
        generations = Generations(assistant, sessions)

        gateway = Gateway(
            origins=settings.origins,
            verifier=TokenVerifier(
                settings.jwt_secret, audience=settings.jwt_audience, issuer=settings.jwt_issuer
            ),
            sockets=sockets,
            sessions=sessions,
            generations=generations,
            model=model,
            clock=cache.clock,
        )
        issuer = TokenIssuer(settings.jwt_secret, lifetime=DEMO_TOKEN_LIFETIME) if settings.demo else None
        application = web.Application()
        application.add_routes(health_routes(sockets))
        application.add_routes(page_routes(model, issuer))
        gateway.attach(application)

        async def leave(_application: web.Application) -> None:
            # What is being written is kept and its end announced, then the sockets go, then Redis.
            await generations.aclose()
            await gateway.aclose()

        application.on_shutdown.append(leave)
        application.on_response_prepare.append(add_asset_headers)
        yield application


@asynccontextmanager
async def serve(
    settings: Settings, *, today: Callable[[], date] = utc_today, places: PlaceDirectory | None = None
) -> AsyncIterator[str]:
    """Run the gateway and yield its URL; everything is closed with the context."""
    async with gateway_app(settings, today=today, places=places) as application:
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_GRACE)
        await runner.setup()
        try:
            site = web.TCPSite(runner, settings.host, settings.port)
            await site.start()
            host, port = runner.addresses[0][:2]
            yield f"http://{'localhost' if host in {'127.0.0.1', '0.0.0.0'} else host}:{port}"  # noqa: S104
        finally:
            await runner.cleanup()

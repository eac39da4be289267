"""The composition root: settings become a running gateway, and everything that was opened is closed."""

import asyncio
import functools
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime
from typing import Final

from aiohttp import web

import cachekit
from cachekit.amadeus import AmadeusCacheRepository, AmadeusClient
from cachekit.core.cache import Cache
from cachekit.socket_auth import SocketAuthRepository, SocketKeeper
from chatbot.admin import admin_routes
from chatbot.analytics import Analytics
from chatbot.answers import Answers
from chatbot.assistant import Assistant, day_context, system_prompt
from chatbot.auth import Revocations, TokenVerifier
from chatbot.bookkeeping import Bookkeeper
from chatbot.bus import Bus
from chatbot.gateway import Gateway
from chatbot.health import Health, health_routes
from chatbot.limits import AddressLimit, UserLimits
from chatbot.metrics import LoopLag, Metrics, metrics_routes
from chatbot.models.protocol import ChatModel
from chatbot.models.readiness import Readiness
from chatbot.opening import open_archive, open_model, open_verifier, token_issuer, token_usage
from chatbot.page import add_asset_headers, page_routes
from chatbot.places import PlaceDirectory
from chatbot.sessions import SessionRepository
from chatbot.settings import ArchiverSettings, Settings
from chatbot.tools import ToolRegistry, flight_tools

TOOL_TIMEOUT: Final = 35.0
"""Seconds one tool call may take: a flight search with its retries fits."""
SHUTDOWN_GRACE: Final = 0.5
"""Seconds that clients who were told to go have to do so at shutdown."""
KEEP_ALIVE: Final = 75.0
"""Seconds that a connection may be without a whole request: longer than load balancers keep idle ones."""
SPREAD: Final = 2.0
"""Seconds, at most, over which the sockets of an instance that has drained are ended."""

_APP: Final = "chatbot"


def utc_today() -> date:
    """The day it is, in UTC."""
    return datetime.now(UTC).date()


def new_instance_id() -> str:
    """A name that no other instance has."""
    return secrets.token_hex(6)


@asynccontextmanager
async def serve(
    settings: Settings,
    *,
    instance: str | None = None,
    today: Callable[[], date] = utc_today,
    places: PlaceDirectory | None = None,
) -> AsyncIterator[str]:
    """Run the gateway and yield its URL; drained and closed with the context.

    `instance` is its name, unlike any other's; `today` is the day that "tomorrow" follows; several gateways
    of a process may share `places`.
    """
    name, places = instance or new_instance_id(), places or PlaceDirectory()
    async with AsyncExitStack() as stack:
        parts = await _Parts.open(settings, stack, name, today=today, places=places)
        runner = web.AppRunner(
            parts.application(settings),
            access_log=None,
            shutdown_timeout=SHUTDOWN_GRACE,
            keepalive_timeout=KEEP_ALIVE,
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, settings.host, settings.port).start()
        # While it drains it still listens, so that a load balancer hears that it is not ready.
        stack.push_async_callback(parts.leave, settings.drain)
        host, port = runner.addresses[0][:2]
        yield f"http://{'localhost' if host in {'127.0.0.1', '0.0.0.0'} else host}:{port}"  # noqa: S104


@asynccontextmanager
async def archiving(settings: ArchiverSettings) -> AsyncIterator[None]:
    """Only take sessions from Redis to the archive, as every gateway with an archive does beside its work."""
    async with AsyncExitStack() as stack:
        cache = await stack.enter_async_context(cachekit.connect(settings.redis_url, app=_APP))
        await open_archive(settings.archive, cache, stack, new_instance_id(), Metrics())
        yield


class _Parts:
    """One gateway's parts that something outside it asks for: over HTTP, or at its end."""

    def __init__(
        self,
        *,
        cache: Cache,
        metrics: Metrics,
        analytics: Analytics,
        bus: Bus,
        sockets: SocketAuthRepository,
        verifier: TokenVerifier,
        revocations: Revocations,
        model: ChatModel,
        readiness: Readiness | None,
        gateway: Gateway,
    ) -> None:
        self._cache = cache
        self._metrics = metrics
        self._analytics = analytics
        self._bus = bus
        self._sockets = sockets
        self._verifier = verifier
        self._revocations = revocations
        self._model = model
        self._readiness = readiness
        self._gateway = gateway

    @classmethod
    async def open(
        cls,
        settings: Settings,
        stack: AsyncExitStack,
        instance: str,
        *,
        today: Callable[[], date],
        places: PlaceDirectory,
    ) -> "_Parts":
        """Open all parts in the order in which they stand on each other; `stack` closes them."""
        enter, metrics = stack.enter_async_context, Metrics()
        cache = await enter(cachekit.connect(settings.redis_url, app=_APP, observers=[metrics.cache]))
        verifier = await open_verifier(settings.auth, stack)
        revocations = await enter(Revocations(cache))
        bus = await enter(Bus(cache, instance=instance))
        analytics = await enter(Analytics(cache, instance=instance))
        sockets = SocketAuthRepository(cache, instance=instance)
        keeper = await enter(SocketKeeper(sockets))
        archive = None
        if settings.archive is not None:
            archive = await open_archive(settings.archive, cache, stack, instance, metrics)
        sessions = SessionRepository(cache, archive=archive)
        usage = token_usage(settings, cache)
        stack.push_async_callback(usage.settle)
        # Takes a second of one core: before the first question, and beside the event loop.
        await asyncio.to_thread(places.load)
        model, readiness = await open_model(settings, stack, places, today=today)
        flights = await enter(AmadeusClient.from_settings(settings.amadeus, cache=cache))
        repository = AmadeusCacheRepository(
            cache,
            flights,
            ttl=settings.ttl,
            max_ttl=settings.amadeus.max_ttl,
            enabled=settings.amadeus.cache,
        )
        tools = flight_tools(repository, places, today=today, by_id=settings.amadeus.cache)
        registry = ToolRegistry(tools, timeout=TOOL_TIMEOUT, observe=metrics.tool)
        assistant = Assistant(
            model, registry, system=system_prompt, context=lambda: day_context(today().isoformat())
        )
        limits = settings.limits
        gateway = Gateway(
            origins=settings.origins,
            trusted=settings.trusted_proxies,
            verifier=verifier,
            revocations=revocations,
            addresses=AddressLimit(per_minute=limits.address_connects, clock=cache.clock),
            requests=AddressLimit(per_minute=limits.address_requests, clock=cache.clock),
            limits=UserLimits(
                cache,
                connects_per_minute=limits.user_connects,
                messages_per_minute=limits.user_messages,
            ),
            keeper=keeper,
            sessions=sessions,
            answers=functools.partial(
                Answers,
                assistant,
                sessions,
                cache,
                bus,
                instance=instance,
                usage=usage,
                observer=Bookkeeper(metrics, analytics, usage),
            ),
            analytics=analytics,
            metrics=metrics,
            bus=bus,
            model=model,
            clock=cache.clock,
        )
        lag = await enter(LoopLag())
        for name, text, read in (
            ("sockets", "Sockets connected here.", lambda: gateway.sockets),
            ("transports", "Connections open here, also those not signed in.", lambda: gateway.transports),
            ("answers_writing", "Answers being written here.", lambda: gateway.answers.writing),
            ("event_loop_lag_seconds", "How late the event loop is.", lambda: lag.seconds),
            ("bus_ready", "1 while other instances are heard.", lambda: bus.ready),
            ("registry_healthy", "1 while Redis knows of all sockets here.", lambda: keeper.healthy),
            ("redis_connections", "Connections to Redis in use here.", lambda: cache.store.connections[0]),
        ):
            metrics.gauge(name, text, read)
        metrics.counts(
            "transports_ended",
            "Connections that have ended, those not signed in included.",
            "reason",
            lambda: gateway.transports_ended,
        )
        return cls(
            cache=cache,
            metrics=metrics,
            analytics=analytics,
            bus=bus,
            sockets=sockets,
            verifier=verifier,
            revocations=revocations,
            model=model,
            readiness=readiness,
            gateway=gateway,
        )

    def application(self, settings: Settings) -> web.Application:
        """What is served: the sockets, the page, and what operators ask for."""
        health = Health(
            cache=self._cache,
            conditions={
                "bus": lambda: self._bus.ready,
                "model": lambda: self._readiness is None or self._readiness.ready,
                "draining": lambda: not self._gateway.draining,
            },
            sockets=self._sockets.get_connected_sockets_count,
            held=lambda: self._gateway.sockets,
        )
        application = web.Application()
        application.add_routes(health_routes(health))
        application.add_routes(metrics_routes(self._metrics))
        application.add_routes(admin_routes(self._verifier, self._revocations, self._bus, self._analytics))
        application.add_routes(page_routes(self._model, token_issuer(settings)))
        application.on_response_prepare.append(add_asset_headers)
        application.on_response_prepare.append(_hide_versions)
        self._gateway.attach(application)
        return application

    async def leave(self, drain: float) -> None:
        """Finish or hand over the answers, then end the sockets."""
        if drain:
            await self._gateway.drain(drain)
        await self._gateway.aclose(spread=min(drain, SPREAD))


async def _hide_versions(_request: web.Request, response: web.StreamResponse) -> None:
    """What serves, and in which version, is of use to attackers only. A signal handler."""
    response.headers.popall("Server", None)

"""The parts of a gateway that are this or that, as the settings say; used by `chatbot.app`."""

import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import date
from typing import Final

from cachekit.core.cache import Cache
from chatbot.auth import JwksKeys, TokenIssuer, TokenVerifier
from chatbot.errors import SettingsError
from chatbot.metrics import Metrics
from chatbot.models.offline import OfflineModel
from chatbot.models.protocol import ChatModel
from chatbot.models.readiness import Readiness
from chatbot.places import PlaceDirectory
from chatbot.sessions import Archive, ArchiveUnavailable
from chatbot.settings import ArchiveSettings, AuthSettings, Settings
from chatbot.usage import Prices, Usage

logger = logging.getLogger(__name__)

DEMO_TOKEN_LIFETIME: Final = 12 * 3600.0
"""Seconds."""

_DAY: Final = 86_400


async def open_verifier(auth: AuthSettings, stack: AsyncExitStack) -> TokenVerifier:
    """Who checks tokens: by the secret, or by the keys their issuer publishes."""
    if auth.secret is not None:
        return TokenVerifier.with_secret(
            auth.secret,
            audience=auth.audience,
            issuer=auth.issuer,
            type=auth.type,
            admin_role=auth.admin_role,
        )
    assert auth.jwks_url is not None
    keys = await stack.enter_async_context(JwksKeys(auth.jwks_url))
    return TokenVerifier.with_jwks(
        keys,
        algorithms=auth.algorithms,
        audience=auth.audience,
        issuer=auth.issuer,
        type=auth.type,
        admin_role=auth.admin_role,
    )


def token_issuer(settings: Settings) -> TokenIssuer | None:
    """Who signs the demo's tokens; None where there is no demo."""
    auth = settings.auth
    if not settings.demo or auth.secret is None:
        return None
    return TokenIssuer(
        auth.secret,
        lifetime=DEMO_TOKEN_LIFETIME,
        audience=auth.audience,
        issuer=auth.issuer,
        type=auth.type,
    )


def token_usage(settings: Settings, cache: Cache) -> Usage:
    """Who counts what each user has used of the model."""
    prices = settings.model.prices if settings.model else ()
    known = None
    if prices:
        given, written, *cached = prices
        # Without prices of their own, what is read from or put into the model's cache costs as input.
        read, write = cached or (given, given)
        known = Prices(input=given, output=written, cache_read=read, cache_write=write)
    return Usage(cache, daily_tokens=settings.limits.daily_tokens or None, prices=known)


async def open_model(
    settings: Settings, stack: AsyncExitStack, places: PlaceDirectory, *, today: Callable[[], date]
) -> tuple[ChatModel, Readiness | None]:
    """Who answers, and whether that can be told to be ready; the offline model always is."""
    if settings.model is None:
        return OfflineModel(places, today=today, pace=settings.pace), None
    # Only here: the rest needs no AWS.
    try:
        from chatbot.models.bedrock import BedrockModel  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise _lacks_aws("CHATBOT_MODEL", error) from error
    chosen = settings.model
    bedrock = BedrockModel(
        chosen.id,
        region=chosen.region,
        endpoint_url=chosen.endpoint,
        threads=chosen.streams,
        cache_points=chosen.cache_points,
    )
    model = await stack.enter_async_context(bedrock)
    return model, await stack.enter_async_context(Readiness(model.probe))


async def open_archive(
    archive: ArchiveSettings, cache: Cache, stack: AsyncExitStack, instance: str, metrics: Metrics
) -> Archive:
    """Where sessions are read back from; with it, what takes them there begins its work."""
    try:
        from chatbot.archive import Archiver, DynamoTable, SessionArchive  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise _lacks_aws("CHATBOT_ARCHIVE_TABLE", error) from error
    table = DynamoTable(archive.table, region=archive.region, endpoint_url=archive.endpoint)
    await stack.enter_async_context(table)
    try:
        await table.check()
    except ArchiveUnavailable as error:
        logger.warning("the archive cannot be reached yet: %s", error)
    archiver = Archiver(cache, table, consumer=instance, keep=archive.days * _DAY)
    await stack.enter_async_context(archiver)
    metrics.gauge("archive_healthy", "1 while Redis and the table are reached.", lambda: archiver.healthy)
    metrics.ask_for(
        "archive_backlog", "Entries that the table lacks, of all instances.", archiver.log.backlog
    )
    metrics.ask_for("archive_dead_letters", "Entries that nobody could write.", archiver.log.buried)
    return SessionArchive(table, cache.clock)


def _lacks_aws(variable: str, error: ModuleNotFoundError) -> SettingsError:
    return SettingsError(f"{variable} needs the package cachekit-toolkit[aws] ({error.name} is missing)")

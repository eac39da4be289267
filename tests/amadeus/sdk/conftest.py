"""A sandbox that blocking callers use, and official clients of it."""

import datetime as dt
import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from support.blocking import Sandbox

import cachekit
from cachekit.amadeus.sandbox.server import SandboxServer
from cachekit.amadeus.sdk import CachedClient
from cachekit.amadeus.sdk.portal import Portal
from cachekit.testing import ManualClock


@pytest.fixture(autouse=True)
def sdk_logger() -> Iterator[logging.Logger]:
    """The SDK's global logger, which every client changes, as it was."""
    logger = logging.getLogger("amadeus")
    before = (list(logger.handlers), logger.level)
    yield logger
    logger.handlers[:], logger.level = before


@pytest.fixture
def sandbox(clock: ManualClock) -> Iterator[Sandbox]:
    """Its time is the cache's."""
    now = lambda: dt.datetime.fromtimestamp(clock.time(), dt.UTC)  # noqa: E731
    with Portal(lambda: SandboxServer(clock=now)) as portal:
        yield Sandbox(portal)


@pytest.fixture
def make(sandbox: Sandbox, redis_url: str, clock: ManualClock) -> Iterator[Callable[..., CachedClient]]:
    """Makes cached clients of the sandbox, and closes them."""
    made: list[CachedClient] = []

    def factory(**options: Any) -> CachedClient:
        opening = {"open_cache": partial(cachekit.connect, redis_url, clock=clock)}
        if "redis_url" in options:
            opening = {}
        made.append(CachedClient(**{**sandbox.options, **opening, **options}))
        return made[-1]

    yield factory
    for client in made:
        client.close()


@pytest.fixture
def client(make: Callable[..., CachedClient]) -> CachedClient:
    return make()

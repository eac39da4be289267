"""A session repository on a real server, and one on memory://."""

from collections.abc import AsyncIterator

import pytest

import cachekit
from cachekit.testing import ManualClock
from chatbot.sessions import SessionRepository


@pytest.fixture(params=["redis", "memory"])
async def cache(request: pytest.FixtureRequest, clock: ManualClock) -> AsyncIterator[cachekit.Cache]:
    url = "memory://" if request.param == "memory" else request.getfixturevalue("redis_url")
    async with cachekit.connect(url, clock=clock) as opened:
        yield opened


@pytest.fixture
def sessions(cache: cachekit.Cache) -> SessionRepository:
    return SessionRepository(cache)

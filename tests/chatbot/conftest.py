"""A gateway of the test's own: real Redis, real sandbox over HTTP, real sockets."""

from collections.abc import AsyncIterator

import pytest
from support.rig import NOON, SECRET, TODAY, Rig

import cachekit
from cachekit.amadeus.client import AmadeusSettings
from cachekit.amadeus.sandbox import SandboxServer
from chatbot.app import serve
from chatbot.places import PlaceDirectory
from chatbot.settings import Settings


@pytest.fixture(scope="session")
def places() -> PlaceDirectory:
    """The index of places, built once: it takes a second."""
    directory = PlaceDirectory()
    directory.load()
    return directory


@pytest.fixture
async def rig(redis_url: str, places: PlaceDirectory) -> AsyncIterator[Rig]:
    async with (
        SandboxServer(seed=1, clock=lambda: NOON) as sandbox,
        cachekit.connect(redis_url) as cache,
    ):
        settings = Settings(
            port=0,
            demo=True,
            jwt_secret=SECRET,
            redis_url=redis_url,
            amadeus=AmadeusSettings(
                base_url=sandbox.url, client_id=sandbox.client_id, client_secret=sandbox.client_secret
            ),
            pace=0,
        )
        async with serve(settings, today=lambda: TODAY, places=places) as url:
            yield Rig(url, cache, sandbox)

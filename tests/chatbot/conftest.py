"""A gateway of the test's own: real Redis, real sandbox over HTTP, real sockets."""

from collections.abc import AsyncIterator, Iterator

import pytest
from moto.server import ThreadedMotoServer
from support.rig import NOW, TODAY, Rig, settings

import cachekit
from cachekit.amadeus.client import AmadeusSettings
from cachekit.amadeus.sandbox import SandboxServer
from chatbot.app import serve
from chatbot.places import PlaceDirectory


@pytest.fixture(scope="session")
def places() -> PlaceDirectory:
    """The index of places, built once: it takes a second."""
    directory = PlaceDirectory()
    directory.load()
    return directory


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """A server that speaks DynamoDB, of this process's own."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
async def rig(redis_url: str, places: PlaceDirectory) -> AsyncIterator[Rig]:
    async with (
        SandboxServer(seed=1, clock=lambda: NOW) as sandbox,
        cachekit.connect(redis_url) as cache,
    ):
        flights = AmadeusSettings(
            base_url=sandbox.url, client_id=sandbox.client_id, client_secret=sandbox.client_secret
        )
        whole = settings(redis_url, demo=True, amadeus=flights)
        async with serve(whole, today=lambda: TODAY, places=places) as url:
            yield Rig(url, cache, sandbox)

"""A table of the test's own, in moto's server behind a proxy, and what reads and writes it."""

import secrets
from collections.abc import AsyncIterator, Callable

import pytest
from support.dynamo import CREDENTIALS, DynamoProxy

import cachekit
from chatbot.archive import Archiver, DynamoTable, SessionArchive
from chatbot.archive.items import Item
from chatbot.sessions import SessionRepository


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
async def dynamo(moto_url: str) -> AsyncIterator[DynamoProxy]:
    async with DynamoProxy(moto_url) as proxy:
        yield proxy


@pytest.fixture
async def table(dynamo: DynamoProxy) -> AsyncIterator[DynamoTable]:
    name = f"chat-{secrets.token_hex(4)}"
    async with DynamoTable(name, endpoint_url=dynamo.url, read_timeout=2) as opened:
        await opened.create()
        yield opened


@pytest.fixture
def sessions(cache: cachekit.Cache, table: DynamoTable) -> SessionRepository:
    return SessionRepository(cache, archive=SessionArchive(table, cache.clock))


@pytest.fixture
def new_archiver(cache: cachekit.Cache, table: DynamoTable) -> Callable[..., Archiver]:
    """Makes archivers, each a consumer of its own."""

    def make(**options) -> Archiver:
        return Archiver(cache, table, consumer=secrets.token_hex(4), **options)

    return make


@pytest.fixture
def archiver(new_archiver: Callable[..., Archiver]) -> Archiver:
    return new_archiver()


@pytest.fixture
def rows(table: DynamoTable) -> Callable:
    """What lies in a session's part of the table."""

    async def read(session_id: str) -> list[Item]:
        return await table.query(f"SESSION#{session_id}", "MSG#")

    return read

"""A sandbox that stands at one moment, and ways to ask it."""

from collections.abc import AsyncIterator

import httpx
import pytest
from support.sandbox import NOW, ask_for_token

from cachekit.amadeus.client import AmadeusClient
from cachekit.amadeus.sandbox import SandboxServer


@pytest.fixture
async def server() -> AsyncIterator[SandboxServer]:
    """A sandbox whose clock stands at NOW."""
    async with SandboxServer(seed=1, clock=lambda: NOW) as running:
        yield running


@pytest.fixture
async def http(server: SandboxServer) -> AsyncIterator[httpx.AsyncClient]:
    """Plain HTTP to it, without a token."""
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as opened:
        yield opened


@pytest.fixture
async def let_in(http: httpx.AsyncClient, server: SandboxServer) -> httpx.AsyncClient:
    """The same, with a token."""
    token = (await ask_for_token(http, server)).json()["access_token"]
    http.headers["Authorization"] = f"Bearer {token}"
    return http


@pytest.fixture
async def client(server: SandboxServer) -> AsyncIterator[AmadeusClient]:
    """This project's own client, which gives up at once."""
    async with AmadeusClient(server.url, server.client_id, server.client_secret, retries=0) as opened:
        yield opened

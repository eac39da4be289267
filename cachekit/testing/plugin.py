"""Fixtures for pytest.

A suite that wants them says so in its conftest.py:

    pytest_plugins = ["cachekit.testing.plugin"]

`cachekit_clock` is a clock to move, `cachekit_url` a server for the whole run, and `cachekit_cache` an open
cache on it, emptied for each test. A suite may override `cachekit_url` with a server of its own, which is
then never emptied.
"""

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from cachekit.core.cache import Cache
    from cachekit.testing.clock import ManualClock

_PRIVATE_URL = pytest.StashKey[str]()


@pytest.fixture
def cachekit_clock() -> "ManualClock":
    """A clock that moves only when told to; the one of `cachekit_cache`."""
    from cachekit.testing.clock import ManualClock  # noqa: PLC0415

    return ManualClock()


@pytest.fixture(scope="session")
def cachekit_url(pytestconfig: pytest.Config) -> Iterator[str]:
    """The URL of a private real server, started once and ended with the run; memory:// without a binary."""
    from cachekit.core.embedded import EmbeddedServer, find_server  # noqa: PLC0415

    if find_server() is None:
        yield "memory://"
        return
    with EmbeddedServer() as server:
        url = pytestconfig.stash[_PRIVATE_URL] = f"unix://{server.socket}"
        yield url


@pytest_asyncio.fixture
async def cachekit_cache(
    cachekit_url: str, cachekit_clock: "ManualClock", pytestconfig: pytest.Config
) -> "AsyncIterator[Cache]":
    """An open cache; on the private server, an empty one."""
    from cachekit.core.assembly import connect  # noqa: PLC0415

    async with connect(cachekit_url, clock=cachekit_clock) as cache:
        if cachekit_url == pytestconfig.stash.get(_PRIVATE_URL, None):
            await cache.store.execute("FLUSHALL")
        yield cache

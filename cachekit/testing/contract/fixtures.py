"""What the suites share: two caches on one server, as two processes would have them, and their namespaces."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest
import pytest_asyncio

from cachekit.core.assembly import connect
from cachekit.core.cache import Cache
from cachekit.core.namespace import Namespace
from cachekit.core.policy import Policy
from cachekit.testing.clock import ManualClock

OpenCache = Callable[[], AbstractAsyncContextManager[Cache]]
_DEADLINE = 10.0


class Contract:
    """Base of the suites. A subclass gives `cache_url`, or `open_cache` where a URL is not enough."""

    pytestmark = pytest.mark.asyncio

    shared = True
    """Whether two caches opened on the same URL see the same keys; memory:// gives each its own."""

    policy = Policy(ttl=60, stale=600, retry_after=5)
    """How the namespaces keep values; a subclass may vary it, but ttl, stale and retry_after."""

    @pytest.fixture
    def cache_url(self) -> str:
        """Where the server under test is."""
        raise NotImplementedError("a contract needs a fixture cache_url that gives the server's URL")

    @pytest.fixture
    def name(self) -> str:
        """A namespace that no other test uses."""
        return f"contract-{secrets.token_hex(8)}"

    @pytest.fixture
    def now(self) -> ManualClock:
        """The clock of both caches."""
        return ManualClock()

    @pytest.fixture
    def open_cache(self, cache_url: str, name: str, now: ManualClock) -> OpenCache:
        """Opens a cache on the server, as another process would."""
        return lambda: connect(cache_url, app=name, clock=now)

    @pytest_asyncio.fixture
    async def cache(self, open_cache: OpenCache) -> AsyncIterator[Cache]:
        """The cache under test."""
        async with open_cache() as opened:
            yield opened

    @pytest.fixture
    def ns(self, cache: Cache, name: str) -> Namespace:
        """The namespace under test."""
        return cache.namespace(name, self.policy)

    @pytest_asyncio.fixture
    async def peer(self, open_cache: OpenCache, name: str) -> AsyncIterator[Namespace]:
        """The same namespace as another process has it."""
        if not self.shared:
            pytest.skip("two caches of this kind share no keys")
        async with open_cache() as opened:
            yield opened.namespace(name, self.policy)

    @pytest.fixture(params=["here", "elsewhere"])
    def anyone(self, request: pytest.FixtureRequest, ns: Namespace) -> Namespace:
        """The namespace in this process, and in another."""
        if request.param == "here":
            return ns
        other: Namespace = request.getfixturevalue("peer")
        return other


async def eventually(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until it holds: another process hears of a change soon, and not at once."""
    try:
        async with asyncio.timeout(_DEADLINE):
            while not await holds():  # noqa: ASYNC110 - the other process has no event to offer
                await asyncio.sleep(0.001)
    except TimeoutError:
        raise AssertionError(f"not within {_DEADLINE:.0f} s: {what}") from None


async def gone(ns: Namespace, *keys: str) -> None:
    """Wait until nothing lies under the keys, neither fresh nor stale."""

    async def nothing() -> bool:
        return [await ns.get_entry(key) for key in keys] == [None] * len(keys)

    await eventually(nothing, f"{', '.join(keys)} gone")


async def seen(ns: Namespace, key: str, value: object) -> None:
    """Wait until the value under the key is this one, and fresh."""

    async def same() -> bool:
        entry = await ns.get_entry(key)
        return entry is not None and entry.value == value and entry.state == "fresh"

    await eventually(same, f"the new value of {key} seen")

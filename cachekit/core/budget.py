"""How many connections this process may have open at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cachekit.errors import CacheUnavailable


class Budget:
    """Counts every connection, shared or dedicated; who finds all in use waits a bounded time."""

    def __init__(self, max_connections: int, *, timeout: float) -> None:
        """`timeout`: seconds that a caller waits for a connection at most."""
        self._limit = max_connections
        self._used = 0
        self._timeout = timeout
        self._free = asyncio.Semaphore(max_connections)

    async def acquire(self) -> None:
        """Take one; raises CacheUnavailable, naming `max_connections`, if none became free in time."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._free.acquire()
        except TimeoutError as error:
            raise CacheUnavailable(
                f"all connections are in use (max_connections={self._limit}), "
                f"and none became free within {self._timeout} s",
                operation="connect",
            ) from error
        self._used += 1

    def release(self) -> None:
        """Give one back."""
        self._used -= 1
        self._free.release()

    @property
    def use(self) -> tuple[int, int]:
        """How many connections are in use, and how many may be."""
        return self._used, self._limit

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """One connection for as long as the context lasts."""
        await self.acquire()
        try:
            yield
        finally:
            self.release()

"""Which connection a command goes over: the interface, and its plainest form, one server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from cachekit.core.budget import Budget
from cachekit.core.dedicated import Dedicated
from cachekit.core.link import Link
from cachekit.core.refusal import reason_of, unavailable
from cachekit.core.tracking import Listener
from cachekit.core.wire import Command

Shapes = Mapping[str, Callable[..., Any]]
"""By a command's name, what redis-py makes of its reply, e.g. a dict of INFO's text."""


@cache
def redis_py_shapes(protocol: int) -> Shapes:
    """The shapes of redis-py's own client; those of RESP3 make nothing of RESP2's replies, and fail."""
    return {str(name): shape for name, shape in Redis(protocol=protocol).response_callbacks.items()}


class Node(Protocol):
    """One server that holds keys of its own."""

    def send(self, command: Command, *, safe: bool = False) -> Awaitable[Any]:
        """One command; `safe` if running it twice does no harm. Raises as `Topology` does."""


class Topology(Protocol):
    """Servers that are one key space.

    Methods raise redis-py's errors for what a server refused, and CacheUnavailable for one that cannot be
    reached or does not answer.
    """

    blocks: bool
    """Whether a command may block on a connection of its own."""

    @property
    def shapes(self) -> Shapes:
        """What is still to be made of the replies that have come."""

    @property
    def connections(self) -> tuple[int, int]:
        """How many connections are in use, and how many may be."""

    def get(self, key: str) -> Awaitable[bytes | None]:
        """GET."""

    def get_with_expiry(self, key: str) -> Awaitable[Sequence[Any]]:
        """The replies to GET and PTTL, errors among them."""

    def send(self, command: Command, *, safe: bool = False) -> Awaitable[Any]:
        """One command, to the server that has its key; `safe` if running it twice does no harm."""

    def send_all(
        self, commands: Sequence[Command], *, operation: str, safe: bool = False
    ) -> Awaitable[list[Any]]:
        """Several commands, one write for each server; replies in order, errors among them."""

    async def primaries(self) -> Sequence[Node]:
        """Every server that holds keys."""

    def track(self, prefix: str, listener: Listener) -> None:
        """Tell `listener` what happens to keys with `prefix`, where the servers can."""

    def dedicated(self, key: str) -> AbstractAsyncContextManager[Dedicated]:
        """A connection of one's own to the server that has `key`."""

    async def aclose(self) -> None:
        """Close every connection."""


class Single:
    """One server, or the one that is the master now: one link."""

    blocks = True

    def __init__(
        self,
        dial: Callable[[], Awaitable[AbstractConnection]],
        *,
        max_connections: int,
        timeout: float,
        moves: bool,
    ) -> None:
        """`timeout`, in seconds, is each command's; `moves` if dialling again may find another server."""
        self._dial = dial
        self._timeout = timeout
        self._budget = Budget(max_connections, timeout=timeout)
        self._link = Link(dial, budget=self._budget, timeout=timeout, moves=moves)
        self.get = self._link.get
        self.get_with_expiry = self._link.get_with_expiry
        self.send = self._link.send
        self.send_all = self._link.send_all
        self.track = self._link.track
        self.aclose = self._link.aclose

    @property
    def shapes(self) -> Shapes:
        """Those of the protocol that the server speaks."""
        return redis_py_shapes(self._link.protocol)

    @property
    def connections(self) -> tuple[int, int]:
        """The link's, and the dedicated ones."""
        return self._budget.use

    async def primaries(self) -> Sequence[Node]:
        """The one."""
        return [self._link]

    @asynccontextmanager
    async def dedicated(self, key: str) -> AsyncIterator[Dedicated]:  # noqa: ARG002 - one server has all keys
        """A connection beside the link's."""
        async with dedicate(self._dial, self._budget, timeout=self._timeout) as connection:
            yield connection


@asynccontextmanager
async def dedicate(
    dial: Callable[[], Awaitable[AbstractConnection]],
    budget: Budget,
    *,
    timeout: float,  # noqa: ASYNC109 - of connecting, not of the context
) -> AsyncIterator[Dedicated]:
    """A connection of one's own, counted in `budget` for as long as the context lasts.

    To connect may take `timeout` seconds, the handshake included: redis-py bounds only the socket's part.
    """
    async with budget.one():
        try:
            async with asyncio.timeout(timeout):
                connection = await dial()
        except TimeoutError as error:
            raise reason_of(error, timeout)("connect") from error
        except (RedisError, OSError) as error:
            raise unavailable("connect", error) from error
        try:
            yield Dedicated(connection, redis_py_shapes(connection.protocol))
        finally:
            await connection.disconnect()

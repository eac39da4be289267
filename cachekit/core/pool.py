"""fakeredis in this process, through redis-py's own client and pool: for `memory://`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis

from cachekit.core.dedicated import Dedicated
from cachekit.core.topology import Node, Shapes, redis_py_shapes
from cachekit.core.tracking import Listener
from cachekit.core.wire import Command
from cachekit.errors import CacheUnavailable, ConfigurationError

T = TypeVar("T")


def memory_server() -> Any:
    """A server that is a Python object; raises ConfigurationError without fakeredis."""
    try:
        from fakeredis import FakeServer  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigurationError("memory:// needs the package cachekit-toolkit[memory]") from None
    return FakeServer()


class MemoryPool:
    """Connections to a `memory_server`. It pushes nothing, so nothing is tracked."""

    blocks = False

    def __init__(self, server: Any, *, max_connections: int, timeout: float) -> None:
        """`timeout`, in seconds, is each command's and each wait for a free connection's."""
        from fakeredis import FakeAsyncRedisConnection  # noqa: PLC0415 - an extra

        self._pool = BlockingConnectionPool(
            connection_class=FakeAsyncRedisConnection,
            server=server,
            max_connections=max_connections,
            timeout=timeout,
        )
        self._client = Redis(connection_pool=self._pool)
        self._timeout = timeout
        self._most = max_connections
        self._used = 0
        self.shapes: Shapes = {}

    @property
    def connections(self) -> tuple[int, int]:
        """Those that a command is under way on."""
        return self._used, self._most

    async def get(self, key: str) -> bytes | None:
        """GET."""
        found: bytes | None = await self.send(("GET", key))
        return found

    async def get_with_expiry(self, key: str) -> list[Any]:
        """GET and PTTL."""
        return await self.send_all([("GET", key), ("PTTL", key)], operation="GET")

    async def send(self, command: Command, *, safe: bool = False) -> Any:  # noqa: ARG002
        """One command."""
        send = self._client.execute_command
        return await self._within(str(command[0]), lambda: send(*command))  # type: ignore[no-untyped-call]

    async def send_all(
        self,
        commands: Sequence[Command],
        *,
        operation: str,
        safe: bool = False,  # noqa: ARG002
    ) -> list[Any]:
        """Several commands, errors among their replies."""
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return await self._within(operation, lambda: pipeline.execute(raise_on_error=False))

    async def primaries(self) -> Sequence[Node]:
        """The one."""
        return [self]

    def track(self, prefix: str, listener: Listener) -> None:
        """Nothing: `listener` is never `opened`."""

    @asynccontextmanager
    async def dedicated(self, key: str) -> AsyncIterator[Dedicated]:  # noqa: ARG002
        """One of the pool's connections."""
        connection = await self._within("connect", self._pool.get_connection)
        try:
            yield Dedicated(connection, redis_py_shapes(connection.protocol))
        finally:
            await connection.disconnect(nowait=True)
            await self._pool.release(connection)

    async def aclose(self) -> None:
        """Close the pool; what the server holds goes with it."""
        await self._client.aclose()
        await self._pool.disconnect()

    async def _within(self, operation: str, send: Callable[[], Awaitable[T]]) -> T:
        self._used += 1
        try:
            async with asyncio.timeout(self._timeout):
                return await send()
        except TimeoutError as error:
            raise CacheUnavailable(
                f"Redis did not answer {operation} within {self._timeout} s", operation=operation
            ) from error
        finally:
            self._used -= 1

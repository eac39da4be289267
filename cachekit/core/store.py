"""The one gateway to Redis: deadlines, and the translation of foreign errors, stand here and nowhere else."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError, ResponseError

from cachekit.errors import CacheClosed, CacheUnavailable

T = TypeVar("T")
Command = tuple[str | bytes | int | float, ...]

SCAN_BATCH = 500
"""Keys looked at by one SCAN: some 0.2 ms of the server's time, so that no other client notices."""


class Store:
    """Commands to one Redis, each within `timeout` seconds.

    Every method raises CacheUnavailable, and nothing else, if Redis cannot be reached, does not answer
    in time, or refuses the command; and CacheClosed after `close`.
    """

    def __init__(self, client: Redis, *, timeout: float) -> None:
        self._client = client
        self._timeout = timeout
        self._closed = False

    def close(self) -> None:
        """Refuse further commands with CacheClosed; the connections belong to whoever opened them."""
        self._closed = True

    async def get(self, key: str) -> bytes | None:
        """The bytes under `key`; None if there are none. A key that holds no string counts as empty bytes."""
        try:
            return cast("bytes | None", await self._within(lambda: self._client.get(key), "GET"))
        except CacheUnavailable as error:
            if _is_wrong_type(error.__cause__):
                return b""
            raise

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """What `get` gives for each key, in one round trip."""
        if not keys:
            return []
        pipeline = self._client.pipeline(transaction=False)
        for key in keys:
            pipeline.get(key)
        replies = await self._within(lambda: pipeline.execute(raise_on_error=False), "GET")
        for reply in replies:
            if isinstance(reply, Exception) and not _is_wrong_type(reply):
                raise _refused("GET", reply) from reply
        return [b"" if isinstance(reply, Exception) else reply for reply in replies]

    async def set(self, key: str, value: bytes, *, px: int) -> None:
        """Store `value` for `px` milliseconds."""
        await self._within(lambda: self._client.set(key, value, px=px), "SET")

    async def unlink(self, *keys: str | bytes) -> int:
        """Remove keys; how many there were. One command a key, so that they may lie in any cluster slot."""
        if len(keys) == 1:
            return int(await self.execute("UNLINK", keys[0]))
        removed = await self.pipeline([("UNLINK", key) for key in keys])
        return sum(removed)

    async def execute(self, *command: str | bytes | float) -> Any:
        """Any one command."""
        send = self._client.execute_command
        return await self._within(lambda: send(*command), str(command[0]))  # type: ignore[no-untyped-call]

    async def pipeline(self, commands: Sequence[Command]) -> list[Any]:
        """Several commands in one round trip, not atomic; their replies in order."""
        if not commands:
            return []
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return cast("list[Any]", await self._within(pipeline.execute, "pipeline"))

    async def run_script(self, script: str, key: str, *arguments: str | bytes | float) -> Any:
        """Run one of `cachekit.core.scripts` on `key`, by its digest; its text travels once a server."""
        digest = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
        try:
            return await self.execute("EVALSHA", digest, 1, key, *arguments)
        except CacheUnavailable as error:
            # The server has not seen the script yet, was restarted, or its scripts were flushed.
            if not isinstance(error.__cause__, NoScriptError):
                raise
        return await self.execute("EVAL", script, 1, key, *arguments)

    async def scan(self, pattern: str) -> AsyncIterator[list[bytes]]:
        """Batches of keys that match the glob. May repeat keys, and may miss those that come meanwhile."""
        cursor: int | bytes = 0
        while True:
            cursor, keys = await self.execute("SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_BATCH)
            if keys:
                yield keys
            if int(cursor) == 0:
                return

    async def ping(self) -> None:
        """Raises CacheUnavailable unless Redis answers."""
        await self.execute("PING")

    async def _within(self, send: Callable[[], Awaitable[T]], operation: str) -> T:
        if self._closed:
            raise CacheClosed("the cache is closed")
        try:
            async with asyncio.timeout(self._timeout):
                return await send()
        except TimeoutError as error:
            raise CacheUnavailable(
                f"Redis did not answer {operation} within {self._timeout} s", operation=operation
            ) from error
        except (RedisError, OSError) as error:
            raise _refused(operation, error) from error


def _refused(operation: str, error: Exception) -> CacheUnavailable:
    # The error's own text may hold an address or a key; its kind says enough.
    return CacheUnavailable(f"Redis could not serve {operation}: {type(error).__name__}", operation=operation)


def _is_wrong_type(error: object) -> bool:
    return isinstance(error, ResponseError) and str(error).startswith("WRONGTYPE")

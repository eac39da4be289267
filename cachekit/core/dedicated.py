"""A connection of one caller's own, for commands that block."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError, ResponseError

from cachekit.core.refusal import unavailable
from cachekit.errors import CacheUnavailable


class Dedicated:
    """One connection, one command at a time. Once a command has failed or timed out it stays broken.

    Taken from `Store.dedicated`; whoever finds it broken leaves that context and opens another.
    """

    def __init__(self, connection: AbstractConnection, shapes: Mapping[str, Callable[..., Any]]) -> None:
        self._connection = connection
        self._shapes = shapes
        self._broken = False

    async def execute(self, *command: str | bytes | float, timeout: float) -> Any:  # noqa: ASYNC109
        """One command, which may block on the server for less than `timeout` seconds.

        Raises CacheUnavailable: refused, no answer in time, or broken before.
        """
        operation = str(command[0])
        if self._broken:
            raise CacheUnavailable(f"the connection broke before {operation}", operation=operation)
        # Until the reply is read: after a cancellation the next one would be another command's.
        self._broken = True
        try:
            async with asyncio.timeout(timeout):
                await self._connection.send_command(*command)
                reply = await self._connection.read_response()
        except TimeoutError as error:
            raise CacheUnavailable(
                f"Redis did not answer {operation} within {timeout} s", operation=operation
            ) from error
        except (RedisError, OSError) as error:
            self._broken = not isinstance(error, ResponseError)
            raise unavailable(operation, error) from error
        self._broken = False
        shape = self._shapes.get(operation.upper())
        return reply if shape is None else shape(reply)

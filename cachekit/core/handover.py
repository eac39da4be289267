"""redis-py's connections, closed for good and taken over: the one place that looks inside redis-py.

It is written for `redis>=8.1,<9`; `require_handover` says so when the cache is opened.
"""

import asyncio
from functools import cache
from typing import Any, Final

import redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from cachekit.core.wire import Wire
from cachekit.errors import ConfigurationError


def require_handover(connection: AbstractConnection) -> None:
    """Raises ConfigurationError unless this redis-py's connections can be taken over by `take_over`."""
    if not all(hasattr(connection, part) for part in _PARTS):
        raise ConfigurationError(
            f"redis-py {redis.__version__} keeps its streams elsewhere: redis>=8.1,<9 is needed"
        )


_PARTS: Final = ("_reader", "_writer")
_RESP3: Final = 3


class _Abrupt(AbstractConnection):
    """A connection of redis-py whose `disconnect` closes the socket at once, and waits until it is closed.

    redis-py's own starts TLS's farewell and, wherever something has failed, does not wait for the server's:
    a loop that ends meanwhile leaves the socket open.
    """

    async def disconnect(self, *_: Any, **__: Any) -> None:
        """Whatever is asked for; a cancellation only ends the wait."""
        if self._writer is not None:
            self._writer.transport.abort()
        await super().disconnect()


@cache
def abrupt(kind: type[AbstractConnection]) -> type[AbstractConnection]:
    """redis-py's class of connections, but what leaves a connection has closed its socket; see `_Abrupt`."""
    return type(kind.__name__, (_Abrupt, kind), {})


class _Closed(asyncio.Transport):
    """What a stream writer holds once its transport is ours."""

    def is_closing(self) -> bool:
        return True


def take_over(connection: AbstractConnection, wire: Wire) -> None:
    """Make `wire` the protocol of a connection that redis-py has made, which then has no part in it."""
    reader, writer = connection._reader, connection._writer  # noqa: SLF001
    connection._reader = connection._writer = None  # noqa: SLF001
    if reader is None or writer is None:
        raise RedisConnectionError("the connection was closed during its handshake")
    transport = writer.transport
    # A stream writer closes its transport when it is collected; in a forked child that would take the
    # parent's socket out of the event loop they share.
    writer._transport = _Closed()  # type: ignore[attr-defined]  # noqa: SLF001
    received = bytes(reader._buffer)  # type: ignore[attr-defined]  # noqa: SLF001
    # RESP2 has no pushes on the connection that asks for them.
    wire.pushes = connection.protocol == _RESP3
    wire.attach(transport, received)
    if reader.at_eof() or transport.is_closing():
        raise RedisConnectionError("the server closed the connection after the handshake")

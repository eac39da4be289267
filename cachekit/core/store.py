"""The one gateway to Redis: what callers may ask, and the translation of what goes wrong."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import lru_cache
from typing import Any, Final

from redis.exceptions import NoScriptError, RedisError

from cachekit.core.cluster import Cluster
from cachekit.core.connection import Dialer, parse
from cachekit.core.dedicated import Dedicated
from cachekit.core.embedded import EmbeddedServer
from cachekit.core.pool import MemoryPool, memory_server
from cachekit.core.refusal import closed, is_wrong_type, unavailable
from cachekit.core.topology import Single, Topology
from cachekit.core.tracking import Listener
from cachekit.core.wire import Command
from cachekit.errors import CacheUnavailable

SCAN_BATCH = 500
"""Keys looked at by one SCAN: some 0.2 ms of the server's time, so that no other client notices."""

_SAFE: Final = frozenset(
    {
        *("DBSIZE", "EXISTS", "GET", "HGET", "HGETALL", "HMGET", "INFO", "LRANGE", "MGET", "PING", "PTTL"),
        *("SCAN", "STRLEN", "TTL", "TYPE", "XLEN", "XRANGE", "XREVRANGE"),
        *("ZCARD", "ZRANGE", "ZRANGEBYSCORE", "ZSCORE"),
    }
)
"""Commands that only read: those that a dropped connection left unanswered are sent again."""


@asynccontextmanager
async def open_store(
    url: str,
    *,
    app: str,
    max_connections: int,
    timeout: float,  # noqa: ASYNC109
) -> AsyncIterator["Store"]:
    """One store for `url` and the running loop, closed with the context; see `open_stores`."""
    with open_stores(url, app=app, max_connections=max_connections, timeout=timeout) as make:
        store = make()
        try:
            yield store
        finally:
            await store.aclose()


@contextmanager
def open_stores(
    url: str, *, app: str, max_connections: int, timeout: float
) -> Iterator[Callable[[], "Store"]]:
    """What makes stores for `url` (see `cachekit.core.connection`), each for the loop it is made in.

    Who makes one closes it with `Store.aclose`; a server that the URL had started ends with the context.
    `app` is how `CLIENT LIST` shows us. At most `max_connections` connections of one store are open at once;
    each command, each attempt to connect and each wait for a free connection may take `timeout` seconds.
    Nothing is sent before the first command.

    Raises ConfigurationError: the URL's scheme or parts are not understood, or its package is missing.
    """
    target = parse(url, app=app, timeout=timeout)
    if target.kind == "embedded":
        # Started in this thread, for some 20 ms: on Linux the server dies with the thread that started it.
        with EmbeddedServer() as started:
            inner = f"unix://{started.socket}"
            with open_stores(inner, app=app, max_connections=max_connections, timeout=timeout) as maker:
                yield maker
        return
    dial = target.dial
    memory = memory_server() if dial is None else None

    def make() -> Store:
        if dial is None:
            return Store(MemoryPool(memory, max_connections=max_connections, timeout=timeout))
        if isinstance(dial, Dialer) and target.seeds:
            return Store(Cluster(dial, target.seeds, max_connections=max_connections, timeout=timeout))
        moves = target.kind == "sentinel"
        return Store(Single(dial, max_connections=max_connections, timeout=timeout, moves=moves))

    yield make


class Store:
    """Commands to one Redis, each within the timeout it was opened with.

    Every method raises CacheUnavailable, and nothing else, if Redis cannot be reached, does not answer
    in time, or refuses the command; and CacheClosed after `close`. Commands share one connection a server:
    none may block there (see `dedicated`) or change the connection (SELECT, MULTI, SUBSCRIBE).
    Replies have the shapes that redis-py gives them.
    """

    def __init__(self, topology: Topology) -> None:
        self.blocks = topology.blocks
        """Whether commands may block on a `dedicated` connection; not in fakeredis."""
        self._topology = topology
        self._look_up = topology.get
        self._texts: Counter[str] = Counter()
        """How often each script was sent as text."""
        self._closed = False

    @property
    def connections(self) -> tuple[int, int]:
        """How many connections to Redis this process has in use here, and how many it may."""
        return self._topology.connections

    def close(self) -> None:
        """Refuse further commands with CacheClosed; `aclose` closes the connections, too."""
        self._closed = True

    async def aclose(self) -> None:
        """Refuse further commands, and close every connection; who still waits gets CacheClosed."""
        self.close()
        await self._topology.aclose()

    async def get(self, key: str) -> bytes | None:
        """The bytes under `key`; None if there are none. A key that holds no string counts as empty bytes.

        Those who ask for one key at the same moment may get the same object.
        """
        if self._closed:
            raise closed()
        try:
            return await self._look_up(key)
        except RedisError as error:
            if is_wrong_type(error):
                return b""
            raise unavailable("GET", error) from error

    async def get_with_expiry(self, key: str) -> tuple[bytes | None, int]:
        """What `get` gives, and how many milliseconds it has to live; -1 if it never expires, -2 for None.

        Least server version 2.6. Not atomic, but in one write: if another writes the key in between, the
        push of that change comes after both replies. Bytes that expire in between have 0 to live.
        """
        if self._closed:
            raise closed()
        try:
            found, left = await self._topology.get_with_expiry(key)
        except RedisError as error:
            raise unavailable("GET", error) from error
        if is_wrong_type(found):
            found = b""
        for reply in (found, left):
            if isinstance(reply, Exception):
                raise unavailable("GET", reply) from reply
        if found is None:
            return None, -2
        return found, 0 if left == -2 else left  # noqa: PLR2004 - PTTL of no key

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """What `get` gives for each key, in one round trip."""
        if not keys:
            return []
        replies = await self._send_all([("GET", key) for key in keys], "GET", safe=True)
        for index, reply in enumerate(replies):
            if isinstance(reply, Exception):
                if not is_wrong_type(reply):
                    raise unavailable("GET", reply) from reply
                replies[index] = b""
        return replies

    async def set(self, key: str, value: bytes, *, px: int) -> None:
        """Store `value` for `px` milliseconds."""
        await self.execute("SET", key, value, "PX", px)

    async def unlink(self, *keys: str | bytes) -> int:
        """Remove keys; how many there were. One command a key, so that they may lie in any cluster slot."""
        if len(keys) == 1:
            return int(await self.execute("UNLINK", keys[0]))
        removed = await self.pipeline([("UNLINK", key) for key in keys])
        return sum(removed)

    async def execute(self, *command: str | bytes | float) -> Any:
        """Any one command; in a cluster it goes to the node that has its key, the first after the name."""
        if self._closed:
            raise closed()
        operation = str(command[0])
        name = operation.upper()
        try:
            reply = await self._topology.send(command, safe=name in _SAFE)
        except RedisError as error:
            raise unavailable(operation, error) from error
        shape = self._topology.shapes.get(name)
        return reply if shape is None else shape(reply)

    async def pipeline(self, commands: Sequence[Command]) -> list[Any]:
        """Several commands in one round trip, not atomic; their replies in order.

        If any of them was refused, the first refusal is raised once all have run.
        """
        if not commands:
            return []
        names = [str(command[0]).upper() for command in commands]
        replies = await self._send_all(commands, "pipeline", safe=_SAFE.issuperset(names))
        shapes = self._topology.shapes
        for index, (name, reply) in enumerate(zip(names, replies, strict=True)):
            if isinstance(reply, Exception):
                raise unavailable("pipeline", reply) from reply
            shape = shapes.get(name)
            if shape is not None:
                replies[index] = shape(reply)
        return replies

    async def run_script(
        self, script: str, keys: str | Sequence[str | bytes], *arguments: str | bytes | float
    ) -> Any:
        """Run one of `cachekit.core.scripts` by its digest; its text travels first, and when it is missed.

        Several keys must lie in one slot of a cluster, that is, share a `{tag}`.
        """
        names = [keys] if isinstance(keys, str) else keys
        texts = self._texts
        while True:
            sent = texts[script]
            if sent:
                try:
                    return await self.execute("EVALSHA", _digest(script), len(names), *names, *arguments)
                except CacheUnavailable as error:
                    # Another node of the cluster, a restarted server, or one whose scripts were flushed.
                    if not isinstance(error.__cause__, NoScriptError):
                        raise
            # If somebody has sent the text since, a further digest will come after it on the connection.
            if texts[script] == sent:
                texts[script] += 1
                return await self.execute("EVAL", script, len(names), *names, *arguments)

    async def scan(self, pattern: str) -> AsyncIterator[list[bytes]]:
        """Batches of keys that match the glob. May repeat keys, and may miss those that come meanwhile."""
        if self._closed:
            raise closed()
        try:
            for node in await self._topology.primaries():
                cursor: int | bytes = 0
                while True:
                    command = ("SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_BATCH)
                    cursor, keys = await node.send(command, safe=True)
                    if keys:
                        yield keys
                    if int(cursor) == 0:
                        break
        except RedisError as error:
            raise unavailable("SCAN", error) from error

    async def ping(self) -> None:
        """Raises CacheUnavailable unless Redis answers: in a cluster, each node that holds keys."""
        if self._closed:
            raise closed()

        try:
            nodes = await self._topology.primaries()
            await asyncio.gather(*(_ping(node) for node in nodes))
        except RedisError as error:
            raise unavailable("PING", error) from error

    def track(self, prefix: str, listener: Listener) -> None:
        """Tell `listener` what happens to the keys with `prefix`, which ends with the only ":" in it.

        One listener a prefix. Where the server does not push (memory://, RESP2, no permission),
        `listener.opened` is never called.
        """
        self._topology.track(prefix, listener)

    def dedicated(self, key: str) -> AbstractAsyncContextManager[Dedicated]:
        """A connection of one's own to the server that has `key`, for commands that block.

        Entering the context connects; raises CacheUnavailable if that fails, or if `max_connections` are
        in use.
        """
        if self._closed:
            raise closed()
        return self._topology.dedicated(key)

    async def _send_all(self, commands: Sequence[Command], operation: str, *, safe: bool) -> list[Any]:
        if self._closed:
            raise closed()
        try:
            return await self._topology.send_all(commands, operation=operation, safe=safe)
        except RedisError as error:
            raise unavailable(operation, error) from error


async def _ping(node: Any) -> None:
    await node.send(("PING",), safe=True)


@lru_cache(maxsize=64)
def _digest(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()

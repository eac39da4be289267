"""From a URL, or the environment, to a redis-py client.

| URL                                   | what it means                                                  |
|---------------------------------------|----------------------------------------------------------------|
| `redis://[user:password@]host:port/0` | a server over TCP                                              |
| `rediss://…`                          | the same over TLS                                              |
| `unix:///path/to/socket?db=0`         | a server on this machine                                       |
| `embedded://`                         | a private real server for this process, see `embedded`         |
| `memory://`                           | fakeredis in this process: for unit tests, not for production  |
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import quote, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from cachekit.core.embedded import EmbeddedServer
from cachekit.errors import ConfigurationError

SCHEMES: Final = ("redis", "rediss", "unix", "embedded", "memory")
_SCHEME: Final = re.compile(r"[a-z+]+://")
_DATABASE: Final = re.compile(r"(?:/\d{0,5})?")
_SERVER_SCHEMES: Final = SCHEMES[:3]


def url_from_environment(environment: Mapping[str, str]) -> str:
    """The URL that the environment describes.

    `REDIS_URL` if it is set; else `REDIS_HOST` (default localhost), `REDIS_PORT` (6379) and
    `REDIS_PASSWORD` (none). Raises ConfigurationError for a port that is no number.
    """
    url = environment.get("REDIS_URL", "").strip()
    if url:
        return url
    host = environment.get("REDIS_HOST", "").strip() or "localhost"
    port = environment.get("REDIS_PORT", "").strip() or "6379"
    if not port.isdecimal() or not 0 < int(port) < 65_536:  # noqa: PLR2004
        raise ConfigurationError(f"REDIS_PORT={port!r}: a port number from 1 to 65535 is allowed")
    password = environment.get("REDIS_PASSWORD", "")
    credentials = f":{quote(password, safe='')}@" if password else ""
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"redis://{credentials}{host}:{port}"


def redact(url: str) -> str:
    """The URL without its user, password and options, for logs and errors, however badly it is written."""
    credentials, at, where = url.rpartition("@")
    scheme = _SCHEME.match(credentials if at else "")
    return re.split(r"[?#]", (scheme[0] if scheme else "") + where)[0]


@asynccontextmanager
async def open_client(
    url: str,
    *,
    app: str,
    max_connections: int,
    timeout: float,  # noqa: ASYNC109
) -> AsyncIterator[Redis]:
    """A client for `url`; what it needed to start ends with the context.

    `app` is how `CLIENT LIST` shows us. At most `max_connections` connections are open at once; who finds
    them all busy waits up to `timeout` seconds. Connecting may take `timeout` seconds, too.
    Nothing is sent before the first command.

    Raises:
        ConfigurationError: the URL's scheme or parts are not understood, or its package is missing.
    """
    scheme = _scheme(url)
    if scheme == "memory":
        async with _memory(max_connections, timeout) as client:
            yield client
    elif scheme == "embedded":
        # Started in this thread, for some 20 ms: on Linux the server dies with the thread that started it.
        with EmbeddedServer() as server:
            async with _server(f"unix://{server.socket}", app, max_connections, timeout) as client:
                yield client
    elif scheme in _SERVER_SCHEMES:
        async with _server(url, app, max_connections, timeout) as client:
            yield client
    else:
        allowed = ", ".join(f"{name}://" for name in SCHEMES)
        raise ConfigurationError(
            f"{redact(url)!r}: the scheme {scheme!r} is not known; allowed are {allowed}"
        )


def _scheme(url: str) -> str:
    """The URL's scheme; refuses what redis-py would let pass in silence."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        # The error's own text may show a part of the password.
        raise ConfigurationError(
            f"{redact(url)!r} has no host and port that can be read; "
            "in a password, / ? # @ are written %2F %3F %23 %40"
        ) from None
    if parts.scheme in {"redis", "rediss"} and not _DATABASE.fullmatch(parts.path):
        raise ConfigurationError(f"{redact(url)!r}: only a database number may follow the host, e.g. /0")
    return parts.scheme


@asynccontextmanager
async def _server(
    url: str,
    app: str,
    max_connections: int,
    timeout: float,  # noqa: ASYNC109
) -> AsyncIterator[Redis]:
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            client_name=app,
            max_connections=max_connections,
            timeout=timeout,
            socket_connect_timeout=timeout,
            # The store's deadline ends a command; one more for each read would cost as much as the read.
            socket_timeout=None,
            protocol=3,
            # Once: a pooled connection may have died with the server it was made to.
            retry=Retry(NoBackoff(), 1),
            retry_on_error=[RedisConnectionError],
        )
        # Made, never connected: options that a connection does not know show only here.
        pool.connection_class(**pool.connection_kwargs)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{redact(url)!r} is no Redis URL: {error}") from None
    async with _client(pool) as client:
        yield client


@asynccontextmanager
async def _memory(max_connections: int, timeout: float) -> AsyncIterator[Redis]:  # noqa: ASYNC109
    try:
        from fakeredis import FakeAsyncRedisConnection, FakeServer  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigurationError("memory:// needs the package cachekit-toolkit[memory]") from None
    pool = BlockingConnectionPool(
        connection_class=FakeAsyncRedisConnection,
        server=FakeServer(),
        max_connections=max_connections,
        timeout=timeout,
    )
    async with _client(pool) as client:
        yield client


@asynccontextmanager
async def _client(pool: BlockingConnectionPool) -> AsyncIterator[Redis]:
    client = Redis(connection_pool=pool)
    try:
        yield client
    finally:
        await client.aclose()
        await pool.disconnect()

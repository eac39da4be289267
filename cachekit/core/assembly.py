"""Where the parts are wired and closed; the only module that reads the environment."""

import os
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from cachekit.core.cache import Cache
from cachekit.core.clock import Clock, SystemClock
from cachekit.core.connection import url_from_environment
from cachekit.core.events import Observer, Observers
from cachekit.core.keyring import Keyring
from cachekit.core.near import Near
from cachekit.core.runtime import Runtime
from cachekit.core.store import open_stores
from cachekit.errors import ConfigurationError

_SYSTEM_CLOCK = SystemClock()
_NEAR = Near()
_APP = re.compile(r"[A-Za-z0-9_.\-]{1,64}")


@asynccontextmanager
async def connect(
    url: str | None = None,
    *,
    app: str = "cachekit",
    near: Near | None = _NEAR,
    max_connections: int = 64,
    timeout: float = 2.0,  # noqa: ASYNC109 - of each command, not of this function
    clock: Clock = _SYSTEM_CLOCK,
    observers: Iterable[Observer] = (),
    keyring: Keyring | None = None,
) -> AsyncIterator[Cache]:
    """Open a cache.

        async with cachekit.connect("redis://localhost:6379") as cache:
            flights = cache.namespace("flights", Policy(ttl=300))

    Args:
        url: where Redis is, see `cachekit.core.connection` for the schemes. By default what the
            environment says: `REDIS_URL`, else `REDIS_HOST`, `REDIS_PORT` and `REDIS_PASSWORD`.
        app: the service's name, the same in all processes that share keys: it names their invalidation log,
            by which their entries are valid; `CLIENT LIST` shows it.
        near: how much is kept in this process' own memory, where the server tells of changes; None: nothing.
        max_connections: connections this process opens at most; who finds them busy waits.
        timeout: seconds within which Redis must answer a command.
        clock: where the time comes from; tests bring their own.
        observers: who hears what happens, see `cachekit.core.events`.
        keyring: keys to encrypt values with, see `cachekit.core.keyring`; None: they lie open.

    Raises:
        ConfigurationError: the URL or an option cannot work. A Redis that is away is no error here:
            what happens then is each namespace's policy.
    """
    if max_connections < 1:
        raise ConfigurationError(f"max_connections={max_connections}: allowed is 1 or more")
    if not timeout > 0:
        raise ConfigurationError(f"timeout={timeout}: allowed is more than 0 seconds")
    if not _APP.fullmatch(app):
        raise ConfigurationError(f"app={app!r}: 1 to 64 of A-Z a-z 0-9 _ . - are allowed")
    where = url_from_environment(os.environ) if url is None else url
    listeners = tuple(observers)
    with open_stores(where, app=app, max_connections=max_connections, timeout=timeout) as make_store:

        def make_runtime() -> Runtime:
            return Runtime(
                make_store(),
                app=app,
                timeout=timeout,
                clock=clock,
                near=near,
                observer=Observers(listeners) if listeners else None,
            )

        cache = Cache(make_runtime, clock=clock, keyring=keyring)
        try:
            yield cache
        finally:
            await cache.aclose()

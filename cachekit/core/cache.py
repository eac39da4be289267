"""A Cache: an open connection from which namespaces are taken."""

import asyncio
import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from cachekit.core.clock import Clock
from cachekit.core.keyring import Keyring
from cachekit.core.keys import KeySpace
from cachekit.core.namespace import Namespace
from cachekit.core.policy import Policy
from cachekit.core.runtime import Runtime
from cachekit.core.stats import Stats
from cachekit.core.store import Store
from cachekit.errors import CacheClosed, CacheUnavailable, ConfigurationError

_OTHER_LOOPS: Final = 5.0
"""Seconds that closing waits for what is used from another event loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How Redis does right now.

    `latency` is a PING's round trip in seconds, None while it is away; `reason` is then a sentence that says
    why, without address, key or password.
    """

    up: bool
    latency: float | None
    reason: str | None = None


class Cache:
    """An open cache, from which namespaces are taken. Made by `cachekit.connect`.

    It may be used from several event loops, and after a fork: each has connections of its own.
    """

    def __init__(
        self, make_runtime: Callable[[], Runtime], *, clock: Clock, keyring: Keyring | None = None
    ) -> None:
        self.clock = clock
        self._make_runtime = make_runtime
        self._keyring = keyring
        self._home = make_runtime()
        self._runtimes = {self._home.loop: self._home}
        self._namespaces: dict[str, Namespace] = {}
        self._closed = False

    def __repr__(self) -> str:
        return f"<Cache {' '.join(self._namespaces) or 'without namespaces'}>"

    @property
    def store(self) -> Store:
        """The gateway to Redis, for what stands beside the cache on the same connection.

        It belongs to the running event loop; outside of any, to the one the cache was opened in.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._home.store
        return self.runtime().store

    def namespace(self, name: str, policy: Policy | None = None, *, type: Any = None) -> Namespace:  # noqa: A002
        """The namespace `name`: all keys that begin with `{name}:`.

        With a `type`, a deeply immutable one such as a frozen msgspec.Struct, only its instances are kept,
        and all readers in this process share one decoded instance; else any JSON is, and each reader
        gets a copy of his own.

        Asking again gives the same object, since its loads must be coalesced in one place; asking with
        another policy or type than the first time raises ConfigurationError.
        """
        if self._closed:
            raise CacheClosed("the cache is closed")
        found = self._namespaces.get(name)
        if found is None:
            space, policy = KeySpace(name), policy or Policy()
            found = Namespace(self.runtime, space, policy, type=type, keyring=self._keyring)
            found = self._namespaces.setdefault(name, found)  # Another thread may have been quicker.
        elif policy is not None and policy != found.policy:
            differences = _differences(found.policy, policy)
            raise ConfigurationError(f"namespace {name!r} is already open with another policy: {differences}")
        elif type is not None and type != found.type:
            raise ConfigurationError(f"namespace {name!r} is already open with type {found.type}, not {type}")
        return found

    def stats(self) -> Stats:
        """What happened since the cache was opened, over all namespaces."""
        return sum((namespace.stats() for namespace in self._namespaces.values()), Stats())

    async def swept(self) -> int:
        """Wait until what was invalidated by pattern from here is out of Redis; how many keys went in all.

        Only for a process about to end, or for readers in other languages: to ours it is gone at once.
        """
        return await self.runtime().sweeper.idle()

    async def health(self) -> Health:
        """Ask Redis whether it is there; never raises for an outage."""
        began = self.clock.monotonic()
        try:
            await self.store.ping()
        except CacheUnavailable as error:
            return Health(up=False, latency=None, reason=str(error))
        return Health(up=True, latency=self.clock.monotonic() - began)

    def runtime(self) -> Runtime:
        """What belongs to the running event loop; made at its first use there."""
        loop = asyncio.get_running_loop()
        found = self._runtimes.get(loop)
        if found is None or found.pid != os.getpid():
            if self._closed:
                raise CacheClosed("the cache is closed")
            # Those of ended loops go; those from before a fork stay: their sockets are the parent's.
            for each, runtime in list(self._runtimes.items()):
                if runtime.is_over:
                    self._runtimes.pop(each, None)  # Unless another thread has.
            found = self._runtimes[loop] = self._make_runtime()
            found.close_with_loop()
        return found

    async def aclose(self) -> None:
        """End the loads under way and close the connections, in every loop that still runs."""
        self._closed = True
        here = asyncio.get_running_loop()
        for loop, runtime in list(self._runtimes.items()):
            if runtime.pid != os.getpid():
                continue
            if loop is here:
                await runtime.aclose()
            elif loop.is_running():
                closing = asyncio.run_coroutine_threadsafe(runtime.aclose(), loop)
                # It may be ending at this very moment, and closes its own part then.
                await asyncio.wait([asyncio.wrap_future(closing)], timeout=_OTHER_LOOPS)


def _differences(old: Policy, new: Policy) -> str:
    before, after = dataclasses.asdict(old), dataclasses.asdict(new)
    return ", ".join(
        f"{name}={before[name]!r}, not {after[name]!r}" for name in before if before[name] != after[name]
    )

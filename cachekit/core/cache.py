"""The public verbs: a Cache hands out Namespaces, and a Namespace keeps values."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cachekit.core.clock import Clock
from cachekit.core.codec import Codec
from cachekit.core.context import Factory, require_tags
from cachekit.core.entry import Entry
from cachekit.core.events import Observer, Observers
from cachekit.core.fill import Demand, Fill
from cachekit.core.keys import NO_PARAMS, KeySpace, Pattern
from cachekit.core.policy import Policy
from cachekit.core.stats import Stats, StatsObserver
from cachekit.core.store import Store
from cachekit.errors import CacheClosed, CacheUnavailable, ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How Redis does right now. `latency` is a PING's round trip in seconds, None while it is away."""

    up: bool
    latency: float | None


class Cache:
    """An open connection to Redis, from which namespaces are taken. Made by `cachekit.connect`."""

    def __init__(self, store: Store, *, clock: Clock, observers: Iterable[Observer] = ()) -> None:
        self.store = store
        """The gateway to Redis, for what stands beside the cache on the same connection."""
        self.clock = clock
        self._stats = StatsObserver()
        self._observer = Observers((self._stats, *observers))
        self._codec = Codec()
        self._namespaces: dict[str, Namespace] = {}
        self._closed = False

    def namespace(self, name: str, policy: Policy | None = None) -> "Namespace":
        """The namespace `name`: all keys that begin with `{name}:`.

        Asking again gives the same object, since its loads must be coalesced in one place; asking with
        another policy than the first time raises ConfigurationError.
        """
        if self._closed:
            raise CacheClosed("the cache is closed")
        found = self._namespaces.get(name)
        if found is None:
            found = Namespace(self, KeySpace(name), policy or Policy(), self._codec, self._observer)
            self._namespaces[name] = found
        elif policy is not None and policy != found.policy:
            raise ConfigurationError(
                f"namespace {name!r} is already open with {found.policy}, not with {policy}"
            )
        return found

    def stats(self) -> Stats:
        """What happened since the cache was opened, over all namespaces."""
        return self._stats.snapshot()

    async def health(self) -> Health:
        """Ask Redis whether it is there; never raises for an outage."""
        began = self.clock.monotonic()
        try:
            await self.store.ping()
        except CacheUnavailable:
            return Health(up=False, latency=None)
        return Health(up=True, latency=self.clock.monotonic() - began)

    async def aclose(self) -> None:
        """End the loads under way. The connection belongs to whoever opened it."""
        self._closed = True
        for namespace in self._namespaces.values():
            await namespace.aclose()
        self.store.close()


class Namespace:
    """The values under one prefix, kept by one policy. Taken from a Cache."""

    def __init__(
        self, cache: Cache, space: KeySpace, policy: Policy, codec: Codec, observer: Observer
    ) -> None:
        self.name = space.name
        self.policy = policy
        self._space = space
        self._fill = Fill(
            space.name, store=cache.store, codec=codec, policy=policy, clock=cache.clock, observer=observer
        )

    def key(self, resource: str, params: Any = NO_PARAMS) -> str:
        """The full Redis key of `resource` with `params`; see `cachekit.core.keys`."""
        return self._space.key(resource, params)

    def literal(self, *parts: str) -> str:
        """The full Redis key spelt out from `parts`, each escaped."""
        return self._space.literal(*parts)

    async def get(self, key: str, default: Any = None) -> Any:
        """The value under `key`, else `default`. A stored None is a value like any other."""
        entry = await self.get_entry(key)
        return default if entry is None else entry.value

    async def get_entry(self, key: str) -> Entry | None:
        """The entry under `key`, fresh or stale; None if there is none.

        Raises:
            InvalidKey: the key is not this namespace's.
            CacheUnavailable: Redis is away and the policy's outage is "raise"; with "bypass" it is a miss.
        """
        return await self._fill.read(self._space.require(key))

    async def set(self, key: str, value: Any, *, ttl: float | None = None, tags: Iterable[str] = ()) -> None:
        """Keep `value` under `key` for `ttl` seconds, by default the policy's.

        Raises:
            InvalidKey: the key is not this namespace's.
            InvalidValue: JSON cannot hold the value exactly, or it is too large.
            ConfigurationError: the ttl is less than a millisecond.
            CacheUnavailable: Redis is away. What was not stored is never silently lost.
        """
        await self._fill.write(self._space.require(key), value, self._policy_for(ttl), require_tags(tags))

    async def get_or_set(
        self, key: str, factory: Factory, *, ttl: float | None = None, tags: Iterable[str] = ()
    ) -> Any:
        """The value under `key`, else what `factory` gives, which is then kept; see `get_or_set_entry`."""
        entry = await self.get_or_set_entry(key, factory, ttl=ttl, tags=tags)
        return entry.value

    async def get_or_set_entry(
        self, key: str, factory: Factory, *, ttl: float | None = None, tags: Iterable[str] = ()
    ) -> Entry:
        """The entry under `key`, else a new one from `factory`.

        `factory` is an async function that takes no argument, or one, the `LoadContext` through which it
        steers how its value is kept.

        The factory runs once however many callers of this process wait. A stale entry is served at once
        while one refresh runs in the background. What the factory raises is raised here, and nothing is
        kept. With Redis away and outage "bypass", the factory is asked each time, still once at a time.

        Raises:
            InvalidKey, InvalidValue, ConfigurationError: as `set`.
            LoadCycle: the factory asks for the key it is loading.
            CacheUnavailable: Redis is away and the policy's outage is "raise".
        """
        return await self._fill.read_or_load(self._demand(key, factory, ttl, tags))

    async def refresh(
        self, key: str, factory: Factory, *, ttl: float | None = None, tags: Iterable[str] = ()
    ) -> Entry:
        """Load `key` anew whatever lies under it; joins a load that is already under way."""
        return await self._fill.load(self._demand(key, factory, ttl, tags))

    async def delete(self, key: str) -> bool:
        """Remove `key`, stale value included; whether it was there.

        A load of this process that is under way will not bring it back: its callers get their value, but
        it is not kept. Raises CacheUnavailable if Redis is away.
        """
        return await self._fill.remove(self._space.require(key))

    async def invalidate(self, *, pattern: str) -> None:
        """Remove every key that matches `pattern`, e.g. `flights:search:*`; see `cachekit.core.keys.Pattern`.

        The pattern is relative to the namespace and never reaches beyond it. Loads of this process that
        are under way publish nothing. Raises CacheUnavailable if Redis is away.
        """
        await self._fill.remove_where(Pattern(self._space, pattern))

    async def clear(self) -> None:
        """Remove every key of this namespace, and of no other."""
        await self.invalidate(pattern="*")

    async def aclose(self) -> None:
        """End the loads under way. Called by the cache as it closes."""
        await self._fill.aclose()

    def _demand(self, key: str, factory: Factory, ttl: float | None, tags: Iterable[str]) -> Demand:
        return Demand(self._space.require(key), factory, self._policy_for(ttl), require_tags(tags))

    def _policy_for(self, ttl: float | None) -> Policy:
        return self.policy if ttl is None else self.policy.replace(ttl=ttl)

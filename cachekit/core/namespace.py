"""The public verbs: a Namespace keeps values."""

import asyncio
from asyncio import get_running_loop
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Literal

from cachekit.core.batch import BatchFactory
from cachekit.core.codec import Codec
from cachekit.core.context import Factory, LoadContext, require_tags
from cachekit.core.decorators import Cached, P, R, TagsOption, cached
from cachekit.core.entry import Entry
from cachekit.core.keyring import Keyring
from cachekit.core.keys import NO_PARAMS, KeySpace, Pattern
from cachekit.core.load import Demand
from cachekit.core.policy import Policy
from cachekit.core.runtime import Definition, Runtime, Shelf
from cachekit.core.stats import Stats
from cachekit.errors import ConfigurationError


class Namespace:
    """The values under one prefix, kept by one policy. Taken from a Cache."""

    def __init__(
        self,
        runtime: Callable[[], Runtime],
        space: KeySpace,
        policy: Policy,
        *,
        type: Any,  # noqa: A002 - as in Cache.namespace
        keyring: Keyring | None,
    ) -> None:
        self.name = space.name
        self.policy = policy
        self.type = type
        self._runtime = runtime
        self._space = space
        Codec(type, keyring)  # An unfit type is refused here; each event loop makes a codec of its own.
        self._definition = Definition(space.name, policy, lambda: Codec(type, keyring))
        self._counters = self._definition.counters
        self._shelf: Shelf | None = None

    def __repr__(self) -> str:
        return f"<Namespace {self.name} {self.policy}>"

    def key(self, resource: str, params: Any = NO_PARAMS) -> str:
        """The full Redis key of `resource` with `params`; see `cachekit.core.keys`."""
        return self._space.key(resource, params)

    def literal(self, *parts: str) -> str:
        """The full Redis key spelt out from `parts`, each escaped."""
        return self._space.literal(*parts)

    async def get(self, key: str, default: Any = None) -> Any:
        """The value under `key`, else `default`. A stored None is a value like any other."""
        # Spelt out: these few lines are most of what a near hit costs.
        shelf = self._shelf
        if shelf is None or shelf.loop is not get_running_loop():
            shelf = self._here()
        lookup = shelf.lookup
        if lookup.is_quiet and (slot := lookup.near(key)) is not None:
            self._counters.near_hits += 1
            return slot.fresh()
        look = await lookup.look(self._space.require(key))
        return default if look.found is None else look.found.value

    async def get_entry(self, key: str) -> Entry | None:
        """The entry under `key`, fresh or stale; None if there is none.

        Raises:
            InvalidKey: the key is not this namespace's.
            CacheUnavailable: Redis is away and the policy's outage is "raise"; with "bypass" it is a miss.
        """
        lookup = self._here().lookup
        look = await lookup.look(self._space.require(key))
        return None if look.found is None else look.found.entry(key)

    async def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """The values of those `keys` that are there. One round trip, strict: two. Raises as `get_entry`."""
        looks = await self._here().lookup.look_many(self._require_all(keys))
        return {key: look.found.value for key, look in looks.items() if look.found is not None}

    async def set(
        self,
        key: str,
        value: Any,
        *,
        ttl: float | None = None,
        tags: Iterable[str] = (),
        only: Literal["absent"] | None = None,
    ) -> bool:
        """Keep `value` under `key` for `ttl` seconds, by default the policy's; whether it was stored.

        With `only="absent"` it is stored only where no valid value lies, fresh or stale.

        Raises:
            InvalidKey: the key is not this namespace's.
            InvalidValue: JSON cannot hold the value exactly, it is of another type than the namespace's,
                or it is too large.
            ConfigurationError: the ttl is less than a millisecond, or `only` is something else.
            CacheUnavailable: Redis is away. What was not stored is never silently lost.
        """
        if only not in (None, "absent"):
            raise ConfigurationError(f"only={only!r}: allowed are 'absent' and None")
        self._space.require(key)
        write, policy = self._here().write, self._policy_for(ttl)
        if only == "absent":
            return await write.add(key, value, policy, require_tags(tags))
        await write.set(key, value, policy, require_tags(tags))
        return True

    async def set_many(
        self, values: Mapping[str, Any], *, ttl: float | None = None, tags: Iterable[str] = ()
    ) -> None:
        """`set` for each key, in one round trip. All values are checked before the first is stored."""
        self._require_all(values)
        await self._here().write.set_many(values, self._policy_for(ttl), require_tags(tags))

    async def get_or_set(
        self, key: str, factory: Factory, *, ttl: float | None = None, tags: Iterable[str] = ()
    ) -> Any:
        """The value under `key`, else what `factory` gives, which is then kept; see `get_or_set_entry`."""
        shelf = self._here()
        lookup = shelf.lookup
        if lookup.is_quiet and not self.policy.eager and (slot := lookup.near(key)) is not None:
            self._counters.near_hits += 1
            return slot.fresh()
        entry = await shelf.fill.read_or_load(self._demand(key, factory, ttl, tags))
        return entry.value

    async def get_or_set_entry(
        self, key: str, factory: Factory, *, ttl: float | None = None, tags: Iterable[str] = ()
    ) -> Entry:
        """The entry under `key`, else a new one from `factory`.

        `factory` is an async function that takes no argument, or one, the `LoadContext` through which it
        steers how its value is kept.

        The factory runs once however many callers wait, in this process and in all that share the keys.
        A stale entry is served at once while one refresh runs in the background. What the factory raises
        is raised here, and nothing is kept. With Redis away and outage "bypass", the factory is asked each
        time, still once at a time in this process.

        Raises:
            InvalidKey, InvalidValue, ConfigurationError: as `set`.
            LoadTimeout: the factory took longer than the policy's hard_timeout.
            LoadCycle: the factory asks for the key it is loading.
            CacheUnavailable: Redis is away and the policy's outage is "raise".
        """
        return await self._here().fill.read_or_load(self._demand(key, factory, ttl, tags))

    async def get_or_set_many(
        self,
        keys: Iterable[str],
        factory: BatchFactory,
        *,
        ttl: float | None = None,
        tags: Iterable[str] = (),
    ) -> dict[str, Any]:
        """The values of `keys`; those missing from one call of `factory`, which gets their keys.

        It gives a mapping of the values that exist; a key without one is not in the result, and nothing is
        kept for it. A key that somebody else is loading is waited for, and not asked for again. Raises as
        `get_or_set_entry`.
        """
        entries = await self._here().fill.read_or_load_many(
            self._require_all(keys), factory, self._policy_for(ttl), require_tags(tags)
        )
        return {key: entry.value for key, entry in entries.items()}

    async def refresh(
        self, key: str, factory: Factory, *, ttl: float | None = None, tags: Iterable[str] = ()
    ) -> Entry:
        """Load `key` anew whatever lies under it; joins a load that is already under way."""
        return await self._here().fill.load(self._demand(key, factory, ttl, tags))

    async def warm(
        self,
        keys: Iterable[str],
        factory: Callable[[str], Awaitable[Any]],
        *,
        concurrency: int = 4,
        ttl: float | None = None,
        tags: Iterable[str] = (),
    ) -> int:
        """Load the keys that have no fresh value, `concurrency` at a time; how many were loaded here.

        `factory` gets the key. The first error ends the warming and is raised.
        """
        if concurrency < 1:
            raise ConfigurationError(f"concurrency={concurrency!r}: allowed is 1 or more")
        names, texts, loaded = iter(self._require_all(keys)), require_tags(tags), 0

        async def work() -> None:
            nonlocal loaded
            for key in names:
                entry = await self._here().fill.freshen(
                    Demand(key, lambda key=key: factory(key), self._policy_for(ttl), texts)
                )
                loaded += entry.source == "load"

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(concurrency):
                    group.create_task(work())
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return loaded

    async def delete(self, key: str) -> bool:
        """Remove `key`, stale value included; whether it was there.

        A load that is under way, in whatever process, will not bring it back: its callers get their value,
        but it is not kept, and nobody joins it any more. Raises CacheUnavailable if Redis is away.
        """
        return await self._here().write.delete(self._space.require(key))

    async def invalidate(self, *, tags: Iterable[str] = (), pattern: str | None = None) -> None:
        """Make every entry invalid that has one of `tags`, or whose key matches `pattern`.

        `pattern` is relative to the namespace, e.g. `flights:search:*`, and never reaches beyond it; see
        `cachekit.core.keys.Pattern`. The cost does not depend on how many entries there are. It holds in
        this process when the call returns, and in others about a network round trip later; loads under way
        anywhere are caught, too. Raises CacheUnavailable if Redis is away, and ConfigurationError if
        there is nothing to invalidate by.
        """
        texts = require_tags(tags)
        if pattern is None and not texts:
            raise ConfigurationError("invalidate() needs tags or a pattern; clear() is for everything")
        write = self._here().write
        if pattern is not None:
            await write.invalidate("pattern", Pattern(self._space, pattern).text)
        if texts:
            await write.invalidate("tag", *texts)

    async def clear(self) -> None:
        """Make every entry of this namespace invalid, and of no other; as `invalidate`."""
        await self._here().write.invalidate("all", "")

    def cached(
        self,
        resource: str | None = None,
        *,
        ttl: float | None = None,
        tags: TagsOption = (),
        key: Callable[..., Any] | None = None,
        ignore: Iterable[str] = (),
        steer: Callable[[LoadContext, Any], object] | None = None,
    ) -> Callable[[Callable[P, Awaitable[R]]], Cached[P, R]]:
        """Decorate an async function, whose results are kept by its arguments; see `cachekit.cached`."""
        return cached(self, resource, ttl=ttl, tags=tags, key=key, ignore=ignore, steer=steer)

    def stats(self) -> Stats:
        """What happened in this namespace since the cache was opened."""
        return self._counters.snapshot()

    def _here(self) -> Shelf:
        shelf = self._shelf
        if shelf is not None and shelf.loop is get_running_loop():
            return shelf
        shelf = self._shelf = self._runtime().shelf(self._definition)
        return shelf

    def _require_all(self, keys: Iterable[str]) -> list[str]:
        if isinstance(keys, str):
            raise ConfigurationError(f"keys={keys!r} is one string; give a list of keys")
        return [self._space.require(key) for key in keys]

    def _demand(self, key: str, factory: Factory, ttl: float | None, tags: Iterable[str]) -> Demand:
        return Demand(self._space.require(key), factory, self._policy_for(ttl), require_tags(tags))

    def _policy_for(self, ttl: float | None) -> Policy:
        return self.policy if ttl is None else self.policy.replace(ttl=ttl)

"""What happens in one namespace, counted always, and told to whoever listens."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from cachekit.core.events import (
    Coalesced,
    CorruptValue,
    Hit,
    Invalidated,
    Loaded,
    Miss,
    Observer,
    Outage,
    Removed,
    Stored,
    Unpublished,
)
from cachekit.core.stats import Counters
from cachekit.errors import CacheUnavailable


class Tally:
    """Counts each fact of a namespace, and makes an event of it only if there is an observer."""

    __slots__ = ("_name", "_observer", "counters")

    def __init__(self, name: str, *, counters: Counters, observer: Observer | None) -> None:
        self.counters = counters
        """For what is counted and no event: refreshes, invalid values, how long reads took."""
        self._name = name
        self._observer = observer

    @property
    def is_silent(self) -> bool:
        """Whether nobody listens."""
        return self._observer is None

    def hit(
        self, key: str, state: Literal["fresh", "stale"], source: Literal["near", "redis"], age: float
    ) -> None:
        """A value was served, `age` seconds after it had been loaded."""
        counters = self.counters
        if source == "near":
            counters.near_hits += 1
        else:
            counters.redis_hits += 1
        if state == "stale":
            counters.stale_hits += 1
        if self._observer is not None:
            self._observer.observe(Hit(self._name, key, state, source, age))

    def miss(self, key: str) -> None:
        """Nothing usable lay under the key."""
        self.counters.misses += 1
        if self._observer is not None:
            self._observer.observe(Miss(self._name, key))

    def corrupt(self, key: str) -> None:
        """Something lay there that is no value of this cache."""
        self.counters.corrupt += 1
        if self._observer is not None:
            self._observer.observe(CorruptValue(self._name, key))

    def coalesced(self, key: str) -> None:
        """A caller joined a load that was under way."""
        self.counters.coalesced += 1
        if self._observer is not None:
            self._observer.observe(Coalesced(self._name, key))

    def loaded(self, key: str, seconds: float, *, failed: bool) -> None:
        """A factory has ended."""
        self.counters.loads += 1
        self.counters.failures += failed
        self.counters.load_seconds.record(seconds)
        if self._observer is not None:
            self._observer.observe(Loaded(self._name, key, seconds, failed))

    def stored(self, key: str, size: int, ttl: float) -> None:
        """A value of `size` bytes was written, fresh for `ttl` seconds."""
        self.counters.stored += 1
        if self._observer is not None:
            self._observer.observe(Stored(self._name, key, size, ttl))

    def unpublished(self, key: str) -> None:
        """A loaded value was not written, having been overtaken."""
        self.counters.unpublished += 1
        if self._observer is not None:
            self._observer.observe(Unpublished(self._name, key))

    def removed(self, key: str) -> None:
        """A key was deleted."""
        if self._observer is not None:
            self._observer.observe(Removed(self._name, key))

    def invalidated(self, kind: Literal["tag", "pattern", "all"], value: str) -> None:
        """A rule was appended."""
        if self._observer is not None:
            self._observer.observe(Invalidated(self._name, kind, value))

    def outage(self, error: CacheUnavailable) -> None:
        """Redis did not serve a command."""
        self.counters.outages += 1
        if self._observer is not None:
            self._observer.observe(Outage(self._name, error.operation))

    @contextmanager
    def counting_outages(self) -> Iterator[None]:
        """Count an outage and let its error pass."""
        try:
            yield
        except CacheUnavailable as error:
            self.outage(error)
            raise

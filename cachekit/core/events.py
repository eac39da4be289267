"""What happens in a cache, as immutable facts, and the protocol of those who listen.

Facts carry keys and never values. They are made only while somebody listens.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Hit:
    """A value was served from the cache, `age` seconds after it had been loaded."""

    namespace: str
    key: str
    state: Literal["fresh", "stale"]
    source: Literal["near", "redis"]
    age: float


@dataclass(frozen=True, slots=True)
class Miss:
    """No usable value lay under the key."""

    namespace: str
    key: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """A factory ran. `failed` tells that it raised; `seconds` is how long it took."""

    namespace: str
    key: str
    seconds: float
    failed: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """A value was written: `size` bytes as they lie in Redis, fresh for `ttl` seconds."""

    namespace: str
    key: str
    size: int
    ttl: float


@dataclass(frozen=True, slots=True)
class Coalesced:
    """A caller joined a load that was already under way in this process."""

    namespace: str
    key: str


@dataclass(frozen=True, slots=True)
class CorruptValue:
    """Something lay under the key that is no value of this cache; it counted as a miss."""

    namespace: str
    key: str


@dataclass(frozen=True, slots=True)
class Outage:
    """Redis did not serve a command."""

    namespace: str
    operation: str


@dataclass(frozen=True, slots=True)
class Unpublished:
    """A loaded value was not stored, because its key was deleted, set or invalidated meanwhile."""

    namespace: str
    key: str


@dataclass(frozen=True, slots=True)
class Removed:
    """A key was deleted by this process."""

    namespace: str
    key: str


@dataclass(frozen=True, slots=True)
class Invalidated:
    """A rule was appended by this process: every entry of the namespace that it matches is gone."""

    namespace: str
    kind: Literal["tag", "pattern", "all"]
    value: str


Event = Hit | Miss | Loaded | Stored | Coalesced | CorruptValue | Outage | Unpublished | Removed | Invalidated


class Observer(Protocol):
    """Hears every event, on the event loop; must be quick.

    What it raises goes to the loop's exception handler, and nowhere else.
    """

    def observe(self, event: Event) -> None:
        """Take note of `event`."""
        ...


class Observers:
    """Several observers heard as one."""

    __slots__ = ("_observers",)

    def __init__(self, observers: Iterable[Observer]) -> None:
        self._observers = tuple(observers)

    def observe(self, event: Event) -> None:
        """Tell every observer. One that raises must harm neither the others nor what it is told of."""
        for observer in self._observers:
            try:
                observer.observe(event)
            except Exception as error:  # noqa: BLE001 - it is told to whoever listens for such
                asyncio.get_running_loop().call_exception_handler(
                    {"message": f"an observer of cachekit raised: {observer!r}", "exception": error}
                )

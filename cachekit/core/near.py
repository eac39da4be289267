"""The near store: values in this process' own memory, kept coherent by Redis' pushes.

A value gets in only by a read of Redis. The reader puts a placeholder first, and stores what it has read
only if the placeholder survived: a push that arrives before the reader gets to run wins. What gets in
leaves by a push, by its own deadline (pushes about expired keys come late, on an idle server by many
seconds), or because memory is needed.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from cachekit.core.codec import Record
from cachekit.errors import ConfigurationError

_OVERHEAD: Final = 1_250
"""Bytes that an entry takes beside its value, measured: slot, record, key, places in two dicts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """How much is kept in this process' own memory.

    Args:
        max_bytes: of all namespaces together, estimated from the values' JSON.
        max_stale: with Redis away, how many seconds after its last word values are still served, to
            namespaces whose outage policy is "bypass". 0: not at all.

    Raises ConfigurationError for what cannot work.
    """

    max_bytes: int = 64 * 1024 * 1024
    max_stale: float = 0

    def __post_init__(self) -> None:
        if self.max_bytes < 1:
            raise ConfigurationError(f"Near(max_bytes={self.max_bytes!r}): allowed is 1 byte or more")
        if not self.max_stale >= 0:
            raise ConfigurationError(f"Near(max_stale={self.max_stale!r}): allowed is 0 seconds or more")


class Slot:
    """An entry in memory. `deadline` is in seconds of the monotonic clock.

    `position` is that of the log up to which the entry is known to be valid; `fresh` gives its value,
    to be kept or changed by the caller.
    """

    __slots__ = ("deadline", "fresh", "key", "position", "record", "size", "space", "used")

    def __init__(
        self, key: str, record: Record, fresh: Callable[[], Any], *, position: int, deadline: float, size: int
    ) -> None:
        self.key = key
        self.record = record
        self.fresh = fresh
        self.position = position
        self.deadline = deadline
        self.size = size + _OVERHEAD
        self.used = False
        self.space: NearSpace


class NearStore:
    """The memory that the namespaces share.

    When it is full the slots go in the order they came, but one that was used since it was last looked
    at gets another round (CLOCK, Corbató 1968): a hit costs one assignment and no lock or list.
    """

    def __init__(self, near: Near) -> None:
        self.max_bytes = near.max_bytes
        self.max_stale = near.max_stale
        self.bytes = 0
        # Its first one is found at once; a dict looks for it among all that have gone.
        self._ring: OrderedDict[str, Slot] = OrderedDict()

    def add(self, slot: Slot) -> None:
        """Make room for a slot and keep it; one too large for the whole store is not kept."""
        if slot.size > self.max_bytes:
            return
        while self.bytes + slot.size > self.max_bytes:
            _, oldest = self._ring.popitem(last=False)
            if oldest.used:
                oldest.used = False
                self._ring[oldest.key] = oldest
            else:
                self.bytes -= oldest.size
                del oldest.space.slots[oldest.key]
        self._ring[slot.key] = slot
        slot.space.slots[slot.key] = slot
        self.bytes += slot.size

    def drop(self, slot: Slot) -> None:
        """Forget a slot that is kept."""
        del self._ring[slot.key]
        del slot.space.slots[slot.key]
        self.bytes -= slot.size

    def __len__(self) -> int:
        return len(self._ring)


class NearSpace:
    """One namespace's share of the near store."""

    def __init__(self, store: NearStore) -> None:
        self.slots: dict[str, Slot] = {}
        """By full key. A hit is a look-up here, a comparison of positions, and one of deadlines."""
        self.live = False
        """Whether every change of a key is heard of: only then may anything be served."""
        self._store = store
        self._expected: dict[str, object] = {}
        self._survivors: dict[str, Slot] = {}

    def expect(self, key: str) -> object | None:
        """A placeholder for a value about to be read; None while nothing may be kept."""
        if not self.live:
            return None
        return self._expected.setdefault(key, object())

    def settle(self, placeholder: object, slot: Slot) -> None:
        """Keep what was read, if nothing has been heard of its key since `placeholder` was given."""
        if self._expected.get(slot.key) is placeholder:
            del self._expected[slot.key]
            if (old := self.slots.get(slot.key)) is not None:
                self._store.drop(old)
            slot.space = self
            self._store.add(slot)

    def withdraw(self, key: str, placeholder: object) -> None:
        """Nothing was found that could be kept."""
        if self._expected.get(key) is placeholder:
            del self._expected[key]

    def evict(self, key: str) -> None:
        """Forget `key`, and what is being read of it."""
        self._expected.pop(key, None)
        if (slot := self.slots.get(key)) is not None:
            self._store.drop(slot)

    def clear(self) -> None:
        """Forget everything, and what is being read."""
        self._expected.clear()
        self._survivors.clear()
        for slot in list(self.slots.values()):
            self._store.drop(slot)

    def close(self) -> None:
        """Changes may be missed from now on: serve nothing, but keep it for an outage if so configured."""
        self.live = False
        survivors = dict(self.slots) if self._store.max_stale else {}
        self.clear()
        self._survivors = survivors

    def open(self) -> None:
        """Every change is heard of from now on."""
        self.clear()
        self.live = True

    def survivor(self, key: str) -> Slot | None:
        """What was in memory when changes could no longer be heard of; for when Redis is away."""
        return self._survivors.get(key)

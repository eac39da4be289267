"""A deadline for each of many, with one timer for all of them."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Timeouts"]

T = TypeVar("T")


class Timeouts(Generic[T]):
    """Calls `expired(item)` once, `seconds` after `add(item)`, unless it is discarded before.

    All items wait equally long, so the order of insertion is the order of the deadlines, and each verb
    costs O(1) however many there are. Belongs to the loop that runs when the first item is added.
    """

    def __init__(self, seconds: float, expired: Callable[[T], None]) -> None:
        self._seconds = seconds
        self._expired = expired
        # Ordered, since a plain dict finds its first entry slowly once many before it are gone.
        self._due: OrderedDict[T, float] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, item: T) -> bool:
        return item in self._due

    def add(self, item: T) -> None:
        """Begin to wait; an item that waits already begins anew."""
        self._due.pop(item, None)
        loop = asyncio.get_running_loop()
        self._due[item] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._fire)

    def discard(self, item: T) -> bool:
        """Wait no longer; whether it did. The timer stays: at worst it fires for nothing."""
        return self._due.pop(item, None) is not None

    def clear(self) -> None:
        """Forget everybody, and the timer."""
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        # A loop's timers are a millisecond wide: one may fire a little before the time asked for.
        now = loop.time() + 0.001
        try:
            # Looked up anew each time: who is called may discard others, or begin anew itself.
            while self._due and next(iter(self._due.values())) <= now:
                item = next(iter(self._due))
                del self._due[item]
                self._expired(item)
        finally:
            if self._due and self._timer is None:
                self._timer = loop.call_at(next(iter(self._due.values())), self._fire)

"""What Redis pushes about a namespace's keys, and whom it concerns: the near store, and those who wait.

The store subscribes with CLIENT TRACKING in BCAST mode, on the very connection that carries the replies,
so that what is heard stands in one order with what is read. Pushes do not name a database; one about the
same key in another database evicts needlessly and does no harm.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from cachekit.core.near import NearSpace

LEAST_POLL: Final = 0.02
MOST_POLL: Final = 0.5
"""Seconds between looks for a value that another process is loading: the latter where changes are pushed."""


class Watcher:
    """The listener for one namespace; see `tracking.Listener`. Belongs to one event loop."""

    def __init__(self, near: NearSpace | None, *, monotonic: Callable[[], float]) -> None:
        self.live = False
        """Whether every change is heard of."""
        self.lost_at = 0.0
        """When that ended, in seconds of the monotonic clock."""
        self._near = near
        self._monotonic = monotonic
        self._waiters: dict[str, set[asyncio.Future[None]]] = {}

    def changed(self, key: str) -> None:
        """A key was written, removed or has expired: here or elsewhere."""
        if self._near is not None:
            self._near.evict(key)
        if self._waiters:
            self.notify(key)

    def flushed(self) -> None:
        """All keys are gone."""
        if self._near is not None:
            self._near.clear()
        for key in list(self._waiters):
            self.notify(key)

    def opened(self) -> None:
        """Every change is heard of from now on."""
        self.live = True
        if self._near is not None:
            self._near.open()

    def lost(self) -> None:
        """Changes may be missed from now on."""
        self.live, self.lost_at = False, self._monotonic()
        if self._near is not None:
            self._near.close()

    def notify(self, key: str) -> None:
        """Wake those who wait for `key`."""
        for waiter in self._waiters.get(key, ()):
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, waiter: asyncio.Future[None], *, attempt: int, at_most: float) -> None:
        """Until the key changes, or it is time for look number `attempt` (from 0), or `at_most` seconds."""
        # The exponent is bounded, too: a load may go on for thousands of looks.
        pause = MOST_POLL if self.live else min(LEAST_POLL * 2 ** min(attempt, 10), MOST_POLL)
        await asyncio.wait([waiter], timeout=min(pause, max(at_most, LEAST_POLL)))

    def expect(self, key: str) -> asyncio.Future[None]:
        """A future that is done once `key` changes. To be given back with `forget`."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(key, set()).add(waiter)
        return waiter

    def forget(self, key: str, waiter: asyncio.Future[None]) -> None:
        """Nobody waits for `waiter` any more."""
        waiters = self._waiters[key]
        waiters.discard(waiter)
        if not waiters:
            del self._waiters[key]

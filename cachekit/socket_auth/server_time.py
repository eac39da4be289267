"""The server's clock, as this process knows it.

The scores of the hints are compared by every instance, so they are all in one clock's time: the server's.
A host whose own clock is hours off neither hides its sockets nor strikes off those of others.
"""

from typing import Final

from cachekit.core.clock import Clock

_MOST_UNCERTAIN: Final = 1.0
"""Seconds. A reply that took longer tells less than what is known already."""


class ServerTime:
    """Seconds since the Unix epoch by the server's clock; by our own until it has been heard."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead: float | None = None

    def now(self) -> float:
        """The time there, now."""
        return self._clock.time() + (self._ahead or 0.0)

    def heard(self, seconds: int, microseconds: int, *, asked_at: float) -> None:
        """Take what TIME has replied; `asked_at` is when it was sent, by the clock's `monotonic`."""
        took = self._clock.monotonic() - asked_at
        if self._ahead is None or took <= _MOST_UNCERTAIN:
            self._ahead = seconds + microseconds / 1_000_000 + took / 2 - self._clock.time()

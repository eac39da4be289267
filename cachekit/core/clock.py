"""Time, as the cache reads it; injected, so that tests own it."""

import time
from typing import Protocol


class Clock(Protocol):
    """Where the cache takes the time from."""

    def time(self) -> float:
        """Seconds since the Unix epoch: for stamps that other machines read."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment, never going back: for deadlines in this process."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def time(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

"""Time, as the cache reads it; injected, so that tests own it."""

from time import monotonic as _monotonic
from time import time as _time
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
    """The machine's own clocks, without a call of ours in between: they are read at every hit."""

    time = staticmethod(_time)
    monotonic = staticmethod(_monotonic)

"""Time that moves when told."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class ManualClock:
    """A `cachekit.core.clock.Clock` that stands still until it is moved.

    `now` is in seconds since the Unix epoch; it may be set, too. Redis' own expiry runs by the server's
    clock and is not moved.
    """

    now: float = 1_795_000_000.0
    _stepped: float = field(default=0.0, repr=False)

    def time(self) -> float:
        """Seconds since the Unix epoch."""
        return self.now

    def monotonic(self) -> float:
        """Seconds on a clock that `step` does not move."""
        return self.now - self._stepped

    def advance(self, seconds: float) -> None:
        """Let time pass; raises ValueError for less than 0 seconds."""
        if seconds < 0:
            raise ValueError(f"advance({seconds}): time only goes forward; step() sets the wall clock back")
        self.now += seconds

    def step(self, seconds: float) -> None:
        """Set the wall clock forward or back, as NTP does; no time passes."""
        self.now += seconds
        self._stepped += seconds

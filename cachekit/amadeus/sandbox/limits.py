"""How fast and how often a sandbox may be asked: a rate, a least interval, and a monthly quota."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cachekit.amadeus.sandbox.issues import Issue, Refusal

__all__ = ["Limits", "Meter"]

ONE_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on the data paths, all of them together; None means none.

    The published ones of the test environment were 10 a second, and 100 ms between any two; `quota` is
    requests in a calendar month (UTC). Requests for tokens are not counted.
    """

    per_second: int | None = None
    min_interval_ms: float | None = None
    quota: int | None = None


class Meter:
    """Counts the data requests of one sandbox, and refuses those beyond its `limits`."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.limits = Limits()
        self._recent: deque[datetime] = deque()
        self._month = (0, 0)
        self._used = 0

    @property
    def used(self) -> int:
        """Requests let through in this month of the sandbox's clock."""
        now = self._now()
        return self._used if (now.year, now.month) == self._month else 0

    def check(self) -> None:
        """Count a request in, or raise a Refusal if it comes too soon or too late in the month.

        One that is refused uses nothing up.
        """
        now, limits, used = self._now(), self.limits, self.used
        # Also those that lie ahead, after the clock was set back.
        while self._recent and not timedelta(0) <= now - self._recent[0] < ONE_SECOND:
            self._recent.popleft()
        too_many = limits.per_second is not None and len(self._recent) >= limits.per_second
        interval = timedelta(milliseconds=limits.min_interval_ms or 0)
        too_soon = bool(self._recent) and now - self._recent[-1] < interval
        if too_many or too_soon:
            raise Refusal([Issue(38194, "The network rate limit is exceeded, please try again later")])
        if limits.quota is not None and used >= limits.quota:
            raise Refusal([Issue(38195, "The quota limit is exceeded, please try again later")])
        self._recent.append(now)
        self._month, self._used = (now.year, now.month), used + 1

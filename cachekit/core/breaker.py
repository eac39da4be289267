"""When to try again what has failed: closed, open, half-open.

    closed ──failed──▶ open ──due, attempt()──▶ half-open ──succeeded──▶ closed
                        ▲                           │
                        └──────────failed───────────┘

Exponential backoff with jitter, so that a server that comes back is not met by all its clients at once.
No I/O and no timer: whoever owns the breaker asks it.
"""

import random
from collections.abc import Callable
from enum import Enum
from typing import Final

from cachekit.core.clock import Clock

FIRST_DELAY: Final = 0.05
LONGEST_DELAY: Final = 2.0


class State(Enum):
    """What callers may do."""

    CLOSED = "closed"
    """Go ahead."""
    OPEN = "open"
    """Fail at once: the last attempt failed, the next is not yet due or nobody has begun it."""
    HALF_OPEN = "half-open"
    """Fail at once: one attempt is under way, and its outcome decides."""


class Breaker:
    """Decides when one attempt may be made; at most one is under way."""

    def __init__(
        self,
        clock: Clock,
        *,
        first: float = FIRST_DELAY,
        longest: float = LONGEST_DELAY,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`first` and `longest` delay in seconds; `jitter` gives numbers from 0 to 1.

        The n-th delay in a row is `first * 2**n`, at most `longest`, of which a random part between one
        half and the whole is waited ("equal jitter").
        """
        self._clock = clock
        self._first = first
        self._longest = longest
        self._jitter = jitter
        self._failures = 0
        self._due = 0.0
        self._since = clock.monotonic()
        self.state = State.CLOSED

    @property
    def delay(self) -> float:
        """Seconds until the next attempt is due; 0 if it is."""
        return max(0.0, self._due - self._clock.monotonic()) if self.state is State.OPEN else 0.0

    def attempt(self) -> bool:
        """Whether the caller is the one who makes the attempt now; it must report its outcome."""
        if self.state is not State.OPEN or self.delay:
            return False
        self.state = State.HALF_OPEN
        return True

    def failed(self) -> None:
        """The attempt, or what went through the closed breaker, has failed."""
        now = self._clock.monotonic()
        if self.state is State.CLOSED and now - self._since >= self._longest:
            self._failures = 0
        whole = min(self._longest, self._first * 2.0 ** min(self._failures, 32))
        self._failures += 1
        self._due = now + whole * (0.5 + self._jitter() / 2)
        self.state = State.OPEN

    def succeeded(self) -> None:
        """It works again. If it lasts for the longest delay, the next failure begins with the first one."""
        self._since = self._clock.monotonic()
        self.state = State.CLOSED

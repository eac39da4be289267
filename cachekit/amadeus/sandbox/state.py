"""What the sandbox remembers: its clock, its tokens, its counters, and the troubles it was told to make.

None of it shapes the offers but the seed and the clock.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from cachekit.amadeus.sandbox.faults import Fault, Faults
from cachekit.amadeus.sandbox.inventory.chance import chance
from cachekit.amadeus.sandbox.latency import NO_LATENCY, Latency
from cachekit.amadeus.sandbox.limits import Limits, Meter
from cachekit.amadeus.sandbox.tokens import Tokens

__all__ = ["SandboxState", "utc_now"]


def utc_now() -> datetime:
    """The system's clock."""
    return datetime.now(UTC)


class SandboxState:
    """The mutable part of one sandbox. All of it belongs to the event loop of its server.

    Args:
        seed: which world of prices this is.
        clock: the time, aware, in UTC.
        token_lifetime: seconds a token is good for.
        latency: how long answers take.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        clock: Callable[[], datetime] = utc_now,
        token_lifetime: int = 1_799,
        latency: Latency = NO_LATENCY,
    ) -> None:
        self.seed = seed
        self._clock = clock
        self._first_lifetime = token_lifetime
        self._first_latency = latency
        self.reset()

    def reset(self) -> None:
        """Back to how it started: own clock, no tokens, no faults, no limits, counters at zero."""
        self.offset = timedelta()
        self.latency = self._first_latency
        self.tokens = Tokens(self.now, self._first_lifetime)
        self.meter = Meter(self.now)
        self.faults = Faults()
        self.requests: Counter[str] = Counter()
        self.statuses: dict[str, Counter[str]] = {}

    def now(self) -> datetime:
        """The sandbox's time: its clock and what `/_sandbox/clock` added."""
        return self._clock() + self.offset

    def set_now(self, moment: datetime) -> None:
        """Make it `moment` (aware); time goes on from there."""
        self.offset = moment - self._clock()

    @property
    def limits(self) -> Limits:
        """How fast and how often the data paths may be asked."""
        return self.meter.limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self.meter.limits = limits

    @property
    def token_lifetime(self) -> int:
        """Seconds for which tokens are good that are granted from now on."""
        return self.tokens.lifetime

    @token_lifetime.setter
    def token_lifetime(self, seconds: int) -> None:
        self.tokens.lifetime = seconds

    def expire_tokens(self) -> int:
        """Let all tokens expire now; returns how many there were."""
        return self.tokens.expire()

    def revoke_tokens(self) -> int:
        """Revoke all tokens; returns how many there were."""
        return self.tokens.revoke()

    def fail_next(self, fault: Fault, count: int = 1) -> None:
        """Let the next `count` requests to the fault's endpoint meet it; faults queue up."""
        self.faults.add(fault, count)

    def count(self, endpoint: str) -> int:
        """Count a request; returns which one it is on this endpoint."""
        self.requests[endpoint] += 1
        return self.requests[endpoint]

    def count_answer(self, endpoint: str, status: str) -> None:
        """Count an answer: its HTTP status, or `none` where the connection was cut."""
        self.statuses.setdefault(endpoint, Counter())[status] += 1

    def delay(self, endpoint: str, ordinal: int) -> float:
        """Seconds this request waits; the same in every run with this seed."""
        return self.latency.seconds(chance(self.seed, "latency", endpoint, ordinal))

    def stats(self) -> dict[str, Any]:
        """Everything worth knowing from outside, as `/_sandbox/stats` tells it."""
        return {
            "now": self.now(),
            "seed": self.seed,
            "requests": dict(self.requests),
            "statuses": {endpoint: dict(counts) for endpoint, counts in self.statuses.items()},
            "quota_used": self.meter.used,
            "faults_waiting": len(self.faults),
        }

"""What the sandbox remembers: its clock, its tokens, its counters, and the troubles it was told to make.

None of it shapes the offers but the seed and the clock.
"""

import secrets
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import exp
from statistics import NormalDist
from typing import Final, Literal

from cachekit.amadeus.sandbox.chance import chance
from cachekit.amadeus.sandbox.issues import Issue, Refusal

__all__ = ["NO_LATENCY", "Endpoint", "Fault", "FaultKind", "Latency", "Limits", "SandboxState", "utc_now"]

Endpoint = Literal["token", "token-state", "flight-offers"]
FaultKind = Literal["error", "disconnect", "malformed"]

MOST_TOKENS: Final = 1_000
"""Tokens remembered; the oldest are forgotten, and then count as invalid and not as expired."""

ONE_SECOND: Final = timedelta(seconds=1)


def utc_now() -> datetime:
    """The system's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Latency:
    """How long an answer takes: log-normal around a median, within bounds. All in milliseconds.

    A median of 0 means no delay at all. `spread` is the standard deviation of the logarithm: at 0.35,
    two answers in three come within a factor of 1.4 of the median.
    """

    median_ms: float = 0.0
    spread: float = 0.35
    most_ms: float = 2_000.0

    def seconds(self, draw: float) -> float:
        """The delay for a draw in [0, 1), in seconds."""
        if self.median_ms <= 0:
            return 0.0
        deviation = self.spread * NormalDist().inv_cdf(min(max(draw, 0.001), 0.999))
        return min(self.median_ms * exp(deviation), self.most_ms) / 1000


NO_LATENCY: Final = Latency()
"""Answers at once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on searches; None means none.

    The published ones of the test environment were 10 a second, and 100 ms between any two.
    """

    per_second: int | None = None
    min_interval_ms: float | None = None
    quota: int | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One trouble to make: an error document with this code, a cut connection, or a reply not in JSON."""

    endpoint: Endpoint = "flight-offers"
    kind: FaultKind = "error"
    code: int = 141


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
        self.token_lifetime = self._first_lifetime
        self.latency = self._first_latency
        self.limits = Limits()
        self.requests: Counter[str] = Counter()
        self._faults: list[Fault] = []
        self._tokens: dict[str, datetime] = {}
        self._recent: deque[datetime] = deque()
        self._used = 0

    def now(self) -> datetime:
        """The sandbox's time: its clock and what `/sandbox/clock` added."""
        return self._clock() + self.offset

    def set_now(self, moment: datetime) -> None:
        """Make it `moment` (aware); time goes on from there."""
        self.offset = moment - self._clock()

    def count(self, endpoint: str) -> int:
        """Count a request; returns which one it is on this endpoint."""
        self.requests[endpoint] += 1
        return self.requests[endpoint]

    def delay(self, endpoint: str, ordinal: int) -> float:
        """Seconds this request waits; the same in every run with this seed."""
        return self.latency.seconds(chance(self.seed, "latency", endpoint, ordinal))

    def fail_next(self, fault: Fault, count: int = 1) -> None:
        """Let the next `count` requests to the fault's endpoint fail; faults queue up."""
        self._faults += [fault] * count

    def take_fault(self, endpoint: str) -> Fault | None:
        """The fault this request must suffer, if any."""
        for index, fault in enumerate(self._faults):
            if fault.endpoint == endpoint:
                return self._faults.pop(index)
        return None

    def issue_token(self) -> str:
        """A new token, good for `token_lifetime` seconds."""
        token = secrets.token_urlsafe(21)
        self._tokens[token] = self.now() + timedelta(seconds=self.token_lifetime)
        while len(self._tokens) > MOST_TOKENS:
            del self._tokens[next(iter(self._tokens))]
        return token

    def token_seconds_left(self, token: str) -> int | None:
        """Whole seconds a token is still good for, 0 if it has expired, None if it is unknown."""
        expires_at = self._tokens.get(token)
        if expires_at is None:
            return None
        return max(0, int((expires_at - self.now()).total_seconds()))

    def expire_tokens(self) -> int:
        """Let all tokens expire now; returns how many there were."""
        self._tokens = dict.fromkeys(self._tokens, self.now())
        return len(self._tokens)

    def check_token(self, authorization: str | None) -> None:
        """Raise a Refusal unless the header holds a good token."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme != "Bearer" or not token:
            detail = "Missing or invalid format for mandatory Authorization header"
            raise Refusal([Issue(38191, detail)])
        expires_at = self._tokens.get(token)
        if expires_at is None:
            raise Refusal([Issue(38190, "The access token provided in the Authorization header is invalid")])
        if self.now() >= expires_at:
            raise Refusal([Issue(38192, "The access token provided in the Authorization header is expired")])

    def check_limits(self) -> None:
        """Raise a Refusal if this search comes too soon or too late in the month; else count it in."""
        now, limits = self.now(), self.limits
        while self._recent and now - self._recent[0] >= ONE_SECOND:
            self._recent.popleft()
        too_many = limits.per_second is not None and len(self._recent) >= limits.per_second
        interval = timedelta(milliseconds=limits.min_interval_ms or 0)
        too_soon = bool(self._recent) and now - self._recent[-1] < interval
        if too_many or too_soon:
            raise Refusal([Issue(38194, "The network rate limit is exceeded, please try again later")])
        if limits.quota is not None and self._used >= limits.quota:
            raise Refusal([Issue(38195, "The quota limit is exceeded, please try again later")])
        self._recent.append(now)
        self._used += 1

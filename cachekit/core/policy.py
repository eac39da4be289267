"""How long values are kept, and what happens around that."""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Self

from cachekit.errors import ConfigurationError

LEAST_TTL = 0.001
"""Redis counts expiry in milliseconds; zero or less would mean "no expiry" or an error."""


MOST_TTL = 10_000_000_000
"""Some 300 years: well within what Redis can count to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How one namespace keeps its values. All durations are in seconds.

    Args:
        ttl: how long a value is fresh.
        stale: how long after that it may still be served while one refresh runs.
        jitter: each value's ttl is shortened by a random share up to this (0.1: up to 10 %), so that
            values written together do not expire together.
        retry_after: after a failed refresh, how long the stale value is served before another is tried.
        compress_over: JSON of more bytes than this is compressed; None: never.
        max_bytes: a value whose JSON takes more bytes is refused.
        outage: when Redis is away, "bypass" asks the factory and "raise" raises CacheUnavailable.

    Raises ConfigurationError for a value that cannot work; the text names the option and what is allowed.
    """

    ttl: float = 300
    stale: float = 0
    jitter: float = 0
    retry_after: float = 10
    compress_over: int | None = 4096
    max_bytes: int = 8 * 1024 * 1024
    outage: Literal["bypass", "raise"] = "bypass"

    def __post_init__(self) -> None:
        require_ttl(self.ttl)
        _require("stale", self.stale, lambda seconds: 0 <= seconds <= MOST_TTL, "0 to 10,000,000,000 seconds")
        _require("jitter", self.jitter, lambda share: 0 <= share < 1, "a share of at least 0 and less than 1")
        _require("retry_after", self.retry_after, lambda seconds: seconds >= 0, "0 or more seconds")
        _require("max_bytes", self.max_bytes, lambda size: size >= 1, "1 or more bytes")
        if self.compress_over is not None:
            _require("compress_over", self.compress_over, lambda size: size >= 0, "0 or more bytes, or None")
        if self.outage not in ("bypass", "raise"):
            raise ConfigurationError(f"Policy(outage={self.outage!r}): allowed are 'bypass' and 'raise'")

    def replace(self, **changes: Any) -> Self:
        """The same policy with some options changed."""
        return dataclasses.replace(self, **changes)


def require_ttl(ttl: float) -> float:
    """The ttl, if Redis can hold it: at least one millisecond, and finite."""
    allowed = "0.001 to 10,000,000,000 seconds; there is no 'for ever'"
    _require("ttl", ttl, lambda seconds: LEAST_TTL <= seconds <= MOST_TTL, allowed)
    return ttl


def _require(option: str, value: Any, holds: Callable[[float], bool], allowed: str) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not holds(value):
        raise ConfigurationError(f"{option}={value!r}: allowed is {allowed}")

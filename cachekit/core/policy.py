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

LEAST_LEASE = 0.1
"""A lease is renewed three times in its life; a shorter one would be lost to a busy event loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How one namespace keeps its values. All durations are in seconds.

    Args:
        ttl: how long a value is fresh.
        stale: how long after that it may still be served while one refresh runs, or loads fail.
        jitter: each value's ttl is shortened by a random share up to this (0.1: up to 10 %), so that
            values written together do not expire together.
        eager: refreshes a fresh value in the background shortly before its end, the likelier the longer
            it took to load: the beta of XFetch (Vattani, Chierichetti, Lowenstein, "Optimal Probabilistic
            Cache Stampede Prevention", VLDB 2015). 0: never; 1 is the paper's optimum.
        soft_timeout: how long a refresh of a stale value is waited for, counted from its beginning, before
            the stale one is served.
        hard_timeout: a factory that takes longer is cancelled, and its callers get LoadTimeout. None: never.
        retry_after: after a failed refresh, how long the stale value is served before another is tried.
        negative_ttl: how long a value that the factory calls negative ("there is none") is fresh.
        lease: how long after the death of a process that was loading a key another one takes over.
        near: how long at most a value is served from this process' own memory; 0: never; None: as long
            as it is fresh.
        consistency: "bounded" hears of other processes' invalidations within about a network round trip;
            "strict" asks for them in the round trip of each read, and serves nothing from the near store.
        compress_over: JSON of more bytes than this is compressed; None: never.
        max_bytes: a value whose JSON takes more bytes is refused.
        outage: when Redis is away, "bypass" asks the factory and "raise" raises CacheUnavailable.

    Raises ConfigurationError for a value that cannot work; the text names the option and what is allowed.
    """

    ttl: float = 300
    stale: float = 0
    jitter: float = 0
    eager: float = 0
    soft_timeout: float = 0
    hard_timeout: float | None = None
    retry_after: float = 10
    negative_ttl: float = 30
    lease: float = 5
    near: float | None = None
    consistency: Literal["bounded", "strict"] = "bounded"
    compress_over: int | None = 4096
    max_bytes: int = 8 * 1024 * 1024
    outage: Literal["bypass", "raise"] = "bypass"

    def __post_init__(self) -> None:
        require_ttl(self.ttl)
        require_ttl(self.negative_ttl, option="negative_ttl")
        _require("stale", self.stale, lambda seconds: 0 <= seconds <= MOST_TTL, "0 to 10,000,000,000 seconds")
        _require("jitter", self.jitter, lambda share: 0 <= share < 1, "a share of at least 0 and less than 1")
        _require("eager", self.eager, lambda beta: beta >= 0, "0 or more")
        _require("soft_timeout", self.soft_timeout, lambda seconds: seconds >= 0, "0 or more seconds")
        _require("retry_after", self.retry_after, lambda seconds: seconds >= 0, "0 or more seconds")
        _require(
            "lease",
            self.lease,
            lambda seconds: LEAST_LEASE <= seconds <= MOST_TTL,
            f"{LEAST_LEASE} to 10,000,000,000 seconds",
        )
        _require("max_bytes", self.max_bytes, lambda size: size >= 1, "1 or more bytes")
        if self.hard_timeout is not None:
            _require(
                "hard_timeout", self.hard_timeout, lambda seconds: seconds > 0, "over 0 seconds, or None"
            )
        if self.near is not None:
            _require("near", self.near, lambda seconds: seconds >= 0, "0 or more seconds, or None")
        if self.compress_over is not None:
            _require("compress_over", self.compress_over, lambda size: size >= 0, "0 or more bytes, or None")
        _require_one_of("outage", self.outage, "bypass", "raise")
        _require_one_of("consistency", self.consistency, "bounded", "strict")

    def replace(self, **changes: Any) -> Self:
        """The same policy with some options changed."""
        return dataclasses.replace(self, **changes)


def require_ttl(ttl: float, *, option: str = "ttl") -> float:
    """The ttl, if Redis can hold it: at least one millisecond, and finite."""
    allowed = "0.001 to 10,000,000,000 seconds; there is no 'for ever'"
    _require(option, ttl, lambda seconds: LEAST_TTL <= seconds <= MOST_TTL, allowed)
    return ttl


def _require(option: str, value: Any, holds: Callable[[float], bool], allowed: str) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not holds(value):
        raise ConfigurationError(f"{option}={value!r}: allowed is {allowed}")


def _require_one_of(option: str, value: Any, *allowed: str) -> None:
    if value not in allowed:
        raise ConfigurationError(
            f"Policy({option}={value!r}): allowed are {' and '.join(map(repr, allowed))}"
        )

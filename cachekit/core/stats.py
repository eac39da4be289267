"""What a cache counted since it was opened: lookups, loads, and how long they took."""

import math
from bisect import bisect_left
from dataclasses import dataclass, fields

from cachekit.errors import ConfigurationError

BOUNDS = tuple(10 ** (step / 10) for step in range(-50, 21))
"""Upper bounds of the buckets, in seconds: ten per decade from 10 µs to 100 s, each 1.26 times the last.

Bucket i counts durations above `BOUNDS[i - 1]` up to and including `BOUNDS[i]`; one more, the last, all that
took longer than 100 s. They are the same for every histogram, so that any two can be summed up.
"""

_NO_DURATIONS = (0,) * (len(BOUNDS) + 1)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Latency:
    """A snapshot of durations, all in seconds: their sum, and how many fell into each bucket of `BOUNDS`."""

    total_seconds: float = 0.0
    buckets: tuple[int, ...] = _NO_DURATIONS

    @property
    def count(self) -> int:
        """How many durations there are."""
        return sum(self.buckets)

    @property
    def mean(self) -> float | None:
        """Their mean, exact; None if there are none."""
        count = self.count
        return self.total_seconds / count if count else None

    def quantile(self, q: float) -> float | None:
        """The duration that a share `q` of all, from 0 to 1, do not exceed; None if there are none.

        Only the bucket of the wanted rank is known; within it, durations are taken as spread evenly on the
        logarithmic scale. So the answer and the true value lie in one bucket: neither is more than 1.26
        times the other. What took 10 µs or less is given as 10 µs, and more than 100 s as 100 s.

        Raises ConfigurationError if `q` is not a share.
        """
        if not 0 <= q <= 1:
            raise ConfigurationError(f"quantile({q!r}): allowed is a share from 0 to 1")
        rank, below = q * self.count, 0
        for bucket, count in enumerate(self.buckets):
            if count and below + count >= rank:
                # The outermost buckets have one bound; for them the two are the same.
                lower, upper = BOUNDS[max(bucket - 1, 0)], BOUNDS[min(bucket, len(BOUNDS) - 1)]
                return lower * math.pow(upper / lower, (rank - below) / count)
            below += count
        return None

    def __add__(self, other: "Latency") -> "Latency":
        return Latency(
            total_seconds=self.total_seconds + other.total_seconds,
            buckets=tuple(map(int.__add__, self.buckets, other.buckets)),
        )

    def __repr__(self) -> str:
        if not self.count:
            return "Latency(count=0)"
        shown = {"mean": self.mean, "p50": self.quantile(0.5), "p99": self.quantile(0.99)}
        return (
            f"Latency(count={self.count}, {', '.join(f'{name}={each:.2g}' for name, each in shown.items())})"
        )


class Histogram:
    """Durations being counted. `record` is on the hot path: one bisection, two additions, nothing kept."""

    __slots__ = ("_buckets", "_total")

    def __init__(self) -> None:
        self._buckets = list(_NO_DURATIONS)
        self._total = 0.0

    def record(self, seconds: float) -> None:
        """Count one duration of `seconds`."""
        self._buckets[bisect_left(BOUNDS, seconds)] += 1
        self._total += seconds

    def snapshot(self) -> Latency:
        """The durations counted so far."""
        return Latency(total_seconds=self._total, buckets=tuple(self._buckets))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """A snapshot of the counters. Two can be summed up with `+`, and `Stats()` is where nothing happened.

    Args:
        near_hits: lookups answered from the near store, without asking Redis.
        redis_hits: lookups answered from Redis.
        stale_hits: those of both kinds whose value was stale.
        misses: lookups that found nothing usable; corrupt values, invalid ones and outages are among them.
        loads: factories that ended.
        failures: those of them that raised, took too long or were cancelled.
        refreshes: background loads begun because a stale or soon stale value was served.
        coalesced: callers who joined a load under way in this process; each was a miss before.
        stored: values written.
        unpublished: loaded values not written, since their key was set, deleted or invalidated meanwhile.
        corrupt: values that did not parse, or were of another key.
        invalid: values that a rule had made invalid, or that were stamped in another log than ours. Many of
            them, and few hits: another service uses the same keys under another `app`.
        outages: commands that Redis did not serve.
        load_seconds: how long the factories took.
        read_seconds: how long the lookups in Redis took.
    """

    near_hits: int = 0
    redis_hits: int = 0
    stale_hits: int = 0
    misses: int = 0
    loads: int = 0
    failures: int = 0
    refreshes: int = 0
    coalesced: int = 0
    stored: int = 0
    unpublished: int = 0
    corrupt: int = 0
    invalid: int = 0
    outages: int = 0
    load_seconds: Latency = Latency()
    read_seconds: Latency = Latency()

    @property
    def hits(self) -> int:
        """Lookups that were answered, from either store, fresh or stale."""
        return self.near_hits + self.redis_hits

    @property
    def hit_ratio(self) -> float | None:
        """Hits among all lookups, from 0 to 1; None before the first lookup."""
        lookups = self.hits + self.misses
        return self.hits / lookups if lookups else None

    def __add__(self, other: "Stats") -> "Stats":
        names = (field.name for field in fields(self))
        return Stats(**{name: getattr(self, name) + getattr(other, name) for name in names})


class Counters:
    """The counters of one namespace; what each counts stands at `Stats`.

    Written by the namespace's own fill, on the event loop, by plain increments: no lock, no call.
    """

    __slots__ = tuple(field.name for field in fields(Stats))

    def __init__(self) -> None:
        self.near_hits = self.redis_hits = self.stale_hits = self.misses = 0
        self.loads = self.failures = self.refreshes = self.coalesced = 0
        self.stored = self.unpublished = self.corrupt = self.invalid = self.outages = 0
        self.load_seconds = Histogram()
        self.read_seconds = Histogram()

    def snapshot(self) -> Stats:
        """The counters as they stand."""
        return Stats(
            near_hits=self.near_hits,
            redis_hits=self.redis_hits,
            stale_hits=self.stale_hits,
            misses=self.misses,
            loads=self.loads,
            failures=self.failures,
            refreshes=self.refreshes,
            coalesced=self.coalesced,
            stored=self.stored,
            unpublished=self.unpublished,
            corrupt=self.corrupt,
            invalid=self.invalid,
            outages=self.outages,
            load_seconds=self.load_seconds.snapshot(),
            read_seconds=self.read_seconds.snapshot(),
        )

"""How long the answers of a sandbox take."""

from dataclasses import dataclass
from math import exp
from statistics import NormalDist
from typing import Final

__all__ = ["NO_LATENCY", "Latency"]


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

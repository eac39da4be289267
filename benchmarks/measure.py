"""Interleaved rounds: every contender runs in every round, so that a noisy machine hits all alike."""

import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

Call = Callable[[], Awaitable[Any]]

_WARM_UP_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Spread:
    """A median and the quartiles around it."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """The spread of at least one value."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(low, median, high)

    def __str__(self) -> str:
        """Write it as `8.91 (8.10 to 9.42)`."""
        return f"{_short(self.median)} ({_short(self.low)} to {_short(self.high)})"


def _short(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"  # noqa: PLR2004 - where 3 digits end


@dataclass(frozen=True, slots=True)
class Contender:
    """Something to time: `run(n)` does it n times; `check` raises if it gives a wrong answer."""

    name: str
    run: Callable[[int], Awaitable[None]]
    check: Call


class Comparison:
    """What the rounds gave: for each contender, the seconds of one call in each round."""

    def __init__(self, seconds: dict[str, list[float]]) -> None:
        self.seconds = seconds

    def ratio(self, name: str, to: str) -> Spread:
        """How many times as fast as `to` the contender `name` was, round by round."""
        pairs = zip(self.seconds[to], self.seconds[name], strict=True)
        return Spread.of([other / own for other, own in pairs])

    def show(self, title: str) -> None:
        """Print each contender's speed as a ratio to the first one's, and its µs beside."""
        first, *_ = self.seconds
        rounds = len(self.seconds[first])
        print(f"\n{title}\n  speed, ratio to {first}: median (quartiles) of {rounds} rounds; µs of one call")
        for name, seconds in self.seconds.items():
            each = statistics.median(seconds) * 1e6
            print(f"  {name:46} {self.ratio(name, first)!s:28} {each:10.2f} µs", flush=True)


def callers(name: str, calls: Sequence[Call], expected: Any) -> Contender:
    """A contender with as many callers at a time as there are calls, each making its own again and again."""

    async def work(call: Call, times: int) -> None:
        for _ in range(times):
            await call()

    async def run(count: int) -> None:
        times = max(1, count // len(calls))
        if len(calls) == 1:
            await work(calls[0], times)
        else:
            await asyncio.gather(*(work(call, times) for call in calls))

    async def check() -> None:
        for answer in await asyncio.gather(*(call() for call in calls)):
            if answer != expected:
                raise AssertionError(f"{name}: gave another value than was stored")

    return Contender(name, run, check)


async def compare(
    contenders: Sequence[Contender], *, rounds: int = 15, seconds: float = 0.06, least: int = 64
) -> Comparison:
    """Time all contenders in every round, for about `seconds` each, at least `least` calls.

    The order turns by one each round, garbage is collected before each timing, and each contender's answer
    is checked once per round, outside the timing.
    """
    counts = {contender.name: await _calls_in(seconds, contender, least) for contender in contenders}
    taken: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        turn = number % len(contenders)
        for contender in (*contenders[turn:], *contenders[:turn]):
            await contender.check()
            gc.collect()
            began = time.perf_counter()
            await contender.run(counts[contender.name])
            taken[contender.name].append((time.perf_counter() - began) / counts[contender.name])
    return Comparison(taken)


async def _calls_in(seconds: float, contender: Contender, least: int) -> int:
    """How many calls fill so many seconds, in whole turns of `least` callers; warms up as it finds out."""
    count = least
    while True:
        began = time.perf_counter()
        await contender.run(count)
        took = time.perf_counter() - began
        if took >= min(_WARM_UP_SECONDS, seconds):
            return max(least, int(count * seconds / took) // least * least)
        count *= 2

"""Interleaved rounds: every contender runs in every round, so that a noisy machine hits all alike."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Contender:
    """Something to measure: `run(n)` does the thing n times."""

    name: str
    run: Callable[[int], Awaitable[None]]


async def compare(title: str, contenders: list[Contender], *, count: int, rounds: int = 9) -> None:
    """Print each contender's speed as a ratio to the first one's, with the spread over the rounds."""
    for contender in contenders:
        await contender.run(max(1, count // 10))
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            began = time.perf_counter()
            await contender.run(count)
            seconds[contender.name].append(time.perf_counter() - began)
    base = seconds[contenders[0].name]
    print(f"\n{title}   (ratio to {contenders[0].name}; lowest to highest of {rounds} rounds)")
    for contender in contenders:
        ratios = sorted(b / s for b, s in zip(base, seconds[contender.name], strict=True))
        each = statistics.median(seconds[contender.name]) / count * 1e6
        spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
        print(f"  {contender.name:34} {statistics.median(ratios):6.2f}   {spread:16} {each:8.1f} µs")


def over_callers(callers: int, once: Callable[[], Awaitable[object]]) -> Callable[[int], Awaitable[None]]:
    """`run(n)` that spreads n calls of `once` over so many callers at a time."""

    async def work(times: int) -> None:
        for _ in range(times):
            await once()

    async def run(count: int) -> None:
        await asyncio.gather(*(work(count // callers) for _ in range(callers)))

    return run

"""Invalidating 1 % of 1,000,000 keys by pattern: how long it takes, and what other clients see meanwhile.

A bystander in a process of its own sends a GET every half millisecond; a reply that is late makes the next
ones late too, and all of them count from when they were due. Idle windows and windows with work alternate.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import redis.asyncio

import cachekit
from benchmarks.measure import Spread
from benchmarks.peers import open_cashews_cache, open_raw
from benchmarks.report import Target, at_most
from benchmarks.servers import private_server

OURS = "cachekit invalidate(pattern=…), then its sweep"
IDLE = "nothing"
WINDOW_SECONDS = 2.0
SWEEP_DEADLINE = 20.0
UNMOVED_MS = 1.0

# KEYS[1] a key's beginning; ARGV the first and the last number, the value.
FILL = "for n = ARGV[1], ARGV[2] do redis.call('SET', KEYS[1] .. n, ARGV[3]) end"
_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Window:
    """What a bystander saw, in ms, and how long the work took."""

    seconds: float
    p999: float
    worst: float


class Scene:
    """A server full of keys, and a bystander."""

    def __init__(self, raw: "redis.asyncio.Redis", bystander: asyncio.subprocess.Process, hot: int) -> None:
        self.raw = raw
        self.hot = hot
        self._bystander = bystander

    async def fill(self, name: str, total: int) -> None:
        """Write `total` keys `bench:{name}:{n}` of 100 bytes, in batches of some ms each."""
        for first in range(1, total + 1, _BATCH):
            last = min(total, first + _BATCH - 1)
            await self.raw.eval(FILL, 1, f"bench:{name}:", first, last, "x" * 100)

    async def watch(self, work: Callable[[], Awaitable[float]]) -> Window:
        """Do the work, which returns its own seconds, while the bystander looks on for 2 s at least."""
        until = time.monotonic() + WINDOW_SECONDS
        await self._tell("start")
        seconds = await work()
        await asyncio.sleep(max(0, until - time.monotonic()))
        seen = await self._tell("stop")
        return Window(seconds, seen["p999"], seen["worst"])

    async def _tell(self, word: str) -> Any:
        assert self._bystander.stdin is not None
        assert self._bystander.stdout is not None
        self._bystander.stdin.write(f"{word}\n".encode())
        await self._bystander.stdin.drain()
        return json.loads(await self._bystander.stdout.readline())


async def run(*, quick: bool) -> list[Target]:
    """Print the table."""
    total = 100_000 if quick else 1_000_000
    rounds = 4 if quick else 7
    windows: dict[str, list[Window]] = {}
    sweeps: list[float] = []
    with private_server() as port:
        async with (
            open_raw(port) as raw,
            open_cashews_cache(port) as cashews,
            cachekit.connect(f"redis://127.0.0.1:{port}", app="bench") as cache,
        ):
            bystander = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "benchmarks.bystander", str(port)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            scene = Scene(raw, bystander, hot=total // 100)
            ns = cache.namespace("bench", cachekit.Policy(ttl=3600))

            async def ours() -> float:
                began = time.perf_counter()
                await ns.invalidate(pattern="hot:*")
                seconds = time.perf_counter() - began
                sweeps.append(await _until_swept(scene))
                return seconds

            work: dict[str, tuple[int, Callable[[], Awaitable[float]]]] = {
                IDLE: (rounds, _idle),
                OURS: (rounds, ours),
                "KEYS + UNLINK": (2, lambda: _timed(_by_keys(raw))),
                "SCAN COUNT 1000 + UNLINK": (2, lambda: _timed(_by_scan(raw))),
                "cashews delete_match()": (1, lambda: _timed(cashews.delete_match("bench:hot:*"))),
            }
            try:
                await scene.fill("cold", total - scene.hot)
                for number in range(rounds):
                    for name, (times, one) in work.items():
                        if number < times:
                            if name != IDLE:
                                await scene.fill("hot", scene.hot)
                            windows.setdefault(name, []).append(await scene.watch(one))
                await _check(ns)
            finally:
                assert bystander.stdin is not None
                bystander.stdin.close()
                await bystander.wait()
    _show(total, windows, sweeps)
    mine = windows[OURS]
    took = Spread.of([one.seconds * 1e3 for one in mine])
    # A busy machine only ever adds: of several windows the lower quartile says most about the server.
    busy, idle = (Spread.of([one.p999 for one in windows[name]]).low for name in (OURS, IDLE))
    return [
        at_most(f"invalidate 1 % of {total:,}", took, 2, " ms"),
        Target(
            "others' p99.9 during it and its sweep",
            f"{busy:.3g} ms; idle {idle:.3g} ms (lower quartiles)",
            f"≤ idle + {UNMOVED_MS:g} ms",
            busy <= idle + UNMOVED_MS,
        ),
    ]


async def _check(ns: cachekit.Namespace) -> None:
    """An entry that matches is gone, and one that does not is there."""
    hot, cold = ns.literal("hot", "entry"), ns.literal("cold", "entry")
    await ns.set(hot, 1)
    await ns.set(cold, 2)
    await ns.invalidate(pattern="hot:*")
    if await ns.get(hot) is not None or await ns.get(cold) != 2:  # noqa: PLR2004 - what was set above
        raise AssertionError("cachekit: invalidated the wrong keys")


async def _idle() -> float:
    return 0.0


async def _timed(work: Awaitable[Any]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


async def _by_keys(raw: "redis.asyncio.Redis") -> None:
    await raw.unlink(*await raw.keys("bench:hot:*"))


async def _by_scan(raw: "redis.asyncio.Redis") -> None:
    cursor = None
    while cursor != 0:
        cursor, keys = await raw.scan(cursor or 0, match="bench:hot:*", count=1000)
        if keys:
            await raw.unlink(*keys)


async def _until_swept(scene: Scene) -> float:
    """Seconds until the last of the keys is gone; the deadline if they outlive it."""
    began = time.monotonic()
    names = [f"bench:hot:{number}" for number in range(1, scene.hot + 1, scene.hot // 100)]
    # Its end is seen from outside: what an application would see of it in Redis.
    while await scene.raw.exists(*names) and time.monotonic() - began < SWEEP_DEADLINE:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    return time.monotonic() - began


def _show(total: int, windows: dict[str, list[Window]], sweeps: list[float]) -> None:
    print(
        f"\nInvalidation of 1 % of {total:,} keys; what a client that sends a GET every 0.5 ms sees meanwhile"
    )
    print(f"  {'medians (quartiles)':48} {'takes, ms':28} {'its p99.9, ms':28} its worst, ms")
    for name, seen in windows.items():
        took = "" if name == IDLE else str(Spread.of([window.seconds * 1e3 for window in seen]))
        p999 = Spread.of([window.p999 for window in seen])
        worst = Spread.of([window.worst for window in seen])
        print(f"  {name:48} {took:28} {p999!s:28} {worst}")
    print(
        f"  the sweep behind it had given the memory back after {Spread.of(sweeps)} s, "
        f"watched for {SWEEP_DEADLINE:g} s"
    )

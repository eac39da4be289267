"""1,000 callers in 4 processes miss one key at once; the upstream takes 200 ms.

Each peer has a server of its own, so that its commands can be counted: the difference of `INFO commandstats`
over a round, commands inside scripts included. Commands that only open connections are counted apart.
"""

import asyncio
import json
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

import redis

from benchmarks.measure import Spread
from benchmarks.report import Target, at_most
from benchmarks.servers import private_server
from benchmarks.stampede_worker import CALLERS, STAMPEDERS, UPSTREAM_SECONDS

PROCESSES = 4
OURS = "cachekit"
_COUNTING = {"info", "config", "config|resetstat"}
_HANDSHAKE = ("auth", "client", "hello", "select")


@dataclass(frozen=True, slots=True)
class Round:
    """What one stampede cost."""

    calls: int
    commands: int
    handshakes: int
    errors: int
    p99: float
    """As a multiple of the upstream's time."""
    by_name: dict[str, int]


_LONGEST_ROUND = 20
"""Seconds a peer may take for its 250 callers a process and one upstream call."""


async def run(*, quick: bool) -> list[Target]:
    """Print the table."""
    names = [name for name in STAMPEDERS if not (quick and name == "dogpile lock")]
    rounds: dict[str, list[Round]] = {name: [] for name in names}
    with ExitStack() as stack:
        ports = {name: stack.enter_context(private_server()) for name in names}
        workers = {name: [await _start(name, ports[name]) for _ in range(PROCESSES)] for name in names}
        try:
            for number in range(3 if quick else 5):
                for name in list(workers):
                    try:
                        async with asyncio.timeout(_LONGEST_ROUND):
                            rounds[name].append(await _stampede(workers[name], ports[name], f"{number}"))
                    except TimeoutError:
                        # Its workers may never end by themselves: some peers wait for their lock for ever.
                        print(f"  {name}: round {number} took over {_LONGEST_ROUND} s; left out now")
                        for worker in workers.pop(name):
                            worker.kill()
                            await worker.wait()
        finally:
            for worker in (worker for group in workers.values() for worker in group):
                assert worker.stdin is not None
                worker.stdin.close()
                await worker.wait()
    _show(rounds)
    ours = rounds[OURS]
    return [
        at_most("stampede: upstream calls", Spread.of([one.calls for one in ours]), 1),
        at_most(
            "stampede: Redis commands, handshakes not counted", Spread.of([one.commands for one in ours]), 40
        ),
        at_most("stampede: p99, x the upstream's 200 ms", Spread.of([one.p99 for one in ours]), 1.3),
        at_most("stampede: callers that got an error", Spread.of([one.errors for one in ours]), 0),
    ]


async def _start(name: str, port: int) -> asyncio.subprocess.Process:
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.stampede_worker", name, str(port)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    assert worker.stdout is not None
    if await worker.stdout.readline() != b"ready\n":
        raise RuntimeError(f"the worker of {name} did not come up")
    return worker


async def _stampede(workers: list[asyncio.subprocess.Process], port: int, key: str) -> Round:
    with redis.Redis(port=port, decode_responses=True) as admin:
        admin.config_resetstat()
        start = time.monotonic() + 0.1
        replies = await asyncio.gather(*(_ask(worker, key, start) for worker in workers))
        stats: Any = admin.info("commandstats")
    by_name = {name.removeprefix("cmdstat_"): each["calls"] for name, each in stats.items()}
    by_name = {name: calls for name, calls in by_name.items() if name not in _COUNTING}
    handshakes = sum(calls for name, calls in by_name.items() if name.startswith(_HANDSHAKE))
    latencies = [seconds for reply in replies for seconds in reply["latencies"]]
    return Round(
        calls=sum(reply["calls"] for reply in replies),
        commands=sum(by_name.values()) - handshakes,
        handshakes=handshakes,
        errors=sum(reply["errors"] for reply in replies),
        p99=quantiles(latencies, n=100)[-1] / UPSTREAM_SECONDS,
        by_name=by_name,
    )


async def _ask(worker: asyncio.subprocess.Process, key: str, start: float) -> Any:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(f"{key} {start}\n".encode())
    await worker.stdin.drain()
    line = await worker.stdout.readline()
    if not line:
        raise RuntimeError("a worker ended in the middle of a stampede")
    return json.loads(line)


def _show(rounds: dict[str, list[Round]]) -> None:
    count = len(rounds[OURS])
    print(
        f"\nStampede: {PROCESSES * CALLERS} callers in {PROCESSES} processes, upstream 200 ms, {count} rounds"
    )
    columns = f"{'calls':>7} {'commands':>9} {'handshakes (most)':>18} {'errors':>7}   p99, x upstream"
    print(f"  {'medians':20} {columns}")
    for name, of_peer in ((name, of_peer) for name, of_peer in rounds.items() if of_peer):
        calls, commands, errors = (
            median(getattr(one, field) for one in of_peer) for field in ("calls", "commands", "errors")
        )
        # Pools open their connections in the first rounds.
        handshakes = max(one.handshakes for one in of_peer)
        p99 = Spread.of([one.p99 for one in of_peer])
        print(f"  {name:20} {calls:7g} {commands:9g} {handshakes:18g} {errors:7g}   {p99}")
    last = sorted(rounds[OURS][-1].by_name.items(), key=lambda item: -item[1])
    print(f"  {OURS}'s last round: " + ", ".join(f"{calls} {name}" for name, calls in last))

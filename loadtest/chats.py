"""Whole chats, with the offline model and the flight sandbox: by Artillery, and by the driver's clients."""

import asyncio
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from loadtest.driver import driving
from loadtest.process import die_with_parent, ended
from loadtest.servers import PEERS, Server, node, running

__all__ = ["FULL", "QUICK", "TINY", "Crowd", "by_artillery", "by_driver", "has_artillery"]

ARTILLERY: Final = Path(__file__).parent / "artillery" / "node_modules" / "artillery" / "bin" / "run"
SCENARIO: Final = Path(__file__).parent / "websocket-load-test.yml"
_DAY: Final = dt.datetime.now(dt.UTC).date() + dt.timedelta(30)
QUESTIONS: Final = (
    f"flights from São Paulo to Lisbon on {_DAY}",
    f"flights from London to New York on {_DAY}",
    f"flights from Paris to Tokyo on {_DAY}",
    "what can you do?",
)

_DEADLINE: Final = 150.0
_ARTILLERY_STEPS: Final = {
    "connect": "chat.connect",
    "start": "chat.start",
    "acknowledged": "chat.acknowledged",
    "first token": "chat.first_token",
    "full answer": "chat.full_answer",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """How many chat."""

    chats: int
    rate: int
    """Connects a second."""
    over: float
    """Seconds in which all of them ask, once all are connected."""


FULL: Final = Crowd(chats=1000, rate=100, over=10)
QUICK: Final = Crowd(chats=100, rate=50, over=2)
TINY: Final = Crowd(chats=4, rate=10, over=0.2)


def has_artillery() -> bool:
    """Whether it is installed."""
    return ARTILLERY.exists()


async def by_driver(crowd: Crowd) -> dict[str, Any]:
    """All connect and start, then all ask within `over` seconds; nobody leaves before all have an answer."""
    async with _whole_gateway() as server, driving(server) as clients:
        began, at = server.cpu, time.monotonic()
        ramp = 1000 * crowd.chats / crowd.rate
        came = await clients.do("connect", count=crowd.chats, over=ramp, start=True)
        asked = await clients.do("ask", within=_DEADLINE, texts=QUESTIONS, over=1000 * crowd.over)
        used = (server.cpu - began, time.monotonic() - at)
        await clients.do("leave")
    steps = {
        "connect": came["connect"],
        "start": came["start"],
        "acknowledged": asked["acked"],
        "first token": asked["first"],
        "full answer": asked["full"],
    }
    errors = {**came["errors"], **asked["errors"]}
    return {"asked": came["asked"], "steps": steps, "errors": errors, "cpu": used[0], "seconds": used[1]}


async def by_artillery(crowd: Crowd) -> dict[str, Any]:
    """The scenario: all connect, start and ask as they come, and ask again when all are there."""
    async with _whole_gateway() as server:
        began, at = server.cpu, time.monotonic()
        report = await _artillery(server, crowd)
        used = (server.cpu - began, time.monotonic() - at)
    counters, summaries = report["counters"], report["summaries"]
    steps = {step: _summed(summaries.get(name)) for step, name in _ARTILLERY_STEPS.items()}
    for step in ("acknowledged", "first token", "full answer"):
        # Each person asks twice.
        steps[step]["count"] /= 2
    prefix = "errors."
    errors = {name.removeprefix(prefix): n for name, n in counters.items() if name.startswith(prefix)}
    asked = counters.get("vusers.created", 0)
    if failed := counters.get("vusers.failed", 0):
        errors["people who did not get to the end"] = failed
    return {"asked": asked, "steps": steps, "errors": errors, "cpu": used[0], "seconds": used[1]}


async def _artillery(server: Server, crowd: Crowd) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="loadtest-") as folder:
        output = Path(folder) / "report.json"
        process = await asyncio.create_subprocess_exec(
            *(node(), str(ARTILLERY), "run", "--quiet", "--target", server.url),
            *("--output", str(output), str(SCENARIO)),
            env={
                **os.environ,
                "ARTILLERY_DISABLE_TELEMETRY": "true",
                "LOADTEST_RATE": str(crowd.rate),
                "LOADTEST_SECONDS": str(max(1, crowd.chats // crowd.rate)),
                "LOADTEST_SECRET": server.secret,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            preexec_fn=die_with_parent(),
        )
        try:
            async with asyncio.timeout(_DEADLINE):
                await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
            await ended(process)
        report: dict[str, Any] = json.loads(output.read_text())["aggregate"]
        return report


def _summed(summary: Mapping[str, float] | None) -> dict[str, float]:
    if summary is None:
        return {"count": 0}
    return {part: summary[part] for part in ("count", "p50", "p95", "p99", "max")}


@asynccontextmanager
async def _whole_gateway() -> AsyncIterator[Server]:
    """The gateway, with flights to be found."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cachekit.amadeus.sandbox"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        preexec_fn=die_with_parent(),
    )
    try:
        assert process.stdout is not None
        said = json.loads(await process.stdout.readline())
        flights = ",".join(said[name] for name in ("url", "client_id", "client_secret"))
        async with running(PEERS["gateway"], {"LOADTEST_FLIGHTS": flights}) as server:
            yield server
    finally:
        process.terminate()
        await ended(process)

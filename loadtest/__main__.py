"""Measure the gateway and its peers, interleaved, and print the tables.

`make loadtest` runs it all, in some eight minutes; `--quick` in one. Everything runs on the loopback, in
processes that end with this one. Linux only, since the processor time of a server is read from /proc.
"""

import argparse
import asyncio
import dataclasses
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from loadtest import chats, report, rounds
from loadtest.process import descriptors
from loadtest.servers import PEERS, installed

PARTS: Final = ("servers", "chats")
SPARE: Final = 1_500
"""Files that a server has open beside one a client."""
LOADS: Final = {"full": rounds.FULL, "quick": rounds.QUICK, "tiny": rounds.TINY}
CROWDS: Final = {"full": chats.FULL, "quick": chats.QUICK, "tiny": chats.TINY}
CLOSEST: Final = ("gateway", "nestjs", "tuned")
"""Those measured in every round; the others once."""


async def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 1 if a chat of the gateway went wrong."""
    options = _options(arguments)
    size = "tiny" if options.tiny else "quick" if options.quick else "full"
    began, load = time.monotonic(), round(os.getloadavg()[0], 1)
    seen: dict[str, Any] = {"servers": {}, "chats": {}}
    if "servers" in options.only:
        seen["servers"] = await _servers(options.peers, _affordable(LOADS[size]), options.rounds)
    if "chats" in options.only:
        seen["chats"] = await _chats(CROWDS[size], artillery=size == "full")
    report.show_machine(load)
    _say(f"{time.monotonic() - began:.0f} s in all.")
    if options.json:
        options.json.write_text(json.dumps(seen, indent=2) + "\n")
    return int(any(run["errors"] for run in _own(seen)))


def _own(seen: dict[str, Any]) -> list[dict[str, Any]]:
    """Whatever the gateway did."""
    phases = [phase for one in seen["servers"].get("gateway", []) for phase in one.values()]
    return [run for run in (*phases, *seen["chats"].values()) if "errors" in run]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="less of everything, no Artillery: a minute")
    size.add_argument("--tiny", action="store_true", help="hardly anything: does it work?")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART")
    parser.add_argument("--peers", nargs="+", choices=PEERS, metavar="NAME", help=" ".join(PEERS))
    parser.add_argument("--rounds", type=int, help="of gateway, nestjs and tuned (default: 3, quick: 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    options = parser.parse_args(arguments)
    small = options.quick or options.tiny
    options.rounds = options.rounds or (1 if small else 3)
    wanted: list[str] = options.peers or (["gateway", "nestjs"] if small else list(PEERS))
    options.peers = installed(wanted)
    if len(options.peers) < len(wanted):
        _say("NestJS is not installed: `make loadtest` does that.")
    return options


def _affordable(load: rounds.Load) -> rounds.Load:
    """As many idle connections as one process may have files open."""
    most = descriptors() - SPARE
    if load.sitters > most:
        _say(f"Only {most:,} idle connections: a process may have no more files open (ulimit -n).")
        return dataclasses.replace(load, sitters=max(0, most))
    return load


async def _servers(names: Sequence[str], load: rounds.Load, times: int) -> dict[str, list[dict[str, Any]]]:
    seen: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for number in range(times):
        began = time.monotonic()
        these = [PEERS[name] for name in names if number == 0 or name in CLOSEST]
        # Who was last is first in the next round.
        for name, one in (await rounds.measure(these[:: (-1) ** number], load)).items():
            seen[name].append(one)
        _say(f"  (round {number + 1}: {time.monotonic() - began:.0f} s)")
    _say("")
    report.show_servers(seen)
    report.show_ratios(seen)
    report.show_ratios(seen, to="tuned")
    for name, its in seen.items():
        for one in its:
            for phase, what in one.items():
                report.show_errors(f"{PEERS[name].title}, {phase}", what.get("errors", {}))
    return seen


async def _chats(crowd: chats.Crowd, *, artillery: bool) -> dict[str, Any]:
    seen = {"driver": await chats.by_driver(crowd)}
    if artillery and chats.has_artillery():
        seen["Artillery"] = await chats.by_artillery(crowd)
    elif artillery:
        _say("Artillery is not installed: `make loadtest` does that.")
    for name, run in seen.items():
        report.show_chats(f"{run['asked']} chats, {name}", run)
        report.show_errors(name, run["errors"])
        _say(f"  (the gateway used {run['cpu']:.1f} s of processor time in {run['seconds']:.0f} s)\n")
    return seen


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

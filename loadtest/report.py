"""The tables, with the spread of the rounds, and how the gateway compares."""

import os
import platform
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from loadtest.servers import PEERS, node_version

__all__ = ["show_chats", "show_errors", "show_machine", "show_ratios", "show_servers"]

Seen = Mapping[str, Any]
"""What one round saw of one server."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A row of the table of servers."""

    title: str
    read: Callable[[Seen], float | None]
    form: str = "{:.2f}"


def _at(*names: str) -> Callable[[Seen], float | None]:
    def read(seen: Any) -> float | None:
        for name in names:
            if name not in seen:
                return None
            seen = seen[name]
        return float(seen)

    return read


def _success(phase: str) -> Callable[[Seen], float | None]:
    return lambda seen: 100 * seen[phase]["connect"]["count"] / seen[phase]["asked"]


CPU_HANDSHAKE: Final = Measure("idle: CPU a handshake, ms", _at("idle", "cpu_ms"))
CPU_STORM: Final = Measure("storm: CPU a handshake, ms", _at("storm", "cpu_ms"))
CPU_PERSON: Final = Measure("ramp: CPU a person, ms", _at("ramp", "cpu_ms"))
RATE: Final = Measure("echo: messages a second", _at("flood", "rate"), "{:,.0f}")
CPU_MESSAGE: Final = Measure("echo: CPU a message, µs", _at("flood", "cpu_us"), "{:.0f}")
PACED: Final = Measure("echo at a fixed rate: p99, ms", _at("paced", "echo", "p99"), "{:.1f}")
RAMP_ECHO: Final = Measure("ramp: echo p99, ms", _at("ramp", "echo", "p99"), "{:.1f}")
STORM: Final = Measure("storm: connect p99, ms", _at("storm", "connect", "p99"), "{:.0f}")
KIB: Final = Measure("idle: KiB a connection", _at("idle", "kib"), "{:.1f}")
CLOSE: Final = Measure("idle: CPU to close all, s", _at("idle", "close_cpu_s"))

MEASURES: Final = (
    Measure("storm: success, %", _success("storm"), "{:.1f}"),
    Measure("storm: connect p50, ms", _at("storm", "connect", "p50"), "{:.0f}"),
    Measure("storm: connect p95, ms", _at("storm", "connect", "p95"), "{:.0f}"),
    STORM,
    CPU_STORM,
    Measure("storm: keys leaked", _at("storm", "leaked"), "{:.0f}"),
    Measure("ramp: success, %", _success("ramp"), "{:.1f}"),
    CPU_PERSON,
    Measure("ramp: connect p99, ms", _at("ramp", "connect", "p99"), "{:.1f}"),
    Measure("ramp: start p99, ms", _at("ramp", "start", "p99"), "{:.1f}"),
    RAMP_ECHO,
    RATE,
    Measure("echo: p99, ms", _at("flood", "echo", "p99"), "{:.0f}"),
    CPU_MESSAGE,
    PACED,
    Measure("idle: success, %", _success("idle"), "{:.1f}"),
    CPU_HANDSHAKE,
    KIB,
    CLOSE,
    Measure("idle: keys leaked", _at("idle", "leaked"), "{:.0f}"),
)

COMPARED: Final = (
    (CPU_HANDSHAKE, "at most", 0.6),
    (CPU_STORM, "at most", 0.6),
    (CPU_PERSON, "at most", 1.0),
    (RATE, "at least", 1.2),
    (CPU_MESSAGE, "at most", 1.0),
    (KIB, "at most", 1.0),
    (CLOSE, "at most", 1.0),
    (STORM, "at most", 1.0),
    (RAMP_ECHO, "at most", 1.0),
    (PACED, "at most", 1.0),
)
"""What the gateway is compared in with NestJS, and what is aimed at."""


def show_machine(load: float) -> None:
    """What it was measured on, its `load` before that, and the warning that belongs to it."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    _say(f"\n{os.cpu_count()} cores of {model}, shared by clients and servers; load {load} beforehand.")
    _say(f"Python {platform.python_version()}, Node.js {node_version()}.")
    _say("Only ratios within one run mean something.\n")


def show_servers(rounds: Mapping[str, Sequence[Seen]]) -> None:
    """A column for each server: the median, and in parentheses the rounds' lowest and highest."""
    table = [["", *(PEERS[name].title for name in rounds)]]
    table += [[measure.title, *(_cell(measure, seen) for seen in rounds.values())] for measure in MEASURES]
    _show(table)


def show_ratios(rounds: Mapping[str, Sequence[Seen]], *, to: str = "nestjs") -> None:
    """The gateway's numbers as multiples of another's, round by round."""
    if not {"gateway", to} <= rounds.keys():
        return
    aimed = to == "nestjs"
    table = [["gateway ÷ " + PEERS[to].title, "median", "rounds", "aim" if aimed else ""]]
    for measure, word, aim in COMPARED:
        ratios = [
            mine / other
            for ours, theirs in zip(rounds["gateway"], rounds[to], strict=False)
            if (mine := measure.read(ours)) is not None and (other := measure.read(theirs))
        ]
        if ratios:
            each, median = " ".join(f"{ratio:.2f}" for ratio in ratios), statistics.median(ratios)
            missed = median < aim if word == "at least" else median > aim
            told = f"{word} {aim}{': missed' if missed else ''}" if aimed else ""
            table.append([measure.title, f"{median:.2f}", each, told])
    _show(table)


def show_chats(title: str, seen: Seen) -> None:
    """Whole chats: success, and how long each step took."""
    table = [[title, "success", "p50", "p95", "p99", "max, ms"]]
    for step in ("connect", "start", "acknowledged", "first token", "full answer"):
        took = seen["steps"][step]
        success = f"{100 * took['count'] / seen['asked']:.1f} %"
        spread = [f"{took[part]:.0f}" if part in took else "-" for part in ("p50", "p95", "p99", "max")]
        table.append([step, success, *spread])
    _show(table)


def show_errors(where: str, errors: Mapping[str, int]) -> None:
    """What went wrong, and how often."""
    for what, times in sorted(errors.items(), key=lambda item: -item[1]):
        _say(f"  {where}: {times} times: {what}")


def _cell(measure: Measure, rounds: Sequence[Seen]) -> str:
    numbers = [number for seen in rounds if (number := measure.read(seen)) is not None]
    if not numbers:
        return "-"
    text = measure.form.format(statistics.median(numbers))
    if measure is CLOSE and not all(seen["idle"]["closed"] for seen in rounds):
        return f"> {text}"
    if len(numbers) == 1 or len(set(map(measure.form.format, numbers))) == 1:
        return text
    return f"{text} ({measure.form.format(min(numbers))}..{measure.form.format(max(numbers))})"


def _show(table: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        first, *others = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        _say("  ".join([first, *others]).rstrip())
    _say("")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()

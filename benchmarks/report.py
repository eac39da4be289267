"""Targets: what was measured, what it has to be, and whether it is."""

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.measure import Spread


@dataclass(frozen=True, slots=True)
class Target:
    """One row of the table. `met` is None where the measurement could not be made."""

    what: str
    measured: str
    wanted: str
    met: bool | None


def at_least(what: str, measured: Spread, least: float) -> Target:
    """A ratio of speeds whose median must reach `least`."""
    return Target(what, str(measured), f"≥ {least:g}", measured.median >= least)


def at_most(what: str, measured: Spread, most: float, unit: str = "") -> Target:
    """A figure whose median must not exceed `most`."""
    return Target(what, f"{measured}{unit}", f"≤ {most:g}{unit}", measured.median <= most)


def unavailable(what: str, error: BaseException) -> Target:
    """A benchmark that did not run, and why."""
    while isinstance(error, BaseExceptionGroup):
        error, *_ = error.exceptions
    reason = str(error).splitlines()[0] if str(error) else "no reason given"
    return Target(what, f"not available: {type(error).__name__}: {reason}"[:100], "", None)


def show(targets: Iterable[Target]) -> None:
    """Print the table of targets."""
    rows = [("what", "measured: median (quartiles)", "wanted", "met?")]
    said = {True: "yes", False: "NO", None: "-"}
    rows += [(target.what, target.measured, target.wanted, said[target.met]) for target in targets]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    print()
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

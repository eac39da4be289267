"""What the kernel says about a process: processor time and memory. Linux only."""

import asyncio
import ctypes
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

__all__ = ["cpu_seconds", "descriptors", "die_with_parent", "ended", "rss_kib"]

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PR_SET_PDEATHSIG: Final = 1
_STOP_DEADLINE: Final = 5.0


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, all its threads, user and system, in steps of 10 ms."""
    # The second field is the command's name in parentheses, which may hold anything.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss_kib(pid: int) -> int:
    """Memory of a process that is really there, in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise ProcessLookupError(f"process {pid} has ended")


def descriptors() -> int:
    """How many files one process may have open, once this one's limit is as high as it may be."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def die_with_parent() -> Callable[[], None]:
    """For `preexec_fn`: the child is ended when this process is, however that happens."""
    library = ctypes.CDLL(None)

    def arrange() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return arrange


async def ended(process: asyncio.subprocess.Process) -> None:
    """Wait until a process that has been told to end has; it is killed if it takes too long."""
    try:
        async with asyncio.timeout(_STOP_DEADLINE):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()

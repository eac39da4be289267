"""The line by which a server of the load test says that it listens."""

import asyncio
import json
import signal
import sys

__all__ = ["announce", "until_told_to_end"]


def announce(port: int) -> None:
    """Say on which port of the loopback."""
    sys.stdout.write(json.dumps({"port": port}) + "\n")
    sys.stdout.flush()


async def until_told_to_end() -> None:
    """Wait for SIGTERM."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()

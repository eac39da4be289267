"""The clients: `driver.mjs` in processes of its own, told what to do and asked what it saw."""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from loadtest.process import die_with_parent, ended
from loadtest.servers import Server, node

__all__ = ["Driver", "driving"]

ADDRESSES: Final = 8
"""Of 127.0.0.x from which the clients connect: one pair of addresses has some 28,000 ports."""

_SCRIPT: Final = Path(__file__).parent / "driver.mjs"
_LONGEST_LINE: Final = 2**20


class Driver:
    """Clients of one server."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def do(self, what: str, *, within: float = 120.0, **order: Any) -> dict[str, Any]:
        """Have all clients do something; what they saw. Raises TimeoutError after `within` seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": what, **order}).encode() + b"\n")
        async with asyncio.timeout(within):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the clients have ended while they should {what}; what they said is above")
        seen: dict[str, Any] = json.loads(line)
        return seen


@asynccontextmanager
async def driving(server: Server, *, workers: int | None = None) -> AsyncIterator[Driver]:
    """Clients in `workers` processes, as many as there are cores if not said; they end with the context."""
    settings = {
        "url": server.url,
        "secret": server.secret,
        "workers": workers or os.cpu_count() or 1,
        "addresses": ADDRESSES,
    }
    process = await asyncio.create_subprocess_exec(
        *(node(), str(_SCRIPT), json.dumps(settings)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=_LONGEST_LINE,
        preexec_fn=die_with_parent(),
    )
    try:
        yield Driver(process)
    finally:
        # It ends when its input does, and its own processes when it lets go of them or is no more.
        assert process.stdin is not None
        process.stdin.close()
        await ended(process)

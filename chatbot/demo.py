"""A gateway that needs no account, no key and no server: what `make run` starts.

Beside the gateway run the Amadeus sandbox, in a process of its own, and a private Redis; both end with it.
"""

import asyncio
import logging
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Final

import msgspec

from cachekit.amadeus.client import AmadeusSettings
from cachekit.core.embedded import EmbeddedServer, find_server
from chatbot.app import serve, utc_today
from chatbot.errors import SettingsError
from chatbot.settings import AuthSettings, Settings

logger = logging.getLogger(__name__)

_SANDBOX_DEADLINE: Final = 30.0
_STOP_DEADLINE: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A running demo: where the gateway and the sandbox listen, and what keeps the data, in words."""

    url: str
    sandbox_url: str
    redis: str


class _Sandbox(msgspec.Struct):
    """The line the sandbox prints when it is ready."""

    url: str
    client_id: str
    client_secret: str


@asynccontextmanager
async def demo(
    *, port: int = 8080, latency_ms: float = 400.0, pace: float = 0.03, today: Callable[[], date] = utc_today
) -> AsyncIterator[Demo]:
    """Run the whole; everything ends with the context.

    Args:
        port: of the gateway, on the loopback; 0 picks a free one.
        latency_ms: median delay of a sandbox answer.
        pace: seconds between two words of the offline model.
        today: the day it is; tests bring their own.
    """
    async with _redis() as (redis_url, redis), _sandbox(latency_ms) as sandbox:
        settings = Settings(
            port=port,
            demo=True,
            pace=pace,
            # Tokens of an earlier run are worth nothing.
            auth=AuthSettings(secret=secrets.token_urlsafe(32)),
            # Who stops it wants it stopped; with it goes the Redis that another instance could read.
            drain=0,
            redis_url=redis_url,
            amadeus=AmadeusSettings(
                base_url=sandbox.url, client_id=sandbox.client_id, client_secret=sandbox.client_secret
            ),
        )
        async with serve(settings, today=today) as url:
            yield Demo(url=url, sandbox_url=sandbox.url, redis=redis)


@asynccontextmanager
async def _redis() -> AsyncIterator[tuple[str, str]]:
    """A URL, and what it is in words: a private real server, else fakeredis, said plainly."""
    if find_server() is None:
        logger.warning("no redis-server found: using fakeredis in this process, which is not a real Redis")
        yield "memory://", "none found on this machine: fakeredis, inside the gateway's process"
        return
    with EmbeddedServer() as server:
        yield f"unix://{server.socket}", f"a private {server.binary}; look: redis-cli -s {server.socket}"


@asynccontextmanager
async def _sandbox(latency_ms: float) -> AsyncIterator[_Sandbox]:
    # It ends when its standard input does, so also when this process is killed.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cachekit.amadeus.sandbox", "--exit-with-parent"),
        *("--latency-ms", str(latency_ms)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        # Ctrl-C at a terminal goes to the whole group; the gateway ends the sandbox itself, last.
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        try:
            async with asyncio.timeout(_SANDBOX_DEADLINE):
                line = await process.stdout.readline()
        except TimeoutError:
            raise SettingsError(
                f"the Amadeus sandbox was not ready within {_SANDBOX_DEADLINE:.0f} s"
            ) from None
        if not line:
            raise SettingsError("the Amadeus sandbox did not start; what it said is above")
        yield msgspec.json.decode(line, type=_Sandbox)
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_DEADLINE):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

"""What is done to the servers: a storm, a ramp, echoes, and many who only sit there."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

from loadtest.driver import Driver, driving
from loadtest.servers import Peer, Server, running

__all__ = ["FULL", "QUICK", "TINY", "Load", "measure"]

WARM_UP: Final = 100
"""Connects before anything is measured: what is loaded or compiled at the first ones has been."""
WINDOW: Final = 64
"""Handshakes under way at once when many connect to sit there."""

_GIVE_UP: Final = 20.0
"""Seconds of processor time after which a server that is busy with departures is left alone."""
_PATIENCE: Final = 40.0
"""Seconds in which departures must be over."""
_QUIET: Final = 0.5
"""Seconds without work after which a server is done."""
_FORGOTTEN: Final = 5
"""Such stretches after which keys that are still there count as leaked."""
_IDLE_SHARE: Final = 0.06
"""Of a core: less than that is timers."""
_SETTLE: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much."""

    storm: int
    """Connects in one second."""
    ramp: int
    """Connects a second."""
    chats: int
    """Chats at the end of the ramp."""
    echo_seconds: int
    echo_rate: int
    """Echoes a second for the delay; for the throughput, each chat sends again once it has its answer."""
    sitters: int


FULL: Final = Load(storm=1000, ramp=100, chats=1000, echo_seconds=3, echo_rate=1000, sitters=10_000)
QUICK: Final = Load(storm=1000, ramp=100, chats=300, echo_seconds=2, echo_rate=500, sitters=2000)
TINY: Final = Load(storm=20, ramp=20, chats=10, echo_seconds=1, echo_rate=20, sitters=20)
"""Enough to see whether it works."""


Phase = Callable[[Server, Driver, Load], Awaitable[dict[str, Any]]]
"""What is done to a server, and what was seen."""


async def measure(peers: Sequence[Peer], load: Load) -> dict[str, dict[str, Any]]:
    """One round with each server, as {name: {phase: {measure: number}}}.

    They take turns phase by phase, so that what else the machine does meanwhile falls on all alike.
    """
    seen: dict[str, dict[str, Any]] = {peer.name: {} for peer in peers}
    # Sitters get a server of their own: memory is asked for beyond what earlier work has left behind.
    for phases in ({"storm": _storm, "ramp": _ramp, "flood": _flood, "paced": _paced}, {"idle": _idle}):
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            servers = [await enter(running(peer)) for peer in peers]
            pairs = [(server, await enter(driving(server))) for server in servers]
            for server, clients in pairs:
                await _warm_up(server, clients, load)
            for name, phase in phases.items():
                for server, clients in pairs:
                    seen[server.peer.name][name] = await phase(server, clients, load)
    return seen


async def _warm_up(server: Server, clients: Driver, load: Load) -> None:
    await clients.do("connect", count=min(WARM_UP, load.storm), window=8, start=True)
    await clients.do("leave")
    await _done(server)


async def _storm(server: Server, clients: Driver, load: Load) -> dict[str, Any]:
    began = server.cpu
    seen = await clients.do("connect", count=load.storm, over=1000)
    seen["cpu_ms"] = _each(server.cpu - began, seen["connect"]["count"])
    await clients.do("leave")
    await _done(server)
    seen["leaked"] = await server.registered()
    return seen


async def _ramp(server: Server, clients: Driver, load: Load) -> dict[str, Any]:
    began, over = server.cpu, 1000 * load.chats / load.ramp
    seen = await clients.do("connect", count=load.chats, over=over, start=True)
    seen["cpu_ms"] = _each(server.cpu - began, seen["echo"]["count"])
    return seen


async def _flood(server: Server, clients: Driver, load: Load) -> dict[str, Any]:
    return await _echo(server, clients, seconds=load.echo_seconds)


async def _paced(server: Server, clients: Driver, load: Load) -> dict[str, Any]:
    return await _echo(server, clients, seconds=load.echo_seconds, rate=load.echo_rate)


async def _echo(server: Server, clients: Driver, **how: int) -> dict[str, Any]:
    began = server.cpu
    seen = await clients.do("echo", **how)
    answered = seen["echo"]["count"]
    seen["cpu_us"] = _each(server.cpu - began, answered, 1e6)
    seen["rate"] = answered / seen["seconds"]
    return seen


async def _idle(server: Server, clients: Driver, load: Load) -> dict[str, Any]:
    began, memory = server.cpu, server.rss
    seen = await clients.do("connect", count=load.sitters, window=WINDOW, sitters=True)
    seen["cpu_ms"] = _each(server.cpu - began, seen["connect"]["count"])
    await asyncio.sleep(_SETTLE)
    seen["kib"] = _each(server.rss - memory, seen["connect"]["count"], 1)
    began = server.cpu
    await clients.do("vanish")
    seen["closed"] = await _done(server)
    seen["close_cpu_s"] = server.cpu - began
    seen["leaked"] = await server.registered() if seen["closed"] else 0
    return seen


async def _done(server: Server) -> bool:
    """Wait until a server has nothing more to do about those who left; whether it came to that."""
    end, most = time.monotonic() + _PATIENCE, server.cpu + _GIVE_UP
    quiet = 0
    while time.monotonic() < end and server.cpu <= most:
        before = server.cpu
        await asyncio.sleep(_QUIET)
        quiet = quiet + 1 if server.cpu - before <= _QUIET * _IDLE_SHARE else 0
        # What is still registered after a while of that has been forgotten.
        if quiet == _FORGOTTEN or (quiet and not await server.registered()):
            return True
    return False


def _each(whole: float, number: int, scale: float = 1000.0) -> float:
    return whole * scale / number if number else 0.0

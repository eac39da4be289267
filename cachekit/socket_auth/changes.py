"""Changes of records that are there: none of them brings back a socket that has been removed.

A record and its hints lie in different slots, so both are written at once, in one round trip, without
waiting for one another: a hint is renewed only where it stands (see `Hints.renewing`). Where it turns out to
be missing though the record is there, it is written anew.
"""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from cachekit.core.clock import Clock
from cachekit.core.codec import iso_utc
from cachekit.core.scripts import COMPARE_AND_SET
from cachekit.core.store import Store
from cachekit.core.wire import Command
from cachekit.errors import CacheUnavailable
from cachekit.socket_auth import record
from cachekit.socket_auth.batches import batches
from cachekit.socket_auth.hints import Hints
from cachekit.socket_auth.names import socket_key
from cachekit.socket_auth.record import SocketAuth
from cachekit.socket_auth.scripts import TOUCH
from cachekit.socket_auth.server_time import ServerTime

_ATTEMPTS: Final = 8
A = TypeVar("A")
B = TypeVar("B")


class Changes:
    """Touches, renews and alters records. `ttl`, in seconds, is the life that each of these gives."""

    def __init__(self, store: Store, hints: Hints, time: ServerTime, clock: Clock, *, ttl: int) -> None:
        self._store = store
        self._hints = hints
        self._time = time
        self._clock = clock
        self._ttl = ttl

    def moment(self) -> dt.datetime:
        """Now, to the millisecond, as it is written: what is returned is what others read."""
        return dt.datetime.fromtimestamp(round(self._clock.time(), 3), dt.UTC)

    async def touch(self, socket_id: str) -> SocketAuth | None:
        """Note activity; None if the socket is gone, or nobody."""
        found = await self._touch(socket_id)
        if found == 0:
            return await self.alter(socket_id, lambda auth: auth)
        auth = record.read(found)
        if auth is not None:
            users = {socket_id: auth.user_id}
            await self._list(users, await self._see(users))
        return auth

    async def touch_many(self, users: Mapping[str, str]) -> frozenset[str]:
        """Note activity of sockets, each given with its user; those that are gone."""
        return await self._keep(users, self._touch_each)

    async def renew_many(self, users: Mapping[str, str]) -> frozenset[str]:
        """Prolong the life of sockets, each given with its user; those that are gone."""
        return await self._keep(users, self._renew_each)

    async def alter(self, socket_id: str, change: Callable[[SocketAuth], SocketAuth]) -> SocketAuth | None:
        """Replace a record by compare-and-set; None if the socket is gone, or nobody. Counts as activity."""
        key = socket_key(socket_id)
        for _ in range(_ATTEMPTS):
            stored = await self._store.get(key)
            auth = record.read(stored)
            if stored is None or auth is None:
                return None
            changed = msgspec.structs.replace(change(auth), last_activity=self.moment())
            try:
                document = record.write(changed, onto=stored)
            except record.UNREADABLE:
                # What another service wrote beside our fields is damaged: the value is nobody's to keep.
                return None
            users = {socket_id: changed.user_id}
            swapped, unlisted = await _both(
                self._store.run_script(COMPARE_AND_SET, key, stored, document, self._ttl * 1000),
                self._see(users),
            )
            if swapped:
                await self._list(users, unlisted)
                return changed
        raise CacheUnavailable(
            f"a socket's value changed {_ATTEMPTS} times under our hands", operation="EVALSHA"
        )

    async def _keep(
        self, users: Mapping[str, str], renew: Callable[[Mapping[str, str]], Awaitable[list[bool]]]
    ) -> frozenset[str]:
        gone: set[str] = set()
        for batch in batches(users.items()):
            some = dict(batch)
            there, unlisted = await _both(renew(some), self._see(some))
            lost = {socket_id for socket_id, is_there in zip(some, there, strict=True) if not is_there}
            await self._list(some, [each for each in unlisted if each not in lost])
            gone |= lost
        return frozenset(gone)

    async def _touch_each(self, users: Mapping[str, str]) -> list[bool]:
        found = await _all([self._touch(socket_id) for socket_id in users])
        there = [reply is not None for reply in found]
        for index, socket_id in enumerate(users):
            if found[index] == 0:
                there[index] = await self.alter(socket_id, lambda auth: auth) is not None
        return there

    async def _renew_each(self, users: Mapping[str, str]) -> list[bool]:
        commands: list[Command] = [("EXPIRE", socket_key(each), self._ttl) for each in users]
        return [reply == 1 for reply in await self._store.pipeline(commands)]

    async def _touch(self, socket_id: str) -> Any:
        return await self._store.run_script(
            TOUCH, socket_key(socket_id), iso_utc(self.moment()), self._ttl * 1000
        )

    async def _see(self, users: Mapping[str, str]) -> list[str]:
        """Renew the hints; the sockets that have none."""
        replies = await self._store.pipeline(self._hints.renewing(users, self._time.now()))
        return self._hints.unlisted(users, replies)

    async def _list(self, users: Mapping[str, str], unlisted: list[str]) -> None:
        """Give hints to sockets that are there and have none."""
        now = self._time.now()
        commands = (self._hints.adding(socket_id, users[socket_id], now) for socket_id in unlisted)
        await self._store.pipeline([command for part in commands for command in part])


async def _all(work: list[Awaitable[Any]]) -> list[Any]:
    """Wait until all is done, whatever fails: nothing is still being written when this raises."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


async def _both(first: Awaitable[A], second: Awaitable[B]) -> tuple[A, B]:
    one, other = await _all([first, second])
    return one, other

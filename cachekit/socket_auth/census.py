"""Walks over all sockets, slowly and in the background: hints that are missing, and hints of what is gone.

Other services may write, renew and delete a socket with nothing but its own key. Here it is counted and
listed all the same, as far as these walks have seen it.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from cachekit.core.store import Store
from cachekit.socket_auth import record
from cachekit.socket_auth.batches import BATCH, batches
from cachekit.socket_auth.hints import Hints
from cachekit.socket_auth.names import EVERY_SOCKET, LIVE, socket_id_of, socket_key, turn_key
from cachekit.socket_auth.record import SocketAuth
from cachekit.socket_auth.removal import Removal
from cachekit.socket_auth.scripts import STRIKE_OFF
from cachekit.socket_auth.server_time import ServerTime

_PAUSE: Final = 0.05
"""Seconds between two batches: a walk takes less than a hundredth of the server's time."""

_RECENT: Final = 180.0
"""Seconds. Who was seen that lately is not looked up: instances renew what they hold more often."""

_GONE: Final = -2
_NEVER: Final = -1
"""What PTTL says of a key that is not there, and of one that does not expire."""


class Census:
    """Compares the hints with the sockets' own keys. `ttl` is a socket's life in seconds."""

    def __init__(self, store: Store, hints: Hints, time: ServerTime, *, ttl: int) -> None:
        self._store = store
        self._hints = hints
        self._removal = Removal(store, hints)
        self._time = time
        self._ttl = ttl

    async def look_up(self, socket_ids: Sequence[str]) -> dict[str, SocketAuth]:
        """The records of those sockets that are there, and readable."""
        found: dict[str, SocketAuth] = {}
        for batch in batches(socket_ids):
            stored = await self._store.get_many([socket_key(each) for each in batch])
            read = ((each, record.read(value)) for each, value in zip(batch, stored, strict=True))
            found |= {each: auth for each, auth in read if auth is not None}
        return found

    async def strike_off(self, index: str, socket_ids: Sequence[str], *, seen_before: float) -> int:
        """Strike off those of whom nothing was seen since that moment by the server's clock; how many."""
        struck = 0
        for batch in batches(socket_ids):
            struck += int(await self._store.run_script(STRIKE_OFF, index, seen_before, *batch))
        return struck

    async def adopt_foreign(self) -> int:
        """Give hints to sockets that have none; how many."""
        adopted = 0
        async for keys in self._store.scan(EVERY_SOCKET):
            ids = [found for found in map(socket_id_of, keys) if found is not None]
            scores = await self._store.pipeline([("ZSCORE", LIVE, each) for each in ids])
            missing = [each for each, score in zip(ids, scores, strict=True) if score is None]
            adopted += len(await self._list(missing))
            await asyncio.sleep(_PAUSE)
        return adopted

    async def strike_off_gone(self) -> int:
        """Look those up of whom nothing was seen lately, and strike off who is gone; how many."""
        struck = 0
        async for ids, asked_at in self._unseen():
            there = await self._list(ids)
            gone = [each for each in ids if each not in there]
            struck += await self.strike_off(LIVE, gone, seen_before=asked_at)
            await asyncio.sleep(_PAUSE)
        return struck

    async def remove_idle(self, horizon: float) -> int:
        """Remove sockets of whom nothing was seen since `horizon`, by the server's clock; how many."""
        removed = 0
        while ids := await self._store.execute("ZRANGE", LIVE, "-inf", horizon, *_FIRST_BY_SCORE):
            idle = [str(each, "utf-8") for each in ids]
            seen = dict(zip(idle, await self._store.get_many([*map(socket_key, idle)]), strict=True))
            # Another service has seen activity of some that their hints do not show.
            active = {each for each, stored in seen.items() if _is_active(stored, horizon)}
            count, changed = await self._removal.remove_unchanged(
                {each: stored for each, stored in seen.items() if each not in active}
            )
            removed += count
            now = self._time.now()
            await self._store.pipeline([("ZADD", LIVE, now, each) for each in active | changed])
        return removed

    async def take_turn(self, task: str, holder: str, seconds: float) -> bool:
        """Whether nobody has taken this turn within the last `seconds`."""
        taken = await self._store.execute("SET", turn_key(task), holder, "NX", "PX", round(seconds * 1000))
        return bool(taken)

    async def _list(self, socket_ids: Sequence[str]) -> frozenset[str]:
        """Give hints to those that are there, and readable; which these are."""
        known = await self.look_up(socket_ids)
        lives = await self._store.pipeline([("PTTL", socket_key(each)) for each in known])
        now = self._time.now()
        there = {
            each: _seen(life, now, self._ttl)
            for each, life in zip(known, lives, strict=True)
            if life != _GONE
        }
        commands = (self._hints.adding(each, known[each].user_id, at, "GT") for each, at in there.items())
        await self._store.pipeline([command for part in commands for command in part])
        return frozenset(there)

    async def _unseen(self) -> AsyncIterator[tuple[list[str], float]]:
        """Batches of those not seen lately, each with the moment at which that was asked."""
        cursor = 0
        while True:
            asked_at = self._time.now()
            cursor, entries = await self._store.execute("ZSCAN", LIVE, cursor, "COUNT", BATCH)
            ids = [str(each, "utf-8") for each, score in entries if score <= asked_at - _RECENT]
            if ids:
                yield ids, asked_at
            if cursor == 0:
                return


_FIRST_BY_SCORE: Final = ("BYSCORE", "LIMIT", 0, BATCH)


def _is_active(stored: bytes | None, horizon: float) -> bool:
    auth = record.read(stored)
    return auth is not None and auth.last_activity.timestamp() > horizon


def _seen(life: int, now: float, ttl: int) -> float:
    """When a key was last renewed, that has so many milliseconds to live."""
    return now if life == _NEVER else min(now, now + life / 1000 - ttl)

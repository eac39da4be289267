"""Which instances live: their heartbeats, and what becomes of the sockets of one that has crashed.

A heartbeat is a key that ends by the server's clock, so nobody's own clock matters. Its value differs from
beat to beat: an instance that does not find the one it wrote last learns that Redis was emptied, or went
back in time, or that it has been too slow itself and counted as crashed.
"""

import secrets
from typing import Final

from cachekit.core.clock import Clock
from cachekit.core.store import Store
from cachekit.errors import ConfigurationError
from cachekit.socket_auth.batches import BATCH
from cachekit.socket_auth.hints import Hints
from cachekit.socket_auth.names import INSTANCES, beat_key, held_key, socket_key
from cachekit.socket_auth.removal import Removal
from cachekit.socket_auth.server_time import ServerTime

_FRUITLESS: Final = 3
"""Batches in a row of which nothing could be removed, after which the rest is left to the next reaper."""


class Instances:
    """The heartbeat of this instance, if it has a name, and the reaping of others.

    `heartbeat` is how many seconds an instance lives after its last beat.
    """

    def __init__(
        self,
        store: Store,
        hints: Hints,
        time: ServerTime,
        clock: Clock,
        *,
        instance: str | None,
        heartbeat: float,
    ) -> None:
        self._store = store
        self._hints = hints
        self._removal = Removal(store, hints)
        self._time = time
        self._clock = clock
        self._instance = instance
        self._life = round(heartbeat * 1000)
        self._last: bytes | None = None
        """The beat that Redis should hold now; None if we do not know."""

    async def beat(self) -> bool:
        """Beat once; whether Redis held the beat before it."""
        instance = self._named()
        # Until the reply has come nobody knows which of the two Redis holds.
        last, self._last = self._last, None
        fresh = secrets.token_hex(6).encode()
        key, asked_at = beat_key(instance), self._clock.monotonic()
        (seconds, microseconds), found, *_ = await self._store.pipeline(
            [
                ("TIME",),
                ("GET", key),
                ("SET", key, fresh, "PX", self._life),
                *self._hints.beating(instance, self._time.now()),
            ]
        )
        self._time.heard(int(seconds), int(microseconds), asked_at=asked_at)
        self._last = fresh
        return last is not None and found == last

    async def retire(self) -> None:
        """End the heartbeat, and be no longer named."""
        instance = self._named()
        self._last = None
        await self._store.pipeline([("UNLINK", beat_key(instance)), ("ZREM", INSTANCES, instance)])

    async def find_crashed(self) -> frozenset[str]:
        """Those named, but for this one, that have no heartbeat."""
        named = [str(each, "utf-8") for each in await self._store.execute("ZRANGE", INSTANCES, 0, -1)]
        beating = await self._store.pipeline([("EXISTS", beat_key(each)) for each in named])
        return frozenset(
            each for each, beats in zip(named, beating, strict=True) if not beats and each != self._instance
        )

    async def reap(self, instance: str) -> int:
        """Remove the sockets of an instance for as long as it has no heartbeat; how many there were.

        It may wake up at any moment. It then beats first, and writes all its sockets, each with another
        `lastActivity`. So either the beat is seen here, after the records have been read; or those written
        later are no longer what was read, and stay; or they are removed, found to be gone by the instance,
        and registered anew.
        """
        removed = fruitless = 0
        while fruitless < _FRUITLESS:
            found = await self._store.execute("SRANDMEMBER", held_key(instance), BATCH)
            held = [str(each, "utf-8") for each in found]
            seen = dict(zip(held, await self._store.get_many([*map(socket_key, held)]), strict=True))
            if await self._store.execute("EXISTS", beat_key(instance)):
                return removed
            if not seen:
                await self._store.execute("ZREM", INSTANCES, instance)
                return removed
            count, changed = await self._removal.remove_unchanged(seen, held=held_key(instance))
            removed += count
            fruitless = fruitless + 1 if len(changed) == len(seen) else 0
        return removed

    def _named(self) -> str:
        if self._instance is None:
            raise ConfigurationError("instance is missing: without a name there is no heartbeat")
        return self._instance

"""Sockets that have left this process and are still to be removed from Redis."""

import asyncio
import logging
from itertools import islice
from typing import Final

from cachekit.errors import CacheClosed, CacheUnavailable
from cachekit.socket_auth.batches import BATCH
from cachekit.socket_auth.held import Held
from cachekit.socket_auth.repository import SocketAuthRepository

MOST: Final = 100_000
"""Departures remembered while Redis is away. Older ones are found again: see `SocketKeeper`."""

_LEAST_PAUSE: Final = 0.05
_MOST_PAUSE: Final = 1.0
"""Seconds between two attempts."""

logger = logging.getLogger(__name__)


class Departures:
    """Removes sockets in the background, many at once, and again until Redis has heard it."""

    def __init__(self, repository: SocketAuthRepository, *, most: int = MOST) -> None:
        self._repository = repository
        self._most = most
        self._waiting: dict[str, Held] = {}
        self._news = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, socket_id: object) -> bool:
        return socket_id in self._waiting

    def add(self, socket_id: str, held: Held) -> None:
        """Remove that socket, once nothing is being written of it."""
        self._waiting[socket_id] = held
        if len(self._waiting) > self._most:
            del self._waiting[next(iter(self._waiting))]
        self._news.set()

    def look_again(self) -> None:
        """A write has ended that a removal may have waited for."""
        if self._waiting:
            self._news.set()

    async def run(self) -> None:
        """Remove whatever is added, for ever."""
        while True:
            await self._news.wait()
            await self._settle()

    async def drain(self) -> None:
        """Return when nothing is left to be removed."""
        self._news.set()
        while self._waiting:
            await self._news.wait()
            await self._settle()

    async def _settle(self) -> None:
        """Remove all that can be removed now, however often it takes."""
        pause = _LEAST_PAUSE
        self._news.clear()
        while batch := self._ready():
            try:
                await self._repository.remove_many({each: held.user_id for each, held in batch.items()})
            except CacheClosed:
                raise
            except CacheUnavailable:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _MOST_PAUSE)
            except Exception:
                # Whatever it was: the sockets behind these must not wait for ever.
                logger.exception("%d sockets could not be removed; they expire", len(batch))
                self._forget(batch)
            else:
                self._forget(batch)

    def _ready(self) -> dict[str, Held]:
        ready = ((each, held) for each, held in self._waiting.items() if not held.writing)
        return dict(islice(ready, BATCH))

    def _forget(self, batch: dict[str, Held]) -> None:
        for socket_id in batch:
            self._waiting.pop(socket_id, None)

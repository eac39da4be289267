"""Which sessions a user has in Redis: a hint, since it cannot share a cluster slot with all of them."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from cachekit.core.cache import Cache
from cachekit.errors import CacheUnavailable
from chatbot.sessions.layout import index_key

_MOST: Final = 1_000
"""Sessions of one user that are remembered; those not used for longest drop out."""

_TTL: Final = 30 * 86_400
"""Seconds. A session that waits for its archive may stay long after its last use."""


class SessionIndex:
    """Users' sessions by last use; those that are gone stay in it until somebody sees that they are."""

    def __init__(self, cache: Cache, *, ttl: int) -> None:
        self._cache = cache
        self._ttl = max(ttl, _TTL)

    async def note(self, user_id: str, session_id: str) -> None:
        """The session was used now."""
        key = index_key(user_id)
        # What was done to the session stands: it must not seem to have failed for the sake of a hint.
        with suppress(CacheUnavailable):
            await self._cache.store.pipeline(
                [
                    ("ZADD", key, self._cache.clock.time(), session_id),
                    ("ZREMRANGEBYRANK", key, 0, -_MOST - 1),
                    ("EXPIRE", key, self._ttl),
                ]
            )

    async def drop(self, user_id: str, session_ids: Iterable[str]) -> None:
        """Those sessions are gone."""
        gone = list(session_ids)
        if gone:
            with suppress(CacheUnavailable):
                await self._cache.store.execute("ZREM", index_key(user_id), *gone)

    async def read(self, user_id: str) -> list[str]:
        """The user's sessions, last used first."""
        ids: list[bytes] = await self._cache.store.execute("ZREVRANGE", index_key(user_id), 0, -1)
        return [each.decode() for each in ids]

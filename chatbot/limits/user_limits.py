"""How often one user may connect and ask, over all instances together."""

import math
from typing import Final

from cachekit.core.cache import Cache
from cachekit.ratelimit import RateLimit
from chatbot.errors import LimitError

_MINUTE: Final = 60


class UserLimits:
    """What one user may do in a minute; 0: as much as he likes.

    New chats are counted apart from connects, and limited alike.

    While Redis is away everybody may: the limit is a courtesy, and who connects needs Redis anyway.
    """

    def __init__(self, cache: Cache, *, connects_per_minute: int, messages_per_minute: int) -> None:
        self._connects = _limit(cache, "chat-connect", connects_per_minute)
        self._chats = _limit(cache, "chat-start", connects_per_minute)
        self._messages = _limit(cache, "chat-message", messages_per_minute)

    async def connect(self, user_id: str) -> None:
        """Count a connection; raises LimitError `rate_limited` for one too many."""
        await _take(self._connects, user_id, "connections")

    async def chat(self, user_id: str) -> None:
        """Count a chat that is begun; raises LimitError `rate_limited` for one too many."""
        await _take(self._chats, user_id, "new chats")

    async def message(self, user_id: str) -> None:
        """Count a question; raises LimitError `rate_limited` for one too many."""
        await _take(self._messages, user_id, "messages")


def _limit(cache: Cache, name: str, per_minute: int) -> RateLimit | None:
    if not per_minute:
        return None
    return RateLimit(cache, name, limit=per_minute, period=_MINUTE, burst=per_minute, outage="allow")


async def _take(limit: RateLimit | None, user_id: str, what: str) -> None:
    permit = None if limit is None else await limit.take(user_id)
    if permit is not None and not permit.allowed:
        seconds = math.ceil(permit.retry_after)
        again = "a second" if seconds == 1 else f"{seconds} seconds"
        raise LimitError(f"Too many {what}; try again in {again}.", code="rate_limited")

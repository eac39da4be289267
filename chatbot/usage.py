"""What each user has used of the model, by UTC day, over all instances: tokens, their cost, and the limit.

One hash a user and day, `chat_usage:{day}:{user}`:

| field                                          | holds                                             |
|------------------------------------------------|---------------------------------------------------|
| `input`, `output`, `cacheRead`, `cacheWrite`   | tokens, as in `TokenUsage`                        |
| `n:{id}`                                       | nothing; that this note has been counted          |

Only counts are kept: a cost is worked out from them when it is asked for.
"""

import asyncio
import datetime as dt
import logging
import secrets
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, cast

from cachekit.core.cache import Cache
from cachekit.core.keys import KeySpace
from cachekit.errors import CacheUnavailable
from chatbot.errors import LimitError
from chatbot.models.protocol import TokenUsage

__all__ = ["Prices", "Usage", "UserUsage"]

logger = logging.getLogger(__name__)

KEPT: Final = 35 * 86_400
"""Seconds a day's counts are kept: a month's bill can be checked against them."""
MOST_OWED: Final = 10_000
"""Notes that wait in this process for a Redis that is away; some 3 MB. Beyond, the oldest are given up."""
AT_ONCE: Final = 100
"""Owed notes that are sent together once Redis is back."""

_KEYS: Final = KeySpace("chat_usage")
_FIELDS: Final = ("input", "output", "cacheRead", "cacheWrite")
_MILLION: Final = 1_000_000

# Invariant: a note is counted once, also if it is sent again because its reply was lost.
# KEYS[1] the user's day; ARGV[1] the note's id; ARGV[2] seconds to keep the day; then pairs of field and
# tokens. Returns 1 if counted now, 0 if it had been.
_NOTE: Final = """
if redis.call('HSETNX', KEYS[1], 'n:' .. ARGV[1], '') == 0 then
    return 0
end
for i = 3, #ARGV, 2 do
    redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1])
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What a million tokens cost, all in one currency.

    Raises:
        ValueError: a price is negative or no number.
    """

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal

    def __post_init__(self) -> None:
        for price in (self.input, self.output, self.cache_read, self.cache_write):
            if not price.is_finite() or price < 0:
                raise ValueError(f"a price is 0 or more for a million tokens, not {price}")

    def cost(self, usage: TokenUsage) -> Decimal:
        """What `usage` costs, exactly."""
        parts = (
            self.input * usage.input_tokens,
            self.output * usage.output_tokens,
            self.cache_read * usage.cache_read_tokens,
            self.cache_write * usage.cache_write_tokens,
        )
        return sum(parts, start=Decimal(0)) / _MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class UserUsage:
    """A user's day: what was used, what it cost (None without prices) and what is left (None: no limit)."""

    tokens: TokenUsage
    cost: Decimal | None
    left: int | None


@dataclass(frozen=True, slots=True)
class _Note:
    key: str
    id: str
    tokens: TokenUsage


class Usage:
    """Counts tokens by user and UTC day, and says when a user's share is used up.

    Args:
        cache: the open cache whose Redis all instances share.
        daily_tokens: tokens a user may use in a UTC day; None: as many as they like. All count, except
            those that the model has read from its own cache. It is looked at before an answer, so the
            answers under way at the same time may exceed it.
        prices: what tokens cost; None: costs are not told.

    While Redis is away everybody is let through, and what is used is counted when it is back.

    Raises:
        ValueError: `daily_tokens` is less than 1.
    """

    def __init__(
        self, cache: Cache, *, daily_tokens: int | None = None, prices: Prices | None = None
    ) -> None:
        if daily_tokens is not None and daily_tokens < 1:
            raise ValueError(f"daily_tokens is 1 or more, or None for no limit, not {daily_tokens!r}")
        self._cache = cache
        self._daily_tokens = daily_tokens
        self._prices = prices
        self._owed: dict[str, _Note] = {}
        """What could not be counted yet, by the notes' ids, the oldest first."""
        self._settling = False

    @property
    def owed(self) -> int:
        """Notes that wait for a Redis that is away."""
        return len(self._owed)

    def cost(self, usage: TokenUsage) -> Decimal | None:
        """What `usage` costs; None if no prices are known."""
        return None if self._prices is None else self._prices.cost(usage)

    async def require_left(self, user_id: str) -> None:
        """Let a user ask, or not.

        Raises:
            LimitError: today's share is used up (`quota`).
        """
        if self._daily_tokens is None:
            return
        try:
            used = await self._used(user_id)
        except CacheUnavailable:
            return
        if _counted(used) >= self._daily_tokens:
            raise LimitError(
                "Your share of the assistant for today is used up; it is there again at 00:00 UTC.",
                code="quota",
            )

    async def note(self, user_id: str, tokens: TokenUsage) -> None:
        """Count what an answer has used; never raises while Redis is away."""
        if not tokens.total:
            return
        note = _Note(self._key(user_id), secrets.token_hex(8), tokens)
        try:
            await self._count(note)
        except CacheUnavailable:
            self._owe(note)
            return
        except asyncio.CancelledError:
            self._owe(note)
            raise
        await self.settle()

    async def of(self, user_id: str) -> UserUsage:
        """What a user has used today.

        Raises:
            CacheUnavailable: Redis is away.
        """
        tokens = await self._used(user_id)
        limit = self._daily_tokens
        return UserUsage(
            tokens=tokens,
            cost=self.cost(tokens),
            left=None if limit is None else max(0, limit - _counted(tokens)),
        )

    async def settle(self) -> bool:
        """Count what is owed; whether nothing is owed any more. A gateway calls it before it ends."""
        if not self._settling:
            self._settling = True
            try:
                while notes := [*self._owed.values()][:AT_ONCE]:
                    await asyncio.gather(*(self._count(note) for note in notes))
            except CacheUnavailable:
                return False
            finally:
                self._settling = False
        return not self._owed

    def _owe(self, note: _Note) -> None:
        if len(self._owed) == MOST_OWED:
            del self._owed[next(iter(self._owed))]
            logger.error("Redis has been away for long: what an answer has used is not counted")
        self._owed[note.id] = note

    async def _count(self, note: _Note) -> None:
        tokens = zip(_FIELDS, _amounts(note.tokens), strict=True)
        arguments = [part for field, amount in tokens if amount for part in (field, amount)]
        await self._cache.store.run_script(_NOTE, note.key, note.id, KEPT, *arguments)
        self._owed.pop(note.id, None)

    async def _used(self, user_id: str) -> TokenUsage:
        """All that is known here of a user's day, also what is still owed."""
        key = self._key(user_id)
        reply = await self._cache.store.execute("HMGET", key, *_FIELDS)
        amounts = [int(value or 0) for value in cast("list[bytes | None]", reply)]
        used = TokenUsage(*amounts)
        for note in self._owed.values():
            if note.key == key:
                used += note.tokens
        return used

    def _key(self, user_id: str) -> str:
        today = dt.datetime.fromtimestamp(self._cache.clock.time(), dt.UTC).date()
        return _KEYS.literal(today.isoformat(), user_id)


def _amounts(tokens: TokenUsage) -> tuple[int, int, int, int]:
    return (
        tokens.input_tokens,
        tokens.output_tokens,
        tokens.cache_read_tokens,
        tokens.cache_write_tokens,
    )


def _counted(tokens: TokenUsage) -> int:
    """What counts towards the limit: not what came from the model's cache, at a tenth of the price."""
    return tokens.input_tokens + tokens.output_tokens + tokens.cache_write_tokens

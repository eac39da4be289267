"""How many requests a calendar month may cost, counted over all processes that share the Redis."""

import asyncio
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from cachekit.amadeus.errors import AmadeusBudgetError
from cachekit.core.cache import Cache
from cachekit.core.keys import KeySpace
from cachekit.core.singleflight import detached
from cachekit.errors import CacheClosed, CacheUnavailable

__all__ = ["Budget", "MonthlyBudget"]

CLOSED_SECONDS: Final = 300.0
"""How long nothing is sent after the service itself has said that the quota is spent.

Somebody else may use the same account, or the contract may be renewed: so it is asked again then, by one
request in five minutes at least.
"""

KEPT_SECONDS: Final = 40 * 86_400
"""A month's count goes this long after its last request."""

_KEYS: Final = KeySpace("amadeus_budget")

_FARTHEST: Final = 2 * CLOSED_SECONDS
"""A moment of reopening further ahead than this was set by a clock that is wrong, and is not believed."""

# Invariant: a request is counted if and only if it is allowed, and never more than the limit are. What a
# process counted by itself while Redis was away is added in any case: those have been sent. Giving back
# never leaves less than nothing, since the count that it was part of may have been removed.
# KEYS[1] the month's hash: `used`, and `closed`, the moment until which nothing is sent, in milliseconds
# since the epoch. ARGV[1] the limit; ARGV[2] what to add, less than 0 to give back; ARGV[3] how many
# requests are wanted, 1 or 0; ARGV[4] now, in the same milliseconds; ARGV[5] how far ahead such a moment is
# believed; ARGV[6] the key's life in milliseconds.
# Returns allowed (1 or 0), the count, and the moment.
SPEND: Final = """
local add, wanted, now = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local used = math.max(0, tonumber(redis.call('HGET', KEYS[1], 'used') or 0) + add)
local closed = tonumber(redis.call('HGET', KEYS[1], 'closed') or 0)
if closed <= now or closed > now + tonumber(ARGV[5]) then closed = 0 end
local allowed = 0
if closed == 0 and used + wanted <= tonumber(ARGV[1]) then
    used, allowed = used + wanted, 1
end
if add ~= 0 or wanted ~= 0 then
    redis.call('HSET', KEYS[1], 'used', string.format('%.0f', used))
    redis.call('PEXPIRE', KEYS[1], ARGV[6])
end
return {allowed, used, closed}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A month's budget at one moment.

    `month` is a calendar month in UTC, as `2026-11`; `used` and `limit` are requests. `closed_until` is set
    while nothing is sent because the service said that its own quota is spent.
    """

    month: str
    used: int
    limit: int
    closed_until: dt.datetime | None = None

    @property
    def left(self) -> int:
        """How many requests may be sent now."""
        return 0 if self.closed_until else max(0, self.limit - self.used)


@dataclass(slots=True)
class _Month:
    """What this process knows of one month."""

    name: str
    used: int = 0
    """As Redis last said."""
    unsaid: int = 0
    """Counted here and not yet there; less than 0: to be given back."""
    closed: float = 0.0
    """Seconds since the epoch until which nothing is sent."""


class MonthlyBudget:
    """Counts requests, and stops them at a limit.

    The count lies in the hash `amadeus_budget:{account}:{month}`; removing that key gives the whole budget
    back. Each request counts, retries included, and so does one whose fate is unknown; one that surely was
    not sent is given back. While Redis is away each process counts for itself, from what Redis said last,
    and adds it when Redis answers again, or when it is closed; so together they may then send more than the
    limit. Without a cache the limit is each process's own.

    Args:
        limit: requests a month.
        account: whose budget it is; all that name the same share it.
        now: seconds since the epoch, by which months begin; hosts whose clocks differ begin them apart.
    """

    def __init__(
        self, limit: int, *, account: str, cache: Cache | None = None, now: Callable[[], float]
    ) -> None:
        self._limit = limit
        self._account = account
        self._cache = cache
        self._now = now
        self._month = _Month("")
        self._telling: asyncio.Task[None] | None = None

    async def spend(self) -> str:
        """Count one request in; the month it is counted in.

        Raises:
            AmadeusBudgetError: the month's budget is spent, or closed; nothing is counted.
        """
        self.require_open()
        month = self._current()
        allowed = await self._ask(month, wanted=1)
        if allowed is None:
            allowed = month.used + month.unsaid < self._limit
            month.unsaid += allowed
        if not allowed:
            raise self._closed(month) if self._is_closed(month) else self._spent(month)
        return month.name

    def require_open(self) -> None:
        """Raises AmadeusBudgetError if nothing may be sent now, as far as this process has heard."""
        month = self._current()
        if self._is_closed(month):
            raise self._closed(month)

    def give_back(self, name: str) -> None:
        """One request that was counted in this month has not been sent; all hear of it at once."""
        month = self._current()
        if month.name != name:
            return
        month.unsaid -= 1
        if self._cache is not None and (self._telling is None or self._telling.done()):
            self._telling = asyncio.create_task(self._tell(month), name="amadeus budget", context=detached())

    async def aclose(self) -> None:
        """Tell Redis what it does not know yet; an answer is waited for as long as the cache's timeout."""
        if self._telling is not None:
            await asyncio.wait({self._telling})
        await self._tell(self._month)

    async def close(self) -> None:
        """The service says that the quota is spent: nothing is sent for five minutes, or until next month."""
        month = self._current()
        month.closed = self._now() + CLOSED_SECONDS
        if self._cache is None:
            return
        key, moment = self._key(month), round(month.closed * 1000)
        try:
            await self._cache.store.pipeline(
                [("HSET", key, "closed", moment), ("PEXPIRE", key, KEPT_SECONDS * 1000)]
            )
        except (CacheUnavailable, CacheClosed):
            return  # Each process hears it from the service itself.

    async def look(self) -> Budget:
        """How the budget stands; as far as this process knows, while Redis is away or holds no numbers."""
        month = self._current()
        await self._ask(month, wanted=0)
        return Budget(
            month=month.name,
            used=month.used + month.unsaid,
            limit=self._limit,
            closed_until=_moment(month.closed) if self._is_closed(month) else None,
        )

    async def _tell(self, month: _Month) -> None:
        # Whoever asks first takes the others' with it.
        while month.unsaid and await self._ask(month, wanted=0) is not None:
            pass

    async def _ask(self, month: _Month, *, wanted: int) -> bool | None:
        """Whether Redis allows `wanted` more, and counts them; None if it cannot be asked."""
        if self._cache is None:
            return None
        unsaid, month.unsaid = month.unsaid, 0
        now, farthest, life = (round(s * 1000) for s in (self._now(), _FARTHEST, KEPT_SECONDS))
        try:
            reply = await self._cache.store.run_script(
                SPEND, self._key(month), self._limit, unsaid, wanted, now, farthest, life
            )
        except BaseException as error:
            # Whether it was added is not known. The safe side: what was sent may count twice, and what
            # was to be given back is lost.
            month.unsaid += max(unsaid, 0)
            if isinstance(error, CacheUnavailable | CacheClosed):
                return None
            raise
        allowed, month.used, closed = cast("list[int]", reply)
        month.closed = max(month.closed, closed / 1000)
        return bool(allowed)

    def _is_closed(self, month: _Month) -> bool:
        now = self._now()
        return now < month.closed <= now + _FARTHEST

    def _current(self) -> _Month:
        name = _moment(self._now()).strftime("%Y-%m")
        if self._month.name != name:
            self._month = _Month(name)
        return self._month

    def _key(self, month: _Month) -> str:
        return _KEYS.literal(self._account, month.name)

    def _spent(self, month: _Month) -> AmadeusBudgetError:
        return AmadeusBudgetError(
            f"the budget of {self._limit:,} requests for {month.name} is spent; nothing was sent"
        )

    def _closed(self, month: _Month) -> AmadeusBudgetError:
        until = _moment(month.closed).strftime("%Y-%m-%d %H:%M:%S")
        return AmadeusBudgetError(
            f"the service said that the month's quota is spent; nothing is sent before {until} UTC"
        )


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)

"""Turns at even distances, for all processes that share the Redis, or for this one alone."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from cachekit.amadeus.errors import AmadeusRateLimitError
from cachekit.core.cache import Cache
from cachekit.errors import CacheClosed, CacheUnavailable
from cachekit.ratelimit import MOST_WAIT, RateLimit

__all__ = ["Spacing"]

NAME: Final = "amadeus"
"""What is limited: the keys are `rate_limit:amadeus:{account}`."""


class Spacing:
    """Lets one request through every `interval` seconds.

    Without a cache, and while Redis is away, turns are spaced in this process only. The requests of one
    process stand in line, and only the first one books a turn: one that is cancelled while it waits leaves
    the line, and its turn to the next. So at most one turn of each process is lost at a time.

    Args:
        interval: seconds between two requests; None: no spacing.
        account: whose requests they are; all that name the same share the turns.
        clock: monotonic seconds.
        sleep: how a turn is waited for, in seconds.
    """

    def __init__(
        self,
        interval: float | None,
        *,
        account: str,
        cache: Cache | None = None,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._interval = interval
        self._account = account
        self._clock = clock
        self._sleep = sleep
        self._next = clock()
        self._line = asyncio.Lock()
        self._in_line = 0
        self._shared: RateLimit | None = None
        if cache is not None and interval is not None:
            self._shared = RateLimit(cache, NAME, limit=1, period=interval, burst=1, sleep=sleep)

    async def turn(self, within: float) -> None:
        """Wait for this request's turn, at most `within` seconds.

        Raises:
            AmadeusRateLimitError: the turn would come later; raised as soon as that is known, which is at
                once unless other processes take turns meanwhile; nothing is used up.
        """
        if self._interval is None:
            return
        within = max(within, 0.0)
        latest = self._clock() + within
        # The first in line has its turn now or later; so this one's cannot be sooner.
        if self._in_line * self._interval > within:
            raise _too_many(within)
        self._in_line += 1
        try:
            async with self._line:
                await self._book(self._interval, latest - self._clock())
        finally:
            self._in_line -= 1

    async def _book(self, interval: float, within: float) -> None:
        within = min(max(within, 0.0), MOST_WAIT)
        if self._shared is not None:
            try:
                permit = await self._shared.wait(self._account, max_wait=within)
            except (CacheUnavailable, CacheClosed):
                pass  # Turns of our own, then.
            else:
                if not permit.allowed:
                    raise _too_many(within)
                # Where Redis goes away now, the first turn of our own keeps its distance from this one.
                self._next = self._clock() + interval
                return
        await self._own_turn(interval, within)

    async def _own_turn(self, interval: float, within: float) -> None:
        now = self._clock()
        turn = max(now, self._next)
        if turn - now > within:
            raise _too_many(within)
        self._next = turn + interval
        if turn > now:
            await self._sleep(turn - now)


def _too_many(within: float) -> AmadeusRateLimitError:
    return AmadeusRateLimitError(
        f"too many requests wait for their turn: none is free within {within:g} s; nothing was sent"
    )

"""What the contract allows: how fast requests may come, and how many a month."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVar, cast

from cachekit.amadeus.client.budget import Budget, MonthlyBudget
from cachekit.amadeus.client.spacing import Spacing
from cachekit.amadeus.errors import AmadeusUnavailable
from cachekit.core.cache import Cache
from cachekit.errors import ConfigurationError

__all__ = ["Allowance", "RequestLimits"]

T = TypeVar("T")

MOST_INTERVAL: Final = 300.0
"""Seconds: as far as turns are booked ahead."""

MOST_PER_SECOND: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimits:
    """Bounds on the requests of one account, token requests not included; None: no bound.

    Requests are spaced evenly, so that both bounds on the rate hold in any span of time. As documented, the
    test environment allowed 10 a second and no two within 100 ms; production, 40 a second. What is spaced
    by 100 ms here may arrive a little closer together: a margin of some 10 ms keeps clear of refusals.

    Args:
        per_second: requests a second.
        least_interval: seconds between any two.
        per_month: requests in a calendar month, UTC.

    Raises ConfigurationError for a bound that cannot work.
    """

    per_second: float | None = None
    least_interval: float | None = None
    per_month: int | None = None

    def __post_init__(self) -> None:
        _require("per_second", self.per_second, least=1 / MOST_INTERVAL, most=MOST_PER_SECOND)
        _require("least_interval", self.least_interval, least=1 / MOST_PER_SECOND, most=MOST_INTERVAL)
        if self.per_month is not None and (type(self.per_month) is not int or self.per_month < 1):
            raise ConfigurationError(f"per_month={self.per_month!r}: allowed is a whole number, 1 or more")

    @property
    def interval(self) -> float | None:
        """Seconds between two requests, by whichever bound is the stricter."""
        bounds = [1 / self.per_second] if self.per_second else []
        if self.least_interval:
            bounds.append(self.least_interval)
        return max(bounds, default=None)


class Allowance:
    """Grants each request its place in the month's budget and its turn.

    Args:
        limits: the bounds.
        account: whose they are; all that name the same share them, through the cache's Redis.
        clock: monotonic seconds. The month is that of the cache's clock, else of the system's.
        sleep: how a turn is waited for, in seconds.
    """

    def __init__(
        self,
        limits: RequestLimits,
        *,
        account: str,
        cache: Cache | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._spacing = Spacing(limits.interval, account=account, cache=cache, clock=clock, sleep=sleep)
        self._budget: MonthlyBudget | None = None
        if limits.per_month is not None:
            now = time.time if cache is None else cache.clock.time
            self._budget = MonthlyBudget(limits.per_month, account=account, cache=cache, now=now)

    @asynccontextmanager
    async def place(self, until: float, prepare: Callable[[], Awaitable[T]]) -> AsyncIterator[T]:
        """Within it one request is sent, with what `prepare` gave; by the clock not after `until`.

        `prepare` gets ready what the request needs: after its place in the budget is sure, so that nothing
        is done for a request that may not be sent, and before its turn, so that it goes out right then.
        Whatever ends it before the request is sent, an AmadeusUnavailable that says so included, gives its
        place in the budget back.

        Raises:
            AmadeusBudgetError: the month's budget is spent.
            AmadeusRateLimitError: no turn is free in time.
        """
        month = "" if self._budget is None else await self._budget.spend()
        may_be_sent = False
        try:
            ready = await prepare()
            await self._spacing.turn(until - self._clock())
            if self._budget is not None:
                self._budget.require_open()  # It may have been closed while this one stood in line.
            may_be_sent = True
            yield ready
        except BaseException as error:
            is_unsent = isinstance(error, AmadeusUnavailable) and error.nothing_sent
            if self._budget is not None and (is_unsent or not may_be_sent):
                self._budget.give_back(month)
            raise

    async def quota_spent(self) -> None:
        """The service has said that its quota is spent: the budget is closed for a while."""
        if self._budget is not None:
            await self._budget.close()

    async def aclose(self) -> None:
        """Tell Redis what it does not know yet."""
        if self._budget is not None:
            await self._budget.aclose()

    async def look(self) -> Budget | None:
        """How the month's budget stands; None if there is none."""
        return None if self._budget is None else await self._budget.look()


def _require(option: str, value: object, *, least: float, most: float) -> None:
    if value is None:
        return
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(cast("float", value)) or not least <= cast("float", value) <= most:
        raise ConfigurationError(f"{option}={value!r}: allowed is {least:g} to {most:g}, or None")

"""Asking for what will be asked anyway, before somebody waits for it, with what the budget leaves."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from cachekit.amadeus.errors import FlightSourceError
from cachekit.amadeus.params import FlightRequest
from cachekit.amadeus.source import Remaining
from cachekit.errors import ConfigurationError

__all__ = ["Warmed", "Warming"]

Outcome = Literal["loaded", "fresh", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Warmed:
    """What came of a warming: how many searches were asked for, were fresh already, failed, or were left out.

    Left out are those for which the budget does not suffice, and all after the source has failed in a way
    that will not pass at once.
    """

    loaded: int
    fresh: int
    failed: int
    left_out: int


class Warming:
    """One run.

    Args:
        ask: brings one answer into the cache; raises FlightSourceError.
        budget: how the source's budget stands; None if it has none.
        reserve: the share of the whole budget, 0 to 1, that warming leaves to those who search.
        concurrency: searches at once. As many may be sent after the budget has reached the reserve.

    Raises ConfigurationError for a share or a number that cannot be.
    """

    def __init__(
        self,
        ask: Callable[[FlightRequest], Awaitable[Outcome]],
        *,
        budget: Callable[[], Awaitable[Remaining | None]],
        reserve: float,
        concurrency: int,
    ) -> None:
        if not 0 <= reserve <= 1:
            raise ConfigurationError(f"reserve={reserve!r}: allowed is a share from 0 to 1")
        if concurrency < 1:
            raise ConfigurationError(f"concurrency={concurrency!r}: allowed is 1 or more")
        self._ask = ask
        self._budget = budget
        self._reserve = reserve
        self._concurrency = concurrency
        self._counts: dict[Outcome, int] = {"loaded": 0, "fresh": 0, "failed": 0}
        self._stopped = False

    async def run(self, requests: Iterable[FlightRequest]) -> Warmed:
        """Warm the requests in their order; raises what `ask` raises beside a FlightSourceError."""
        wanted = list(requests)
        todo = iter(wanted)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._concurrency):
                    group.create_task(self._work(todo))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return Warmed(**self._counts, left_out=len(wanted) - sum(self._counts.values()))

    async def _work(self, todo: Iterator[FlightRequest]) -> None:
        for request in todo:
            if self._stopped or not await self._may_ask():
                self._stopped = True
                return
            try:
                outcome = await self._ask(request)
            except FlightSourceError as error:
                outcome = "failed"
                # A refusal is about this request; anything else would meet the next one, too.
                if not error.refusal:
                    self._stopped = True
            self._counts[outcome] += 1

    async def _may_ask(self) -> bool:
        budget = await self._budget()
        return budget is None or budget.left > budget.limit * self._reserve

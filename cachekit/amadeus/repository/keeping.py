"""What may be kept of an answer, for how long, and whether what was kept may still be served."""

import datetime as dt
from collections.abc import Callable
from typing import Any, Literal, get_args

from cachekit.amadeus.errors import AmadeusReplyError, InvalidParams
from cachekit.amadeus.params import FlightRequest
from cachekit.amadeus.policies import End, Span, lead_time_ttl
from cachekit.core.clock import Clock
from cachekit.core.context import LoadContext
from cachekit.core.entry import Entry
from cachekit.core.policy import Policy, require_ttl
from cachekit.errors import ConfigurationError

__all__ = ["Check", "Ending", "Keeping", "TtlChoice"]

TtlChoice = Literal["fixed", "lead_time"]

Check = Callable[[object], None]
"""Raises AmadeusReplyError for what is no answer to the request at hand."""

Ending = Callable[[Any], End | None]
"""When the first of a list of items ends; None if never."""


class Keeping:
    """Decides for one repository; keeps nothing itself.

    Raises ConfigurationError for an unknown `ttl`, or a `max_ttl` that is no time.
    """

    def __init__(self, policy: Policy, *, clock: Clock, ttl: TtlChoice, max_ttl: float | None) -> None:
        if ttl not in get_args(TtlChoice):
            raise ConfigurationError(f"ttl={ttl!r}: allowed are 'fixed' and 'lead_time'")
        if max_ttl is not None:
            require_ttl(max_ttl, option="max_ttl")
        self._policy = policy
        self._clock = clock
        self._ttl = ttl
        self._max_ttl = max_ttl

    def now(self) -> dt.datetime:
        """The moment by the cache's clock, in UTC."""
        return dt.datetime.fromtimestamp(self._clock.time(), dt.UTC)

    def is_ahead(self, request: FlightRequest) -> bool:
        """Whether the days of a search have not passed, nor are too far off to be asked for."""
        try:
            request.check_dates(self.now().date())
        except InvalidParams:
            return False
        return True

    def wanted(self, request: FlightRequest) -> Span:
        """For how long an answer to a search is kept at best."""
        today = self.now().date()
        ttl = self._policy.ttl if self._ttl == "fixed" else lead_time_ttl(request, today)
        return Span(ttl, self._policy.stale)

    def span(self, wanted: Span, items: Any, ending: Ending) -> Span | None:
        """For how long an answer of these `items` is kept, `wanted` at best; None: not at all.

        Without items it is kept for the policy's `negative_ttl` at most, and never served stale.
        """
        if not items:
            return Span(min(wanted.ttl, self._policy.negative_ttl), 0).at_most(self._max_ttl)
        span = wanted.until(ending(items), self.now())
        return None if span is None else span.at_most(self._max_ttl)

    def is_empty_for_long(self, entry: Entry) -> bool:
        """Whether an answer is too old to tell that there is nothing: see `span`."""
        return entry.age > self._policy.negative_ttl

    def steer(self, context: LoadContext, wanted: Span, items: Any, ending: Ending) -> None:
        """Tell a load how what it brought is kept; as `span`."""
        span = self.span(wanted, items, ending)
        if span is None:
            context.skip()
        elif not items:
            context.negative(span.ttl)
        else:
            context.ttl(span.ttl)
            context.stale_for(span.stale)

    def holds(self, entry: Entry, check: Check, ending: Ending) -> bool:
        """Whether a stored answer, whoever wrote it, answers the question, and may be served now."""
        try:
            check(entry.value)
        except AmadeusReplyError:
            return False
        return self.is_current(entry, entry.value["data"], ending)

    def is_current(self, entry: Entry, items: Any, ending: Ending) -> bool:
        """Whether these `items` of a stored answer may be served now.

        Not if it is older than `max_ttl`, nor if one of them has ended; of a stale answer, nor if one of
        them may have ended, or there are none.
        """
        # Not `entry.age`: that was its age when it was found, and somebody may have waited for a newer one.
        now = self.now()
        if self._max_ttl is not None and (now - entry.timestamp).total_seconds() > self._max_ttl:
            return False
        end, is_stale = ending(items), entry.state == "stale"
        if end is None:
            return bool(items) or not is_stale
        return now < (end.earliest if is_stale else end.latest)

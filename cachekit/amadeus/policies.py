"""How long the answers of a flight API may be kept, and why.

A fare changes roughly like a Poisson process of rate λ a day, so an answer of age t is stale with
probability 1 - exp(-λt). Over a time to live T the mean share of stale answers is about ε = λT/2, so
T ≈ 2ε/λ. λ grows towards departure: a trip's lowest fare changes every two to three days far out, and
several times a day in its last week. The table below keeps ε between about 1 % and 5 %.

| answer         | fresh for                           | then stale for, if the source fails |
|----------------|-------------------------------------|-------------------------------------|
| search         | 5 min, or by the days to departure  | 1 h                                 |
| empty search   | 10 min at most                      | never                               |
| cheapest dates | 6 h                                 | 1 day                               |
| reference data | 7 days                              | 7 days                              |
| price          | never kept                          |                                     |

No answer outlives the first of its offers: see `Span`.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from cachekit.amadeus.params import FlightRequest
from cachekit.core.policy import LEAST_TTL, Policy

__all__ = [
    "CHEAPEST_DATES",
    "DEFAULT_TTL",
    "REFERENCE",
    "SEARCH_POLICY",
    "End",
    "Span",
    "days_end",
    "first_end",
    "lead_time_ttl",
]

DEFAULT_TTL: Final = 300
"""Seconds a search is kept under the fixed policy: at most 1 % stale even at three changes a day."""

EMPTY_TTL: Final = 600
"""Seconds an empty answer is kept at most: a flight may go on sale at any moment."""

SEARCH_POLICY: Final = Policy(ttl=DEFAULT_TTL, stale=3600, soft_timeout=10, negative_ttl=EMPTY_TTL)
"""The namespace's default. An hour's stale window costs at most 12 % wrong prices, each told as old, at
three changes a day; whoever finds a stale answer waits up to 10 s for a new one before he is given it."""

DOUBT: Final = 600
"""Seconds for which an answer is kept at most when one of its offers may have ended, but need not have."""

LEAD_TIME_TTLS: Final = ((3, 600), (7, 1_800), (30, 7_200), (90, 21_600))
"""(days to departure below which it holds, seconds): 10 min, 30 min, 2 h, 6 h."""

FAR_TTL: Final = 43_200
"""Seconds beyond the table: 12 h."""

_EASTERNMOST: Final = timedelta(hours=14)
_WESTERNMOST: Final = timedelta(hours=12)
"""Local time is from UTC+14 to UTC-12."""

_DAY: Final = timedelta(days=1)
_DAY_DIGITS: Final = len("2026-12-12")


@dataclass(frozen=True, slots=True)
class End:
    """The moments between which an answer ends: it holds before `earliest`, and no more from `latest` on.

    An offer ends at its departure, and with its last day of ticketing. Both are local times, and the reply
    does not tell the zone, so they are read in the easternmost and in the westernmost there is. Where a
    supplier does name an instant, the two are one.
    """

    earliest: datetime
    latest: datetime


@dataclass(frozen=True, slots=True)
class Span:
    """For how many seconds an answer is fresh, and for how many after that it may stand in for a better one.

    An answer ends with the first of its offers. As long as that holds for sure, the answer is kept as usual.
    Once it *may* have ended it is kept for `DOUBT` seconds at most, and never served stale: no cache at
    all would be no truer, since the next reply would hold the same offer as long as the source sells it.
    Once it *has* ended nothing is kept, and nothing served.
    """

    ttl: float
    stale: float

    def until(self, end: End | None, now: datetime) -> "Span | None":
        """The same, shortened by an end; None if that has passed."""
        if end is None:
            return self
        sure, left = (end.earliest - now).total_seconds(), (end.latest - now).total_seconds()
        if left < LEAST_TTL:
            return None
        if self.ttl <= sure:
            return Span(self.ttl, min(self.stale, sure - self.ttl))
        return Span(max(sure, min(self.ttl, DOUBT, left)), 0)

    def at_most(self, seconds: float | None) -> "Span":
        """The same, no older than `seconds` altogether; None: as old as it may get."""
        if seconds is None:
            return self
        ttl = min(self.ttl, seconds)
        return Span(ttl, min(self.stale, seconds - ttl))


REFERENCE: Final = Span(7 * 86_400, 7 * 86_400)
"""Airports and airlines: they open, close and merge with weeks of notice."""

CHEAPEST_DATES: Final = Span(6 * 3_600, 86_400)
"""The service answers this out of a store that it builds anew about once a day. A quarter of that adds
little to the age its answers have anyway; and whoever wants to buy asks for offers."""


def lead_time_ttl(request: FlightRequest, today: date) -> int:
    """Seconds to keep an answer to `request`, by the days from `today` (UTC) to its first departure."""
    days = (request.legs[0].date - today).days
    return next((ttl for below, ttl in LEAD_TIME_TTLS if days < below), FAR_TTL)


def first_end(offers: Iterable[Mapping[str, Any]]) -> End | None:
    """When the first of the offers ends; None if no offer tells. What cannot be read ends nothing."""
    return _first(end for offer in offers for end in _ends(offer))


def days_end(dates: Iterable[Mapping[str, Any]]) -> End | None:
    """When the first day of departure of cheapest dates is over; as `first_end`."""
    return _first(end for each in dates for end in _end_of_day(each.get("departureDate")))


def _first(moments: Iterable[datetime]) -> End | None:
    """The first of some moments, of which those without a zone are local times."""
    ends = [_end(moment) for moment in set(moments)]
    if not ends:
        return None
    return End(min(end.earliest for end in ends), min(end.latest for end in ends))


def _end(moment: datetime) -> End:
    if moment.tzinfo is not None:
        return End(moment, moment)
    utc = moment.replace(tzinfo=UTC)
    return End(utc - _EASTERNMOST, utc + _WESTERNMOST)


def _ends(offer: Mapping[str, Any]) -> Iterator[datetime]:
    """When this offer is over: at its departure, and with its last moment or day of ticketing."""
    with suppress(LookupError, TypeError, ValueError):
        yield _moment(offer["itineraries"][0]["segments"][0]["departure"]["at"])
    last = offer.get("lastTicketingDateTime")
    if isinstance(last, str) and len(last) > _DAY_DIGITS:
        with suppress(ValueError):
            yield _moment(last)
    else:
        # Not as the published description has it, but real replies have the bare day here.
        yield from _end_of_day(last)
    yield from _end_of_day(offer.get("lastTicketingDate"))


def _end_of_day(text: Any) -> Iterator[datetime]:
    with suppress(TypeError, ValueError):
        yield _moment(text) + _DAY


def _moment(text: Any) -> datetime:
    moment = datetime.fromisoformat(text)
    if not 1 < moment.year < 9_999:  # noqa: PLR2004 - beyond, reckoning with zones would overflow
        raise ValueError(moment.year)
    return moment

"""How long a flight search may be kept, and why.

A fare changes roughly like a Poisson process of rate λ a day, so an answer of age t is stale with
probability 1 - exp(-λt). Over a time to live T the mean share of stale answers is about ε = λT/2, so
T ≈ 2ε/λ. λ grows towards departure: a trip's lowest fare changes every two to three days far out, and
several times a day in its last week. The table below keeps ε between about 1 % and 5 %.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from cachekit.amadeus.params import FlightSearch

__all__ = ["DEFAULT_TTL", "cap_ttl", "lead_time_ttl"]

DEFAULT_TTL: Final = 300
"""Seconds a search is kept under the fixed policy: at most 1 % stale even at three changes a day."""

EMPTY_TTL: Final = 600
"""Seconds an empty answer is kept at most: a flight may go on sale at any moment."""

SHORTEST_CAP: Final = 600
"""Seconds below which no deadline shortens a TTL: the age is told, and a zero would only defeat the cache."""

LEAD_TIME_TTLS: Final = ((3, 600), (7, 1_800), (30, 7_200), (90, 21_600))
"""(days to departure below which it holds, seconds): 10 min, 30 min, 2 h, 6 h."""

FAR_TTL: Final = 43_200
"""Seconds beyond the table: 12 h."""

_EASTERNMOST = timedelta(hours=14)
"""The reply's dates are local to places it does not name; the earliest zone is UTC+14."""


def lead_time_ttl(request: FlightSearch, today: date) -> int:
    """Seconds to keep an answer to `request`, by the days from `today` (UTC) to its departure."""
    days = (request.departure_date - today).days
    return next((ttl for below, ttl in LEAD_TIME_TTLS if days < below), FAR_TTL)


def cap_ttl(ttl: int, reply: Mapping[str, Any], now: datetime) -> int:
    """`ttl` in seconds, shortened by what the reply document itself says.

    An empty reply is kept for at most `EMPTY_TTL`. Otherwise the answer ends when the first of its offers
    does: at the end of its `lastTicketingDate`, or at its departure, both read in the earliest time zone
    there is; but no earlier than `SHORTEST_CAP` from `now` (aware). Dates that cannot be read do not cap.
    """
    offers = reply["data"]
    if not offers:
        return min(ttl, EMPTY_TTL)
    ends = [end for offer in offers for end in _ends(offer)]
    if not ends:
        return ttl
    try:
        left = int((min(ends) - _EASTERNMOST - now).total_seconds())
    except OverflowError:
        return ttl
    return min(ttl, max(left, SHORTEST_CAP))


def _ends(offer: Mapping[str, Any]) -> list[datetime]:
    """When this offer is over, as if its local times were UTC."""
    ends = []
    try:
        last_day = datetime.fromisoformat(offer["lastTicketingDate"]).replace(tzinfo=UTC)
        ends.append(last_day + timedelta(days=1))
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    try:
        departure = offer["itineraries"][0]["segments"][0]["departure"]["at"]
        ends.append(datetime.fromisoformat(departure).replace(tzinfo=UTC))
    except (LookupError, TypeError, ValueError, OverflowError):
        pass
    return ends

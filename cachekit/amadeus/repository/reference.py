"""Locations, airlines and cheapest dates: asked like searches, and kept far longer."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from cachekit.amadeus.params import AirlineLookup, CheapestDates, LocationSearch
from cachekit.amadeus.policies import CHEAPEST_DATES, REFERENCE, days_end
from cachekit.amadeus.repository.answers import Answers, Question
from cachekit.amadeus.repository.mentions import leg_tags
from cachekit.amadeus.repository.reply import check_airlines, check_dates, check_locations
from cachekit.core.entry import Entry
from cachekit.errors import ConfigurationError

__all__ = ["ReferenceData"]

LOCATIONS: Final = "locations"
AIRLINES: Final = "airlines"
FLIGHT_DATES: Final = "flights:dates"


class ReferenceData:
    """The answers of a `ReferenceSource`; `key` makes a key of a resource and the params of a request.

    Every method raises FlightSourceError as its source does, and ConfigurationError if that has no such
    answers at all.
    """

    def __init__(self, source: Any, answers: Answers, key: Callable[[str, Any], str]) -> None:
        self._source = source
        self._answers = answers
        self._key = key

    async def locations(self, request: LocationSearch, *, refresh: bool) -> Entry:
        """Airports and cities."""
        question = Question(
            key=self._key(LOCATIONS, request.key_params()),
            ask=partial(self._verb("locations"), request),
            check=partial(check_locations, request),
            ending=_never,
            wanted=REFERENCE,
            tags=_no_tags,
        )
        return await self._answers.get(question, refresh=refresh)

    async def airlines(self, request: AirlineLookup, *, refresh: bool) -> Entry:
        """Airlines."""
        question = Question(
            key=self._key(AIRLINES, request.key_params()),
            ask=partial(self._verb("airlines"), request),
            check=partial(check_airlines, request),
            ending=_never,
            wanted=REFERENCE,
            tags=_no_tags,
        )
        return await self._answers.get(question, refresh=refresh)

    async def cheapest_dates(self, request: CheapestDates, *, refresh: bool) -> Entry:
        """Cheapest dates."""
        question = Question(
            key=self._key(FLIGHT_DATES, request.key_params()),
            ask=partial(self._verb("cheapest_dates"), request),
            check=partial(check_dates, request),
            ending=days_end,
            wanted=CHEAPEST_DATES,
            tags=lambda _: _route_tags(request),
        )
        return await self._answers.get(question, refresh=refresh)

    def _verb(self, name: str) -> Callable[..., Any]:
        verb: Callable[..., Any] | None = getattr(self._source, name, None)
        if verb is None:
            raise ConfigurationError(f"the source {type(self._source).__name__} does not answer {name!r}")
        return verb


def _route_tags(request: CheapestDates) -> tuple[str, ...]:
    """The tags of the way there and, unless it is one way only, of the way back."""
    there = leg_tags(request.origin, request.destination)
    return there if request.one_way else there + leg_tags(request.destination, request.origin)


def _never(_: object) -> None:
    """When reference data end: their ttl decides."""


def _no_tags(_: Sequence[Any]) -> tuple[str, ...]:
    return ()

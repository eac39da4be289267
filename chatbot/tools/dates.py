"""The cheapest days for a trip, as a tool."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from cachekit.amadeus import AmadeusCacheRepository, CheapestDates
from cachekit.errors import CacheKitError
from chatbot.errors import ToolError
from chatbot.models.protocol import ToolSpec
from chatbot.places import PlaceDirectory
from chatbot.tools.cleaning import AIRPORT, AMOUNT, CURRENCY, calendar_day
from chatbot.tools.fields import CODE_OR_CITY, DAY, MAX_PRICE, NON_STOP, REFRESH, described
from chatbot.tools.naming import PlaceNames, read_day
from chatbot.tools.offers import UNREADABLE
from chatbot.tools.provenance import Provenance
from chatbot.tools.refusals import DATES, UNREADABLE_REPLY, explain
from chatbot.tools.registry import ToolReply

__all__ = ["FindCheapestDates"]

MOST_DATES: Final = 12
"""Dates told to the model."""

_DAYS: Final[Mapping[str, Any]] = {"type": "integer", "minimum": 1, "maximum": 365}

SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["origin", "destination", "one_way"],
    "properties": {
        "origin": described(CODE_OR_CITY, "where the trip begins: an IATA code or a city's name"),
        "destination": described(CODE_OR_CITY, "where it leads: an IATA code or a city's name"),
        "one_way": {"type": "boolean", "description": "true for one way, false for a round trip"},
        "departure_from": described(DAY, "the first day of departure wanted; left out for the next months"),
        "departure_to": described(DAY, "the last day of departure wanted; left out for that first day only"),
        "duration_from": described(_DAYS, "shortest stay in days, of a round trip"),
        "duration_to": described(_DAYS, "longest stay in days; left out for exactly duration_from"),
        "non_stop": NON_STOP,
        "max_price": MAX_PRICE,
        "refresh": REFRESH,
    },
}

_NOTE: Final = (
    "Prices are for one adult and only a hint: search_flights on a day tells the flights and what they cost."
)


class FindCheapestDates:
    """The tool `cheapest_dates`.

    Args:
        repository: keeps these answers for hours.
        places: turns city names into codes; loaded beforehand, since that takes over a second.
        today: the day of today, in UTC.
    """

    def __init__(
        self, repository: AmadeusCacheRepository, places: PlaceDirectory, *, today: Callable[[], date]
    ) -> None:
        self._repository = repository
        self._names = PlaceNames(places)
        self._today = today

    @property
    def spec(self) -> ToolSpec:
        """Name, description and input schema."""
        return ToolSpec(
            "cheapest_dates",
            "Find the cheapest days of departure, and of return, for a trip whose dates are open. The answer"
            " tells whether it is live or from the cache, and how old.",
            SCHEMA,
        )

    async def run(self, arguments: Mapping[str, Any]) -> ToolReply:
        """Look for dates.

        Raises:
            ToolError: a place is unknown or ambiguous, the request is refused, nothing is known for this
                trip, or the service cannot answer now; the text says which and what to do.
        """
        refresh = bool(arguments.get("refresh", False))
        try:
            request = self._request(arguments)
            request.check_dates(self._today())
            entry = await self._repository.cheapest_dates_entry(request, refresh=refresh)
        except CacheKitError as error:
            explain(error, DATES)
        return ToolReply(self._told(request, entry.value, Provenance.of(entry)))

    def _request(self, arguments: Mapping[str, Any]) -> CheapestDates:
        return CheapestDates(
            origin=self._names.code("origin", arguments["origin"]),
            destination=self._names.code("destination", arguments["destination"]),
            departure_from=_day(arguments, "departure_from"),
            departure_to=_day(arguments, "departure_to"),
            one_way=arguments["one_way"],
            duration_from=_whole(arguments, "duration_from"),
            duration_to=_whole(arguments, "duration_to"),
            non_stop=arguments.get("non_stop", False),
            max_price=_whole(arguments, "max_price"),
        )

    def _told(
        self, request: CheapestDates, reply: Mapping[str, Any], provenance: Provenance
    ) -> dict[str, Any]:
        dates = _dates(request, reply["data"])
        content: dict[str, Any] = {
            "search": {**request.to_query(), **self._names.of_route(request.origin, request.destination)},
            "count": len(dates),
            "currency": _currency(reply),
            **provenance.facts(),
            "dates": dates[:MOST_DATES],
        }
        if reply["data"] and not dates:
            raise ToolError(UNREADABLE_REPLY, code="unavailable")
        if not dates:
            return content | {"message": "No dates were found for this trip."}
        return content | {"more": len(dates) > MOST_DATES, "note": provenance.noted(_NOTE)}


def _day(arguments: Mapping[str, Any], field: str) -> date | None:
    return read_day(field, arguments[field]) if field in arguments else None


def _whole(arguments: Mapping[str, Any], field: str) -> int | None:
    # A schema's integer may be written 3.0.
    return int(arguments[field]) if field in arguments else None


def _dates(request: CheapestDates, listed: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The dates that can be read, cheapest first, and of the same price the earliest first."""
    found = [_date(request, each) for each in listed]
    dates = [each for each in found if each is not None]
    return sorted(dates, key=lambda each: (float(each["price"]), each["departure_date"]))


def _date(request: CheapestDates, listed: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        facts = {"departure_date": calendar_day(listed["departureDate"])}
        if not request.one_way:
            facts["return_date"] = calendar_day(listed["returnDate"])
        ends = (("from", "origin", request.origin), ("to", "destination", request.destination))
        codes = {field: AIRPORT.of(listed[wire]) for field, wire, asked in ends if listed[wire] != asked}
        return {**facts, "price": AMOUNT.of(listed["price"]["total"]), **codes}
    except UNREADABLE:
        return None


def _currency(reply: Mapping[str, Any]) -> str | None:
    """The currency of all prices; None where the reply does not tell."""
    meta = reply.get("meta")
    return CURRENCY.maybe(meta.get("currency")) if isinstance(meta, Mapping) else None

"""The flight search as a tool: names become codes, a reply becomes a short list and a set of cards."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final, Literal, Protocol

from cachekit.amadeus.errors import InvalidFlightSearch
from cachekit.amadeus.params import FlightSearch, TravelClass
from cachekit.errors import CacheKitError
from chatbot.errors import ToolError
from chatbot.messages import OfferCard
from chatbot.models.protocol import ToolSpec
from chatbot.places import PlaceDirectory
from chatbot.tools.digest import digest
from chatbot.tools.offers import FoundOffers, read_card
from chatbot.tools.refusals import explain
from chatbot.tools.registry import ToolReply

logger = logging.getLogger(__name__)

MOST_OFFERS: Final = 50
"""Offers asked of the API. Always the same, so that equal questions share one cache entry."""

MOST_CARDS: Final = 20
"""Offers shown on the page."""

_PLACE: Final = {"type": "string", "minLength": 2, "maxLength": 80}
_DATE: Final = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}

SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["origin", "destination", "departure_date"],
    "properties": {
        "origin": {**_PLACE, "description": "where the trip begins: an IATA code or a city's name"},
        "destination": {**_PLACE, "description": "where it leads: an IATA code or a city's name"},
        "departure_date": {**_DATE, "description": "the day of departure, YYYY-MM-DD, not in the past"},
        "return_date": {**_DATE, "description": "the day of return, YYYY-MM-DD; left out for one way"},
        "adults": {"type": "integer", "minimum": 1, "maximum": 9, "description": "travelers from 12 years"},
        "children": {
            "type": "integer",
            "minimum": 0,
            "maximum": 8,
            "description": "travelers of 2 to 11 years",
        },
        "infants": {
            "type": "integer",
            "minimum": 0,
            "maximum": 9,
            "description": "under 2, on an adult's lap",
        },
        "travel_class": {
            "enum": [cabin.value for cabin in TravelClass],
            "description": "this cabin or higher for most of the way; left out for any",
        },
        "non_stop": {"type": "boolean", "description": "only flights without any stop"},
        "max_price": {
            "type": "integer",
            "minimum": 1,
            "maximum": 999_999_999,
            "description": "highest price per traveler in whole units of the currency",
        },
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217 code, e.g. EUR"},
        "included_airlines": {
            "type": "array",
            "items": {"type": "string", "pattern": "^[0-9A-Z]{2}$"},
            "maxItems": 20,
            "description": "only these carriers, by IATA code, e.g. TP",
        },
        "refresh": {
            "type": "boolean",
            "description": "ask the airline again instead of using a stored answer",
        },
    },
}
"""The tool's input as JSON Schema 2020-12."""


class FlightEntry(Protocol):
    """What the tool reads of a cache entry."""

    @property
    def value(self) -> Any:
        """The whole reply of Flight Offers Search."""
        ...

    @property
    def source(self) -> str:
        """`load` if the API was asked just now; anything else is a stored answer."""
        ...

    @property
    def state(self) -> str:
        """`stale` if it is older than it should be, since the API does not answer; else `fresh`."""
        ...

    @property
    def age(self) -> float:
        """Seconds since the API gave the answer."""
        ...

    @property
    def timestamp(self) -> datetime:
        """When that was; aware."""
        ...


class FlightRepository(Protocol):
    """What the tool needs of `cachekit.amadeus.repository.repository.AmadeusCacheRepository`."""

    async def search_flights_entry(self, request: FlightSearch, *, refresh: bool = False) -> FlightEntry:
        """The answer to a search, out of the cache or, with `refresh` or on a miss, from the API.

        Its offers are for the route and the days asked for.
        """
        ...


class SearchFlights:
    """The tool `search_flights`.

    Args:
        repository: answers searches, and tells how old its answers are.
        places: turns city names into codes; loaded beforehand, since that takes over a second.
        today: the day of today, in UTC.
    """

    def __init__(
        self,
        repository: FlightRepository,
        places: PlaceDirectory,
        *,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self._repository = repository
        self._places = places
        self._today = today

    @property
    def spec(self) -> ToolSpec:
        """Name, description and input schema."""
        return ToolSpec(
            "search_flights",
            "Search flight offers for one way or a round trip, cheapest first. The answer tells whether it is"
            " live or from the cache, and how old. Prices are for the whole party unless said otherwise.",
            SCHEMA,
        )

    async def run(self, arguments: Mapping[str, Any]) -> ToolReply:
        """Search.

        Raises:
            ToolError: a place is unknown or ambiguous, the request is refused, or the service cannot
                answer now; the text says which and what to do.
        """
        request = self._request(arguments)
        try:
            request.check_dates(self._today())
            entry = await self._repository.search_flights_entry(
                request, refresh=bool(arguments.get("refresh", False))
            )
        except CacheKitError as error:
            explain(error)
        cards = _cards(entry.value)
        source: Literal["live", "cache"] = "live" if entry.source == "load" else "cache"
        fetched_at = entry.timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        found = FoundOffers(
            request.to_query(), tuple(cards[:MOST_CARDS]), len(cards), source, entry.age, fetched_at
        )
        complete = len(entry.value["data"]) < MOST_OFFERS
        return ToolReply(
            digest(cards, found, names=self._names(request), complete=complete, stale=entry.state == "stale"),
            found,
        )

    def _request(self, arguments: Mapping[str, Any]) -> FlightSearch:
        try:
            back = arguments.get("return_date")
            cabin, limit = arguments.get("travel_class"), arguments.get("max_price")
            return FlightSearch(
                origin=self._code("origin", arguments["origin"]),
                destination=self._code("destination", arguments["destination"]),
                departure_date=_day("departure_date", arguments["departure_date"]),
                return_date=_day("return_date", back) if back else None,
                adults=int(arguments.get("adults", 1)),
                children=int(arguments.get("children", 0)),
                infants=int(arguments.get("infants", 0)),
                travel_class=TravelClass(cabin) if cabin else None,
                included_airlines=tuple(arguments.get("included_airlines", ())),
                non_stop=arguments.get("non_stop", False),
                currency=arguments.get("currency"),
                max_price=int(limit) if limit is not None else None,
                max_results=MOST_OFFERS,
            )
        except InvalidFlightSearch as error:
            explain(error)

    def _code(self, field: str, text: str) -> str:
        found = self._places.find(text)
        if not found:
            raise ToolError(
                f"Field {field}: no city or airport of that name is known; give an IATA code.",
                code="unknown_place",
            )
        if len(found) > 1:
            options = ", ".join(f"{place.code} ({place.name}, {place.country})" for place in found)
            raise ToolError(f"Field {field} is ambiguous; give one of: {options}.", code="ambiguous_place")
        return found[0].code

    def _names(self, request: FlightSearch) -> dict[str, str]:
        pairs = (("originName", request.origin), ("destinationName", request.destination))
        places = ((name, self._places.by_code(code)) for name, code in pairs)
        return {name: place.name for name, place in places if place}


def _cards(reply: Mapping[str, Any]) -> list[OfferCard]:
    """The reply's offers, cheapest first; the repository answers for their being what was asked for."""
    dictionaries = reply.get("dictionaries") or {}
    cards = []
    for offer in reply["data"]:
        try:
            cards.append(read_card(offer, dictionaries))
        except (LookupError, TypeError, ValueError, AttributeError):
            logger.warning("dropped an offer that cannot be read", exc_info=True)
    return sorted(cards, key=lambda card: float(card.total))


def _day(field: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ToolError(f"Field {field} is not a day the calendar has.", code="invalid_input") from None

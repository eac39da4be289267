"""The flight search as a tool: names become codes, a reply becomes a short list and a set of cards."""

import logging
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from cachekit.amadeus import AmadeusCacheRepository, FlightSearch, SearchEntry, TravelClass
from cachekit.errors import CacheKitError
from chatbot.errors import ToolError
from chatbot.messages import OfferCard
from chatbot.models.protocol import ToolSpec
from chatbot.places import PlaceDirectory
from chatbot.tools.digest import digest
from chatbot.tools.fields import CODE_OR_CITY, DAY, MAX_PRICE, NON_STOP, REFRESH, described
from chatbot.tools.naming import PlaceNames, read_day
from chatbot.tools.offers import UNREADABLE, FoundOffers, read_card
from chatbot.tools.provenance import Provenance
from chatbot.tools.refusals import UNREADABLE_REPLY, explain
from chatbot.tools.registry import ToolReply

__all__ = ["SearchFlights"]

logger = logging.getLogger(__name__)

MOST_OFFERS: Final = 50
"""Offers asked of the API. Always the same, so that equal questions share one cache entry."""

MOST_CARDS: Final = 20
"""Offers shown on the page."""

SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["origin", "destination", "departure_date"],
    "properties": {
        "origin": described(CODE_OR_CITY, "where the trip begins: an IATA code or a city's name"),
        "destination": described(CODE_OR_CITY, "where it leads: an IATA code or a city's name"),
        "departure_date": described(DAY, "the day of departure, YYYY-MM-DD, not in the past"),
        "return_date": described(DAY, "the day of return, YYYY-MM-DD; left out for one way"),
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
        "non_stop": NON_STOP,
        "max_price": MAX_PRICE,
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217 code, e.g. EUR"},
        "included_airlines": {
            "type": "array",
            "items": {"type": "string", "pattern": "^[0-9A-Z]{2}$"},
            "maxItems": 20,
            "description": "only these carriers, by IATA code, e.g. TP",
        },
        "refresh": REFRESH,
    },
}
"""The tool's input as JSON Schema 2020-12."""


class SearchFlights:
    """The tool `search_flights`.

    Args:
        repository: answers searches, and tells how old its answers are.
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
            "search_flights",
            "Search flight offers for one way or a round trip, cheapest first. The answer tells whether it is"
            " live or from the cache, and how old. Prices are for the whole party unless said otherwise."
            " Each offer has an id by which other tools know it.",
            SCHEMA,
        )

    async def run(self, arguments: Mapping[str, Any]) -> ToolReply:
        """Search.

        Raises:
            ToolError: a place is unknown or ambiguous, the request is refused, or the service cannot
                answer now; the text says which and what to do.
        """
        refresh = bool(arguments.get("refresh", False))
        try:
            request = self._request(arguments)
            request.check_dates(self._today())
            entry = await self._repository.search_flights_entry(request, refresh=refresh)
        except CacheKitError as error:
            explain(error)
        cards, provenance = _cards(entry), Provenance.of(entry)
        found = FoundOffers(
            request.to_query(),
            tuple(cards[:MOST_CARDS]),
            len(cards),
            provenance.source,
            provenance.age,
            provenance.fetched_at,
        )
        names = self._names.of_route(request.origin, request.destination)
        complete = len(entry.value["data"]) < MOST_OFFERS
        return ToolReply(digest(cards, found, names=names, complete=complete, provenance=provenance), found)

    def _request(self, arguments: Mapping[str, Any]) -> FlightSearch:
        back = arguments.get("return_date")
        cabin, limit = arguments.get("travel_class"), arguments.get("max_price")
        return FlightSearch(
            origin=self._names.code("origin", arguments["origin"]),
            destination=self._names.code("destination", arguments["destination"]),
            departure_date=read_day("departure_date", arguments["departure_date"]),
            return_date=read_day("return_date", back) if back else None,
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


def _cards(entry: SearchEntry) -> list[OfferCard]:
    """The reply's offers, cheapest first; the repository answers for their being what was asked for.

    Raises ToolError if there are offers, and none of them can be read: that is not "no flights".
    """
    dictionaries = entry.value.get("dictionaries") or {}
    # By id: an offer that the reply has twice is one offer.
    cards: dict[str, OfferCard] = {}
    offers, dropped = entry.value["data"], None
    for offer, offer_id in zip(offers, entry.offer_ids(), strict=True):
        try:
            cards[offer_id] = read_card(offer, dictionaries, offer_id=offer_id)
        except UNREADABLE as error:
            dropped = error
    if dropped is not None:
        kept = "kept %d of %d offers; of the others one says: %r"
        logger.warning(kept, len(cards), len(offers), dropped)
        if not cards:
            raise ToolError(UNREADABLE_REPLY, code="unavailable") from dropped
    return sorted(cards.values(), key=lambda card: float(card.total))

"""Airports and cities by name or code, out of the built-in directory and the flight service's own list."""

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cachekit.amadeus import AmadeusCacheRepository, LocationSearch
from cachekit.core.entry import Entry
from cachekit.errors import CacheKitError
from chatbot.models.protocol import ToolSpec
from chatbot.places import Place, PlaceDirectory
from chatbot.places.place import fold
from chatbot.tools.cleaning import AIRPORT, COUNTRY, name
from chatbot.tools.fields import CODE_OR_CITY, described
from chatbot.tools.provenance import Provenance
from chatbot.tools.refusals import PLACES, explain
from chatbot.tools.registry import ToolReply

__all__ = ["FindAirport"]

logger = logging.getLogger(__name__)

MOST_PLACES: Final = 12
"""Places told to the model."""

SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["query"],
    "properties": {
        "query": described(CODE_OR_CITY, "a city's or airport's name, in any language, or an IATA code"),
        "country": {"type": "string", "pattern": "^[A-Z]{2}$", "description": "ISO 3166-1 code, e.g. BR"},
    },
}

_NO_KEYWORD: Final = re.compile(r"[^A-Z0-9./:()'\" -]+")
"""What the service's keywords cannot hold."""

_AMBIGUOUS: Final = "Several places have this name: ask which one is meant, unless it is clear."
_BUILT_IN: Final = "The flight service's list is not to be had just now; these are known here."
_NONE: Final = (
    "No city or airport with flights is known by this name; try another spelling, the English name, a larger"
    " city near it, or an IATA code."
)


class FindAirport:
    """The tool `find_airport`.

    The directory knows names in many languages; the service's list, cached for days, knows the airports of
    a city. If the service fails, the directory answers alone.
    """

    def __init__(self, repository: AmadeusCacheRepository, places: PlaceDirectory) -> None:
        self._repository = repository
        self._places = places

    @property
    def spec(self) -> ToolSpec:
        """Name, description and input schema."""
        return ToolSpec(
            "find_airport",
            "Find the IATA codes of a city and its airports by name or code. A city's code searches all its"
            " airports. Not needed for well-known cities: search_flights takes their names.",
            SCHEMA,
        )

    async def run(self, arguments: Mapping[str, Any]) -> ToolReply:
        """Look the place up.

        Raises:
            ToolError: the directory knows nothing by this name, and the service cannot answer now.
        """
        query, country = arguments["query"], arguments.get("country")
        known = [place for place in self._places.find(query) if country in {None, place.country}]
        keyword = _keyword(query, known)
        try:
            entry = await self._listed(keyword, country) if keyword else None
        except CacheKitError as error:
            if not known:
                explain(error, PLACES)
            logger.warning("no list of locations: %s", type(error).__name__)
            return ToolReply(_told(known, (), None, _BUILT_IN))
        listed = entry.value["data"] if entry else ()
        return ToolReply(_told(known, listed, Provenance.of(entry) if entry else None))

    async def _listed(self, keyword: str, country: str | None) -> Entry:
        return await self._repository.locations_entry(LocationSearch(keyword=keyword, country=country))


def _keyword(query: str, known: list[Place]) -> str:
    """What to ask the service for: a code, the English name of the one place that is meant, or the query."""
    code = query.strip().upper()
    if AIRPORT.maybe(code) and any(place.code == code for place in known):
        return code
    text = known[0].name if len(known) == 1 else query
    return " ".join(_NO_KEYWORD.sub(" ", fold(text).upper()).split())


def _told(
    known: list[Place], listed: Iterable[Mapping[str, Any]], provenance: Provenance | None, note: str = ""
) -> dict[str, Any]:
    places = {place.code: _of_directory(place) for place in known}
    for each in listed:
        place = _of_service(each)
        if place is not None and len(places) < MOST_PLACES:
            places.setdefault(place["code"], place)
    content: dict[str, Any] = {
        "count": len(places),
        "places": list(places.values()),
        **(provenance.facts() if provenance else {"source": "built-in"}),
    }
    if not places:
        return content | {"message": _NONE}
    notes = [note, _AMBIGUOUS if len(known) > 1 else ""]
    return content | ({"note": " ".join(filter(None, notes))} if any(notes) else {})


def _of_directory(place: Place) -> dict[str, Any]:
    facts = {"code": place.code, "name": place.name, "kind": place.kind, "country": place.country}
    return facts | ({"region": place.region} if place.region else {})


def _of_service(location: Mapping[str, Any]) -> dict[str, Any] | None:
    """A location of the service's list; None for one that has no code or no name."""
    code, text = AIRPORT.maybe(location.get("iataCode")), name(location.get("name"))
    if code is None or text is None:
        return None
    address = location.get("address")
    address = address if isinstance(address, Mapping) else {}
    facts = {
        "code": code,
        "name": text.title(),
        "kind": "city" if location.get("subType") == "CITY" else "airport",
        "country": COUNTRY.maybe(address.get("countryCode")),
        "city_code": AIRPORT.maybe(address.get("cityCode")),
    }
    return {field: value for field, value in facts.items() if value is not None}

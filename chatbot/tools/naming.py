"""Names of places in a tool's input, and codes in its result."""

from collections.abc import Mapping
from datetime import date

from chatbot.errors import ToolError
from chatbot.places import PlaceDirectory

__all__ = ["PlaceNames", "read_day"]


class PlaceNames:
    """Turns what a model calls a place into the code to search with, and back."""

    def __init__(self, places: PlaceDirectory) -> None:
        self._places = places

    def code(self, field: str, text: str) -> str:
        """The IATA code of a city or airport.

        Raises:
            ToolError: nothing is known by that name (`unknown_place`), or several places are, which the
                text lists (`ambiguous_place`).
        """
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

    def of_route(self, origin: str, destination: str) -> Mapping[str, str]:
        """`originName` and `destinationName` of two codes, as far as they are known."""
        pairs = (("originName", origin), ("destinationName", destination))
        places = ((name, self._places.by_code(code)) for name, code in pairs)
        return {name: place.name for name, place in places if place}


def read_day(field: str, text: str) -> date:
    """A day of a tool's input; raises ToolError for one that the calendar has not."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ToolError(f"Field {field} is not a day the calendar has.", code="invalid_input") from None

"""Fields that the tools' inputs share, as JSON Schema 2020-12."""

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["CODE_OR_CITY", "DAY", "LONGEST_ID", "MAX_PRICE", "NON_STOP", "OFFER_ID", "REFRESH", "described"]

Field = Mapping[str, Any]

LONGEST_ID: Final = 200
"""Characters of an offer's id that are read at all: what is no id shall be told so, up to here."""

CODE_OR_CITY: Final[Field] = {"type": "string", "minLength": 2, "maxLength": 80}
DAY: Final[Field] = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
MAX_PRICE: Final[Field] = {
    "type": "integer",
    "minimum": 1,
    "maximum": 999_999_999,
    "description": "highest price per traveler in whole units of the currency",
}
NON_STOP: Final[Field] = {"type": "boolean", "description": "only flights without any stop"}
REFRESH: Final[Field] = {
    "type": "boolean",
    "description": "ask the airline again instead of using a stored answer",
}
OFFER_ID: Final[Field] = {
    "type": "string",
    "minLength": 1,
    "maxLength": LONGEST_ID,
    "description": "an offer's id, 43 characters, copied whole from a result of search_flights",
}


def described(field: Field, description: str) -> dict[str, Any]:
    """The field with what it means here."""
    return {**field, "description": description}

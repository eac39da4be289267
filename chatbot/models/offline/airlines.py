"""Airlines people ask for by name, known only to say that the search cannot be limited to one."""

import re
from collections.abc import Sequence
from typing import Final

from chatbot.places import Mention
from chatbot.places.place import fold, name_key
from chatbot.places.wording import NOT_PLACES

AIRLINES: Final = frozenset(
    {
        "aer lingus",
        "aerolineas argentinas",
        "aeromexico",
        "air canada",
        "air europa",
        "air france",
        "alaska airlines",
        "american airlines",
        "avianca",
        "azul linhas aereas",
        "british airways",
        "copa airlines",
        "delta air lines",
        "easyjet",
        "emirates",
        "ethiopian airlines",
        "etihad",
        "eurowings",
        "finnair",
        "iberia",
        "ita airways",
        "jetblue",
        "klm",
        "latam",
        "lufthansa",
        "norwegian",
        "qantas",
        "qatar airways",
        "royal air maroc",
        "ryanair",
        "sata",
        "singapore airlines",
        "sky airline",
        "southwest airlines",
        "swiss air lines",
        "tap air portugal",
        "tap portugal",
        "turkish airlines",
        "united airlines",
        "volaris",
        "vueling",
        "wizz air",
    }
)
"""Folded names that are nothing else."""

SHORT_NAMES: Final = frozenset({"azul", "copa", "delta", "gol", "sas", "sky", "swiss", "tap", "united"})
"""Folded names that are also words or airport codes: they count after a word like "with"."""

_BY = r"\b(?:with|by|on|only|just|fly|com|pela|na|da|con|so|apenas|solo)\s+(?:an? |la )?"
_FLOWN_BY = re.compile(rf"{_BY}$")
_AIRLINE = re.compile(rf"\b(?:{'|'.join(sorted(AIRLINES))})\b|{_BY}(?:{'|'.join(sorted(SHORT_NAMES))})\b")
_WITH_NAME = re.compile(r"\b(?:with|com|con)\s+(?:an? |la )?(?P<name>[A-ZÀ-Ý][\w-]+)")


def is_airline(text: str, mention: Mention) -> bool:
    """Whether what could be an airport's code is an airline: "with TAP", "KLM"."""
    key = name_key(mention.text)
    return key in AIRLINES or (key in SHORT_NAMES and bool(_FLOWN_BY.search(fold(text[: mention.start]))))


def names_airline(text: str, mentions: Sequence[Mention]) -> bool:
    """Whether an airline is wished for: a known one, or a capitalised name after "with" that is no place."""
    if _AIRLINE.search(fold(text)):
        return True
    return any(
        fold(match["name"]) not in NOT_PLACES
        and not any(mention.overlaps(*match.span("name")) for mention in mentions)
        for match in _WITH_NAME.finditer(text)
    )

"""A place one can fly to, where a sentence mentions one, and how names are compared."""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Literal

_TOKEN = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f])*")
# Letters that Unicode does not decompose into a base letter and a mark.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "\u0131": "i", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th"}
)


@dataclass(frozen=True, slots=True)
class Place:
    """A city or an airport.

    `code` is the IATA code to search with: a metropolitan code where a city has one ("LON"), else the
    code of its main airport ("LIS"). `country` is ISO 3166-1 alpha-2. `region` (a state
    or province) and `country_name`, both in English and "" where unknown, tell namesakes apart.
    """

    code: str
    name: str
    country: str
    kind: Literal["city", "airport"]
    region: str = field(default="", compare=False)
    country_name: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Mention:
    """Where a text names a place: `text[start:end]`.

    `places` holds the readings, best first. More than one means that the name is truly ambiguous.
    """

    start: int
    end: int
    text: str
    places: tuple[Place, ...]

    @property
    def ambiguous(self) -> bool:
        """Whether somebody has to say which place is meant."""
        return len(self.places) > 1

    def overlaps(self, start: int, end: int) -> bool:
        """Whether it shares a character with `text[start:end]`."""
        return self.start < end and start < self.end


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a text: where it stands, as written, and folded."""

    start: int
    end: int
    text: str
    folded: str


def fold(text: str) -> str:
    """Lower case without accents: the form in which names are compared."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char)).translate(_LETTERS)


def tokens(text: str) -> list[Token]:
    """The words of a text, in order; punctuation and spaces separate them."""
    return [Token(match.start(), match.end(), match[0], fold(match[0])) for match in _TOKEN.finditer(text)]


def words(text: str) -> tuple[str, ...]:
    """The words of a list written as one string, as the tables of this package and its readers are."""
    return tuple(text.split())


def name_key(name: str) -> str:
    """A name as its folded words joined by single spaces, so that "Saint-Denis" equals "saint denis"."""
    return " ".join(_TOKEN.findall(fold(name)))

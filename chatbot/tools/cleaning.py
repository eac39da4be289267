"""What a third party wrote, made fit for a model to read and for a page to show: short, plain, or refused.

A reply's texts come from airlines and whoever stands between. A model might take one for an instruction,
so nothing passes as it came: a *fact* (a code, a time, an amount) has exactly its form or is refused, and
a *name* keeps letters, digits and the few signs that names have, on one line of bounded length.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

__all__ = [
    "AIRPORT",
    "AMOUNT",
    "CABIN",
    "CARRIER",
    "COUNTRY",
    "CURRENCY",
    "FLIGHT_NUMBER",
    "PARAMETER",
    "TRAVELER",
    "UNIT",
    "Fact",
    "calendar_day",
    "moment",
    "name",
    "number",
]

MOST_NAME: Final = 60
"""Characters of a name; the longest airport's name has 55."""

_MARKED: Final = 4
"""Characters that one letter with its marks may be written with."""

_SIGNS: Final = frozenset("&'\u2019.,()/+-\u2013")
_KEPT: Final = frozenset("LMN")
"""Unicode's letters, marks and numbers. All else, control and format characters too, is a blank."""

_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Fillers and variation selectors: letters or marks by category, and nothing to be seen."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A value of a fixed form; `what` names it in errors, which never show the value."""

    what: str
    form: re.Pattern[str]

    def of(self, value: object) -> str:
        """The value; raises ValueError if it has another form."""
        if not isinstance(value, str) or not self.form.fullmatch(value):
            raise ValueError(f"not {self.what}")
        return value

    def maybe(self, value: object) -> str | None:
        """The value; None if it has another form."""
        return value if isinstance(value, str) and self.form.fullmatch(value) else None


AIRPORT: Final = Fact("the IATA code of an airport or city", re.compile(r"[A-Z]{3}"))
AMOUNT: Final = Fact("an amount of money", re.compile(r"[0-9]{1,12}(\.[0-9]{1,4})?"))
CABIN: Final = Fact("a cabin", re.compile(r"[A-Z]{1,12}(_[A-Z]{1,12})?"))
CARRIER: Final = Fact("an airline's code", re.compile(r"[0-9A-Z]{2,3}"))
COUNTRY: Final = Fact("a country's code", re.compile(r"[A-Z]{2}"))
CURRENCY: Final = Fact("a currency's code", re.compile(r"[A-Z]{3}"))
FLIGHT_NUMBER: Final = Fact("a flight's number", re.compile(r"[0-9]{1,4}[A-Z]?"))
PARAMETER: Final = Fact("a parameter's name", re.compile(r"[A-Za-z][A-Za-z0-9_.\[\]]{0,39}"))
TRAVELER: Final = Fact("a kind of traveler", re.compile(r"[A-Z]{1,12}(_[A-Z]{1,12}){0,2}"))
UNIT: Final = Fact("a unit of weight", re.compile(r"[A-Z]{1,3}"))

_MOMENT: Final = Fact("a local time", re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?"))
_DAY: Final = Fact("a day", re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"))


def name(value: object, *, most: int = MOST_NAME) -> str | None:
    """A name or a short text as one plain line of at most `most` characters; None if nothing is left.

    What is not a letter, a mark, a digit or one of `& ' . , ( ) / + -` becomes a blank: quotes, brackets,
    markup, line ends, and characters that are not to be seen or that turn the direction of writing.
    """
    if not isinstance(value, str):
        return None
    # Cut before anything walks through it: it may be megabytes long.
    head = _INVISIBLE.sub(" ", unicodedata.normalize("NFC", value[: _MARKED * most]))
    plain = "".join(
        char if char in _SIGNS or unicodedata.category(char)[0] in _KEPT else " " for char in head
    )
    line = " ".join(plain.split())
    is_cut = len(line) > most or len(value) > _MARKED * most
    if is_cut:
        line = line[: most - 1].rstrip()
    if not any(map(str.isalnum, line)):
        return None
    return f"{line}\u2026" if is_cut else line


def moment(value: object) -> str:
    """A local time as the API writes it, `2026-12-12T22:55:00`; raises ValueError if it is none."""
    text = _MOMENT.of(value)
    datetime.fromisoformat(text)
    return text


def calendar_day(value: object) -> str:
    """A day as `2026-12-12`; raises ValueError if it is none that the calendar has."""
    text = _DAY.of(value)
    date.fromisoformat(text)
    return text


def number(value: object, *, most: int) -> int:
    """A whole number from 0 to `most`; raises ValueError for anything else."""
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"not a whole number from 0 to {most}")
    return value

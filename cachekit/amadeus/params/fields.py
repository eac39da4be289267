"""One field of a request: its two names, what is allowed in it, and the one spelling it is folded to."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NoReturn

from cachekit.amadeus.errors import InvalidFlightSearch, InvalidParams

__all__ = ["Day", "Field", "Flag", "Number", "is_absent", "refuse_name"]

MOST_DIGITS: Final = 9
"""Of a number, leading zeros not counted."""

_LONGEST_SHOWN: Final = 60
"""Characters of a refused value that an error's text repeats."""
_LONGEST_NAME: Final = 120
"""Characters of an unknown name; the path of one in a body is long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field that takes any value; its kinds, below and in `codes`, say more.

    `read` takes what a query string, a JSON document or a model gives; `fold` takes what a program gives to
    a constructor, which is of the right type already. Only the spelling is still free in both.

    Attributes:
        name: the attribute of the request.
        wire: the name in the API: of a query parameter, or a path in a body.
        optional: None is allowed, and means that nothing is sent.
        error: what `refuse` raises.
    """

    name: str
    wire: str
    optional: bool = False
    error: type[InvalidParams] = InvalidFlightSearch

    def read(self, value: object) -> Any:
        """A loosely typed value as the field's own type; what cannot be one is left to `fold`."""
        return value

    def fold(self, value: object) -> Any:
        """The one spelling of the value; raises `error` for one that is not allowed."""
        return value

    def write(self, value: Any) -> str:
        """The folded value as it stands in a query string."""
        return str(value)

    def values_in(self, given: object) -> dict[str, Any]:
        """The attributes that a loosely typed value of the parameter gives."""
        return {self.name: self.read(given)}

    def fold_in(self, request: object) -> None:
        """Bring the attribute of a request that is being made to its one spelling."""
        value = getattr(request, self.name)
        if value is not None or not self.optional:
            object.__setattr__(request, self.name, self.fold(value))

    def text_in(self, request: object) -> str | None:
        """The attribute of a folded request as it is sent; None where nothing is."""
        value = getattr(request, self.name)
        return None if value is None or value == () else self.write(value)

    def refuse(self, rule: str, value: object) -> NoReturn:
        """Raise `error`, naming the field, the rule and the value."""
        name = self.name if self.wire == self.name else f"{self.name} ({self.wire})"
        given = "nothing was given" if value is None else f"not {_shown(value)}"
        raise self.error(f"{name} must be {rule}; {given}", field=self.name, rule=rule, value=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day(Field):
    """A day of the calendar, without a time."""

    def read(self, value: object) -> object:
        """A text YYYY-MM-DD as a date."""
        return self._read_text(value.strip()) if isinstance(value, str) else value

    def _read_text(self, text: str) -> date:
        # fromisoformat alone would also take 20261212 and week dates, which the service refuses.
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            self.refuse("a date written YYYY-MM-DD", text)
        try:
            return date.fromisoformat(text)
        except ValueError:
            self.refuse("a date written YYYY-MM-DD that the calendar has", text)

    def fold(self, value: object) -> date:
        """The date itself."""
        # A datetime is a date to isinstance, but its day depends on a time zone.
        if type(value) is not date:
            self.refuse("a datetime.date", value)
        return value

    def write(self, value: date) -> str:
        """The day as YYYY-MM-DD."""
        return value.isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class Number(Field):
    """A whole number from `low` to `high`."""

    low: int
    high: int

    def read(self, value: object) -> object:
        """A text of digits, or a float that JSON made of a whole number, as an int."""
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, str):
            match = re.fullmatch(rf"0*([0-9]{{1,{MOST_DIGITS}}})", value.strip())
            if match is None:
                self.refuse("a whole number", value)
            return int(match[1])
        return value

    def fold(self, value: object) -> int:
        """The number itself, within its bounds."""
        # True is an int to isinstance.
        if type(value) is not int or not self.low <= value <= self.high:
            self.refuse(f"a whole number from {self.low} to {self.high}", value)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag(Field):
    """Yes or no."""

    def read(self, value: object) -> object:
        """The words true and false, in any case, as booleans."""
        if not isinstance(value, str):
            return value
        word = value.strip().lower()
        if word not in {"true", "false"}:
            self.refuse("true or false", value)
        return word == "true"

    def fold(self, value: object) -> bool:
        """The boolean itself."""
        if type(value) is not bool:
            self.refuse("True or False", value)
        return value

    def write(self, value: bool) -> str:
        """The word in small letters, as the service wants it."""
        return "true" if value else "false"


def is_absent(value: object) -> bool:
    """Whether a value counts as not given: None, a blank text, an empty list."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, list | tuple | set | frozenset) and not value)


def refuse_name(name: object, known: Iterable[str], error: type[InvalidParams]) -> NoReturn:
    """Raise `error` for a name that the API does not have; `known` are those it has."""
    rule = f"one of {', '.join(known)}"
    text = name if isinstance(name, str) else _shown(name)
    raise error(
        f"unknown parameter {text[:_LONGEST_NAME]!r}; it must be {rule}", field=text, rule=rule, value=name
    )


def _shown(value: object) -> str:
    """The value as an error's text shows it, cut to a bearable length."""
    if type(value) is date:
        return str(value)
    try:
        return repr(value)[:_LONGEST_SHOWN]
    except (ValueError, RecursionError):
        # Python writes no number of more than 4,300 digits, and no nesting deeper than its stack.
        return f"a value of type {type(value).__name__}, too large to show"

"""Fields of codes and words: one, one of a few, or several."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from cachekit.amadeus.params.fields import Field

__all__ = ["Choice", "Code", "Several", "airline", "currency", "place"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code(Field):
    """A code in capital letters; given in any case, and with spaces around.

    `pattern` is what the folded code must match, and `rule` says so in words.
    """

    pattern: str
    rule: str

    def fold(self, value: object) -> str:
        """The code without spaces around, in capitals."""
        if not isinstance(value, str):
            self.refuse(self.rule, value)
        code = _capitals(value)
        if not re.fullmatch(self.pattern, code):
            self.refuse(self.rule, value)
        return code


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Field):
    """One of a few words, given in any case."""

    kind: type[StrEnum]

    def fold(self, value: object) -> StrEnum:
        """The member of `kind`."""
        word = _capitals(value) if isinstance(value, str) else None
        if word not in set(self.kind):
            self.refuse(self.rule, value)
        return self.kind(word)

    @property
    def rule(self) -> str:
        """What is allowed, in words."""
        return f"one of {', '.join(self.kind)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Several(Field):
    """Any number of codes or choices, in any order: the service takes them as a set.

    Given as one text with commas or as a list of such; folded to a sorted tuple without repeats.
    `least` and `most` bound how many are left then.
    """

    item: Code | Choice
    least: int = 0
    most: int | None = None

    def fold(self, value: object) -> tuple[str, ...]:
        """The items, sorted, each once."""
        given = [value] if isinstance(value, str) else value
        if not isinstance(given, Iterable) or isinstance(given, Mapping | bytes):
            self.item.refuse(self.item.rule, value)
        items: set[str] = set()
        for text in given:
            if not isinstance(text, str):
                self.item.refuse(self.item.rule, value)
            items.update(self.item.fold(part) for part in text.split(",") if part.strip())
        if len(items) < self.least:
            self.refuse(f"a list of {self.least} or more", value or None)
        if self.most is not None and len(items) > self.most:
            self.refuse(f"a list of {self.most} or fewer", value)
        return tuple(sorted(items))

    def write(self, value: tuple[str, ...]) -> str:
        """The items with commas between them."""
        return ",".join(value)


def place(name: str, wire: str) -> Code:
    """The field of an airport or a city."""
    return Code(name=name, wire=wire, pattern=r"[A-Z]{3}", rule="three letters A to Z, such as GRU or LON")


def airline(name: str, wire: str) -> Code:
    """The field of one carrier in a list of them."""
    rule = "codes of two letters or digits, such as TP or G3, separated by commas"
    return Code(name=name, wire=wire, pattern=r"[0-9A-Z]{2}", rule=rule)


def currency(wire: str) -> Code:
    """The field `currency`, which may be left open."""
    rule = "three letters A to Z, such as EUR"
    return Code(name="currency", wire=wire, optional=True, pattern=r"[A-Z]{3}", rule=rule)


def _capitals(text: str) -> str:
    text = text.strip()
    # Outside ASCII, upper() would make codes of other letters: ß becomes SS.
    return text.upper() if text.isascii() else text

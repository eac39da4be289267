"""A range that is one parameter on the wire and two attributes of a request."""

from dataclasses import dataclass
from typing import Any

from cachekit.amadeus.params.fields import Day, Field, Number

__all__ = ["Span"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span(Field):
    """A first and a last value, both included; the last one alone may be left out.

    A range that ends where it begins is its first value alone: the service says that ranges are inclusive.
    """

    first: Day | Number
    last: Day | Number

    def values_in(self, given: object) -> dict[str, Any]:
        """Both attributes, of one value, a text `first,last` or a list of the two."""
        parts = given.split(",") if isinstance(given, str) else given
        if not isinstance(parts, list | tuple):
            return self.first.values_in(parts)
        if not 1 <= len(parts) <= 2:  # noqa: PLR2004
            self.refuse("one value, or a first and a last one with a comma between", given)
        ends = zip((self.first, self.last), parts, strict=False)
        return {field.name: field.read(part) for field, part in ends}

    def fold_in(self, request: object) -> None:
        """Check both ends, and drop a last one that says nothing new."""
        first, last = getattr(request, self.first.name), getattr(request, self.last.name)
        if first is None and last is not None:
            self.last.refuse(f"left out where {self.first.name} is", last)
        if first is not None:
            self.first.fold(first)
        if last is None:
            return
        if self.last.fold(last) < first:
            self.last.refuse(f"not before {self.first.name}, {first}", last)
        if last == first:
            object.__setattr__(request, self.last.name, None)

    def text_in(self, request: object) -> str | None:
        """`first`, or `first,last`."""
        ends = ((field, getattr(request, field.name)) for field in (self.first, self.last))
        return ",".join(field.write(value) for field, value in ends if value is not None) or None

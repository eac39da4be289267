"""Walking a JSON body: the members of its objects, the items of its lists, by paths that errors can name."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cachekit.amadeus.errors import InvalidFlightSearch
from cachekit.amadeus.params.fields import Field, is_absent, refuse_name

__all__ = ["at", "identifier", "items", "members"]

LARGEST_ID: Final = 999_999_999
"""A bound on digits; the ids that are looked for count up from 1."""


def at(path: str) -> Field:
    """What stands at a path and has no attribute of its own, such as `originDestinations[0].id`."""
    return Field(name=path, wire=path)


def members(
    value: object, path: str, names: tuple[str, ...], *, mandatory: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The members of an object that are given; None stands for an object without any.

    `path` is empty for the body itself.

    Raises:
        InvalidFlightSearch: it is no object, has a name that is not one of `names`, or lacks a mandatory one.
    """
    given = {} if value is None else value
    if not isinstance(given, Mapping):
        at(path or "body").refuse("an object", value)
    prefix = f"{path}." if path else ""
    for name in given:
        if name not in names:
            refuse_name(f"{prefix}{name}", names, InvalidFlightSearch)
    for name in mandatory:
        if is_absent(given.get(name)):
            at(f"{prefix}{name}").refuse("given; it is mandatory", None)
    return {name: item for name, item in given.items() if not is_absent(item)}


def items(value: object, path: str) -> Sequence[object]:
    """The items of a list; raises InvalidFlightSearch for what is none."""
    if not isinstance(value, list | tuple):
        at(path).refuse("a list", value)
    return value


def identifier(value: object) -> str:
    """An id as text; a whole number is taken for one too, and what can be no id is an empty text."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if type(value) is int and abs(value) <= LARGEST_ID else ""

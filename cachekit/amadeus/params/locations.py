"""A search for airports and cities by name or code, as `GET /v1/reference-data/locations` takes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Final, Literal, Self

from cachekit.amadeus.errors import InvalidParams
from cachekit.amadeus.params.codes import Choice, Code, Several
from cachekit.amadeus.params.fields import Field, Number, is_absent, refuse_name
from cachekit.amadeus.params.form import Form

__all__ = ["LocationKind", "LocationSearch", "LocationView"]

MAX_LIMIT: Final = 1_000
"""Locations in one page; a bound of this client, the service names none."""
MAX_OFFSET: Final = 999_999_999
"""The largest offset that is sent; a bound on digits."""
MAX_KEYWORD: Final = 100
"""Characters of a keyword; a bound of this client, above any name."""
SORT: Final = "analytics.travelers.score"
"""The only order there is, and the service's own without being asked; so it is read and never sent."""


class LocationKind(StrEnum):
    """What to look for."""

    AIRPORT = "AIRPORT"
    CITY = "CITY"


class LocationView(StrEnum):
    """How much is told of each: codes and names, or coordinates, address and traffic too."""

    LIGHT = "LIGHT"
    FULL = "FULL"


_KIND: Final = Choice(name="kinds", wire="subType", kind=LocationKind, error=InvalidParams)
LOCATION_SEARCH: Final = Form(
    Code(
        name="keyword",
        wire="keyword",
        pattern=rf"[A-Z0-9./:()'\" -]{{1,{MAX_KEYWORD}}}",
        rule=f"at most {MAX_KEYWORD} letters A to Z, digits, spaces and characters of ./:-'()\"",
        error=InvalidParams,
    ),
    Several(name="kinds", wire="subType", item=_KIND, least=1, error=InvalidParams),
    Code(
        name="country",
        wire="countryCode",
        optional=True,
        pattern=r"[A-Z]{2}",
        rule="two letters A to Z, such as BR",
        error=InvalidParams,
    ),
    Number(name="limit", wire="page[limit]", low=1, high=MAX_LIMIT, error=InvalidParams),
    Number(name="offset", wire="page[offset]", low=0, high=MAX_OFFSET, error=InvalidParams),
    Choice(name="view", wire="view", kind=LocationView, error=InvalidParams),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationSearch:
    """One request to Airport & City Search.

    Attributes:
        keyword: the start of a word in a name or a code. It is folded to capitals, as the names are.
        kinds: airports, cities, or both.
        country: ISO 3166-1 code of two letters; None means anywhere.
        limit, offset: the page: how many locations, after how many that are left out.
        view: how much is told of each.

    Raises:
        InvalidParams: the service would refuse it; names the field, the rule and the value.
    """

    verb: ClassVar[Literal["GET"]] = "GET"

    keyword: str
    kinds: tuple[LocationKind, ...] = (LocationKind.AIRPORT, LocationKind.CITY)
    country: str | None = None
    limit: int = 10
    offset: int = 0
    view: LocationView = LocationView.FULL

    def __post_init__(self) -> None:
        """Fold and check."""
        LOCATION_SEARCH.fold(self)

    def to_query(self) -> dict[str, str]:
        """The whole folded request in the API's names: what is sent."""
        return LOCATION_SEARCH.write(self)

    def key_params(self) -> dict[str, Any]:
        """What a cache key is made of, beside who is asked: the query that is sent, and its verb."""
        return {**self.to_query(), "verb": self.verb}

    @classmethod
    def from_query(cls, query: Mapping[str, Any]) -> Self:
        """Read a request in the API's names.

        The page is given as `page[limit]` and `page[offset]`, or as the official SDK takes it:
        `{"page": {"limit": 5, "offset": 0}}`. `sort` may be given too; there is only one order.

        Raises:
            InvalidParams: an unknown name, no keyword, or a value out of bounds.
        """
        _check_sort(query.get("sort"))
        return cls(**LOCATION_SEARCH.read(_flat(query), mandatory=("keyword",)))


def _flat(query: Mapping[str, Any]) -> dict[str, Any]:
    """The query with the members of `page` beside the other names."""
    flat = {name: value for name, value in query.items() if name not in {"page", "sort"}}
    page = query.get("page")
    if is_absent(page):
        return flat
    if not isinstance(page, Mapping):
        refuse_name("page", LOCATION_SEARCH.wire_names.values(), InvalidParams)
    for name, value in page.items():
        wire = f"page[{name}]"
        if wire in flat:
            Field(name=wire, wire=wire, error=InvalidParams).refuse("given once", value)
        flat[wire] = value
    return flat


def _check_sort(value: object) -> None:
    if not is_absent(value) and str(value).strip() != SORT:
        Field(name="sort", wire="sort", error=InvalidParams).refuse(SORT, value)

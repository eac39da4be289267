"""Reading the query strings of the locations paths."""

from collections.abc import Sequence
from typing import Final

from cachekit.amadeus.params import LocationKind, LocationSearch, LocationView
from cachekit.amadeus.sandbox.issues import Issue, Refusal, refuse_if
from cachekit.amadeus.sandbox.requests.parameters import NUMBER, Parameter, read_parameters

__all__ = ["read_location_search"]

INVALID_OPTION: Final = 572
INVALID_LENGTH: Final = 2781

LONGEST_KEYWORD: Final = 100
LARGEST_PAGE: Final = 1_000
SORT_ORDER: Final = "analytics.travelers.score"
"""The only one there is, and what is sorted by without it."""

_WORD: Final = r"[A-Za-z.]+"

PARAMETERS: Final = {
    "subType": Parameter(
        pattern=r"[A-Za-z_]+(,[A-Za-z_]+)*",
        example="CITY",
        mandatory=True,
        options=tuple(LocationKind),
        option_code=INVALID_OPTION,
    ),
    "keyword": Parameter(pattern=r"[A-Za-z0-9./:()'\" -]+", example="MUC", mandatory=True),
    "countryCode": Parameter(pattern=r"[A-Z]{2}", example="US"),
    "page[limit]": Parameter(pattern=NUMBER, example="10", low=1, high=LARGEST_PAGE),
    "page[offset]": Parameter(pattern=NUMBER, example="0", low=0),
    "sort": Parameter(pattern=_WORD, example=SORT_ORDER, options=(SORT_ORDER,), option_code=INVALID_OPTION),
    "view": Parameter(pattern=_WORD, example="FULL", options=tuple(LocationView), option_code=INVALID_OPTION),
}
"""Every parameter of the search."""


def read_location_search(query: Sequence[tuple[str, str]]) -> LocationSearch:
    """The search that a query string asks for.

    Raises:
        Refusal: with the issues found, one for each parameter at fault.
    """
    values = read_parameters(query, PARAMETERS)
    keyword = values["keyword"]
    if len(keyword) > LONGEST_KEYWORD:
        detail = f"the keyword is longer than {LONGEST_KEYWORD} characters"
        raise Refusal([Issue(INVALID_LENGTH, detail, "keyword")])
    refuse_if([] if keyword.strip() else [Issue(32171, "the query parameter is mandatory", "keyword")])
    return LocationSearch(
        keyword=keyword,
        kinds=tuple(LocationKind(kind) for kind in values["subType"].split(",")),
        country=values.get("countryCode"),
        limit=int(values.get("page[limit]", 10)),
        offset=int(values.get("page[offset]", 0)),
        view=LocationView(values.get("view", LocationView.FULL)),
    )

"""Reading the query string of the cheapest dates: GET /v1/shopping/flight-dates."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final

from cachekit.amadeus.params import CheapestDates, ViewBy
from cachekit.amadeus.sandbox.issues import Issue, refuse_if
from cachekit.amadeus.sandbox.requests.days import day_fault, today_at
from cachekit.amadeus.sandbox.requests.parameters import DAY, FLAG, NUMBER, Parameter, read_parameters

__all__ = ["read_cheapest_dates"]

LONGEST_STAY: Final = 365

INVALID_DATE: Final = 425
BAD_COMBINATION: Final = 2668
INVALID_DATA: Final = 4926

PARAMETERS: Final = {
    "origin": Parameter(pattern=r"[A-Z]{3}", example="MAD", mandatory=True),
    "destination": Parameter(pattern=r"[A-Z]{3}", example="MUC", mandatory=True),
    "departureDate": Parameter(pattern=rf"{DAY}(,{DAY})?", example="2017-12-25"),
    "oneWay": Parameter(pattern=FLAG, example="true"),
    "duration": Parameter(pattern=r"[0-9]{1,3}(,[0-9]{1,3})?", example="2,8"),
    "nonStop": Parameter(pattern=FLAG, example="true"),
    "maxPrice": Parameter(pattern=NUMBER, example="500", low=1),
    "viewBy": Parameter(pattern=r"[A-Z]+", example="DATE", options=tuple(ViewBy)),
}
"""Every parameter of the path."""


def read_cheapest_dates(query: Sequence[tuple[str, str]], now: datetime) -> CheapestDates:
    """What a query string asks for; `now` (aware) bounds its dates.

    Raises:
        Refusal: with the issues found, one for each parameter at fault.
    """
    values = read_parameters(query, PARAMETERS)
    days = _ends(values, "departureDate")
    stays = [int(stay) for stay in _ends(values, "duration")]
    refuse_if(
        [
            *_day_issues(days, today_at(values["origin"], now)),
            *_stay_issues(stays),
            *_combination_issues(values),
        ]
    )
    return CheapestDates(
        origin=values["origin"],
        destination=values["destination"],
        departure_from=date.fromisoformat(days[0]) if days else None,
        departure_to=date.fromisoformat(days[-1]) if days else None,
        one_way=values.get("oneWay") == "true",
        duration_from=stays[0] if stays else None,
        duration_to=stays[-1] if stays else None,
        non_stop=values.get("nonStop") == "true",
        max_price=int(values["maxPrice"]) if "maxPrice" in values else None,
        view_by=ViewBy(values["viewBy"]) if "viewBy" in values else None,
    )


def _ends(values: Mapping[str, str], name: str) -> list[str]:
    """One value, or the first and the last of a range; nothing if it is not given."""
    return values[name].split(",") if name in values else []


def _day_issues(days: Sequence[str], today: date) -> list[Issue]:
    faults = [fault for day in days if (fault := day_fault(day, today=today))]
    if not faults and days and days[-1] < days[0]:
        faults = [(INVALID_DATE, "the range ends before it begins")]
    return [Issue(*fault, "departureDate") for fault in faults[:1]]


def _stay_issues(stays: Sequence[int]) -> list[Issue]:
    if any(not 1 <= stay <= LONGEST_STAY for stay in stays):
        return [Issue(INVALID_DATA, f"the stay must be from 1 to {LONGEST_STAY} days", "duration")]
    if stays and stays[-1] < stays[0]:
        return [Issue(INVALID_DATA, "the range ends before it begins", "duration")]
    return []


def _combination_issues(values: Mapping[str, str]) -> list[Issue]:
    issues = []
    if values["origin"] == values["destination"]:
        issues.append(Issue(BAD_COMBINATION, "origin and destination are the same", "destination"))
    if values.get("oneWay") == "true" and "duration" in values:
        issues.append(Issue(BAD_COMBINATION, "a one-way flight has no duration of stay", "duration"))
    return issues

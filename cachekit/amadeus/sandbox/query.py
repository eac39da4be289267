"""Reading the query string of a search as strictly as the service does: nothing is folded here.

`cachekit.amadeus.params` checks the same rules on the caller's side, on its own; the tests hold the two
against each other.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from cachekit.amadeus.params import FlightSearch, TravelClass
from cachekit.amadeus.sandbox.airports import locate
from cachekit.amadeus.sandbox.issues import Issue, Refusal
from cachekit.amadeus.sandbox.money import CURRENCIES

__all__ = ["read_search"]

MANDATORY: Final = ("originLocationCode", "destinationLocationCode", "departureDate", "adults")
MOST_SEATED: Final = 9
MOST_OFFERS: Final = 250
DAYS_AHEAD: Final = 365

_INVALID_DATE = 425
_INVALID_FORMAT = 477
_INVALID_OPTION = 572
_BAD_COMBINATION = 2668
_INVALID_DATA = 4926
_TOO_MANY = 10661
_MISSING = 32171

_PATTERNS: Final = {
    "originLocationCode": r"[A-Z]{3}",
    "destinationLocationCode": r"[A-Z]{3}",
    "departureDate": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "returnDate": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "adults": r"[0-9]{1,9}",
    "children": r"[0-9]{1,9}",
    "infants": r"[0-9]{1,9}",
    "travelClass": r"[A-Z_]+",
    "includedAirlineCodes": r"[0-9A-Z]{2}(,[0-9A-Z]{2})*",
    "excludedAirlineCodes": r"[0-9A-Z]{2}(,[0-9A-Z]{2})*",
    "nonStop": r"true|false",
    "currencyCode": r"[A-Z]{3}",
    "maxPrice": r"[0-9]{1,9}",
    "max": r"[0-9]{1,9}",
}
"""Every parameter and how it is written."""

_RANGES: Final = {
    "adults": (1, MOST_SEATED),
    "children": (0, MOST_SEATED),
    "infants": (0, MOST_SEATED),
    "maxPrice": (1, 999_999_999),
    "max": (1, MOST_OFFERS),
}


def read_search(query: Sequence[tuple[str, str]], now: datetime) -> FlightSearch:
    """The search that a query string asks for; `now` (aware) bounds its dates.

    Raises:
        Refusal: with the issues found, one for each parameter at fault.
    """
    values = _unique(query)
    _refuse_if(_format_issues(values))
    _refuse_if(_value_issues(values))
    _refuse_if(_combination_issues(values))
    _refuse_if(_date_issues(values, now))
    return _search(values)


def _refuse_if(issues: list[Issue]) -> None:
    if issues:
        raise Refusal(issues)


def _unique(query: Sequence[tuple[str, str]]) -> dict[str, str]:
    issues = []
    values: dict[str, str] = {}
    for name, value in query:
        if name not in _PATTERNS:
            issues.append(Issue(_INVALID_FORMAT, "unknown query parameter", name))
        elif name in values:
            issues.append(Issue(_TOO_MANY, "the query parameter is given more than once", name))
        values[name] = value
    issues += [
        Issue(_MISSING, "the query parameter is mandatory", name)
        for name in MANDATORY
        if not values.get(name)
    ]
    _refuse_if(issues)
    return values


def _format_issues(values: Mapping[str, str]) -> list[Issue]:
    return [
        Issue(_INVALID_FORMAT, "invalid query parameter format", name)
        for name, value in values.items()
        if not re.fullmatch(_PATTERNS[name], value)
    ]


def _value_issues(values: Mapping[str, str]) -> list[Issue]:
    issues = []
    for name, (low, high) in _RANGES.items():
        if name in values and not low <= int(values[name]) <= high:
            issues.append(Issue(_INVALID_DATA, f"the value must be from {low} to {high}", name))
    issues += [
        Issue(_INVALID_DATE, "the calendar has no such day", name)
        for name in ("departureDate", "returnDate")
        if name in values and _day(values[name]) is None
    ]
    if values.get("travelClass", TravelClass.ECONOMY) not in set(TravelClass):
        issues.append(Issue(_INVALID_OPTION, f"must be one of {', '.join(TravelClass)}", "travelClass"))
    if values.get("currencyCode", "EUR") not in CURRENCIES:
        issues.append(Issue(_INVALID_DATA, "the currency is not supported", "currencyCode"))
    return issues


def _combination_issues(values: Mapping[str, str]) -> list[Issue]:
    issues = []
    if values["originLocationCode"] == values["destinationLocationCode"]:
        issues.append(
            Issue(_BAD_COMBINATION, "origin and destination are the same", "destinationLocationCode")
        )
    if "includedAirlineCodes" in values and "excludedAirlineCodes" in values:
        detail = "airlines are either included or excluded"
        issues.append(Issue(_BAD_COMBINATION, detail, "excludedAirlineCodes"))
    adults, children, infants = (int(values.get(name, "0")) for name in ("adults", "children", "infants"))
    if adults + children > MOST_SEATED:
        issues.append(Issue(_TOO_MANY, f"at most {MOST_SEATED} seated travelers", "children"))
    if infants > adults:
        issues.append(Issue(_BAD_COMBINATION, "at most one infant for each adult", "infants"))
    return issues


def _date_issues(values: Mapping[str, str], now: datetime) -> list[Issue]:
    """Dates are days of the origin, where the service knows it."""
    places = locate(values["originLocationCode"])
    today = now.astimezone(places[0].zone if places else UTC).date()
    issues = []
    earliest = today
    for name in ("departureDate", "returnDate"):
        day = _day(values.get(name, ""))
        if day is None:
            continue
        if day < today:
            issues.append(Issue(_INVALID_DATA, "the date is in the past", name))
        elif day < earliest:
            issues.append(Issue(_INVALID_DATA, "the return is before the departure", name))
        elif day > today + timedelta(days=DAYS_AHEAD):
            issues.append(Issue(_INVALID_DATE, f"the date is more than {DAYS_AHEAD} days ahead", name))
        earliest = max(earliest, day)
    return issues


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _search(values: Mapping[str, str]) -> FlightSearch:
    def number(name: str, default: int) -> int:
        return int(values.get(name, default))

    def airlines(name: str) -> tuple[str, ...]:
        return tuple(values[name].split(",")) if name in values else ()

    return FlightSearch(
        origin=values["originLocationCode"],
        destination=values["destinationLocationCode"],
        departure_date=date.fromisoformat(values["departureDate"]),
        return_date=date.fromisoformat(values["returnDate"]) if "returnDate" in values else None,
        adults=number("adults", 1),
        children=number("children", 0),
        infants=number("infants", 0),
        travel_class=TravelClass(values["travelClass"]) if "travelClass" in values else None,
        included_airlines=airlines("includedAirlineCodes"),
        excluded_airlines=airlines("excludedAirlineCodes"),
        non_stop=values.get("nonStop") == "true",
        currency=values.get("currencyCode"),
        max_price=int(values["maxPrice"]) if "maxPrice" in values else None,
        max_results=number("max", MOST_OFFERS),
    )

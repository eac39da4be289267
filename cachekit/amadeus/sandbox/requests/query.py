"""Reading the query string of a search for offers: GET /v2/shopping/flight-offers.

`cachekit.amadeus.params` checks the same rules on the caller's side, on its own; the tests hold the two
against each other.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final

from cachekit.amadeus.params import FlightSearch, TravelClass
from cachekit.amadeus.sandbox.inventory.money import CURRENCIES
from cachekit.amadeus.sandbox.issues import Issue, refuse_if
from cachekit.amadeus.sandbox.requests.days import calendar_day, day_fault, today_at
from cachekit.amadeus.sandbox.requests.parameters import DAY, FLAG, NUMBER, Parameter, read_parameters

__all__ = ["read_search"]

MOST_SEATED: Final = 9
MOST_OFFERS: Final = 250

BAD_COMBINATION: Final = 2668
INVALID_DATA: Final = 4926
TOO_MANY: Final = 10661

_PLACE: Final = r"[A-Z]{3}"
_AIRLINES: Final = r"[0-9A-Z]{2}(,[0-9A-Z]{2})*"

PARAMETERS: Final = {
    "originLocationCode": Parameter(pattern=_PLACE, example="SYD", mandatory=True),
    "destinationLocationCode": Parameter(pattern=_PLACE, example="BKK", mandatory=True),
    "departureDate": Parameter(pattern=DAY, example="2023-05-02", mandatory=True),
    "returnDate": Parameter(pattern=DAY, example="2023-05-12"),
    "adults": Parameter(pattern=NUMBER, example="1", mandatory=True, low=1, high=MOST_SEATED),
    "children": Parameter(pattern=NUMBER, example="0", low=0, high=MOST_SEATED),
    "infants": Parameter(pattern=NUMBER, example="0", low=0, high=MOST_SEATED),
    "travelClass": Parameter(pattern=r"[A-Z_]+", example="ECONOMY", options=tuple(TravelClass)),
    "includedAirlineCodes": Parameter(pattern=_AIRLINES, example="6X,7X,8X"),
    "excludedAirlineCodes": Parameter(pattern=_AIRLINES, example="6X,7X,8X"),
    "nonStop": Parameter(pattern=FLAG, example="true"),
    "currencyCode": Parameter(pattern=_PLACE, example="EUR"),
    "maxPrice": Parameter(pattern=NUMBER, example="500", low=1),
    "max": Parameter(pattern=NUMBER, example="50", low=1, high=MOST_OFFERS),
}
"""Every parameter of the path."""


def read_search(query: Sequence[tuple[str, str]], now: datetime) -> FlightSearch:
    """The search that a query string asks for; `now` (aware) bounds its dates.

    Raises:
        Refusal: with the issues found, one for each parameter at fault.
    """
    values = read_parameters(query, PARAMETERS, repeated=TOO_MANY)
    refuse_if(_value_issues(values))
    refuse_if(_combination_issues(values))
    refuse_if(_date_issues(values, now))
    return _search(values)


def _value_issues(values: Mapping[str, str]) -> list[Issue]:
    issues = [
        Issue(425, "the calendar has no such day", name)
        for name in ("departureDate", "returnDate")
        if name in values and calendar_day(values[name]) is None
    ]
    if values.get("currencyCode", "EUR") not in CURRENCIES:
        issues.append(Issue(INVALID_DATA, "the currency is not supported", "currencyCode"))
    return issues


def _combination_issues(values: Mapping[str, str]) -> list[Issue]:
    issues = []
    if values["originLocationCode"] == values["destinationLocationCode"]:
        issues.append(
            Issue(BAD_COMBINATION, "origin and destination are the same", "destinationLocationCode")
        )
    if "includedAirlineCodes" in values and "excludedAirlineCodes" in values:
        detail = "airlines are either included or excluded"
        issues.append(Issue(BAD_COMBINATION, detail, "excludedAirlineCodes"))
    adults, children, infants = (int(values.get(name, "0")) for name in ("adults", "children", "infants"))
    if adults + children > MOST_SEATED:
        issues.append(Issue(TOO_MANY, f"at most {MOST_SEATED} seated travelers", "children"))
    if infants > adults:
        issues.append(Issue(BAD_COMBINATION, "at most one infant for each adult", "infants"))
    return issues


def _date_issues(values: Mapping[str, str], now: datetime) -> list[Issue]:
    """Dates are days of the origin, where the service knows it."""
    today = today_at(values["originLocationCode"], now)
    departure = calendar_day(values["departureDate"])
    issues = []
    if fault := day_fault(values["departureDate"], today=today):
        issues.append(Issue(*fault, "departureDate"))
    if "returnDate" in values and (fault := day_fault(values["returnDate"], today=today, earliest=departure)):
        issues.append(Issue(*fault, "returnDate"))
    return issues


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

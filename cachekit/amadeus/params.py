"""The flight search as a value: validated, folded to one spelling, and written as the wire wants it.

What is folded: the case of codes, spaces, leading zeros, the spelling of booleans, the order and repeats
of airline lists, empty values, and defaults that are left out (`children`, `infants` 0, `nonStop` false,
`max` 250). What is never folded, since the service answers differently: a city and its airports, the
direction, no class and ECONOMY, no currency and EUR, a round trip and two one-ways.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final, NoReturn, Self

from cachekit.amadeus.errors import InvalidFlightSearch

__all__ = ["FlightSearch", "TravelClass"]

MAX_SEATED: Final = 9
"""Adults and children together."""
MAX_RESULTS: Final = 250
"""The most offers one search returns; also the default."""
MAX_DAYS_AHEAD: Final = 365
"""How far ahead of today a date may be."""
MAX_PRICE: Final = 999_999_999
"""The largest `max_price` that is sent; a bound on digits, far above any fare."""

WIRE_NAMES: Final[Mapping[str, str]] = {
    "origin": "originLocationCode",
    "destination": "destinationLocationCode",
    "departure_date": "departureDate",
    "return_date": "returnDate",
    "adults": "adults",
    "children": "children",
    "infants": "infants",
    "travel_class": "travelClass",
    "included_airlines": "includedAirlineCodes",
    "excluded_airlines": "excludedAirlineCodes",
    "non_stop": "nonStop",
    "currency": "currencyCode",
    "max_price": "maxPrice",
    "max_results": "max",
}
"""Attributes of `FlightSearch` and their names on the wire, in the order in which they are sent."""

_FIELDS = {wire: field for field, wire in WIRE_NAMES.items()}
_DATES = ("departure_date", "return_date")
_NUMBERS = ("adults", "children", "infants", "max_price", "max_results")
_AIRLINE_LISTS = ("included_airlines", "excluded_airlines")

_DATE_RULE = "a date written YYYY-MM-DD"
_LOCATION_RULE = "three letters A to Z, such as GRU or LON"
_AIRLINE_RULE = "codes of two letters or digits, such as TP or G3, separated by commas"


class TravelClass(StrEnum):
    """Cabins, lowest first. A search asks for this cabin *or higher* for most of the flight time."""

    ECONOMY = "ECONOMY"
    PREMIUM_ECONOMY = "PREMIUM_ECONOMY"
    BUSINESS = "BUSINESS"
    FIRST = "FIRST"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightSearch:
    """One request to Flight Offers Search.

    Codes may be given in any case and with spaces around; they are folded. Two equal searches are one
    request on the wire and one entry in a cache.

    Attributes:
        origin, destination: IATA code of an airport or of a city (LON is not LHR). They differ.
        departure_date, return_date: days, local to the airport of departure. Without `return_date` the
            search is one-way. See `check_dates` for the bounds, which need a clock.
        adults, children, infants: 1 to 9, 0 to 9, 0 to `adults` (they sit on laps); adults and children
            are at most 9 together.
        travel_class: the lowest cabin wanted for most of the flight time; None means any.
        included_airlines, excluded_airlines: IATA carrier codes, at most one of the two lists.
        non_stop: only flights without any stop.
        currency: ISO 4217 code that prices are asked in; None leaves the choice to the service.
        max_price: highest price for one traveler, in whole units of the currency.
        max_results: most offers to return, 1 to 250.

    Raises:
        InvalidFlightSearch: the service would refuse it; names the field, the rule and the value.
    """

    origin: str
    destination: str
    departure_date: date
    return_date: date | None = None
    adults: int = 1
    children: int = 0
    infants: int = 0
    travel_class: TravelClass | None = None
    included_airlines: tuple[str, ...] = ()
    excluded_airlines: tuple[str, ...] = ()
    non_stop: bool = False
    currency: str | None = None
    max_price: int | None = None
    max_results: int = MAX_RESULTS

    def __post_init__(self) -> None:
        """Fold, then check what is left."""
        fold = object.__setattr__
        fold(self, "origin", _code("origin", self.origin, r"[A-Z]{3}", _LOCATION_RULE))
        fold(self, "destination", _code("destination", self.destination, r"[A-Z]{3}", _LOCATION_RULE))
        if self.currency is not None:
            rule = "three letters A to Z, such as EUR"
            fold(self, "currency", _code("currency", self.currency, r"[A-Z]{3}", rule))
        if self.travel_class is not None:
            fold(self, "travel_class", _travel_class(self.travel_class))
        for field in _AIRLINE_LISTS:
            fold(self, field, _airlines(field, getattr(self, field)))
        self._check_types()
        self._check_ranges()
        self._check_combinations()

    def _check_types(self) -> None:
        for field in _DATES:
            value = getattr(self, field)
            # A datetime is a date to isinstance, but its day depends on a time zone.
            if (value is not None or field == "departure_date") and type(value) is not date:
                _refuse(field, "a datetime.date", value)
        if type(self.non_stop) is not bool:
            _refuse("non_stop", "True or False", self.non_stop)

    def _check_ranges(self) -> None:
        _check_range("adults", self.adults, 1, MAX_SEATED)
        _check_range("children", self.children, 0, MAX_SEATED)
        _check_range("infants", self.infants, 0, MAX_SEATED)
        _check_range("max_results", self.max_results, 1, MAX_RESULTS)
        if self.max_price is not None:
            _check_range("max_price", self.max_price, 1, MAX_PRICE)

    def _check_combinations(self) -> None:
        if self.origin == self.destination:
            _refuse("destination", "another place than the origin", self.destination)
        if self.return_date is not None and self.return_date < self.departure_date:
            _refuse("return_date", f"not before the departure on {self.departure_date}", self.return_date)
        if self.adults + self.children > MAX_SEATED:
            _refuse("children", f"at most {MAX_SEATED} together with the {self.adults} adults", self.children)
        if self.infants > self.adults:
            _refuse("infants", f"at most one for each of the {self.adults} adults", self.infants)
        if self.included_airlines and self.excluded_airlines:
            _refuse("excluded_airlines", "empty where airlines are included", self.excluded_airlines)

    def check_dates(self, today: date) -> None:
        """Refuse dates in the past or more than 365 days ahead.

        `today` is the caller's day, best the UTC day. The airport's own day can be one earlier or later,
        so a day of grace is given at both ends and the service has the last word.

        Raises:
            InvalidFlightSearch: naming the date.
        """
        first = today - timedelta(days=1)
        last = today + timedelta(days=MAX_DAYS_AHEAD + 1)
        for field in _DATES:
            day = getattr(self, field)
            if day is not None and day < first:
                _refuse(field, f"not in the past; today is {today}", day)
            if day is not None and day > last:
                _refuse(field, f"at most {MAX_DAYS_AHEAD} days ahead; today is {today}", day)

    def to_query(self) -> dict[str, str]:
        """The whole folded request in the API's names: what is sent, and what the cache key is made of.

        Defaults are written out, what was not asked for is left out, and the order is always the same.
        """
        query: dict[str, str] = {}
        for field, wire in WIRE_NAMES.items():
            value = getattr(self, field)
            if value is None or value == ():
                continue
            if isinstance(value, bool):
                query[wire] = "true" if value else "false"
            elif isinstance(value, tuple):
                query[wire] = ",".join(value)
            else:
                query[wire] = str(value)
        return query

    @classmethod
    def from_query(cls, query: Mapping[str, Any]) -> Self:
        """Read a request in the API's names, as a query string, a JSON document or a model gives it.

        Dates are `YYYY-MM-DD` strings or dates; numbers are whole numbers or strings of digits; `nonStop`
        is a boolean or `"true"`/`"false"`; airline codes are a comma-separated string or a list of such.
        None, blank strings and empty lists count as absent.

        Raises:
            InvalidFlightSearch: an unknown name, a missing mandatory one, or a value out of bounds.
        """
        values: dict[str, Any] = {}
        for wire, value in query.items():
            field = _FIELDS.get(wire)
            if field is None:
                _refuse(str(wire), f"one of {', '.join(_FIELDS)}", wire)
            if not _is_absent(value):
                values[field] = _read(field, value)
        for field in ("origin", "destination", "departure_date"):
            if field not in values:
                _refuse(field, "given; it is mandatory", None)
        return cls(**values)


def _is_absent(value: object) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, list | tuple | set | frozenset) and not value)


def _read(field: str, value: object) -> object:
    """A loosely typed value of `field` as its own type; codes are left to the constructor."""
    if field in _DATES and isinstance(value, str):
        return _read_date(field, value.strip())
    if field in _NUMBERS:
        return _read_number(field, value)
    if field == "non_stop" and isinstance(value, str):
        word = value.strip().lower()
        if word not in {"true", "false"}:
            _refuse(field, "true or false", value)
        return word == "true"
    return value


def _read_date(field: str, text: str) -> date:
    # fromisoformat alone would also take 20261212 and week dates, which the service refuses.
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        _refuse(field, _DATE_RULE, text)
    try:
        return date.fromisoformat(text)
    except ValueError:
        _refuse(field, f"{_DATE_RULE} that the calendar has", text)


def _read_number(field: str, value: object) -> object:
    # JSON does not tell 1 from 1.0; other floats go on to be refused.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        match = re.fullmatch(r"0*([0-9]{1,9})", value.strip())
        if match is None:
            _refuse(field, "a whole number", value)
        return int(match[1])
    return value


def _code(field: str, value: object, pattern: str, rule: str) -> str:
    if not isinstance(value, str):
        _refuse(field, rule, value)
    code = value.strip()
    # Outside ASCII, upper() would make codes of other letters: ß becomes SS.
    code = code.upper() if code.isascii() else code
    if not re.fullmatch(pattern, code):
        _refuse(field, rule, value)
    return code


def _travel_class(value: object) -> TravelClass:
    rule = f"one of {', '.join(TravelClass)}"
    return TravelClass(_code("travel_class", value, "|".join(TravelClass), rule))


def _airlines(field: str, value: object) -> tuple[str, ...]:
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, Iterable) or isinstance(items, Mapping | bytes):
        _refuse(field, _AIRLINE_RULE, value)
    codes: set[str] = set()
    for item in items:
        if not isinstance(item, str):
            _refuse(field, _AIRLINE_RULE, value)
        parts = (part for part in item.split(",") if part.strip())
        codes.update(_code(field, part, r"[0-9A-Z]{2}", _AIRLINE_RULE) for part in parts)
    return tuple(sorted(codes))


def _check_range(field: str, value: object, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        _refuse(field, f"a whole number from {low} to {high}", value)


def _refuse(field: str, rule: str, value: object) -> NoReturn:
    wire = WIRE_NAMES.get(field)
    if wire is None:
        text = f"unknown parameter {field[:60]!r}; it must be {rule}"
    else:
        name = field if wire == field else f"{field} ({wire})"
        shown = str(value) if type(value) is date else repr(value)[:60]
        text = f"{name} must be {rule}; {'nothing was given' if value is None else f'not {shown}'}"
    raise InvalidFlightSearch(text, field=field, rule=rule, value=value)

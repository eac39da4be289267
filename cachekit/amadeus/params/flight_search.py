"""A search for flights from one place to another, and perhaps back, as `GET` takes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Final, Literal, Self

from cachekit.amadeus.params.cabin import TravelClass
from cachekit.amadeus.params.codes import Choice, Several, airline, currency, place
from cachekit.amadeus.params.fields import Day, Flag, Number
from cachekit.amadeus.params.form import Form
from cachekit.amadeus.params.leg import Leg
from cachekit.amadeus.params.rules import (
    MAX_PRICE,
    MAX_RESULTS,
    MAX_SEATED,
    check_airlines,
    check_day,
    check_party,
    check_places,
)

__all__ = ["WIRE_NAMES", "FlightSearch"]

FLIGHT_SEARCH: Final = Form(
    place("origin", "originLocationCode"),
    place("destination", "destinationLocationCode"),
    Day(name="departure_date", wire="departureDate"),
    Day(name="return_date", wire="returnDate", optional=True),
    Number(name="adults", wire="adults", low=1, high=MAX_SEATED),
    Number(name="children", wire="children", low=0, high=MAX_SEATED),
    Number(name="infants", wire="infants", low=0, high=MAX_SEATED),
    Choice(name="travel_class", wire="travelClass", optional=True, kind=TravelClass),
    Several(
        name="included_airlines",
        wire="includedAirlineCodes",
        item=airline("included_airlines", "includedAirlineCodes"),
    ),
    Several(
        name="excluded_airlines",
        wire="excludedAirlineCodes",
        item=airline("excluded_airlines", "excludedAirlineCodes"),
    ),
    Flag(name="non_stop", wire="nonStop"),
    currency("currencyCode"),
    Number(name="max_price", wire="maxPrice", optional=True, low=1, high=MAX_PRICE),
    Number(name="max_results", wire="max", low=1, high=MAX_RESULTS),
)

WIRE_NAMES: Final[Mapping[str, str]] = FLIGHT_SEARCH.wire_names
"""Attributes of `FlightSearch` and their names on the wire, in the order in which they are sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightSearch:
    """One request to Flight Offers Search, by GET.

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

    verb: ClassVar[Literal["GET"]] = "GET"

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
        FLIGHT_SEARCH.fold(self)
        check_places(FLIGHT_SEARCH["destination"], origin=self.origin, given=self.destination)
        if self.return_date is not None and self.return_date < self.departure_date:
            rule = f"not before the departure on {self.departure_date}"
            FLIGHT_SEARCH["return_date"].refuse(rule, self.return_date)
        check_party(FLIGHT_SEARCH, adults=self.adults, children=self.children, infants=self.infants)
        check_airlines(FLIGHT_SEARCH, included=self.included_airlines, excluded=self.excluded_airlines)

    @property
    def legs(self) -> tuple[Leg, ...]:
        """The way there and, of a round trip, the way back."""
        there = Leg(self.origin, self.destination, self.departure_date)
        if self.return_date is None:
            return (there,)
        return there, Leg(self.destination, self.origin, self.return_date)

    def check_dates(self, today: date) -> None:
        """Refuse dates in the past or more than 365 days ahead.

        `today` is the caller's day, best the UTC day. The airport's own day can be one earlier or later,
        so a day of grace is given at both ends and the service has the last word.

        Raises:
            InvalidFlightSearch: naming the date.
        """
        check_day(FLIGHT_SEARCH["departure_date"], self.departure_date, today)
        if self.return_date is not None:
            check_day(FLIGHT_SEARCH["return_date"], self.return_date, today)

    def to_query(self) -> dict[str, str]:
        """The whole folded request in the API's names: what is sent.

        Defaults are written out, what was not asked for is left out, and the order is always the same.
        """
        return FLIGHT_SEARCH.write(self)

    def key_params(self) -> dict[str, Any]:
        """What a cache key is made of, beside who is asked: the query that is sent, and its verb."""
        return {**self.to_query(), "verb": self.verb}

    @classmethod
    def from_query(cls, query: Mapping[str, Any]) -> Self:
        """Read a request in the API's names, as a query string, a JSON document or a model gives it.

        Dates are `YYYY-MM-DD` strings or dates; numbers are whole numbers or strings of digits; `nonStop`
        is a boolean or `"true"`/`"false"`; airline codes are a comma-separated string or a list of such.
        None, blank strings and empty lists count as absent.

        Raises:
            InvalidFlightSearch: an unknown name, a missing mandatory one, or a value out of bounds.
        """
        return cls(**FLIGHT_SEARCH.read(query, mandatory=("origin", "destination", "departure_date")))

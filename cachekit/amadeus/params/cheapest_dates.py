"""The cheapest dates for a trip, as `GET /v1/shopping/flight-dates` takes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, ClassVar, Final, Literal, Self

from cachekit.amadeus.params.codes import Choice, place
from cachekit.amadeus.params.fields import Day, Flag, Number
from cachekit.amadeus.params.form import Form
from cachekit.amadeus.params.rules import MAX_DAYS_AHEAD, MAX_PRICE, check_day, check_places
from cachekit.amadeus.params.span import Span

__all__ = ["CheapestDates", "ViewBy"]


MAX_DURATION: Final = MAX_DAYS_AHEAD
"""Days of a trip: both of its dates lie within the days that are for sale."""


class ViewBy(StrEnum):
    """What the service gives one result for: each day of departure, each length of stay too, or each week."""

    DATE = "DATE"
    DURATION = "DURATION"
    WEEK = "WEEK"


_DEPARTURE: Final = Span(
    name="departureDate",
    wire="departureDate",
    first=Day(name="departure_from", wire="departureDate"),
    last=Day(name="departure_to", wire="departureDate"),
)
_DURATION: Final = Span(
    name="duration",
    wire="duration",
    first=Number(name="duration_from", wire="duration", low=1, high=MAX_DURATION),
    last=Number(name="duration_to", wire="duration", low=1, high=MAX_DURATION),
)
CHEAPEST_DATES: Final = Form(
    place("origin", "origin"),
    place("destination", "destination"),
    _DEPARTURE,
    Flag(name="one_way", wire="oneWay"),
    _DURATION,
    Flag(name="non_stop", wire="nonStop"),
    Number(name="max_price", wire="maxPrice", optional=True, low=1, high=MAX_PRICE),
    Choice(name="view_by", wire="viewBy", optional=True, kind=ViewBy),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheapestDates:
    """One request to Flight Cheapest Date Search.

    Attributes:
        origin, destination: IATA code of an airport or of a city. They differ.
        departure_from, departure_to: the first and the last day of departure that is wanted, both included.
            Without `departure_to` only the first one is; without both the service chooses the range.
        one_way: only one-way flights; otherwise only round trips.
        duration_from, duration_to: days between departure and return, in the same manner; only of round
            trips.
        non_stop: only flights without any stop.
        max_price: highest price of an offer, in whole units of the currency the service answers in.
        view_by: what one result is given for; None leaves it to the service.

    Raises:
        InvalidFlightSearch: the service would refuse it; names the field, the rule and the value.
    """

    verb: ClassVar[Literal["GET"]] = "GET"

    origin: str
    destination: str
    departure_from: date | None = None
    departure_to: date | None = None
    one_way: bool = False
    duration_from: int | None = None
    duration_to: int | None = None
    non_stop: bool = False
    max_price: int | None = None
    view_by: ViewBy | None = None

    def __post_init__(self) -> None:
        """Fold, then check what is left."""
        CHEAPEST_DATES.fold(self)
        check_places(CHEAPEST_DATES["destination"], origin=self.origin, given=self.destination)
        if self.one_way and self.duration_from is not None:
            _DURATION.first.refuse("left out of a one-way search", self.duration_from)

    def check_dates(self, today: date) -> None:
        """Refuse dates in the past or more than 365 days ahead; see `FlightSearch.check_dates`.

        Raises:
            InvalidFlightSearch: naming the date.
        """
        ends = ((_DEPARTURE.first, self.departure_from), (_DEPARTURE.last, self.departure_to))
        for field, day in ends:
            if day is not None:
                check_day(field, day, today)

    def to_query(self) -> dict[str, str]:
        """The whole folded request in the API's names: what is sent."""
        return CHEAPEST_DATES.write(self)

    def key_params(self) -> dict[str, Any]:
        """What a cache key is made of, beside who is asked: the query that is sent, and its verb."""
        return {**self.to_query(), "verb": self.verb}

    @classmethod
    def from_query(cls, query: Mapping[str, Any]) -> Self:
        """Read a request in the API's names, in any spelling that `FlightSearch.from_query` takes too.

        `departureDate` and `duration` are one value, or the first and the last with a comma between.

        Raises:
            InvalidFlightSearch: an unknown name, a missing mandatory one, or a value out of bounds.
        """
        return cls(**CHEAPEST_DATES.read(query, mandatory=("origin", "destination")))

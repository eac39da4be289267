"""A journey of up to six legs, as `POST /v2/shopping/flight-offers` takes it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any, ClassVar, Final, Literal, Self

from cachekit.amadeus.params.body import COVERAGE, LEGS, MULTI_CITY, SOURCE, leg_field, read, travelers
from cachekit.amadeus.params.cabin import TravelClass
from cachekit.amadeus.params.leg import Leg
from cachekit.amadeus.params.rules import MAX_RESULTS, check_airlines, check_day, check_party

__all__ = ["MultiCitySearch"]

MAX_LEGS: Final = 6
"""Directions of one journey."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiCitySearch:
    """One request to Flight Offers Search, by POST.

    The service may answer it differently from a `FlightSearch` of the same journey, so the two are never
    taken for one another, and neither are a journey of two legs and two journeys of one.

    Attributes:
        legs: 1 to 6, in the order of their dates.
        adults, children, infants: 1 to 9, 0 to 9, 0 to `adults` (they sit on laps); adults and children
            are at most 9 together.
        travel_class: the lowest cabin wanted for most segments of every leg; None means any.
        included_airlines, excluded_airlines: IATA carrier codes, at most one of the two lists, at most 99.
        max_connections: changes of aircraft on each leg, 0 to 2; None leaves that to the service.
        currency: ISO 4217 code that prices are asked in; None leaves the choice to the service.
        max_price: highest price for one traveler, in whole units of the currency.
        max_results: most offers to return, 1 to 250.

    Raises:
        InvalidFlightSearch: the service would refuse it; names the field, the rule and the value.
    """

    verb: ClassVar[Literal["POST"]] = "POST"

    legs: tuple[Leg, ...]
    adults: int = 1
    children: int = 0
    infants: int = 0
    travel_class: TravelClass | None = None
    included_airlines: tuple[str, ...] = ()
    excluded_airlines: tuple[str, ...] = ()
    max_connections: int | None = None
    currency: str | None = None
    max_price: int | None = None
    max_results: int = MAX_RESULTS

    def __post_init__(self) -> None:
        """Fold, then check what is left."""
        object.__setattr__(self, "legs", _in_order(self.legs))
        MULTI_CITY.fold(self)
        check_party(MULTI_CITY, adults=self.adults, children=self.children, infants=self.infants)
        check_airlines(MULTI_CITY, included=self.included_airlines, excluded=self.excluded_airlines)

    def check_dates(self, today: date) -> None:
        """Refuse dates in the past or more than 365 days ahead; see `FlightSearch.check_dates`.

        Raises:
            InvalidFlightSearch: naming the leg.
        """
        for index, leg in enumerate(self.legs):
            check_day(leg_field(index, "date"), leg.date, today)

    def to_body(self) -> dict[str, Any]:
        """The whole folded request in the API's names: what is sent.

        Defaults are written out, what was not asked for is left out, and the order is always the same.
        """
        ids = [str(number) for number in range(1, len(self.legs) + 1)]
        criteria: dict[str, Any] = {"maxFlightOffers": self.max_results}
        if self.max_price is not None:
            criteria["maxPrice"] = self.max_price
        if filters := self._filters(ids):
            criteria["flightFilters"] = filters
        return {
            **({} if self.currency is None else {"currencyCode": self.currency}),
            "originDestinations": [_direction(*each) for each in zip(ids, self.legs, strict=True)],
            "travelers": travelers(self.adults, self.children, self.infants),
            "sources": [SOURCE],
            "searchCriteria": criteria,
        }

    def _filters(self, ids: list[str]) -> dict[str, Any]:
        filters: dict[str, Any] = {}
        if self.travel_class is not None:
            cabin = {"cabin": str(self.travel_class), "coverage": COVERAGE, "originDestinationIds": ids}
            filters["cabinRestrictions"] = [cabin]
        if self.included_airlines:
            filters["carrierRestrictions"] = {"includedCarrierCodes": list(self.included_airlines)}
        if self.excluded_airlines:
            filters["carrierRestrictions"] = {"excludedCarrierCodes": list(self.excluded_airlines)}
        if self.max_connections is not None:
            filters["connectionRestriction"] = {"maxNumberOfConnections": self.max_connections}
        return filters

    def key_params(self) -> dict[str, Any]:
        """What a cache key is made of, beside who is asked: the body that is sent, and its verb."""
        return {**self.to_body(), "verb": self.verb}

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Self:
        """Read a request in the API's names, in any spelling that `FlightSearch.from_query` takes too.

        Ids must be those that `to_body` gives, "1", "2" and so on in order, adults before children before
        infants, since a reply refers to travelers by them.

        Raises:
            InvalidFlightSearch: an unknown name, a missing mandatory one, a value out of bounds, or what
                this type has no attribute for, such as a time of day or a cabin for one leg only.
        """
        return cls(**read(body))


def _in_order(given: object) -> tuple[Leg, ...]:
    """The legs, if they are legs and in the order of their dates."""
    legs = tuple(given) if isinstance(given, Iterable) else ()
    if not 1 <= len(legs) <= MAX_LEGS or not all(isinstance(leg, Leg) for leg in legs):
        LEGS.refuse(f"1 to {MAX_LEGS} of type Leg", given)
    for index, (earlier, later) in enumerate(pairwise(legs), start=1):
        if later.date < earlier.date:
            rule = f"not before the leg ahead of it, on {earlier.date}"
            leg_field(index, "date").refuse(rule, later.date)
    return legs


def _direction(number: str, leg: Leg) -> dict[str, Any]:
    return {
        "id": number,
        "originLocationCode": leg.origin,
        "destinationLocationCode": leg.destination,
        "departureDateTimeRange": {"date": leg.date.isoformat()},
    }

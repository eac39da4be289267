"""Reading the body of a search for offers: POST /v2/shopping/flight-offers.

What the inventory cannot follow is refused in so many words, since an answer that ignored it would be
wrong.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from msgspec import UNSET

from cachekit.amadeus.params import Leg, MultiCitySearch, TravelClass
from cachekit.amadeus.sandbox.inventory.money import CURRENCIES
from cachekit.amadeus.sandbox.issues import Issue, refuse_if
from cachekit.amadeus.sandbox.requests.bodies import Body, read_body
from cachekit.amadeus.sandbox.requests.days import calendar_day, day_fault, today_at
from cachekit.amadeus.sandbox.requests.search_body import NotSimulated, OriginDestination, Query
from cachekit.amadeus.sandbox.requests.travelers import party_issues, seating

__all__ = ["PostedSearch", "read_posted"]

BAD_COMBINATION: Final = 2668
INVALID_DATA: Final = 4926
TOO_MANY: Final = 10661

FILTERS: Final = "/searchCriteria/flightFilters"


@dataclass(frozen=True, slots=True)
class PostedSearch:
    """What was asked for, and the caller's own ids of the travelers.

    `traveler_ids` are in the order in which a `MultiCitySearch` numbers them: adults, children, infants,
    each infant on the lap of the adult of the same rank.
    """

    search: MultiCitySearch
    traveler_ids: tuple[str, ...]


def read_posted(document: Any, now: datetime) -> PostedSearch:
    """The search that a body asks for; `now` (aware) bounds its dates.

    Raises:
        Refusal: with the issues found, each with its pointer.
    """
    query = read_body(document, Query, too_many=TOO_MANY)
    refuse_if(list(_not_simulated(query, "")))
    refuse_if([*_leg_issues(query.origin_destinations, now), *party_issues(query.travelers)])
    refuse_if([*_filter_issues(query), *_cabin_issues(query)])
    seats = seating(query.travelers)
    criteria = query.search_criteria
    filters = criteria.flight_filters
    search = MultiCitySearch(
        legs=tuple(_leg(one) for one in query.origin_destinations),
        adults=len(seats.adults),
        children=len(seats.children),
        infants=len(seats.infants),
        travel_class=_cabin(query),
        included_airlines=tuple(filters.carrier_restrictions.included_carrier_codes or ()),
        excluded_airlines=tuple(filters.carrier_restrictions.excluded_carrier_codes or ()),
        max_connections=filters.connection_restriction.max_number_of_connections,
        currency=query.currency_code,
        max_price=criteria.max_price,
        max_results=criteria.max_flight_offers,
    )
    return PostedSearch(search, seats.ids)


def _not_simulated(value: object, pointer: str) -> Iterator[Issue]:
    """The fields in `value`, at any depth, that are known and not followed. A plain no is no wish."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _not_simulated(item, f"{pointer}[{index}]")
    if not isinstance(value, Body):
        return
    hints = type(value).__annotations__
    for name, wire in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
        held = getattr(value, name)
        if hints[name] is not NotSimulated:
            yield from _not_simulated(held, f"{pointer}/{wire}")
        elif held is not UNSET and held is not False:
            detail = "this sandbox does not simulate it"
            yield Issue(INVALID_DATA, detail, pointer=f"{pointer}/{wire}")


def _leg_issues(legs: Sequence[OriginDestination], now: datetime) -> Iterator[Issue]:
    """Days are the first origin's, where the service knows it, and never run backwards."""
    today = today_at(legs[0].origin_location_code, now)
    earliest: date | None = None
    seen: set[str] = set()
    for index, leg in enumerate(legs):
        pointer = f"/originDestinations[{index}]"
        if leg.id in seen:
            yield Issue(INVALID_DATA, "the id is used more than once", pointer=f"{pointer}/id")
        seen.add(leg.id)
        if leg.origin_location_code == leg.destination_location_code:
            detail = "origin and destination are the same"
            yield Issue(BAD_COMBINATION, detail, pointer=f"{pointer}/destinationLocationCode")
        day = leg.departure_date_time_range.date
        if fault := day_fault(day, today=today, earliest=earliest):
            yield Issue(*fault, pointer=f"{pointer}/departureDateTimeRange/date")
        earliest = calendar_day(day) or earliest


def _filter_issues(query: Query) -> Iterator[Issue]:
    carriers = query.search_criteria.flight_filters.carrier_restrictions
    if carriers.included_carrier_codes and carriers.excluded_carrier_codes:
        detail = "airlines are either included or excluded"
        yield Issue(BAD_COMBINATION, detail, pointer=f"{FILTERS}/carrierRestrictions")
    if query.currency_code is not None and query.currency_code not in CURRENCIES:
        yield Issue(INVALID_DATA, "the currency is not supported", pointer="/currencyCode")


def _cabin_issues(query: Query) -> Iterator[Issue]:
    """The inventory sells by one cabin for the journey, most of every direction in it."""
    restrictions = query.search_criteria.flight_filters.cabin_restrictions or []
    known = {one.id for one in query.origin_destinations}
    for index, restriction in enumerate(restrictions):
        pointer = f"{FILTERS}/cabinRestrictions[{index}]"
        asked = set(restriction.origin_destination_ids)
        if not asked <= known:
            yield Issue(INVALID_DATA, "no direction has this id", pointer=f"{pointer}/originDestinationIds")
        elif restriction.coverage != "MOST_SEGMENTS" or asked != known or index:
            detail = "this sandbox simulates one cabin only, for MOST_SEGMENTS of all directions"
            yield Issue(INVALID_DATA, detail, pointer=pointer)


def _leg(one: OriginDestination) -> Leg:
    day = date.fromisoformat(one.departure_date_time_range.date)
    return Leg(one.origin_location_code, one.destination_location_code, day)


def _cabin(query: Query) -> TravelClass | None:
    restrictions = query.search_criteria.flight_filters.cabin_restrictions
    return restrictions[0].cabin if restrictions else None

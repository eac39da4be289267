"""Reading the JSON body of a search by POST, strictly: what a `MultiCitySearch` cannot say is refused.

`MultiCitySearch.to_body` writes it; the table of fields and the order of travelers are the same for both.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from cachekit.amadeus.errors import InvalidFlightSearch
from cachekit.amadeus.params.cabin import TravelClass
from cachekit.amadeus.params.codes import Choice, Code, Several, airline, currency
from cachekit.amadeus.params.fields import Field, Number, is_absent
from cachekit.amadeus.params.form import Form
from cachekit.amadeus.params.leg import LEG, Leg
from cachekit.amadeus.params.members import at, identifier, items, members
from cachekit.amadeus.params.rules import MAX_PRICE, MAX_RESULTS, MAX_SEATED, check_party

__all__ = ["COVERAGE", "LEGS", "MULTI_CITY", "SOURCE", "leg_field", "read", "travelers"]

MAX_CARRIERS: Final = 99
"""Codes in either list of airlines."""
MAX_CONNECTIONS: Final = 2
SOURCE: Final = "GDS"
COVERAGE: Final = "MOST_SEGMENTS"
"""How much of each leg must be in the cabin: the nearest to what `travelClass` of a search by GET means."""

_CRITERIA: Final = "searchCriteria"
_FILTERS: Final = f"{_CRITERIA}.flightFilters"
_CABINS: Final = f"{_FILTERS}.cabinRestrictions"
_CARRIERS: Final = f"{_FILTERS}.carrierRestrictions"
_CONNECTIONS: Final = f"{_FILTERS}.connectionRestriction"

_TOP: Final = ("originDestinations", "travelers", "sources", "currencyCode", "searchCriteria")
_LEG: Final = ("id", "originLocationCode", "destinationLocationCode", "departureDateTimeRange")
_TRAVELER: Final = ("id", "travelerType", "associatedAdultId")
_CABIN: Final = ("cabin", "coverage", "originDestinationIds")
_ORDER: Final = "ids count up from 1, adults before children before infants"


class TravelerType(StrEnum):
    """Who may travel: those a search by GET counts too."""

    ADULT = "ADULT"
    CHILD = "CHILD"
    HELD_INFANT = "HELD_INFANT"


def _word(path: str, word: str) -> Code:
    return Code(name=path, wire=path, pattern=word, rule=word)


def _carriers(name: str, wire: str) -> Several:
    path = f"{_CARRIERS}.{wire}"
    return Several(name=name, wire=path, item=airline(name, path), most=MAX_CARRIERS)


_SOURCES: Final = Several(name="sources", wire="sources", item=_word("sources", SOURCE), least=1)
LEGS: Final = Field(name="legs", wire="originDestinations")
MULTI_CITY: Final = Form(
    Number(name="adults", wire="travelers", low=1, high=MAX_SEATED),
    Number(name="children", wire="travelers", low=0, high=MAX_SEATED),
    Number(name="infants", wire="travelers", low=0, high=MAX_SEATED),
    Choice(name="travel_class", wire=f"{_CABINS}[0].cabin", optional=True, kind=TravelClass),
    _carriers("included_airlines", "includedCarrierCodes"),
    _carriers("excluded_airlines", "excludedCarrierCodes"),
    Number(
        name="max_connections",
        wire=f"{_CONNECTIONS}.maxNumberOfConnections",
        optional=True,
        low=0,
        high=MAX_CONNECTIONS,
    ),
    currency("currencyCode"),
    Number(name="max_price", wire=f"{_CRITERIA}.maxPrice", optional=True, low=1, high=MAX_PRICE),
    Number(name="max_results", wire=f"{_CRITERIA}.maxFlightOffers", low=1, high=MAX_RESULTS),
)
"""All fields of a `MultiCitySearch` but its legs."""


def leg_field(index: int, name: str) -> Field:
    """The field of one leg, counted from 0."""
    return Field(name=f"legs[{index}].{name}", wire=f"originDestinations[{index}].{LEG[name].wire}")


def travelers(adults: int, children: int, infants: int) -> list[dict[str, str]]:
    """Adults, children, then infants, each held by the adult of the same rank; ids count up from 1."""
    kinds = [TravelerType.ADULT] * adults + [TravelerType.CHILD] * children
    seated = [{"id": str(number), "travelerType": str(kind)} for number, kind in enumerate(kinds, start=1)]
    held = [
        {
            "id": str(len(seated) + rank),
            "travelerType": str(TravelerType.HELD_INFANT),
            "associatedAdultId": str(rank),
        }
        for rank in range(1, infants + 1)
    ]
    return seated + held


def read(body: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that a body gives. What is absent is left out, so that it gets its default.

    Raises:
        InvalidFlightSearch: an unknown name, a missing mandatory one, or what has no attribute.
    """
    top = members(body, "", _TOP, mandatory=_TOP[:3])
    _SOURCES.fold(top["sources"])
    legs = tuple(_leg(*each) for each in enumerate(items(top["originDestinations"], LEGS.wire)))
    values = {"currency": top.get("currencyCode"), **_criteria(top.get("searchCriteria"), legs=len(legs))}
    return {
        "legs": legs,
        **_party(items(top["travelers"], "travelers")),
        **{name: MULTI_CITY[name].read(value) for name, value in values.items() if not is_absent(value)},
    }


def _leg(index: int, item: object) -> Leg:
    path = f"{LEGS.wire}[{index}]"
    given = members(item, path, _LEG, mandatory=_LEG)
    if identifier(given["id"]) != str(index + 1):
        at(f"{path}.id").refuse(f"{index + 1}; ids count up from 1", given["id"])
    when_path = f"{path}.departureDateTimeRange"
    when = members(given["departureDateTimeRange"], when_path, ("date",), mandatory=("date",))
    try:
        day = LEG["date"].read(when["date"])
        return Leg(given["originLocationCode"], given["destinationLocationCode"], day)
    except InvalidFlightSearch as error:
        leg_field(index, error.field).refuse(error.rule, error.value)


def _party(given: Sequence[object]) -> dict[str, int]:
    """How many of each kind; refuses ids and infants' adults that are not those of `travelers`."""
    folded = [_traveler(f"travelers[{index}]", item) for index, item in enumerate(given)]
    kinds = [each["travelerType"] for each in folded]
    names = ("adults", "children", "infants")
    counts = {name: kinds.count(kind) for name, kind in zip(names, TravelerType, strict=True)}
    for name, count in counts.items():
        MULTI_CITY[name].fold(count)
    check_party(MULTI_CITY, **counts)
    for index, (one, wanted) in enumerate(zip(folded, travelers(**counts), strict=True)):
        for name in one | wanted:
            if one.get(name) != wanted.get(name):
                rule = f"{wanted.get(name, 'left out')}; {_ORDER}"
                at(f"travelers[{index}].{name}").refuse(rule, one.get(name))
    return counts


def _traveler(path: str, item: object) -> dict[str, object]:
    """The traveler, with ids in the one form that `travelers` writes; what can be none stays as it is."""
    given = members(item, path, _TRAVELER, mandatory=_TRAVELER[:2])
    wire = f"{path}.travelerType"
    kind = Choice(name=wire, wire=wire, kind=TravelerType).fold(given["travelerType"])
    ids = {name: identifier(value) or value for name, value in given.items() if name != "travelerType"}
    return {"travelerType": str(kind), **ids}


def _criteria(value: object, *, legs: int) -> dict[str, Any]:
    criteria = members(value, _CRITERIA, ("maxFlightOffers", "maxPrice", "flightFilters"))
    filter_names = ("cabinRestrictions", "carrierRestrictions", "connectionRestriction")
    filters = members(criteria.get("flightFilters"), _FILTERS, filter_names)
    carrier_names = ("includedCarrierCodes", "excludedCarrierCodes")
    carriers = members(filters.get("carrierRestrictions"), _CARRIERS, carrier_names)
    connections = members(filters.get("connectionRestriction"), _CONNECTIONS, ("maxNumberOfConnections",))
    return {
        "max_results": criteria.get("maxFlightOffers"),
        "max_price": criteria.get("maxPrice"),
        "travel_class": _cabin(filters.get("cabinRestrictions", ()), legs),
        "included_airlines": carriers.get("includedCarrierCodes"),
        "excluded_airlines": carriers.get("excludedCarrierCodes"),
        "max_connections": connections.get("maxNumberOfConnections"),
    }


def _cabin(value: object, legs: int) -> object:
    """The cabin of the whole journey; None where none is asked for."""
    restrictions = items(value, _CABINS)
    if not restrictions:
        return None
    if len(restrictions) > 1:
        at(_CABINS).refuse("one cabin for all legs", f"{len(restrictions)} of them")
    path = f"{_CABINS}[0]"
    given = members(restrictions[0], path, _CABIN, mandatory=_CABIN)
    _word(f"{path}.coverage", COVERAGE).fold(given["coverage"])
    ids_path = f"{path}.originDestinationIds"
    ids = {identifier(each) for each in items(given["originDestinationIds"], ids_path)}
    if ids != {str(number) for number in range(1, legs + 1)}:
        at(ids_path).refuse("the ids of all legs", given["originDestinationIds"])
    return given["cabin"]

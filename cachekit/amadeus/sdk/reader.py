"""Which of the SDK's requests are cached, and what each asks of the repository."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from cachekit.amadeus.client.endpoints import AIRLINES_PATH, DATES_PATH, LOCATIONS_PATH, SEARCH_PATH
from cachekit.amadeus.errors import InvalidParams
from cachekit.amadeus.params import (
    AirlineLookup,
    CheapestDates,
    FlightSearch,
    LocationSearch,
    MultiCitySearch,
)
from cachekit.amadeus.repository import AmadeusCacheRepository
from cachekit.core.entry import Entry

__all__ = ["Ask", "read"]

Ask = Callable[[AmadeusCacheRepository], Awaitable[Entry]]


def read(verb: str, path: str, params: Any) -> Ask | None:
    """What to ask the repository; None for a request that is not of a cached kind, or cannot be read."""
    reader = _READERS.get((verb, path))
    if reader is None:
        return None
    try:
        if verb == "POST":
            # The SDK takes a document, or its JSON.
            return reader(params if isinstance(params, dict) else msgspec.json.decode(params))
        return reader(_flat(params))
    except (InvalidParams, msgspec.DecodeError, TypeError):
        return None


def _flat(params: Mapping[str, Any]) -> dict[str, Any]:
    """`{"page": {"offset": 1}}` as `{"page[offset]": 1}`, the later of two spellings in force: as sent."""
    flat: dict[str, Any] = {}
    for name, value in params.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}[{inner}]": part for inner, part in value.items()}
        else:
            flat[name] = value
    return flat


def _flight_offers(params: Mapping[str, Any]) -> Ask | None:
    if params.get("adults") in (None, ""):
        return None  # The service wants it said, where FlightSearch takes it for one.
    request = FlightSearch.from_query(params)
    return lambda repository: repository.search_flights_entry(request)


def _posted_flight_offers(body: Mapping[str, Any]) -> Ask:
    request = MultiCitySearch.from_body(body)
    return lambda repository: repository.search_flights_entry(request)


def _cheapest_dates(params: Mapping[str, Any]) -> Ask:
    request = CheapestDates.from_query(params)
    return lambda repository: repository.cheapest_dates_entry(request)


def _locations(params: Mapping[str, Any]) -> Ask:
    request = LocationSearch.from_query(params)
    return lambda repository: repository.locations_entry(request)


def _airlines(params: Mapping[str, Any]) -> Ask:
    request = AirlineLookup.from_query(params)
    return lambda repository: repository.airlines_entry(request)


_READERS: Final[Mapping[tuple[str, str], Callable[[Any], Ask | None]]] = {
    ("GET", SEARCH_PATH): _flight_offers,
    ("POST", SEARCH_PATH): _posted_flight_offers,
    ("GET", DATES_PATH): _cheapest_dates,
    ("GET", LOCATIONS_PATH): _locations,
    ("GET", AIRLINES_PATH): _airlines,
}
"""The kinds of requests that are cached."""

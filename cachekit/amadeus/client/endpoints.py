"""The endpoints that are covered, and how each kind of request is worded to them."""

from typing import Final

from cachekit.amadeus.client.session import Call
from cachekit.amadeus.params import (
    AirlineLookup,
    CheapestDates,
    FlightSearch,
    LocationSearch,
    MultiCitySearch,
)

__all__ = ["AIRLINES_PATH", "DATES_PATH", "LOCATIONS_PATH", "SEARCH_PATH", "call_of"]

SEARCH_PATH: Final = "/v2/shopping/flight-offers"
DATES_PATH: Final = "/v1/shopping/flight-dates"
LOCATIONS_PATH: Final = "/v1/reference-data/locations"
AIRLINES_PATH: Final = "/v1/reference-data/airlines"

_PATHS: Final[dict[type, str]] = {
    FlightSearch: SEARCH_PATH,
    MultiCitySearch: SEARCH_PATH,
    CheapestDates: DATES_PATH,
    LocationSearch: LOCATIONS_PATH,
    AirlineLookup: AIRLINES_PATH,
}


def call_of(request: FlightSearch | MultiCitySearch | CheapestDates | LocationSearch | AirlineLookup) -> Call:
    """The call that asks for `request`, folded as it is."""
    path = _PATHS[type(request)]
    if isinstance(request, MultiCitySearch):
        return Call(path=path, body=request.to_body())
    return Call(path=path, query=request.to_query())

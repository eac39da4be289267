"""Any search for flight offers."""

from cachekit.amadeus.params.flight_search import FlightSearch
from cachekit.amadeus.params.multi_city import MultiCitySearch

__all__ = ["FlightRequest"]

FlightRequest = FlightSearch | MultiCitySearch

"""Requests as values: validated, folded to one spelling, and written as the wire wants them.

What is folded: the case of codes, spaces, leading zeros, the spelling of booleans, the order and repeats
of airline lists, empty values, and defaults that are left out (`children`, `infants` 0, `nonStop` false,
`max` 250). What is never folded, since the service answers differently: a city and its airports, the
direction, no class and ECONOMY, no currency and EUR, a round trip and two one-ways, GET and POST.

Reading order: `fields` and `codes` (one field), `form` (the fields of a request together), `rules` (what
holds between them), `cabin` and `leg`; then the requests: `flight_search`, `multi_city` with `members` and
`body` (its JSON), `request` (either of the two), `cheapest_dates` with `span` (a range), `locations`,
`airlines`.
"""

from cachekit.amadeus.params.airlines import AirlineLookup
from cachekit.amadeus.params.cabin import TravelClass
from cachekit.amadeus.params.cheapest_dates import CheapestDates, ViewBy
from cachekit.amadeus.params.flight_search import WIRE_NAMES, FlightSearch
from cachekit.amadeus.params.leg import Leg
from cachekit.amadeus.params.locations import LocationKind, LocationSearch, LocationView
from cachekit.amadeus.params.multi_city import MultiCitySearch
from cachekit.amadeus.params.request import FlightRequest
from cachekit.amadeus.params.rules import MAX_DAYS_AHEAD, MAX_PRICE, MAX_RESULTS, MAX_SEATED

__all__ = [
    "MAX_DAYS_AHEAD",
    "MAX_PRICE",
    "MAX_RESULTS",
    "MAX_SEATED",
    "WIRE_NAMES",
    "AirlineLookup",
    "CheapestDates",
    "FlightRequest",
    "FlightSearch",
    "Leg",
    "LocationKind",
    "LocationSearch",
    "LocationView",
    "MultiCitySearch",
    "TravelClass",
    "ViewBy",
]

"""Flight searches of the Amadeus API, cached.

Needs the extra `amadeus`; the sandbox, `cachekit.amadeus.sandbox`, needs the extra `sandbox`, and the cached
official client, `cachekit.amadeus.sdk`, the extra `sdk`. Reading order: `errors`, `params` (requests as
values), `identity` (whose answers they are), `source` (who answers), `client` (Amadeus over HTTP), `policies`
(how long an answer holds), `repository` (the cache), `recording` (what a host said, as files), `sdk`,
`sandbox`.
"""

from cachekit.extras import missing_extra

try:
    from cachekit.amadeus.client import AmadeusClient, AmadeusSettings, Budget, RequestLimits
except ModuleNotFoundError as error:
    raise missing_extra(error, part="cachekit.amadeus", extra="amadeus") from error
from cachekit.amadeus.errors import (
    AmadeusAuthError,
    AmadeusBudgetError,
    AmadeusError,
    AmadeusForbiddenError,
    AmadeusNotFoundError,
    AmadeusQuotaError,
    AmadeusRateLimitError,
    AmadeusReplyError,
    AmadeusRequestError,
    AmadeusServerError,
    AmadeusUnavailable,
    FlightSourceError,
    InvalidFlightSearch,
    InvalidParams,
)
from cachekit.amadeus.params import (
    AirlineLookup,
    CheapestDates,
    FlightRequest,
    FlightSearch,
    Leg,
    LocationKind,
    LocationSearch,
    LocationView,
    MultiCitySearch,
    TravelClass,
    ViewBy,
)
from cachekit.amadeus.recording import BadRecording, RecordingTransport
from cachekit.amadeus.repository import (
    AmadeusCacheRepository,
    CachedOffer,
    OfferPrice,
    PopularSearch,
    Price,
    Pricing,
    SearchEntry,
    Warmed,
)
from cachekit.amadeus.source import FlightSource, ReferenceSource

__all__ = [
    "AirlineLookup",
    "AmadeusAuthError",
    "AmadeusBudgetError",
    "AmadeusCacheRepository",
    "AmadeusClient",
    "AmadeusError",
    "AmadeusForbiddenError",
    "AmadeusNotFoundError",
    "AmadeusQuotaError",
    "AmadeusRateLimitError",
    "AmadeusReplyError",
    "AmadeusRequestError",
    "AmadeusServerError",
    "AmadeusSettings",
    "AmadeusUnavailable",
    "BadRecording",
    "Budget",
    "CachedOffer",
    "CheapestDates",
    "FlightRequest",
    "FlightSearch",
    "FlightSource",
    "FlightSourceError",
    "InvalidFlightSearch",
    "InvalidParams",
    "Leg",
    "LocationKind",
    "LocationSearch",
    "LocationView",
    "MultiCitySearch",
    "OfferPrice",
    "PopularSearch",
    "Price",
    "Pricing",
    "RecordingTransport",
    "ReferenceSource",
    "RequestLimits",
    "SearchEntry",
    "TravelClass",
    "ViewBy",
    "Warmed",
]

"""Flight searches of the Amadeus API, cached.

Needs the extra `amadeus`; the sandbox, `cachekit.amadeus.sandbox`, needs the extra `sandbox`. Reading order:
`errors`, `params` (a search as a value), `source` (who answers), `token` and `client` (Amadeus over HTTP),
`policies` (how long an answer holds), `repository` (the cache).
"""

from cachekit.amadeus.client import AmadeusClient
from cachekit.amadeus.errors import (
    AmadeusAuthError,
    AmadeusError,
    AmadeusForbiddenError,
    AmadeusNotFoundError,
    AmadeusQuotaError,
    AmadeusRateLimitError,
    AmadeusReplyError,
    AmadeusRequestError,
    AmadeusServerError,
    AmadeusUnavailable,
    InvalidFlightSearch,
)
from cachekit.amadeus.params import FlightSearch, TravelClass
from cachekit.amadeus.repository import AmadeusCacheRepository
from cachekit.amadeus.source import FlightSource

__all__ = [
    "AmadeusAuthError",
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
    "AmadeusUnavailable",
    "FlightSearch",
    "FlightSource",
    "InvalidFlightSearch",
    "TravelClass",
]

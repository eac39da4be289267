"""The official SDK, cached; needs the extra `sdk`.

Reading order: `portal` (asyncio for callers who are not), `transport`, `live` (the SDK's client, made fit for
threads), `threads`, `source` (it as a `FlightSource`), `reader` (which of its requests are cached), `client`.
"""

from cachekit.extras import missing_extra

try:
    from cachekit.amadeus.sdk.client import CachedClient
    from cachekit.amadeus.sdk.portal import Portal
    from cachekit.amadeus.sdk.source import SdkSource
except ModuleNotFoundError as error:
    raise missing_extra(error, part="cachekit.amadeus.sdk", extra="sdk") from error

__all__ = ["CachedClient", "Portal", "SdkSource"]

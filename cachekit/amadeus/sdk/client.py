"""The official SDK's client behind the cache, for plain synchronous code and many threads."""

import copy
import math
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from functools import partial
from http.client import HTTPMessage
from platform import python_version
from types import TracebackType
from typing import Any, Self
from urllib.error import URLError

import amadeus
import msgspec

from cachekit.amadeus.errors import AmadeusUnavailable, FlightSourceError
from cachekit.amadeus.repository import AmadeusCacheRepository, SearchEntry
from cachekit.amadeus.repository.keeping import TtlChoice
from cachekit.amadeus.sdk.live import LiveClient
from cachekit.amadeus.sdk.portal import Portal
from cachekit.amadeus.sdk.reader import read
from cachekit.amadeus.sdk.source import SdkSource, sdk_identity
from cachekit.amadeus.sdk.transport import Reply, respond, respond_read, unreadable
from cachekit.core.assembly import connect
from cachekit.core.cache import Cache
from cachekit.core.entry import Entry
from cachekit.core.policy import Policy
from cachekit.core.singleflight import duplicate
from cachekit.errors import LoadTimeout

__all__ = ["CachedClient"]


class CachedClient(LiveClient):
    """`amadeus.Client`, answered from the cache where it can be.

        with CachedClient(client_id=…, client_secret=…, host="…", redis_url="redis://…") as client:
            reply = client.shopping.flight_offers_search.get(
                originLocationCode="GRU", destinationLocationCode="LIS", departureDate="2026-12-12", adults=1
            )
            reply.data, reply.headers["Age"]

    Cached are the searches for flight offers (GET and POST), the cheapest dates, locations and airlines; in
    the same entries as those of `AmadeusClient` and `AmadeusCacheRepository` for this host and these
    credentials. What is sent is the folded request, so `nonStop=True` works. Everything else goes to the
    service as it is, and so does a request that our types cannot read: the answer to it is the service's.

    Replies are `amadeus.Response` objects, one for each caller. One of a cached kind has these headers, and
    none of the service's:

    | header       | what it means                                                                    |
    |--------------|----------------------------------------------------------------------------------|
    | `X-Cachekit` | `hit`; `stale`; `derived`: made out of the answer to a larger search; or `miss`:  |
    |              | asked for by this call, or by one that was under way                             |
    | `Age`        | whole seconds since the service gave it                                          |

    Errors are the SDK's own, each caller's his own object, and never cached; their `__cause__` is the
    Amadeus error with its title, detail and request id. With Redis away everything works uncached. See
    `cachekit.amadeus.sdk.portal` for threads, event loops and forks; `portal` runs anything else on the
    repository: `client.portal.run(lambda flights: flights.invalidate_flight_cache())`.

    Args:
        redis_url: where the cache is; by default what the environment says, as in `cachekit.connect`.
        app: the name of the service, as in `cachekit.connect`.
        open_cache: opens the cache instead, where those two do not suffice.
        policy, ttl, max_ttl, enabled, derive: how replies are kept; as in `AmadeusCacheRepository`.
        threads: how many different requests are asked for at once.
        options: those of `LiveClient`: `timeout`, and all of `amadeus.Client`.

    Raises:
        ConfigurationError: an option cannot work. That the cache cannot be opened (a bad URL) is told by
            the first request, or by `with`.
        ValueError: client_id or client_secret is missing.
    """

    def __init__(
        self,
        *,
        redis_url: str | None = None,
        app: str = "cachekit",
        open_cache: Callable[[], AbstractAsyncContextManager[Cache]] | None = None,
        policy: Policy | None = None,
        ttl: TtlChoice = "fixed",
        max_ttl: float | None = None,
        enabled: bool = True,
        derive: bool = False,
        threads: int = 32,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        sdk_identity(self)  # Raises for a host that makes no URL.
        # What the portal sends with is another object, so that its thread does not keep this one alive.
        live = LiveClient(**options)
        self.access_token = live.access_token
        make_source = partial(SdkSource, live, threads=threads)
        make_repository = partial(
            AmadeusCacheRepository, policy=policy, ttl=ttl, max_ttl=max_ttl, enabled=enabled, derive=derive
        )
        open_cache = open_cache or partial(connect, redis_url, app=app)
        self.portal: Portal[AmadeusCacheRepository] = Portal(
            partial(_open_repository, open_cache, make_source, make_repository)
        )

    def __enter__(self) -> Self:
        self.portal.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the cache and end the thread. Later requests raise CacheClosed."""
        self.portal.close()

    def request(self, verb: str, path: str, params: Any) -> Any:
        """The reply to a request, cached if it is of a kind that is; every namespace comes through here.

        Raises:
            amadeus.ResponseError: what became of it, in the SDK's own classes.
            CacheClosed: the client is closed.
            RuntimeError: called from the portal's own event loop.
        """
        ask = read(verb, path, params)
        if ask is None:
            return super().request(verb, path, params)
        try:
            entry = self.portal.run(ask)
        except (FlightSourceError, LoadTimeout) as error:
            raise self._genuine(error, self._request(verb, path, params)) from error
        # The value was decoded for this caller alone, so he may have it as it is.
        return respond_read(_reply(entry), entry.value, self._request(verb, path, params))

    def _request(self, verb: str, path: str, params: Any) -> amadeus.Request:
        """The request as the caller made it, by which the SDK turns pages; it holds no token."""
        return amadeus.Request(
            {
                "host": self.host,
                "port": self.port,
                "ssl": self.ssl,
                "verb": verb,
                "path": path,
                "params": copy.deepcopy(params),
                "bearer_token": "",
                "client_version": amadeus.version,
                "language_version": python_version(),
                "app_id": self.custom_app_id,
                "app_version": self.custom_app_version,
            }
        )

    def _genuine(self, error: FlightSourceError | LoadTimeout, request: amadeus.Request) -> BaseException:
        """The SDK's error behind ours, as an object of its own; one like it where there is none."""
        if isinstance(error.__cause__, amadeus.ResponseError):
            return duplicate(error.__cause__)
        genuine: BaseException
        if isinstance(error, AmadeusUnavailable | LoadTimeout):
            genuine = amadeus.NetworkError(respond(URLError(str(error)), request, self))
        else:
            genuine = unreadable(respond(Reply(200, HTTPMessage(), ""), request, self))
        return genuine


@asynccontextmanager
async def _open_repository(
    open_cache: Callable[[], AbstractAsyncContextManager[Cache]],
    make_source: Callable[[], SdkSource],
    make_repository: Callable[[Cache, SdkSource], AmadeusCacheRepository],
) -> AsyncIterator[AmadeusCacheRepository]:
    with closing(make_source()) as source:
        async with open_cache() as cache:
            yield make_repository(cache, source)


def _reply(entry: Entry) -> Reply:
    headers = HTTPMessage()
    headers["Content-Type"] = "application/vnd.amadeus+json"
    headers["Age"] = str(max(0, math.floor(entry.age)))
    headers["X-Cachekit"] = _outcome(entry)
    return Reply(200, headers, msgspec.json.encode(entry.value).decode())


def _outcome(entry: Entry) -> str:
    if isinstance(entry, SearchEntry) and entry.derived_from is not None:
        return "derived"
    if entry.source == "load":
        return "miss"
    return "stale" if entry.state == "stale" else "hit"

"""Flight searches, asked of their source as rarely as truth allows."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

from cachekit.amadeus.params import FlightSearch
from cachekit.amadeus.policies import DEFAULT_TTL, cap_ttl, lead_time_ttl
from cachekit.amadeus.source import FlightSource
from cachekit.core.cache import Cache
from cachekit.core.context import LoadContext
from cachekit.core.entry import Entry
from cachekit.core.policy import Policy
from cachekit.errors import ConfigurationError, InvalidValue

NAMESPACE: Final = "amadeus_cache"
FLIGHT_SEARCH: Final = "flights:search"

TtlChoice = Literal["fixed", "lead_time"]


class AmadeusCacheRepository:
    """Flight searches behind a cache that all instances share.

    A reply lies under `amadeus_cache:flights:search:{hash}`, where the hash is of the request as it is sent
    (`FlightSearch.to_query`) together with `source`, the source's identity: what one host, credential set
    or office was told is never shown to another.

    Args:
        cache: an open cache. The namespace `amadeus_cache` becomes this repository's.
        source: who answers what is not cached.
        policy: how replies are kept; by default fresh for 300 s and then gone.
        ttl: "fixed" keeps every reply for the policy's ttl; "lead_time" keeps it the longer the further
            off the departure, capped by what the reply says of its last ticketing date (see
            `cachekit.amadeus.policies`).
    """

    def __init__(
        self,
        cache: Cache,
        source: FlightSource,
        *,
        policy: Policy | None = None,
        ttl: TtlChoice = "fixed",
    ) -> None:
        if ttl not in get_args(TtlChoice):
            raise ConfigurationError(f"ttl={ttl!r}: allowed are 'fixed' and 'lead_time'")
        self._flights = cache.namespace(NAMESPACE, policy or Policy(ttl=DEFAULT_TTL))
        self._source = source
        self._clock = cache.clock
        self._ttl = ttl

    def key(self, request: FlightSearch) -> str:
        """The Redis key of the reply to `request`."""
        return self._flights.key(FLIGHT_SEARCH, {**request.to_query(), "source": self._source.identity})

    async def search_flights(self, request: FlightSearch, *, refresh: bool = False) -> dict[str, Any]:
        """The reply document for `request`, cached or asked for; see `search_flights_entry`."""
        entry = await self.search_flights_entry(request, refresh=refresh)
        return self._document(entry)

    async def search_flights_entry(self, request: FlightSearch, *, refresh: bool = False) -> Entry:
        """The reply for `request` with its age and where it came from.

        Concurrent searches for the same become one call of the source. With `refresh` the source is asked
        whatever is cached. An error of the source is raised, and never cached; neither does an outage of
        Redis stop a search.

        Raises:
            AmadeusError: the source refused, failed or did not answer.
        """

        async def ask(context: LoadContext) -> dict[str, Any]:
            reply = await self._source.search(request)
            context.ttl(self._ttl_of(request, reply, context.chosen_ttl))
            return reply

        load = self._flights.refresh if refresh else self._flights.get_or_set_entry
        return await load(self.key(request), ask, tags=_tags(request))

    async def cache_flight_search(self, request: FlightSearch, reply: Mapping[str, Any]) -> None:
        """Keep a reply that was obtained elsewhere.

        Raises:
            InvalidValue: the reply is no document of the API: it has no list `data`.
            CacheUnavailable: Redis is away.
        """
        if not isinstance(reply.get("data"), list):
            raise InvalidValue("a reply of the flight search is a document with a list under 'data'")
        ttl = self._ttl_of(request, reply, self._flights.policy.ttl)
        await self._flights.set(self.key(request), dict(reply), ttl=ttl, tags=_tags(request))

    async def get_cached_flight_search(self, request: FlightSearch) -> dict[str, Any] | None:
        """The cached reply; None if there is none. Never asks the source."""
        entry = await self._flights.get_entry(self.key(request))
        return None if entry is None else self._document(entry)

    async def invalidate_flight_cache(self, pattern: str = "flights:*") -> None:
        """Forget every reply whose key, after `amadeus_cache:`, matches; see `cachekit.core.keys.Pattern`."""
        await self._flights.invalidate(pattern=pattern)

    def _ttl_of(self, request: FlightSearch, reply: Mapping[str, Any], fixed: float) -> float:
        if self._ttl == "fixed":
            return fixed
        now = dt.datetime.fromtimestamp(self._clock.time(), dt.UTC)
        return cap_ttl(lead_time_ttl(request, now.date()), reply, now)

    @staticmethod
    def _document(entry: Entry) -> dict[str, Any]:
        document: dict[str, Any] = entry.value
        return document


def _tags(request: FlightSearch) -> tuple[str, ...]:
    return (
        f"route:{request.origin}-{request.destination}",
        f"origin:{request.origin}",
        f"destination:{request.destination}",
        f"date:{request.departure_date.isoformat()}",
    )

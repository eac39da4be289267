"""Flight searches, asked of their source as rarely as truth allows."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from cachekit.amadeus.errors import AmadeusReplyError
from cachekit.amadeus.params import (
    AirlineLookup,
    CheapestDates,
    FlightRequest,
    FlightSearch,
    LocationSearch,
)
from cachekit.amadeus.policies import SEARCH_POLICY, first_end
from cachekit.amadeus.repository import offer_ids
from cachekit.amadeus.repository.answers import Answers, Question
from cachekit.amadeus.repository.entries import CachedOffer, OfferPrice, Price, Pricing, SearchEntry
from cachekit.amadeus.repository.keeping import Keeping, TtlChoice
from cachekit.amadeus.repository.larger import larger_searches, narrow
from cachekit.amadeus.repository.mentions import folded, search_tags
from cachekit.amadeus.repository.popularity import Popularity, PopularSearch
from cachekit.amadeus.repository.reference import ReferenceData
from cachekit.amadeus.repository.reply import check_offers, check_prices, check_sent
from cachekit.amadeus.repository.warming import Outcome, Warmed, Warming
from cachekit.amadeus.source import FlightSource, Remaining
from cachekit.core.cache import Cache
from cachekit.core.context import require_tags
from cachekit.core.entry import Entry
from cachekit.core.policy import Policy
from cachekit.errors import InvalidValue

__all__ = ["AmadeusCacheRepository"]

NAMESPACE: Final = "amadeus_cache"
FLIGHT_SEARCH: Final = "flights:search"


class AmadeusCacheRepository:
    """Flight searches behind a cache that all instances share.

    A reply lies under `amadeus_cache:flights:search:{hash}`, where the hash is of the request as it is sent
    (`key_params`) together with `source`, the source's identity: what one host, credential set or office
    was told is never shown to another. What is no answer to the request is never stored, and never served
    if another service has stored it.

    Args:
        cache: an open cache. The namespace `amadeus_cache` becomes this repository's.
        source: who answers what is not cached. Locations, airlines and cheapest dates want a
            `ReferenceSource`, too; warming looks at the budget of a `BudgetedSource`.
        policy: how searches are kept; by default `cachekit.amadeus.policies.SEARCH_POLICY`.
        ttl: "fixed" keeps every reply fresh for the policy's ttl; "lead_time" the longer the further off
            the departure. Either is ended by the first of the reply's offers to end, see
            `cachekit.amadeus.policies.Span`.
        max_ttl: seconds; no answer older than this is ever served, neither fresh nor stale. For contracts
            that say how long answers may be kept. None: what the policy says.
        enabled: whether anything is kept at all. If not, every question is asked of the source, nothing
            is read from Redis or written there, and only what invalidates works.
        derive: whether a search may be answered out of the stored, fresh and whole answer to a larger one.
            Such an answer is labelled: `SearchEntry.derived_from`. It is not quite what the source would
            say, which may combine flights otherwise.

    Raises ConfigurationError: an option that cannot work.
    """

    def __init__(
        self,
        cache: Cache,
        source: FlightSource,
        *,
        policy: Policy | None = None,
        ttl: TtlChoice = "fixed",
        max_ttl: float | None = None,
        enabled: bool = True,
        derive: bool = False,
    ) -> None:
        policy = policy or SEARCH_POLICY
        self._keeping = Keeping(policy, clock=cache.clock, ttl=ttl, max_ttl=max_ttl)
        self._flights = cache.namespace(NAMESPACE, policy)
        self._source = source
        self._derive = derive
        self._answers = Answers(self._flights, self._keeping, enabled=enabled)
        self._reference = ReferenceData(source, self._answers, self._key)
        self._popularity = Popularity(cache, source.identity)

    def key(self, request: FlightRequest) -> str:
        """The Redis key of the reply to `request`."""
        return self._key(FLIGHT_SEARCH, request.key_params())

    async def search_flights(self, request: FlightRequest, *, refresh: bool = False) -> dict[str, Any]:
        """The reply document for `request`, cached or asked for; see `search_flights_entry`."""
        return _document(await self.search_flights_entry(request, refresh=refresh))

    async def search_flights_entry(self, request: FlightRequest, *, refresh: bool = False) -> SearchEntry:
        """The reply for `request` with its age and where it came from.

        Concurrent searches for the same become one call of the source. With `refresh` the source is asked
        whatever is cached. An error of the source is raised, and never cached. While the source is down,
        too slow, or its quota is spent, a stale answer is served instead, if there is one; not if the
        source has refused (`FlightSourceError.refusal`): then the old answer goes. An outage of Redis does
        not stop a search.

        Raises:
            FlightSourceError: the source refused, failed or did not answer; AmadeusReplyError: what it
                answered is no answer to this request.
        """
        if self._answers.enabled:
            self._popularity.note(request)
        return await self._search(request, refresh=refresh)

    async def cache_flight_search(self, request: FlightRequest, reply: Mapping[str, Any]) -> None:
        """Keep a reply that was obtained elsewhere. Keeps nothing if the repository is not enabled.

        Raises:
            InvalidValue: it is no answer to the request, or one of its offers has ended.
            CacheUnavailable: Redis is away.
        """
        question, document = self._question(request), dict(reply)
        try:
            question.check(document)
        except AmadeusReplyError as error:
            raise InvalidValue(str(error)) from error
        span = self._keeping.span(question.wanted, document["data"], question.ending)
        if span is None:
            raise InvalidValue("an offer of the reply has ended: its last day of ticketing or its departure")
        if self._answers.enabled:
            tags = question.tags(document["data"])
            await self._flights.set(question.key, document, ttl=span.ttl, tags=tags)

    async def get_cached_flight_search(self, request: FlightRequest) -> dict[str, Any] | None:
        """The cached reply, while it is fresh; None if there is none. Never asks the source."""
        entry = await self._answers.stored(self._question(request))
        return None if entry is None else _document(entry)

    async def invalidate_flight_cache(
        self, pattern: str = "flights:*", *, tags: Iterable[str] | None = None
    ) -> None:
        """Forget every reply whose key, after `amadeus_cache:`, matches; or, given `tags`, that has one.

        Of no tags at all nothing is forgotten. Codes in tags may be written in any case. See
        `cachekit.core.keys.Pattern` and `cachekit.amadeus.repository.mentions.search_tags`.

        Raises:
            ConfigurationError: `tags` is one string, or holds what is no text.
            CacheUnavailable: Redis is away.
        """
        if tags is None:
            await self._flights.invalidate(pattern=pattern)
        elif texts := tuple(map(folded, require_tags(tags))):
            await self._flights.invalidate(tags=texts)

    async def get_offer(self, offer_id: str) -> CachedOffer | None:
        """The offer that `SearchEntry.offer_ids` named, out of the stored answer it was in. Asks nobody.

        None if that answer is gone, or has been renewed and does not hold the offer any more at this price:
        an id never finds another offer.
        """
        parts = offer_ids.split(offer_id)
        if parts is None or not self._answers.enabled:
            return None
        digest, wanted = parts
        entry = await self._flights.get_entry(f"{NAMESPACE}:{FLIGHT_SEARCH}:{digest}")
        if entry is None:
            return None
        offer = offer_ids.find(self._source.identity, wanted, entry.value)
        if offer is None or not self._keeping.is_current(entry, [offer], first_end):
            return None
        return CachedOffer.of(offer, entry, id=offer_id)

    async def price(self, offers: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Pricing:
        """What one offer, or up to six, cost now; always asked, never kept.

        The offers are documents as a search gave them. The answer tells for each what it cost before, what
        it costs now, and whether that has changed.

        Raises:
            InvalidValue: one of them is no offer with flights and a price; then nobody was asked.
            FlightSourceError: as `search_flights_entry`; a refusal where an offer is no longer sold.
        """
        sent = [offers] if isinstance(offers, Mapping) else list(offers)
        check_sent(sent)
        before = [Price.of(offer) for offer in sent]
        document = await self._source.price(sent)
        priced = zip(check_prices(sent, document), before, strict=True)
        return Pricing(document, tuple(OfferPrice(offer, was, Price.of(offer)) for offer, was in priced))

    async def locations(self, request: LocationSearch, *, refresh: bool = False) -> dict[str, Any]:
        """Airports and cities: the reply document; see `locations_entry`."""
        return _document(await self.locations_entry(request, refresh=refresh))

    async def locations_entry(self, request: LocationSearch, *, refresh: bool = False) -> Entry:
        """The same with its age; kept for 7 days. Raises as `search_flights_entry`."""
        return await self._reference.locations(request, refresh=refresh)

    async def airlines(self, request: AirlineLookup, *, refresh: bool = False) -> dict[str, Any]:
        """Airlines: the reply document; see `airlines_entry`."""
        return _document(await self.airlines_entry(request, refresh=refresh))

    async def airlines_entry(self, request: AirlineLookup, *, refresh: bool = False) -> Entry:
        """The same with its age; kept for 7 days. Raises as `search_flights_entry`."""
        return await self._reference.airlines(request, refresh=refresh)

    async def cheapest_dates(self, request: CheapestDates, *, refresh: bool = False) -> dict[str, Any]:
        """The days on which a trip is cheapest: the reply document; see `cheapest_dates_entry`."""
        return _document(await self.cheapest_dates_entry(request, refresh=refresh))

    async def cheapest_dates_entry(self, request: CheapestDates, *, refresh: bool = False) -> Entry:
        """The same with its age; kept for 6 hours. Raises as `search_flights_entry`."""
        return await self._reference.cheapest_dates(request, refresh=refresh)

    async def popular(self, most: int = 20) -> list[PopularSearch]:
        """The searches asked most in the last two days, by all instances, those of late counting most.

        None if the repository is not enabled. Raises CacheUnavailable if Redis is away.
        """
        if not self._answers.enabled:
            return []
        return await self._popularity.most(most)

    async def warm(
        self,
        requests: Iterable[FlightRequest] | None = None,
        *,
        most: int = 20,
        reserve: float = 0.2,
        concurrency: int = 2,
    ) -> Warmed:
        """Bring the answers to `requests`, by default the `most` popular ones, into the cache.

        Those asked most come first. What is fresh already costs nothing; what is for a day that has passed
        does not count. It ends when the source's budget is down to the share `reserve`, and when the
        source fails; errors of the source are counted and not raised. Without `enabled` nothing is asked.

        Raises:
            ConfigurationError: a share or a number that cannot be.
            CacheUnavailable: Redis is away: nothing could be kept.
        """
        if requests is None:
            wanted = [popular.request for popular in await self.popular(most)]
        elif self._answers.enabled:
            wanted = await self._popularity.ranked(requests)
        else:
            wanted = []
        warming = Warming(self._freshen, budget=self._budget, reserve=reserve, concurrency=concurrency)
        return await warming.run(request for request in wanted if self._keeping.is_ahead(request))

    async def _freshen(self, request: FlightRequest) -> Outcome:
        question = self._question(request)
        if await self._answers.stored(question) is not None:
            return "fresh"
        # A stale answer must not stand in here: it would hide that the source is in trouble. And no
        # `refresh`: that asks again where another process has been answered a moment ago.
        entry = await self._answers.get(question, stale=False)
        return "loaded" if entry.source == "load" else "fresh"

    async def _budget(self) -> Remaining | None:
        look = getattr(self._source, "budget", None)
        return None if look is None else await look()

    async def _search(self, request: FlightRequest, *, refresh: bool) -> SearchEntry:
        question = self._question(request)
        if self._derive and not refresh and isinstance(request, FlightSearch):
            entry = await self._answers.stored(question)
            found = self._entry(entry) if entry is not None else await self._derived(request)
            if found is not None:
                return found
        return self._entry(await self._answers.get(question, refresh=refresh))

    async def _derived(self, request: FlightSearch) -> SearchEntry | None:
        """An answer out of a larger one that is stored and fresh; None if there is none."""
        for larger in larger_searches(request):
            entry = await self._answers.stored(self._question(larger))
            if entry is None or (document := narrow(request, larger, entry.value)) is None:
                continue
            if not document["data"] and self._keeping.is_empty_for_long(entry):
                continue
            return self._entry(entry, key=self.key(request), value=document, derived_from=entry.key)
        return None

    def _entry(self, entry: Entry, **changes: Any) -> SearchEntry:
        facts = {name: getattr(entry, name) for name in Entry.__dataclass_fields__}
        return SearchEntry(**{**facts, "identity": self._source.identity, **changes})

    def _question(self, request: FlightRequest) -> Question:
        return Question(
            key=self.key(request),
            ask=partial(self._source.search, request),
            check=partial(check_offers, request),
            ending=first_end,
            wanted=self._keeping.wanted(request),
            tags=partial(search_tags, request),
        )

    def _key(self, resource: str, params: Any) -> str:
        return self._flights.key(resource, {**params, "source": self._source.identity})


def _document(entry: Entry) -> dict[str, Any]:
    document: dict[str, Any] = entry.value
    return document

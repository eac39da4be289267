"""Whatever happens, an answer out of the cache is what the source would have said at its timestamp."""

import asyncio
import datetime as dt
import random
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

import cachekit
from cachekit import Policy
from cachekit.amadeus import AmadeusCacheRepository
from cachekit.amadeus.errors import AmadeusForbiddenError, AmadeusQuotaError, AmadeusUnavailable
from cachekit.amadeus.params import FlightSearch, Leg, MultiCitySearch
from cachekit.amadeus.policies import DOUBT, SEARCH_POLICY, first_end
from cachekit.amadeus.sandbox.inventory.offers import find_offers
from cachekit.testing.contract.fixtures import gone

STEPS = 120
LONG_AGO = dt.datetime.min.replace(tzinfo=dt.UTC)
SHORT = Policy(ttl=120, stale=600, soft_timeout=5, jitter=0.3, negative_ttl=60)
OPTIONS = [
    {},
    {"ttl": "lead_time", "max_ttl": 1_000},
    {"max_ttl": 100, "policy": SHORT},
    {"policy": SEARCH_POLICY.replace(near=0, consistency="strict"), "ttl": "lead_time"},
]
"""Of repositories that share one Redis, each in a process of its own."""

TROUBLES = [
    None,
    None,
    None,
    AmadeusUnavailable("down"),
    AmadeusQuotaError("spent"),
    AmadeusForbiddenError("no"),
]
PLACES = [("GRU", "LIS"), ("LON", "PAR"), ("LHR", "CDG"), ("HNL", "LAX"), ("SYD", "AKL"), ("AAA", "BBB")]


class Oracle:
    """A source whose answers are a pure function of the clock."""

    identity = "oracle"

    def __init__(self, clock):
        self.clock = clock
        self.error = None
        self.calls = 0

    def now(self):
        return dt.datetime.fromtimestamp(self.clock.time(), dt.UTC)

    async def search(self, request):
        self.calls += 1
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        return self.truth(request, self.now())

    def truth(self, request, moment):
        return find_offers(request, seed=1, now=moment)

    async def price(self, offers):
        raise NotImplementedError


def searches(chance, today):
    """A few searches of every kind, some for a flight that is about to leave."""
    for origin, destination in PLACES:
        day = today + dt.timedelta(chance.choice([0, 1, 2, 5, 20]))
        there = FlightSearch(origin=origin, destination=destination, departure_date=day, max_results=3)
        yield there
        yield replace(there, return_date=day + dt.timedelta(2), non_stop=chance.random() < 0.5)
    yield MultiCitySearch(
        legs=(Leg("GRU", "LIS", day), Leg("LIS", "MAD", day + dt.timedelta(1))), max_results=3
    )


class Rules:
    """What must hold of an entry that a repository with these options has served."""

    def __init__(self, source, options):
        self.source = source
        self.max_ttl = options.get("max_ttl", float("inf"))

    def hold(self, request, entry, *, invalidated):
        now, offers = self.source.now(), entry.value["data"]
        age = (now - entry.timestamp).total_seconds()
        assert entry.value == self.source.truth(request, entry.timestamp)
        assert entry.age == pytest.approx(age, abs=0.001)
        assert age <= self.max_ttl
        if entry.source == "load":
            assert age == 0
            return
        assert entry.timestamp >= invalidated
        # Kept by whichever of the repositories has asked, so by the longest of their policies.
        assert age <= (43_200 + 3_600 if offers else 600)
        end = first_end(offers)
        assert end is None or now < end.latest
        assert end is None or now < end.earliest or age <= DOUBT
        if entry.state == "stale":
            assert self.source.error is not None
            assert not self.source.error.refusal
            assert offers
            assert end is None or now < end.earliest


class Play:
    """Processes with a repository each, and what may happen to them."""

    def __init__(self, seed, clock, caches):
        self.chance = random.Random(seed)
        self.clock = clock
        clock.now = dt.datetime(2026, 10, 1 + seed, self.chance.randrange(24), tzinfo=dt.UTC).timestamp()
        self.source = Oracle(clock)
        self.repositories = [
            (AmadeusCacheRepository(cache, self.source, **options), Rules(self.source, options))
            for cache, options in caches
        ]
        self.namespaces = [cache.namespace("amadeus_cache") for cache, _ in caches]
        self.known = list(searches(self.chance, self.source.now().date()))
        self.invalidated = {}
        self.seen = Counter()

    async def step(self):
        kinds = {self.search: 14, self.wait: 3, self.trouble: 2, self.invalidate: 1}
        (happens,) = self.chance.choices(list(kinds), list(kinds.values()))
        request = self.chance.choice(self.known[: self.chance.choice([2, len(self.known)])])
        await happens(request, *self.chance.choice(self.repositories))

    async def search(self, request, repository, rules):
        before, refresh = self.source.calls, self.chance.random() < 0.1
        asked = (
            repository.search_flights_entry(request, refresh=refresh)
            for _ in range(self.chance.choice([1, 4]))
        )
        answers = await asyncio.gather(*asked, return_exceptions=True)
        errors = [answer for answer in answers if isinstance(answer, Exception)]
        assert {type(error) for error in errors} <= {type(self.source.error)}
        for entry in answers:
            if entry not in errors:
                rules.hold(request, entry, invalidated=self.invalidated.get(request, LONG_AGO))
                assert not refresh or entry.source == "load"
                self.seen[entry.state, entry.source] += 1
        if self.source.error is None:
            assert self.source.calls - before <= 1
        if errors and self.source.error.refusal:
            await self.gone(request)
        self.seen["error"] += len(errors)

    async def wait(self, *_):
        far = self.chance.choice([1_000, 20_000])
        self.clock.advance(self.chance.choice([1, 30, 60, 100, 150, 301, far]))

    async def trouble(self, *_):
        self.source.error = self.chance.choice(TROUBLES)

    async def invalidate(self, request, repository, _):
        leg = request.legs[0]
        await repository.invalidate_flight_cache(tags=[f"route:{leg.origin}-{leg.destination}"])
        self.invalidated[request] = self.source.now()
        self.clock.advance(1)
        await self.gone(request)

    async def gone(self, request):
        """In every process: others hear of it a network round trip later."""
        for namespace in self.namespaces:
            await gone(namespace, self.repositories[0][0].key(request))


@pytest.mark.parametrize("seed", range(6))
async def test_what_is_served_was_true_at_its_timestamp(redis_url, clock, seed):
    """Over clock steps, outages, refusals, refreshes and invalidations, by processes of other options."""
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(cachekit.connect(redis_url, clock=clock)) for _ in OPTIONS]
        play = Play(seed, clock, list(zip(opened, OPTIONS, strict=True)))
        for _ in range(STEPS):
            await play.step()
    assert {("fresh", "load"), ("fresh", "redis"), "error"} <= play.seen.keys()

"""Locations, airlines and cheapest dates out of the cache."""

import datetime as dt
from dataclasses import replace

import pytest

import cachekit
from cachekit.amadeus import AmadeusCacheRepository, AmadeusClient
from cachekit.amadeus.errors import AmadeusReplyError, AmadeusRequestError, AmadeusUnavailable
from cachekit.amadeus.params import AirlineLookup, CheapestDates, LocationSearch
from cachekit.amadeus.sandbox import SandboxServer
from cachekit.amadeus.sandbox.faults import Fault

DAY = 86_400
LISBON = LocationSearch(keyword="LIS")
TAP = AirlineLookup(codes=("TP",))
DATES = CheapestDates(origin="MAD", destination="LIS")
VERBS = [("locations", LISBON), ("airlines", TAP), ("cheapest_dates", DATES)]
REPLIES = {
    "locations": {"data": [{"iataCode": "LIS", "subType": "AIRPORT"}]},
    "airlines": {"data": [{"iataCode": "TP"}]},
    "cheapest_dates": {
        "data": [
            {
                "origin": "MAD",
                "destination": "LIS",
                "departureDate": "2027-03-01",
                "price": {"total": "80.00"},
            }
        ]
    },
}


class Almanac:
    """A source of reference data that counts, and does as it is told."""

    identity = "almanac"

    def __init__(self):
        self.calls = 0
        self.error = None
        self.replies = dict(REPLIES)

    def __getattr__(self, verb):
        if verb not in REPLIES:
            raise AttributeError(verb)

        async def answer(request):
            self.calls += 1
            if self.error:
                raise self.error
            return self.replies[verb]

        return answer


@pytest.fixture
def source():
    return Almanac()


@pytest.fixture
def repository(cache, source):
    return AmadeusCacheRepository(cache, source)


def verb_of(repository, name):
    return getattr(repository, name), getattr(repository, f"{name}_entry")


async def keys(cache):
    return [key.decode() async for batch in cache.store.scan("amadeus_cache:*") for key in batch]


@pytest.mark.parametrize(("name", "request_"), VERBS)
async def test_it_is_asked_once_and_kept_with_its_age(repository, source, clock, name, request_):
    """The document, or the entry that tells how old it is."""
    ask, ask_entry = verb_of(repository, name)
    assert await ask(request_) == REPLIES[name]
    clock.advance(1_000)
    entry = await ask_entry(request_)
    assert (entry.value, entry.age, source.calls) == (REPLIES[name], 1_000, 1)
    assert await ask(request_, refresh=True) == REPLIES[name]
    assert source.calls == 2


@pytest.mark.parametrize(
    ("verb", "fresh", "stale"),
    [(VERBS[0], 7 * DAY, 7 * DAY), (VERBS[1], 7 * DAY, 7 * DAY), (VERBS[2], DAY // 4, DAY)],
)
async def test_it_is_kept_as_long_as_it_holds(cache, clock, verb, fresh, stale):
    """Fresh, then stale while the source is down, then gone."""
    (name, request_), source = verb, Almanac()
    _, ask = verb_of(AmadeusCacheRepository(cache, source), name)
    assert (await ask(request_)).ttl == fresh
    clock.advance(fresh + 1)
    source.error = AmadeusUnavailable("down")
    assert (await ask(request_)).state == "stale"
    clock.advance(stale)
    with pytest.raises(AmadeusUnavailable):
        await ask(request_)


@pytest.mark.parametrize(("name", "request_"), VERBS)
async def test_a_refusal_takes_the_old_answer_away(repository, source, clock, name, request_):
    """A code that is withdrawn is not told for another week."""
    ask, _ = verb_of(repository, name)
    await ask(request_)
    clock.advance(8 * DAY)
    source.error = AmadeusRequestError("no such code")
    with pytest.raises(AmadeusRequestError):
        await ask(request_)


@pytest.mark.parametrize(
    ("verb", "wrong"),
    [
        (VERBS[0], {"data": [{"iataCode": "LIS", "subType": "HOTEL"}]}),
        (VERBS[1], {"data": [{"iataCode": "LH"}]}),
        (VERBS[2], {"data": [{**REPLIES["cheapest_dates"]["data"][0], "destination": "OPO"}]}),
    ],
)
async def test_the_answer_to_something_else_is_never_kept(repository, source, cache, verb, wrong):
    """It is an error, and nothing lies in Redis; nor is it believed if somebody else put it there."""
    name, request_ = verb
    ask, _ = verb_of(repository, name)
    source.replies[name] = wrong
    with pytest.raises(AmadeusReplyError):
        await ask(request_)
    assert await keys(cache) == []
    source.replies[name] = REPLIES[name]
    await ask(request_)
    (key,) = await keys(cache)
    await cache.namespace("amadeus_cache").set(key, wrong)
    assert await ask(request_) == REPLIES[name]
    assert source.calls == 3


async def test_each_kind_has_keys_of_its_own(repository, cache):
    """Flight dates go with the flights, reference data stay."""
    for name, request_ in VERBS:
        await verb_of(repository, name)[0](request_)
    kinds = {key.rpartition(":")[0] for key in await keys(cache)}
    assert kinds == {"amadeus_cache:locations", "amadeus_cache:airlines", "amadeus_cache:flights:dates"}
    await repository.invalidate_flight_cache()
    await cache.swept()
    assert {key.rpartition(":")[0] for key in await keys(cache)} == {
        "amadeus_cache:locations",
        "amadeus_cache:airlines",
    }


async def test_cheapest_dates_go_with_their_route(repository, source):
    """In one command, with the searches; the way back counts unless there is none."""
    there = replace(DATES, one_way=True)
    for request_, tag, calls in (
        (DATES, "route:MAD-LIS", 2),
        (DATES, "route:LIS-MAD", 3),
        (there, "route:MAD-LIS", 5),
        (there, "route:LIS-MAD", 5),
    ):
        await repository.cheapest_dates(request_)
        await repository.invalidate_flight_cache(tags=[tag])
        await repository.cheapest_dates(request_)
        assert source.calls == calls


async def test_cheapest_dates_end_with_their_first_day(repository, source, clock):
    """A price for a day that is over is not told."""
    today = dt.datetime.fromtimestamp(clock.time(), dt.UTC).date().isoformat()
    day = {**REPLIES["cheapest_dates"]["data"][0], "departureDate": today}
    source.replies["cheapest_dates"] = {"data": [day]}
    assert (await repository.cheapest_dates_entry(DATES)).ttl == 600
    clock.advance(2 * DAY)
    assert (await repository.cheapest_dates_entry(DATES)).source == "load"
    assert (await repository.cheapest_dates_entry(DATES)).source == "load"


async def test_nothing_found_is_kept_ten_minutes(repository, source):
    """It may be there soon."""
    source.replies["locations"] = {"data": []}
    entry = await repository.locations_entry(LISBON)
    assert (entry.ttl, entry.negative) == (600, True)


async def test_max_ttl_holds_for_reference_data(cache, source):
    """A contract does not tell kinds of data apart."""
    repository = AmadeusCacheRepository(cache, source, max_ttl=60)
    assert (await repository.airlines_entry(TAP)).ttl == 60


async def test_a_source_without_reference_data_is_named(cache):
    """The error says what it cannot answer."""

    class Plain:
        identity = "plain"

    with pytest.raises(cachekit.ConfigurationError, match="Plain does not answer 'airlines'"):
        await AmadeusCacheRepository(cache, Plain()).airlines(TAP)


@pytest.mark.parametrize(
    ("name", "request_", "endpoint"),
    [
        ("locations", LISBON, "locations"),
        ("airlines", TAP, "airlines"),
        ("cheapest_dates", DATES, "flight-dates"),
    ],
)
async def test_over_http_the_sandbox_is_asked_once(cache, clock, name, request_, endpoint):
    """Its replies pass the check, and what is spoilt on the way does not."""
    async with (
        SandboxServer(clock=lambda: dt.datetime.fromtimestamp(clock.time(), dt.UTC)) as sandbox,
        AmadeusClient(sandbox.url, sandbox.client_id, sandbox.client_secret, retries=0) as client,
    ):
        ask, _ = verb_of(AmadeusCacheRepository(cache, client), name)
        sandbox.state.fail_next(Fault(endpoint=endpoint, kind="wrong-types"))
        with pytest.raises(AmadeusReplyError):
            await ask(request_)
        assert await keys(cache) == []
        live = await ask(request_)
        assert live["data"]
        assert await ask(request_) == live
        assert sandbox.stats[endpoint] == 2

"""The client against the sandbox, over HTTP: every endpoint, and every trouble the sandbox can make."""

import asyncio
import datetime as dt
import sys
from collections import Counter

import pytest
from support.flight_wire import SEARCH, Sleeper

import cachekit
from cachekit.amadeus import errors
from cachekit.amadeus.client import AmadeusClient, RequestLimits
from cachekit.amadeus.params import AirlineLookup, CheapestDates, Leg, LocationSearch, MultiCitySearch
from cachekit.amadeus.sandbox import SandboxServer
from cachekit.amadeus.sandbox.faults import Fault
from cachekit.amadeus.sandbox.limits import Limits

TRIP = MultiCitySearch(
    legs=(
        Leg(origin="GRU", destination="LIS", date=dt.date(2026, 12, 12)),
        Leg(origin="LIS", destination="GRU", date=dt.date(2026, 12, 20)),
    ),
    max_results=3,
)


@pytest.fixture
async def sandbox(clock):
    """A sandbox whose time is the tests' own."""
    async with SandboxServer(clock=lambda: dt.datetime.fromtimestamp(clock.time(), dt.UTC)) as server:
        yield server


@pytest.fixture
async def make(sandbox, clock):
    opened = []

    def factory(secret=sandbox.client_secret, **options):
        options = {"clock": clock.monotonic, "sleep": Sleeper(clock)} | options
        opened.append(AmadeusClient(sandbox.url, sandbox.client_id, secret, **options))
        return opened[-1]

    yield factory
    for client in opened:
        await client.aclose()


def flights(offer):
    """Which flights an offer is for."""
    segments = [segment for itinerary in offer["itineraries"] for segment in itinerary["segments"]]
    return [(segment["carrierCode"], segment["number"], segment["departure"]["at"]) for segment in segments]


async def test_a_search_finds_offers(make):
    """One way, by GET."""
    reply = await make().search(SEARCH)
    assert reply["meta"]["count"] == len(reply["data"]) > 10


async def test_a_trip_of_several_legs_finds_offers(make):
    """By POST; each offer has an itinerary for each leg."""
    reply = await make().search(TRIP)
    assert [len(offer["itineraries"]) for offer in reply["data"]] == [2, 2, 2]


async def test_offers_that_were_found_can_be_priced(make):
    """Whole, as the search gave them, in their order."""
    client = make()
    found = (await client.search(SEARCH))["data"][:6]
    priced = (await client.price(found))["data"]["flightOffers"]
    assert [flights(offer) for offer in priced] == [flights(offer) for offer in found]


async def test_reference_data_is_found(make):
    """Locations by keyword, airlines by code."""
    client = make()
    locations = await client.locations(LocationSearch(keyword="LIS", limit=3))
    assert "LIS" in {location["iataCode"] for location in locations["data"]}
    airlines = await client.airlines(AirlineLookup(codes=("TP", "LA")))
    assert {airline["iataCode"] for airline in airlines["data"]} == {"TP", "LA"}


async def test_cheapest_dates_are_found(make):
    """A price for each day."""
    reply = await make().cheapest_dates(CheapestDates(origin="MAD", destination="MUC"))
    assert {"departureDate", "price"} <= reply["data"][0].keys()


TROUBLES = {
    "error": (errors.AmadeusServerError, 2),
    "errors-in-200": (errors.AmadeusReplyError, 1),
    "disconnect": (errors.AmadeusUnavailable, 2),
    "html": (errors.AmadeusReplyError, 1),
    "bad-gateway": (errors.AmadeusServerError, 2),
    "redirect": (errors.AmadeusReplyError, 1),
    "empty": (errors.AmadeusReplyError, 1),
    "truncated": (errors.AmadeusReplyError, 1),
    "cut": (errors.AmadeusUnavailable, 2),
    "huge": (errors.AmadeusReplyError, 1),
    "bomb": (errors.AmadeusReplyError, 1),
    "wrong-types": (errors.AmadeusReplyError, 1),
    "wrong-items": (errors.AmadeusReplyError, 1),
}


@pytest.mark.parametrize("kind", TROUBLES)
async def test_each_trouble_ends_in_its_error(make, sandbox, kind):
    """What may pass is tried again, once here; what will not is not."""
    error, requests = TROUBLES[kind]
    sandbox.state.fail_next(Fault(kind=kind), count=9)
    with pytest.raises(error):
        await make(retries=1).search(SEARCH)
    assert sandbox.stats["flight-offers"] == requests


async def test_a_content_type_with_a_charset_is_no_trouble(make, sandbox):
    """The body decides."""
    sandbox.state.fail_next(Fault(kind="charset"))
    assert (await make().search(SEARCH))["data"]


async def test_a_reply_that_stalls_is_cut_off(make, sandbox):
    """In its middle, too: a fault of the connection."""
    sandbox.state.fail_next(Fault(kind="slow", seconds=30))
    with pytest.raises(errors.AmadeusUnavailable, match="ReadTimeout"):
        await make(retries=0, read_timeout=0.1).search(SEARCH)


async def test_wrong_credentials_are_refused_at_once(make, sandbox):
    """With the service's own words, and no second try."""
    with pytest.raises(errors.AmadeusAuthError, match="38187") as caught:
        await make(secret="wrong").search(SEARCH)
    assert caught.value.request_id
    assert sandbox.stats == {"token": 1}


@pytest.mark.parametrize("end", ["expire_tokens", "revoke_tokens"])
async def test_a_token_that_ends_is_renewed_once(make, sandbox, redis_url, clock, end):
    """For two clients that share one Redis, and many callers of each."""
    async with (
        cachekit.connect(redis_url, clock=clock) as one,
        cachekit.connect(redis_url, clock=clock) as other,
    ):
        clients = [make(cache=one), make(cache=other)]
        await asyncio.gather(*(client.search(TRIP) for client in clients))
        assert sandbox.stats["token"] == 1
        getattr(sandbox.state, end)()
        await asyncio.gather(*(client.search(TRIP) for client in clients * 5))
    assert sandbox.stats["token"] == 2


async def test_no_token_expires_on_its_way(make, sandbox, clock):
    """Hours of searches, and never a 401."""
    client = make()
    for _ in range(20):
        await client.search(TRIP)
        clock.advance(600)
    assert sandbox.state.statuses["flight-offers-post"] == Counter({"200": 20})
    assert sandbox.stats["token"] == 7


PROGRAM = """
import asyncio, datetime, sys
import cachekit
from cachekit.amadeus.client import AmadeusClient
from cachekit.amadeus.params import AirlineLookup
async def main(url, client_id, secret, redis_url):
    async with cachekit.connect(redis_url) as cache:
        async with AmadeusClient(url, client_id, secret, cache=cache) as client:
            await asyncio.gather(*(client.airlines(AirlineLookup(codes=("TP",))) for _ in range(5)))
asyncio.run(main(*sys.argv[1:]))
"""


async def test_processes_share_one_token(sandbox, redis_url, root):
    """Three of them that start at once."""
    arguments = (sandbox.url, sandbox.client_id, sandbox.client_secret, redis_url)
    running = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, *arguments, cwd=root)
        for _ in range(3)
    ]
    assert [await process.wait() for process in running] == [0, 0, 0]
    assert sandbox.stats == {"token": 1, "airlines": 15}


async def test_within_the_limits_nothing_is_refused(make, sandbox):
    """The sandbox counts as the test environment did; so the client never meets a 429."""
    sandbox.state.limits = Limits(per_second=10, min_interval_ms=100)
    client = make(retries=0, limits=RequestLimits(per_second=10, least_interval=0.11))
    for _ in range(25):
        await client.search(TRIP)
    assert sandbox.state.statuses["flight-offers-post"] == Counter({"200": 25})


async def test_without_limits_of_ones_own_the_service_refuses(make, sandbox):
    """And the retries' pauses get the request through."""
    sandbox.state.limits = Limits(min_interval_ms=100)
    client = make(retries=1, random=lambda: 0.5)
    await client.search(TRIP)
    await client.search(TRIP)
    assert sandbox.state.statuses["flight-offers-post"] == Counter({"200": 2, "429": 1})


async def test_a_budget_is_never_overrun(make, sandbox, redis_url, clock):
    """Two clients on one Redis, more requests than are allowed: the service sees just as many as are."""
    limits = RequestLimits(per_month=7)
    async with (
        cachekit.connect(redis_url, clock=clock) as one,
        cachekit.connect(redis_url, clock=clock) as other,
    ):
        clients = [make(cache=one, limits=limits), make(cache=other, limits=limits)]
        searches = (client.search(TRIP) for client in clients * 10)
        results = await asyncio.gather(*searches, return_exceptions=True)
        assert sum(isinstance(result, errors.AmadeusBudgetError) for result in results) == 13
        assert sandbox.stats["flight-offers-post"] == 7
        clock.now = dt.datetime(2027, 1, 1, tzinfo=dt.UTC).timestamp()
        await clients[0].locations(LocationSearch(keyword="LIS"))
        assert (await clients[1].budget()).used == 1


async def test_a_spent_quota_stops_all_clients(make, sandbox, redis_url, clock):
    """One is told by the service; the other hears it through Redis and asks nothing."""
    sandbox.state.limits = Limits(quota=1)
    limits = RequestLimits(per_month=100)
    async with (
        cachekit.connect(redis_url, clock=clock) as one,
        cachekit.connect(redis_url, clock=clock) as other,
    ):
        first, second = make(cache=one, limits=limits), make(cache=other, limits=limits)
        await first.search(TRIP)
        with pytest.raises(errors.AmadeusQuotaError, match="38195"):
            await first.search(TRIP)
        with pytest.raises(errors.AmadeusBudgetError, match="nothing is sent before"):
            await second.search(TRIP)
    assert sandbox.stats["flight-offers-post"] == 2


async def test_exchanges_are_recorded_without_their_secrets(make, sandbox, tmp_path):
    """One file a question; none for the token."""
    await make(record=tmp_path, extra_headers={"x-office": "office-9"}).search(TRIP)
    (recorded,) = tmp_path.rglob("*.json")
    text = recorded.read_text()
    assert "flight-offer" in text
    assert not [word for word in (sandbox.client_id, sandbox.client_secret, "office-9") if word in text]

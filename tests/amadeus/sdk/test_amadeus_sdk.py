"""The official client behind the cache: what is asked of the service, and what its callers get."""

import asyncio
import copy
import datetime as dt
import gc
import json
import logging
import pickle
import subprocess
import sys
import threading
import weakref
from functools import partial
from urllib.error import URLError

import amadeus
import pytest
from support.blocking import in_threads

import cachekit
from cachekit import Policy
from cachekit.amadeus.client import AmadeusClient
from cachekit.amadeus.errors import AmadeusError, AmadeusServerError
from cachekit.amadeus.params import FlightSearch, MultiCitySearch
from cachekit.amadeus.repository import AmadeusCacheRepository
from cachekit.amadeus.sandbox.faults import Fault
from cachekit.amadeus.sdk import CachedClient

GRU_LIS = {
    "originLocationCode": "GRU",
    "destinationLocationCode": "LIS",
    "departureDate": "2026-12-12",
    "adults": 1,
    "max": 5,
}
POSTED = MultiCitySearch.from_body(
    {
        "originDestinations": [
            {
                "id": "1",
                "originLocationCode": "GRU",
                "destinationLocationCode": "LIS",
                "departureDateTimeRange": {"date": "2026-12-12"},
            }
        ],
        "travelers": [{"id": "1", "travelerType": "ADULT"}],
        "sources": ["GDS"],
        "searchCriteria": {"maxFlightOffers": 3},
    }
).to_body()


def search(client, **changes):
    return client.shopping.flight_offers_search.get(**{**GRU_LIS, **changes})


def origin(response):
    return response.headers["X-Cachekit"], response.headers["Age"]


def unreachable(request):
    """A transport that must not be used."""
    raise AssertionError(request.full_url)


# What a hit is


def test_the_second_search_is_answered_from_the_cache(client, sandbox, clock):
    """One request for two callers; headers tell which was which, and the age."""
    first = search(client)
    clock.advance(100.7)
    second = search(client)
    assert sandbox.counts["flight-offers"] == 1
    assert (origin(first), origin(second)) == (("miss", "0"), ("hit", "100"))
    assert first.result == second.result
    assert len(second.data) == 5


def test_a_hit_is_a_genuine_response(client):
    """All that the SDK's own has, as its users know it."""
    search(client)
    hit = search(client)
    assert type(hit) is amadeus.Response
    assert (hit.status_code, hit.parsed) == (200, True)
    assert hit.data == hit.result["data"]
    assert json.loads(hit.body) == hit.result
    assert hit.headers["content-type"] == "application/vnd.amadeus+json"
    assert (hit.request.verb, hit.request.path) == ("GET", "/v2/shopping/flight-offers")
    assert hit.request.params == GRU_LIS
    assert hit.request.headers["Authorization"] == ""


def test_a_hit_has_what_the_sdk_would_have_made_of_it(client):
    """The document is not parsed a second time, and nobody can tell."""
    search(client)
    hit = search(client)
    made = amadeus.Response(hit.http_response, hit.request)._parse(client)
    assert vars(hit) == vars(made)


def test_a_hit_can_be_pickled_and_copied(client):
    """As a job queue does; which the plain client's responses cannot."""
    search(client)
    hit = search(client)
    for other in (pickle.loads(pickle.dumps(hit)), copy.deepcopy(hit)):
        assert (other.result, dict(other.headers)) == (hit.result, dict(hit.headers))


def test_a_reply_is_the_one_the_plain_client_gets(client, sandbox):
    """The same document, warm or cold."""
    plain = amadeus.Client(**sandbox.options)
    expected = plain.shopping.flight_offers_search.get(**GRU_LIS).result
    del expected["meta"]["links"]
    for _ in range(2):
        result = search(client).result
        del result["meta"]["links"]
        assert result == expected


def test_a_hit_needs_no_token_and_no_service(client, make, sandbox):
    """Another process finds it in Redis alone."""
    search(client)
    other = make(http=unreachable)
    assert origin(search(other)) == ("hit", "0")
    assert other.access_token.access_token is None
    assert sandbox.counts == {"token": 1, "flight-offers": 1}


def test_each_caller_has_his_own_reply(client):
    """What one does to it, and to his params, no other sees."""
    params = dict(GRU_LIS)
    first = client.request("GET", "/v2/shopping/flight-offers", params)
    first.data.clear()
    params["max"] = 1
    assert first.request.params["max"] == 5
    for _ in range(2):
        found = search(client).data
        assert len(found) == 5
        found[0]["price"].clear()
        assert found.pop(1)["price"]
    hits = in_threads([partial(search, client)] * 20)
    assert len({id(offer["price"]) for hit in hits for offer in hit.data}) == 100


# What is cached, and what is not


def test_the_folded_request_is_what_is_sent_and_kept(client, sandbox):
    """Spellings the service refuses work, and share one entry."""
    with pytest.raises(amadeus.ClientError):
        amadeus.Client(**sandbox.options).shopping.flight_offers_search.get(**GRU_LIS, nonStop=True)
    before = sandbox.counts["flight-offers"]
    for spelling in ({"nonStop": True}, {"nonStop": "TRUE", "originLocationCode": " gru", "children": 0}):
        assert all(len(offer["itineraries"][0]["segments"]) == 1 for offer in search(client, **spelling).data)
    assert sandbox.counts["flight-offers"] - before == 1


@pytest.mark.parametrize("body", [POSTED, json.dumps(POSTED)])
def test_a_posted_search_is_cached(client, sandbox, body):
    """As a document or as its JSON, and apart from the same search by GET."""
    for outcome in ("miss", "hit"):
        response = client.shopping.flight_offers_search.post(body)
        assert origin(response) == (outcome, "0")
        assert response.request.verb == "POST"
        assert response.request.params == body
    search(client, max=3)
    assert sandbox.counts == {"token": 1, "flight-offers-post": 1, "flight-offers": 1}


def test_reference_data_are_cached(client, sandbox):
    """Locations, airlines and cheapest dates."""
    for outcome in ("miss", "hit"):
        locations = client.reference_data.locations.get(keyword="LIS", subType=amadeus.Location.ANY)
        airlines = client.reference_data.airlines.get(airlineCodes="TP")
        dates = client.shopping.flight_dates.get(origin="MAD", destination="LIS")
        assert {origin(each) for each in (locations, airlines, dates)} == {(outcome, "0")}
        assert locations.data
        assert airlines.data
    assert sandbox.counts == {"token": 1, "locations": 1, "airlines": 1, "flight-dates": 1}


def test_pages_are_turned_in_the_cache(client, sandbox):
    """`next`, `previous`, `first` and `last` are requests like any other."""
    plain = amadeus.Client(**sandbox.options)

    def walk(client):
        page = client.reference_data.locations.get(keyword="S", subType="AIRPORT", page={"limit": 3})
        second = client.next(page)
        third = client.next(second)
        pages = page, second, third, client.previous(third), client.first(third), client.last(page)
        return [each.data for each in pages]

    expected = walk(plain)
    before = sandbox.counts["locations"]
    assert walk(client) == walk(client) == expected
    assert sandbox.counts["locations"] - before == 4
    assert expected[0] != expected[1]


def test_pages_are_turned_whichever_way_the_first_was_asked_for(client):
    """A flat `page[offset]` gives way to the page that is turned to."""
    flat = {"keyword": "S", "subType": "AIRPORT", "page[limit]": 3, "page[offset]": 0}
    page = client.get("/v1/reference-data/locations", **flat)
    second = client.next(page)
    assert origin(second) == ("miss", "0")
    assert second.data != page.data


def test_prices_are_asked_for_each_time(client, sandbox):
    """Whoever buys wants to know what holds now."""
    offer = search(client).data[0]
    for _ in range(2):
        priced = client.shopping.flight_offers.pricing.post(offer)
        assert priced.data["flightOffers"][0]["id"] == offer["id"]
        assert "X-Cachekit" not in priced.headers
    assert sandbox.counts["pricing"] == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"adults": 0},
        {"adults": ""},
        {"colour": "red"},
        {"departureDate": "soon"},
        {"originLocationCode": "XX"},
    ],
)
def test_a_request_that_cannot_be_read_gets_the_services_own_answer(client, sandbox, changes):
    """It goes out as it is, each time."""
    plain = amadeus.Client(**sandbox.options)
    outcomes = [in_threads([partial(search, each, **changes)])[0] for each in (plain, client, client)]
    assert len({type(outcome) for outcome in outcomes}) == 1
    assert sandbox.counts["flight-offers"] == 3
    replies = [getattr(outcome, "response", outcome) for outcome in outcomes]
    assert replies[0].result == replies[1].result == replies[2].result
    assert "X-Cachekit" not in replies[2].headers


@pytest.mark.parametrize("body", ["{", "[]", {"originDestinations": []}, {**POSTED, "colour": "red"}])
def test_a_body_that_cannot_be_read_goes_to_the_service(client, sandbox, body):
    """What is wrong with it the service says."""
    for _ in range(2):
        in_threads([partial(client.shopping.flight_offers_search.post, body)])
    assert sandbox.counts["flight-offers-post"] == 2


def test_no_body_at_all_is_the_sdks_own_error(client):
    """As with the plain client."""
    with pytest.raises(AttributeError, match="encode"):
        client.post("/v2/shopping/flight-offers")


def test_other_paths_and_verbs_go_to_the_service(client, sandbox):
    """Unknown or not, nothing of them is kept."""
    for _ in range(2):
        with pytest.raises(amadeus.NotFoundError):
            client.get("/v1/nothing/here", a=1)
        with pytest.raises(amadeus.ResponseError):
            client.delete("/v2/shopping/flight-offers", a=1)
    assert sandbox.counts["unknown"] == 4


# Threads, loops and processes


def test_fifty_threads_on_one_search_cost_one_request_and_one_token(client, sandbox):
    """Who comes while it is on its way waits for it."""
    responses = in_threads([partial(search, client)] * 50)
    assert sandbox.counts == {"token": 1, "flight-offers": 1}
    assert len({id(response) for response in responses}) == 50
    assert all(response.data == responses[0].data for response in responses)


@pytest.mark.parametrize("threads", [8, 50])
def test_a_cold_client_fetches_one_token(client, sandbox, threads):
    """However many different things are asked for at once, cached kinds or not."""
    searches = [partial(search, client, max=number) for number in range(1, threads)]
    others = [partial(client.get, "/v1/reference-data/locations/CLIS")]
    results = in_threads([*searches, *others])
    assert not [each for each in results if isinstance(each, Exception) and each.code != "NotFoundError"]
    assert sandbox.counts["token"] == 1
    assert sandbox.counts["flight-offers"] == threads - 1


async def test_many_tasks_of_one_loop_share_a_search(client, sandbox):
    """From asyncio it is used through threads."""
    responses = await asyncio.gather(*(asyncio.to_thread(search, client) for _ in range(20)))
    assert all(response.data == responses[0].data for response in responses)
    assert sandbox.counts == {"token": 1, "flight-offers": 1}


async def test_called_in_a_loop_it_blocks_and_does_not_deadlock(client):
    """As the plain client does."""
    assert search(client).data


def test_many_loops_share_a_client(client, sandbox):
    """Each in a thread of its own."""

    async def in_a_loop():
        return await asyncio.to_thread(search, client)

    responses = in_threads([lambda: asyncio.run(in_a_loop())] * 6)
    assert all(response.data == responses[0].data for response in responses)
    assert sandbox.counts["flight-offers"] == 1


def test_a_transport_that_asks_for_what_it_is_sending_is_told(make):
    """It would wait for itself for ever."""

    def send(request):
        search(client)

    client = make(http=send)
    client.access_token.access_token, client.access_token.expires_at = "token", 9e9
    with pytest.raises(cachekit.LoadCycle):
        search(client)


FORK = """
import json, os, sys
from cachekit.amadeus.sdk import CachedClient
options, params = json.loads(sys.argv[1])
client = CachedClient(**options)
def ask():
    return client.shopping.flight_offers_search.get(**params).headers["X-Cachekit"]
assert ask() == "miss"
child = os.fork()
if child == 0:
    assert ask() == "hit"
    params["max"] = 4
    assert ask() == "miss"
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
assert ask() == "hit"
params["max"] = 4
assert ask() == "hit"
"""


def test_it_survives_a_fork(sandbox, redis_url):
    """The child shares the entries and the token, and each process closes its own."""
    departure = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=60)
    sandbox.do(lambda server: server.state.set_now(dt.datetime.now(dt.UTC)))
    params = {**GRU_LIS, "departureDate": departure.isoformat()}
    argument = json.dumps([{**sandbox.options, "redis_url": redis_url}, params])
    options = ["-W", "error", "-W", "ignore::DeprecationWarning", "-c", FORK, argument]
    run = subprocess.run([sys.executable, *options], check=False, capture_output=True, text=True)
    assert (run.returncode, run.stderr, run.stdout) == (0, "", "")
    assert sandbox.counts == {"token": 1, "flight-offers": 2}


INTERRUPTED = """
import json, os, signal, sys, threading
from cachekit.amadeus.sdk import CachedClient
signal.signal(signal.SIGINT, signal.default_int_handler)  # Ignored in what a shell runs in the background.
def send(request):
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait()
client = CachedClient(client_id="id", client_secret="x", host="h", http=send, redis_url="memory://")
try:
    client.shopping.flight_offers_search.get(**json.loads(sys.argv[1]))
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_an_interrupted_process_ends_though_the_service_is_silent():
    """Nobody waits for the call that was left behind."""
    departure = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=60)
    argument = json.dumps({**GRU_LIS, "departureDate": departure.isoformat()})
    command = [sys.executable, "-W", "error", "-c", INTERRUPTED, argument]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr, run.stdout) == (0, "", "interrupted\n")


async def test_it_shares_entries_with_the_asyncio_client(client, cache, sandbox):
    """The same host and credentials, the same keys, in both directions."""
    options = sandbox.options
    url = f"HTTP://LocalHost:{options['port']}/".replace("LocalHost", options["host"])
    async with AmadeusClient(url, options["client_id"], options["client_secret"]) as other:
        repository = AmadeusCacheRepository(cache, other)
        request = FlightSearch.from_query(GRU_LIS)
        await repository.search_flights(request)
        hit = await asyncio.to_thread(search, client)
        assert origin(hit) == ("hit", "0")
        await asyncio.to_thread(search, client, max=4)
        larger = FlightSearch.from_query({**GRU_LIS, "max": 4})
        assert (await repository.search_flights_entry(larger)).source != "load"
        assert sandbox.counts["flight-offers"] == 2


def test_other_credentials_share_nothing(client, make):
    """Nor does another host."""
    search(client)
    with pytest.raises(amadeus.AuthenticationError):
        search(make(client_id="somebody-else"))
    with pytest.raises(amadeus.NetworkError):
        search(make(host="localhost", port=1))


# Errors


def test_an_error_is_the_sdks_own_and_is_never_kept(client, sandbox):
    """The next caller asks again; the cause tells what the SDK's text leaves out."""
    sandbox.fail(Fault(code=141))
    with pytest.raises(amadeus.ServerError) as caught:
        search(client)
    assert type(caught.value) is amadeus.ServerError
    assert caught.value.response.status_code == 500
    cause = caught.value.__cause__
    assert isinstance(cause, AmadeusServerError)
    assert (cause.status, cause.code, cause.title) == (500, 141, "SYSTEM ERROR HAS OCCURRED")
    assert cause.request_id
    assert origin(search(client)) == ("miss", "0")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (477, amadeus.ClientError),
        (38197, amadeus.ClientError),
        (38194, amadeus.ClientError),
        (38195, amadeus.ClientError),
        (1797, amadeus.NotFoundError),
        (38189, amadeus.ServerError),
    ],
)
def test_each_refusal_has_the_sdks_class(client, sandbox, code, kind):
    """The one that the plain client raises."""
    sandbox.fail(Fault(code=code), 2)
    with pytest.raises(kind) as plain:
        amadeus.Client(**sandbox.options).shopping.flight_offers_search.get(**GRU_LIS)
    with pytest.raises(kind) as cached:
        search(client)
    assert type(plain.value) is type(cached.value)
    assert cached.value.response.result == plain.value.response.result
    assert str(cached.value) == str(plain.value)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("disconnect", amadeus.NetworkError),
        ("cut", amadeus.NetworkError),
        ("html", amadeus.ParserError),
        ("empty", amadeus.ParserError),
        ("truncated", amadeus.ParserError),
        ("redirect", amadeus.ParserError),
        ("charset", amadeus.ParserError),
        ("bad-gateway", amadeus.ServerError),
        ("errors-in-200", amadeus.ParserError),
        ("huge", amadeus.NetworkError),
        ("wrong-types", amadeus.ParserError),
        ("wrong-items", amadeus.ParserError),
        ("wrong-route", amadeus.ParserError),
        ("wrong-date", amadeus.ParserError),
    ],
)
def test_what_is_no_answer_is_an_error_and_never_kept(client, sandbox, kind, error):
    """Whatever comes instead, the SDK has a class for it, and the next caller gets the answer."""
    sandbox.fail(Fault(kind=kind, megabytes=9))
    with pytest.raises(amadeus.ResponseError) as caught:
        search(client)
    assert type(caught.value) is error
    assert isinstance(caught.value.__cause__, AmadeusError)
    assert origin(search(client)) == ("miss", "0")


def test_those_who_waited_for_a_failure_get_an_error_each(client, sandbox):
    """An exception object is nobody's but its catcher's."""
    sandbox.fail(Fault(code=141), 20)
    errors = in_threads([partial(search, client)] * 20)
    assert {type(error) for error in errors} == {amadeus.ServerError}
    assert len({id(error) for error in errors}) == 20


def test_a_wrong_secret_is_told_and_nobody_hangs(make):
    """All who waited for the token hear it."""
    client = make(client_secret="not-the-one")
    errors = in_threads([partial(search, client, max=number) for number in range(1, 9)])
    assert {type(error) for error in errors} == {amadeus.AuthenticationError}
    assert len({id(error) for error in errors}) == 8
    shown = [f"{error!r} {error} {error.__cause__!r}" for error in errors]
    assert not any("not-the-one" in text for text in shown)


def test_a_token_the_service_no_longer_takes_is_renewed(client, sandbox):
    """Once, by whoever meets the refusal, in a cached kind of request or another."""
    search(client)
    sandbox.do(lambda server: server.state.expire_tokens())
    search(client, max=4)
    sandbox.do(lambda server: server.state.expire_tokens())
    with pytest.raises(amadeus.NotFoundError):
        client.get("/v1/nothing/here")
    offer = search(client).data[0]
    client.shopping.flight_offers.pricing.post(offer)
    assert sandbox.counts["token"] == 3


def test_a_stale_reply_stands_in_while_the_service_is_down(client, sandbox, clock):
    """It says that it is, and how old; a refusal is told all the same."""
    search(client)
    clock.advance(400)
    sandbox.fail(Fault(code=141))
    assert origin(search(client)) == ("stale", "400")
    clock.advance(60)
    sandbox.fail(Fault(code=477))
    with pytest.raises(amadeus.ClientError):
        search(client)


def test_what_is_logged_for_debugging_has_no_secret(make, sandbox, caplog):
    """Requests and responses are shown; the SDK's own client shows the secret and the token with them."""
    client = make(log_level="debug")
    caplog.set_level(logging.DEBUG, "amadeus")
    search(client)
    client.get("/v1/reference-data/locations/CLIS")
    token = client.access_token.access_token
    assert caplog.text.count("/v1/security/oauth2/token") >= 2
    assert "'bearer_token': 'Bearer ***'" in caplog.text
    assert token not in caplog.text
    assert sandbox.options["client_secret"] not in caplog.text


# Redis, closing and options


def test_with_redis_away_it_works_uncached(make, sandbox):
    """Each search is asked for, with one token."""
    client = make(redis_url="redis://127.0.0.1:1")
    dates = (dt.datetime.now(dt.UTC).date() + dt.timedelta(days=60)).isoformat()
    sandbox.do(lambda server: server.state.set_now(dt.datetime.now(dt.UTC)))
    for _ in range(2):
        assert origin(search(client, departureDate=dates)) == ("miss", "0")
    assert sandbox.counts == {"token": 1, "flight-offers": 2}


@pytest.mark.parametrize("url", ["memory://", "embedded://"])
def test_it_needs_no_server_of_redis(make, sandbox, url):
    """A private one for this process does."""
    client = make(redis_url=url)
    departure = (dt.datetime.now(dt.UTC).date() + dt.timedelta(days=60)).isoformat()
    sandbox.do(lambda server: server.state.set_now(dt.datetime.now(dt.UTC)))
    responses = [search(client, departureDate=departure) for _ in range(2)]
    assert [origin(response)[0] for response in responses] == ["miss", "hit"]


def portal_threads():
    return {thread for thread in threading.enumerate() if thread.name == "cachekit-portal"}


def test_a_closed_client_refuses(client):
    """And leaves no thread behind."""
    before = portal_threads()
    with client:
        search(client)
        assert len(portal_threads() - before) == 1
    assert portal_threads() == before
    with pytest.raises(cachekit.CacheClosed):
        search(client)


def test_a_dropped_client_ends_its_thread(sandbox, redis_url):
    """Nobody has to remember to close."""
    before = portal_threads()
    client = CachedClient(**sandbox.options, redis_url=redis_url).__enter__()
    in_threads([partial(search, client)])
    (thread,) = portal_threads() - before
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None
    thread.join(10)
    assert not thread.is_alive()


def test_the_repository_is_at_hand(client, sandbox):
    """What the SDK has no words for is run on it."""
    search(client)
    client.portal.run(lambda flights: flights.invalidate_flight_cache())
    assert origin(search(client)) == ("miss", "0")
    assert sandbox.counts["flight-offers"] == 2


@pytest.mark.parametrize(
    ("options", "seconds", "outcomes"),
    [
        ({"enabled": False}, 0, ["miss", "miss"]),
        ({"policy": Policy(ttl=60)}, 61, ["miss", "miss"]),
        ({"policy": Policy(ttl=60)}, 59, ["miss", "hit"]),
        ({"max_ttl": 50}, 51, ["miss", "miss"]),
        ({"ttl": "lead_time"}, 900, ["miss", "hit"]),
    ],
)
def test_how_replies_are_kept_can_be_said(make, clock, options, seconds, outcomes):
    """As to the repository."""
    client = make(**options)
    first = search(client)
    clock.advance(seconds)
    assert [origin(first)[0], origin(search(client))[0]] == outcomes


def test_an_answer_out_of_a_larger_one_says_so(make, sandbox):
    """With derive=True."""
    client = make(derive=True)
    search(client, max=250)
    assert origin(search(client, max=3)) == ("derived", "0")
    assert sandbox.counts["flight-offers"] == 1


def test_a_load_that_takes_too_long_is_a_network_error(make):
    """Where the policy sets a bound."""
    end = threading.Event()

    def send(request):
        end.wait()
        raise URLError("too late")

    client = make(http=send, policy=Policy(hard_timeout=0.01))
    with pytest.raises(amadeus.NetworkError):
        search(client)
    end.set()


def test_a_cache_that_cannot_be_opened_is_told_at_once_by_with(make):
    """Or by the first request."""
    client = make(redis_url="http://no.redis")
    with pytest.raises(cachekit.ConfigurationError), client:
        pass
    with pytest.raises(cachekit.ConfigurationError):
        search(client)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"host": None}, "no host"),
        ({"host": "user@example.com"}, "host must be"),
        ({"timeout": 0}, "timeout"),
        ({"redis": "x"}, "unknown options"),
    ],
)
def test_an_option_that_cannot_work_is_refused(make, monkeypatch, changes, text):
    """The error names it; there is no host to fall back to."""
    monkeypatch.delenv("AMADEUS_HOST", raising=False)
    with pytest.raises(cachekit.ConfigurationError, match=text):
        make(**changes)
    with pytest.raises(ValueError, match="client_secret"):
        make(client_secret=None)

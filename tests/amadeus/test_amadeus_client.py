"""The client on the wire: what it sends, what it repeats, and what it makes of the answers."""

import asyncio
import logging
import random
from datetime import date

import httpx
import pytest
import respx

from cachekit.amadeus.client import AmadeusClient
from cachekit.amadeus.errors import (
    AmadeusAuthError,
    AmadeusQuotaError,
    AmadeusReplyError,
    AmadeusRequestError,
    AmadeusServerError,
    AmadeusUnavailable,
)
from cachekit.amadeus.params import FlightSearch
from cachekit.errors import ConfigurationError

HOST = "https://amadeus.test"
SEARCH = FlightSearch(origin="GRU", destination="LIS", departure_date=date(2026, 12, 12))
FOUND = {"meta": {"count": 1}, "data": [{"type": "flight-offer", "id": "1"}], "dictionaries": {}}


def refusal(status, code):
    return httpx.Response(status, json={"errors": [{"status": status, "code": code, "title": "NO"}]})


class Sleeper:
    """Records how long it was told to sleep, and moves the clock instead."""

    def __init__(self, clock):
        self.clock = clock
        self.naps = []

    async def __call__(self, seconds):
        self.naps.append(seconds)
        self.clock.advance(seconds)


@pytest.fixture
def sleeper(clock):
    return Sleeper(clock)


@pytest.fixture
def wire():
    with respx.mock(assert_all_called=False) as router:
        router.post(f"{HOST}/v1/security/oauth2/token", name="token").mock(
            side_effect=lambda _, route: httpx.Response(
                200, json={"access_token": f"token-{route.call_count + 1}", "expires_in": 1799}
            )
        )
        router.get(f"{HOST}/v2/shopping/flight-offers", name="search").respond(json=FOUND)
        yield router


@pytest.fixture
async def make(clock, sleeper):
    opened = []

    def factory(**options):
        options = {"clock": clock.monotonic, "sleep": sleeper, "random": lambda: 0.5} | options
        opened.append(AmadeusClient(HOST, "id", "the-secret", **options))
        return opened[-1]

    yield factory
    for client in opened:
        await client.aclose()


async def test_a_search_sends_exactly_the_folded_query(wire, make):
    """The key of the cache and the query on the wire are the same."""
    assert await make().search(SEARCH) == FOUND
    sent = wire["search"].calls.last.request
    assert dict(sent.url.params) == SEARCH.to_query()
    assert sent.headers["Authorization"] == "Bearer token-1"


async def test_many_searches_share_a_token(wire, make):
    """A cold client fetches one token, however many searches start at once."""
    client = make()
    await asyncio.gather(*(client.search(SEARCH) for _ in range(100)))
    assert wire["token"].call_count == 1
    assert wire["search"].call_count == 100


@pytest.mark.parametrize("code", [38190, 38192, 38193])
async def test_a_stale_token_is_renewed_once(wire, make, sleeper, code):
    """Invalid, expired and revoked tokens are cured by a new one, without waiting."""
    wire["search"].side_effect = [refusal(401, code), httpx.Response(200, json=FOUND)]
    assert await make().search(SEARCH) == FOUND
    assert wire["search"].calls.last.request.headers["Authorization"] == "Bearer token-2"
    assert sleeper.naps == []


@pytest.mark.parametrize(("code", "tokens"), [(38190, 2), (38191, 1)])
async def test_a_token_that_stays_refused_is_an_error(wire, make, code, tokens):
    """No endless renewal; and a malformed header is not the token's fault."""
    wire["search"].mock(return_value=refusal(401, code))
    with pytest.raises(AmadeusAuthError):
        await make().search(SEARCH)
    assert wire["token"].call_count == tokens


@pytest.mark.parametrize(
    "fault", [refusal(429, 38194), refusal(500, 141), httpx.ConnectError("x"), httpx.ReadTimeout("x")]
)
async def test_a_passing_fault_is_retried(wire, make, sleeper, fault):
    """Rate limits, server faults and a lost connection are tried again after a wait."""
    wire["search"].side_effect = [fault, fault, httpx.Response(200, json=FOUND)]
    assert await make().search(SEARCH) == FOUND
    assert sleeper.naps == [0.25, 0.5]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (refusal(400, 4926), AmadeusRequestError),
        (refusal(429, 38195), AmadeusQuotaError),
        (httpx.Response(302, headers={"Location": "https://elsewhere.test"}), AmadeusReplyError),
    ],
)
async def test_a_lasting_fault_is_not_retried(wire, make, fault, kind):
    """A refused request, a spent quota and a redirect are errors at once."""
    wire["search"].mock(return_value=fault)
    with pytest.raises(kind):
        await make().search(SEARCH)
    assert wire["search"].call_count == 1


async def test_the_last_fault_is_raised_when_retries_run_out(wire, make):
    """Two retries are three tries."""
    wire["search"].mock(return_value=refusal(503, 38189))
    with pytest.raises(AmadeusServerError):
        await make().search(SEARCH)
    assert wire["search"].call_count == 3


async def test_no_retry_is_begun_that_would_end_past_the_deadline(wire, make, sleeper):
    """The total timeout bounds the waiting too."""
    wire["search"].mock(return_value=refusal(503, 38189))
    with pytest.raises(AmadeusServerError):
        await make(total_timeout=1, backoff=1, retries=9).search(SEARCH)
    assert sum(sleeper.naps) < 1


async def test_waits_are_drawn_from_the_full_range(wire, make, sleeper):
    """Full jitter: any time up to the bound, which doubles up to its maximum."""
    wire["search"].mock(return_value=refusal(503, 38189))
    draws = random.Random(1)
    with pytest.raises(AmadeusServerError):
        await make(retries=5, total_timeout=1000, max_backoff=2, random=draws.random).search(SEARCH)
    again = random.Random(1)
    assert sleeper.naps == [again.random() * bound for bound in (0.5, 1, 2, 2, 2)]


async def test_an_answer_that_never_ends_is_cut_off(wire, make):
    """The total timeout holds where a drip of bytes defeats the read timeout."""

    async def hang(_):
        await asyncio.Event().wait()

    wire["search"].mock(side_effect=hang)
    with pytest.raises(AmadeusUnavailable, match=r"within 0\.01 s"):
        await make(total_timeout=0.01).search(SEARCH)


DEEP = b'{"data":' + b"[" * 200_000 + b"]" * 200_000 + b"}"


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"", b"[]", b"{}", b'{"data": {}}', b'{"data": null}', b"\xff", DEEP],
    ids=["html", "empty", "list", "object", "no-list", "null", "utf-8", "depth"],
)
async def test_a_reply_without_a_data_list_is_an_error(wire, make, body):
    """Nothing malformed gets as far as the cache."""
    wire["search"].mock(return_value=httpx.Response(200, content=body))
    with pytest.raises(AmadeusReplyError):
        await make().search(SEARCH)


async def test_headers_of_the_contract_are_sent(wire, make):
    """Fixed ones, or made anew for each request."""
    references = iter(("ref-1", "ref-2"))
    client = make(extra_headers=lambda: {"ama-client-ref": next(references)})
    await client.search(SEARCH)
    await client.search(SEARCH)
    sent = [call.request.headers["ama-client-ref"] for call in wire["search"].calls]
    assert sent == ["ref-1", "ref-2"]


async def test_a_token_host_of_its_own_is_used(wire, make):
    """The token may come from another host than the data."""
    other = wire.post("https://login.test/token").respond(json={"access_token": "t", "expires_in": 60})
    await make(token_url="https://login.test/token").search(SEARCH)
    assert other.called
    assert not wire["token"].called


async def test_an_injected_http_client_is_not_closed(wire):
    """Who makes the HTTP client closes it."""
    async with httpx.AsyncClient() as http:
        async with AmadeusClient(HOST, "id", "the-secret", http=http) as client:
            await client.search(SEARCH)
        assert not http.is_closed


async def test_a_closed_client_refuses(wire, make):
    """Searching after the end is a typed error and sends nothing."""
    client = make()
    await client.search(SEARCH)
    await client.aclose()
    with pytest.raises(AmadeusUnavailable):
        await client.search(SEARCH)
    assert wire["search"].call_count == 1


async def test_a_cancelled_search_leaves_nothing_behind(wire, make):
    """The connection's task ends with its caller."""
    started = asyncio.Event()

    async def hang(_):
        started.set()
        await asyncio.Event().wait()

    wire["search"].mock(side_effect=hang)
    before = asyncio.all_tasks()
    search = asyncio.create_task(make().search(SEARCH))
    await started.wait()
    search.cancel()
    await asyncio.wait({search})
    assert search.cancelled()
    assert asyncio.all_tasks() == before


async def test_identity_tells_hosts_credentials_and_offices_apart(make):
    """Answers that may differ never share an identity; the same client always has the same one."""
    options = [
        {},
        {"extra_token_fields": {"guest_office_id": "LIS1A0000"}},
        {"extra_headers": {"office": "1"}},
    ]
    others = [("https://other.test", "id"), (HOST, "id2"), (f"{HOST}:8443", "id"), (f"{HOST}/test", "id")]
    clients = [make(**chosen) for chosen in options] + [AmadeusClient(*pair, "s") for pair in others]
    assert len({client.identity for client in clients}) == len(clients)
    assert make().identity == make(retries=0).identity == "amadeus.test-2a144d944f68346c"
    for client in clients:
        await client.aclose()


async def test_no_secret_and_no_token_is_shown(wire, make, caplog):
    """Not in the repr, not in the identity, not in an error, not in a log."""
    caplog.set_level(logging.DEBUG)
    echo = {"errors": [{"code": 477, "title": "NO", "detail": "token-1 the-secret"}]}
    wire["search"].mock(return_value=httpx.Response(400, json=echo))
    client = make()
    with pytest.raises(AmadeusRequestError) as caught:
        await client.search(SEARCH)
    shown = f"{client!r} {client.identity} {caught.value} {vars(caught.value)} {caplog.text}"
    assert "the-secret" not in shown
    assert "token-1" not in shown


@pytest.mark.parametrize(
    ("arguments", "options", "named"),
    [
        (("amadeus.test", "id", "s"), {}, "base_url"),
        (("ftp://amadeus.test", "id", "s"), {}, "base_url"),
        (("https://me:pw@amadeus.test", "id", "s"), {}, "base_url"),
        ((HOST, "", "s"), {}, "client_id"),
        ((HOST, "id", ""), {}, "client_secret"),
        ((HOST, "id", "s"), {"token_url": "nowhere"}, "token_url"),
        ((HOST, "id", "s"), {"total_timeout": 0}, "total_timeout"),
        ((HOST, "id", "s"), {"retries": -1}, "retries"),
        ((HOST, "id", "s"), {"extra_headers": {"office": "São Paulo"}}, "extra_headers"),
    ],
)
async def test_an_option_that_cannot_work_is_named(arguments, options, named):
    """Bad configuration fails at once, not at the first search."""
    with pytest.raises(ConfigurationError, match=named):
        AmadeusClient(*arguments, **options)


async def test_the_environment_configures_a_client(wire):
    """All four variables are read, and no other."""
    environ = {
        "AMADEUS_BASE_URL": f"{HOST}/",
        "AMADEUS_CLIENT_ID": "id",
        "AMADEUS_CLIENT_SECRET": "the-secret",
        "AMADEUS_TOKEN_URL": f"{HOST}/v1/security/oauth2/token",
    }
    async with AmadeusClient.from_env(environ, retries=0) as client:
        assert await client.search(SEARCH) == FOUND


def test_missing_variables_are_named_all_at_once():
    """There is no default host."""
    with pytest.raises(ConfigurationError, match="AMADEUS_BASE_URL, AMADEUS_CLIENT_SECRET"):
        AmadeusClient.from_env({"AMADEUS_CLIENT_ID": "id"})

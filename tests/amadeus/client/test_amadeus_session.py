"""One authenticated exchange: what is repeated, what is not, and what never shows."""

import asyncio
import logging
import random
import traceback

import httpx
import pytest
from support.flight_wire import FOUND, HOST, SEARCH, SECRET, refusal
from support.upstream import Upstream, http

import cachekit
from cachekit.amadeus.client import AmadeusClient, RequestLimits
from cachekit.amadeus.errors import (
    AmadeusAuthError,
    AmadeusBudgetError,
    AmadeusError,
    AmadeusForbiddenError,
    AmadeusNotFoundError,
    AmadeusQuotaError,
    AmadeusRateLimitError,
    AmadeusReplyError,
    AmadeusRequestError,
    AmadeusServerError,
    AmadeusUnavailable,
)

GOOD = httpx.Response(200, json=FOUND)


async def hang(_):
    await asyncio.Event().wait()


async def test_many_searches_share_a_token(wire, make):
    """A cold client fetches one token, however many searches start at once."""
    client = make()
    await asyncio.gather(*(client.search(SEARCH) for _ in range(100)))
    assert wire["token"].call_count == 1
    assert wire["search"].call_count == 100


async def test_two_processes_share_a_token(wire, make, redis_url, clock):
    """Two clients, each with a cache of its own on one Redis: one token for both."""
    async with (
        cachekit.connect(redis_url, clock=clock) as one,
        cachekit.connect(redis_url, clock=clock) as other,
    ):
        clients = [make(cache=one), make(cache=other)]
        await asyncio.gather(*(client.search(SEARCH) for client in clients * 20))
    assert wire["token"].call_count == 1
    assert {call.request.headers["Authorization"] for call in wire["search"].calls} == {"Bearer token-1"}


@pytest.mark.parametrize("code", [38190, 38192, 38193])
async def test_a_stale_token_is_renewed_once(wire, make, sleeper, code):
    """Invalid, expired and revoked tokens are cured by a new one, without waiting, and are no retry."""
    wire["search"].side_effect = [refusal(401, code), GOOD]
    assert await make(retries=0).search(SEARCH) == FOUND
    assert wire["search"].calls.last.request.headers["Authorization"] == "Bearer token-2"
    assert sleeper.naps == []


@pytest.mark.parametrize("shared", [False, True])
async def test_many_refusals_of_one_token_renew_it_once(wire, make, redis_url, clock, shared):
    """All callers of all processes see the 401 at once; one token is fetched."""

    def only_the_second(request):
        return GOOD if request.headers["Authorization"] == "Bearer token-2" else refusal(401, 38192)

    wire["search"].mock(side_effect=only_the_second)
    async with (
        cachekit.connect(redis_url, clock=clock) as one,
        cachekit.connect(redis_url, clock=clock) as other,
    ):
        clients = [make(cache=one), make(cache=other)] if shared else [make()]
        replies = await asyncio.gather(*(client.search(SEARCH) for client in clients * 25))
    assert replies == [FOUND] * len(replies)
    assert wire["token"].call_count == 2


@pytest.mark.parametrize(("code", "tokens"), [(38190, 2), (38191, 1)])
async def test_a_token_that_stays_refused_is_an_error(wire, make, code, tokens):
    """No endless renewal; and a malformed header is not the token's fault."""
    wire["search"].mock(return_value=refusal(401, code))
    with pytest.raises(AmadeusAuthError):
        await make().search(SEARCH)
    assert wire["token"].call_count == wire["search"].call_count == tokens


async def test_a_token_is_renewed_before_it_expires(wire, make, clock):
    """No search runs into a 401 for its age."""
    client = make()
    await client.search(SEARCH)
    clock.advance(1799 - 60)
    await client.search(SEARCH)
    tokens = [call.request.headers["Authorization"] for call in wire["search"].calls]
    assert tokens == ["Bearer token-1", "Bearer token-2"]


PASSING = {
    "429": refusal(429, 38194),
    "500": refusal(500, 141),
    "503": httpx.Response(503, text="<html>"),
    "connect": httpx.ConnectError("x"),
    "connect timeout": httpx.ConnectTimeout("x"),
    "read timeout": httpx.ReadTimeout("x"),
    "read": httpx.ReadError("x"),
    "cut": httpx.RemoteProtocolError("x"),
}


@pytest.mark.parametrize("endpoint", ["search", "token"])
@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
async def test_a_passing_fault_is_retried(wire, make, sleeper, fault, endpoint):
    """Rate limits, server faults and a lost connection are tried again after a wait; for the token, too."""
    good = httpx.Response(200, json=FOUND | {"access_token": "t", "expires_in": 60})
    wire[endpoint].side_effect = [fault, fault, good]
    assert (await make().search(SEARCH))["data"] == FOUND["data"]
    assert sleeper.naps == [0.25, 0.5]


LASTING = {
    "400": (refusal(400, 4926), AmadeusRequestError),
    "401": (refusal(401, 38191), AmadeusAuthError),
    "403": (refusal(403, 38197), AmadeusForbiddenError),
    "404": (refusal(404, 1797), AmadeusNotFoundError),
    "408": (httpx.Response(408), AmadeusUnavailable),
    "quota": (refusal(429, 38195), AmadeusQuotaError),
    "redirect": (httpx.Response(302, headers={"Location": "https://elsewhere.test"}), AmadeusReplyError),
    "html": (httpx.Response(200, text="<html>"), AmadeusReplyError),
    "errors": (httpx.Response(200, json={"errors": [{"code": 141}], "data": []}), AmadeusReplyError),
    "no list": (httpx.Response(200, json={"data": {}}), AmadeusReplyError),
}


@pytest.mark.parametrize("endpoint", ["search", "token"])
@pytest.mark.parametrize(("fault", "kind"), LASTING.values(), ids=LASTING)
async def test_a_lasting_fault_is_not_retried(wire, make, fault, kind, endpoint):
    """No 4xx, no spent quota, no redirect and no garbage is sent for again."""
    wire[endpoint].mock(return_value=fault)
    with pytest.raises(kind):
        await make().search(SEARCH)
    assert wire[endpoint].call_count == 1


async def test_the_last_fault_is_raised_when_retries_run_out(wire, make):
    """Two retries are three tries; the error says all that the service said."""
    said = {"detail": "try later", "source": {"parameter": "max"}}
    wire["search"].side_effect = [httpx.ConnectError("x"), refusal(500, 1), refusal(503, 38189, **said)]
    with pytest.raises(AmadeusServerError) as caught:
        await make().search(SEARCH)
    error = caught.value
    assert (error.status, error.code, error.title, error.detail) == (503, 38189, "NO", "try later")
    assert (error.source, error.request_id) == ({"parameter": "max"}, "request-7")
    assert wire["search"].call_count == 3


async def test_no_retry_is_begun_that_would_end_past_the_deadline(wire, make, sleeper):
    """The total timeout bounds the waiting too."""
    wire["search"].mock(return_value=refusal(503, 38189))
    with pytest.raises(AmadeusServerError):
        await make(total_timeout=1, backoff=1, retries=9).search(SEARCH)
    assert sleeper.naps == [0.5]


async def test_waits_are_drawn_from_the_full_range(wire, make, sleeper):
    """Full jitter: any time up to the bound, which doubles up to its maximum."""
    wire["search"].mock(return_value=refusal(503, 38189))
    draws = random.Random(1)
    with pytest.raises(AmadeusServerError):
        await make(retries=5, total_timeout=1000, max_backoff=2, random=draws.random).search(SEARCH)
    again = random.Random(1)
    assert sleeper.naps == [again.random() * bound for bound in (0.5, 1, 2, 2, 2)]


@pytest.mark.parametrize("endpoint", ["search", "token"])
async def test_an_answer_that_never_ends_is_cut_off(wire, make, endpoint):
    """The total timeout holds where a drip of bytes defeats the read timeout."""
    wire[endpoint].mock(side_effect=hang)
    with pytest.raises(AmadeusUnavailable, match=r"within 0\.01 s"):
        await make(total_timeout=0.01).search(SEARCH)


async def test_a_cancelled_search_leaves_nothing_behind(wire, make):
    """The connection's task ends with its caller."""
    started = asyncio.Event()

    async def begin(request):
        started.set()
        await hang(request)

    wire["search"].mock(side_effect=begin)
    before = asyncio.all_tasks()
    search = asyncio.create_task(make().search(SEARCH))
    await started.wait()
    search.cancel()
    await asyncio.wait({search})
    assert search.cancelled()
    assert asyncio.all_tasks() == before


async def test_a_spent_budget_sends_nothing(wire, make, cache):
    """Two clients share it; the one request too many is our own error."""
    limits = RequestLimits(per_month=3)
    clients = [make(cache=cache, limits=limits), make(cache=cache, limits=limits)]
    for client in (*clients, clients[0]):
        await client.search(SEARCH)
    for client in clients:
        with pytest.raises(AmadeusBudgetError):
            await client.search(SEARCH)
        with pytest.raises(AmadeusBudgetError):
            await make(cache=cache, limits=limits, share_token=False).search(SEARCH)
    assert (wire["search"].call_count, wire["token"].call_count) == (3, 1)
    assert (await clients[1].budget()).used == 3


async def test_other_credentials_have_a_budget_and_a_token_of_their_own(wire, make, cache):
    """A budget goes by host and client; a token by the office, too."""
    limits = RequestLimits(per_month=1)
    fields = {"guest_office_id": "LIS1A0000"}
    for options in ({}, {"client_id": "id2"}):
        await make(cache=cache, limits=limits, **options).search(SEARCH)
    with pytest.raises(AmadeusBudgetError):
        await make(cache=cache, limits=limits, extra_token_fields=fields).search(SEARCH)
    await make(cache=cache, extra_token_fields=fields).search(SEARCH)
    sent = [call.request.headers["Authorization"] for call in wire["search"].calls]
    assert sent == ["Bearer token-1", "Bearer token-2", "Bearer token-3"]


async def test_retries_count_against_the_budget(wire, make):
    """The service counts them, too; and the last one allowed is the last one sent."""
    wire["search"].mock(return_value=refusal(503, 38189))
    client = make(retries=9, total_timeout=1000, limits=RequestLimits(per_month=2))
    with pytest.raises(AmadeusBudgetError):
        await client.search(SEARCH)
    assert wire["search"].call_count == 2


async def test_a_spent_quota_closes_the_budget(wire, make, clock):
    """The service said so once: for five minutes nothing more is sent."""
    wire["search"].side_effect = [refusal(429, 38195), GOOD]
    client = make(limits=RequestLimits(per_month=100))
    kinds = []
    for _ in range(2):
        with pytest.raises(AmadeusQuotaError) as caught:
            await client.search(SEARCH)
        kinds.append(type(caught.value))
    assert kinds == [AmadeusQuotaError, AmadeusBudgetError]
    assert wire["search"].call_count == 1


async def test_turns_are_taken_for_retries_and_renewals_too(wire, make, sleeper):
    """Nothing goes out faster than the contract allows."""
    wire["search"].side_effect = [refusal(401, 38192), refusal(503, 38189), GOOD]
    await make(limits=RequestLimits(least_interval=4)).search(SEARCH)
    assert sleeper.naps == [4, 0.25, 3.75]


async def test_a_turn_past_the_deadline_is_an_error_at_once(wire, make, sleeper):
    """It is not waited for, and not tried again."""
    client = make(limits=RequestLimits(least_interval=100))
    await client.search(SEARCH)
    with pytest.raises(AmadeusRateLimitError, match="nothing was sent"):
        await client.search(SEARCH)
    assert (wire["search"].call_count, sleeper.naps) == (1, [])


async def test_without_redis_searches_go_on(wire, make):
    """Token, turns and budget are each process's own then."""
    async with cachekit.connect("redis://127.0.0.1:1", timeout=1) as cache:
        client = make(cache=cache, limits=RequestLimits(least_interval=0.1, per_month=3))
        for _ in range(3):
            assert await client.search(SEARCH) == FOUND
        with pytest.raises(AmadeusBudgetError):
            await client.search(SEARCH)
    assert wire["token"].call_count == 1


@pytest.mark.parametrize("status", [200, 400, 401, 429, 500])
async def test_no_secret_shows_anywhere(caplog, clock, status):
    """Not in a repr, an error or its cause, nor in a log, that of the HTTP library's requests included."""
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, logger="cachekit")
    hidden = [SECRET, "token-1", "token-2", "office-9", "header-9"]
    echo = b'{"errors": [{"code": 38190, "title": "%s", "detail": "x", "source": {"pointer": "%s"}}]}'
    said = f"{SECRET} TOKEN-N office-9 header-9".encode()
    async with Upstream() as upstream:
        upstream.reply = http(echo % (said, said), status=f"{status} Said", Ama_Request_Id="id header-9")
        async with AmadeusClient(
            upstream.url,
            "id",
            SECRET,
            extra_token_fields={"guest_office_id": "office-9"},
            extra_headers={"x-key": "header-9"},
            retries=1,
            backoff=0.001,
        ) as client:
            with pytest.raises(AmadeusError) as caught:
                await client.search(SEARCH)
            error, tokens, session = caught.value, client._tokens, client._session
            shown = f"{client!r} {client.identity} {error!r} {vars(error)} {error.__cause__!r}"
            shown += f"{tokens!r} {tokens._held!r} {session!r} {session._headers!r} {session._wire!r}"
    assert not [secret for secret in hidden if secret in shown + caplog.text]
    assert "flight-offers" in caplog.text


async def test_a_token_that_breaks_the_rules_of_http_is_not_quoted():
    """The HTTP library's error does; a traceback would show it as the cause."""
    async with Upstream() as upstream:
        upstream.reply = b"HTTP/1.1 200 OK\r\nTOKEN-N\r\n\r\n"
        async with AmadeusClient(upstream.url, "id", SECRET, retries=0) as client:
            with pytest.raises(AmadeusUnavailable) as caught:
                await client.search(SEARCH)
    assert "token-1" not in "".join(traceback.format_exception(caught.value))


async def test_the_token_is_asked_for_in_the_body_only(wire, make, caplog):
    """The HTTP library logs what it asks, and when: no secret is part of an address."""
    caplog.set_level(logging.INFO)
    await make(extra_token_fields={"guest_office_id": "office-9"}).search(SEARCH)
    lines = [record.getMessage() for record in caplog.records if record.name == "httpx"]
    assert lines[0] == f'HTTP Request: POST {HOST}/v1/security/oauth2/token "HTTP/1.1 200 OK"'
    assert len(lines) == 2


@pytest.mark.parametrize("fault", [httpx.ConnectError("x"), httpx.ConnectTimeout("x")])
async def test_an_outage_does_not_eat_the_budget(wire, make, cache, fault):
    """However often a host that is down is called, nothing was sent."""
    wire["search"].mock(side_effect=fault)
    client = make(cache=cache, limits=RequestLimits(per_month=2))
    for _ in range(3):
        with pytest.raises(AmadeusUnavailable):
            await client.search(SEARCH)
    assert (await client.budget()).used == 0
    wire["search"].mock(side_effect=httpx.ReadTimeout("x"))
    with pytest.raises(AmadeusBudgetError):
        await client.search(SEARCH)
    assert (await client.budget()).used == 2


async def test_a_hook_that_raises_for_a_status_changes_no_error(wire):
    """Who brings his own HTTP client may have it raise."""

    async def hook(response):
        response.raise_for_status()

    wire["search"].mock(side_effect=[refusal(503, 141), refusal(404, 1797)])
    async with (
        httpx.AsyncClient(event_hooks={"response": [hook]}) as http,
        AmadeusClient(HOST, "id", SECRET, http=http, backoff=0.001) as client,
    ):
        with pytest.raises(AmadeusNotFoundError):
            await client.search(SEARCH)
    assert wire["search"].call_count == 2


def test_a_second_event_loop_is_refused(wire):
    """By a text that says so, instead of a connection that belongs to a loop which is no more."""
    client = AmadeusClient(HOST, "id", SECRET)
    assert asyncio.run(client.search(SEARCH)) == FOUND
    with pytest.raises(RuntimeError, match="belongs to the event loop of its first call"):
        asyncio.run(client.search(SEARCH))

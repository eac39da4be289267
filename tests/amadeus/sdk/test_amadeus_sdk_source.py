"""The official SDK as a source: our requests, our errors, its client."""

import asyncio
import datetime as dt
import threading
from urllib.error import URLError

import amadeus
import pytest
from support.blocking import address
from support.upstream import Upstream, http

import cachekit
from cachekit.amadeus.client import AmadeusClient
from cachekit.amadeus.errors import (
    AmadeusAuthError,
    AmadeusForbiddenError,
    AmadeusQuotaError,
    AmadeusRateLimitError,
    AmadeusReplyError,
    AmadeusRequestError,
    AmadeusServerError,
    AmadeusUnavailable,
)
from cachekit.amadeus.params import (
    AirlineLookup,
    CheapestDates,
    FlightSearch,
    Leg,
    LocationSearch,
    MultiCitySearch,
)
from cachekit.amadeus.repository import AmadeusCacheRepository
from cachekit.amadeus.sandbox.faults import Fault
from cachekit.amadeus.sdk import SdkSource
from cachekit.amadeus.sdk.live import LiveClient, ThreadSafeToken

DAY = dt.date(2026, 12, 12)
GRU_LIS = FlightSearch(origin="GRU", destination="LIS", departure_date=DAY, non_stop=True, max_results=5)
JOURNEY = MultiCitySearch(legs=(Leg("GRU", "LIS", DAY),), max_results=3)


def client_of(url):
    return amadeus.Client(client_id="id", client_secret="the-secret", **address(url))


@pytest.fixture
async def source(sandbox):
    async with SdkSource(amadeus.Client(**sandbox.options)) as opened:
        yield opened


async def test_it_answers_as_the_asyncio_client_does(source, sandbox):
    """The same documents, out of the same requests, for every method."""
    options = sandbox.options
    url = f"http://{options['host']}:{options['port']}"
    async with AmadeusClient(url, options["client_id"], options["client_secret"]) as other:
        assert source.identity == other.identity
        search = await source.search(GRU_LIS)
        assert search == await other.search(GRU_LIS)
        for verb, request in (
            ("search", JOURNEY),
            ("locations", LocationSearch(keyword="LIS")),
            ("airlines", AirlineLookup(codes=("TP",))),
            ("cheapest_dates", CheapestDates(origin="MAD", destination="LIS")),
            ("price", search["data"][:1]),
        ):
            assert await getattr(source, verb)(request) == await getattr(other, verb)(request)


async def test_it_is_a_source_for_the_repository(source, sandbox, cache):
    """Many who search at once cost one call, and the rest are hits."""
    repository = AmadeusCacheRepository(cache, source)
    replies = await asyncio.gather(*(repository.search_flights(GRU_LIS) for _ in range(30)))
    assert all(reply == replies[0] for reply in replies)
    assert (await repository.search_flights_entry(GRU_LIS)).source != "load"
    assert sandbox.counts == {"token": 1, "flight-offers": 1}


async def test_different_calls_at_once_share_a_token(source, sandbox):
    """A plain client would fetch one for each thread."""
    await asyncio.gather(*(source.locations(LocationSearch(keyword=letter)) for letter in "ABCDEFGH"))
    assert sandbox.counts == {"token": 1, "locations": 8}


async def test_a_token_that_threads_share_already_is_kept(sandbox):
    """Two sources over one client do not fetch two."""
    client = amadeus.Client(**sandbox.options)
    async with SdkSource(client) as one, SdkSource(client) as other:
        await asyncio.gather(one.search(GRU_LIS), other.locations(LocationSearch(keyword="LIS")))
    assert isinstance(client.access_token, ThreadSafeToken)
    assert sandbox.counts["token"] == 1


async def test_a_pricing_says_that_it_only_reads():
    """By the header that the SDK sends with one spelling of the path only."""
    sent = []

    def send(request):
        sent.append(request)
        raise URLError("not today")

    client = amadeus.Client(client_id="id", client_secret="x", host="h", http=send)
    async with SdkSource(client) as source:
        client.access_token.access_token, client.access_token.expires_at = "token", 9e9
        with pytest.raises(AmadeusUnavailable):
            await source.price([{"type": "flight-offer", "id": "1"}])
    assert (sent[0].get_method(), sent[0].get_header("X-http-method-override")) == ("POST", "GET")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (477, AmadeusRequestError),
        (38197, AmadeusForbiddenError),
        (38194, AmadeusRateLimitError),
        (38195, AmadeusQuotaError),
        (141, AmadeusServerError),
    ],
)
async def test_an_error_becomes_ours(source, sandbox, code, kind):
    """With what the service said; the SDK's own is the cause."""
    sandbox.fail(Fault(code=code))
    with pytest.raises(kind) as caught:
        await source.search(GRU_LIS)
    error = caught.value
    assert (type(error), error.code) == (kind, code)
    assert error.title
    assert error.detail
    assert error.request_id
    assert isinstance(error.__cause__, amadeus.ResponseError)
    assert error.status == error.__cause__.response.status_code


async def test_what_the_service_points_at_is_told(source):
    """The parameter that is wrong."""
    past = FlightSearch(origin="GRU", destination="LIS", departure_date=dt.date(2020, 1, 1))
    with pytest.raises(AmadeusRequestError) as caught:
        await source.search(past)
    assert caught.value.code == 4926
    assert "departureDate" in str(caught.value.source)


async def test_wrong_credentials_are_told_without_the_secret(sandbox):
    """The token's error document is another than the rest."""
    options = {**sandbox.options, "client_secret": "not-the-one"}
    async with SdkSource(amadeus.Client(**options)) as source:
        with pytest.raises(AmadeusAuthError) as caught:
            await source.search(GRU_LIS)
        assert (caught.value.status, caught.value.code) == (401, 38187)
        assert "not-the-one" not in f"{caught.value} {caught.value!r} {source!r}"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (http(b"<html>", kind="text/html"), AmadeusReplyError),
        (http(b'{"data": ['), AmadeusReplyError),
        (http(b"\xff\xfe", kind="text/html"), AmadeusReplyError),
        (http(b"[1, 2]"), AmadeusReplyError),
        (http(b"7"), AmadeusReplyError),
        (http(b'{"data": {}}'), AmadeusReplyError),
        (http(b'{"data": ["x"]}'), AmadeusReplyError),
        (http(b'{"errors": [7]}'), AmadeusReplyError),
        (http(b'{"errors": [7]}', status="400 Bad Request"), AmadeusReplyError),
        (http(b'{"data": []}', kind="application/json; charset=utf-8"), AmadeusReplyError),
        (http(b"<html>", kind="text/html", status="502 Bad Gateway"), AmadeusServerError),
        (http(b"{", status="503 Unavailable"), AmadeusServerError),
        (b"HTTP/1.1 2", AmadeusUnavailable),
        (b"no HTTP at all\r\n\r\n", AmadeusUnavailable),
        (b"", AmadeusUnavailable),
    ],
)
async def test_what_is_no_answer_is_an_error_of_ours(reply, kind):
    """Also where the plain client lets a foreign exception through."""
    async with Upstream() as upstream, SdkSource(client_of(upstream.url)) as source:
        upstream.reply = reply
        with pytest.raises(kind) as caught:
            await source.search(GRU_LIS)
        assert type(caught.value) is kind
        assert caught.value.__cause__ is not None


async def test_a_page_instead_of_an_answer_is_called_that():
    """Though its status says that all is well."""
    async with Upstream() as upstream, SdkSource(client_of(upstream.url)) as source:
        upstream.reply = http(b"<html>", kind="text/html")
        with pytest.raises(AmadeusReplyError, match="not JSON"):
            await source.search(GRU_LIS)


async def test_an_answer_without_a_body_is_none():
    """Which the SDK takes for a success."""
    async with Upstream() as upstream:
        upstream.reply = http(b"", status="204 No Content")
        client = LiveClient(client_id="id", client_secret="x", **address(upstream.url))
        async with SdkSource(client) as source:
            with pytest.raises(AmadeusReplyError):
                await source.search(GRU_LIS)


async def test_an_echoed_secret_is_struck_out():
    """Some services quote what they were sent."""
    body = b'{"errors": [{"code": 1, "title": "the-secret", "detail": "Bearer token-1"}]}'
    async with Upstream() as upstream, SdkSource(client_of(upstream.url)) as source:
        upstream.reply = http(body, status="400 Bad Request")
        with pytest.raises(AmadeusRequestError) as caught:
            await source.search(GRU_LIS)
        assert "the-secret" not in f"{caught.value} {caught.value.title}"
        assert "token-1" not in f"{caught.value} {caught.value.detail}"


async def test_a_service_that_cannot_be_reached_is_unavailable():
    """The text says how, and not where."""
    async with SdkSource(client_of("http://127.0.0.1:1")) as source:
        with pytest.raises(AmadeusUnavailable, match="ConnectionRefusedError"):
            await source.search(GRU_LIS)


async def test_a_caller_who_is_cancelled_goes_at_once():
    """The blocking call he leaves behind ends by itself."""
    entered, leave = threading.Event(), threading.Event()

    def send(request):
        entered.set()
        leave.wait()
        raise URLError("late")

    client = amadeus.Client(client_id="id", client_secret="x", host="h", http=send)
    async with SdkSource(client) as source:
        task = asyncio.create_task(source.search(GRU_LIS))
        await asyncio.to_thread(entered.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        leave.set()


async def test_after_closing_it_is_unavailable(source):
    """It takes no more calls."""
    source.close()
    with pytest.raises(AmadeusUnavailable, match="closed"):
        await source.search(GRU_LIS)


def test_less_than_one_thread_is_refused():
    """Nothing would ever be sent."""
    with pytest.raises(cachekit.ConfigurationError, match="threads=0"):
        SdkSource(client_of("http://127.0.0.1:1"), threads=0)

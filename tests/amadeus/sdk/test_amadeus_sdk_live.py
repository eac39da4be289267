"""The official client made fit for threads: its token, its transport, its logger."""

import asyncio
import logging
import socket
import subprocess
import sys
import threading
from types import SimpleNamespace
from urllib.error import URLError

import amadeus
import pytest
from support.blocking import address, in_threads
from support.upstream import Upstream
from support.upstream import http as reply

from cachekit.amadeus.sdk.live import LiveClient, ThreadSafeToken


def live(url, **options):
    return LiveClient(client_id="id", client_secret="the-secret", **address(url), **options)


async def get(client):
    return await asyncio.to_thread(client.get, "/v1/any/thing", a="b c", page={"limit": 3})


class Tokens:
    """The part of an SDK client that its token uses; counts fetches, and lets the test end each."""

    client_id = client_secret = "x"

    def __init__(self):
        self.fetches = 0
        self.began, self.may_end = threading.Event(), threading.Event()
        self.fail = lambda: None
        self.lifetime = 1799

    def _unauthenticated_request(self, verb, path, params):
        self.fetches += 1
        self.began.set()
        number = self.fetches
        self.may_end.wait()
        if (error := self.fail()) is not None:
            raise error
        return SimpleNamespace(result={"access_token": f"t{number}", "expires_in": self.lifetime})


def watched(token):
    """Released once for each thread that waits for the fetch that is under way."""
    fetch, waits = token._gate().fetch, threading.Semaphore(0)
    result = fetch.result

    def wait():
        waits.release()
        return result()

    fetch.result = wait
    return waits


@pytest.fixture
def tokens():
    return Tokens()


@pytest.fixture
def token(tokens):
    return ThreadSafeToken(tokens)


# The token


def test_threads_that_need_a_token_at_once_fetch_one(token, tokens):
    """And later ones none."""
    tokens.may_end.set()
    assert in_threads([token._bearer_token] * 30) == ["Bearer t1"] * 30
    assert token._bearer_token() == "Bearer t1"
    assert tokens.fetches == 1


def test_a_token_about_to_expire_is_fetched_anew(token, tokens):
    """The SDK's own buffer of ten seconds holds."""
    tokens.may_end.set()
    tokens.lifetime = ThreadSafeToken.TOKEN_BUFFER - 1
    assert [token._bearer_token() for _ in range(2)] == ["Bearer t1", "Bearer t2"]


def test_after_a_fetch_that_failed_the_next_tries_again(token, tokens):
    """A failure is not kept."""
    tokens.may_end.set()
    errors = iter([LookupError("no token today")])
    tokens.fail = lambda: next(errors, None)
    with pytest.raises(LookupError):
        token._bearer_token()
    assert token._bearer_token() == "Bearer t2"


def test_who_waits_for_a_fetch_that_fails_does_not_fetch(token, tokens):
    """Ten threads do not ask a service that is down one after the other."""
    tokens.fail = lambda: LookupError("no token today")
    errors = []

    def ask():
        try:
            token._bearer_token()
        except LookupError as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(10)]
    threads[0].start()
    tokens.began.wait()
    waits = watched(token)
    for thread in threads[1:]:
        thread.start()
    for _ in threads[1:]:
        waits.acquire()
    tokens.may_end.set()
    for thread in threads:
        thread.join()
    assert tokens.fetches == 1
    assert len({id(error) for error in errors}) == 10


def test_after_an_interrupted_fetch_another_thread_fetches(token, tokens):
    """Ctrl-C in one thread is not the others' error."""
    interrupts = iter([KeyboardInterrupt()])
    tokens.fail = lambda: next(interrupts, None)
    results = []

    def interrupted():
        with pytest.raises(KeyboardInterrupt):
            token._bearer_token()

    first = threading.Thread(target=interrupted)
    first.start()
    tokens.began.wait()
    waits = watched(token)
    second = threading.Thread(target=lambda: results.append(token._bearer_token()))
    second.start()
    waits.acquire()
    tokens.may_end.set()
    first.join()
    second.join()
    assert results == ["Bearer t2"]


def test_only_the_token_that_was_refused_is_discarded(token, tokens):
    """A newer one, fetched meanwhile by somebody else, stays."""
    tokens.may_end.set()
    old = token._bearer_token()
    token.discard(old)
    new = token._bearer_token()
    token.discard(old)
    assert token._bearer_token() == new == "Bearer t2"


FORK = """
import os, signal
from types import SimpleNamespace
from cachekit.amadeus.sdk.live import ThreadSafeToken

class Client:
    client_id = client_secret = "x"
    def _unauthenticated_request(self, verb, path, params):
        return SimpleNamespace(result={"access_token": "t", "expires_in": 1799})

token = ThreadSafeToken(Client())
token._gate().lock.acquire()
child = os.fork()
if child == 0:
    signal.alarm(30)
    os._exit(token._bearer_token() != "Bearer t")
assert os.waitpid(child, 0)[1] == 0
"""


def test_a_fork_amid_a_fetch_does_not_block_the_child():
    """Whoever held the lock is not there to let go of it."""
    run = subprocess.run([sys.executable, "-W", "error", "-c", FORK], check=False, capture_output=True)
    assert (run.returncode, run.stderr) == (0, b"")


async def test_a_refused_token_is_renewed_once():
    """A service that takes none at all is not asked for ever."""
    body = b'{"errors": [{"code": 38192, "title": "expired"}]}'
    async with Upstream() as upstream:
        upstream.reply = reply(body, status="401 Unauthorized")
        with pytest.raises(amadeus.AuthenticationError):
            await get(live(upstream.url))
        assert (upstream.searches, len(upstream.asked)) == (2, 4)


@pytest.mark.parametrize(
    "body", [b'{"errors": [{"code": 38187}]}', b'{"errors": []}', b'{"error": "no"}', b"<html>"]
)
async def test_another_refusal_is_not_tried_again(body):
    """A new token would not help."""
    async with Upstream() as upstream:
        upstream.reply = reply(body, status="401 Unauthorized")
        with pytest.raises(amadeus.ResponseError):
            await get(live(upstream.url))
        assert upstream.searches == 1


# The transport


async def test_a_request_is_the_sdks_own():
    """Nested params and all."""
    async with Upstream() as upstream:
        response = await get(live(upstream.url))
        assert response.data == []
        assert upstream.asked[-1] == "GET /v1/any/thing?a=b+c&page%5Blimit%5D=3 HTTP/1.1"


async def test_a_service_that_never_answers_ends_in_a_network_error():
    """The SDK's own transport would wait for ever."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = live(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.05)
        with pytest.raises(amadeus.NetworkError):
            await get(client)


async def test_a_redirect_is_not_followed():
    """The token would go with it."""
    async with Upstream() as upstream, Upstream() as elsewhere:
        upstream.reply = reply(b"", status="302 Found", Location=f"{elsewhere.url}/v1/any/thing")
        with pytest.raises(amadeus.ParserError) as caught:
            await get(live(upstream.url))
        assert caught.value.response.status_code == 302
        assert elsewhere.asked == []


TOO_LONG = b'{"data": [], "filler": "' + b"x" * 1000 + b'"}'


@pytest.mark.parametrize("status", ["200 OK", "500 Oh"])
async def test_a_reply_that_is_too_long_is_not_read(status):
    """Whether it is a success or not."""
    async with Upstream() as upstream:
        upstream.reply = reply(TOO_LONG, status=status)
        for bound, error in ((len(TOO_LONG) - 1, amadeus.NetworkError), (len(TOO_LONG), amadeus.ServerError)):
            client = live(upstream.url, max_reply_bytes=bound)
            outcome = (await asyncio.gather(get(client), return_exceptions=True))[0]
            if status == "200 OK" and bound == len(TOO_LONG):
                assert outcome.data == []
            else:
                assert type(outcome) is error


@pytest.mark.parametrize("broken", [b"", b"HTTP/1.1 2", b"hello\r\n\r\n", reply(b'{"data": []}')[:-1]])
async def test_every_fault_of_the_exchange_is_a_network_error(broken):
    """Also those that the SDK's own transport raises as foreign exceptions."""
    async with Upstream() as upstream:
        upstream.reply = broken
        with pytest.raises(amadeus.NetworkError) as caught:
            await get(live(upstream.url))
        assert isinstance(caught.value.response.http_response, URLError)
        assert "the-secret" not in repr(caught.value)


async def test_foreign_letters_on_an_error_page_are_no_second_error():
    """The status says enough."""
    async with Upstream() as upstream:
        upstream.reply = reply(b"\xff<html>", kind="text/html", status="502 Bad Gateway")
        with pytest.raises(amadeus.ServerError):
            await get(live(upstream.url))


async def test_a_proxy_of_the_environment_is_for_other_hosts_than_this(monkeypatch):
    """No proxy can reach our loopback."""
    async with Upstream() as upstream, Upstream() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        await get(live(upstream.url))
        assert (upstream.searches, proxy.asked) == (1, [])
        await get(live("http://amadeus.invalid:80"))
        assert proxy.asked[-1].startswith("GET http://amadeus.invalid/v1/any/thing?")


def test_a_transport_of_ones_own_is_used():
    """As the SDK's option `http` says."""
    asked = []

    def send(request):
        asked.append(request.full_url)
        raise URLError("not today")

    with pytest.raises(amadeus.NetworkError):
        live("http://h:1", http=send).get("/v1/any/thing")
    assert asked == ["http://h:1/v1/security/oauth2/token"]


# The logger


def test_clients_add_one_handler_between_them(sdk_logger):
    """The SDK adds one each time."""
    sdk_logger.handlers.clear()
    for _ in range(3):
        live("http://h:1")
    assert len(sdk_logger.handlers) == 1


def test_a_handler_of_ones_own_stays_the_only_one(sdk_logger):
    """Whoever has set the logger up gets every line once."""
    own = logging.NullHandler()
    sdk_logger.handlers[:] = [own]
    in_threads([lambda: live("http://h:1")] * 5)
    assert sdk_logger.handlers == [own]

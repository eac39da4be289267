"""One access token for all: fetched once, renewed ahead, never leaked."""

import asyncio

import httpx
import pytest

from cachekit.amadeus.errors import AmadeusAuthError, AmadeusReplyError, AmadeusUnavailable
from cachekit.amadeus.token import TokenProvider

URL = "http://amadeus.test/v1/security/oauth2/token"


class TokenServer:
    """Answers with token-1, token-2, …; holds answers back while `gate` is closed."""

    def __init__(self):
        self.asked = 0
        self.forms = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.reply = None
        self.lifetime = 1799

    async def __call__(self, request):
        self.asked += 1
        self.forms.append(dict(httpx.QueryParams(request.content.decode())))
        await self.gate.wait()
        if self.reply is not None:
            return self.reply
        return httpx.Response(200, json={"access_token": f"token-{self.asked}", "expires_in": self.lifetime})


@pytest.fixture
def server():
    return TokenServer()


@pytest.fixture
async def tokens(server, clock):
    async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as http:
        provider = TokenProvider(
            http,
            URL,
            "id",
            "the-secret",
            extra_fields={"guest_office_id": "LIS1A0000"},
            timeout=httpx.Timeout(5),
            total_timeout=5,
            clock=clock.monotonic,
        )
        yield provider
        await provider.aclose()


async def settle():
    """Let every task that can run do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_the_form_is_the_client_credentials_grant(tokens, server):
    """Grant type, id, secret, and the contract's further fields are sent."""
    assert await tokens.get() == "token-1"
    assert server.forms == [
        {
            "grant_type": "client_credentials",
            "client_id": "id",
            "client_secret": "the-secret",
            "guest_office_id": "LIS1A0000",
        }
    ]


async def test_a_thousand_callers_fetch_one_token(tokens, server):
    """Coroutines that ask at once share one fetch."""
    assert set(await asyncio.gather(*(tokens.get() for _ in range(1000)))) == {"token-1"}
    assert server.asked == 1


async def test_a_token_is_kept_until_shortly_before_its_end(tokens, server, clock):
    """It is renewed a minute ahead, so that none expires on its way."""
    await tokens.get()
    clock.advance(1738)
    assert await tokens.get() == "token-1"
    clock.advance(1)
    assert await tokens.get() == "token-2"


async def test_a_short_lived_token_is_used_for_most_of_its_life(tokens, server, clock):
    """A lifetime under a minute does not mean a fetch for each request."""
    server.lifetime = 10
    await tokens.get()
    clock.advance(8.9)
    assert await tokens.get() == "token-1"


async def test_a_cancelled_caller_leaves_the_fetch_to_the_others(tokens, server):
    """The fetch belongs to the provider, even if its first caller gives up."""
    server.gate.clear()
    first = asyncio.create_task(tokens.get())
    await settle()
    second = asyncio.create_task(tokens.get())
    await settle()
    first.cancel()
    await settle()
    server.gate.set()
    assert await second == "token-1"
    assert first.cancelled()
    assert server.asked == 1


async def test_an_invalidated_token_is_fetched_anew_once(tokens, server):
    """Many callers that saw the same refusal cause one fetch."""
    refused = await tokens.get()

    async def retry():
        tokens.invalidate(refused)
        return await tokens.get()

    assert set(await asyncio.gather(*(retry() for _ in range(50)))) == {"token-2"}
    assert server.asked == 2


async def test_an_old_refusal_does_not_drop_a_newer_token(tokens, server):
    """Only the token that was refused is forgotten."""
    await tokens.get()
    tokens.invalidate("some-older-token")
    assert await tokens.get() == "token-1"


async def test_waiters_get_errors_of_their_own(tokens, server):
    """A failed fetch is raised once for each waiter, and the next call tries again."""
    server.reply = httpx.Response(401, json={"error": "invalid_client", "code": 38187})
    caught = await asyncio.gather(*(tokens.get() for _ in range(3)), return_exceptions=True)
    assert {type(error) for error in caught} == {AmadeusAuthError}
    assert len({id(error) for error in caught}) == 3
    assert server.asked == 1
    server.reply = None
    assert await tokens.get() == "token-2"


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"access_token": "x"}',
        b'{"access_token": "x", "expires_in": "soon"}',
        b'{"access_token": "x", "expires_in": 0}',
        b'{"access_token": "two words", "expires_in": 10}',
        b'{"access_token": 7, "expires_in": 10}',
    ],
)
async def test_a_malformed_token_reply_is_a_typed_error(tokens, server, body):
    """Nothing that is no token is used as one."""
    server.reply = httpx.Response(200, content=body)
    with pytest.raises(AmadeusReplyError):
        await tokens.get()


async def test_closing_stops_a_fetch_and_fails_its_waiters(tokens, server):
    """Waiters get an error, not a cancellation they did not ask for."""
    server.gate.clear()
    waiter = asyncio.create_task(tokens.get())
    await settle()
    await tokens.aclose()
    with pytest.raises(AmadeusUnavailable):
        await waiter
    with pytest.raises(AmadeusUnavailable):
        await tokens.get()


async def test_neither_repr_nor_error_shows_the_secret(tokens, server):
    """The secret stays inside even when the service echoes it."""
    server.reply = httpx.Response(401, json={"error": "invalid_client", "error_description": "the-secret"})
    with pytest.raises(AmadeusAuthError) as caught:
        await tokens.get()
    server.reply = None
    token = await tokens.get()
    shown = f"{tokens!r} {caught.value} {vars(caught.value)} {tokens._token!r}"
    assert "the-secret" not in shown
    assert token not in shown

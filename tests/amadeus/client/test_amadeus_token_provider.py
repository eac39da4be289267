"""One access token for all callers of a process: fetched once, renewed ahead, dropped when refused."""

import asyncio

import pytest

from cachekit.amadeus.client.token import Token
from cachekit.amadeus.client.token_provider import TokenProvider
from cachekit.amadeus.errors import AmadeusAuthError, AmadeusUnavailable


class Endpoint:
    """Gives token-1, token-2, …; holds them back while `gate` is closed, and fails with `error`."""

    def __init__(self):
        self.asked = 0
        self.good_for = 1739
        self.error = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self):
        self.asked += 1
        number = self.asked
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Token(f"token-{number}", self.good_for)


@pytest.fixture
def endpoint():
    return Endpoint()


@pytest.fixture
async def tokens(endpoint, clock):
    provider = TokenProvider(endpoint, total_timeout=5, clock=clock.monotonic)
    yield provider
    await provider.aclose()


class Shared:
    """Notes which token each fetch must not bring again."""

    def __init__(self):
        self.refused = []

    async def get(self, fetch, *, refused):
        self.refused.append(refused)
        return await fetch()


async def settle():
    """Let every task that can run do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_thousand_callers_fetch_one_token(tokens, endpoint):
    """Coroutines that ask at once share one fetch."""
    assert set(await asyncio.gather(*(tokens.get() for _ in range(1000)))) == {"token-1"}
    assert endpoint.asked == 1


async def test_a_token_is_kept_for_as_long_as_it_is_good(tokens, clock):
    """And renewed then, which is before it expires."""
    await tokens.get()
    clock.advance(1738)
    assert await tokens.get() == "token-1"
    clock.advance(1)
    assert await tokens.get() == "token-2"


async def test_a_token_that_is_hardly_good_is_used_once(tokens, endpoint):
    """Who waited for it gets it, whatever its lifetime."""
    endpoint.good_for = 0
    assert [await tokens.get(), await tokens.get()] == ["token-1", "token-2"]


async def test_a_cancelled_caller_leaves_the_fetch_to_the_others(tokens, endpoint):
    """The fetch belongs to the provider, even if its first caller gives up."""
    endpoint.gate.clear()
    first = asyncio.create_task(tokens.get())
    await settle()
    second = asyncio.create_task(tokens.get())
    await settle()
    first.cancel()
    await settle()
    endpoint.gate.set()
    assert await second == "token-1"
    assert first.cancelled()
    assert endpoint.asked == 1


async def test_a_refused_token_is_fetched_anew_once(tokens, endpoint):
    """Many callers that saw the same refusal cause one fetch."""
    refused = await tokens.get()

    async def retry():
        tokens.discard(refused)
        return await tokens.get()

    assert set(await asyncio.gather(*(retry() for _ in range(50)))) == {"token-2"}
    assert endpoint.asked == 2


async def test_a_refused_token_is_not_taken_from_the_others_again(endpoint, clock):
    """Where it is shared, it is told which one is not wanted."""
    shared = Shared()
    tokens = TokenProvider(endpoint, shared=shared, total_timeout=5, clock=clock.monotonic)
    tokens.discard(await tokens.get())
    assert await tokens.get() == "token-2"
    assert shared.refused == [None, "token-1"]


async def test_an_old_refusal_does_not_drop_a_newer_token(tokens):
    """Only the token that was refused is forgotten."""
    await tokens.get()
    tokens.discard("some-older-token")
    assert await tokens.get() == "token-1"


async def test_waiters_get_errors_of_their_own(tokens, endpoint):
    """A failed fetch is raised once for each waiter, and the next call tries again."""
    endpoint.error = AmadeusAuthError("no", status=401)
    caught = await asyncio.gather(*(tokens.get() for _ in range(3)), return_exceptions=True)
    assert {(type(error), error.status) for error in caught} == {(AmadeusAuthError, 401)}
    assert len({id(error) for error in caught}) == 3
    assert endpoint.asked == 1
    endpoint.error = None
    assert await tokens.get() == "token-2"


async def test_a_fetch_that_never_ends_is_cut_off(endpoint, clock):
    """The total timeout holds for it, too."""
    endpoint.gate.clear()
    tokens = TokenProvider(endpoint, total_timeout=0.01, clock=clock.monotonic)
    with pytest.raises(AmadeusUnavailable, match=r"no token from Amadeus within 0\.01 s"):
        await tokens.get()


async def test_closing_stops_a_fetch_and_fails_its_waiters(tokens, endpoint):
    """Waiters get an error, not a cancellation they did not ask for."""
    endpoint.gate.clear()
    waiter = asyncio.create_task(tokens.get())
    await settle()
    await tokens.aclose()
    with pytest.raises(AmadeusUnavailable):
        await waiter
    with pytest.raises(AmadeusUnavailable):
        await tokens.get()


async def test_a_token_is_in_no_repr(tokens):
    """Neither the provider's nor that of what it holds."""
    token = await tokens.get()
    assert token not in f"{tokens!r} {tokens._held!r}"


async def test_a_fetch_that_was_cancelled_before_it_began_is_no_end(tokens):
    """Who cancels all tasks, as a shutdown does, fails the callers of now and not those to come."""
    waiter = asyncio.create_task(tokens.get())
    await asyncio.sleep(0)
    tokens._fetching.cancel()
    with pytest.raises(AmadeusUnavailable, match="cancelled"):
        await waiter
    assert await tokens.get() == "token-1"

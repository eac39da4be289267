"""One access token for all processes, sealed in Redis."""

import asyncio
import re
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from support.flight_wire import SECRET
from support.servers import Server, until

import cachekit
from cachekit.amadeus.client.shared_token import REMOVE, SharedToken, derive
from cachekit.amadeus.client.token import Token
from cachekit.amadeus.errors import AmadeusAuthError

pytest_plugins = ["support.server_fixtures"]

SCOPE = {"url": "https://amadeus.test/token", "client_id": "id"}


class Endpoint:
    """Gives token-1, token-2, …, and counts."""

    def __init__(self):
        self.asked = 0
        self.good_for = 1739.0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self):
        self.asked += 1
        number = self.asked
        await self.gate.wait()
        return Token(f"token-{number}", self.good_for)


@pytest.fixture
def endpoint():
    return Endpoint()


@pytest.fixture
async def other_cache(redis_url, clock):
    """What another process would have open."""
    async with cachekit.connect(redis_url, clock=clock) as opened:
        yield opened


@pytest.fixture
def shared(cache):
    return SharedToken(cache, secret=SECRET, scope=SCOPE)


@pytest.fixture
def other(other_cache):
    return SharedToken(other_cache, secret=SECRET, scope=SCOPE)


async def everything(cache):
    """All keys and values, as one who reads Redis sees them."""
    keys = [key async for batch in cache.store.scan("amadeus_token:*") for key in batch]
    return keys, b" ".join(keys + [await cache.store.get(key.decode()) for key in keys])


async def test_two_processes_fetch_one_token(shared, other, endpoint):
    """Who comes second waits for the first one's lease, and gets the same token."""
    endpoint.gate.clear()
    both = asyncio.gather(*(each.get(endpoint, refused=None) for each in (shared, other) * 20))
    await until(lambda: endpoint.asked, "the fetch")
    endpoint.gate.set()
    assert {token.value for token in await both} == {"token-1"}
    assert endpoint.asked == 1


async def test_a_later_process_learns_how_long_the_token_is_good(shared, other, endpoint, clock):
    """Not for longer than the first one was told."""
    await shared.get(endpoint, refused=None)
    clock.advance(700)
    assert (await other.get(endpoint, refused=None)).good_for == pytest.approx(1039)
    clock.advance(1040)
    assert (await other.get(endpoint, refused=None)).value == "token-2"


async def test_redis_holds_it_only_sealed(shared, endpoint, cache):
    """Who reads Redis sees neither token, nor secret, nor client; and the keys lie in their own namespace."""
    await shared.get(endpoint, refused=None)
    keys, seen = await everything(cache)
    assert [bool(re.fullmatch(rb"amadeus_token:[0-9a-f]{32}", key)) for key in keys] == [True]
    assert not re.search(rb"token-1|the-secret|client|amadeus\.test", seen)
    assert not [key async for batch in cache.store.scan("amadeus_cache:*") for key in batch]


@pytest.mark.parametrize(
    ("secret", "scope"),
    [
        ("another-secret", SCOPE),
        (SECRET, SCOPE | {"client_id": "id2"}),
        (SECRET, SCOPE | {"field guest_office_id": "LIS1A0000"}),
        (SECRET, SCOPE | {"url": "https://other.test/token"}),
    ],
)
async def test_other_credentials_have_a_token_of_their_own(shared, other_cache, endpoint, secret, scope):
    """A changed secret, client, office or host never gets another's token."""
    await shared.get(endpoint, refused=None)
    stranger = SharedToken(other_cache, secret=secret, scope=scope)
    assert (await stranger.get(endpoint, refused=None)).value == "token-2"


async def test_a_refused_token_is_replaced_once_for_all(shared, other, endpoint):
    """Both processes hear of the refusal; one fetches."""
    refused = (await shared.get(endpoint, refused=None)).value
    await other.get(endpoint, refused=None)
    renewed = await asyncio.gather(*(each.get(endpoint, refused=refused) for each in (shared, other) * 10))
    assert {token.value for token in renewed} == {"token-2"}
    assert endpoint.asked == 2


async def test_a_late_refusal_does_not_remove_the_new_token(shared, other, endpoint):
    """Who hears last of the refusal finds the token that replaced the refused one."""
    await shared.get(endpoint, refused=None)
    await shared.get(endpoint, refused="token-1")
    assert (await other.get(endpoint, refused="token-1")).value == "token-2"
    assert endpoint.asked == 2


class Overtaken:
    """A namespace in which something happens between the first reading and what its reader does next."""

    def __init__(self, tokens, happens):
        self.get_entry = tokens.get_entry
        self.delete = tokens.delete
        self._tokens = tokens
        self._happens = [happens]

    async def get_or_set_entry(self, key, factory):
        entry = await self._tokens.get_or_set_entry(key, factory)
        if self._happens:
            await self._happens.pop()()
        return entry


async def test_a_token_replaced_meanwhile_is_not_removed(shared, other, endpoint):
    """Both have read the refused one; who is slower takes the other's new one."""
    await shared.get(endpoint, refused=None)
    shared._tokens = Overtaken(shared._tokens, lambda: other.get(endpoint, refused="token-1"))
    assert (await shared.get(endpoint, refused="token-1")).value == "token-2"
    assert endpoint.asked == 2


async def test_only_what_was_read_is_removed(cache):
    """The script compares, since there is time between its caller's reading and its own."""
    await cache.store.set("amadeus_token:x", b"new", px=60_000)
    assert await cache.store.run_script(REMOVE, "amadeus_token:x", b"old") == 0
    assert await cache.store.get("amadeus_token:x") == b"new"
    assert await cache.store.run_script(REMOVE, "amadeus_token:x", b"new") == 1


async def test_an_endpoint_that_gives_the_refused_token_again_is_not_asked_for_ever(shared, endpoint):
    """What was fetched just now is tried."""
    assert (await shared.get(endpoint, refused="token-1")).value == "token-1"
    assert endpoint.asked == 1


@pytest.mark.parametrize("value", ["no base64", "c2VhbGVkIGJ5IG5vYm9keQ==", 7, None, {"a": 1}])
async def test_what_was_not_sealed_by_us_is_replaced(shared, other, endpoint, cache, value):
    """Who writes to Redis can make us fetch, and nothing else."""
    await shared.get(endpoint, refused=None)
    (key,), _ = await everything(cache)
    await cache.namespace("amadeus_token").set(key.decode(), value)
    assert (await shared.get(endpoint, refused=None)).value == "token-2"
    assert (await other.get(endpoint, refused=None)).value == "token-2"


async def test_a_sealed_token_cannot_be_moved(shared, other_cache, endpoint, cache):
    """It opens under its own key only."""
    await shared.get(endpoint, refused=None)
    keys, _ = await everything(cache)
    stranger = SharedToken(other_cache, secret=SECRET, scope=SCOPE | {"client_id": "id2"})
    tokens = cache.namespace("amadeus_token")
    await tokens.set(stranger._key, await tokens.get(keys[0].decode()))
    assert (await stranger.get(endpoint, refused=None)).value == "token-2"


async def test_a_token_that_is_hardly_good_is_not_shared(shared, endpoint, cache):
    """Its callers get it, and nobody else."""
    endpoint.good_for = 0.0
    assert (await shared.get(endpoint, refused=None)).value == "token-1"
    assert (await everything(cache))[0] == []


async def test_an_error_is_raised_to_all_and_not_shared(shared, endpoint):
    """The next one asks again."""

    async def refuse():
        raise AmadeusAuthError("no", status=401)

    with pytest.raises(AmadeusAuthError):
        await shared.get(refuse, refused=None)
    assert (await shared.get(endpoint, refused=None)).value == "token-1"


async def test_without_redis_each_process_fetches_its_own(endpoint):
    """An outage of the cache stops nobody, before the first token or after."""
    async with cachekit.connect("redis://127.0.0.1:1", timeout=1) as cache:
        shared = SharedToken(cache, secret=SECRET, scope=SCOPE)
        assert (await shared.get(endpoint, refused=None)).value == "token-1"
        assert (await shared.get(endpoint, refused="token-1")).value == "token-2"


async def test_redis_may_go_and_come_back(standalone: Server, endpoint, clock):
    """While it is away the token is fetched; afterwards it is shared again."""
    async with cachekit.connect(standalone.url, clock=clock, timeout=1) as cache:
        shared = SharedToken(cache, secret=SECRET, scope=SCOPE)
        await shared.get(endpoint, refused=None)
        with standalone.dead():
            assert (await shared.get(endpoint, refused=None)).value == "token-2"
        await until_up(cache)
        assert (await shared.get(endpoint, refused=None)).value == "token-3"
        assert (await shared.get(endpoint, refused=None)).value == "token-3"


async def until_up(cache):
    while not (await cache.health()).up:
        await asyncio.sleep(0.01)


async def test_a_closed_cache_leaves_the_client_alone(cache, shared, endpoint):
    """The client outlives its cache, and fetches by itself."""
    await cache.aclose()
    assert (await shared.get(endpoint, refused=None)).value == "token-1"


@pytest.mark.parametrize("secret", ["s", "the-secret", "é" * 100])
def test_keys_are_derived_as_rfc_5869_says(secret):
    """HKDF with SHA-256; another implementation gives the same 32 bytes."""
    expected = HKDF(SHA256(), 32, b"salt", b"purpose").derive(secret.encode())
    assert derive(secret, b"salt", b"purpose") == expected


def test_without_cryptography_the_extra_is_named(root):
    """Rather than keeping a token in plain sight, or in silence fetching one for each process."""
    program = """
import asyncio, sys
sys.modules["cryptography"] = None
import cachekit
from cachekit.amadeus.client import AmadeusClient
async def main():
    async with cachekit.connect("redis://127.0.0.1:1") as cache:
        await AmadeusClient("http://127.0.0.1:1", "id", "s", cache=cache, share_token=False).aclose()
        try:
            AmadeusClient("http://127.0.0.1:1", "id", "s", cache=cache)
        except cachekit.ConfigurationError as error:
            print(error)
asyncio.run(main())
"""
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=root, check=True, capture_output=True, text=True
    )
    assert "cachekit-toolkit[encryption]" in run.stdout
    assert "share_token=False" in run.stdout

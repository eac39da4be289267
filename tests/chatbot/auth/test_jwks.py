"""The issuer's keys over real HTTP: one request for many, old ones if it is away, never more than needed."""

import asyncio
import gzip
import json

import pytest
from aiohttp import web
from support.issuer import key_for, public_jwk, signed

from cachekit.testing import ManualClock
from chatbot.auth import JwksKeys, TokenVerifier
from chatbot.auth.jwks import MAX_BODY
from chatbot.errors import AuthError, SettingsError

FIRST = key_for("RS256")
SECOND = key_for("RS256", "second")


@pytest.fixture
async def keys(issuer, clock):
    async with JwksKeys(
        issuer.url, lifetime=300, stale_for=3_600, cool_down=10, timeout=5, clock=clock
    ) as opened:
        yield opened


async def outcome(keys, kid="first"):
    """Whether the key is found, or the code of the refusal."""
    try:
        return await keys.find(kid, "RS256") is not None
    except AuthError as error:
        return error.code


async def settled(issuer, requests):
    """Wait until the issuer has been asked so often."""
    while issuer.requests < requests:
        await asyncio.sleep(0)


def held(answer=None):
    """An answer that waits until it is let go, and how to let it go."""
    go = asyncio.Event()

    async def wait(request):
        await go.wait()
        return answer or web.json_response({"keys": [public_jwk(FIRST)]})

    return wait, go


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"])
async def test_a_token_of_each_family_is_believed(algorithm, issuer):
    """Signed with the published key, by the pinned algorithm."""
    key = key_for(algorithm)
    issuer.publish(public_jwk(key, algorithm))
    async with JwksKeys(issuer.url) as keys:
        verifier = TokenVerifier.with_jwks(keys, algorithms=[algorithm])
        assert (await verifier.verify(signed(key, algorithm))).user_id == "ana"
        assert (await verifier.verify(signed(key, algorithm, kid=None))).user_id == "ana"


@pytest.mark.parametrize(
    "algorithms",
    [[], ["HS256"], ["none"], ["RS256", "HS256"], ["RS256", "ES256"], ["RS256", "PS256"], ["rs256"]],
)
async def test_algorithms_of_several_families_are_refused(algorithms, keys):
    """One family, and none that is symmetric."""
    with pytest.raises(SettingsError, match="one of these families"):
        TokenVerifier.with_jwks(keys, algorithms=algorithms)


async def test_a_thousand_callers_make_one_request(keys, issuer):
    """Also while the answer is on its way, and after it is there."""
    assert all(await asyncio.gather(*(outcome(keys) for _ in range(1_000))))
    assert await outcome(keys)
    assert issuer.requests == 1


async def test_a_caller_who_gives_up_takes_nobody_along(keys, issuer):
    """The request goes on for the others."""
    issuer.answer, go = held()
    first, second = (asyncio.create_task(outcome(keys)) for _ in range(2))
    await settled(issuer, 1)
    first.cancel()
    go.set()
    assert await second
    assert issuer.requests == 1


async def test_keys_are_fetched_again_when_their_life_is_over(keys, issuer, clock):
    """Not before; and then in the background, so that nobody waits."""
    assert await outcome(keys)
    clock.advance(299)
    assert await outcome(keys)
    assert issuer.requests == 1
    issuer.answer, go = held()
    clock.advance(2)
    assert await outcome(keys)
    await settled(issuer, 2)
    go.set()


async def test_after_a_long_silence_the_first_waits_for_new_keys(keys, issuer, clock):
    """A key that was withdrawn hours ago is not accepted once more."""
    assert await outcome(keys)
    issuer.publish(public_jwk(SECOND, kid="second"))
    clock.advance(601)
    assert await outcome(keys) is False


async def test_a_rotation_is_noticed_at_the_first_new_token(keys, issuer, clock):
    """An id nobody knows makes one request; the new key counts, the old one no longer."""
    assert await outcome(keys)
    issuer.publish(public_jwk(SECOND, kid="second"))
    clock.advance(11)
    assert await outcome(keys, "second")
    assert await outcome(keys, "first") is False
    assert issuer.requests == 2


async def test_unknown_ids_do_not_make_us_a_nuisance(keys, issuer, clock):
    """However many forged ids come, the issuer is asked once in the cool-down."""
    for round_number in range(1, 4):
        for number in range(50):
            assert await outcome(keys, f"forged-{number}") is False
        assert issuer.requests == round_number
        clock.advance(11)


async def test_a_forgery_with_a_wrong_algorithm_makes_no_request(keys, issuer):
    """What is refused by its header alone is refused before any key is asked for."""
    verifier = TokenVerifier.with_jwks(keys)
    for token in (signed(FIRST, "RS512"), signed(FIRST, kid="x" * 300), "a.b.c"):
        with pytest.raises(AuthError):
            await verifier.verify(token)
    assert issuer.requests == 0


async def test_an_issuer_that_dies_is_borne_with(keys, issuer, clock):
    """Old keys hold until `stale_for`, the issuer is asked now and then, and is believed when it is back."""
    assert await outcome(keys)
    await issuer.stop()
    clock.advance(601)
    assert await outcome(keys)
    clock.advance(2_990)
    assert await outcome(keys)
    clock.advance(10)
    assert await outcome(keys) == "unavailable"
    await issuer.start()
    clock.advance(10)
    assert await outcome(keys)


async def test_without_any_key_nobody_is_called_a_forger(keys, issuer, clock):
    """While the issuer was never there, tokens are not invalid; it is asked again after a second."""
    await issuer.stop()
    assert await outcome(keys) == "unavailable"
    await issuer.start()
    assert await outcome(keys) == "unavailable"
    assert issuer.requests == 0
    clock.advance(1)
    assert await outcome(keys)


async def test_a_failure_is_not_repeated_for_each_caller(keys, issuer, clock):
    """Within the cool-down nobody asks an issuer that answers with errors."""
    assert await outcome(keys)

    async def error(_request):
        return web.Response(status=500)

    issuer.answer = error
    clock.advance(601)
    for _ in range(20):
        assert await outcome(keys)
    assert issuer.requests == 2


async def slowly(request):
    """Bytes that drip, so that no single read takes long."""
    reply = web.StreamResponse()
    await reply.prepare(request)
    while True:
        await reply.write(b" ")
        await asyncio.sleep(0.01)


async def in_one_piece(body, **headers):
    return web.Response(body=body, headers=headers)


GOOD = json.dumps({"keys": [public_jwk(SECOND)]}).encode()
BAD_ANSWERS = {
    "garbage": lambda _: in_one_piece(b"\x00\xff garbage"),
    "a page": lambda _: in_one_piece(b"<html>sign in</html>"),
    "no keys": lambda _: in_one_piece(b"{}"),
    "10 MB": lambda _: in_one_piece(GOOD[:-1] + b" " * 10_000_000 + b"}"),
    "a little too much": lambda _: in_one_piece(GOOD + b" " * (MAX_BODY + 1 - len(GOOD))),
    "packed": lambda _: in_one_piece(gzip.compress(GOOD), **{"Content-Encoding": "gzip"}),
    "error": lambda _: asyncio.sleep(0, web.Response(status=503, body=GOOD)),
    "nothing": lambda _: asyncio.sleep(0, web.Response(status=204)),
    "redirect": lambda _: asyncio.sleep(
        0, web.Response(status=302, headers={"Location": "/keys"}, body=GOOD)
    ),
}


@pytest.mark.parametrize("bad", BAD_ANSWERS)
async def test_a_bad_answer_changes_nothing(bad, keys, issuer, clock, caplog):
    """The old keys stay, the log says why, and a redirect is not followed."""
    assert await outcome(keys)
    issuer.answer = BAD_ANSWERS[bad]
    clock.advance(601)
    assert await outcome(keys)
    assert issuer.requests == 2
    assert "could not be fetched" in caplog.text


async def test_as_much_as_is_allowed_is_read(keys, issuer):
    """To the byte."""
    issuer.answer = lambda _: in_one_piece(GOOD + b" " * (MAX_BODY - len(GOOD)))
    assert await outcome(keys)


async def test_a_slow_answer_is_given_up(issuer, caplog):
    """The whole request has one deadline, however its bytes drip in."""
    issuer.answer = slowly
    async with JwksKeys(issuer.url, timeout=0.05) as keys:
        assert await outcome(keys) == "unavailable"
    assert "TimeoutError" in caplog.text


async def test_a_connection_cut_in_the_middle_is_borne_with(issuer):
    """An answer that ends early is no answer."""

    async def cut(request):
        reply = web.StreamResponse(headers={"Content-Length": "1000"})
        await reply.prepare(request)
        await reply.write(b'{"keys": [')
        request.transport.abort()
        return reply

    issuer.answer = cut
    async with JwksKeys(issuer.url) as keys:
        assert await outcome(keys) == "unavailable"


async def test_an_issuer_that_withdraws_all_keys_is_believed(keys, issuer, clock):
    """An empty set is an answer."""
    assert await outcome(keys)
    issuer.publish()
    clock.advance(601)
    assert await outcome(keys) is False


async def test_closing_ends_the_request_under_way(issuer):
    """Who waits is told that nobody can sign in, and nothing is asked afterwards."""
    issuer.answer, go = held()
    clock = ManualClock()
    keys = JwksKeys(issuer.url, clock=clock)
    waiting = asyncio.create_task(outcome(keys))
    await settled(issuer, 1)
    await keys.aclose()
    assert await waiting == "unavailable"
    clock.advance(60)
    assert await outcome(keys) == "unavailable"
    assert issuer.requests == 1
    go.set()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "keys",
        "https://",
        "http://id.example/keys",
        "ftp://id.example/keys",
        "file:///etc/passwd",
        "https://user:hunter2@id.example/keys",
        "http://127.0.0.1.evil.example/keys",
        "http://localhost@evil.example/keys",
        "https://id.example:port/keys",
    ],
)
def test_a_url_that_others_could_answer_is_refused(url):
    """Keys come over TLS, or from this machine; a password in the URL is not shown."""
    with pytest.raises(SettingsError, match="JWKS URL") as caught:
        JwksKeys(url)
    assert "hunter2" not in str(caught.value)


async def test_a_repr_shows_the_host_alone():
    """A path may hold a tenant's id."""
    async with JwksKeys("https://id.example/tenant/keys?code=hunter2") as keys:
        assert repr(keys) == "<JwksKeys of id.example>"

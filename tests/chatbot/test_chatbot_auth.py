"""Tokens: one algorithm, required claims, and nothing taken from the token's own word."""

import base64
import json
import time

import jwt
import pytest
from support.rig import SECRET, token

from chatbot.auth import MAX_TOKEN_BYTES, TokenIssuer, TokenVerifier
from chatbot.errors import AuthError, SettingsError

VERIFIER = TokenVerifier(SECRET)


def forged(header, claims, signature=b""):
    """A token put together by hand."""
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def claims(**changes):
    now = int(time.time())
    return {"sub": "ana", "iat": now, "exp": now + 600, **changes}


def test_a_good_token_names_its_user():
    """The subject is the user; the token's end is known."""
    identity = VERIFIER.verify(token("ana"))
    assert identity.user_id == "ana"
    assert identity.expires_at > time.time()


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_token_is_told_apart(nothing):
    """Who sent none is told to sign in."""
    with pytest.raises(AuthError) as caught:
        VERIFIER.verify(nothing)
    assert caught.value.code == "token_missing"


def test_an_expired_token_is_told_apart():
    """The page can ask for a new one."""
    with pytest.raises(AuthError) as caught:
        VERIFIER.verify(token(exp=1_000_000_000))
    assert caught.value.code == "token_expired"


@pytest.mark.parametrize(
    "bad",
    [
        7,
        {"token": "x"},
        b"bytes",
        "nonsense",
        "a.b.c",
        "é" * 20,
        "\ud800",
        "x" * (MAX_TOKEN_BYTES + 1),
        token(secret="another secret for tests, which is just as long as that of ours is"),
        token(algorithm="HS512"),
        token(sub=None),
        token(exp=None),
        token(iat=None),
        token(user=""),
        token(user="x" * 257),
        token(sub=7),
        token(exp="soon"),
        token(exp=1e400),
        token(nbf=int(time.time()) + 3_600),
        token(iat=int(time.time()) + 3_600),
        token(aud="somebody-else"),
        forged({"alg": "none", "typ": "JWT"}, claims()),
        forged({"alg": "None"}, claims()),
        forged({"alg": "HS256", "jwk": {"kty": "oct", "k": "AA"}}, claims(), b"x"),
        forged({"alg": "HS256", "kid": "../../dev/null"}, claims(), b""),
        forged({"alg": "RS256", "jku": "http://127.0.0.1/keys"}, claims(), b"x"),
        forged({"alg": ["HS256"]}, claims(), b"x"),
        forged([], claims()),
        token()[:-2],
        token() + "x",
        " " + token(),
    ],
    ids=lambda bad: repr(bad)[:40],
)
def test_anything_else_is_invalid(bad):
    """Forged, foreign, damaged and odd tokens are refused alike, and none is shown in the error."""
    with pytest.raises(AuthError) as caught:
        VERIFIER.verify(bad)
    assert caught.value.code == "token_invalid"
    assert str(bad)[:20] not in str(caught.value)


def test_an_algorithm_cannot_be_confused():
    """A token signed with another family's key material does not pass for HS256."""
    confused = jwt.encode(claims(), SECRET, algorithm="HS384")
    with pytest.raises(AuthError):
        VERIFIER.verify(confused)


def test_audience_and_issuer_are_required_where_configured():
    """A token for somebody else, or of nobody, is refused."""
    verifier = TokenVerifier(SECRET, audience="chat", issuer="https://id.example")
    assert verifier.verify(token(aud="chat", iss="https://id.example")).user_id == "ana"
    for wrong in (
        {},
        {"aud": "chat"},
        {"aud": "other", "iss": "https://id.example"},
        {"aud": "chat", "iss": "x"},
    ):
        with pytest.raises(AuthError):
            verifier.verify(token(**wrong))


def test_a_short_secret_is_refused():
    """A key shorter than the hash can be guessed (RFC 7518)."""
    with pytest.raises(SettingsError, match="32 bytes"):
        TokenVerifier("short")


def test_the_demo_issues_what_the_gateway_accepts():
    """A demo login is a token like any other."""
    assert VERIFIER.verify(TokenIssuer(SECRET, lifetime=60).issue("ana")).user_id == "ana"


def test_no_repr_shows_the_secret():
    """A repr lands in logs."""
    assert SECRET not in repr(VERIFIER) + repr(TokenIssuer(SECRET, lifetime=60))

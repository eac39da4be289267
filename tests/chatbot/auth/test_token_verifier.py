"""Tokens with a shared secret: who they speak for, until when, and what they must carry."""

import contextlib
import time

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.issuer import claims
from support.rig import SECRET, token

from chatbot.auth import LEEWAY, MAX_TOKEN_BYTES, Identity, TokenIssuer, TokenVerifier
from chatbot.errors import AuthError, SettingsError

VERIFIER = TokenVerifier.with_secret(SECRET)


async def refusal(given_token, verifier=VERIFIER):
    """The code of the refusal."""
    with pytest.raises(AuthError) as caught:
        await verifier.verify(given_token)
    return caught.value.code


async def test_a_good_token_says_who_and_how_long():
    """Subject, both times with the leeway on the end, and the token's id are known."""
    now = int(time.time())
    identity = await VERIFIER.verify(token("ana", iat=now, exp=now + 60, jti="t1"))
    assert identity == Identity("ana", now + 60 + LEEWAY, now, "t1", admin=False)


@pytest.mark.parametrize("nothing", [None, ""])
async def test_no_token_is_told_apart(nothing):
    """Who sent none is told to sign in."""
    assert await refusal(nothing) == "token_missing"


async def test_an_expired_token_is_told_apart():
    """The page can ask for a new one."""
    assert await refusal(token(iat=999_999_000, exp=1_000_000_000)) == "token_expired"


async def test_the_leeway_forgives_clocks_that_differ_a_little():
    """A few seconds late or early are borne with, more are not."""
    now = int(time.time())
    assert (await VERIFIER.verify(token(exp=now - LEEWAY + 5))).user_id == "ana"
    assert (await VERIFIER.verify(token(iat=now + LEEWAY - 5))).user_id == "ana"
    assert await refusal(token(exp=now - LEEWAY - 5)) == "token_expired"
    assert await refusal(token(iat=now + LEEWAY + 30)) == "token_invalid"


async def test_no_token_lives_longer_than_the_longest_life():
    """An `exp` far away does not outlast what revocations are kept for."""
    now = int(time.time())
    verifier = TokenVerifier.with_secret(SECRET, longest_life=3_600)
    assert (await verifier.verify(token(exp=now + 10**12, iat=now))).expires_at == now + 3_600 + LEEWAY
    assert await refusal(token(exp=now + 10**12, iat=now - 4_000), verifier) == "token_expired"


@pytest.mark.parametrize(
    "bad",
    [
        7,
        True,
        {"token": "x"},
        [token()],
        b"bytes",
        "nonsense",
        "a.b.c",
        "é" * 20,
        "\ud800",
        "x" * (MAX_TOKEN_BYTES + 1),
        token(pad="x" * MAX_TOKEN_BYTES),
        token(secret="another secret for tests, which is just as long as that of ours is"),
        token(sub=None),
        token(exp=None),
        token(iat=None),
        token(user=""),
        token(user="x" * 257),
        token(user="ana\x00admin"),
        token(user="ana\nadmin"),
        token(user="\ud800"),
        token(sub=7),
        token(exp="soon"),
        token(exp=str(int(time.time()) + 600)),
        token(iat=str(int(time.time()))),
        token(exp=1e400),
        token(exp=float("nan")),
        token(iat=True),
        token(iat=-(10**400)),
        token(nbf=int(time.time()) + 3_600),
        token(jti=7),
        token(jti=""),
        token(jti="x" * 257),
        token(aud="somebody-else"),
        token(aud=["somebody-else"]),
    ],
    ids=lambda bad: repr(bad)[:40],
)
async def test_anything_else_is_invalid(bad):
    """Foreign, damaged and odd tokens are refused alike, and none is shown in the error."""
    with pytest.raises(AuthError) as caught:
        await VERIFIER.verify(bad)
    assert caught.value.code == "token_invalid"
    assert str(bad)[:20] not in str(caught.value)


async def test_audience_and_issuer_are_required_where_configured():
    """A token for somebody else, or of nobody, is refused."""
    verifier = TokenVerifier.with_secret(SECRET, audience="chat", issuer="https://id.example")
    good = token(aud=["other", "chat"], iss="https://id.example")
    assert (await verifier.verify(good)).user_id == "ana"
    for wrong in (
        {},
        {"aud": "chat"},
        {"iss": "https://id.example"},
        {"aud": "other", "iss": "https://id.example"},
        {"aud": "chat", "iss": "https://id.example/"},
    ):
        assert await refusal(token(**wrong), verifier) == "token_invalid"


@pytest.mark.parametrize(("typ", "fits"), [("at+jwt", True), ("application/AT+JWT", True), ("JWT", False)])
async def test_the_type_is_required_where_configured(typ, fits):
    """An id token does not pass for an access token (RFC 8725 section 3.11)."""
    verifier = TokenVerifier.with_secret(SECRET, type="at+jwt")
    signed = jwt.encode(claims(), SECRET, headers={"typ": typ})
    if fits:
        assert (await verifier.verify(signed)).user_id == "ana"
    else:
        assert await refusal(signed, verifier) == "token_invalid"


@pytest.mark.parametrize(
    ("roles", "admin"),
    [
        (["chat", "admin"], True),
        ("chat admin", True),
        ([], False),
        ("administrator", False),
        (["Admin"], False),
        ([["admin"]], False),
        ({"admin": True}, False),
        (True, False),
        (None, False),
    ],
)
async def test_only_the_exact_role_makes_an_admin(roles, admin):
    """Whatever else stands in `roles` makes none, and is no reason to refuse the token."""
    assert (await VERIFIER.verify(token(roles=roles))).admin is admin


async def test_the_name_of_the_role_can_be_chosen():
    """Another word, and the default is none any more."""
    verifier = TokenVerifier.with_secret(SECRET, admin_role="chat-desk")
    assert (await verifier.verify(token(roles=["chat-desk"]))).admin
    assert not (await verifier.verify(token(roles=["admin"]))).admin


@pytest.mark.parametrize(
    ("secret", "complaint"),
    [
        ("short", "32 bytes"),
        ("x" * 31, "32 bytes"),
        ("x" * 64, "different characters"),
        ("-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A", "JWKS"),
        ("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQDN", "JWKS"),
    ],
)
def test_a_weak_secret_is_refused(secret, complaint):
    """Too short, too plain, or known to the public: refused at the start, and not shown."""
    for make in (TokenVerifier.with_secret, lambda text: TokenIssuer(text, lifetime=60)):
        with pytest.raises(SettingsError, match=complaint) as caught:
            make(secret)
        assert secret not in str(caught.value)


async def test_the_demo_issues_what_the_gateway_accepts():
    """A demo login is a token like any other, with an id by which it can be revoked."""
    rules = {"audience": "chat", "issuer": "https://id.example", "type": "at+jwt"}
    issuer = TokenIssuer(SECRET, lifetime=60, **rules)
    verifier = TokenVerifier.with_secret(SECRET, **rules)
    identity = await verifier.verify(issuer.issue("ana"))
    admin = await verifier.verify(issuer.issue("bo", roles=["admin"]))
    assert (identity.user_id, identity.admin, admin.admin) == ("ana", False, True)
    assert identity.token_id != admin.token_id


def test_no_repr_shows_the_secret():
    """A repr lands in logs."""
    assert SECRET not in repr(VERIFIER) + repr(TokenIssuer(SECRET, lifetime=60))


@settings(deadline=None)
@given(st.one_of(st.none(), st.integers(), st.text(max_size=300), st.binary(), st.lists(st.text(max_size=5))))
async def test_no_input_gets_past_as_another_error(anything):
    """Whatever a client sends as its token, the outcome is an AuthError."""
    assert await refusal(anything) in {"token_missing", "token_invalid"}


@settings(deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=8), st.lists, max_leaves=5))
async def test_no_claim_gets_past_as_another_error(odd):
    """Properly signed claims of any shape give an identity or an AuthError."""
    for claim in ("sub", "exp", "iat", "nbf", "jti", "aud", "iss", "roles"):
        try:
            signed = jwt.encode({**claims(), claim: odd}, SECRET)
        except TypeError:
            continue  # the library does not write an `iss` that is no text
        with contextlib.suppress(AuthError):
            assert isinstance(await VERIFIER.verify(signed), Identity)

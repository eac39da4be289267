"""What an issuer publishes, and which of it may check a signature."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.issuer import key_for, public_jwk

from chatbot.auth.keyset import MAX_KEYS, KeySet, read_key_set

RSA = key_for("RS256")
OTHER = key_for("RS256", "other")


def usable(**members):
    """Whether a key with these members may check RS256 signatures."""
    return KeySet([public_jwk(RSA, **members)]).find("first", "RS256") is not None


@pytest.mark.parametrize("algorithm", ["RS256", "PS384", "ES256", "ES384", "ES512", "EdDSA"])
def test_a_key_of_each_kind_is_found_by_its_id(algorithm):
    """By id and algorithm, and by no other id."""
    keys = KeySet([public_jwk(key_for(algorithm), algorithm)])
    assert keys.find("first", algorithm) is not None
    assert keys.find("second", algorithm) is None


@pytest.mark.parametrize(
    ("members", "fits"),
    [
        ({}, True),
        ({"use": None, "key_ops": None}, True),
        ({"use": "sig", "key_ops": ["verify", "sign"]}, True),
        ({"alg": "RS256"}, True),
        ({"x5c": ["AA"], "x5u": "https://id.example", "ours": {}}, True),
        ({"use": "enc"}, False),
        ({"use": ["sig"]}, False),
        ({"key_ops": ["sign"]}, False),
        ({"key_ops": []}, False),
        ({"key_ops": "verify"}, False),
        ({"alg": "RS384"}, False),
        ({"alg": "HS256"}, False),
        ({"alg": "none"}, False),
        ({"alg": 7}, False),
        ({"kty": "oct", "k": "AAAA"}, False),
        ({"kty": ["RSA"]}, False),
        ({"kty": None}, False),
        ({"kid": 7}, False),
        ({"d": "AQAB"}, False),
        ({"n": None}, False),
        ({"n": 7}, False),
        ({"n": "!!"}, False),
        ({"e": "Ag"}, False),
    ],
    ids=repr,
)
def test_only_keys_that_are_there_to_check_signatures_count(members, fits):
    """Use, operations, algorithm and material have to fit; a private key is not to be trusted."""
    assert usable(**members) is fits


def test_a_key_too_long_is_none():
    """A modulus of 16,384 bits would cost us a hundred times the work."""
    assert not usable(n="_" * 2_731)


def test_an_id_used_twice_is_the_id_of_none():
    """Nobody can tell which is meant; another use or kind of key is no second one."""
    twice = KeySet([public_jwk(RSA), public_jwk(OTHER)])
    assert twice.find("first", "RS256") is None
    others = [public_jwk(OTHER, use="enc"), public_jwk(key_for("ES256"), "ES256")]
    assert KeySet([public_jwk(RSA), *others]).find("first", "RS256") is not None


def test_a_token_without_an_id_means_the_only_key():
    """With two of them it means none."""
    keys = [public_jwk(RSA), public_jwk(key_for("ES256"), "ES256")]
    assert KeySet(keys).find(None, "RS256") is not None
    assert KeySet([*keys, public_jwk(OTHER, kid="second")]).find(None, "RS256") is None


def test_a_broken_key_spoils_no_other():
    """One that cannot be read is left out."""
    keys = read_key_set(json.dumps({"keys": [None, 7, {}, {"kty": "RSA"}, public_jwk(RSA)]}).encode())
    assert keys.find("first", "RS256") is not None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": "first"}',
        b"<html>",
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps({"keys": [{}] * (MAX_KEYS + 1)}).encode(),
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_no_key_set_is_refused(body):
    """So the keys known before stay."""
    with pytest.raises(ValueError):  # noqa: PT011 - of several libraries, each with its own words
        read_key_set(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from(["kty", "use", "key_ops", "alg", "kid", "n", "e", "crv", "x", "y", "d"])


@settings(deadline=None)
@given(
    st.lists(JSON | st.dictionaries(MEMBERS, JSON, max_size=6), max_size=4), st.dictionaries(MEMBERS, JSON)
)
def test_no_published_key_breaks_the_reading(keys, changes):
    """Whatever an issuer publishes, the good key beside it is found."""
    changed = {**public_jwk(OTHER), "kid": "changed", **changes}
    assert KeySet([*keys, changed, public_jwk(RSA, kid="good")]).find("good", "RS256") is not None

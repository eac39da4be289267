"""The public ways to attack JSON Web Tokens, tried against both kinds of verifier."""

import base64
import hashlib
import hmac
import json
import string

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from support.issuer import Issuer, by_hand, claims, key_for, public_jwk, signed
from support.rig import SECRET

from chatbot.auth import JwksKeys, TokenVerifier
from chatbot.errors import AuthError

RSA = key_for("RS256")
EVIL = key_for("RS256", "evil")
BY_SECRET = TokenVerifier.with_secret(SECRET)


def pem(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def mac(key, header, payload):
    """A token put together by hand and signed by HMAC, with any bytes as the key."""
    unsigned = by_hand(header, payload).rpartition(".")[0]
    return by_hand(header, payload, hmac.digest(key, unsigned.encode(), hashlib.sha256))


def good_mac(payload=None):
    """Signed with the true secret; the payload may be odd."""
    return mac(SECRET.encode(), {"alg": "HS256", "typ": "JWT"}, claims() if payload is None else payload)


async def assert_refused(verifier, *tokens):
    for token in tokens:
        with pytest.raises(AuthError) as caught:
            await verifier.verify(token)
        assert caught.value.code == "token_invalid"


@pytest.fixture
async def by_keys(issuer):
    async with JwksKeys(issuer.url) as keys:
        yield TokenVerifier.with_jwks(keys)


async def test_the_attacks_would_succeed_if_they_were_good():
    """The tools that make the forgeries make good tokens as well."""
    assert (await BY_SECRET.verify(good_mac())).user_id == "ana"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None, 0, ["HS256"], {"HS256": 1}])
async def test_a_token_without_a_signature_is_refused(algorithm, by_keys):
    """`alg: none`, however it is spelt (CVE-2015-9235 and its kin)."""
    forged = by_hand({"alg": algorithm, "typ": "JWT"}, claims())
    for verifier in (BY_SECRET, by_keys):
        await assert_refused(verifier, forged, forged + "eA")


async def test_a_stripped_signature_is_refused(by_keys):
    """A good token whose signature was cut off, or replaced."""
    for verifier, good in ((BY_SECRET, good_mac()), (by_keys, signed(RSA))):
        head = good.rpartition(".")[0]
        await assert_refused(verifier, f"{head}.", head, f"{head}.AA", f"{good}x", f" {good}", good[:-4])


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
async def test_another_hash_is_refused(algorithm):
    """The algorithm is pinned, also where the key would fit."""
    await assert_refused(BY_SECRET, jwt.encode(claims(), SECRET * 2, algorithm=algorithm))


async def test_a_public_key_is_no_secret(by_keys):
    """RS256 read as HS256, with the published key as its secret (CVE-2016-5431, CVE-2022-29217)."""
    material = [
        pem(RSA),
        pem(RSA).strip(),
        json.dumps(public_jwk(RSA)).encode(),
        public_jwk(RSA)["n"].encode(),
    ]
    forged = [mac(key, {"alg": "HS256", "kid": "first"}, claims()) for key in material]
    forged += [mac(key, {"alg": "RS256", "kid": "first"}, claims()) for key in material]
    await assert_refused(by_keys, *forged)


async def test_another_algorithm_of_the_same_key_is_refused(by_keys):
    """A family is pinned: PS256 is none of RS256, though the key is the same."""
    await assert_refused(by_keys, signed(RSA, "PS256"), signed(RSA, "RS384"), signed(RSA, "RS512"))


async def test_keys_that_the_token_brings_are_ignored(by_keys):
    """`jwk`, `x5c`: the forger's own key in the header (CVE-2018-0114)."""
    for header in ({"jwk": public_jwk(EVIL)}, {"x5c": ["MIIB"]}, {"x5t": "AA"}, {"key": public_jwk(EVIL)}):
        await assert_refused(by_keys, signed(EVIL, header=header))
    octets = {"kty": "oct", "k": base64.urlsafe_b64encode(b"k" * 32).decode()}
    await assert_refused(BY_SECRET, mac(b"k" * 32, {"alg": "HS256", "jwk": octets}, claims()))


async def test_no_token_sends_us_anywhere(by_keys, issuer):
    """`jku`, `x5u`, `iss`, `kid`: no address in a token is asked for its keys."""
    asked = Issuer()
    asked.publish(public_jwk(EVIL))
    await asked.start()
    try:
        for header in ({"jku": asked.url}, {"x5u": asked.url}, {"kid": asked.url}):
            await assert_refused(
                by_keys, signed(EVIL, header=header), signed(EVIL, header=header, iss=asked.url)
            )
        assert asked.requests == 0
    finally:
        await asked.stop()
    assert issuer.requests == 1


@pytest.mark.parametrize(
    "kid",
    [
        "../../../../../../dev/null",
        "/proc/sys/kernel/randomize_va_space",
        "' UNION SELECT 'x",
        "first\x00",
        "first ",
        "FIRST",
        "",
        "x" * 5_000,
        "| whoami",
        "\ud800",
    ],
)
async def test_a_key_id_is_only_compared(kid, by_keys):
    """Paths, SQL, shell, NULs: an id that is not published is the id of no key."""
    forged = by_hand({"alg": "RS256", "kid": kid}, claims(), b"x" * 256)
    await assert_refused(by_keys, signed(EVIL, kid=None, header={"kid": kid}), forged)
    await assert_refused(BY_SECRET, mac(b"", {"alg": "HS256", "kid": kid}, claims()))


@pytest.mark.parametrize("kid", [7, None, ["first"], {"first": 1}, True])
async def test_a_key_id_that_is_no_text_is_refused(kid, by_keys):
    """The types of the header are not the forger's choice."""
    await assert_refused(by_keys, by_hand({"alg": "RS256", "kid": kid}, claims(), b"x" * 256))


async def test_an_empty_key_signs_nothing():
    """HMAC with no key, a NUL or blanks."""
    keys = (b"", b"\x00", b" ", b"null", b"undefined", b"secret", b"your-256-bit-secret")
    await assert_refused(BY_SECRET, *(mac(key, {"alg": "HS256"}, claims()) for key in keys))


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512"])
async def test_the_psychic_signature_is_refused(algorithm, issuer):
    """ECDSA with r and s of zero, or of the curve's order (CVE-2022-21449)."""
    key = key_for(algorithm)
    issuer.publish(public_jwk(key, algorithm))
    size = (key.curve.key_size + 7) // 8
    header = {"alg": algorithm, "kid": "first"}
    order = {"ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551}.get(algorithm, 1)
    numbers = [(0, 0), (0, 1), (1, 0), (order, order), (1, order)]
    forged = [r.to_bytes(size, "big") + s.to_bytes(size, "big") for r, s in numbers]
    async with JwksKeys(issuer.url) as keys:
        verifier = TokenVerifier.with_jwks(keys, algorithms=[algorithm])
        assert (await verifier.verify(signed(key, algorithm))).user_id == "ana"
        await assert_refused(
            verifier, *(by_hand(header, claims(), each) for each in (*forged, b"", b"\x30\x06"))
        )


async def test_a_signature_in_another_encoding_is_refused(issuer):
    """ECDSA signatures are r and s side by side; DER would make a second token of each."""
    key = key_for("ES256")
    issuer.publish(public_jwk(key, "ES256"))
    good = signed(key, "ES256")
    raw = base64.urlsafe_b64decode(good.rpartition(".")[2] + "==")
    der = jwt.utils.raw_to_der_signature(raw, key.curve)
    async with JwksKeys(issuer.url) as keys:
        verifier = TokenVerifier.with_jwks(keys, algorithms=["ES256"])
        head = good.rpartition(".")[0]
        await assert_refused(verifier, f"{head}.{base64.urlsafe_b64encode(der).rstrip(b'=').decode()}")


async def test_a_point_off_the_curve_is_no_key(issuer):
    """An invalid curve point is left out of the key set, and so is a key of another curve."""
    key = key_for("ES256")
    broken = public_jwk(key, "ES256", y=public_jwk(key_for("ES256", "evil"), "ES256")["y"])
    issuer.publish(broken, public_jwk(key_for("ES384"), "ES384", kid="second", alg="ES256"))
    async with JwksKeys(issuer.url) as keys:
        verifier = TokenVerifier.with_jwks(keys, algorithms=["ES256"])
        await assert_refused(verifier, signed(key, "ES256"), signed(key, "ES256", kid="second"))


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "HS256", "b64": False},
        {"alg": "HS256", "b64": False, "crit": ["b64"]},
        {"alg": "HS256", "crit": ["exp"]},
        {"alg": "HS256", "crit": ["x-ours"], "x-ours": 1},
        {"alg": "HS256", "crit": []},
        {"alg": "HS256", "crit": "b64"},
        {"alg": "HS256", "crit": [7]},
        [],
        "HS256",
        None,
        7,
        {},
        b"{",
        b'{"alg":"HS256","alg":"none"}',
        b"[" * 3_000,
        b"\xff\xfe",
        b"",
    ],
    ids=repr,
)
async def test_a_header_that_is_not_understood_is_refused(header):
    """Critical extensions nobody knows, detached payloads, what is no JSON object; signed all the same."""
    await assert_refused(BY_SECRET, mac(SECRET.encode(), header, claims()))


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b"null",
        b"[]",
        b'"ana"',
        b"7",
        b"",
        b"\xff\xfe{\x00}\x00",
        json.dumps(claims()).encode("utf-16"),
        json.dumps(claims()).encode() + b"{}",
        json.dumps(claims()).encode() + b"\x00",
        b'{"sub":"bo",' + json.dumps(claims()).encode()[1:],
        json.dumps(claims()).encode()[:-1] + b',"sub":"admin"}',
        json.dumps(claims()).encode()[:-1] + b',"roles":["admin"],"roles":[]}',
        json.dumps(claims()).encode()[:-1] + b',"x":{"a":1,"a":2}}',
        json.dumps(claims()).encode()[:-1] + b',"x":' + b"[" * 5_000 + b"}",
        json.dumps(claims()).encode()[:-1] + b',"x":' + b"9" * 5_000 + b"}",
    ],
    # The claims hold the time, and all workers of a run must name a test alike.
    ids=[str(number) for number in range(16)],
)
async def test_a_payload_that_two_readers_read_differently_is_refused(payload):
    """Claims that stand twice, other encodings, trailing bytes, depth; signed all the same."""
    await assert_refused(BY_SECRET, good_mac(payload=payload))


async def test_an_encrypted_token_is_refused(by_keys):
    """JWE: five parts, with the forger's claims sealed for our public key."""
    five = f"{by_hand({'alg': 'RSA-OAEP', 'enc': 'A128GCM', 'zip': 'DEF'}, claims())}.AA.AA"
    await assert_refused(BY_SECRET, five)
    await assert_refused(by_keys, five)


async def test_the_json_form_is_refused():
    """A general JWS with several signatures, as an object or as its text."""
    good = good_mac()
    protected, payload, signature = good.split(".")
    general = {"payload": payload, "signatures": [{"protected": protected, "signature": signature}]}
    await assert_refused(BY_SECRET, general, json.dumps(general))


async def test_base64_cannot_be_written_in_two_ways():
    """Blanks, newlines, the other alphabet or spare bits would give one token many spellings."""
    good = good_mac()
    head, _, signature = good.rpartition(".")
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    # 32 bytes leave two bits of the last character unused.
    spare = signature[:-1] + alphabet[alphabet.index(signature[-1]) + 1]
    await assert_refused(
        BY_SECRET, f"{head}.{spare}", f"{head}.\n{signature}", good.replace(".", ". "), f"{good}\x00"
    )


async def test_a_short_rsa_key_is_no_key(issuer):
    """1,024 bits can be factored; e = 1 signs anything."""
    short = key_for("RS256", "short", bits=1024)
    issuer.publish(public_jwk(short), public_jwk(RSA, kid="one", e="AQ"))
    message = by_hand({"alg": "RS256", "kid": "one"}, claims()).rpartition(".")[0]
    padded = hashlib.sha256(message.encode()).digest().rjust(256, b"\xff")
    async with JwksKeys(issuer.url) as keys:
        verifier = TokenVerifier.with_jwks(keys)
        with pytest.warns(jwt.InsecureKeyLengthWarning):
            weak = signed(short)
        await assert_refused(verifier, weak, by_hand({"alg": "RS256", "kid": "one"}, claims(), padded))


async def test_a_key_for_encryption_signs_nothing(issuer):
    """`use: enc` and `key_ops` without "verify": PyJWT alone would take both."""
    for members in ({"use": "enc"}, {"key_ops": ["encrypt"]}, {"alg": "RSA-OAEP"}):
        issuer.publish(public_jwk(RSA, **members))
        async with JwksKeys(issuer.url) as keys:
            await assert_refused(TokenVerifier.with_jwks(keys), signed(RSA))


async def test_a_redirect_is_not_followed(issuer):
    """Nobody who gets hold of a redirect puts in keys of his own."""
    other = Issuer()
    other.publish(public_jwk(EVIL))
    await other.start()

    async def elsewhere(_request):
        raise web.HTTPFound(other.url)

    issuer.answer = elsewhere
    try:
        async with JwksKeys(issuer.url) as keys:
            with pytest.raises(AuthError) as caught:
                await TokenVerifier.with_jwks(keys).verify(signed(EVIL))
        assert (caught.value.code, other.requests) == ("unavailable", 0)
    finally:
        await other.stop()

"""Encryption at rest: only the holder of a key reads a value, where it was put, as it was written."""

import base64
import datetime as dt
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachekit.core.codec import Codec, Corrupt, Record
from cachekit.core.keyring import OVERHEAD, Keyring
from cachekit.core.policy import Policy
from cachekit.errors import ConfigurationError

LIMIT = 1_000_000
OLD, NEW = bytes(range(32)), bytes(range(32, 64))
KEYRING = Keyring({"2026-11": NEW, "2026-05": OLD})
CODEC = Codec(keyring=KEYRING)
PLAIN = Policy(compress_over=None)
VALUE = {"passport": "X1234567", "text": "x" * 5_000}


def stored(codec=CODEC, *, policy=PLAIN, key="ns:k", value=VALUE, **fields):
    record = Record(
        data=codec.dump(value, max_bytes=LIMIT),
        timestamp=dt.datetime(2026, 11, 22, 10, 15, tzinfo=dt.UTC),
        ttl=300,
        key=key,
        **fields,
    )
    return codec.encode(record, policy)


def read(sealed, *, codec=CODEC, key="ns:k", max_bytes=LIMIT):
    return codec.load(codec.decode(key, sealed, max_bytes=max_bytes))


def with_header(sealed, **changes):
    line, _, body = sealed.partition(b"\n")
    return json.dumps(json.loads(line) | changes).encode() + b"\n" + body


@pytest.mark.parametrize(
    ("policy", "encoding"), [(PLAIN, "aes256gcm"), (Policy(compress_over=100), "zstd+aes256gcm")]
)
def test_a_sealed_value_comes_back_and_shows_only_its_header(policy, encoding):
    """Times, tags and the key's id can be read without a key; the value cannot."""
    sealed = stored(policy=policy, tags=("route:GRU-LIS",))
    line, _, body = sealed.partition(b"\n")
    assert json.loads(line) == {
        "timestamp": "2026-11-22T10:15:00.000Z",
        "ttl": 300,
        "v": 1,
        "key": "ns:k",
        "tags": ["route:GRU-LIS"],
        "encoding": encoding,
        "size": len(json.dumps(VALUE, separators=(",", ":"))),
        "kid": "2026-11",
    }
    assert b"X1234567" not in body
    assert b"xxxx" not in body
    assert read(sealed) == VALUE


def test_each_value_is_sealed_with_a_nonce_of_its_own():
    """The same value twice gives two ciphertexts."""
    assert stored() != stored()


def test_any_listed_key_reads_and_the_first_writes():
    """A key is rotated by putting the new one first."""
    before = stored(Codec(keyring=Keyring({"2026-05": OLD})))
    assert read(before) == VALUE
    assert json.loads(stored().partition(b"\n")[0])["kid"] == "2026-11"


def test_a_value_under_an_unknown_key_is_corrupt():
    """Once an old key is dropped, what it wrote is a miss."""
    with pytest.raises(Corrupt):
        read(stored(), codec=Codec(keyring=Keyring({"2026-05": OLD})))


def test_a_value_under_another_key_of_the_same_id_is_corrupt():
    """The id alone opens nothing."""
    with pytest.raises(Corrupt):
        read(stored(), codec=Codec(keyring=Keyring({"2026-11": OLD})))


def test_a_value_that_was_moved_is_corrupt():
    """A ciphertext is bound to its key in Redis, whatever its header says."""
    with pytest.raises(Corrupt):
        read(stored(key="ns:k"), key="ns:other")
    with pytest.raises(Corrupt):
        read(with_header(stored(key="ns:k"), key="ns:other"), key="ns:other")


@pytest.mark.parametrize(
    "changes",
    [
        {"ttl": 10_000},
        {"timestamp": "2027-11-22T10:15:00.000Z"},
        {"tags": []},
        {"kid": "2026-05"},
        {"kid": None},
        {"size": 1},
        {"size": 10**12},
        {"encoding": "zstd"},
        {"encoding": "zstd+aes256gcm"},
        {"unknown": 1},
    ],
)
def test_a_changed_header_is_corrupt(changes):
    """Whoever can write to Redis can neither prolong a value's life nor change what is said of it."""
    with pytest.raises(Corrupt):
        read(with_header(stored(), **changes))


@given(st.data())
def test_a_changed_byte_is_corrupt(data):
    """Wherever it is."""
    sealed = bytearray(stored(value="text"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Corrupt):
        read(bytes(sealed))


@given(st.binary(max_size=200))
def test_any_bytes_are_corrupt(sealed):
    """No byte sequence makes the codec raise anything else, behind a good header either."""
    for each in (sealed, stored(value=1).partition(b"\n")[0] + b"\n" + sealed):
        with pytest.raises(Corrupt):
            read(each)


@pytest.mark.parametrize("policy", [PLAIN, Policy(compress_over=100)])
def test_encrypted_and_open_namespaces_do_not_read_each_other(policy):
    """A value that is not encrypted is no value of an encrypted namespace, and the other way round."""
    with pytest.raises(Corrupt):
        read(stored(Codec(), policy=policy))
    with pytest.raises(Corrupt):
        read(stored(policy=policy), codec=Codec())


def test_a_sealed_value_over_the_limit_is_corrupt():
    """Its size is looked at before it is opened, and again what it claims to be."""
    with pytest.raises(Corrupt):
        read(stored(), max_bytes=1_000)
    with pytest.raises(Corrupt):
        read(stored() + b"x" * 10)


def test_a_sealed_text_is_longer_by_the_overhead():
    """Nonce and tag; nothing else is added."""
    assert len(KEYRING.seal(b"text", bound=b"")) == 4 + OVERHEAD


@pytest.mark.parametrize("form", [bytes, base64.b64encode, base64.urlsafe_b64encode])
def test_a_key_is_raw_bytes_or_base64_text(form):
    """Both alphabets of base64 are taken."""
    key = bytes([251, 255] * 16)
    given_key = form(key) if form is bytes else form(key).decode()
    sealed = Keyring({"a": given_key}).seal(b"text", bound=b"")
    assert Keyring({"a": key}).open(sealed, kid="a", bound=b"") == b"text"


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({}, "at least one key"),
        ({"a": b"short-secret"}, "key 'a' has 12 bytes; AES-256 takes 32"),
        ({"a": "c2hvcnQtc2VjcmV0"}, "key 'a' has 12 bytes"),
        ({"a": "secret, but no base64"}, "is text, but no base64"),
        ({"a": base64.b64encode(NEW).decode() + "!"}, "is text, but no base64"),
        ({"a": "sécret"}, "is text, but no base64"),
        ({"a": 7}, "must be bytes or base64 text, not int"),
        ({"secret b": NEW}, "a key's id must be 1 to 32 characters"),
        ({"": NEW}, "a key's id must be"),
        ({1: NEW}, "a key's id must be"),
        ({base64.b64encode(NEW).decode(): "a"}, "a key's id must be"),
    ],
)
def test_keys_that_cannot_work_are_refused(keys, told):
    """The error names the key's id, and never shows a key."""
    with pytest.raises(ConfigurationError, match=told) as caught:
        Keyring(keys)
    assert "cret" not in str(caught.value)


def test_a_keyring_shows_ids_only():
    """Neither its repr nor that of the codec holds a key."""
    assert repr(KEYRING) == "<Keyring 2026-11 2026-05>"
    assert not hasattr(KEYRING, "__dict__")


def test_without_the_package_the_error_names_the_extra(monkeypatch):
    """Encryption is optional; asking for it without `cryptography` says what to install."""
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(ConfigurationError, match=r"cachekit-toolkit\[encryption\]"):
        Keyring({"a": NEW})

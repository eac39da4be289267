"""The wire form: what other services read and write, exact types, and nothing that breaks a caller."""

import datetime as dt
import json

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from cachekit.core.codec import Codec, Corrupt, Record
from cachekit.core.policy import Policy
from cachekit.errors import InvalidValue

LIMIT = 1_000_000
WHEN = dt.datetime(2026, 11, 22, 10, 15, tzinfo=dt.UTC)
CODEC = Codec()

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def record(value, **fields):
    return Record(data=CODEC.dump(value, max_bytes=LIMIT), timestamp=WHEN, ttl=300, key="ns:k", **fields)


@given(values, st.sampled_from([None, 0, 50]))
def test_a_value_comes_back_exactly(value, compress_over):
    """Whatever JSON can hold survives, types included, compressed or not (fault 16)."""
    stored = CODEC.encode(record(value), Policy(compress_over=compress_over))
    loaded = CODEC.load(CODEC.decode("ns:k", stored, max_bytes=LIMIT))
    assert repr(loaded) == repr(value)


def test_the_plain_form_is_the_documented_json():
    """data, timestamp and ttl are there for any reader; our own fields stand beside them."""
    stored = CODEC.encode(record({"a": 1}, stale=60, tags=("route:GRU-LIS",)), Policy())
    assert json.loads(stored) == {
        "data": {"a": 1},
        "timestamp": "2026-11-22T10:15:00.000Z",
        "ttl": 300,
        "v": 1,
        "key": "ns:k",
        "stale": 60,
        "tags": ["route:GRU-LIS"],
    }
    assert b"\n" not in stored


def test_the_compressed_form_is_a_header_line_and_zstd():
    """A reader sees in the first line what the rest is."""
    value = {"text": "x" * 10_000}
    header, _, body = CODEC.encode(record(value), Policy(compress_over=100)).partition(b"\n")
    assert json.loads(header) == {
        "timestamp": "2026-11-22T10:15:00.000Z",
        "ttl": 300,
        "v": 1,
        "key": "ns:k",
        "encoding": "zstd",
        "size": len('{"text":""}') + 10_000,
    }
    assert json.loads(zstandard.decompress(body)) == value


def test_a_value_of_another_service_is_read():
    """The three fields of the contract are enough, indented or not, with fields we do not know."""
    theirs = {"data": [1], "timestamp": "2026-11-22T10:15:00.123Z", "ttl": 300, "more": True}
    for indent in (None, 2):
        read = CODEC.decode("ns:k", json.dumps(theirs, indent=indent).encode(), max_bytes=LIMIT)
        assert CODEC.load(read) == [1]
        assert read.timestamp == WHEN.replace(microsecond=123_000)


def test_each_reader_gets_a_copy_of_its_own():
    """Changing a loaded value changes nothing for the next reader (fault 15)."""
    kept = record({"offers": [1]})
    CODEC.load(kept)["offers"].append(2)
    assert CODEC.load(kept) == {"offers": [1]}


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"nonsense",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"data":1,"timestamp":"yesterday","ttl":300}',
        b'{"data":1,"timestamp":"2026-11-22T10:15:00","ttl":300}',
        b'{"data":1,"timestamp":"2026-11-22T10:15:00Z","ttl":0}',
        b'{"data":1,"timestamp":"2026-11-22T10:15:00Z","ttl":300,"v":2}',
        b'{"data":1,"timestamp":"2026-11-22T10:15:00Z","ttl":300,"key":"ns:other"}',
        b'{"timestamp":"2026-11-22T10:15:00Z","ttl":300,"encoding":"zstd","size":5}\nnot zstd',
        b'{"timestamp":"2026-11-22T10:15:00Z","ttl":300,"encoding":"lz4","size":5}\nabcde',
        b'{"timestamp":"2026-11-22T10:15:00Z","ttl":300,"encoding":"zstd","size":-1}\nabcde',
    ],
)
def test_what_is_not_our_value_is_corrupt(stored):
    """Foreign, damaged, misplaced and newer values are one finding, never another exception (fault 23)."""
    with pytest.raises(Corrupt):
        CODEC.decode("ns:k", stored, max_bytes=LIMIT)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_corrupt(stored):
    """No byte sequence makes the codec raise anything else."""
    with pytest.raises(Corrupt):
        CODEC.decode("ns:k", stored, max_bytes=LIMIT)


def test_a_decompression_bomb_is_corrupt():
    """A value that would unpack beyond the limit is not unpacked."""
    bomb = zstandard.compress(b'"' + b"x" * 5_000_000 + b'"')
    for claimed in (10, 999_999, 5_000_002):
        header = {"timestamp": "2026-11-22T10:15:00Z", "ttl": 300, "encoding": "zstd", "size": claimed}
        with pytest.raises(Corrupt):
            CODEC.decode("ns:k", json.dumps(header).encode() + b"\n" + bomb, max_bytes=LIMIT)


def test_a_frame_that_claims_more_than_its_header_is_corrupt():
    """Its own word is not believed before memory is asked for."""
    claims_4_tb = b"\x28\xb5\x2f\xfd\xe0" + (4 * 2**40).to_bytes(8, "little") + b"\x01\x00\x00"
    header = {"timestamp": "2026-11-22T10:15:00Z", "ttl": 300, "encoding": "zstd", "size": 5}
    with pytest.raises(Corrupt):
        CODEC.decode("ns:k", json.dumps(header).encode() + b"\n" + claims_4_tb, max_bytes=LIMIT)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ((1, 2), "the value is a tuple"),
        ({"a": [1, {2}]}, r"value\['a'\]\[1\] is a set"),
        ({"a": {1: "x"}}, r"value\['a'\] has a int as a name"),
        ([float("nan")], r"value\[0\] is nan"),
        ({"when": WHEN}, r"value\['when'\] is a datetime"),
        (b"bytes", "is a bytes"),
    ],
)
def test_what_json_would_change_is_refused(value, named):
    """Nothing comes back as another type: the error names the place and what is allowed (fault 16)."""
    with pytest.raises(InvalidValue, match=named):
        CODEC.dump(value, max_bytes=LIMIT)


def test_a_value_that_contains_itself_is_refused():
    """A cycle ends in an error."""
    loop = []
    loop.append(loop)
    with pytest.raises(InvalidValue, match="contains itself"):
        CODEC.dump(loop, max_bytes=LIMIT)


def test_a_value_over_the_limit_is_refused():
    """The error names the size and the option, and shows nothing of the value."""
    with pytest.raises(InvalidValue, match=r"takes 12 bytes.*max_bytes is 10") as caught:
        CODEC.dump("secretsecr", max_bytes=10)
    assert "secret" not in str(caught.value)


def test_raw_json_is_kept_as_it_is():
    """A record's data is the JSON text itself, so that it is never encoded twice."""
    assert isinstance(record({"a": 1}).data, msgspec.Raw)
    assert bytes(record({"a": 1}).data) == b'{"a":1}'

"""The wire form: what other services read and write, exact types, and nothing that breaks a caller."""

import datetime as dt
import json

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from cachekit.core.codec import MAX_HEADER, Codec, Corrupt, Record
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


def test_what_is_known_of_the_load_is_kept_in_both_forms():
    """Log position, duration and "there is none" come back; a writer that knows none of it writes none."""
    kept = record({"text": "x" * 1_000}, log=("b5c1", 7), took=0.25, negative=True)
    for compress_over in (None, 100):
        stored = CODEC.encode(kept, Policy(compress_over=compress_over))
        fields = json.loads(stored.partition(b"\n")[0])
        assert (fields["log"], fields["took"], fields["negative"]) == (["b5c1", 7], 0.25, True)
        read = CODEC.decode("ns:k", stored, max_bytes=LIMIT)
        assert (read.log, read.took, read.negative) == (("b5c1", 7), 0.25, True)
    assert {"log", "took", "negative"}.isdisjoint(json.loads(CODEC.encode(record(1), Policy())))


def test_what_compression_does_not_make_smaller_is_stored_as_it_is():
    """A header line would only make it longer."""
    assert json.loads(CODEC.encode(record("short"), Policy(compress_over=0)))["data"] == "short"


@pytest.mark.parametrize(("now", "age"), [(0, 90.5), (-100, 0.0)])
def test_age_is_seconds_and_never_negative(now, age):
    """A writer whose clock is ahead of ours has written a value of age 0."""
    assert record(1).age(WHEN.timestamp() + 90.5 + now) == age


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
    "value",
    [None, 1, "text", {}, [], {"a": 1, "b": None}, [1, "2", 1.5], {"a": [1]}, [{"a": 1}], [[]], {"a": {}}],
)
def test_a_copier_gives_each_reader_a_copy_of_its_own(value):
    """Scalars, flat and nested values; what a reader does to his copy no other sees (fault 15)."""
    kept = record(value)
    copy = CODEC.copier(kept, CODEC.load(kept))
    for _ in range(2):
        mine = copy()
        assert mine == value
        spoil(mine)


def spoil(value):
    """Change whatever of it can be changed."""
    if isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            spoil(member)
        value.clear()


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
        b'{"data":1,"timestamp":"2026-11-22T10:15:00Z","ttl":300,"log":"x"}',
        b'{"data":1,"timestamp":"2026-11-22T10:15:00Z","ttl":300,"took":-1}',
        b'{"data":1,"timestamp":"2026-11-22T10:15:00Z","ttl":300,"took":1e999}',
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


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'"', b'"'), (b"1", b"1")])
def test_data_too_deep_or_too_long_is_corrupt(opening, closing):
    """A foreign value neither exhausts the stack nor is parsed beyond the policy's size."""
    data = opening * 500_001 + b"1" + closing * 500_001
    foreign = b'{"timestamp":"2026-11-22T10:15:00Z","ttl":300,"data":' + data + b"}"
    for limit in (LIMIT, 10 * LIMIT):
        with pytest.raises(Corrupt):
            CODEC.load(CODEC.decode("ns:k", foreign, max_bytes=limit))


def test_a_plain_value_over_the_limit_is_corrupt():
    """A foreign value of any size is not parsed; beside the data the header's 64 KiB are granted."""
    foreign = {"timestamp": "2026-11-22T10:15:00Z", "ttl": 300, "data": "x" * 1_000}
    for padding, fits in ((0, True), (MAX_HEADER, False)):
        stored = json.dumps(foreign | {"padding": "x" * padding}).encode()
        assert outcome(stored, max_bytes=1_010) is (None if fits else Corrupt)


def outcome(stored, *, max_bytes):
    try:
        CODEC.load(CODEC.decode("ns:k", stored, max_bytes=max_bytes))
    except Corrupt as error:
        return type(error)


@pytest.mark.parametrize("claimed", [4, 6, 500])
def test_a_body_of_another_size_than_its_header_says_is_corrupt(claimed):
    """Where the frame does not give its size, what comes out of it is counted."""
    body = zstandard.ZstdCompressor(write_content_size=False).compress(b'"abc"')
    header = {"timestamp": "2026-11-22T10:15:00Z", "ttl": 300, "encoding": "zstd"}
    forms = {size: json.dumps(header | {"size": size}).encode() + b"\n" + body for size in (5, claimed)}
    assert outcome(forms[5], max_bytes=LIMIT) is None
    assert outcome(forms[claimed], max_bytes=LIMIT) is Corrupt


def test_a_header_is_read_and_written_up_to_a_bound():
    """What stands beside the data is short; a longer line is not parsed, and never written."""
    tags = ("x" * MAX_HEADER,)
    for compress_over in (None, 100):
        with pytest.raises(InvalidValue, match="at most 65536"):
            CODEC.encode(record({"text": "x" * 1_000}, tags=tags), Policy(compress_over=compress_over))
    line, _, body = CODEC.encode(record("x" * 1_000), Policy(compress_over=100)).partition(b"\n")
    padded = line[:-1] + b" " * (MAX_HEADER - len(line) - 1) + b"}\n"
    assert CODEC.load(CODEC.decode("ns:k", padded + body, max_bytes=LIMIT)) == "x" * 1_000
    with pytest.raises(Corrupt):
        CODEC.decode("ns:k", b" " + padded + body, max_bytes=LIMIT)


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
        ({"a": {1: "x"}}, r"value\['a'\] has a name of type int"),
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

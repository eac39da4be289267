"""The value's wire form: what lies under a key in Redis.

A value is one compact JSON document with the fields of `Record`:

    {"data": …, "timestamp": "2026-11-22T10:15:00.000Z", "ttl": 300, "v": 1, "key": "…", …}

`data`, `timestamp` (when it was loaded, UTC) and `ttl` (seconds for which it is fresh) are the contract
with services in other languages, which may write just these three. Beside them may stand `v` (this
format's version), `key` (an echo, so that a value copied to another key is noticed), `stale` (seconds
after the ttl for which it may be served while it is refreshed) and `tags`.

A value whose JSON is larger than `Policy.compress_over` is a header line, the same document without
`data` but with `"encoding": "zstd"` and `"size"` (bytes of JSON), then a newline, then the compressed JSON
of `data`. Compact JSON holds no raw newline, so the two cannot be confused.
"""

import datetime as dt
import math
from typing import Annotated, Any, Final

import msgspec
import zstandard

from cachekit.core.policy import Policy
from cachekit.errors import InvalidValue

VERSION: Final = 1
MAX_DEPTH: Final = 200

_SIZE_UNKNOWN: Final = -1

_Seconds = Annotated[float, msgspec.Meta(gt=0)]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A value as it is stored, its `data` still JSON."""

    data: msgspec.Raw
    timestamp: Annotated[dt.datetime, msgspec.Meta(tz=True)]
    ttl: _Seconds
    v: int = VERSION
    key: str | None = None
    stale: float = 0
    tags: tuple[str, ...] = ()

    def age(self, now: float) -> float:
        """Seconds since the value was loaded, at `now` (epoch seconds).

        Never negative, though the writer's clock may be ahead of ours.
        """
        return max(0.0, now - self.timestamp.timestamp())


class _Header(msgspec.Struct, kw_only=True):
    """The first line of a compressed value."""

    timestamp: Annotated[dt.datetime, msgspec.Meta(tz=True)]
    ttl: _Seconds
    encoding: str
    size: int
    v: int = VERSION
    key: str | None = None
    stale: float = 0
    tags: tuple[str, ...] = ()


class Corrupt(Exception):
    """What lies under a key is not a value of this cache; never reaches a caller."""


class Codec:
    """Writes and reads the wire form. Not for use by several threads at once: it holds zstd contexts."""

    def __init__(self) -> None:
        # Level 1: on flight offers the same ratio as level 3 (11.9) in two thirds of the time.
        self._compressor = zstandard.ZstdCompressor(level=1)
        self._decompressor = zstandard.ZstdDecompressor()
        self._read_record = msgspec.json.Decoder(Record).decode
        self._read_header = msgspec.json.Decoder(_Header).decode
        self._read_data = msgspec.json.Decoder().decode
        self._write = msgspec.json.Encoder().encode

    def dump(self, value: Any, *, max_bytes: int) -> msgspec.Raw:
        """A caller's value as JSON.

        Raises:
            InvalidValue: JSON cannot hold it exactly (the text names the place and the type), or it
                takes more than `max_bytes`.
        """
        _require_exact_json(value)
        try:
            data = self._write(value)
        except UnicodeEncodeError:
            raise InvalidValue("the value holds a string with an unpaired surrogate") from None
        except ValueError:
            raise InvalidValue("the value holds an integer of more digits than Python converts") from None
        if len(data) > max_bytes:
            raise InvalidValue(
                f"the value takes {len(data)} bytes of JSON; the policy's max_bytes is {max_bytes}"
            )
        return msgspec.Raw(data)

    def load(self, record: Record) -> Any:
        """A fresh copy of the record's value, which the caller may change.

        Raises Corrupt if its data is no JSON, which only reading it can tell.
        """
        try:
            return self._read_data(record.data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Corrupt from error

    def encode(self, record: Record, policy: Policy) -> bytes:
        """The bytes to store under the record's key."""
        data = record.data
        size = memoryview(data).nbytes
        if policy.compress_over is None or size <= policy.compress_over:
            return self._write(_fields(record) | {"data": data})
        header = _fields(record) | {"encoding": "zstd", "size": size}
        return self._write(header) + b"\n" + self._compressor.compress(data)

    def decode(self, key: str, stored: bytes, *, max_bytes: int) -> Record:
        """The record stored under `key`.

        Raises:
            Corrupt: it does not parse, is of another version, echoes another key, or is larger than
                `max_bytes` once decompressed. Whether its `data` parses, `load` tells.
        """
        record = self._decode(stored, max_bytes)
        if record.v != VERSION or (record.key is not None and record.key != key):
            raise Corrupt
        return record

    def _decode(self, stored: bytes, max_bytes: int) -> Record:
        try:
            end = stored.find(b"\n")
            header = None if end < 0 else self._header(stored[:end])
            if header is None:
                return self._read_record(stored)
            return self._decompress(header, stored[end + 1 :], max_bytes)
        except (msgspec.MsgspecError, zstandard.ZstdError, UnicodeDecodeError, RecursionError) as error:
            raise Corrupt from error

    def _header(self, line: bytes) -> _Header | None:
        """The first line as a header; None where it is just the first line of an indented document."""
        try:
            return self._read_header(line)
        except msgspec.MsgspecError:
            return None

    def _decompress(self, header: _Header, body: bytes, max_bytes: int) -> Record:
        if header.encoding != "zstd" or not 0 < header.size <= max_bytes:
            raise Corrupt
        # The frame's own word is checked first: it is believed when the memory is asked for.
        if zstandard.frame_content_size(body) not in {header.size, _SIZE_UNKNOWN}:
            raise Corrupt
        data = self._decompressor.decompress(body, max_output_size=header.size)
        if len(data) != header.size:
            raise Corrupt
        return Record(
            data=msgspec.Raw(data),
            timestamp=header.timestamp,
            ttl=header.ttl,
            v=header.v,
            key=header.key,
            stale=header.stale,
            tags=header.tags,
        )


def _fields(record: Record) -> dict[str, Any]:
    """The record's fields but `data`, in documented order; optional ones only if they say something."""
    fields: dict[str, Any] = {
        "timestamp": iso_utc(record.timestamp),
        "ttl": _number(record.ttl),
        "v": record.v,
        "key": record.key,
    }
    if record.stale:
        fields["stale"] = _number(record.stale)
    if record.tags:
        fields["tags"] = record.tags
    return fields


def iso_utc(moment: dt.datetime) -> str:
    """Write a moment as JavaScript does in `toISOString`, e.g. `2026-11-22T10:15:00.000Z`."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _number(seconds: float) -> float | int:
    return int(seconds) if seconds == int(seconds) else round(seconds, 3)


_EXACT: Final = frozenset({str, bool, int, type(None)})


def _require_exact_json(value: Any) -> None:
    """Refuse what JSON would silently turn into something else: tuples, sets, dates, numeric names, NaN.

    One pass without recursion; at 250 KB of flight offers it costs about as much as the encoding.
    """
    todo: list[tuple[Any, tuple[Any, ...]]] = [(value, ())]
    while todo:
        item, path = todo.pop()
        kind = type(item)
        if kind in _EXACT:
            continue
        if kind is float and math.isfinite(item):
            continue
        if len(path) > MAX_DEPTH:
            raise InvalidValue(f"the value is nested deeper than {MAX_DEPTH} levels, or contains itself")
        if kind is dict:
            for name, member in item.items():
                if type(name) is not str:
                    raise InvalidValue(
                        f"{_where(path)} has a {type(name).__name__} as a name; JSON has only strings"
                    )
                if type(member) not in _EXACT:
                    todo.append((member, (*path, name)))
        elif kind is list:
            todo.extend(
                (member, (*path, index)) for index, member in enumerate(item) if type(member) not in _EXACT
            )
        else:
            what = repr(item) if kind is float else f"a {kind.__qualname__}"
            raise InvalidValue(
                f"{_where(path)} is {what}, which JSON cannot hold exactly; allowed are None, bool, int, "
                "finite float, str, list, and dict with str names"
            )


def _where(path: tuple[Any, ...]) -> str:
    return "the value" if not path else "value" + "".join(f"[{step!r}]" for step in path)

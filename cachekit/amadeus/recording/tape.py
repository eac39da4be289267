"""One recorded exchange: a request, its response and when, as a small JSON file that people read and edit.

    {
      "format": 1,
      "recorded_at": "2026-11-22T12:00:00Z",
      "request": {
        "verb": "GET",
        "path": "/v2/shopping/flight-offers",
        "query": {"adults": "1", "originLocationCode": "GRU"}
      },
      "response": {
        "status": 200,
        "headers": {"content-type": "application/vnd.amadeus+json"},
        "json": {"meta": {"count": 0}, "data": []}
      }
    }

A body stands under `json` if it is JSON, else under `text`; without either it is empty. A parameter that is
given more than once has a list. Two texts have a meaning of their own, in any field: `STRUCK-OUT` stands for
a secret, and in a request matches whatever is asked; `recorded.invalid` stands for the service's host, and a
replay puts its own address there.
"""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import unquote

import msgspec
from msgspec import UNSET, UnsetType

from cachekit.errors import CacheKitError

__all__ = ["HOST", "STRUCK", "BadRecording", "Exchange", "Reply", "Request"]

FORMAT: Final = 1

STRUCK: Final = "STRUCK-OUT"
"""Stands where a secret stood."""

HOST: Final = "recorded.invalid"
"""Stands where the host stood. No such name can exist (RFC 2606), so what is left of it leads nowhere."""

_SERVERS_OWN: Final = frozenset({"connection", "content-encoding", "content-length", "transfer-encoding"})
"""Headers that follow from how a reply is sent, and not from what it says."""

_ESCAPED_HOST: Final = re.compile(rf"(?:https?(?::|%3A)(?:/|%2F){{2}})?{re.escape(re.escape(HOST))}")
_TEXT_IN_JSON: Final = r'(?:[^"\\]|\\.)*?'
_NUMBER: Final = r"-?[0-9][0-9.eE+-]*"


class BadRecording(CacheKitError, ValueError):
    """A file that is no recording; `path` is the file, and the text says what is wrong in it."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is no recording: {reason}")
        self.path = path


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was asked. Neither the order of parameters nor the way they were encoded is part of it."""

    verb: Annotated[str, msgspec.Meta(pattern="^[A-Z]+$")]
    path: Annotated[str, msgspec.Meta(pattern="^/")]
    query: dict[str, str | list[str]] = {}
    json: Any = UNSET
    text: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        _require_one_body(self.json, self.text)

    @classmethod
    def of(cls, verb: str, path: str, query: Iterable[tuple[str, str]], body: bytes) -> Self:
        """The request of these parts; names and values of `query` are decoded, and end up sorted."""
        values: dict[str, list[str]] = {}
        for name, value in sorted(query):
            values.setdefault(name, []).append(value)
        plain = {name: given[0] if len(given) == 1 else given for name, given in values.items()}
        fields = body_fields(body.decode("utf-8", "replace"))
        return cls(verb=verb.upper(), path=path, query=plain, **fields)

    def key(self) -> str:
        """One text for all requests that are the same: JSON bodies count by their values."""
        pairs = sorted(
            (name, value)
            for name, given in self.query.items()
            for value in ([given] if isinstance(given, str) else given)
        )
        body = {} if self.json is UNSET else {"json": _by_value(self.json)}
        text = None if self.text is UNSET else self.text
        parts = [self.verb, unquote(self.path), pairs, body, text]
        return json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    def pattern(self) -> re.Pattern[str] | None:
        """Matches the key of each request that this one stands for; None if it only stands for itself."""
        key = self.key()
        if STRUCK not in key and HOST not in key:
            return None
        # A whole value may have been a number, and a replay may speak http where the service spoke https.
        found = re.escape(key).replace(f'"{re.escape(STRUCK)}"', f'(?:"{_TEXT_IN_JSON}"|{_NUMBER})')
        found = found.replace(re.escape(STRUCK), _TEXT_IN_JSON)
        return re.compile(_ESCAPED_HOST.sub(lambda _: _TEXT_IN_JSON, found), re.DOTALL)


class Reply(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was answered; the names of `headers` are in lower case, the body is UTF-8."""

    status: Annotated[int, msgspec.Meta(ge=200, le=599)]
    headers: dict[str, str] = {}
    json: Any = UNSET
    text: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        _require_one_body(self.json, self.text)
        for name in self.headers:
            if name.lower() in _SERVERS_OWN:
                raise ValueError(f"headers: {name} is the server's to set; leave it out")

    def body(self) -> bytes:
        """The body as it is sent."""
        if self.json is not UNSET:
            return json.dumps(self.json, ensure_ascii=False, separators=(",", ":")).encode()
        return b"" if isinstance(self.text, UnsetType) else self.text.encode()


class Exchange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request, its reply, and when it came (aware)."""

    format: int = FORMAT
    recorded_at: Annotated[datetime, msgspec.Meta(tz=True)]
    request: Request
    response: Reply

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(f"format: {FORMAT} is the only one known, not {self.format}")

    @classmethod
    def of(cls, document: object) -> Self:
        """The exchange of a JSON value; raises ValueError, which says where it is none."""
        return msgspec.convert(document, cls)

    def dumps(self) -> str:
        """The text of its file."""
        return json.dumps(msgspec.to_builtins(self), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def load(cls, path: Path) -> Self:
        """The exchange in the file.

        Raises:
            BadRecording: the file cannot be read, or is not of the format; the text says where.
        """
        try:
            # Some editors begin a file with a byte order mark.
            document = loads(path.read_text("utf-8-sig"))
            # A lone surrogate can be written as an escape, but no server can send it.
            json.dumps(document, ensure_ascii=False).encode()
            return cls.of(document)
        except UnicodeError as error:
            raise BadRecording(path, "it holds what is no UTF-8 text") from error
        except OSError as error:
            raise BadRecording(path, error.strerror or "it cannot be read") from error
        except RecursionError as error:
            raise BadRecording(path, "it is nested too deeply") from error
        except ValueError as error:
            raise BadRecording(path, str(error)) from error


def body_fields(text: str) -> dict[str, Any]:
    """`{"json": value}`, `{"text": text}` or, for an empty body, nothing.

    JSON that a value cannot hold exactly (twice the same name, a lone surrogate, NaN) stays text.
    """
    if not text:
        return {}
    try:
        value = loads(text)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return {"text": text}
    return {"json": value}


def loads(text: str) -> Any:
    """The value of a JSON text; raises ValueError for what RFC 8259 does not have, and for a name twice."""
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} stands twice in one object")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _by_value(value: Any) -> Any:
    """`value` with 1.0 as 1, which JSON does not tell apart."""
    return json.loads(json.dumps(value), parse_float=_number)


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number


def _require_one_body(value: Any, text: str | UnsetType) -> None:
    if value is not UNSET and text is not UNSET:
        raise ValueError("the body stands under json or under text, not under both")

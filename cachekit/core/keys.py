"""Keys: `{namespace}:{resource}` or `{namespace}:{resource}:{digest of the params}`.

The digest is the same on every machine, in every process and in any language that follows this page:

1. Write the params as *canonical text*: compact JSON in UTF-8, members sorted by the UTF-8 bytes of
   their names, strings escaped as JavaScript's `JSON.stringify` does, integers in decimal.
2. What plain JSON cannot tell apart is written as an object with one `$` member:

   | value                    | canonical form                                                   |
   |--------------------------|------------------------------------------------------------------|
   | float                    | `{"$float": "3ff8000000000000"}`, its IEEE-754 bits in hex       |
   | Decimal                  | `{"$decimal": "1.50"}`                                           |
   | date, time, datetime     | `{"$date": …}`, `{"$time": …}`, `{"$datetime": …}`, ISO-8601     |
   | UUID                     | `{"$uuid": "…"}`                                                 |
   | bytes                    | `{"$bytes": "…"}`, in hex                                        |
   | Enum member              | `{"$enum": "ClassName.MEMBER"}`; nameless Flag: `"ClassName.8"`  |
   | set, frozenset           | `{"$set": […]}`, sorted by the members' canonical text           |
   | dataclass, msgspec struct| `{"$record": ["ClassName", {fields}]}`                           |

   So is a mapping with a name that is no string or begins with `$`: `{"$map": [[name, value], …]}`,
   sorted by the names' canonical text.

   Lists and tuples are arrays and keep their order. NaN, infinities and any other type are refused.
3. The digest is the first 40 hex digits (160 bits) of the text's SHA-256. Users choose the params,
   so the hash has to resist collisions; 160 bits keep a collision search at 2^80 steps.

`tests/core/key_vectors.json` holds test vectors.
"""

import dataclasses
import datetime as dt
import enum
import hashlib
import math
import re
import struct
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from cachekit.errors import InvalidKey

DIGEST_DIGITS: Final = 40
MAX_DEPTH: Final = 32
"""Nesting of params beyond which they are refused; it also ends cyclic ones."""

NO_PARAMS: Final[Any] = object()
"""Stands for "this resource has no params", which is not the same as params of None."""

_SAFE_SEGMENT: Final = re.compile(r"[A-Za-z0-9_.\-]+")
_UNSAFE_CHARACTER: Final = re.compile(r"[^A-Za-z0-9_.\-]")
_PLAIN: Final = frozenset({str, int, bool, type(None)})
_DOLLAR: Final = ord("$")
_sha256: Final = hashlib.sha256
_encode: Final = msgspec.json.Encoder(order="sorted").encode


class KeySpace:
    """The keys of one namespace: all begin with `{name}:`, and no other namespace's do."""

    __slots__ = ("name", "prefix")

    def __init__(self, name: str) -> None:
        """Raises InvalidKey unless `name` is made of `A-Z a-z 0-9 _ . -`."""
        if not _SAFE_SEGMENT.fullmatch(name):
            raise InvalidKey(f"namespace {name!r}: only A-Z a-z 0-9 _ . - are allowed, and at least one")
        self.name = name
        self.prefix = f"{name}:"

    def key(self, resource: str, params: Any = NO_PARAMS) -> str:
        """The key of `resource` with `params`, e.g. `amadeus_cache:flights:search:9f2c…`.

        `resource` is the programmer's: segments of `A-Z a-z 0-9 _ . -` joined by `:`. What comes from
        users belongs into `params`, which are hashed, or into `literal`, which escapes.

        Raises:
            InvalidKey: the resource has other characters, or the params cannot be written canonically.
        """
        if resource not in _known_resources:
            _check_resource(resource)
        if params is NO_PARAMS:
            return self.prefix + resource
        return f"{self.prefix}{resource}:{digest(params)}"

    def literal(self, *parts: str) -> str:
        """A key spelt out, e.g. `socket_auth:x7Fq…`; every other character becomes `%XX` of its UTF-8.

        So no part can add a separator, a glob character or a cluster hash tag, and parts never run
        into one another.
        """
        if not parts or not all(parts):
            raise InvalidKey("a literal key needs at least one part, and no part may be empty")
        return self.prefix + ":".join(_UNSAFE_CHARACTER.sub(_percent, part) for part in parts)

    def require(self, key: str) -> str:
        """The key, if it lies in this namespace; raises InvalidKey if it does not, or is no UTF-8."""
        if not isinstance(key, str):
            raise InvalidKey(f"key {key!r}: a key is a str, made by key() or literal()")
        if not key.isascii() and any("\ud800" <= character <= "\udfff" for character in key):
            raise InvalidKey("the key holds an unpaired surrogate, which UTF-8 cannot hold")
        if not key.startswith(self.prefix) or len(key) == len(self.prefix):
            raise InvalidKey(
                f"key {key!r} is not in namespace {self.name!r}: it must begin with {self.prefix!r}"
            )
        return key


class Pattern:
    r"""A pattern over the keys of one namespace, relative to it: `flights:search:*`.

    `*` stands for any run of characters, `?` for exactly one, and a backslash makes the next
    character literal. Everything else, brackets included, means itself.
    """

    __slots__ = ("_matches", "redis_glob", "text")

    def __init__(self, space: KeySpace, text: str) -> None:
        """Raises InvalidKey for an empty pattern or one that ends in a lone backslash."""
        if not text:
            raise InvalidKey("a pattern may not be empty; '*' stands for every key of the namespace")
        self.text = text
        glob, pieces = "", [re.escape(space.prefix)]
        characters = iter(text)
        for character in characters:
            if character in "*?":
                glob += character
                if character == "*":
                    pieces.append("")
                else:
                    pieces[-1] += "."
                continue
            literal = character
            if character == "\\":
                literal = next(characters, "")
                if not literal:
                    raise InvalidKey(f"pattern {text!r} ends in a backslash with nothing to make literal")
            glob += "\\" + literal if literal in "*?[]^\\-" else literal
            pieces[-1] += re.escape(literal)
        self.redis_glob = space.prefix + glob
        """The same as Redis' MATCH understands it, for the whole key."""
        # What stands between two `*` is taken where it first fits and never sought again (atomic groups), so
        # that no pattern takes more than quadratic time: it is matched in every process.
        first, *between = pieces
        last = f".*{between.pop()}" if between else ""
        regex = first + "".join(f"(?>.*?{piece})" for piece in between) + last
        self._matches = re.compile(regex, re.DOTALL).fullmatch

    def matches(self, key: str) -> bool:
        """Whether the full key matches."""
        return self._matches(key) is not None


def digest(params: Any) -> str:
    """The digest of `params`: 40 hex digits."""
    return _sha256(canonical_text(params)).hexdigest()[:DIGEST_DIGITS]


def canonical_text(params: Any) -> bytes:
    """The one text that stands for `params`; see the module's docstring."""
    try:
        # Most params are flat, and encoding those as they are gives the canonical text. This loop and the
        # search by number for a "$", which may begin a name, are the quickest found that miss no subclass.
        if type(params) is dict:
            for name, value in params.items():
                if type(name) is not str or type(value) not in _PLAIN:
                    break
            else:
                text = _encode(params)
                if _DOLLAR not in text:
                    return text
        return _encode(_canonical(params, 0))
    except UnicodeEncodeError:
        raise InvalidKey("params hold a string with an unpaired surrogate, which UTF-8 cannot hold") from None
    except ValueError as error:
        if isinstance(error, InvalidKey):
            raise
        raise InvalidKey("params hold an integer of more digits than Python converts") from None


def _canonical(value: Any, depth: int) -> Any:
    if type(value) in _PLAIN:
        return value
    if depth > MAX_DEPTH:
        raise InvalidKey(f"params are nested deeper than {MAX_DEPTH} levels, or contain themselves")
    tagged = _canonical_scalar(value)
    return _canonical_container(value, depth) if tagged is None else tagged


def _canonical_scalar(value: Any) -> dict[str, str] | None:
    kind = type(value)
    if isinstance(value, enum.Enum):
        # Bits of a Flag that have no name, not even a joint one: they all have None.
        member = value.value if value.name is None else value.name  # type: ignore[redundant-expr]
        return {"$enum": f"{kind.__name__}.{member}"}
    if (kind is float and not math.isfinite(value)) or (kind is Decimal and not value.is_finite()):
        raise InvalidKey(f"params hold {value!r}; only finite numbers are allowed")
    form = _TEXT_FORMS.get(kind)
    return None if form is None else form(value)


def _canonical_container(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind in (list, tuple):
        return [_canonical(item, depth + 1) for item in value]
    if kind in (set, frozenset):
        return {"$set": sorted((_canonical(item, depth + 1) for item in value), key=_encode)}
    if isinstance(value, Mapping):
        return _canonical_mapping(value, depth)
    fields = _fields_of(value)
    if fields is None:
        raise InvalidKey(
            f"params hold a {kind.__module__}.{kind.__qualname__}, which has no canonical form; allowed are "
            "None, bool, int, float, str, bytes, date, time, datetime, Decimal, UUID, Enum members, lists, "
            "tuples, sets, mappings, dataclasses and msgspec structs"
        )
    return {"$record": [kind.__name__, {name: _canonical(item, depth + 1) for name, item in fields.items()}]}


def _canonical_mapping(value: Mapping[Any, Any], depth: int) -> Any:
    if all(type(name) is str and name[:1] != "$" for name in value):
        return {name: _canonical(item, depth + 1) for name, item in value.items()}
    pairs = ([_canonical(name, depth + 1), _canonical(item, depth + 1)] for name, item in value.items())
    return {"$map": sorted(pairs, key=lambda pair: _encode(pair[0]))}


def _fields_of(value: Any) -> dict[str, Any] | None:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, msgspec.Struct):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    return None


_TEXT_FORMS: Final[dict[type, Callable[[Any], dict[str, str]]]] = {
    float: lambda value: {"$float": struct.pack(">d", value).hex()},
    Decimal: lambda value: {"$decimal": str(value)},
    dt.date: lambda value: {"$date": value.isoformat()},
    dt.time: lambda value: {"$time": value.isoformat()},
    dt.datetime: lambda value: {"$datetime": value.isoformat()},
    uuid.UUID: lambda value: {"$uuid": str(value)},
    bytes: lambda value: {"$bytes": value.hex()},
}

_known_resources: Final[set[str]] = set()
"""Resources found valid; programmers write them, so there are few. Bounded all the same."""


def _check_resource(resource: str) -> None:
    if not all(_SAFE_SEGMENT.fullmatch(segment) for segment in resource.split(":")):
        raise InvalidKey(
            f"resource {resource!r}: segments of A-Z a-z 0-9 _ . - joined by ':' are allowed; "
            "put what users send into the params, or use literal()"
        )
    if len(_known_resources) < 1_000:  # noqa: PLR2004
        _known_resources.add(resource)


def _percent(match: re.Match[str]) -> str:
    try:
        return "".join(f"%{byte:02X}" for byte in match.group().encode())
    except UnicodeEncodeError:
        raise InvalidKey("a key part holds an unpaired surrogate, which UTF-8 cannot hold") from None

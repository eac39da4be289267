"""Which values a namespace takes, and how they become JSON and come back.

`JsonValues`: whatever JSON holds exactly; each reader needs a copy of its own, which it may change.

`TypedValues`: the instances of one type, decoded straight into it. All readers share one instance, so the
type must be immutable all the way down; that is checked once, when the namespace is made.
"""

import math
import re
from collections.abc import Iterable
from typing import Any, Final, get_origin

import msgspec
from msgspec import inspect

from cachekit.errors import ConfigurationError, InvalidValue

MAX_DEPTH: Final = 200

_PLACE: Final = re.compile(r" - at `([^`]*)`$")
_write: Final = msgspec.json.Encoder().encode


class JsonValues:
    """Values of a namespace without a type."""

    shared: Final = False
    """Whether one decoded value may be handed to several readers."""

    def __init__(self) -> None:
        self.read: Final = msgspec.json.Decoder().decode

    def write(self, value: Any) -> bytes:
        """The JSON of `value`; raises InvalidValue, naming the place, if JSON cannot hold it exactly."""
        _require_exact_json(value)
        try:
            return _write(value)
        except UnicodeEncodeError:
            raise InvalidValue("the value holds a string with an unpaired surrogate") from None
        except ValueError:
            raise InvalidValue("the value holds an integer of more digits than Python converts") from None


class TypedValues:
    """Values of a namespace with a type."""

    shared: Final = True

    def __init__(self, kind: Any) -> None:
        """Raises ConfigurationError if `kind` is not immutable all the way down, or no type of JSON."""
        self._name = _name(kind)
        self._class = kind if isinstance(kind, type) and get_origin(kind) is None else None
        try:
            self.read: Final = msgspec.json.Decoder(kind).decode
            described = inspect.type_info(kind)
        except (TypeError, NameError, RecursionError) as error:
            raise ConfigurationError(f"type={self._name}: {error}") from None
        _require_immutable(described, self._name)

    def write(self, value: Any) -> bytes:
        """The JSON of `value`, which has been seen to come back as the same value.

        Raises InvalidValue if it does not: it is of another type, a subclass included, or holds what its
        fields do not allow, or NaN or an infinity, for which msgspec writes null.
        """
        where = ""
        try:
            data = _write(value)
            back = self.read(data)
        except msgspec.ValidationError as error:
            # Of the error only the place: the rest may quote the value.
            found = _PLACE.search(str(error))
            where = "" if found is None else f", at {found[1]}"
        except (TypeError, ValueError, RecursionError):
            pass
        else:
            if type(back) is type(value) and back == value:
                return data
        raise InvalidValue(self._misfit(value, where))

    def _misfit(self, value: Any, where: str) -> str:
        """What is wrong with `value`; it has been refused already, so this may take its time."""
        given = _name(type(value))
        if self._class is not None and type(value) is not self._class:
            return f"the value is a {given}; this namespace holds only {self._name}"
        if (place := _not_finite(value)) is not None:
            return f"the {given}'s {place} is NaN or an infinity, which JSON cannot hold"
        return f"the {given} holds what {self._name} does not allow{where}; it would not come back as it is"


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
                        f"{_where(path)} has a name of type {type(name).__name__}; JSON has only strings"
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


def _not_finite(value: Any) -> str | None:
    """Where in a typed value the first NaN or infinity is, e.g. `$.legs[0].price`; None if there is none."""
    try:
        todo = [(msgspec.to_builtins(value), "$")]
    except (TypeError, ValueError, RecursionError):
        return None
    while todo:
        item, path = todo.pop()
        if isinstance(item, float) and not math.isfinite(item):
            return path
        if isinstance(item, dict):
            todo.extend((member, f"{path}.{name}") for name, member in item.items())
        elif isinstance(item, list | tuple):
            todo.extend((member, f"{path}[{index}]") for index, member in enumerate(item))
    return None


_IMMUTABLE: Final = (
    inspect.NoneType,
    inspect.BoolType,
    inspect.IntType,
    inspect.FloatType,
    inspect.StrType,
    inspect.BytesType,
    inspect.DateTimeType,
    inspect.DateType,
    inspect.TimeType,
    inspect.TimeDeltaType,
    inspect.UUIDType,
    inspect.DecimalType,
    inspect.EnumType,
    inspect.LiteralType,
)

_INSTEAD: Final[dict[type[inspect.Type], str]] = {
    inspect.ListType: "tuple[…, ...] instead of list",
    inspect.CollectionType: "tuple[…, ...] instead of a collection",
    inspect.SetType: "frozenset[…] instead of set",
    inspect.DictType: "a frozen msgspec.Struct, or tuple[tuple[name, value], ...], instead of dict",
    inspect.TypedDictType: "a frozen msgspec.Struct instead of TypedDict",
    inspect.ByteArrayType: "bytes instead of bytearray",
    inspect.MemoryViewType: "bytes instead of memoryview",
    inspect.StructType: "class …(msgspec.Struct, frozen=True), with eq=True",
    inspect.DataclassType: "@dataclass(frozen=True), with eq=True",
    inspect.AnyType: "a type that says what it holds",
}

_ALLOWED: Final = (
    "frozen msgspec Structs and dataclasses, NamedTuple, tuple, frozenset, unions, Literal, Enum, None, "
    "bool, int, float, str, bytes, datetime, date, time, timedelta, UUID and Decimal"
)


def _require_immutable(described: inspect.Type, name: str) -> None:
    """Walk the type; recursive types come round to a node that has been seen."""
    seen: set[int] = set()
    todo = [(described, name)]
    while todo:
        node, path = todo.pop()
        if id(node) in seen or isinstance(node, _IMMUTABLE):
            continue
        seen.add(id(node))
        parts = _parts(node)
        if parts is None:
            instead = _INSTEAD.get(type(node), "another type")
            raise ConfigurationError(
                f"type={name}: {path} is not immutable; use {instead}. All readers share one value, so "
                f"allowed are only {_ALLOWED}"
            )
        todo.extend((part, path + step) for part, step in parts)


def _parts(node: inspect.Type) -> Iterable[tuple[inspect.Type, str]] | None:
    """The types a type is made of, and how each is reached; None if it is not immutable itself."""
    match node:
        case inspect.Metadata():
            return [(node.type, "")]
        case inspect.UnionType():
            return [(member, "") for member in node.types]
        case inspect.VarTupleType() | inspect.FrozenSetType():
            return [(node.item_type, "[…]")]
        case inspect.TupleType():
            return [(item, f"[{index}]") for index, item in enumerate(node.item_types)]
        case inspect.NamedTupleType() | inspect.StructType() | inspect.DataclassType() if _frozen(node.cls):
            return [(field.type, f".{field.name}") for field in node.fields]
    return None


def _frozen(kind: Any) -> bool:
    """Whether a class of records is frozen, and compares by value: else `write` could not check it."""
    kind = get_origin(kind) or kind
    if issubclass(kind, tuple):
        return True
    if issubclass(kind, msgspec.Struct):
        return bool(kind.__struct_config__.frozen and kind.__struct_config__.eq)
    options = getattr(kind, "__dataclass_params__", None)
    return options is not None and options.frozen and options.eq


def _name(kind: Any) -> str:
    return kind.__qualname__ if isinstance(kind, type) and get_origin(kind) is None else str(kind)

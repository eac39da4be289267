"""Typed values: one immutable instance for all readers, and nothing that comes back as something else."""

import datetime as dt
import enum
import math
import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, TypedDict, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachekit.core.codec import Codec, Corrupt, Record
from cachekit.errors import ConfigurationError, InvalidValue

LIMIT = 1_000_000
Item = TypeVar("Item")


class Cabin(enum.StrEnum):
    ECONOMY = "ECONOMY"


class Stop(NamedTuple):
    code: str
    minutes: int | None


@dataclass(frozen=True, slots=True)
class Fee:
    amount: Decimal


class Leg(msgspec.Struct, frozen=True):
    origin: str
    departs: dt.datetime
    stops: tuple[Stop, ...] = ()


class Quote(msgspec.Struct, frozen=True, gc=False):
    price: float | None = None
    legs: tuple[Leg, ...] = ()
    cabin: Cabin = Cabin.ECONOMY
    fees: frozenset[Fee] = frozenset()
    origin: Literal["GDS", "LTC"] = "GDS"
    id: uuid.UUID | None = None
    seats: Annotated[int, msgspec.Meta(ge=0)] = 0
    raw: bytes = b""


class Tree(msgspec.Struct, frozen=True):
    children: tuple["Tree", ...] = ()
    parent: Optional["Tree"] = None


class Page(msgspec.Struct, Generic[Item], frozen=True):
    items: tuple[Item, ...]
    next: Optional["Page[Item]"] = None


class Mutable(msgspec.Struct):
    x: int


class Holder(msgspec.Struct, frozen=True):
    quote: Quote
    parts: tuple[Mutable, ...]


class Endless(msgspec.Struct, frozen=True):
    children: tuple["Endless", ...]
    names: list[str]


class ByIdentity(msgspec.Struct, frozen=True, eq=False):
    x: int


class Pair(NamedTuple):
    x: int
    y: dict[str, int]


@dataclass
class Thawed:
    x: int


@dataclass(frozen=True)
class FrozenOutside:
    x: tuple[int, list[int]] = field(default=(1, []))


class Mapping(TypedDict):
    x: int


def record(data, **fields):
    return Record(
        data=msgspec.Raw(data), timestamp=dt.datetime(2026, 11, 22, tzinfo=dt.UTC), ttl=300, **fields
    )


def round_trip(kind, value):
    codec = Codec(kind)
    return codec.load(record(codec.dump(value, max_bytes=LIMIT)))


QUOTE = Quote(
    price=412.5,
    legs=(Leg("GRU", dt.datetime(2026, 12, 12, 9, 30, tzinfo=dt.UTC), (Stop("LIS", 90), Stop("MAD", None))),),
    fees=frozenset({Fee(Decimal("1.50"))}),
    id=uuid.UUID(int=1),
    raw=b"\x00\xff",
)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Quote, QUOTE),
        (Page[Quote], Page((QUOTE,), Page(()))),
        (Tree, Tree((Tree(), Tree()), Tree())),
        (tuple[Quote, ...], (QUOTE, QUOTE)),
        (Quote | None, None),
        (Fee, Fee(Decimal("0.1"))),
        (Stop, Stop("LIS", None)),
        (dt.timedelta, dt.timedelta(days=-1, microseconds=1)),
        (frozenset[str], frozenset({"a", "b"})),
        (int, -(2**63)),
    ],
)
def test_a_typed_value_comes_back_as_its_type(kind, value):
    """Dates, Decimals, enums, tuples and nested structs survive, each in its own type."""
    loaded = round_trip(kind, value)
    assert loaded == value
    assert type(loaded) is type(value)


def test_a_typed_value_is_shared_and_an_untyped_is_not():
    """The codec says which may be handed to several readers."""
    assert Codec(Quote).shared
    assert not Codec().shared


@pytest.mark.parametrize(
    ("kind", "data"), [(Quote, b"{}"), (tuple[int, ...], b"[1]"), (Quote | None, b"null")]
)
def test_readers_of_a_typed_value_get_the_same_one(kind, data):
    """It is neither copied nor decoded again."""
    codec, kept = Codec(kind), record(data)
    value = codec.load(kept)
    assert codec.copier(kept, value)() is value


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (Mutable, r"Mutable is not immutable; use class …\(msgspec.Struct, frozen=True\)"),
        (Holder, r"Holder.parts\[…\] is not immutable; use class"),
        (Endless, r"Endless.names is not immutable; use tuple\[…, ...\] instead of list"),
        (Page[Mutable], r"\.items\[…\] is not immutable"),
        (ByIdentity, "eq=True"),
        (Thawed, r"Thawed is not immutable; use @dataclass\(frozen=True\)"),
        (FrozenOutside, r"FrozenOutside.x\[1\] is not immutable; use tuple"),
        (Pair, r"Pair.y is not immutable; use a frozen msgspec.Struct"),
        (Mapping, "Mapping is not immutable"),
        (list[int], "instead of list"),
        (tuple, "a type that says what it holds"),
        (set[int], "frozenset"),
        (Any, "a type that says what it holds"),
        (object, "object is not immutable"),
        (bytearray, "bytes instead of bytearray"),
        (msgspec.Raw, "Raw is not immutable"),
        (Quote | Tree, "must be tagged"),
        ("nonsense", "not supported"),
    ],
)
def test_a_type_that_a_reader_could_change_is_refused(kind, told):
    """The error names the way to the field and what may stand there instead."""
    with pytest.raises(ConfigurationError, match=told):
        Codec(kind)


class Child(Quote, frozen=True):
    pass


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"price": 1.0}, "the value is a dict; this namespace holds only Quote"),
        (None, "is a NoneType; this namespace holds only Quote"),
        (Child(), "is a Child; this namespace holds only Quote"),
        (object(), "is a object; this namespace holds only Quote"),
        (Quote(price=float("nan")), r"Quote's \$\.price is NaN"),
        (Page((Quote(price=-math.inf),)), "is a Page; this"),
        (Quote(seats=True), r"what Quote does not allow, at \$\.seats"),
        (Quote(legs=[]), "what Quote does not allow"),
        (Quote(origin="\ud800"), "what Quote does not allow"),
        (Quote(seats=-1), r"at \$\.seats"),
    ],
)
def test_what_would_come_back_as_something_else_is_refused(value, told):
    """Other types, subclasses, wrong fields, and NaN, for which msgspec writes null."""
    with pytest.raises(InvalidValue, match=told):
        Codec(Quote).dump(value, max_bytes=LIMIT)


@pytest.mark.parametrize(
    ("kind", "value"),
    [(str, Cabin.ECONOMY), (Stop, ("LIS", 90)), (float, 1), (int, True), (tuple[int], Pair(1, 2))],
)
def test_what_equals_the_value_but_is_of_another_type_is_refused(kind, value):
    """A reader would get something else than was written."""
    with pytest.raises(InvalidValue):
        Codec(kind).dump(value, max_bytes=LIMIT)


def test_a_union_names_what_was_given_and_what_is_allowed():
    """A type that is no class is named as it is written."""
    with pytest.raises(InvalidValue, match=r"the dict holds what .*Quote \| None does not allow"):
        Codec(Quote | None).dump({}, max_bytes=LIMIT)
    with pytest.raises(InvalidValue, match=r"the tuple's \$\[1\].price is NaN"):
        Codec(tuple[Quote, ...]).dump((Quote(), Quote(price=-math.inf)), max_bytes=LIMIT)


@pytest.mark.parametrize("kind", [Quote, Literal["a", "b"], Cabin])
def test_a_refusal_shows_nothing_of_the_value(kind):
    """Neither a wrong field nor a wrong value gets into the error."""
    for value in ("hush", Quote(origin="hush")):
        with pytest.raises(InvalidValue) as caught:
            Codec(kind).dump(value, max_bytes=LIMIT)
        assert "hush" not in str(caught.value)


@given(st.builds(Quote, price=st.none() | st.floats(), seats=st.integers() | st.booleans()))
def test_a_typed_value_survives_or_is_refused(value):
    """No value is written that would be read as another."""
    fits = type(value.seats) is int and value.seats >= 0
    fits = fits and (value.price is None or math.isfinite(value.price))
    try:
        assert round_trip(Quote, value) == value
        assert fits
    except InvalidValue:
        assert not fits


@pytest.mark.parametrize(
    "data", [b"null", b"[]", b'{"seats":"1"}', b'{"seats":-1}', b'{"cabin":"GOLD"}', b"{"]
)
def test_a_stored_value_that_does_not_fit_the_type_is_corrupt(data):
    """An older or foreign value of another shape is a miss, not an error."""
    with pytest.raises(Corrupt):
        Codec(Quote).load(record(data))


def test_a_stored_value_of_an_older_shape_fits():
    """Fields it lacks take their defaults, and fields the type no longer has are ignored."""
    assert Codec(Quote).load(record(b'{"seats":3,"gone":1}')) == Quote(seats=3)


def test_nothing_there_may_be_none_whatever_the_type():
    """A negative record holds None beside a type that has none."""
    codec = Codec(Quote)
    data = codec.dump(None, max_bytes=LIMIT, negative=True)
    assert codec.load(record(data, negative=True)) is None
    with pytest.raises(Corrupt):
        codec.load(record(data))

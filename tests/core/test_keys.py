"""Keys: one canonical form, the same everywhere, and no way out of a namespace."""

import datetime as dt
import enum
import json
import os
import re
import subprocess
import sys
import uuid
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachekit.core.keys import KeySpace, Pattern, _canonical, _encode, canonical_text, digest
from cachekit.errors import InvalidKey

VECTORS = json.loads((Path(__file__).parent / "key_vectors.json").read_text())
SPACE = KeySpace("shop")


class Cabin(enum.StrEnum):
    ECONOMY = "ECONOMY"


@dataclass
class Route:
    origin: str
    destination: str


class Stop(msgspec.Struct):
    code: str


class Text(str):
    __slots__ = ()


class Number(int):
    pass


class Days(enum.IntFlag):
    SAT = 1
    SUN = 2


class Level(enum.IntEnum):
    HIGH = 1


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
params = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def exact(value):
    """`value` with every type spelt out, so that == means "must share a key"."""
    if isinstance(value, dict):
        return {name: exact(item) for name, item in value.items()}
    if isinstance(value, list):
        return [exact(item) for item in value]
    return (type(value).__name__, repr(value))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["text"][:40])
def test_digest_of_plain_params_follows_the_published_vectors(vector):
    """Any implementation must give these digests for these params."""
    assert canonical_text(vector["params"]).decode() == vector["text"]
    assert digest(vector["params"]) == vector["digest"]


def test_another_language_computes_the_same_digests(node):
    """The vectors hold in JavaScript, with its own JSON and SHA-256."""
    program = """
      const {createHash} = require('node:crypto');
      const bytes = s => Buffer.from(s, 'utf8');
      const text = v => v === null || typeof v !== 'object' ? JSON.stringify(v)
        : Array.isArray(v) ? '[' + v.map(text).join(',') + ']'
        : '{' + Object.keys(v).sort((a, b) => Buffer.compare(bytes(a), bytes(b)))
            .map(k => JSON.stringify(k) + ':' + text(v[k])).join(',') + '}';
      const vectors = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
      const sha256 = t => createHash('sha256').update(t).digest('hex');
      const digests = vectors.map(v => sha256(text(v.params)).slice(0, 40));
      console.log(JSON.stringify(digests));
    """
    done = subprocess.run(
        [node, "-e", program], input=json.dumps(VECTORS), capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [vector["digest"] for vector in VECTORS]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.5, '{"$float":"3ff8000000000000"}'),
        (Decimal("1.50"), '{"$decimal":"1.50"}'),
        (dt.date(2026, 12, 12), '{"$date":"2026-12-12"}'),
        (dt.time(9, 30), '{"$time":"09:30:00"}'),
        (dt.datetime(2026, 12, 12, 9, 30, tzinfo=dt.UTC), '{"$datetime":"2026-12-12T09:30:00+00:00"}'),
        (uuid.UUID(int=1), '{"$uuid":"00000000-0000-0000-0000-000000000001"}'),
        (b"\x00\xff", '{"$bytes":"00ff"}'),
        (Cabin.ECONOMY, '{"$enum":"Cabin.ECONOMY"}'),
        (Days.SUN | Days.SAT, '{"$enum":"Days.SAT|SUN"}'),
        (Days(0), '{"$enum":"Days.0"}'),
        (Days(8), '{"$enum":"Days.8"}'),
        ({3, 1, 2}, '{"$set":[1,2,3]}'),
        ((1, "2"), '[1,"2"]'),
        (Route("GRU", "LIS"), '{"$record":["Route",{"destination":"LIS","origin":"GRU"}]}'),
        (Stop("LIS"), '{"$record":["Stop",{"code":"LIS"}]}'),
        ({1: "a"}, '{"$map":[[1,"a"]]}'),
        ({"$date": "x"}, '{"$map":[["$date","x"]]}'),
    ],
)
def test_every_type_has_its_documented_form(value, text):
    """What plain JSON cannot tell apart is tagged as the docs say, among flat params too."""
    assert canonical_text(value).decode() == text
    assert canonical_text({"a": value}).decode() == f'{{"a":{text}}}'


def test_values_that_look_alike_get_keys_of_their_own():
    """1, "1", 1.0, True, None, "" and friends never share a key (fault 17)."""
    alike = [1, "1", 1.0, True, None, "", "None", Decimal(1), [1], ["1"], {1}, {"a": 1}, [1, 2], [2, 1]]
    assert len({digest({"a": value}) for value in alike}) == len(alike)


def test_parts_never_run_into_one_another():
    """('1:b:2', '3') and ('1', '2:b:3') are two keys (fault 17)."""
    assert SPACE.key("r", {"a": "1:b:2", "b": "3"}) != SPACE.key("r", {"a": "1", "b": "2:b:3"})
    assert SPACE.literal("a:b", "c") != SPACE.literal("a", "b:c")


@given(params, params)
def test_params_share_a_key_only_if_they_are_the_same(one, other):
    """Equal digests mean equal params, types included."""
    assert (digest(one) == digest(other)) == (exact(one) == exact(other))


@given(st.dictionaries(st.text(), scalars, min_size=2))
def test_order_of_members_does_not_matter(mapping):
    """The same members in another order share a key."""
    assert digest(dict(reversed(mapping.items()))) == digest(mapping)


awkward = st.sampled_from(
    [
        Cabin.ECONOMY,
        Level.HIGH,
        Text("a"),
        Number(1),
        "$",
        "$a",
        "a$",
        "\ud800",
        1,
        True,
        b"a",
        (1,),
        {"$": 1},
    ]
)


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except (InvalidKey, UnicodeEncodeError) as error:
        return InvalidKey if isinstance(error, UnicodeEncodeError) else type(error)


@given(
    st.dictionaries(st.text(max_size=3) | awkward.filter(lambda name: name != {"$": 1}), scalars | awkward)
)
def test_the_quick_way_gives_what_the_long_way_gives(mapping):
    """Flat params are encoded as they are; nothing may come out otherwise for that, subclasses included."""
    assert outcome(canonical_text, mapping) == outcome(lambda: _encode(_canonical(mapping, 0)))


@pytest.mark.parametrize("name", [Cabin.ECONOMY, Text("ECONOMY"), 1, None, True])
def test_a_name_that_is_no_plain_string_does_not_pass_for_one(name):
    """It has a form of its own or is refused; never the key of the string it equals."""
    assert outcome(digest, {name: 1}) != digest({str(name): 1})


@pytest.mark.parametrize("value", [Cabin.ECONOMY, Level.HIGH, Text("ECONOMY"), Number(1)])
def test_a_value_of_a_subclass_does_not_pass_for_its_base(value):
    """Enum members are tagged, other subclasses of str and int are refused."""
    plain = str(value) if isinstance(value, str) else int(value)
    assert outcome(digest, {"a": value}) != digest({"a": plain})


def test_digest_does_not_depend_on_the_hash_seed():
    """Sets hash alike in processes with different PYTHONHASHSEED (fault 17)."""
    program = "from cachekit.core.keys import digest; print(digest({'s': {'a', 'b', 'c', 'd', 'e'}}))"
    runs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(runs) == 1


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), Decimal("NaN"), object(), {"a": [1, object()]}]
)
def test_what_has_no_canonical_form_is_refused(value):
    """NaN, infinities and unknown types raise InvalidKey."""
    with pytest.raises(InvalidKey, match="allowed"):
        digest(value)


def test_params_that_contain_themselves_are_refused():
    """A cycle ends in an error, not in a RecursionError."""
    loop = []
    loop.append(loop)
    with pytest.raises(InvalidKey, match="contain themselves"):
        digest(loop)


def test_unpaired_surrogates_are_refused():
    """A string UTF-8 cannot hold is named as such."""
    with pytest.raises(InvalidKey, match="surrogate"):
        digest({"a": "\ud800"})
    with pytest.raises(InvalidKey, match="surrogate"):
        SPACE.literal("\ud800")


@given(st.text(min_size=1).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)))
def test_a_literal_part_can_add_nothing_that_means_something(part):
    """Separators, globs, hash tags and spaces from users are escaped (fault 18)."""
    key = SPACE.literal("a", part)
    assert re.fullmatch(r"shop:a:(?:[A-Za-z0-9_.\-]|%[0-9A-F]{2})+", key)


@pytest.mark.parametrize("resource", ["", "a::b", "a b", "a*", "a:{b}", "a:?"])
def test_a_resource_with_other_characters_is_refused(resource):
    """A resource is the programmer's; anything odd in it is an error that names the remedy."""
    with pytest.raises(InvalidKey, match=r"literal\(\)"):
        SPACE.key(resource)


@pytest.mark.parametrize("name", ["", "a:b", "a*", "a b", "é"])
def test_a_namespace_name_cannot_hold_a_separator(name):
    """Else one namespace's keys could begin with another's prefix."""
    with pytest.raises(InvalidKey, match="allowed"):
        KeySpace(name)


@pytest.mark.parametrize("key", ["shopping:a", "shop", "shop:", "other:a"])
def test_foreign_keys_are_refused(key):
    """A namespace does not touch keys outside its prefix."""
    with pytest.raises(InvalidKey, match="not in namespace"):
        SPACE.require(key)


@pytest.mark.parametrize(
    ("pattern", "key", "expected"),
    [
        ("*", "shop:anything:at:all", True),
        ("*", "shopping:x", False),
        ("flights:*", "shop:flights:search:1", True),
        ("flights:?", "shop:flights:1", True),
        ("flights:?", "shop:flights:12", False),
        ("a\\?", "shop:a?", True),
        ("a\\?", "shop:ab", False),
        ("[ab]", "shop:[ab]", True),
        ("[ab]", "shop:a", False),
        ("a\\\\b", "shop:a\\b", True),
        ("^a-b", "shop:^a-b", True),
    ],
)
async def test_a_pattern_means_the_same_to_us_and_to_redis(cache, pattern, key, expected):
    """The regular expression used in this process and the glob given to Redis agree (fault 18)."""
    compiled = Pattern(SPACE, pattern)
    await cache.store.set(key, b"x", px=60_000)
    found = [found async for batch in cache.store.scan(compiled.redis_glob) for found in batch]
    assert compiled.matches(key) is expected
    assert (key.encode() in found) is expected


@pytest.mark.parametrize("pattern", ["", "a\\"])
def test_a_pattern_that_means_nothing_is_refused(pattern):
    """An empty pattern or a dangling backslash is an error, not a surprise."""
    with pytest.raises(InvalidKey):
        Pattern(SPACE, pattern)


def test_no_pattern_takes_exponential_time():
    """Every process matches it against every key it reads: with backtracking this would never end."""
    assert not Pattern(KeySpace("n"), "*a" * 30 + "*b").matches("n:" + "a" * 200)


@given(st.text("ab*?", min_size=1, max_size=12), st.text("ab", min_size=1, max_size=12))
def test_a_pattern_matches_as_its_definition_says(pattern, key):
    """The definition tries everything."""

    def fits(pattern, key):
        if not pattern:
            return not key
        if pattern[0] == "*":
            return any(fits(pattern[1:], key[start:]) for start in range(len(key) + 1))
        return bool(key) and pattern[0] in (key[0], "?") and fits(pattern[1:], key[1:])

    assert Pattern(KeySpace("n"), pattern).matches(f"n:{key}") == fits(pattern, key)


@pytest.mark.parametrize("key", [None, 5, b"n:a"])
def test_a_key_that_is_no_text_is_refused(key):
    """With the error that is documented."""
    with pytest.raises(InvalidKey):
        KeySpace("n").require(key)

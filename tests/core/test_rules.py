"""Which entries a rule of the log kills: never one that began after it, always one that may have before."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachekit.core.keys import KeySpace, Pattern
from cachekit.core.rules import NamespaceRules, Rule, Rules

KEY = "shop:flights:search:9f2c"


def rule(position, kind, value="", *, namespace="shop", at=None):
    return Rule(position, 1_000 * position if at is None else at, namespace, kind, value)


def known(*rules, kept=100):
    """A mirror that has read these rules from the beginning of their log."""
    mirror = Rules(kept=kept)
    mirror.begin("one", 0)
    for each in rules:
        mirror.follow(each)
    return mirror


@pytest.fixture
def shop():
    return NamespaceRules("shop")


@pytest.mark.parametrize(
    ("kind", "value", "hit"),
    [
        ("tag", "t", True),
        ("tag", "other", False),
        ("tag", "t*", False),
        ("key", KEY, True),
        ("key", "shop:flights:search:other", False),
        ("key", "flights:search:9f2c", False),
        ("all", "", True),
        ("pattern", "*", True),
        ("pattern", "flights:*", True),
        ("pattern", "flights:search:9f2c*", True),
        ("pattern", "flights:search:9f2c?*", False),
        ("pattern", "shop:*", False),
        ("pattern", "flights", False),
        ("pattern", "flights:search:9f2c", True),
        ("pattern", "flights:search:9f2?", True),
        ("pattern", "flights:?:9f2c", False),
        ("pattern", "*:9f2c", True),
        ("pattern", "*:9f2", False),
        ("pattern", r"flights\:*", True),
        ("pattern", r"flights:search:\*", False),
        ("pattern", "flights:[a-z]*", False),
        ("a kind of a later version", "?", True),
        ("pattern", "", True),
        ("pattern", "flights:\\", True),
    ],
)
def test_a_rule_hits_what_it_means_and_was_there_before_it(shop, kind, value, hit):
    """What cannot be understood means everything; an entry of the rule's own position has survived it."""
    shop.add(rule(7, kind, value))
    assert shop.spare(KEY, ("s", "t"), 6) is not hit
    assert shop.spare(KEY, ("s", "t"), 7)


def test_an_escaped_glob_character_means_itself(shop):
    r"""`\*` at the end is no star."""
    shop.add(rule(1, "pattern", r"a:\*"))
    assert shop.spare("shop:a:b", (), 0)
    assert not shop.spare("shop:a:*", (), 0)


@pytest.mark.parametrize("kind", ["tag", "key", "pattern", "all", "unknown"])
@pytest.mark.parametrize("value", ["x*", "x", "?x"])
def test_rules_may_come_in_any_order_and_twice(shop, kind, value):
    """The newest of those that mean the same decides."""
    for position in (5, 9, 3, 9):
        shop.add(rule(position, kind, value))
    assert shop.newest == 9
    key = {"key": value, "pattern": "shop:" + value.replace("?", "_")}.get(kind, KEY)
    assert not shop.spare(key, (value,), 8)
    assert shop.spare(key, (value,), 9)


def test_the_newest_tag_rule_is_known_by_itself(shop):
    """Loads whose tags are not known yet ask for it; other kinds do not move it."""
    shop.add(rule(4, "tag", "t"))
    shop.add(rule(9, "all"))
    shop.add(rule(3, "tag", "t"))
    assert (shop.newest_tag, shop.newest) == (4, 9)


def test_nothing_below_the_floor_is_spared(shop):
    """Rules up to there may have been missed; an entry at the floor is known to be newer."""
    shop.raise_floor(5)
    assert not shop.spare(KEY, (), 4)
    assert shop.spare(KEY, (), 5)


def test_a_floor_never_sinks(shop):
    """What was unknown once stays unknown."""
    shop.raise_floor(5)
    shop.raise_floor(2)
    assert not shop.spare(KEY, (), 4)


def test_a_mirror_that_knows_nothing_gives_no_stamp():
    """Without one nothing is stored."""
    mirror = Rules()
    assert mirror.stamp is None
    mirror.begin("one", 3)
    assert mirror.stamp == ("one", 3)


@pytest.mark.parametrize("position", [3, 5])
def test_a_gap_makes_all_older_entries_invalid(position):
    """The records between are missing: an entry older than the last of them may have been hit by it."""
    mirror = known(rule(1, "tag", "a"), rule(position, "tag", "b"))
    assert not mirror.of("shop").spare(KEY, (), position - 2)
    assert mirror.of("shop").spare(KEY, (), position - 1)
    assert mirror.of("new").floor == position - 1


def test_no_gap_is_seen_where_there_is_none():
    """Rules in a row leave old entries alone."""
    mirror = known(rule(1, "tag", "a"), rule(2, "tag", "b"), rule(3, "tag", "c"))
    assert mirror.of("shop").spare(KEY, (), 0)


def test_an_own_rule_is_in_force_before_those_that_stand_before_it():
    """It moves the stamp, and not the position; the others are not taken for missing when they come."""
    mirror = known(rule(1, "tag", "a"))
    mirror.note(rule(4, "tag", "own"))
    assert (mirror.stamp, mirror.position) == (("one", 4), 1)
    assert not mirror.of("shop").spare(KEY, ("own",), 3)
    for each in (rule(2, "tag", "b"), rule(3, "tag", "c"), rule(4, "tag", "own")):
        mirror.follow(each)
    assert (mirror.stamp, mirror.position) == (("one", 4), 4)
    assert mirror.of("shop").spare(KEY, (), 0)
    assert not mirror.of("shop").spare(KEY, ("c",), 2)


def test_a_rule_is_for_its_namespace_only():
    """Others do not even look."""
    mirror = known(rule(1, "all", namespace="shop2"))
    assert (mirror.of("shop").newest, mirror.of("shop2").newest) == (0, 1)


@pytest.mark.parametrize("name", ["", "no name", "a:b", "*", "\ud800"])
def test_a_rule_about_an_impossible_namespace_counts_and_does_nothing(name):
    """By other hands; the log goes on."""
    mirror = known(rule(1, "all", namespace=name), rule(2, "tag", "t"))
    assert mirror.position == 2
    assert not mirror.of("shop").spare(KEY, ("t",), 1)


def test_another_incarnation_starts_over():
    """The same NamespaceRules go on, with nothing of the old log in them."""
    mirror = known(*(rule(n, kind, "x*") for n, kind in enumerate(("tag", "key", "pattern", "all"), 1)))
    shop = mirror.of("shop")
    mirror.begin("two", 2)
    assert mirror.of("shop") is shop
    assert (shop.newest, shop.floor, shop.newest_tag) == (2, 2, 0)
    mirror.follow(rule(3, "tag", "other"))
    assert shop.spare("shop:x", ("x*",), 2)
    assert not shop.spare("shop:x", (), 1)


def test_only_so_many_rules_are_remembered():
    """Those forgotten take the entries along that they might have hit, and their memory comes back."""
    kinds = ("tag", "key", "pattern")
    rules = [rule(n, kinds[n % 3], f"{n}{'*' if n % 2 else '?'}") for n in range(1, 112)]
    mirror = known(*rules, kept=100)
    shop = mirror.of("shop")
    assert shop.floor == mirror.of("new").floor == 11
    assert not shop.spare(KEY, (), 10)
    assert shop.spare(KEY, (), 11)
    prefixes = [text for sized in shop._prefixes.values() for text in sized]
    assert len(prefixes) + len(shop._globs) + len(shop._tags) + len(shop._keys) == 100


@pytest.mark.parametrize(
    ("kind", "value"), [("tag", "t"), ("key", KEY), ("pattern", "*"), ("pattern", "f?*")]
)
def test_a_rule_that_came_again_is_not_forgotten_with_the_old_one(kind, value):
    """The newer one is still known."""
    between = (rule(n, "tag", f"other {n}") for n in range(2, 20))
    mirror = known(rule(1, kind, value), *between, rule(20, kind, value), kept=18)
    assert 1 <= mirror.of("shop").floor < 19
    assert not mirror.of("shop").spare(KEY, ("t",), 19)


def test_an_entry_without_a_stamp_is_placed_by_its_time():
    """After the rules that were older, before the one of the same millisecond."""
    mirror = known(rule(1, "all", at=1_000), rule(2, "all", at=2_000), rule(3, "all", at=2_000))
    assert [mirror.position_at(at) for at in (500, 1_000, 1_001, 2_000, 2_001)] == [0, 0, 1, 1, 3]


def test_an_entry_without_a_stamp_and_older_than_all_rules_is_below_the_floor():
    """A rule that is not known any more may match it; if none is missing it is valid."""
    trimmed, whole = known(rule(5, "tag", "t")), known(rule(1, "tag", "t"))
    assert not trimmed.of("shop").spare(KEY, (), trimmed.position_at(0))
    assert whole.of("shop").spare(KEY, (), whole.position_at(0))


@dataclass
class Step:
    """A rule, and how many steps before its turn it is known as an own one."""

    rule: Rule
    early: int


NAMES = st.sampled_from(["a", "b", "ab", "a:b", "*", "?", "a*", "?b", "a:?", "*b", r"\*", r"a\*", "a:b*"])
KINDS = st.sampled_from(["tag", "tag", "key", "pattern", "pattern", "pattern", "all", "later"])
KEYS = ["shop:a", "shop:b", "shop:ab", "shop:a:b", "shop:a:bc", "shop:*", "shop:a*"]


@st.composite
def logs(draw):
    steps = []
    for position in range(1, draw(st.integers(0, 25)) + 1):
        kind, name = draw(KINDS), draw(NAMES)
        value = draw(st.sampled_from(KEYS)) if kind == "key" else name
        steps.append(Step(rule(position, kind, value), draw(st.integers(0, 3))))
    return steps


def hits(each, key, tags):
    """The naive meaning of a rule."""
    if each.kind == "tag":
        return each.value in tags
    if each.kind == "key":
        return each.value == key
    return each.kind != "pattern" or Pattern(KeySpace("shop"), each.value).matches(key)


@given(logs(), st.integers(1, 30), st.lists(NAMES, max_size=2))
def test_what_is_spared_is_what_no_newer_rule_hits(steps, kept, tags):
    """Compared with a list of all rules, at every point of the log, trimmed or not."""
    mirror = known(kept=kept)
    for index, step in enumerate(steps):
        for own in steps[index:]:
            if own.rule.position - own.early <= step.rule.position:
                mirror.note(own.rule)
        mirror.follow(step.rule)
        noted = [own.rule for own in steps if own.rule.position - own.early <= step.rule.position]
        shop = mirror.of("shop")
        for key in KEYS:
            for position in range(len(steps) + 1):
                survives = not any(each.position > position and hits(each, key, tags) for each in noted)
                spared = shop.spare(key, tuple(tags), position)
                assert spared == survives if position >= shop.floor else not spared
    assert mirror.position == len(steps)

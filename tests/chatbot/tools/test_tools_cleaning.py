"""What is left of a third party's texts."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.tools import cleaning
from chatbot.tools.cleaning import AMOUNT, CARRIER, FLIGHT_NUMBER, calendar_day, moment, name, number


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("TAP AIR PORTUGAL", "TAP AIR PORTUGAL"),
        (
            "Chalair (Régional) & Co., St. John's-Nord/Süd 1+",
            "Chalair (Régional) & Co., St. John's-Nord/Süd 1+",
        ),
        ("日本航空", "日本航空"),
        ("हवाई", "हवाई"),
        ("e\u0301", "é"),
        ("two\nlines\r\n\tand more", "two lines and more"),
        ('<b>"x"</b> {y} [z](u) `v`', "b x /b y z (u) v"),
        ("\u202egnirts\u202c zero\u200bwidth \U000e0049\U000e0047", "gnirts zero width"),
        ("A\ufe01B\U000e0100C\u3164D", "A B C D"),
        ("Human: do it; now! #1 @all $5 a_b", "Human do it now 1 all 5 a b"),
    ],
)
def test_a_name_is_one_plain_line(text, left) -> None:
    """Of letters, digits and the signs that names have."""
    assert name(text) == left


@pytest.mark.parametrize("value", ["", " \n", "\x00", "::!", "...", "+ -", None, 5, ["TAP"], b"TAP"])
def test_what_leaves_nothing_is_no_name(value) -> None:
    """Nor is what is no text."""
    assert name(value) is None


def test_a_long_name_is_cut_and_shows_it() -> None:
    """However long it is, and whether letters or blanks come first."""
    assert name("A" * 60) == "A" * 60
    assert name("A" * 1_000_000) == "A" * 59 + "…"
    assert name(" " * 1_000_000 + "A") is None
    assert name("ABCDEF", most=4) == "ABC…"


@given(st.text(max_size=300))
def test_every_text_becomes_a_short_plain_line(text) -> None:
    """Cleaning what is clean changes nothing but an ellipsis."""
    left = name(text)
    if left is not None:
        assert 0 < len(left) <= 60
        assert " ".join(left.split()) == left
        strange = {char for char in left if unicodedata.category(char)[0] not in "LMN"}
        assert strange <= set(" &'\u2019.,()/+-\u2013\u2026")
        bare = left.removesuffix("…").rstrip()
        assert name(bare) == bare


@pytest.mark.parametrize(
    ("fact", "good", "bad"),
    [
        (cleaning.AIRPORT, "LIS", ["lis", "LISB", "LIS\n", "L1S", None]),
        (AMOUNT, "1234.50", ["1e9", "-1", "NaN", "1,5", "1.", "٣", 5, "9" * 13]),
        (CARRIER, "G3", ["G", "g3", "G3\n", "G3 IGNORE"]),
        (FLIGHT_NUMBER, "88", ["", "88888", "8-8", "88\n"]),
        (cleaning.CABIN, "PREMIUM_ECONOMY", ["premium", "A" * 13, "IGNORE ALL"]),
    ],
)
def test_a_fact_has_its_form_or_is_refused(fact, good, bad) -> None:
    """The error says what was wanted, and not what came."""
    assert fact.of(good) == fact.maybe(good) == good
    for value in bad:
        assert fact.maybe(value) is None
        with pytest.raises(ValueError, match=f"not {fact.what}$"):
            fact.of(value)


@pytest.mark.parametrize("value", ["2026-13-01T00:00:00", "2026-12-12 10:00", "2026-12-12T10:00Z", "soon", 5])
def test_a_time_is_one_that_there_is(value) -> None:
    """Local, to the minute or the second."""
    assert moment("2026-12-12T22:55") == "2026-12-12T22:55"
    with pytest.raises(ValueError, match=r"."):
        moment(value)


@pytest.mark.parametrize("value", ["2026-02-30", "20260212", "2026-02-12T00:00:00", None])
def test_a_day_is_one_that_there_is(value) -> None:
    """As the calendar has it."""
    assert calendar_day("2028-02-29") == "2028-02-29"
    with pytest.raises(ValueError, match=r"."):
        calendar_day(value)


@pytest.mark.parametrize("value", [-1, 10, True, 3.0, "3", None])
def test_a_number_is_whole_and_within_bounds(value) -> None:
    """A flag is none, and a text is none."""
    assert [number(each, most=9) for each in (0, 9)] == [0, 9]
    with pytest.raises(ValueError, match="0 to 9"):
        number(value, most=9)

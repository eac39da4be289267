"""Dates as people say them: a light grammar finds the phrases, dateparser turns them into dates.

Numbers are read day first in all three languages, in English too: 5/12 is the fifth of December. Where
that cannot be (12/25) the month comes first. The answer always writes the date out, so that another
meaning shows. A date without a year is the next such date; a bare day ("the 14th") is in the month
spoken of, else the next such day; a weekday is the next one after today, with or without "next".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Literal

import dateparser

from chatbot.models.offline.date_grammar import (
    AHEAD,
    BARE_DAY,
    BARE_MONTH,
    CHRISTMAS,
    DAY_MONTH,
    DEPARTURE_CUE,
    ISO,
    LATER,
    MONTH_DAY,
    MONTHS,
    NUMERIC,
    PLACEHOLDER,
    RANGE,
    RANGE_AFTER_MONTH,
    RELATIVE,
    RETURN_CUE,
    STAY,
    UNITS,
    WEEKDAY,
    WEEKDAYS,
)
from chatbot.models.offline.quantities import number

Role = Literal["departure", "return"]

_DAYS = {"days": 1, "weeks": 7, "months": 30}


@dataclass(frozen=True, slots=True)
class When:
    """One date phrase: where it stands in the folded text, and what it says.

    Either `fixed` is known, or `day` is (with `month` or without), to be resolved against a first
    possible day. `month` alone is too vague to search with. `nights` is a length of stay instead,
    and `later` a number of days after the departure known so far.
    """

    start: int
    end: int
    role: Role | None = None
    fixed: date | None = None
    day: int | None = None
    month: str | None = None
    year: int | None = None
    nights: int | None = None
    later: int | None = None

    @property
    def vague(self) -> bool:
        """Whether only a month is named."""
        return self.fixed is None and self.day is None and self.nights is None and self.later is None

    def resolve(self, floor: date, anchor: date | None = None) -> date | None:
        """The first such day from `floor` on; None where the calendar has none.

        A bare day is looked for in the month of `anchor` first. A date with its year is taken as said,
        even before `floor`.
        """
        if self.fixed is not None or self.day is None:
            return self.fixed
        if self.month is None:
            return _next_day(self.day, max(floor, anchor.replace(day=1)) if anchor else floor)
        if self.year is not None:
            return _parse_day(self.day, self.month, self.year)
        # Nine years cover the longest wait for a 29 February.
        years = (_parse_day(self.day, self.month, year) for year in range(floor.year, floor.year + 9))
        return next((found for found in years if found and found >= floor), None)


def read_dates(text: str, today: date) -> list[When]:
    """The date phrases of a folded text in order, each with the role its wording gives it."""
    found: list[When] = []
    rest = text
    for kind in (
        _iso,
        _ranges,
        _later,
        _stays,
        _day_and_month,
        _numeric,
        _relative,
        _ahead,
        _weekdays,
        _bare,
    ):
        for when in kind(rest, today):
            found.append(when)
            rest = rest[: when.start] + PLACEHOLDER * (when.end - when.start) + rest[when.end :]
    found.sort(key=lambda when: (when.start, when.role == "return"))
    return [_with_role(text, found, index) for index in range(len(found))]


def blank(text: str, dates: list[When]) -> str:
    """The text with its date phrases overwritten, so that their numbers are not read as something else."""
    for when in dates:
        text = text[: when.start] + PLACEHOLDER * (when.end - when.start) + text[when.end :]
    return text


def _with_role(text: str, found: list[When], index: int) -> When:
    when = found[index]
    if when.role is not None or when.nights is not None:
        return when
    before = text[found[index - 1].end if index else 0 : when.start]
    last = {
        role: max((match.start() for match in cue.finditer(before)), default=-1)
        for role, cue in (("return", RETURN_CUE), ("departure", DEPARTURE_CUE))
    }
    if last["return"] > last["departure"]:
        return replace(when, role="return")
    return replace(when, role="departure") if last["departure"] >= 0 else when


def _iso(text: str, _: date) -> Iterator[When]:
    for match in ISO.finditer(text):
        yield _numbered(match, int(match["day"]), int(match["month"]), int(match["year"]))


def _ranges(text: str, _: date) -> Iterator[When]:
    for pattern in (RANGE, RANGE_AFTER_MONTH):
        for match in pattern.finditer(text):
            year = int(match["year"]) if match["year"] else None
            middle = match.end("first")
            first, last = int(match["first"]), int(match["day"])
            yield When(match.start(), middle, "departure", day=first, month=match["month"], year=year)
            yield When(middle, match.end(), "return", day=last, month=match["month"], year=year)
        text = pattern.sub(lambda match: PLACEHOLDER * len(match[0]), text)


def _later(text: str, _: date) -> Iterator[When]:
    for match in LATER.finditer(text):
        yield When(match.start(), match.end(), later=number(match[1]) * _DAYS[UNITS[match["unit"]]])


def _stays(text: str, _: date) -> Iterator[When]:
    for match in STAY.finditer(text):
        count = number(match[1] or match["nights"])
        unit = UNITS[match["unit"]] if match["unit"] else "days"
        yield When(match.start(), match.end(), nights=count * _DAYS[unit])


def _day_and_month(text: str, _: date) -> Iterator[When]:
    for pattern in (DAY_MONTH, MONTH_DAY):
        for match in pattern.finditer(text):
            year = int(match["year"]) if match["year"] else None
            yield When(match.start(), match.end(), day=int(match["day"]), month=match["month"], year=year)
        text = pattern.sub(lambda match: PLACEHOLDER * len(match[0]), text)


def _numeric(text: str, _: date) -> Iterator[When]:
    for match in NUMERIC.finditer(text):
        day, month = int(match["day"]), int(match["month"] or match["dotted_month"])
        if month > 12 >= day:  # noqa: PLR2004 - months in a year
            day, month = month, day
        year = match["year"] or match["dotted_year"]
        yield _numbered(match, day, month, (int(year) % 100 + 2000) if year else None)


def _numbered(match: re.Match[str], day: int, month: int, year: int | None) -> When:
    return When(match.start(), match.end(), day=day, month=str(month), year=year)


def _relative(text: str, today: date) -> Iterator[When]:
    for match in RELATIVE.finditer(text):
        phrase, language = {
            "today": ("today", "en"),
            "tonight": ("today", "en"),
            "tomorrow": ("tomorrow", "en"),
            "hoje": ("hoje", "pt"),
            "amanha": ("amanhã", "pt"),
            "hoy": ("hoy", "es"),
        }.get(match["word"] or "", ("mañana", "es"))
        if match["past"]:
            days = 2 if match["past"] in {"anteontem", "anteayer"} else 1
            phrase, language = f"{days} days ago", "en"
        if match["after"]:
            phrase, language = "in 2 days", "en"
        yield When(match.start(), match.end(), fixed=_parse(phrase, language, today))


def _ahead(text: str, today: date) -> Iterator[When]:
    for match in AHEAD.finditer(text):
        if match["weekend"]:
            phrase = "saturday"
        elif match["next"]:
            phrase = "in 1 week"
        else:
            phrase = f"in {number(match[1])} {UNITS[match['unit']]}"
        yield When(match.start(), match.end(), fixed=_parse(phrase, "en", today))


def _weekdays(text: str, today: date) -> Iterator[When]:
    for match in WEEKDAY.finditer(text):
        word = match["weekday"]
        yield When(match.start(), match.end(), fixed=_parse(word, WEEKDAYS[word], today))


def _bare(text: str, _: date) -> Iterator[When]:
    for match in CHRISTMAS.finditer(text):
        yield When(match.start(), match.end(), day=25, month="12")
    for match in BARE_DAY.finditer(text):
        yield When(match.start(), match.end(), day=int(match["nth"] or match["day"]))
    text = BARE_DAY.sub(lambda match: PLACEHOLDER * len(match[0]), text)
    for match in BARE_MONTH.finditer(text):
        yield When(match.start(), match.end(), month=match["month"] or "")


def _next_day(day: int, floor: date) -> date | None:
    month = floor.replace(day=1)
    for _ in range(13):
        try:
            found = month.replace(day=day)
        except ValueError:
            found = None
        if found and found >= floor:
            return found
        month = (month + timedelta(days=31)).replace(day=1)
    return None


@lru_cache(maxsize=2048)
def _parse_day(day: int, month: str, year: int) -> date | None:
    # The year is always spelled out: without one, dateparser's own guess depends on the day it runs, and
    # newer Pythons warn about it.
    if month.isdigit():
        text, languages = f"{year:04}-{int(month):02}-{day:02}", ["en"]
    else:
        text, languages = f"{day} {month} {year}", [MONTHS[month]]
    settings = {"DATE_ORDER": "YMD" if month.isdigit() else "DMY", "STRICT_PARSING": True}
    found = dateparser.parse(text, languages=languages, settings=settings)
    return found.date() if found and (found.day, found.year) == (day, year) else None


@lru_cache(maxsize=2048)
def _parse(phrase: str, language: str, today: date) -> date | None:
    settings = {
        "RELATIVE_BASE": datetime(today.year, today.month, today.day),  # noqa: DTZ001 - a calendar day has no zone
        "PREFER_DATES_FROM": "future",
    }
    found = dateparser.parse(phrase, languages=[language], settings=settings)
    return found.date() if found else None

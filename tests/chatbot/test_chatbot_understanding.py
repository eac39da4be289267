"""What the offline model understands of one message: dates, travelers, prices, places and their roles."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.models.offline.dates import read_dates
from chatbot.models.offline.language import detect
from chatbot.models.offline.quantities import (
    Budget,
    Party,
    read_budget,
    read_cabin,
    read_non_stop,
    read_party,
)
from chatbot.places.place import fold

TODAY = date(2026, 11, 22)  # a Sunday


def days(text: str, today: date = TODAY) -> list[str | None]:
    """The dates of a text, each as ISO text; None for one that does not exist."""
    resolved = [when.resolve(today) for when in read_dates(fold(text), today) if when.nights is None]
    return [day and day.isoformat() for day in resolved]


DATES = [
    ("on 12 December", "2026-12-12"),
    ("12th of december", "2026-12-12"),
    ("December 12, 2026", "2026-12-12"),
    ("dec 3rd", "2026-12-03"),
    ("12 de dezembro", "2026-12-12"),
    ("1º de janeiro", "2027-01-01"),
    ("10 de março", "2027-03-10"),
    ("el 5 de enero", "2027-01-05"),
    ("12 dic", "2026-12-12"),
    ("2026-12-24", "2026-12-24"),
    ("12/12", "2026-12-12"),
    ("5/12", "2026-12-05"),
    ("12/25", "2026-12-25"),
    ("03/01/27", "2027-01-03"),
    ("12.12.2026", "2026-12-12"),
    ("today", "2026-11-22"),
    ("tomorrow", "2026-11-23"),
    ("hoje", "2026-11-22"),
    ("amanhã", "2026-11-23"),
    ("mañana", "2026-11-23"),
    ("the day after tomorrow", "2026-11-24"),
    ("depois de amanhã", "2026-11-24"),
    ("pasado mañana", "2026-11-24"),
    ("next Friday", "2026-11-27"),
    ("próxima sexta", "2026-11-27"),
    ("sexta-feira que vem", "2026-11-27"),
    ("el próximo viernes", "2026-11-27"),
    ("on Sunday", "2026-11-29"),
    ("in two weeks", "2026-12-06"),
    ("daqui a 3 semanas", "2026-12-13"),
    ("dentro de dos semanas", "2026-12-06"),
    ("en un mes", "2026-12-22"),
    ("next week", "2026-11-29"),
    ("no fim de semana", "2026-11-28"),
    ("on the 14th", "2026-12-14"),
    ("dia 30", "2026-11-30"),
    ("22 november", "2026-11-22"),
    ("21 november", "2027-11-21"),
    ("29 February", "2028-02-29"),
    ("12 dec 2025", "2025-12-12"),
    ("yesterday", "2026-11-21"),
    ("ontem", "2026-11-21"),
    ("anteayer", "2026-11-20"),
    ("no Natal", "2026-12-25"),
    ("en Navidad", "2026-12-25"),
]


@pytest.mark.parametrize(("text", "day"), DATES)
def test_a_date_is_understood(text: str, day: str) -> None:
    """A date without a year is the next such date; numbers are day first where they can be."""
    assert days(text) == [day]


@pytest.mark.parametrize("text", ["31 November", "2026-02-31", "99/99", "31 de abril"])
def test_a_day_the_calendar_lacks_is_recognised_as_such(text: str) -> None:
    """It is a date phrase without a date, so that one can ask."""
    assert days(text) == [None]


@pytest.mark.parametrize(
    "text", ["December 2 adults", "por la mañana", "2 adults", "under 500", "a 1", "may I go"]
)
def test_what_only_looks_like_a_date_is_none(text: str) -> None:
    """Counts, prices and mornings are not days."""
    assert days(text) == []


RANGES = [
    "12 to 20 December",
    "December 12-20",
    "Dec 12 to Dec 20",
    "12 a 20 de dezembro",
    "del 12 al 20 de diciembre",
    "ida 12/12, volta 20/12",
    "12 December returning on the 20th",
]


@pytest.mark.parametrize("text", RANGES)
def test_two_dates_are_a_departure_and_a_return(text: str) -> None:
    """A range of days is understood in every form."""
    assert days(text, date(2026, 12, 1)) == ["2026-12-12", "2026-12-20"]


@pytest.mark.parametrize(
    "text", ["volta dia 20", "returning on the 20th", "regreso el 20 de diciembre", "back on 20/12"]
)
def test_a_return_is_told_by_its_wording(text: str) -> None:
    """The word before a date says that it is the way back."""
    assert [when.role for when in read_dates(fold(text), TODAY)] == ["return"]


def test_a_bare_day_stays_in_the_month_spoken_of() -> None:
    """After 20 January, "and on the 14th?" is 14 January."""
    (when,) = read_dates("and on the 14th?", TODAY)
    assert when.resolve(TODAY, date(2027, 1, 20)) == date(2027, 1, 14)


@pytest.mark.parametrize(("text", "nights"), [("for 10 days", 10), ("por uma semana", 7), ("5 noches", 5)])
def test_a_length_of_stay_is_understood(text: str, nights: int) -> None:
    """It is a number of nights, not a date."""
    assert [when.nights for when in read_dates(fold(text), TODAY)] == [nights]


@given(st.text(max_size=60), st.dates(date(2020, 1, 1), date(2090, 1, 1)))
def test_any_text_can_be_read_for_dates(text: str, today: date) -> None:
    """No text makes the date grammar fail, and phrases stay within the text and in order."""
    found = read_dates(fold(text), today)
    for when in found:
        when.resolve(today)
    assert [when.start for when in found] == sorted(when.start for when in found)


PARTIES = [
    ("2 adults and a child", Party(2, 1, None)),
    ("dois adultos", Party(2, None, None)),
    ("para 3 pessoas", Party(3, None, None)),
    ("dos adultos, un niño y un bebé", Party(2, 1, 1)),
    ("for two", Party(2, None, None)),
    ("somos um casal", Party(2, None, None)),
    ("just me", Party(1, 0, 0)),
    ("3 passageiros", Party(3, None, None)),
    ("no passengers said", Party()),
]


@pytest.mark.parametrize(("text", "party"), PARTIES)
def test_travelers_are_counted(text: str, party: Party) -> None:
    """Digits and number words count adults, children and infants."""
    assert read_party(fold(text)) == party


CABINS = [
    ("business class?", "BUSINESS"),
    ("classe executiva", "BUSINESS"),
    ("clase ejecutiva", "BUSINESS"),
    ("first class", "FIRST"),
    ("primeira classe", "FIRST"),
    ("premium economy", "PREMIUM_ECONOMY"),
    ("econômica", "ECONOMY"),
    ("any class", ""),
    ("the first flight", None),
]


@pytest.mark.parametrize(("text", "cabin"), CABINS)
def test_a_cabin_is_understood(text: str, cabin: str | None) -> None:
    """Cabins come in the API's words; "first flight" is none."""
    assert read_cabin(fold(text)) == cabin


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("nonstop", True),
        ("voo direto", True),
        ("sin escalas", True),
        ("with stops is fine", False),
        ("to Rome", None),
    ],
)
def test_nonstop_is_understood(text: str, wanted: object) -> None:
    """Stops can be refused, allowed again, or not spoken of."""
    assert read_non_stop(fold(text)) is wanted


BUDGETS = [
    ("under 500 euros", Budget(500, "EUR")),
    ("up to $1,200", Budget(1200, "USD")),
    ("até R$ 3.000,00", Budget(3000, "BRL")),
    ("no máximo 2500 reais", Budget(2500, "BRL")),
    ("hasta 800 dólares", Budget(800, "USD")),
    ("max 400", Budget(400, None)),
    ("in USD", Budget(None, "USD")),
    ("qualquer preço", Budget(unlimited=True)),
    ("under 12 years", Budget()),
]


@pytest.mark.parametrize(("text", "budget"), BUDGETS)
def test_a_price_limit_is_understood(text: str, budget: Budget) -> None:
    """Amounts in either notation, with or without a currency."""
    assert read_budget(fold(text)) == budget


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("flights from Rome to Paris", "en"),
        ("voos de Roma para Paris", "pt"),
        ("vuelos de Roma a París", "es"),
        ("e para o Porto?", "pt"),
        ("¿y a Oporto?", "es"),
        ("amanhã", "pt"),
    ],
)
def test_the_language_is_recognised(text: str, language: str) -> None:
    """A few words are enough."""
    assert detect(text, otherwise="en") == language


def test_the_language_stays_where_a_message_does_not_tell() -> None:
    """Codes and numbers keep the language spoken so far."""
    assert detect("GRU-LIS 12/12", otherwise="es") == "es"

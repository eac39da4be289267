"""Who travels, in which cabin, and for how much: the countable parts of a request.

All functions read folded text (lower case, no accents) in any of the three languages.
"""

import re
from dataclasses import dataclass
from typing import Final

from chatbot.places.place import words

NUMBER_WORDS: Final = {
    **dict.fromkeys(("a", "an", "one", "um", "uma", "un", "una", "uno"), 1),
    **dict.fromkeys(("two", "dois", "duas", "dos"), 2),
    **dict.fromkeys(("three", "tres"), 3),
    **dict.fromkeys(("four", "quatro", "cuatro"), 4),
    **dict.fromkeys(("five", "cinco"), 5),
    **dict.fromkeys(("six", "seis"), 6),
    **dict.fromkeys(("seven", "sete", "siete"), 7),
    **dict.fromkeys(("eight", "oito", "ocho"), 8),
    **dict.fromkeys(("nine", "nove", "nueve"), 9),
    **dict.fromkeys(("ten", "dez", "diez"), 10),
}
"""Folded number words of the three languages."""

NUMBER: Final = rf"(\d{{1,3}}|{'|'.join(sorted(NUMBER_WORDS, key=len, reverse=True))})"

_ADULTS = re.compile(rf"\b{NUMBER}\s+(?:adult[oa]?s?|grown-?ups?)\b")
_CHILDREN = re.compile(rf"\b{NUMBER}\s+(?:child(?:ren)?|kids?|criancas?|nin[oa]s?|menor(?:es)?)\b")
_INFANTS = re.compile(rf"\b{NUMBER}\s+(?:infants?|bab(?:y|ies)|bebes?)\b")
_PEOPLE = re.compile(
    rf"\b{NUMBER}\s+(?:people|persons?|pessoas?|personas?|passengers?|passageir[oa]s?|pasajer[oa]s?"
    r"|travell?ers?|viajantes|viajeros|of us|tickets?|passage(?:m|ns)|bilhetes?|billetes?|boletos?"
    r"|pasajes?)\b"
)
_JUST_NUMBER = re.compile(rf"\b(?:for|para|pra)\s+{NUMBER}\s*(?:$|[,.;!?]|\b(?:on|em|no|el|from|de|to)\b)")
_COUPLE = re.compile(r"\b(?:couple|casal|pareja|me and my (?:wife|husband|partner)|nos dois|nosotros dos)\b")
_ALONE = re.compile(
    r"\b(?:just me|only me|alone|by myself|so eu|sozinh[oa]|so para mim|solo yo|solo para mi)\b"
)

_CABINS: Final = (
    ("PREMIUM_ECONOMY", re.compile(r"\bpremium\b")),
    ("BUSINESS", re.compile(r"\b(?:business|executiva|ejecutiva|(?:clase|classe) (?:de )?negoci?os)\b")),
    (
        "FIRST",
        re.compile(r"\b(?:first[ -]class|primeira classe|primera clase|in first|en primera|em primeira)\b"),
    ),
    ("ECONOMY", re.compile(r"\b(?:economy|coach|(?:classe |clase )?economica|clase turista|turista)\b")),
)
_ANY_CABIN = re.compile(r"\b(?:any (?:class|cabin)|qualquer classe|cualquier clase)\b")

_NON_STOP = re.compile(
    r"\b(?:non-?\s?stop|direct(?:ly)?|diret[oa]s?|direct[oa]s?|sem (?:escalas?|paradas?)"
    r"|sin (?:escalas?|paradas?)"
    r"|without (?:any )?(?:stops?|stopovers?|layovers?)|no (?:stops|stopovers|layovers))\b"
)
_STOPS_ALLOWED = re.compile(
    r"\b(?:with (?:stops?|layovers?|connections?)|(?:stops|layovers|connections) (?:are|is) (?:ok|okay|fine)"
    r"|not (?:only )?(?:direct|non-?stop)|com (?:escalas?|conex(?:ao|oes)|paradas?)"
    r"|con (?:escalas?|conexion(?:es)?|paradas?)|nao precisa ser direto|no hace falta directo)\b"
)

_CURRENCIES: Final = {
    "us$": "USD",
    "r$": "BRL",
    "$": "USD",
    "€": "EUR",
    "£": "GBP",
    "euros": "EUR",
    "euro": "EUR",
    "dollars": "USD",
    "dollar": "USD",
    "dolares": "USD",
    "dolar": "USD",
    "reais": "BRL",
    "real": "BRL",
    "pounds": "GBP",
    "libras": "GBP",
    "pesos mexicanos": "MXN",
    "pesos argentinos": "ARS",
    "pesos chilenos": "CLP",
    "pesos colombianos": "COP",
    "yen": "JPY",
    **{
        code: code.upper()
        for code in words(
            """
        usd eur brl gbp chf cad aud mxn ars clp cop pen jpy
        """
        )
    },
}
_CURRENCY = "(" + "|".join(re.escape(name) for name in sorted(_CURRENCIES, key=len, reverse=True)) + ")"
_AMOUNT = r"(\d{1,3}(?:[.,\s]\d{3})+|\d{1,9})(?:[.,]\d{1,2})?(?!\d)"
_LIMIT = (
    r"(?:under|below|less than|at most|up to|no more than|cheaper than|max(?:imum"
    r"|imo)?(?: price)?(?: of| de)?"
    r"|budget(?: is| of)?|ate|menos de|no maximo|a lo sumo|como mucho|abaixo de|hasta|por debajo de"
    r"|orcamento de"
    r"|presupuesto de|por menos de)"
)
_LIMITED = re.compile(rf"\b{_LIMIT}\s*:?\s*{_CURRENCY}?\s*{_AMOUNT}\s*{_CURRENCY}?(?!\w)")
_IN_CURRENCY = re.compile(rf"\b(?:in|em|en)\s+{_CURRENCY}(?!\w)")
_NO_LIMIT = re.compile(r"\b(?:any price|qualquer preco|cualquier precio|no limit|sem limite|sin limite)\b")
_LEAST_BARE_PRICE = 100


@dataclass(frozen=True, slots=True)
class Party:
    """How many travel, as far as a message says; None means unsaid."""

    adults: int | None = None
    children: int | None = None
    infants: int | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """A price limit per traveler in whole units, and the currency to ask in; None means unsaid."""

    max_price: int | None = None
    currency: str | None = None
    unlimited: bool = False


def number(word: str) -> int:
    """The value of what `NUMBER` matched."""
    return NUMBER_WORDS[word] if word in NUMBER_WORDS else int(word)


def read_party(text: str) -> Party:
    """Who travels."""
    adults = _count(_ADULTS, text)
    if adults is None:
        adults = _count(_PEOPLE, text)
    if adults is None:
        adults = _count(_JUST_NUMBER, text)
    if adults is None and _COUPLE.search(text):
        adults = 2
    if adults is None and _ALONE.search(text):
        return Party(1, 0, 0)
    return Party(adults, _count(_CHILDREN, text), _count(_INFANTS, text))


def read_cabin(text: str) -> str | None:
    """The cabin in the API's own word, "" for any cabin, None if unsaid."""
    if _ANY_CABIN.search(text):
        return ""
    return next((cabin for cabin, pattern in _CABINS if pattern.search(text)), None)


def read_non_stop(text: str) -> bool | None:
    """True for nonstop flights only, False if stops are welcome, None if unsaid."""
    if _STOPS_ALLOWED.search(text):
        return False
    return True if _NON_STOP.search(text) else None


def read_budget(text: str) -> Budget:
    """The highest price and its currency. Dates must have been blanked out: "até 20 de dezembro"."""
    if _NO_LIMIT.search(text):
        return Budget(unlimited=True)
    limited = _LIMITED.search(text)
    if limited:
        before, amount, after = limited.groups()
        price = int(re.sub(r"\D", "", amount))
        currency = before or after
        if price and (currency or price >= _LEAST_BARE_PRICE):
            return Budget(price, _CURRENCIES[currency] if currency else None)
    wanted = _IN_CURRENCY.search(text)
    return Budget(currency=_CURRENCIES[wanted[1]] if wanted else None)


def _count(pattern: re.Pattern[str], text: str) -> int | None:
    counts = [number(match[1]) for match in pattern.finditer(text)]
    return sum(counts) if counts else None

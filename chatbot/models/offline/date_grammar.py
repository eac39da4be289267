"""The words and patterns in which people name days, in three languages; all match folded text."""

import re
from typing import Final

from chatbot.models.offline.quantities import NUMBER
from chatbot.places.place import words

# Folded month and weekday words, each with the language dateparser shall read it in.
MONTHS: Final = {
    **dict.fromkeys(
        words(
            """
            january february march april may june july august september october november december jan feb
            mar apr jun jul aug sep sept oct nov dec
            """
        ),
        "en",
    ),
    **dict.fromkeys(
        words(
            """
            janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro fev
            abr mai ago set out dez
            """
        ),
        "pt",
    ),
    **dict.fromkeys(
        words(
            """
            enero febrero marzo mayo junio julio septiembre setiembre octubre noviembre diciembre ene dic
            """
        ),
        "es",
    ),
}
WEEKDAYS: Final = {
    **dict.fromkeys(words("monday tuesday wednesday thursday friday saturday sunday"), "en"),
    **dict.fromkeys(words("segunda terca quarta quinta sexta sabado domingo"), "pt"),
    **dict.fromkeys(words("lunes martes miercoles jueves viernes"), "es"),
}
UNITS: Final = {
    **dict.fromkeys(
        ("day", "days", "dia", "dias", "night", "nights", "noite", "noites", "noche", "noches"), "days"
    ),
    **dict.fromkeys(("week", "weeks", "semana", "semanas"), "weeks"),
    **dict.fromkeys(("month", "months", "mes", "meses"), "months"),
}


def _any_of(words: dict[str, str]) -> str:
    return "(?:" + "|".join(sorted(words, key=len, reverse=True)) + ")"


_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th|o|ro|er|a)?"
_MONTH = rf"(?P<month>{_any_of(MONTHS)})\b\.?"
_YEAR = r"(?:(?:,|\s+of|\s+de|\s+del)?\s*(?P<year>20\d{2}))?(?!\d)"
_OF = r"(?:\s+(?:of|de|do|del)\s+|\s+|-|/)?"
_TILL = r"\s*(?:-|\u2013|to|until|till|and|a|ate|al|hasta|e|y)\s*(?:o\s+|the\s+|dia\s+|el\s+)?"
_NOT_COUNTED = (
    r"(?!\s*(?:adult|pe[os]|child|kid|cria|nin|bab|bebe|inf|pass|pasa|trav|ticket|nights|days|dias))"
)
PLACEHOLDER = "\N{BULLET}"

ISO = re.compile(r"(?<!\d)(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?!\d)")
RANGE = re.compile(rf"(?<![\d/.])(?P<first>\d{{1,2}})(?:st|nd|rd|th|o)?{_TILL}{_DAY}{_OF}{_MONTH}{_YEAR}")
RANGE_AFTER_MONTH = re.compile(
    rf"\b{_MONTH}\s+(?P<first>\d{{1,2}})(?:st|nd|rd|th)?{_TILL}(?P<day>\d{{1,2}})(?:st|nd|rd"
    rf"|th)?(?![\d/]){_YEAR}{_NOT_COUNTED}"
)
DAY_MONTH = re.compile(rf"(?<![\d/.,]){_DAY}{_OF}{_MONTH}{_YEAR}")
MONTH_DAY = re.compile(
    rf"\b{_MONTH}\s+(?:the\s+)?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?![\d/]){_YEAR}{_NOT_COUNTED}"
)
NUMERIC = re.compile(
    r"(?<![\d/.,-])(?P<day>\d{1,2})(?:/(?P<month>\d{1,2})(?:/(?P<year>\d{4}|\d{2}))?"
    r"|[.-](?P<dotted_month>\d{1,2})[.-](?P<dotted_year>\d{4}))(?![\d/])"
)
RELATIVE = re.compile(
    r"\b(?P<after>(?:the )?day after tomorrow|depois de amanha|pasado manana)\b"
    r"|\b(?P<word>today|tonight|tomorrow|hoje|amanha|hoy)\b|(?<!la )(?<!de )\b(?P<manana>manana)\b"
    r"|\b(?P<past>yesterday|anteontem|ontem|anteayer|ayer)\b"
)
AHEAD = re.compile(
    rf"\b(?:in|em|en|dentro de|daqui a|daqui|within)\s+{NUMBER}\s+(?P<unit>{_any_of(UNITS)})\b"
    rf"|\b(?P<next>next week|(?:na |a )?proxima semana|(?:na )?semana que vem|(?:la )?semana que viene)\b"
    rf"|\b(?P<weekend>weekend|fim de semana|fin de semana|finde)\b"
)
WEEKDAY = re.compile(rf"\b(?P<weekday>{_any_of(WEEKDAYS)})(?:[ -]feira)?\b(?!\s+(?:classe|clase|vez))")
BARE_DAY = re.compile(
    rf"\b(?:the\s+)?(?P<nth>\d{{1,2}})(?:st|nd|rd|th)\b|\b(?:dia"
    rf"|el)\s+(?:dia\s+)?(?P<day>\d{{1,2}})\b(?![\d:/h]){_NOT_COUNTED}"
)
BARE_MONTH = re.compile(
    rf"\b(?:in|during|em|en|no mes de|en el mes de)\s+(?P<month>{_any_of(MONTHS)})\b"
    r"|\b(?P<next>next month|(?:no )?(?:mes que vem|proximo mes)|(?:el )?(?:mes que viene))\b"
)
CHRISTMAS = re.compile(
    r"\b(?:(?:at|for|on|over) christmas(?: day)?|(?:no|neste) (?:dia de )?natal|en navidad(?:es)?)\b"
)
LATER = re.compile(
    rf"\b{NUMBER}\s+(?P<unit>{_any_of(UNITS)})\s+(?:later|afterwards|after(?! tomorrow)|depois(?! de)"
    r"|mais tarde|despues(?! de)|mas tarde)\b"
)
STAY = re.compile(
    rf"\b(?:for|por|durante|stay(?:ing)?(?: for)?|ficar|ficando"
    rf"|quedarme)\s+{NUMBER}\s+(?P<unit>{_any_of(UNITS)})\b"
    rf"|\b{NUMBER.replace('(', '(?P<nights>', 1)}\s+(?:nights?|noites?|noches?)\b"
)
RETURN_CUE = re.compile(
    r"\b(?:return(?:ing|s)?|back|inbound|volta(?:ndo|r|s)?|volto|retorn\w*|regres\w*|vuelta|vuelvo"
    r"|volver|volviendo"
    r")\b|\b(?:until|till|ate|hasta)\s*(?:o|el|the|dia|on)?\s*$"
)
DEPARTURE_CUE = re.compile(
    r"\b(?:leav(?:e|ing)|depart(?:ing|ure)?|outbound|going|ida|ir|sai(?:r|ndo|da)|part(?:ir|indo|ida)"
    r"|sal(?:ir|iendo|ida))\b"
)

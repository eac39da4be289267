"""The words and patterns of a message about a flight, in three languages; all but names match folded text."""

import re
from typing import Final, Literal

Role = Literal["origin", "destination", "at", "aside", "unsaid"]
"""`at` is "in Lisbon": where one goes, unless the question was where one is."""

Topic = Literal["greeting", "help", "identity", "thanks", "booking", "goodbye", "unknown"]

# The last of these words before a place gives its role. `a` and `e` between two places are read below.
ROLES: Final[tuple[tuple[Role, re.Pattern[str]], ...]] = (
    (
        "aside",
        re.compile(r"\b(?:via|with|by|com|con|pela|por|through|passando por|pasando por|weather in)\s*$"),
    ),
    (
        "origin",
        re.compile(
            r"\b(?:from|leaving|departing|out of|de|do|da|dos|das|desde|saindo de|partindo de"
            r"|saliendo de|origem|origen"
            r"|(?:live|living|based|moro|estou|vivo|estoy|am|i'm) (?:in|em|no|na|en))\s*:?\s*$"
        ),
    ),
    (
        "destination",
        re.compile(
            r"\b(?:to|into|towards?|for|visit(?:ing|ar)?|para|pra|pro|pros|ate|a|ao|aos|al|hasta"
            r"|hacia|destino"
            r"|destination|conhecer|conocer)\s*:?\s*$"
        ),
    ),
    ("at", re.compile(r"\b(?:in|em|no|na|en)\s*$")),
)
ARTICLES = re.compile(
    r"\b(?:the|o|os|as|la|el|los|las|city of|cidade d[eo]|ciudad de|aeroporto d[eo]|airport)\s*$"
)
BETWEEN = re.compile(r"\b(?:between|entre)\s*$")
AND = re.compile(r"\s*(?:,|\b(?:and|or|e|ou|y|o)\b)\s*")
OR = re.compile(r"\b(?:or|ou|o)\b")
JOINED = re.compile(r"\s*(?:[-\u2013\u2014>→/]+|->|=>|to|a|para)\s*")

ONE_WAY = re.compile(
    r"\b(?:one[ -]way|(?:so|somente|apenas|solo|solamente) (?:a |de |la )?ida|no return|sem volta)\b"
)
ROUND_TRIP = re.compile(
    r"\b(?:round[ -]?trip|return (?:ticket|flight|trip)s?|ida [ey] (?:a |la )?vu?el?ta"
    r"|ida e volta|and back)\b"
)
REFRESH = re.compile(
    r"\b(?:refresh|re-?check|check (?:it |that |them |prices? )?again|update|latest prices?"
    r"|live prices?|atuali[sz]\w*"
    r"|verifi\w+ (?:de novo|novamente|otra vez|de nuevo)|confir\w+ (?:de novo|novamente)|actuali[sz]\w*"
    r"|(?:busc|consult|procur|revis)\w+ (?:de novo|novamente|outra vez|otra vez|de nuevo))\b"
)
AGAIN = re.compile(
    r"\b(?:again|de novo|novamente|outra vez|otra vez|de nuevo|search|cheapest|fastest|mais barat\w+"
    r"|mas barat\w+"
    r"|mais rapid\w+|mas rapid\w+|flights?|tickets?|voos?|vuelos?|passage(?:m|ns)|pasajes?|bilhetes?"
    r"|billetes?"
    r"|boletos?|fly|flying|voar|volar|travel|viajar|round[ -]?trip|ida e volta|ida y vuelta)\b"
)
TOPICS: Final[tuple[tuple[Topic, re.Pattern[str]], ...]] = (
    (
        "identity",
        re.compile(
            r"\b(?:who are you|what are you|are you (?:a )?(?:claude|bot|human|robot|real|ai|an ai)"
            r"|quem (?:e voce|es tu)"
            r"|(?:voce|tu) es? (?:o |um |uma )?(?:claude|robo|ia|humano|bot)|quien eres"
            r"|quien es usted|que eres"
            r"|eres (?:un |una |el )?(?:claude|robot|ia|humano|bot)|claude)\b"
        ),
    ),
    (
        "booking",
        re.compile(
            r"\b(?:book|buy|pay|purchase|reserv\w+|compr\w+|pagar|pague|emitir|check-?in|cancel\w*)\b"
        ),
    ),
    (
        "help",
        re.compile(
            r"\b(?:help|what can you do|how (?:do|does) (?:you|this|it) work|ajuda|ajude"
            r"|o que (?:voce )?(?:pode|faz)"
            r"|como funciona|ayuda\w*|que puedes hacer|que sabes hacer)\b"
        ),
    ),
    ("thanks", re.compile(r"\b(?:thanks?|thank you|thx|obrigad[oa]|valeu|gracias)\b")),
    (
        "goodbye",
        re.compile(r"\b(?:bye|goodbye|see you|tchau|ate logo|ate mais|adeus|adios|chau|hasta luego)\b"),
    ),
    (
        "greeting",
        re.compile(
            r"^\W*(?:hi|hello|hey|good (?:morning|afternoon|evening)|oi|ola|bom dia|boa (?:tarde"
            r"|noite)|hola|buen[oa]s)\b"
        ),
    ),
)
_NAME = r"[A-ZÀ-Ý][\w'\u2019-]+(?:\s+[A-ZÀ-Ý][\w'\u2019-]+){0,3}"
NAME_AFTER_CUE = re.compile(
    rf"\b(?:(?:[Ff]rom|[Dd]e|[Dd]o|[Dd]a|[Dd]esde)\s+(?P<origin>{_NAME})"
    rf"|(?:[Tt]o|[Pp]ara|[Pp]ra|[Hh]asta|[Hh]acia|[Aa]l?|[Aa]o?|[Oo])\s+(?P<destination>{_NAME}))"
)
FROM_TO = re.compile(
    r"\b(?:from|desde|saindo de|saliendo de)\s+(?P<origin>[^\W\d_]{3,}(?:\s[^\W\d_]{3,}){0,3}?)"
    r"\s+(?:to|para|pra|a|hasta|hacia)\s+(?P<destination>[^\W\d_]{3,})"
)
ENDS: Final[tuple[Literal["origin", "destination"], ...]] = ("origin", "destination")
FEAST = re.compile(r"\b(?:no|neste)\s+$")

RETURN = re.compile(
    r"\b(?:return(?:ing)?|com(?:e|ing) back|back on|inbound|volta(?:ndo|r)?|volto|retornando|retorno"
    r"|regres(?:o|so|ando|sando)|vuelta|vuelvo|volver|volviendo)\b(?! (?:to|para|pra|a|ao)\b)"
)
TIME_OF_DAY = re.compile(
    r"(?<!good )\b(?:mornings?|afternoons?|evenings?|(?:at|by|late|every) night|night flights?|midday|noon"
    r"|(?:de|pela|da) (?:manha|madrugada|noite)|(?:a|pela|da|de) tarde|a noite"
    r"|(?:por|en|de) la (?:manana|tarde|noche|madrugada)|de (?:noche|madrugada))\b"
    r"|\b\d{1,2}(?::\d{2})?\s?[ap]m\b"
)
OFF_TOPIC = re.compile(
    r"\b(?:weather|forecast|temperature|population|capital (?:city )?(?:of|d[aoe]|del)|what time is it"
    r"|(?:qual (?:e )?o|que|como (?:esta|e) o|previsao do) (?:tempo|clima)|tempo (?:faz|vai fazer)"
    r"|(?:que|el) (?:tiempo|clima) (?:hace|hara|en)|pronostico|temperatura|populacao|poblacion"
    r"|que horas sao|que hora es)\b"
)

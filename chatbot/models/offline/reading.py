"""What one message says about a flight, on its own, before the conversation is taken into account."""

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Literal

from chatbot.models.offline.airlines import AIRLINES, SHORT_NAMES, is_airline, names_airline
from chatbot.models.offline.dates import When, blank, read_dates
from chatbot.models.offline.language import Language, detect
from chatbot.models.offline.quantities import (
    Budget,
    Party,
    read_budget,
    read_cabin,
    read_non_stop,
    read_party,
)
from chatbot.places import Mention, Place, PlaceDirectory
from chatbot.places.corrections import LOCAL_NAMES
from chatbot.places.place import fold, name_key, tokens, words
from chatbot.places.wording import NOT_PLACES

Role = Literal["origin", "destination", "at", "aside", "unsaid"]
"""`at` is "in Lisbon": where one goes, unless the question was where one is."""

Topic = Literal["greeting", "help", "identity", "thanks", "booking", "goodbye", "unknown"]

# The last of these words before a place gives its role. `a` and `e` between two places are read below.
_ROLES: Final[tuple[tuple[Role, re.Pattern[str]], ...]] = (
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
_ARTICLES = re.compile(
    r"\b(?:the|o|os|as|la|el|los|las|city of|cidade d[eo]|ciudad de|aeroporto d[eo]|airport)\s*$"
)
_BETWEEN = re.compile(r"\b(?:between|entre)\s*$")
_AND = re.compile(r"\s*(?:,|\b(?:and|or|e|ou|y|o)\b)\s*")
_OR = re.compile(r"\b(?:or|ou|o)\b")
_JOINED = re.compile(r"\s*(?:[-\u2013\u2014>→/]+|->|=>|to|a|para)\s*")

_ONE_WAY = re.compile(
    r"\b(?:one[ -]way|(?:so|somente|apenas|solo|solamente) (?:a |de |la )?ida|no return|sem volta)\b"
)
_ROUND_TRIP = re.compile(
    r"\b(?:round[ -]?trip|return (?:ticket|flight|trip)s?|ida [ey] (?:a |la )?vu?el?ta"
    r"|ida e volta|and back)\b"
)
_REFRESH = re.compile(
    r"\b(?:refresh|re-?check|check (?:it |that |them |prices? )?again|update|latest prices?"
    r"|live prices?|atuali[sz]\w*"
    r"|verifi\w+ (?:de novo|novamente|otra vez|de nuevo)|confir\w+ (?:de novo|novamente)|actuali[sz]\w*"
    r"|(?:busc|consult|procur|revis)\w+ (?:de novo|novamente|outra vez|otra vez|de nuevo))\b"
)
_AGAIN = re.compile(
    r"\b(?:again|de novo|novamente|outra vez|otra vez|de nuevo|search|cheapest|fastest|mais barat\w+"
    r"|mas barat\w+"
    r"|mais rapid\w+|mas rapid\w+|flights?|tickets?|voos?|vuelos?|passage(?:m|ns)|pasajes?|bilhetes?"
    r"|billetes?"
    r"|boletos?|fly|flying|voar|volar|travel|viajar|round[ -]?trip|ida e volta|ida y vuelta)\b"
)
_TOPICS: Final[tuple[tuple[Topic, re.Pattern[str]], ...]] = (
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
_NAME_AFTER_CUE = re.compile(
    rf"\b(?:(?:[Ff]rom|[Dd]e|[Dd]o|[Dd]a|[Dd]esde)\s+(?P<origin>{_NAME})"
    rf"|(?:[Tt]o|[Pp]ara|[Pp]ra|[Hh]asta|[Hh]acia|[Aa]l?|[Aa]o?|[Oo])\s+(?P<destination>{_NAME}))"
)
_FROM_TO = re.compile(
    r"\b(?:from|desde|saindo de|saliendo de)\s+(?P<origin>[^\W\d_]{3,}(?:\s[^\W\d_]{3,}){0,3}?)"
    r"\s+(?:to|para|pra|a|hasta|hacia)\s+(?P<destination>[^\W\d_]{3,})"
)
_ENDS: Final[tuple[Literal["origin", "destination"], ...]] = ("origin", "destination")
_FEAST = re.compile(r"\b(?:no|neste)\s+$")

_RETURN = re.compile(
    r"\b(?:return(?:ing)?|com(?:e|ing) back|back on|inbound|volta(?:ndo|r)?|volto|retornando|retorno"
    r"|regres(?:o|so|ando|sando)|vuelta|vuelvo|volver|volviendo)\b(?! (?:to|para|pra|a|ao)\b)"
)
_TIME_OF_DAY = re.compile(
    r"(?<!good )\b(?:mornings?|afternoons?|evenings?|(?:at|by|late|every) night|night flights?|midday|noon"
    r"|(?:de|pela|da) (?:manha|madrugada|noite)|(?:a|pela|da|de) tarde|a noite"
    r"|(?:por|en|de) la (?:manana|tarde|noche|madrugada)|de (?:noche|madrugada))\b"
    r"|\b\d{1,2}(?::\d{2})?\s?[ap]m\b"
)
_OFF_TOPIC = re.compile(
    r"\b(?:weather|forecast|temperature|population|capital (?:city )?(?:of|d[aoe]|del)|what time is it"
    r"|(?:qual (?:e )?o|que|como (?:esta|e) o|previsao do) (?:tempo|clima)|tempo (?:faz|vai fazer)"
    r"|(?:que|el) (?:tiempo|clima) (?:hace|hara|en)|pronostico|temperatura|populacao|poblacion"
    r"|que horas sao|que hora es)\b"
)
_SMALL_WORDS: Final = frozenset(
    words(
        """
    de do da dos das del la las los el of the and e y
    """
    )
)


@dataclass(frozen=True, slots=True)
class PlaceSaid:
    """A place in a message and the part it plays there."""

    mention: Mention
    role: Role

    @property
    def place(self) -> Place:
        """Its best reading, named as it was understood.

        A name in use in one of the three languages stays; another way to say it shows the code: "Lissabon"
        becomes "Lisbon (LIS)".
        """
        place, said = self.mention.places[0], self.mention.text
        key = name_key(said)
        begins = place.kind == "city" and not said.isupper() and name_key(place.name).startswith(f"{key} ")
        if said.upper() == place.code and not begins:
            return replace(place, name=place.code)
        if key == name_key(place.name):
            return place
        local = next((name for name in LOCAL_NAMES.get(place.code, ()) if name_key(name) == key), None)
        if local is not None:
            return replace(place, name=local)
        name = _shown(said) if place.kind == "airport" else place.name
        return replace(place, name=f"{name} ({place.code})")


@dataclass(frozen=True, slots=True)
class UnknownName:
    """A name that stands where a place would and is in no data set."""

    name: str
    role: Literal["origin", "destination"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One message, understood as far as it goes alone.

    `whens` are its date phrases, still symbolic. `again` tells that it asks for a search, if only for
    the last one once more; `refresh` that the answer must not come out of a cache; `unfilterable` that
    it wishes for an airline or a time of day, which the search cannot be limited to; `off_topic` that it
    asks something else about a place. `unknowns` has at most one name for each end of the trip.
    """

    text: str
    language: Language
    places: tuple[PlaceSaid, ...]
    whens: tuple[When, ...]
    party: Party
    budget: Budget
    cabin: str | None
    non_stop: bool | None
    one_way: bool
    round_trip: bool
    refresh: bool
    again: bool
    unfilterable: bool
    off_topic: bool
    topic: Topic
    unknowns: tuple[UnknownName, ...]

    @property
    def has_details(self) -> bool:
        """Whether it says anything a flight search can use."""
        return bool(
            self.places
            or self.whens
            or self.party != Party()
            or self.budget != Budget()
            or self.cabin is not None
            or self.non_stop is not None
            or self.one_way
            or self.round_trip
        )


def read(text: str, today: date, places: PlaceDirectory, *, otherwise: Language) -> Reading:
    """Read one message; `otherwise` is its language where the words do not tell."""
    folded = " ".join(fold(text).split())
    # "ida e volta" names a kind of trip, and would else be taken for a return date's cue.
    whens = tuple(read_dates(_ROUND_TRIP.sub(" ", folded), today))
    undated = blank(_ROUND_TRIP.sub(" ", folded), list(whens))
    mentions = [
        mention
        for mention in places.mentions(text)
        if not _is_christmas(text, mention) and not is_airline(text, mention)
    ]
    said, and_back = _there_and_back(_roles(text, mentions))
    again, one_way = bool(_AGAIN.search(folded)), bool(_ONE_WAY.search(folded))
    round_trip = and_back or bool(_ROUND_TRIP.search(folded) or _RETURN.search(folded))
    return Reading(
        text=text,
        language=detect(_without_places(text, mentions), otherwise=otherwise),
        places=said,
        whens=whens,
        party=read_party(undated),
        budget=read_budget(undated),
        cabin=read_cabin(folded),
        non_stop=read_non_stop(folded),
        one_way=one_way,
        round_trip=round_trip and not one_way,
        refresh=bool(_REFRESH.search(folded)),
        again=again,
        unfilterable=bool(_TIME_OF_DAY.search(undated)) or names_airline(text, mentions),
        off_topic=not again and bool(_OFF_TOPIC.search(folded)),
        topic=next((topic for topic, pattern in _TOPICS if pattern.search(folded)), "unknown"),
        unknowns=_unknowns(text, said, mentions),
    )


def _roles(text: str, mentions: list[Mention]) -> tuple[PlaceSaid, ...]:
    said: list[PlaceSaid] = []
    previous_end = 0
    for mention in mentions:
        between = fold(text[previous_end : mention.start])
        role = _role(between)
        previous_end = mention.end
        if said and said[-1].mention.places == mention.places and not between.strip(" ,.-"):
            continue
        if (said and _BETWEEN.search(fold(text[: said[-1].mention.start]))) or (
            said and said[-1].role == "unsaid" and _JOINED.fullmatch(between)
        ):
            said[-1] = PlaceSaid(said[-1].mention, "origin")
            role = "destination"
        elif said and role == "unsaid" and _AND.fullmatch(between):
            if said[-1].role == "unsaid" and _OR.search(between):
                said[-1] = PlaceSaid(said[-1].mention, "destination")
            role = said[-1].role
        said.append(PlaceSaid(mention, role))
    return tuple(place for place in said if place.role != "aside")


def _there_and_back(said: tuple[PlaceSaid, ...]) -> tuple[tuple[PlaceSaid, ...], bool]:
    """Without the way back spelled out in "from Rome to Paris and back to Rome", and whether it was."""
    origins = {place.mention.places for place in said if place.role == "origin"}
    kept = tuple(
        place for place in said if place.role != "destination" or place.mention.places not in origins
    )
    goes_somewhere = any(place.role == "destination" for place in kept)
    return (kept, True) if goes_somewhere and len(kept) < len(said) else (said, False)


def _role(before: str) -> Role:
    before = before.rstrip()
    for _ in range(2):
        for role, pattern in _ROLES:
            if pattern.search(before):
                return role
        before = _ARTICLES.sub("", before).rstrip()
    return "unsaid"


def _unknowns(text: str, said: tuple[PlaceSaid, ...], mentions: list[Mention]) -> tuple[UnknownName, ...]:
    """The first unknown name for each end of the trip that no known place takes."""
    found: dict[str, UnknownName] = {}
    taken = {place.role for place in said}
    for match in (*_NAME_AFTER_CUE.finditer(text), *_FROM_TO.finditer(text)):
        for role in _ENDS:
            name = match[role]
            if name and role not in taken | found.keys() and _is_unknown(name, match.span(role), mentions):
                found[role] = UnknownName(name, role)
    return tuple(found.values())


def _is_unknown(name: str, span: tuple[int, int], mentions: list[Mention]) -> bool:
    if any(mention.overlaps(*span) for mention in mentions) or name_key(name) in AIRLINES | SHORT_NAMES:
        return False
    everyday = any if name.islower() else all
    return not everyday(word.folded in NOT_PLACES for word in tokens(name))


def _without_places(text: str, mentions: list[Mention]) -> str:
    """The text with its place names taken out: "São Paulo" is no Portuguese."""
    for mention in reversed(mentions):
        text = f"{text[: mention.start]} {text[mention.end :]}"
    return text


def _is_christmas(text: str, mention: Mention) -> bool:
    """Whether Natal is the feast: "no Natal"; the city has no article."""
    return name_key(mention.text) == "natal" and bool(_FEAST.search(fold(text[: mention.start])))


def _shown(text: str) -> str:
    """A place's name as the user wrote it, with capitals if it had none: "Charles de Gaulle"."""
    if any(char.isupper() for char in text):
        return text
    return " ".join(word if word in _SMALL_WORDS else word[:1].upper() + word[1:] for word in text.split())

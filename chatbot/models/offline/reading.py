"""What one message says about a flight, on its own, before the conversation is taken into account."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Literal

from chatbot.models.offline.airlines import AIRLINES, SHORT_NAMES, is_airline, names_airline
from chatbot.models.offline.dates import When, blank, read_dates
from chatbot.models.offline.language import Language, detect
from chatbot.models.offline.message_grammar import (
    AGAIN,
    AND,
    ARTICLES,
    BETWEEN,
    ENDS,
    FEAST,
    FROM_TO,
    JOINED,
    NAME_AFTER_CUE,
    OFF_TOPIC,
    ONE_WAY,
    OR,
    REFRESH,
    RETURN,
    ROLES,
    ROUND_TRIP,
    TIME_OF_DAY,
    TOPICS,
    Role,
    Topic,
)
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
    whens = tuple(read_dates(ROUND_TRIP.sub(" ", folded), today))
    undated = blank(ROUND_TRIP.sub(" ", folded), list(whens))
    mentions = [
        mention
        for mention in places.mentions(text)
        if not _is_christmas(text, mention) and not is_airline(text, mention)
    ]
    said, and_back = _there_and_back(_roles(text, mentions))
    again, one_way = bool(AGAIN.search(folded)), bool(ONE_WAY.search(folded))
    round_trip = and_back or bool(ROUND_TRIP.search(folded) or RETURN.search(folded))
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
        refresh=bool(REFRESH.search(folded)),
        again=again,
        unfilterable=bool(TIME_OF_DAY.search(undated)) or names_airline(text, mentions),
        off_topic=not again and bool(OFF_TOPIC.search(folded)),
        topic=next((topic for topic, pattern in TOPICS if pattern.search(folded)), "unknown"),
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
        if (said and BETWEEN.search(fold(text[: said[-1].mention.start]))) or (
            said and said[-1].role == "unsaid" and JOINED.fullmatch(between)
        ):
            said[-1] = PlaceSaid(said[-1].mention, "origin")
            role = "destination"
        elif said and role == "unsaid" and AND.fullmatch(between):
            if said[-1].role == "unsaid" and OR.search(between):
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
        for role, pattern in ROLES:
            if pattern.search(before):
                return role
        before = ARTICLES.sub("", before).rstrip()
    return "unsaid"


def _unknowns(text: str, said: tuple[PlaceSaid, ...], mentions: list[Mention]) -> tuple[UnknownName, ...]:
    """The first unknown name for each end of the trip that no known place takes."""
    found: dict[str, UnknownName] = {}
    taken = {place.role for place in said}
    for match in (*NAME_AFTER_CUE.finditer(text), *FROM_TO.finditer(text)):
        for role in ENDS:
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
    return name_key(mention.text) == "natal" and bool(FEAST.search(fold(text[: mention.start])))


def _shown(text: str) -> str:
    """A place's name as the user wrote it, with capitals if it had none: "Charles de Gaulle"."""
    if any(char.isupper() for char in text):
        return text
    return " ".join(word if word in _SMALL_WORDS else word[:1].upper() + word[1:] for word in text.split())

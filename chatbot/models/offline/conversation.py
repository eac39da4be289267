"""What to do next in a conversation, found by reading all of it.

The model keeps nothing between calls, so each call walks through the history: every message changes the
trip, every answer that followed is known again by applying the same rules, and only the last is given.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from chatbot.models.offline.dates import When
from chatbot.models.offline.language import LANGUAGES, Language
from chatbot.models.offline.message_grammar import Topic
from chatbot.models.offline.reading import Reading, UnknownName
from chatbot.models.offline.trip import Problem, Question, Trip, fill, merge, missing
from chatbot.models.protocol import ModelMessage, TextBlock, ToolResultBlock, ToolUse
from chatbot.places import Place
from chatbot.places.place import fold, name_key, tokens

SEARCH: Final = "search_flights"
"""The name of the tool this model knows how to use."""

Read = Callable[[str, Language], Reading]
"""Reads one message, given the language spoken so far."""

_ORDINALS: Final = (
    re.compile(r"\b(?:1|first|primeir[oa]|primer[oa]?)\b"),
    re.compile(r"\b(?:2|second|segund[oa])\b"),
    re.compile(r"\b(?:3|third|terceir[oa]|tercer[oa]?)\b"),
    re.compile(r"\b(?:4|fourth|quart[oa]|cuart[oa])\b"),
)
_BARE_DAY = re.compile(r"\W*(\d{1,2})\W*")
_LONGEST_BARE_NAME = 4


@dataclass(frozen=True, slots=True)
class Search:
    """Call the tool for this trip."""

    trip: Trip
    refresh: bool


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the user one thing. `unknown` is a name that was given and not recognised."""

    question: Question
    trip: Trip
    unknown: str | None = None


@dataclass(frozen=True, slots=True)
class Say:
    """Answer something that is not a search."""

    topic: Topic


@dataclass(frozen=True, slots=True)
class Report:
    """Say what the tool found, or why it did not."""

    results: tuple[ToolResultBlock, ...]


Move = Search | Ask | Say | Report


@dataclass(frozen=True, slots=True)
class Turn:
    """The next move, in which language, and whether it is the first thing said in this conversation.

    `trip` is what is wanted so far, with places named as they were understood. `unfilterable` tells that
    the last message also wished for something no search can be limited to.
    """

    move: Move
    trip: Trip
    language: Language
    first: bool
    unfilterable: bool
    next_tool_id: str


def next_turn(messages: Sequence[ModelMessage], read: Read, today: date) -> Turn:
    """Decide on the answer to the last message; a history of any shape gives some sensible answer."""
    trip, asked, language = Trip(), None, LANGUAGES[0]
    move: Move = Say("greeting")
    unfilterable = False
    for message in messages:
        if message.role == "assistant":
            trip = _as_searched(trip, message)
            continue
        text = _text(message)
        if text:
            reading = read(text, language)
            language, unfilterable = reading.language, reading.unfilterable
            if reading.off_topic:
                move = Say("unknown")
            else:
                trip, move = _answer(trip, reading, today, asked)
            asked = move.question if isinstance(move, Ask) else None
        elif results := tuple(_blocks(message, ToolResultBlock)):
            move, unfilterable = Report(results), False
    return Turn(move, trip, language, not _has_spoken(messages), unfilterable, _next_tool_id(messages))


def _answer(trip: Trip, reading: Reading, today: date, asked: Question | None) -> tuple[Trip, Move]:
    chosen = _choice(reading, asked)
    if chosen is not None and asked is not None and asked.slot is not None:
        trip = fill(trip, asked.slot, replace(chosen, name=f"{chosen.name} ({chosen.code})"))
        return trip, _search_or_ask(trip, reading, today)
    reading = _with_bare_day(reading, asked)
    unknown = _unknown(reading, asked)
    if not reading.has_details and not reading.refresh and unknown is None:
        if not reading.again or reading.topic in {"identity", "booking", "goodbye"}:
            return trip, Ask(asked, trip) if asked and reading.topic == "unknown" else Say(reading.topic)
        return trip, _search_or_ask(trip, reading, today)
    slot = asked.slot if asked else None
    trip, unclear = merge(trip, reading, today, asked=slot)
    if unclear is not None:
        return trip, Ask(unclear, trip)
    if unknown is not None and not reading.places:
        return _without(trip, reading.unknowns or (unknown,)), _ask_for(unknown, trip)
    trip = _without(trip, reading.unknowns if reading.topic == "unknown" or reading.again else ())
    return trip, _search_or_ask(trip, reading, today)


def _search_or_ask(trip: Trip, reading: Reading, today: date) -> Move:
    question = missing(trip, today)
    if question is None:
        return Search(trip, reading.refresh)
    unknown = next((name for name in reading.unknowns if name.role == question.slot), None)
    return Ask(question, trip) if unknown is None else _ask_for(unknown, trip)


def _without(trip: Trip, unknowns: Sequence[UnknownName]) -> Trip:
    """The trip with the ends emptied for which a name was given that nobody knows."""
    for unknown in unknowns:
        trip = replace(trip, origin=None) if unknown.role == "origin" else replace(trip, destination=None)
    return trip


def _ask_for(unknown: UnknownName, trip: Trip) -> Ask:
    problem: Problem = "origin_missing" if unknown.role == "origin" else "destination_missing"
    return Ask(Question(problem, unknown.role), trip, unknown.name)


def _choice(reading: Reading, asked: Question | None) -> Place | None:
    """Which of the places that were offered is meant: by code, country, region, or position."""
    if asked is None or not asked.options:
        return None
    words = {word.folded for word in tokens(reading.text)}
    for said in reading.places:
        meant = [place for place in said.mention.places if place.code in {o.code for o in asked.options}]
        if len(meant) == 1:
            return meant[0]
    said_key = f" {name_key(reading.text)} "
    by_name = [
        place
        for place in asked.options
        if place.code.lower() in words
        or place.country.lower() in words
        or any(part and f" {name_key(part)} " in said_key for part in (place.region, place.country_name))
        or said_key.strip() == name_key(place.name)
    ]
    if len(by_name) == 1:
        return by_name[0]
    ordinals = zip(_ORDINALS, asked.options, strict=False)
    text = fold(reading.text)
    return next((place for pattern, place in ordinals if not reading.whens and pattern.search(text)), None)


def _with_bare_day(reading: Reading, asked: Question | None) -> Reading:
    """The reading, with "12" alone taken as a day of the month if a day was asked for."""
    alone = _BARE_DAY.fullmatch(reading.text)
    if alone is None or asked is None or asked.slot not in {"departure", "return"} or reading.has_details:
        return reading
    return replace(reading, whens=(When(*alone.span(1), day=int(alone[1])),))


def _unknown(reading: Reading, asked: Question | None) -> UnknownName | None:
    """A name that is no place we know: after "to" or "from", or alone in answer to "which city?"."""
    if reading.topic != "unknown" and not reading.again:
        return None
    if reading.unknowns or asked is None:
        return reading.unknowns[0] if reading.unknowns else None
    if asked.options:
        return None
    plain = not (reading.has_details or reading.again or reading.refresh)
    short = 0 < len(tokens(reading.text)) <= _LONGEST_BARE_NAME
    if plain and short and (asked.slot == "origin" or asked.slot == "destination"):  # noqa: PLR1714 - narrows
        return UnknownName(reading.text.strip(), asked.slot)
    return None


def _as_searched(trip: Trip, message: ModelMessage) -> Trip:
    for use in _blocks(message, ToolUse):
        if use.name == SEARCH:
            trip = trip.searched(use.input)
    return trip


def _text(message: ModelMessage) -> str:
    return "\n".join(block.text for block in _blocks(message, TextBlock)).strip()


def _blocks(message: ModelMessage, kind: type[Any]) -> Iterable[Any]:
    return [block for block in message.content if isinstance(block, kind)]


def _has_spoken(messages: Sequence[ModelMessage]) -> bool:
    return any(message.role == "assistant" and _text(message) for message in messages)


def _next_tool_id(messages: Sequence[ModelMessage]) -> str:
    """`tool-<n>`, one above the highest so far: the same conversation always gives the same id."""
    ids = [use.id for message in messages for use in _blocks(message, ToolUse)]
    numbers = [int(found[1]) for found in (re.fullmatch(r"tool-(\d{1,9})", used) for used in ids) if found]
    return f"tool-{max(numbers, default=0) + 1}"

"""The offline model itself: a conversation in, a stream of words and tool calls out."""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final

from chatbot.models.offline import phrases
from chatbot.models.offline.conversation import SEARCH, Ask, Report, Say, Search, Turn, next_turn
from chatbot.models.offline.dates import read_dates
from chatbot.models.offline.language import Language
from chatbot.models.offline.phrases import render, written_date, written_options
from chatbot.models.offline.reading import Reading, read
from chatbot.models.offline.summary import summarise
from chatbot.models.offline.trip import Trip
from chatbot.models.protocol import ModelEvent, ModelRequest, TextDelta, ToolUse, TurnEnd
from chatbot.places import PlaceDirectory

_WORD = re.compile(r"\s*\S+\s*")
_REMEMBERED_READINGS: Final = 512
_LONGEST_READ: Final = 2_000
"""Characters of a message that are read: far more than a flight question, and at most some 30 ms."""


class OfflineModel:
    """A `ChatModel` made of rules; answers flight questions in English, Portuguese and Spanish.

    The same conversation on the same day always gets the same answer, tool ids included. It says what it
    is in its first answer, and counts one word as one token where a limit must be kept.

    Args:
        places: the cities and airports it knows; their index is built on first use, off the event loop.
        today: the day that "tomorrow" follows.
        pace: seconds between two words; 0 sends them without a pause.
        sleep: waits that long; replaced in tests.
    """

    def __init__(
        self,
        places: PlaceDirectory,
        *,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
        pace: float = 0.03,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        if pace < 0:
            raise ValueError(f"pace must be 0 or more seconds, not {pace!r}")
        self._places = places
        self._today = today
        self._pace = pace
        self._sleep = sleep
        self._ready = False
        # Each call reads the whole history; without this, a long conversation would be parsed every time.
        self._read = lru_cache(maxsize=_REMEMBERED_READINGS)(self._read_message)

    @property
    def name(self) -> str:
        """How people see it."""
        return "offline-demo"

    @property
    def offline(self) -> bool:
        """True: pages must say that no language model answers."""
        return True

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Answer the last message of the request, word by word. Never raises ModelError."""
        if not self._ready:
            await asyncio.to_thread(self._prepare)
            self._ready = True
        today = self._today()
        turn = next_turn(request.messages, lambda text, language: self._read(text, today, language), today)
        can_search = any(tool.name == SEARCH for tool in request.tools)
        words = _WORD.findall(self._text(turn, can_search=can_search))
        for number, word in enumerate(words):
            if number >= request.max_tokens:
                yield TurnEnd("max_tokens", output_tokens=number)
                return
            if number and self._pace:
                await self._sleep(self._pace)
            yield TextDelta(word)
        if isinstance(turn.move, Search) and can_search:
            yield ToolUse(turn.next_tool_id, SEARCH, turn.move.trip.arguments(refresh=turn.move.refresh))
            yield TurnEnd("tool_use", output_tokens=len(words))
        else:
            yield TurnEnd("end_turn", output_tokens=len(words))

    def _prepare(self) -> None:
        """Build the index of places and let dateparser load its languages: over a second, once."""
        self._places.load()
        for text in ("12 december, tomorrow", "12 de dezembro, amanha", "12 de diciembre, manana"):
            for when in read_dates(text, date.min.replace(year=2000)):
                when.resolve(date.min.replace(year=2000))

    def _read_message(self, text: str, today: date, language: Language) -> Reading:
        return read(text[:_LONGEST_READ], today, self._places, otherwise=language)

    def _text(self, turn: Turn, *, can_search: bool) -> str:
        language, move = turn.language, turn.move
        if isinstance(move, Report):
            names = {place.code: place.name for place in (turn.trip.origin, turn.trip.destination) if place}
            return "\n\n".join(summarise(result, language, names) for result in move.results)
        if isinstance(move, Say):
            text = phrases.TOPICS[language][move.topic]
        elif isinstance(move, Ask):
            text = self._question(move, language)
        else:
            text = _announcement(move.trip, language) if can_search else phrases.NO_TOOL[language]
        if turn.unfilterable:
            plain = isinstance(move, Say) and move.topic == "unknown"
            text = phrases.UNFILTERABLE[language] + ("" if plain else f" {text}")
        says_so_itself = isinstance(move, Say) and move.topic == "identity"
        return f"{phrases.INTRODUCTION[language]} {text}" if turn.first and not says_so_itself else text

    def _question(self, ask: Ask, language: Language) -> str:
        question = ask.question
        text = render(
            phrases.QUESTIONS[language][question.problem],
            name=question.name,
            day=written_date(question.day, language) if question.day else "",
            options=written_options(question.options, language),
        )
        if ask.unknown is None:
            return text
        template = phrases.COUNTRY if self._places.is_country(ask.unknown) else phrases.UNKNOWN_PLACE
        return f"{render(template[language], name=ask.unknown)} {text}"


def _announcement(trip: Trip, language: Language) -> str:
    """What is about to be searched, written out so that a misunderstanding shows at once."""
    assert trip.origin is not None
    assert trip.destination is not None
    assert trip.departure is not None
    back = written_date(trip.return_, language) if trip.return_ else ""
    conditions = phrases.written_conditions(trip, language)
    return render(
        phrases.SEARCHING[language],
        route=phrases.written_route(trip.origin.name, trip.destination.name, language),
        departure=written_date(trip.departure, language),
        back=render(phrases.SEARCHING_BACK[language], day=back) if back else "",
        conditions=f" ({conditions})",
    )

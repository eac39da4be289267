"""What an assistant says, as numbered events."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from cachekit.core.clock import Clock
from chatbot.answers.event import RESERVE, Event
from chatbot.answers.feed import Feed
from chatbot.answers.observer import Observer
from chatbot.errors import ToolError
from chatbot.messages import Delta, Offers, Outgoing, Question, Reset, ToolProgress
from chatbot.models.protocol import ToolUse
from chatbot.sessions import Answering
from chatbot.tools import FoundOffers

COALESCE: Final = 0.04
"""Seconds over which text is gathered before it is sent: no reader sees the difference, the wire does."""

MOST_GATHERED: Final = 0.4
"""Seconds over which text is gathered at most while earlier events still wait for the log: so an instance
with more answers than it can keep up with sends fewer and longer events, instead of falling behind."""


class Outbox:
    """Numbers the events of one answer and gives them to `put`, in order; a Listener of the assistant.

    `is_behind` tells whether earlier events still wait to be shown. `offers` and `tools` are what the history
    keeps: the payloads of `chat:offers`, and the last one of `chat:tool` of each call, without what only
    orders the stream.
    """

    def __init__(
        self,
        feed: Feed,
        put: Callable[[Event], None],
        observer: Observer,
        clock: Clock,
        *,
        is_behind: Callable[[], bool] = lambda: False,
        coalesce: float = COALESCE,
    ) -> None:
        self.offers: list[dict[str, Any]] = []
        self._feed = feed
        self._put = put
        self._observer = observer
        self._clock = clock
        self._is_behind = is_behind
        self._coalesce = coalesce
        self._began = clock.monotonic()
        self._is_silent = True
        self._tools: dict[str, dict[str, Any]] = {}
        self._pending: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def tools(self) -> list[dict[str, Any]]:
        """The last state of each tool call."""
        return list(self._tools.values())

    def begin(self, question: Answering) -> None:
        """Tell what is answered, unless that is known."""
        if not self._feed.newest:
            self.send(Question, message_id=question.message_id, text=question.text, at=question.at)

    def begin_anew(self) -> None:
        """Tell to forget what another writer has sent, also what it has sent without logging it."""
        self._put(Event.of(Reset(answer_id=self._feed.answer_id, seq=self._feed.newest + RESERVE)))

    def text(self, text: str) -> None:
        """Send text, together with what else comes within the next moment."""
        if self._is_silent:
            self._is_silent = False
            self._observer.first_token(self._clock.monotonic() - self._began)
        self._pending.append(text)
        if self._timer is None:
            self._flush_later(waited=0.0)

    def tool_started(self, call: ToolUse) -> None:
        """Tell that a tool runs."""
        self._tell_tool(call, state="running")

    def tool_finished(self, call: ToolUse, offers: FoundOffers | None, error: ToolError | None) -> None:
        """Tell how a tool ended, and show what it found."""
        if error is None:
            self._tell_tool(call, state="done")
        else:
            self._tell_tool(call, state="error", message=str(error), code=error.code)
        if offers is not None:
            self._tell_offers(call, offers)

    def repeat(self, event: Event) -> None:
        """Send an event of an earlier attempt again, as one of this attempt."""
        again = event.renumbered(self._feed.newest + 1)
        self._note(again)
        self._put(again)

    def send(self, kind: type[Outgoing], **fields: Any) -> None:
        """Send an event behind all that was said before it."""
        self.flush()
        self._put(self.next(kind, **fields))

    def next(self, kind: type[Outgoing], **fields: Any) -> Event:
        """The event that comes next, not sent yet."""
        return Event.of(kind(answer_id=self._feed.answer_id, seq=self._feed.newest + 1, **fields))

    def flush(self) -> None:
        """Send the text that was gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        text = "".join(self._pending)
        self._pending.clear()
        if text:
            self._put(self.next(Delta, text=text))

    def _flush_later(self, *, waited: float) -> None:
        waited += self._coalesce
        self._timer = asyncio.get_running_loop().call_later(self._coalesce, self._flush_or_wait, waited)

    def _flush_or_wait(self, waited: float) -> None:
        if waited < MOST_GATHERED and self._is_behind():
            self._flush_later(waited=waited)
        else:
            self.flush()

    def _tell_tool(self, call: ToolUse, **fields: Any) -> None:
        self.flush()
        event = self.next(ToolProgress, tool_id=call.id, name=call.name, input=dict(call.input), **fields)
        self._note(event)
        self._put(event)

    def _tell_offers(self, call: ToolUse, found: FoundOffers) -> None:
        route = _route(found.search)
        if route is not None:
            self._observer.searched(route, cached=found.source == "cache")
        event = self.next(
            Offers,
            tool_id=call.id,
            search=dict(found.search),
            offers=list(found.offers),
            total=found.total,
            source=found.source,
            age=round(found.age, 3),
            fetched_at=found.fetched_at,
        )
        self._note(event)
        self._put(event)

    def _note(self, event: Event) -> None:
        if event.name == "chat:offers":
            self.offers.append(event.facts)
        elif event.name == "chat:tool":
            self._tools[event.payload["toolId"]] = event.facts


def _route(search: Mapping[str, Any]) -> str | None:
    """Where a search goes, such as `GRU-LIS`, if it says."""
    ends = (search.get("originLocationCode"), search.get("destinationLocationCode"))
    return "-".join(str(end) for end in ends) if all(ends) else None

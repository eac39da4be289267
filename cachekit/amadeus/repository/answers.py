"""Questions to a source, and their answers out of the cache: one way for searches and reference data."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cachekit.amadeus.errors import FlightSourceError
from cachekit.amadeus.policies import Span
from cachekit.amadeus.repository.keeping import Check, Ending, Keeping
from cachekit.core.context import LoadContext
from cachekit.core.entry import Entry
from cachekit.core.namespace import Namespace

__all__ = ["Answers", "Question"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, what counts as an answer, and how an answer is kept.

    `ask` sends it. `check` and `ending` are about its answers. `wanted` is how long one is kept at best,
    and `tags` gives what it is invalidated by, from the list of what was found.
    """

    key: str
    ask: Callable[[], Awaitable[dict[str, Any]]]
    check: Check
    ending: Ending
    wanted: Span
    tags: Callable[[Sequence[Any]], tuple[str, ...]]


class Answers:
    """Asks as rarely as truth allows; with `enabled` false each time, and keeps nothing."""

    def __init__(self, namespace: Namespace, keeping: Keeping, *, enabled: bool) -> None:
        self.enabled = enabled
        self._namespace = namespace
        self._keeping = keeping

    async def get(self, question: Question, *, refresh: bool = False, stale: bool = True) -> Entry:
        """The answer that is stored, else the source's; with `refresh` the source's in any case.

        Without `stale` no stale answer stands in for one that the source fails to give.

        Raises FlightSourceError: what the source raised, or AmadeusReplyError for what is no answer.
        """
        if not self.enabled:
            return self._live(question, await self._ask(question))

        failure: FlightSourceError | None = None

        async def load(context: LoadContext) -> dict[str, Any]:
            nonlocal failure
            try:
                reply = await self._ask(question)
            except FlightSourceError as error:
                failure = error
                if error.refusal:
                    context.disown()
                raise
            context.tag(*question.tags(reply["data"]))
            self._keeping.steer(context, question.wanted, reply["data"], question.ending)
            return reply

        tags = question.tags(())
        if not refresh:
            entry = await self._namespace.get_or_set_entry(question.key, load, tags=tags)
            is_good = stale or entry.state == "fresh"
            if entry.source == "load" or (is_good and self._holds(question, entry)):
                return entry
            if failure is not None:
                # The old answer was given in place of this, and is not good enough: no need to ask again.
                raise failure
        return await self._namespace.refresh(question.key, load, tags=tags)

    async def stored(self, question: Question) -> Entry | None:
        """The answer that is stored and fresh; None if there is none. Never asks the source."""
        if not self.enabled:
            return None
        entry = await self._namespace.get_entry(question.key)
        if entry is None or entry.state != "fresh" or not self._holds(question, entry):
            return None
        return entry

    async def _ask(self, question: Question) -> dict[str, Any]:
        reply = await question.ask()
        question.check(reply)
        return reply

    def _holds(self, question: Question, entry: Entry) -> bool:
        return self._keeping.holds(entry, question.check, question.ending)

    def _live(self, question: Question, reply: dict[str, Any]) -> Entry:
        return Entry(
            key=question.key,
            value=reply,
            state="fresh",
            source="load",
            timestamp=self._keeping.now(),
            ttl=0,
            age=0,
            tags=question.tags(reply["data"]),
        )

"""One answer that this instance writes: from the question to its end, however it ends."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from cachekit.core.clock import Clock
from cachekit.errors import CacheKitError, CacheUnavailable
from chatbot.answers.event import Event
from chatbot.answers.feed import Feed
from chatbot.answers.log import AnswerLog
from chatbot.answers.observer import Observer
from chatbot.answers.outbox import Outbox
from chatbot.answers.pauses import LEAST_PAUSE, rest
from chatbot.answers.scribe import Scribe
from chatbot.assistant import Assistant, Transcript
from chatbot.errors import ModelError, SessionError, explain
from chatbot.messages import Done, ErrorInfo
from chatbot.sessions import Answering, SessionMessage, SessionRepository
from chatbot.usage import Usage

logger = logging.getLogger(__name__)

Order = Literal["stopped", "released", "forgotten"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What every answer of an instance is written with.

    `lease` is for how many seconds an append makes `instance` the writer; `patience` how many seconds an
    answer waits for a Redis that is away, before it is written and after.
    """

    assistant: Assistant
    sessions: SessionRepository
    log: AnswerLog
    usage: Usage | None
    observer: Observer
    clock: Clock
    instance: str
    lease: float
    patience: float


class Writing:
    """An answer being written here. Losing its sockets does not end it: it is kept for whoever comes back."""

    def __init__(self, desk: Desk, feed: Feed, question: Answering, *, is_taken_over: bool) -> None:
        self.feed = feed
        self._desk = desk
        self._question = question
        self._is_taken_over = is_taken_over
        self._transcript = Transcript()
        self._scribe = Scribe(feed, desk.log, lease=desk.lease)
        self._outbox = Outbox(
            feed, self._scribe.put, desk.observer, desk.clock, is_behind=self._scribe.is_behind
        )
        self._order: Order | None = None
        self._answering: asyncio.Task[str] | None = None

    def stop(self, order: Order = "stopped") -> bool:
        """Stop the model and its tools, not what comes after them; whether there was anything to stop.

        "stopped": what was written is kept; "released": it is left to another instance, which begins anew;
        "forgotten": nothing of it is kept.
        """
        if self._order is not None or (self._answering is not None and self._answering.done()):
            return False
        self._order = order
        if self._answering is not None:
            self._answering.cancel()
        return True

    async def run(self) -> str:
        """Write the answer; how it ended, as `Observer.answer_ended` has it."""
        desk, began = self._desk, self._desk.clock.monotonic()
        desk.observer.answer_began()
        scribing = asyncio.create_task(self._scribe.run(), name=f"scribe {self.feed.answer_id}")
        reason = "error"
        try:
            reason = await self._write(scribing)
        except Exception as error:  # noqa: BLE001 - told to the client and to the log
            self._break_off(*explain(error, f"answer {self.feed.answer_id} failed"))
        finally:
            await _ended(scribing)
            desk.observer.answer_ended(reason, desk.clock.monotonic() - began)
        used = self._transcript.usage
        desk.observer.used(self.feed.user_id, used)
        if desk.usage is not None:
            await desk.usage.note(self.feed.user_id, used)
        return reason

    async def _write(self, scribing: asyncio.Task[None]) -> str:
        earlier = _last_attempt(self.feed.after(0))
        self._outbox.begin(self._question)
        if self._is_taken_over:
            self._outbox.begin_anew()
        if self._is_taken_over and self.feed.stop_wanted:
            ending = self._stop_at(earlier)
        else:
            ending = await self._ending(scribing)
        if self._order == "forgotten":
            return "forgotten"
        self._outbox.flush()
        if self._order == "released":
            # First, since an append would take the answer back.
            await _ended(scribing)
            return await self._release()
        kept = await self._keep(ending["stop_reason"])
        await _ended(scribing)
        if kept is False:
            self.feed.forget_after(self._scribe.logged)
            return "replaced"
        if kept is None:
            self._break_off("unavailable", "The answer could not be kept; it will be gone after a reload.")
            return "error"
        await self._announce(self._outbox.next(Done, **ending))
        return str(ending["stop_reason"])

    async def _ending(self, scribing: asyncio.Task[None]) -> dict[str, Any]:
        """The fields of `chat:done`; of no interest if another writer was found at this answer."""
        self._answering = answering = asyncio.create_task(
            self._answer(), name=f"assistant {self.feed.answer_id}"
        )
        if self._order is not None:
            answering.cancel()
        try:
            await asyncio.wait({answering, scribing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _ended(answering)
        if scribing.done():
            scribing.result()
        if answering.cancelled():
            if self._order is not None or self._scribe.is_replaced:
                return {"stop_reason": "stopped"}
            error: BaseException | None = ModelError("The model broke off the answer; try again.")
        else:
            error = answering.exception()
        if isinstance(error, Exception):
            return _failure(*explain(error, f"answer {self.feed.answer_id} failed"))
        return {"stop_reason": answering.result()}

    async def _answer(self) -> str:
        return await self._desk.assistant.answer(await self._history(), self._transcript, self._outbox)

    async def _history(self) -> list[SessionMessage]:
        """What was said so far. A question that was taken is not lost to a Redis that is just restarting.

        Raises:
            CacheUnavailable: it, or the archive, is away for too long.
        """
        feed, pause, now = self.feed, LEAST_PAUSE, asyncio.get_running_loop().time
        end = now() + self._desk.patience
        while True:
            try:
                return await self._desk.sessions.history(feed.session_id, feed.user_id)
            except CacheUnavailable as error:
                logger.info("answer %s waits for the history: %s", feed.answer_id, error)
                if now() >= end:
                    raise
            pause = await rest(pause)

    def _stop_at(self, earlier: Sequence[Event]) -> dict[str, Any]:
        """End with what the last writer has logged, since somebody wanted it to stop."""
        for event in earlier:
            if event.name == "chat:delta":
                self._transcript.add_text(event.payload["text"])
            self._outbox.repeat(event)
        self._transcript.end_turn()
        return {"stop_reason": "stopped"}

    async def _keep(self, stop_reason: str) -> bool | None:
        """Keep the answer in the session: True; False: another writer is at it; None: it cannot be kept."""
        try:
            async with asyncio.timeout(self._desk.patience):
                # Who reads the log of a kept answer, but not its end, may close it: it must be whole.
                await self._scribe.flush()
                return False if self._scribe.is_replaced else await self._add(stop_reason)
        except TimeoutError:
            logger.warning("answer %s could not be kept: Redis was away for too long", self.feed.answer_id)
        except SessionError as error:
            logger.warning("answer %s could not be kept: %s", self.feed.answer_id, error)
        return None

    async def _add(self, stop_reason: str) -> bool:
        feed, transcript, pause = self.feed, self._transcript, LEAST_PAUSE
        while True:
            try:
                return await self._desk.sessions.add_answer(
                    feed.session_id,
                    feed.user_id,
                    answer_id=feed.answer_id,
                    text=transcript.text,
                    offers=self._outbox.offers,
                    turns=transcript.messages(),
                    writer=self._desk.instance,
                    stop_reason=stop_reason,
                    tools=self._outbox.tools,
                    usage=msgspec.to_builtins(transcript.usage),
                )
            except CacheKitError as error:
                logger.info("answer %s is not kept yet: %s", feed.answer_id, error)
            pause = await rest(pause)

    async def _announce(self, done: Event) -> None:
        """Send the end of an answer that is kept."""
        try:
            async with asyncio.timeout(self._desk.patience):
                await self._scribe.end(done)
        except TimeoutError:
            logger.warning("answer %s: its end could not be logged", self.feed.answer_id)
            self.feed.show()

    async def _release(self) -> str:
        """Leave the answer to another instance."""
        feed = self.feed
        try:
            async with asyncio.timeout(self._desk.lease):
                await self._desk.sessions.release(feed.session_id, feed.answer_id, self._desk.instance)
        except (CacheKitError, TimeoutError) as error:
            # The lease ends by itself.
            logger.warning("answer %s could not be handed over: %s", feed.answer_id, error)
        return "released"

    def _break_off(self, code: str, message: str) -> None:
        """End the answer for those who follow it here; the log does not say that it has ended."""
        self._outbox.flush()
        self.feed.put(self._outbox.next(Done, **_failure(code, message)))
        self.feed.show()


def _failure(code: str, message: str) -> dict[str, Any]:
    return {"stop_reason": "error", "error": ErrorInfo(code=code, message=message)}


def _last_attempt(events: Sequence[Event]) -> Sequence[Event]:
    """What was said since the answer was last begun."""
    beginnings = [at for at, event in enumerate(events) if event.name in {"chat:question", "chat:reset"}]
    return events[beginnings[-1] + 1 :] if beginnings else events


async def _ended(task: asyncio.Task[Any]) -> None:
    """Wait until a task has ended, and end it if it has not."""
    task.cancel()
    await asyncio.wait({task})

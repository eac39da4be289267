"""Answers being written: numbered, coalesced, stoppable, and kept however they end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal

import msgspec

from cachekit.errors import CacheKitError
from chatbot.assistant import Assistant, Ending, Transcript
from chatbot.errors import ChatbotError, LimitError, ModelError, ToolError, explain
from chatbot.messages import Delta, Done, ErrorInfo, Offers, Outgoing, ToolProgress
from chatbot.models.protocol import ToolUse
from chatbot.sessions import SessionRepository
from chatbot.tools import FoundOffers

logger = logging.getLogger(__name__)

COALESCE: Final = 0.04
"""Seconds over which text is gathered before it is sent: no reader sees the difference, the wire does."""

Emit = Callable[[str, dict[str, Any]], Awaitable[None]]
"""Sends an event with its payload to the client; must not raise for a client that has gone."""

EVENTS: Final[dict[type[Outgoing], str]] = {
    Delta: "chat:delta",
    ToolProgress: "chat:tool",
    Offers: "chat:offers",
    Done: "chat:done",
}


class Outbox:
    """Numbers and sends the events of one answer, in order; a Listener of the assistant."""

    def __init__(self, answer_id: str, emit: Emit, *, coalesce: float = COALESCE) -> None:
        self.offers: list[dict[str, Any]] = []
        """The payloads of `chat:offers` so far, without the numbers that order the stream."""
        self._answer_id = answer_id
        self._emit = emit
        self._coalesce = coalesce
        self._seq = 0
        self._pending: list[str] = []
        self._queue: asyncio.Queue[Outgoing | None] = asyncio.Queue()
        self._timer: asyncio.TimerHandle | None = None

    def text(self, text: str) -> None:
        """Send text, together with what else comes within the next moment."""
        self._pending.append(text)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._coalesce, self._flush)

    def tool_started(self, call: ToolUse) -> None:
        """Tell that a tool runs."""
        self._put(ToolProgress, tool_id=call.id, name=call.name, state="running", input=dict(call.input))

    def tool_finished(self, call: ToolUse, offers: FoundOffers | None, error: ToolError | None) -> None:
        """Tell how a tool ended, and show what it found."""
        self._put(
            ToolProgress,
            tool_id=call.id,
            name=call.name,
            state="done" if error is None else "error",
            input=dict(call.input),
            message=None if error is None else str(error),
            code=None if error is None else error.code,
        )
        if offers is not None:
            found = {
                "tool_id": call.id,
                "search": dict(offers.search),
                "offers": list(offers.offers),
                "total": offers.total,
                "source": offers.source,
                "age": round(offers.age, 3),
                "fetched_at": offers.fetched_at,
            }
            payload = _payload(self._put(Offers, **found))
            self.offers.append({name: payload[name] for name in payload.keys() - {"answerId", "seq"}})

    def done(self, **fields: Any) -> None:
        """Send the last event."""
        self._put(Done, **fields)
        self._queue.put_nowait(None)

    async def run(self) -> None:
        """Send until the last event has gone out."""
        while (event := await self._queue.get()) is not None:
            await self._emit(EVENTS[type(event)], _payload(event))

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        text = "".join(self._pending)
        self._pending.clear()
        if text:
            self._put(Delta, text=text)

    def _put(self, kind: type[Outgoing], **fields: Any) -> Outgoing:
        if kind is not Delta:
            self._flush()
        self._seq += 1
        event = kind(answer_id=self._answer_id, seq=self._seq, **fields)
        self._queue.put_nowait(event)
        return event


class Generation:
    """One answer being written. Losing the socket does not end it: it is kept for whoever comes back."""

    def __init__(self, answer_id: str, session_id: str, user_id: str) -> None:
        self.answer_id = answer_id
        self.session_id = session_id
        self.user_id = user_id
        self.task: asyncio.Task[None]
        self._stopped = False
        self._answering: asyncio.Task[Ending] | None = None

    def stop(self) -> bool:
        """Stop the model and its tools, not what comes after them; whether there was anything to stop."""
        if self._stopped or (self._answering is not None and self._answering.done()):
            return False
        self._stopped = True
        if self._answering is not None:
            self._answering.cancel()
        return True

    async def run(self, answer: Coroutine[Any, Any, Ending]) -> Ending | Literal["stopped"]:
        """How `answer` ends, or "stopped", at whatever moment the stop came."""
        self._answering = asyncio.create_task(answer, name=f"assistant {self.answer_id}")
        if self._stopped:
            self._answering.cancel()
        try:
            return await self._answering
        except asyncio.CancelledError:
            if self._stopped:
                return "stopped"
            self._answering.cancel()
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            raise ModelError("The model broke off the answer; try again.") from None


class Generations:
    """The answers being written by this instance: one at a time in a session."""

    def __init__(self, assistant: Assistant, sessions: SessionRepository) -> None:
        self._assistant = assistant
        self._sessions = sessions
        self._by_session: dict[str, Generation] = {}
        self._claimed: set[str] = set()
        self._closed = False

    @contextmanager
    def claim(self, session_id: str) -> Iterator[None]:
        """Hold a session in which a question is being taken, so that no other is taken meanwhile.

        Raises LimitError while an answer is being written, or a question taken, in this session.
        """
        if self._closed:
            raise LimitError("This server is closing; ask again in a moment.", code="draining")
        if session_id in self._by_session or session_id in self._claimed:
            raise LimitError("An answer is still being written; stop it or wait for its end.")
        self._claimed.add(session_id)
        try:
            yield
        finally:
            self._claimed.discard(session_id)

    def start(self, answer_id: str, session_id: str, user_id: str, emit: Emit) -> Generation:
        """Begin to answer the last question of a session that the caller has claimed, in the background."""
        generation = Generation(answer_id, session_id, user_id)
        self._by_session[session_id] = generation
        generation.task = asyncio.create_task(self._write(generation, emit), name=f"answer {answer_id}")
        generation.task.add_done_callback(lambda _: self._by_session.pop(session_id, None))
        return generation

    def answering(self, session_id: str) -> str | None:
        """The id of the answer that this instance is writing in a session; None if there is none."""
        generation = self._by_session.get(session_id)
        return None if generation is None else generation.answer_id

    def stop(self, answer_id: str, session_id: str) -> bool:
        """Stop an answer of this session; what was written stays. Whether it was still being written."""
        generation = self._by_session.get(session_id)
        return generation is not None and generation.answer_id == answer_id and generation.stop()

    async def aclose(self) -> None:
        """Take no more questions, stop all answers, and wait until what was written is kept."""
        self._closed = True
        generations = list(self._by_session.values())
        for generation in generations:
            generation.stop()
        await asyncio.gather(*(generation.task for generation in generations), return_exceptions=True)

    async def _write(self, generation: Generation, emit: Emit) -> None:
        transcript = Transcript()
        outbox = Outbox(generation.answer_id, emit)
        sending = asyncio.create_task(outbox.run(), name=f"outbox {generation.answer_id}")
        try:
            ending = await self._ending(generation, transcript, outbox)
            # Kept before it is announced: who asks again right after the end finds it in the history.
            kept = await self._keep(generation, transcript, outbox.offers)
            outbox.done(**(ending if kept else _UNKEPT))
            await sending
        finally:
            sending.cancel()

    async def _ending(self, generation: Generation, transcript: Transcript, outbox: Outbox) -> dict[str, Any]:
        try:
            history = await self._sessions.history(generation.session_id, generation.user_id)
            answer = self._assistant.answer(history, transcript, outbox)
            return {"stop_reason": await generation.run(answer)}
        except Exception as error:  # noqa: BLE001 - told to the client and to the log
            return _failure(*explain(error, f"answer {generation.answer_id} failed"))

    async def _keep(
        self, generation: Generation, transcript: Transcript, offers: list[dict[str, Any]]
    ) -> bool:
        turns = transcript.messages()
        if not turns:
            return True
        try:
            await self._sessions.add_answer(
                generation.session_id,
                generation.user_id,
                answer_id=generation.answer_id,
                text=transcript.text,
                offers=offers,
                turns=turns,
            )
        except (CacheKitError, ChatbotError) as error:
            logger.warning("answer %s could not be kept: %s", generation.answer_id, error)
            return False
        return True


def _failure(code: str, message: str) -> dict[str, Any]:
    return {"stop_reason": "error", "error": ErrorInfo(code=code, message=message)}


_UNKEPT: Final = _failure("unavailable", "The answer could not be kept; it will be gone after a reload.")


def _payload(event: Outgoing) -> dict[str, Any]:
    payload: dict[str, Any] = msgspec.to_builtins(event)
    return payload

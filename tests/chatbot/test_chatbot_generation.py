"""Answers being written: numbered, gathered, stopped and kept, however they end."""

import asyncio
import logging

import pytest
from support.models import ScriptedModel

from cachekit.errors import CacheUnavailable
from chatbot.assistant import Assistant
from chatbot.errors import LimitError, ModelError
from chatbot.generation import Generations, Outbox
from chatbot.models.protocol import TextDelta, TurnEnd
from chatbot.sessions import SessionRepository
from chatbot.tools import ToolRegistry

END = TurnEnd("end_turn")


class Wire:
    """Notes what is sent."""

    def __init__(self):
        self.sent = []

    async def emit(self, event, payload):
        self.sent.append((event, payload))

    @property
    def text(self):
        return "".join(payload["text"] for event, payload in self.sent if event == "chat:delta")

    @property
    def done(self):
        event, payload = self.sent[-1]
        assert event == "chat:done"
        return payload


@pytest.fixture
def sessions(cache):
    return SessionRepository(cache.store, cache.clock)


@pytest.fixture
def wire():
    return Wire()


async def write(sessions, wire, *turns, after=None):
    """One answer by a scripted model; returns the session's id and the answer's last message."""
    model = ScriptedModel(*turns)
    assistant = Assistant(model, ToolRegistry([], timeout=5), system=lambda: "")
    generations = Generations(assistant, sessions)
    session_id = await sessions.begin("ana")
    await sessions.add_question(session_id, "ana", message_id="m", answer_id="a", text="hi")
    with generations.claim(session_id):
        generation = generations.start("a", session_id, "ana", wire.emit)
    if after is not None:
        await after(generations, session_id, model)
    await generation.task
    return await sessions.history(session_id, "ana")


async def test_text_is_gathered_before_it_is_sent(wire):
    """Words that come within a moment travel in one event, in order."""
    outbox = Outbox("a", wire.emit, coalesce=30)
    for word in ("one ", "two ", "three"):
        outbox.text(word)
    outbox.done(stop_reason="end_turn")
    await outbox.run()
    assert wire.sent == [
        ("chat:delta", {"answerId": "a", "seq": 1, "text": "one two three"}),
        ("chat:done", {"answerId": "a", "seq": 2, "stopReason": "end_turn"}),
    ]


async def test_an_answer_is_kept_as_it_was_sent(sessions, wire):
    """What the reader saw is what the history holds."""
    _, answer = await write(sessions, wire, [TextDelta("Hel"), TextDelta("lo"), END])
    assert (answer.text, wire.text, wire.done["stopReason"]) == ("Hello", "Hello", "end_turn")


async def test_a_model_that_fails_is_reported_and_what_it_said_is_kept(sessions, wire, caplog):
    """The client gets the safe sentence; the cause is in the log only."""
    failure = ModelError("The model is busy; try again.", code="throttled")
    failure.__cause__ = RuntimeError("internal host 10.0.0.1")
    _, answer = await write(sessions, wire, [TextDelta("So far"), failure])
    assert wire.done["error"] == {"code": "throttled", "message": "The model is busy; try again."}
    assert answer.text == "So far"
    assert "10.0.0.1" not in str(wire.sent)
    assert "10.0.0.1" in caplog.text


async def test_a_defect_is_reported_without_its_text(sessions, wire, caplog):
    """An unexpected exception reaches the log, and the client hears that it was our fault."""
    await write(sessions, wire, [ZeroDivisionError("secret detail")])
    assert wire.done["error"]["code"] == "internal"
    assert "secret detail" not in str(wire.sent)
    assert "secret detail" in caplog.text


async def test_a_model_that_breaks_off_by_itself_is_reported(sessions, wire):
    """A CancelledError nobody asked for is a failure; what was said is kept, and the end announced."""
    _, answer = await write(sessions, wire, [TextDelta("So far"), asyncio.CancelledError()])
    assert wire.done["error"]["code"] == "model_unavailable"
    assert answer.text == "So far"


async def test_a_stop_keeps_the_partial_answer(sessions, wire):
    """Stopped: the text so far is sent and kept, and the end is announced."""
    never = asyncio.Event()

    async def stop(generations, session_id, model):
        await model.waiting.wait()
        assert generations.stop("a", session_id)

    history = await write(sessions, wire, [TextDelta("Half an ans"), never, END], after=stop)
    assert wire.done["stopReason"] == "stopped"
    assert (history[1].text, wire.text) == ("Half an ans", "Half an ans")


async def test_a_stop_before_the_first_word_keeps_nothing(sessions, wire):
    """There is no empty message in the history."""

    async def stop(generations, session_id, _):
        assert generations.stop("a", session_id)
        assert not generations.stop("a", session_id), "a second stop changes nothing"

    history = await write(sessions, wire, [asyncio.Event(), END], after=stop)
    assert [message.role for message in history] == ["user"]


async def test_two_answers_in_one_session_do_not_mix(sessions, wire):
    """The second is refused while the first is written, and welcome afterwards."""
    gate = asyncio.Event()

    async def second(generations, session_id, _):
        with pytest.raises(LimitError), generations.claim(session_id):
            pass
        gate.set()

    await write(sessions, wire, [gate, TextDelta("one"), END], after=second)
    assert wire.text == "one"


async def test_a_question_being_taken_keeps_others_out(sessions):
    """Two tabs ask in one chat at once: the second is told to wait before its question is kept."""
    assistant = Assistant(ScriptedModel(), ToolRegistry([], timeout=5), system=lambda: "")
    generations = Generations(assistant, sessions)
    with generations.claim("s"), pytest.raises(LimitError), generations.claim("s"):
        pass
    with generations.claim("s"), generations.claim("other"):
        pass


async def test_an_answer_that_cannot_be_kept_says_so(sessions, wire, monkeypatch, caplog):
    """Redis went away at the end: the reader has the text, and is warned that it will be gone."""

    async def fail(*_, **__):
        raise CacheUnavailable("gone", operation="EVALSHA")

    monkeypatch.setattr(sessions, "add_answer", fail)
    with caplog.at_level(logging.CRITICAL):
        await write(sessions, wire, [TextDelta("Hello"), END])
    assert (wire.text, wire.done["error"]["code"]) == ("Hello", "unavailable")


async def test_closing_stops_and_keeps_every_answer(sessions, wire):
    """At shutdown nothing that was written is lost."""
    never = asyncio.Event()

    async def close(generations, session_id, model):
        await model.waiting.wait()
        await generations.aclose()
        with pytest.raises(LimitError, match="closing"), generations.claim("another"):
            pass

    history = await write(sessions, wire, [TextDelta("Half"), never], after=close)
    assert (history[1].text, wire.done["stopReason"]) == ("Half", "stopped")

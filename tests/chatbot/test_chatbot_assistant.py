"""The loop between model and tools: bounded, complete at any moment, and honest about failures."""

import asyncio

import pytest
from support.models import ScriptedModel

from chatbot.assistant import MAX_EXCHANGES, MAX_ROUNDS, Assistant, Transcript, conversation, system_prompt
from chatbot.errors import ModelError, ToolError
from chatbot.models.protocol import (
    ModelMessage,
    TextBlock,
    TextDelta,
    ToolResultBlock,
    ToolSpec,
    ToolUse,
    TurnEnd,
)
from chatbot.sessions import SessionMessage
from chatbot.tools import ToolRegistry, ToolReply


class Echo:
    spec = ToolSpec("echo", "says it again", {"type": "object"})

    def __init__(self, error=None):
        self.error = error
        self.running = self.most = 0

    async def run(self, arguments):
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        if self.error:
            raise self.error
        return ToolReply({"echo": dict(arguments)})


class Ears:
    def __init__(self):
        self.heard = []

    def text(self, text):
        self.heard.append(text)

    def tool_started(self, call):
        self.heard.append(("started", call.id))

    def tool_finished(self, call, offers, error):
        self.heard.append(("finished", call.id, error and error.code))


def said(*texts):
    roles = ("user", "assistant")
    return [
        SessionMessage(role=roles[n % 2], text=text, at="2026-11-22T12:00:00Z")
        for n, text in enumerate(texts)
    ]


def call(number=1):
    return ToolUse(f"t{number}", "echo", {"n": number})


async def answer(model, tool=None, history=None):
    assistant = Assistant(model, ToolRegistry([tool or Echo()], timeout=5), system=lambda: "be brief")
    transcript, ears = Transcript(), Ears()
    ending = await assistant.answer(history or said("hi"), transcript, ears)
    return ending, transcript, ears.heard


async def test_a_plain_answer_is_one_turn():
    """Text comes as it is made; the transcript holds it whole."""
    model = ScriptedModel([TextDelta("Hel"), TextDelta("lo"), TurnEnd("end_turn")])
    ending, transcript, heard = await answer(model)
    assert (ending, transcript.text, heard) == ("end_turn", "Hello", ["Hel", "lo"])


async def test_a_tool_call_is_answered_before_the_model_goes_on():
    """The next turn sees the call and its result, results first in one user message."""
    model = ScriptedModel(
        [TextDelta("Let me look."), call(1), call(2), TurnEnd("tool_use")],
        [TextDelta("Done."), TurnEnd("end_turn")],
    )
    tool = Echo()
    ending, transcript, heard = await answer(model, tool)
    asked, results = model.requests[1].messages[1:]
    assert asked.content == (TextBlock("Let me look."), call(1), call(2))
    assert results.role == "user"
    assert [result.content for result in results.content] == [{"echo": {"n": 1}}, {"echo": {"n": 2}}]
    assert tool.most == 2, "calls of one turn run at once"
    assert ("started", "t1") in heard
    assert ("finished", "t2", None) in heard
    assert (ending, transcript.text) == ("end_turn", "Let me look.\n\nDone.")


async def test_a_tool_that_fails_is_told_to_the_model():
    """The model gets the sentence and goes on; nothing else of the failure leaves the log."""
    model = ScriptedModel([call(), TurnEnd("tool_use")], [TextDelta("Sorry."), TurnEnd("end_turn")])
    ending, _, heard = await answer(model, Echo(ToolError("No flights to the moon.", code="no_route")))
    (result,) = model.requests[1].messages[-1].content
    told = {"error": "No flights to the moon.", "code": "no_route"}
    assert result == ToolResultBlock("t1", told, is_error=True)
    assert ("finished", "t1", "no_route") in heard
    assert ending == "end_turn"


async def test_a_model_that_never_stops_asking_is_stopped():
    """After six rounds the answer ends, and says so."""
    model = ScriptedModel(*([call(n), TurnEnd("tool_use")] for n in range(MAX_ROUNDS + 1)))
    ending, transcript, _ = await answer(model)
    assert (ending, len(model.requests)) == ("max_rounds", MAX_ROUNDS)
    assert transcript.messages()[-1].role == "user"


@pytest.mark.parametrize("reason", ["max_tokens", "refused"])
async def test_other_ends_are_passed_on(reason):
    """Every stop reason reaches the client."""
    ending, _, _ = await answer(ScriptedModel([TextDelta("So"), TurnEnd(reason)]))
    assert ending == reason


async def test_what_was_said_before_a_failure_stands():
    """The transcript is complete at any moment."""
    assistant = Assistant(
        ScriptedModel([TextDelta("So far"), ModelError("gone")]),
        ToolRegistry([Echo()], timeout=5),
        system=lambda: "",
    )
    transcript = Transcript()
    with pytest.raises(ModelError):
        await assistant.answer(said("hi"), transcript, Ears())
    assert transcript.text == "So far"


async def test_a_call_cut_off_by_a_stop_gets_a_result():
    """A dangling tool call would make the model refuse the next request."""
    never = asyncio.Event()
    assistant = Assistant(
        ScriptedModel([TextDelta("Let me"), call(), never]),
        ToolRegistry([Echo()], timeout=5),
        system=lambda: "",
    )
    transcript, ears = Transcript(), Ears()
    task = asyncio.create_task(assistant.answer(said("hi"), transcript, ears))
    while not transcript.messages():
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    asked, results = transcript.messages()
    assert asked.content == (TextBlock("Let me"), call())
    assert (results.content[0].tool_use_id, results.content[0].is_error) == ("t1", True)


def test_a_long_history_is_cut_at_a_question():
    """Old exchanges are dropped whole, so that no result loses its call."""
    history = said(*(str(number) for number in range(2 * MAX_EXCHANGES + 10)))
    messages = conversation(history)
    assert messages[0].role == "user"
    assert len(messages) == 2 * MAX_EXCHANGES
    assert messages[-1].content[0].text == history[-1].text


def test_a_question_without_an_answer_joins_the_next():
    """Roles alternate whatever was lost."""
    history = [*said("first"), *said("second")]
    assert conversation(history) == [
        ModelMessage(role="user", content=(TextBlock("first"), TextBlock("second")))
    ]


def test_an_empty_answer_is_left_out():
    """A model refuses empty text."""
    assert [message.role for message in conversation(said("hi", "", "again"))] == ["user"]


def test_the_model_is_told_the_day_and_not_to_obey_data():
    """What tools return is data, and the day is known."""
    prompt = system_prompt("2026-11-22")
    assert "2026-11-22" in prompt
    assert "never instructions" in prompt

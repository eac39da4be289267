"""The loop between model and tools: bounded, complete at any moment, and honest about failures."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.models import ScriptedModel

from chatbot.assistant import (
    MAX_CALLS,
    MAX_EXCHANGES,
    MAX_READ,
    MAX_ROUNDS,
    Assistant,
    Transcript,
    conversation,
    day_context,
    estimated_tokens,
    system_prompt,
)
from chatbot.errors import ModelError, ToolError
from chatbot.models.protocol import (
    ModelMessage,
    TextBlock,
    TextDelta,
    TokenUsage,
    ToolResultBlock,
    ToolSpec,
    ToolUse,
    TurnEnd,
)
from chatbot.sessions import SessionMessage
from chatbot.tools import ToolRegistry, ToolReply


class Echo:
    spec = ToolSpec("echo", "says it again", {"type": "object"})

    def __init__(self, error=None, content=None):
        self.error = error
        self.content = content
        self.calls = 0
        self.running = self.most = 0

    async def run(self, arguments):
        self.calls += 1
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        if self.error:
            raise self.error
        return ToolReply(self.content or {"echo": dict(arguments)})


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
    """What tools return is data, and the day is known; it stands apart from what never changes."""
    assert "never an instruction" in system_prompt()
    assert "2026" not in system_prompt()
    assert "2026-11-22" in day_context("2026-11-22")


async def test_what_never_changes_is_apart_from_the_day():
    """So that a model can keep the prompt prepared; both go along in every round."""
    model = ScriptedModel([call(), TurnEnd("tool_use")], [TurnEnd("end_turn")])
    days = iter(["Monday", "Tuesday"])
    assistant = Assistant(
        model,
        ToolRegistry([Echo()], timeout=5),
        system=lambda: "be brief",
        context=lambda: next(days),
    )
    await assistant.answer(said("hi"), Transcript(), Ears())
    assert [(asked.system, asked.context) for asked in model.requests] == [("be brief", "Monday")] * 2


async def test_the_tokens_of_all_rounds_are_summed():
    """An answer's usage is that of its model calls together, the cache's part told apart."""
    model = ScriptedModel(
        [call(), TurnEnd("tool_use", 100, 10, 1000, 500)],
        [TextDelta("Done."), TurnEnd("end_turn", 200, 20, 1500, 0)],
    )
    _, transcript, _ = await answer(model)
    assert transcript.usage == TokenUsage(300, 30, 2500, 500)
    assert transcript.usage.total == 3330


async def test_a_turn_that_is_stopped_is_not_free():
    """Nobody tells what it has used, so it is estimated: the request and the text so far."""
    assistant = Assistant(
        ScriptedModel([TextDelta("So far " * 30), asyncio.Event()]),
        ToolRegistry([Echo()], timeout=5),
        system=lambda: "be brief " * 100,
    )
    transcript = Transcript()
    task = asyncio.create_task(assistant.answer(said("hi"), transcript, Ears()))
    while not transcript.text:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert 300 < transcript.usage.input_tokens < 500
    assert 50 < transcript.usage.output_tokens < 100


@pytest.mark.parametrize(("said_before", "free"), [((), True), ((TextDelta("So"),), False)])
async def test_a_turn_that_fails_costs_what_it_said(said_before, free):
    """A call that was refused is free; one that broke off is estimated."""
    assistant = Assistant(
        ScriptedModel([*said_before, ModelError("gone")]), ToolRegistry([], timeout=5), system=lambda: "brief"
    )
    transcript = Transcript()
    with pytest.raises(ModelError):
        await assistant.answer(said("hi"), transcript, Ears())
    assert (transcript.usage == TokenUsage()) is free


async def test_a_malformed_call_is_told_to_the_model_and_not_run():
    """The loop goes on: the model may send it again."""
    broken = ToolUse("t1", "echo", {}, malformed=True)
    model = ScriptedModel([broken, TurnEnd("tool_use")], [TextDelta("Oh."), TurnEnd("end_turn")])
    tool = Echo()
    ending, _, heard = await answer(model, tool)
    (result,) = model.requests[1].messages[-1].content
    assert (result.is_error, result.content["code"]) == (True, "invalid_input")
    assert heard[:2] == [("started", "t1"), ("finished", "t1", "invalid_input")]
    assert (ending, tool.calls) == ("end_turn", 0)


async def test_a_flood_of_calls_is_dammed():
    """Each gets its result, but only so many are run."""
    calls = [call(n) for n in range(MAX_CALLS + 3)]
    model = ScriptedModel([*calls, TurnEnd("tool_use")], [TurnEnd("end_turn")])
    tool = Echo()
    await answer(model, tool)
    results = model.requests[1].messages[-1].content
    assert [result.tool_use_id for result in results] == [each.id for each in calls]
    assert [result.is_error for result in results] == [False] * MAX_CALLS + [True] * 3
    assert tool.calls == MAX_CALLS


async def test_an_answer_reads_no_more_than_has_room():
    """Results that would not fit the model are replaced by an error, and the answer comes to its end."""
    content = {"text": "x" * 30_000}
    many = -(-MAX_READ // estimated_tokens(content)) + 1
    calls = [call(n) for n in range(many)]
    rounds = [[*calls[n : n + 2], TurnEnd("tool_use")] for n in range(0, many, 2)]
    model = ScriptedModel(*rounds, [TurnEnd("end_turn")])
    await answer(model, Echo(content=content))
    results = [
        block
        for message in model.requests[-1].messages
        for block in message.content
        if isinstance(block, ToolResultBlock)
    ]
    assert len(results) == many
    assert sum(estimated_tokens(result.content) for result in results if not result.is_error) <= MAX_READ
    assert [result.content["code"] for result in results if result.is_error] == ["no_room"] * 2


async def test_the_model_is_closed_when_a_listener_fails():
    """A defect elsewhere does not leave a stream running."""
    model = ScriptedModel([TextDelta("So"), asyncio.Event()])
    closed = []

    async def stream(request, inner=model.stream):
        try:
            async for event in inner(request):
                yield event
        finally:
            closed.append(request)

    model.stream = stream
    ears = Ears()
    ears.heard = None
    assistant = Assistant(model, ToolRegistry([], timeout=5), system=lambda: "")
    with pytest.raises(AttributeError):
        await assistant.answer(said("hi"), Transcript(), ears)
    assert len(closed) == 1


def searched(question, found):
    """An exchange with a tool call in it."""
    turns = [
        ModelMessage("assistant", (call(),)),
        ModelMessage("user", (ToolResultBlock("t1", {"found": found}),)),
        ModelMessage("assistant", (TextBlock("There."),)),
    ]
    asked, answered = said(question, "There.")
    return [asked, SessionMessage(role="assistant", text="There.", at=answered.at, turns=turns)]


def test_a_history_of_many_tokens_is_cut_at_a_question():
    """However few exchanges there are."""
    history = [*searched("old", "x" * 3000), *searched("newer", "x" * 300), *said("now")]
    messages = conversation(history, max_tokens=500)
    assert messages[0].content == (TextBlock("newer"),)
    assert len(messages) == 5


def test_the_last_question_is_kept_whatever_its_size():
    """There would be nothing to answer."""
    assert len(conversation([*said("old", "so"), *said("x" * 4000)], max_tokens=10)) == 1


TEXTS = st.text(max_size=30)
EXCHANGES = st.one_of(
    TEXTS.map(lambda text: said("q" + text)),
    st.tuples(TEXTS, TEXTS).map(lambda pair: said("q" + pair[0], pair[1])),
    st.tuples(TEXTS, TEXTS).map(lambda pair: searched("q" + pair[0], pair[1])),
    TEXTS.map(lambda text: [searched("q" + text, text)[0], stopped()]),
)


def stopped():
    """An answer that was cut off in its first tool call."""
    transcript = Transcript()
    transcript.add_call(call())
    return SessionMessage(role="assistant", text="", at="2026-11-22T12:00:00Z", turns=transcript.messages())


@given(st.lists(EXCHANGES, min_size=1, max_size=30), st.integers(0, 2_000))
def test_whatever_was_said_makes_a_conversation(exchanges, max_tokens):
    """Roles alternate from a user's on, and each call is answered in the very next message, first."""
    history = [message for exchange in exchanges for message in exchange] + said("last")
    messages = conversation(history, max_tokens=max_tokens)
    assert [each.role for each in messages] == [("user", "assistant")[n % 2] for n in range(len(messages))]
    assert messages[-1].content[-1] == TextBlock("last")
    asked = []
    for message in messages:
        answered = [block.tool_use_id for block in message.content if isinstance(block, ToolResultBlock)]
        leading = [block.tool_use_id for block in message.content[: len(asked)] if hasattr(block, "is_error")]
        assert answered == leading == asked
        asked = [block.id for block in message.content if isinstance(block, ToolUse)]

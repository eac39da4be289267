"""Whole answers of Claude's: the assistant, its tools, and the service's own rules for a conversation."""

import asyncio
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.bedrock import Cut, asks, broken_rule, says, text, tool, turn

from chatbot.assistant import Assistant, Transcript, conversation, day_context, system_prompt
from chatbot.errors import ModelError
from chatbot.models import ModelRequest, TokenUsage, ToolSpec, ToolUse
from chatbot.models.bedrock.request import converse
from chatbot.sessions import SessionMessage
from chatbot.tools import ToolRegistry, ToolReply

AT = "2026-11-22T12:00:00Z"


class Echo:
    spec = ToolSpec("echo", "Says it again.", {"type": "object", "required": ["n"]})

    def __init__(self):
        self.gate = None
        self.entered = asyncio.Event()

    async def run(self, arguments):
        self.entered.set()
        if self.gate is not None:
            await self.gate.wait()
        return ToolReply({"echo": dict(arguments)})


class Ears:
    def text(self, text): ...
    def tool_started(self, call): ...
    def tool_finished(self, call, offers, error): ...


def question(text):
    return SessionMessage(role="user", text=text, at=AT)


def kept(transcript):
    """The answer as the session keeps it."""
    return SessionMessage(role="assistant", text=transcript.text, at=AT, turns=transcript.messages())


@pytest.fixture
def echo():
    return Echo()


@pytest.fixture
def assistant(model, echo):
    return Assistant(
        model,
        ToolRegistry([echo], timeout=5),
        system=system_prompt,
        context=lambda: day_context("2026-11-22"),
    )


async def test_an_answer_with_tools_goes_through_the_service(bedrock, assistant):
    """Ask, be answered, correct oneself, answer; each request keeps Bedrock's rules."""
    bedrock.script(
        turn(text("Let me see."), tool("t1", "echo", '{"n": 1}'), tool("t2", "echo", "{}", index=2), read=50),
        asks("echo", {"n": 2}, call_id="t3", read=60, cache_read=40),
        says("Done.", read=70),
    )
    transcript = Transcript()
    assert await assistant.answer([question("hi")], transcript, Ears()) == "end_turn"
    first, second = bedrock.bodies[1]["messages"][2]["content"]
    assert (first["toolResult"]["status"], second["toolResult"]["status"]) == ("success", "error")
    assert transcript.text == "Let me see.\n\nDone."
    assert transcript.usage == TokenUsage(180, 15, 40, 0)


async def test_a_call_that_cannot_be_read_is_told_to_claude(bedrock, assistant):
    """It may send it again; the broken input goes back as none."""
    bedrock.script(turn(tool("t1", "echo", '{"n": '), reason="tool_use"), says("Sorry."))
    transcript = Transcript()
    assert await assistant.answer([question("hi")], transcript, Ears()) == "end_turn"
    asked, answered = bedrock.bodies[1]["messages"][1:]
    assert asked["content"] == [{"toolUse": {"toolUseId": "t1", "name": "echo", "input": {}}}]
    assert answered["content"][0]["toolResult"]["status"] == "error"


async def test_the_prompt_of_two_days_shares_its_beginning(bedrock, model, echo):
    """The day stands behind the last cache point, so that tomorrow's first request still finds the prefix."""
    for day in ("2026-11-22", "2026-11-23"):
        assistant = Assistant(
            model,
            ToolRegistry([echo], timeout=5),
            system=system_prompt,
            context=lambda day=day: day_context(day),
        )
        await assistant.answer([question("hi")], Transcript(), Ears())
    first, second = (json.dumps([body["toolConfig"], body["system"]]) for body in bedrock.bodies)
    point = first.rindex("cachePoint")
    assert first[:point] == second[:point]
    assert first != second
    assert "2026" not in first[:point]


async def test_after_a_stop_in_a_tool_call_the_chat_goes_on(bedrock, assistant, echo):
    """The service takes the history: the dangling call has a result."""
    bedrock.script(asks("echo", {"n": 1}))
    echo.gate = asyncio.Event()
    transcript = Transcript()
    task = asyncio.create_task(assistant.answer([question("hi")], transcript, Ears()))
    await echo.entered.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    history = [question("hi"), kept(transcript), question("and now?")]
    assert await assistant.answer(history, Transcript(), Ears()) == "end_turn"


async def test_after_a_broken_stream_the_chat_goes_on(bedrock, assistant):
    """What was said is kept, and the next question is answered."""
    bedrock.script([*turn(text("So far"))[:2], Cut])
    transcript = Transcript()
    with pytest.raises(ModelError):
        await assistant.answer([question("hi")], transcript, Ears())
    assert transcript.text == "So far"
    history = [question("hi"), kept(transcript), question("go on")]
    assert await assistant.answer(history, Transcript(), Ears()) == "end_turn"
    assert bedrock.bodies[-1]["messages"][1] == {"role": "assistant", "content": [{"text": "So far"}]}


STEPS = st.lists(st.sampled_from(["text", "blank", "call", "malformed", "end", "results"]), max_size=12)


def played(steps):
    """A transcript that was cut off after these steps, and the calls it has made."""
    transcript, calls = Transcript(), []
    for number, step in enumerate(steps):
        if step in {"text", "blank"}:
            transcript.add_text("word " if step == "text" else "\n")
        elif step in {"call", "malformed"}:
            call = ToolUse(f"t{number}", "echo", {}, malformed=step == "malformed")
            transcript.add_call(call)
            calls.append(call)
        else:
            transcript.end_turn()
            if calls:
                transcript.add_results(
                    block for message in transcript.messages()[-1:] for block in message.content
                )
                calls = []
    return transcript


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=5), st.integers(0, 300))
def test_however_answers_were_cut_bedrock_takes_the_next_question(answers, max_tokens):
    """Stops, faults and trimming leave no conversation that the service refuses."""
    history = []
    for steps in answers:
        transcript = played(steps)
        history += [question("ask"), *([kept(transcript)] if transcript.messages() else [])]
    messages = conversation([*history, question("last")], max_tokens=max_tokens)
    body = converse("m", ModelRequest(messages, tools=[Echo.spec], system="s"), cache_points=True)
    assert broken_rule(body) is None

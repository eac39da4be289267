"""One instance: an answer is gathered, logged, shown, stopped and kept, however it ends."""

import asyncio
import logging

import pytest
from answering_rig import END, require_whole, words

from chatbot.errors import LimitError, ModelError, SessionError
from chatbot.models.protocol import TextDelta, ToolUse, TurnEnd
from chatbot.tools import ToolRegistry
from chatbot.usage import Usage


async def asked(instance, **options):
    """A session with one socket and one question; the session, the answer's id and the socket."""
    session_id = await instance.sessions.begin("ana")
    socket = instance.socket("tab", session_id)
    answer_id = await instance.ask(session_id, **options)
    return session_id, answer_id, socket


async def history(instance, session_id):
    return await instance.sessions.history(session_id, "ana")


async def test_an_answer_is_kept_as_it_was_sent(start):
    """What the reader saw is what the history holds; the question comes first and the end last."""
    one = await start("one", words("Hel", "lo"))
    session_id, answer_id, socket = await asked(one)
    await socket.until("chat:done")
    question, answer = await history(one, session_id)
    require_whole(socket.events)
    (first,) = socket.of("chat:question")
    assert (first["messageId"], first["text"]) == (question.message_id, question.text)
    assert (answer.text, socket.text, answer.answer_id) == ("Hello", "Hello", answer_id)
    assert (answer.stop_reason, socket.done["stopReason"]) == ("end_turn", "end_turn")
    assert answer.usage["inputTokens"] == 10


async def test_the_end_is_announced_after_the_answer_is_kept(start):
    """Who asks for the history right at the end finds the answer in it."""
    one = await start("one", words("Hello"))
    session_id = await one.sessions.begin("ana")
    socket = one.socket("tab", session_id)
    await one.ask(session_id)
    await socket.until("chat:done")
    assert len(await history(one, session_id)) == 2


async def test_a_model_that_fails_is_reported_and_what_it_said_is_kept(start, caplog):
    """The client gets the safe sentence; the cause is in the log only."""
    failure = ModelError("The model is busy; try again.", code="throttled")
    failure.__cause__ = RuntimeError("internal host 10.0.0.1")
    one = await start("one", [TextDelta("So far"), failure])
    session_id, _, socket = await asked(one)
    await socket.until("chat:done")
    assert socket.done["error"] == {"code": "throttled", "message": "The model is busy; try again."}
    assert (await history(one, session_id))[1].text == "So far"
    assert "10.0.0.1" not in str(socket.events)
    assert "10.0.0.1" in caplog.text


async def test_a_defect_is_reported_without_its_text(start, caplog):
    """An unexpected exception reaches the log, and the client hears that it was our fault."""
    one = await start("one", [ZeroDivisionError("secret detail")])
    _, _, socket = await asked(one)
    await socket.until("chat:done")
    assert socket.done["error"]["code"] == "internal"
    assert "secret detail" not in str(socket.events)
    assert "secret detail" in caplog.text


async def test_a_model_that_breaks_off_by_itself_is_reported(start):
    """A CancelledError nobody asked for is a failure; what was said is kept, and the end announced."""
    one = await start("one", [TextDelta("So far"), asyncio.CancelledError()])
    session_id, _, socket = await asked(one)
    await socket.until("chat:done")
    assert socket.done["error"]["code"] == "model_unavailable"
    assert (await history(one, session_id))[1].text == "So far"


async def test_a_stop_keeps_the_partial_answer(start):
    """Stopped: the text so far is sent and kept, and the end is announced; a second stop changes nothing."""
    one = await start("one", [TextDelta("Half an ans"), asyncio.Event(), END])
    session_id, answer_id, socket = await asked(one)
    await one.model.waiting.wait()
    assert await one.answers.stop(session_id, "ana", answer_id)
    assert not await one.answers.stop(session_id, "ana", answer_id)
    await socket.until("chat:done")
    answer = (await history(one, session_id))[1]
    assert (socket.done["stopReason"], answer.stop_reason) == ("stopped", "stopped")
    assert (answer.text, socket.text) == ("Half an ans", "Half an ans")


async def test_a_stop_before_the_first_word_ends_the_answer_for_good(start):
    """An answer without a word is kept, too: else the next visit would find the question unanswered."""
    one = await start("one", [asyncio.Event(), END])
    session_id, answer_id, socket = await asked(one)
    assert await one.answers.stop(session_id, "ana", answer_id)
    await socket.until("chat:done")
    assert [(each.text, each.stop_reason) for each in await history(one, session_id)][1:] == [("", "stopped")]
    assert await one.answers.come_back(session_id, "ana") is None


async def test_a_call_cut_off_by_a_stop_gets_a_result(start):
    """What is kept can be sent to a model again: no tool call in it is without a result."""
    one = await start("one", [ToolUse("t1", "unheard_of", {}), asyncio.Event()])
    session_id, answer_id, socket = await asked(one)
    await one.model.waiting.wait()
    await one.answers.stop(session_id, "ana", answer_id)
    await socket.until("chat:done")
    call, result = (await history(one, session_id))[1].turns
    assert result.content[0].tool_use_id == call.content[0].id


async def test_two_answers_in_one_session_do_not_mix(start):
    """The second question is refused while the first is answered, and welcome afterwards."""
    gate = asyncio.Event()
    one = await start("one", [gate, *words("one")], words("two"))
    session_id, _, socket = await asked(one)
    with pytest.raises(LimitError) as busy:
        await one.ask(session_id, "m2")
    assert busy.value.code == "busy"
    gate.set()
    await socket.until("chat:done")
    assert socket.text == "one"
    socket.events.clear()
    await one.ask(session_id, "m2")
    await socket.until("chat:done")
    assert socket.text == "two"
    assert len(await history(one, session_id)) == 4


async def test_a_question_sent_again_is_answered_once(start):
    """A retry, while the answer is written or after it, gets the same answer and no other is begun."""
    one = await start("one", words("once"))
    session_id, answer_id, socket = await asked(one)
    retries = await asyncio.gather(*(one.ask(session_id) for _ in range(5)))
    await socket.until("chat:done")
    retries.append(await one.ask(session_id))
    assert set(retries) == {answer_id}
    assert (len(one.model.requests), len(await history(one, session_id))) == (1, 2)


async def test_many_questions_at_once_in_one_session_have_one_winner(start):
    """Two tabs ask in one chat at the same moment: one is answered, the others are told to wait."""
    one = await start("one", [asyncio.Event()])
    session_id = await one.sessions.begin("ana")
    asking = (one.ask(session_id, f"m{n}") for n in range(5))
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert sorted(type(each).__name__ for each in outcomes) == [*["LimitError"] * 4, "str"]
    assert one.answers.writing == 1


async def test_somebody_elses_session_is_not_told_from_a_missing_one(start):
    """Asking, coming back, resuming and stopping in it all end in the same error, and nothing happens."""
    one = await start("one", [TextDelta("secret"), asyncio.Event()])
    session_id, answer_id, _ = await asked(one)
    one.socket("bobs", session_id)
    for call in (
        one.answers.ask(session_id, "bob", message_id="m2", text="hi"),
        one.answers.come_back(session_id, "bob"),
    ):
        with pytest.raises(SessionError):
            await call
    assert not await one.answers.resume(session_id, "bob", answer_id, after=0, sid="bobs")
    assert not await one.answers.stop(session_id, "bob", answer_id)
    assert one.sockets["bobs"].events == []
    assert one.answers.writing == 1


async def test_a_socket_that_leaves_gets_no_more_and_stops_nothing(start):
    """The answer goes on for whoever comes back, and is kept."""
    gate = asyncio.Event()
    one = await start("one", [TextDelta("one "), gate, *words("two")])
    session_id, answer_id, socket = await asked(one)
    await socket.until("chat:delta")
    one.drop("tab")
    gate.set()
    await one.idle()
    assert socket.text == "one "
    back = one.socket("tab", session_id)
    assert await one.resume(session_id, answer_id, "tab", after=socket.last)
    require_whole(socket.events + back.events)
    assert (await history(one, session_id))[1].text == "one two"


async def test_a_slow_socket_is_cut_off_in_the_middle_of_a_push(start):
    """A transport that ends a socket while it is pushed to hinders neither the others nor the answer."""
    one = await start("one", words("a"))
    session_id = await one.sessions.begin("ana")
    one.socket("slow", session_id)
    socket = one.socket("tab", session_id)
    push = one.push_many

    def cut_off(sids, event, payload):
        if "slow" in sids:
            one.drop("slow")
        return push(sids, event, payload)

    one.answers._feeds._push_many = cut_off
    await one.ask(session_id)
    await socket.until("chat:done")
    require_whole(socket.events)


async def test_a_user_whose_share_is_used_up_is_told_before_anything_is_kept(start, cache):
    """The limit counts what answers have used, and a refused question is not in the history."""
    usage = Usage(cache, daily_tokens=15)
    one = await start("one", words("one"), usage=usage)
    session_id, _, socket = await asked(one)
    await socket.until("chat:done")
    await one.idle()
    assert (await usage.of("ana")).left == 0
    with pytest.raises(LimitError) as refused:
        await one.ask(session_id, "m2")
    assert refused.value.code == "quota"
    assert len(await history(one, session_id)) == 2


async def test_those_who_count_hear_what_happens(start):
    """Began, first token, end and use, once each."""
    call = [ToolUse("t1", "unheard_of", {}), TurnEnd("tool_use", input_tokens=1)]
    one = await start("one", call, words("Sorry", "."), tools=ToolRegistry([], timeout=5))
    _, _, socket = await asked(one)
    await socket.until("chat:done")
    await one.idle()
    heard = [what[:-1] if what[0] in {"first_token", "ended"} else what for what in one.noted.heard]
    assert heard == [
        ("began",),
        ("first_token",),
        ("ended", "end_turn"),
        ("used", "ana", 16),
    ]


async def test_closing_stops_and_keeps_every_answer(start):
    """At shutdown nothing that was written is lost, and no question is taken any more."""
    one = await start("one", [TextDelta("Half"), asyncio.Event()])
    session_id, _, socket = await asked(one)
    await socket.until("chat:question")
    await one.model.waiting.wait()
    await one.answers.aclose()
    with pytest.raises(LimitError, match="closing"):
        await one.ask(session_id, "m2")
    assert (socket.text, socket.done["stopReason"]) == ("Half", "stopped")
    assert (await history(one, session_id))[1].text == "Half"


async def test_an_answer_that_cannot_be_kept_says_so(start, caplog):
    """The session is lost at the end: the reader has the text, and is warned that it will be gone."""
    gate = asyncio.Event()
    one = await start("one", [TextDelta("Hello"), gate, END])
    _, _, socket = await asked(one)
    await one.model.waiting.wait()
    await one.cache.store.execute("FLUSHALL")
    gate.set()
    with caplog.at_level(logging.CRITICAL):
        await socket.until("chat:done")
    assert (socket.text, socket.done["error"]["code"]) == ("Hello", "unavailable")

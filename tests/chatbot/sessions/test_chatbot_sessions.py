"""Chat sessions: whose they are, in what order, and each question and answer once."""

import asyncio

import pytest
from support.chat import answer, ask, talk

from chatbot.errors import SessionError
from chatbot.models.protocol import ModelMessage, TextBlock, ToolResultBlock, ToolUse
from chatbot.sessions import answer_key, session_key


async def test_what_was_said_comes_back_in_order(sessions):
    """Questions and answers, tool calls and results included."""
    session_id = await sessions.begin("ana")
    turns = [
        ModelMessage(role="assistant", content=(ToolUse("t1", "search", {"to": "LIS"}),)),
        ModelMessage(role="user", content=(ToolResultBlock("t1", {"n": [1, None]}),)),
        ModelMessage(role="assistant", content=(TextBlock("found"),)),
    ]
    said = {"text": "found", "offers": [{"total": 1}], "turns": turns, "stop_reason": "stopped"}
    await ask(sessions, session_id, text="hi")
    await answer(sessions, session_id, **said, tools=[{"toolId": "t1"}], usage={"input": 7})
    question, reply = await sessions.history(session_id, "ana")
    assert (question.role, question.text, question.message_id, question.answer_id) == (
        *("user", "hi", "m1", "a1"),
    )
    assert (reply.text, reply.offers, reply.turns) == ("found", [{"total": 1}], turns)
    assert (reply.stop_reason, reply.tools, reply.usage) == ("stopped", [{"toolId": "t1"}], {"input": 7})


async def test_more_than_nine_messages_keep_their_order(sessions):
    """Message 10 comes after message 9, not after message 1."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, *range(6))
    history = await sessions.history(session_id, "ana")
    assert [each.text for each in history if each.role == "user"] == [f"question {n}" for n in range(6)]


async def test_a_question_sent_twice_is_taken_once(sessions):
    """A client that repeats a question under its id gets the first answer's id, whoever serves it."""
    session_id = await sessions.begin("ana")
    taken = await asyncio.gather(
        *(ask(sessions, session_id, answer_id=f"a{n}", writer=f"w{n}") for n in range(5))
    )
    assert len({each.answer_id for each in taken}) == 1
    assert sorted(each.state for each in taken) == ["new", *["writing"] * 4]
    assert len(await sessions.history(session_id, "ana")) == 1


@pytest.mark.parametrize("user", ["bob", "", "an", "ana "])
async def test_a_session_is_closed_to_others(sessions, user):
    """For every verb, another user's session is not told apart from one that does not exist."""
    theirs = await sessions.begin("ana")
    await talk(sessions, theirs, 1)
    for session_id in (theirs, "nowhere"):
        for call in (
            sessions.open(session_id, user),
            sessions.history(session_id, user),
            ask(sessions, session_id, 2, user=user),
            answer(sessions, session_id, 2, user=user),
            sessions.answering(session_id, user),
            sessions.take_over(session_id, user, writer="w"),
            sessions.rename(session_id, user, "mine"),
            sessions.delete(session_id, user),
        ):
            with pytest.raises(SessionError, match="no such chat"):
                await call
    session = await sessions.open(theirs, "ana")
    assert (session.title, len(session.messages)) == ("question 1", 2)


async def test_a_session_that_is_gone_does_not_come_back(sessions, cache):
    """No verb creates one."""
    session_id = await sessions.begin("ana")
    await cache.store.unlink(session_key(session_id))
    for call in (ask(sessions, session_id), answer(sessions, session_id)):
        with pytest.raises(SessionError):
            await call
    assert not await sessions.renew(session_id, "a1", "one")
    await sessions.release(session_id, "a1", "one")
    assert [key async for batch in cache.store.scan("chat_session:*") for key in batch] == []


async def test_a_command_sent_again_changes_nothing(sessions):
    """The reply was lost and the caller repeats it: one question, one answer."""
    session_id = await sessions.begin("ana")
    states = [(await ask(sessions, session_id)).state for _ in range(2)]
    assert states == ["new", "writing"]
    assert [await answer(sessions, session_id) for _ in range(2)] == [True, True]
    assert (await ask(sessions, session_id)).state == "answered"
    assert [each.role for each in await sessions.history(session_id, "ana")] == ["user", "assistant"]


async def test_a_session_that_nobody_uses_expires(sessions, cache):
    """From its beginning on."""
    session_id = await sessions.begin("ana")
    assert 86_000 < await cache.store.execute("TTL", session_key(session_id)) <= 86_400


async def test_a_session_in_use_stays(sessions, cache):
    """Each question and each answer renews its day in Redis."""
    session_id = await sessions.begin("ana")
    for change in (ask, answer):
        await cache.store.execute("EXPIRE", session_key(session_id), 5)
        await change(sessions, session_id)
        assert await cache.store.execute("TTL", session_key(session_id)) > 86_000


async def test_without_an_archive_nothing_is_handed_to_one(sessions, cache):
    """No stream grows that nobody reads."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, 1)
    await sessions.rename(session_id, "ana", "trip")
    assert [key async for batch in cache.store.scan("chat_archive*") for key in batch] == []


async def test_a_deleted_session_is_gone(sessions, cache):
    """Its messages, its place in the list, and the event streams of its answers."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, 1)
    await ask(sessions, session_id, 2)
    for answer_id in ("a1", "a2"):
        await cache.store.execute("XADD", answer_key(session_id, answer_id), "1-0", "event", "x")
    assert sorted(await sessions.delete(session_id, "ana")) == ["a1", "a2"]
    assert await sessions.list("ana") == []
    assert [key async for batch in cache.store.scan("*") for key in batch] == []
    with pytest.raises(SessionError):
        await sessions.open(session_id, "ana")


async def test_whoever_still_writes_into_a_deleted_session_writes_nothing(sessions):
    """Neither its answer nor its lease is taken."""
    session_id = await sessions.begin("ana")
    await ask(sessions, session_id)
    await sessions.delete(session_id, "ana")
    assert not await sessions.renew(session_id, "a1", "one")
    with pytest.raises(SessionError):
        await answer(sessions, session_id)

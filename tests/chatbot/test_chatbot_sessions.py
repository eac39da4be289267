"""Chat sessions: whose they are, in what order, and each question once."""

import asyncio

import pytest

from chatbot.errors import SessionError
from chatbot.models.protocol import ModelMessage, TextBlock, ToolResultBlock, ToolUse
from chatbot.sessions import SessionRepository


@pytest.fixture
def sessions(cache):
    return SessionRepository(cache.store, cache.clock)


async def ask(sessions, session_id, *, text="hi", message_id="m1", answer_id="a1", user="ana"):
    return await sessions.add_question(
        session_id, user, message_id=message_id, answer_id=answer_id, text=text
    )


async def test_what_was_said_comes_back_in_order(sessions):
    """Questions and answers, tool calls and results included."""
    session_id = await sessions.begin("ana")
    turns = [
        ModelMessage(role="assistant", content=(ToolUse("t1", "search", {"to": "LIS"}),)),
        ModelMessage(role="user", content=(ToolResultBlock("t1", {"n": [1, None]}),)),
        ModelMessage(role="assistant", content=(TextBlock("found"),)),
    ]
    await ask(sessions, session_id)
    await sessions.add_answer(
        session_id, "ana", answer_id="a1", text="found", offers=[{"total": 1}], turns=turns
    )
    question, answer = await sessions.history(session_id, "ana")
    assert (question.role, question.text, question.message_id) == ("user", "hi", "m1")
    assert (answer.text, answer.offers, answer.turns) == ("found", [{"total": 1}], turns)


async def test_more_than_nine_messages_keep_their_order(sessions):
    """Message 10 comes after message 9, not after message 1."""
    session_id = await sessions.begin("ana")
    for number in range(12):
        await ask(sessions, session_id, text=str(number), message_id=f"m{number}")
    history = await sessions.history(session_id, "ana")
    assert [message.text for message in history] == [str(number) for number in range(12)]


async def test_a_question_sent_twice_is_taken_once(sessions):
    """A client that repeats a question under its id gets the first answer's id."""
    session_id = await sessions.begin("ana")
    answers = await asyncio.gather(
        *(ask(sessions, session_id, answer_id=f"a{number}") for number in range(5))
    )
    assert len(set(answers)) == 1
    assert len(await sessions.history(session_id, "ana")) == 1


@pytest.mark.parametrize("user", ["bob", "", "an"])
async def test_a_session_is_closed_to_others(sessions, user):
    """Another user's session is not told apart from one that does not exist."""
    session_id = await sessions.begin("ana")
    for call in (
        sessions.history(session_id, user),
        ask(sessions, session_id, user=user),
        sessions.history("nowhere", user),
        ask(sessions, "nowhere", user=user),
    ):
        with pytest.raises(SessionError, match="no such chat"):
            await call
    assert await sessions.history(session_id, "ana") == []


async def test_a_session_that_expired_does_not_come_back(sessions, cache):
    """Adding to a session that is gone creates nothing."""
    session_id = await sessions.begin("ana")
    await cache.store.unlink(f"chat_session:{session_id}")
    with pytest.raises(SessionError):
        await ask(sessions, session_id)
    assert [key async for batch in cache.store.scan("*") for key in batch] == []


async def test_a_command_sent_again_changes_nothing(sessions):
    """The reply was lost and the client library repeats it: one question, one answer."""
    session_id = await sessions.begin("ana")
    for _ in range(2):
        assert await ask(sessions, session_id) == "a1"
        await sessions.add_answer(session_id, "ana", answer_id="a1", text="x", offers=[], turns=[])
    assert [message.role for message in await sessions.history(session_id, "ana")] == ["user", "assistant"]
    assert await sessions.is_kept(session_id, "ana", "a1")
    assert not await sessions.is_kept(session_id, "ana", "a2")


async def test_a_session_that_nobody_uses_expires(sessions, cache):
    """From its beginning on."""
    session_id = await sessions.begin("ana")
    assert 86_000 < await cache.store.execute("TTL", f"chat_session:{session_id}") <= 86_400


async def test_a_session_in_use_stays(sessions, cache):
    """Each message renews its day in Redis."""
    session_id = await sessions.begin("ana")
    await cache.store.execute("EXPIRE", f"chat_session:{session_id}", 5)
    await ask(sessions, session_id)
    assert await cache.store.execute("TTL", f"chat_session:{session_id}") > 86_000

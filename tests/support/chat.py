"""What tests say in a chat."""

from typing import Any

from chatbot.sessions import SessionRepository, Taken, session_key


async def ask(
    sessions: SessionRepository, session_id: str, number: int = 1, *, user: str = "ana", **changes: Any
) -> Taken:
    """Ask question `number`, under the ids that go with it."""
    question = {
        "message_id": f"m{number}",
        "answer_id": f"a{number}",
        "text": f"question {number}",
        "writer": "one",
    }
    return await sessions.add_question(session_id, user, **question | changes)


async def answer(
    sessions: SessionRepository, session_id: str, number: int = 1, *, user: str = "ana", **changes: Any
) -> bool:
    """Answer it."""
    given: dict[str, Any] = {
        "answer_id": f"a{number}",
        "text": f"answer {number}",
        "offers": [],
        "turns": [],
        "writer": "one",
    }
    return await sessions.add_answer(session_id, user, **given | changes)


async def talk(sessions: SessionRepository, session_id: str, *numbers: int, user: str = "ana") -> None:
    """Ask and answer these questions."""
    for number in numbers:
        await ask(sessions, session_id, number, user=user)
        await answer(sessions, session_id, number, user=user)


async def lapse(cache: Any, session_id: str) -> None:
    """Let the lease of whoever writes the answer be over."""
    await cache.store.execute("HSET", session_key(session_id), "lease", 1)


async def forget(cache: Any, session_id: str) -> None:
    """Redis has forgotten the session, as after its day."""
    await cache.store.unlink(session_key(session_id))

"""The end of an answer whose writer is gone, though the answer is over."""

import logging
from collections.abc import Iterable
from typing import Any, Final

from chatbot.answers.event import Event
from chatbot.answers.feed import Feed
from chatbot.answers.log import AnswerLog
from chatbot.messages import Done, ErrorInfo
from chatbot.sessions import SessionMessage, SessionRepository

logger = logging.getLogger(__name__)

_BROKEN: Final = ErrorInfo("model_unavailable", "The answer broke off; ask again.")
_LOST: Final = ErrorInfo("unavailable", "The answer was lost; ask again.")


class Closing:
    """Writes the `chat:done` that a writer killed right after keeping its answer still owes."""

    def __init__(self, log: AnswerLog, sessions: SessionRepository) -> None:
        self._log = log
        self._sessions = sessions

    async def close(self, feed: Feed) -> bool:
        """Show how an answer that nobody waits for any more has ended; whether it needed that.

        The log of a kept answer gets its end, for others who read it; who is first numbers it, and nothing
        is logged twice. An answer that was never kept, since a later question took its place, is told to be
        lost.

        Raises:
            CacheUnavailable: Redis is away.
            SessionError: the session was deleted.
        """
        if not feed.newest:
            return True  # Nothing of it is known here, and nobody waits for its end.
        history = await self._sessions.history(feed.session_id, feed.user_id)
        if await self._log.read_on([feed]) != [[]]:
            return False  # The writer was only slow: what it has written is read on.
        kept = _kept(history, feed.answer_id)
        # One that is only told here comes behind what was shown here and never logged.
        last = feed.seen if kept is None else 0
        seq = max(feed.newest, last) + 1
        done = Event.of(Done(answer_id=feed.answer_id, seq=seq, **_ending(kept)))
        if kept is not None:
            await self._log.append(feed, [done], before=feed.newest, is_kept=True)
        feed.put(done)
        feed.show()
        return True


def _kept(history: Iterable[SessionMessage], answer_id: str) -> SessionMessage | None:
    return next((each for each in history if each.role == "assistant" and each.answer_id == answer_id), None)


def _ending(kept: SessionMessage | None) -> dict[str, Any]:
    if kept is None:
        return {"stop_reason": "error", "error": _LOST}
    if kept.stop_reason == "error":
        return {"stop_reason": "error", "error": _BROKEN}
    return {"stop_reason": kept.stop_reason or "end_turn"}

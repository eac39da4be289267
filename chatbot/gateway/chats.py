"""What a client may ask for in a chat: to start it, ask, follow, stop, and to look after its sessions."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec

from cachekit.errors import CacheUnavailable
from cachekit.socket_auth import SocketKeeper
from chatbot.analytics import Analytics
from chatbot.answers import Answers
from chatbot.bus import Bus, SessionDeleted, SessionRenamed
from chatbot.errors import SessionError
from chatbot.gateway.audience import Audience, Connected
from chatbot.limits import UserLimits
from chatbot.messages import (
    DeleteSession,
    HistoryItem,
    ListSessions,
    RenameSession,
    ResumeAnswer,
    SendMessage,
    StartChat,
    StopAnswer,
    parse,
)
from chatbot.models.protocol import ChatModel
from chatbot.sessions import SessionMessage, SessionRepository

logger = logging.getLogger(__name__)

MAX_HISTORY: Final = 512 * 1024
"""Bytes of a chat's past that are sent at once: with more, a slow line would be taken for a dead one."""


class Chats:
    """The handlers of the `chat:` events. What they raise becomes the acknowledgement's error.

    `deleted` tells the sockets of this instance of a session that was deleted.
    """

    def __init__(
        self,
        *,
        audience: Audience,
        keeper: SocketKeeper,
        sessions: SessionRepository,
        answers: Answers,
        limits: UserLimits,
        analytics: Analytics,
        bus: Bus,
        model: ChatModel,
        deleted: Callable[[SessionDeleted], Awaitable[None]],
    ) -> None:
        self._audience = audience
        self._keeper = keeper
        self._sessions = sessions
        self._answers = answers
        self._limits = limits
        self._analytics = analytics
        self._bus = bus
        self._model = model
        self._deleted = deleted

    async def start(self, connected: Connected, payload: Any) -> dict[str, Any]:
        """`chat:start`: bind a new session, or one of the user's own, to the socket."""
        request = parse(payload or {}, StartChat)
        title: str | None = None
        answering: str | None = None
        history: list[SessionMessage] = []
        if request.session_id is None:
            await self._limits.chat(connected.user_id)
            session_id = await self._sessions.begin(connected.user_id)
        else:
            # Before the history is read: an answer that ends in between is in both then, and not in neither.
            answering = await self._answers.come_back(request.session_id, connected.user_id)
            session = await self._sessions.open(request.session_id, connected.user_id)
            session_id, title, history = session.id, session.title, session.messages
        # First what may fail: a socket that could not be bound stays in the chat it was in.
        await self._keeper.bind(connected.sid, session_id)
        self._answers.leave(connected.sid)
        self._audience.move(connected, session_id)
        return {
            "sessionId": session_id,
            "title": title,
            "model": {"name": self._model.name, "offline": self._model.offline},
            **_latest(history),
            "answering": answering,
        }

    async def ask(self, connected: Connected, payload: Any) -> dict[str, Any]:
        """`chat:message`: keep the question and begin to answer it."""
        request = parse(payload, SendMessage)
        session_id = _require_bound(connected, request.session_id)
        await self._limits.message(connected.user_id)
        answer_id = await self._answers.ask(
            session_id, connected.user_id, message_id=request.message_id, text=request.text
        )
        self._keeper.touch(connected.sid)
        self._analytics.active(connected.user_id)
        return {"answerId": answer_id}

    async def resume(self, connected: Connected, payload: Any) -> dict[str, Any]:
        """`chat:resume`: send what came of an answer since, and then what comes."""
        request = parse(payload, ResumeAnswer)
        session_id = _require_started(connected)
        found = await self._answers.resume(
            session_id, connected.user_id, request.answer_id, after=request.after, sid=connected.sid
        )
        return {"found": found}

    async def stop(self, connected: Connected, payload: Any) -> dict[str, Any]:
        """`chat:stop`: stop an answer of the socket's own session, wherever it is being written."""
        request = parse(payload, StopAnswer)
        session_id = _require_started(connected)
        return {"stopped": await self._answers.stop(session_id, connected.user_id, request.answer_id)}

    async def list(self, connected: Connected, payload: Any) -> dict[str, Any]:
        """`chat:list`: the user's sessions."""
        parse(payload or {}, ListSessions)
        return {"sessions": msgspec.to_builtins(await self._sessions.list(connected.user_id))}

    async def rename(self, connected: Connected, payload: Any) -> dict[str, Any]:
        """`chat:rename`: give a session another title, and tell the user's other sockets."""
        request = parse(payload, RenameSession)
        user_id, title = connected.user_id, request.title.strip()
        await self._sessions.rename(request.session_id, user_id, title)
        await self._bus.publish(SessionRenamed(session_id=request.session_id, user_id=user_id, title=title))
        return {}

    async def delete(self, connected: Connected, payload: Any) -> dict[str, Any]:
        """`chat:delete`: delete a session everywhere, and tell the user's other sockets."""
        request = parse(payload, DeleteSession)
        answer_ids = await self._sessions.delete(request.session_id, connected.user_id)
        deleted = SessionDeleted(
            session_id=request.session_id, user_id=connected.user_id, answer_ids=tuple(answer_ids)
        )
        try:
            await self._bus.publish(deleted)
        except CacheUnavailable as error:
            # It is gone, and cannot be deleted again: other instances learn of it when it is asked for.
            logger.warning("other instances do not know of a deleted session: %s", error)
            await self._deleted(deleted)
        return {}


def _require_bound(connected: Connected, session_id: str) -> str:
    if connected.session_id != session_id:
        raise SessionError("This socket is in another chat; start this one first.")
    return session_id


def _require_started(connected: Connected) -> str:
    if connected.session_id is None:
        raise SessionError("This socket is in no chat; start one first.")
    return connected.session_id


def _latest(history: Sequence[SessionMessage]) -> dict[str, Any]:
    """The end of a chat, as much as can be sent at once, and how many messages before it were left out."""
    shown: list[dict[str, Any]] = []
    room = MAX_HISTORY
    for message in reversed(history):
        item = _shown(message)
        room -= len(msgspec.json.encode(item))
        if shown and room < 0:
            break
        shown.append(item)
    return {"history": shown[::-1], "omitted": len(history) - len(shown)}


def _shown(message: SessionMessage) -> dict[str, Any]:
    """A message as clients get it: without what only the model reads."""
    item = msgspec.convert(message, HistoryItem, from_attributes=True)
    shown: dict[str, Any] = msgspec.to_builtins(item)
    return shown

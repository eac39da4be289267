"""The Socket.IO handlers: who may come in, what they may send, and what they get back."""

import asyncio
import contextlib
import functools
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import socketio
from aiohttp import web

from cachekit.core.clock import Clock
from cachekit.errors import CacheKitError
from cachekit.socket_auth import SocketAuthRepository
from chatbot.auth import TokenVerifier
from chatbot.errors import AuthError, SessionError, explain
from chatbot.generation import Generations
from chatbot.messages import SendMessage, StartChat, StopAnswer, parse
from chatbot.models.protocol import ChatModel
from chatbot.sessions import SessionMessage, SessionRepository

logger = logging.getLogger(__name__)

MAX_PAYLOAD: Final = 64 * 1024
"""Bytes of one message from a client; the longest question is far below."""
CLOSING_DEADLINE: Final = 3.0
"""Seconds in which the sockets are signed off at shutdown."""
MAX_WAITING: Final = 16
"""Requests of one socket that may wait for the one before them."""
TOUCH_INTERVAL: Final = 30.0
"""Seconds between two notes of one socket's activity in Redis."""


@dataclass(slots=True)
class Connected:
    """What this instance knows of a socket it holds, so that Redis is not asked for every message."""

    user_id: str
    expires_at: float
    """When the socket's token ends, in epoch seconds."""
    touched_at: float
    session_id: str | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Keeps the socket's requests in the order in which they came: each event is a task of its own."""
    waiting: int = 0


Handler = Callable[["Gateway", str, Connected, Any], Awaitable[dict[str, Any]]]


def acknowledged(handler: Handler) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Turn a handler's outcome into the acknowledgement that every request gets, errors included."""

    @functools.wraps(handler)
    async def respond(gateway: "Gateway", sid: str, payload: object = None, *_: object) -> dict[str, Any]:
        connected = gateway.connected.get(sid)
        if connected is None:
            return _refusal("not_connected", "This socket is not signed in.")
        if connected.waiting >= MAX_WAITING:
            return _refusal("busy", "Too many requests at once; wait for their answers.")
        connected.waiting += 1
        try:
            async with connected.lock:
                gateway.require_signed_in(connected)
                return {"ok": True, **await handler(gateway, sid, connected, payload)}
        except Exception as error:  # noqa: BLE001 - told to the client and to the log
            return _refusal(*explain(error, f"{handler.__name__} failed"))
        finally:
            connected.waiting -= 1

    return respond


class Gateway:
    """Connects sockets with sessions and answers. Everything shared lies in Redis.

    `origins` are those whose pages may connect beside the gateway's own.
    """

    def __init__(
        self,
        *,
        origins: Sequence[str],
        verifier: TokenVerifier,
        sockets: SocketAuthRepository,
        sessions: SessionRepository,
        generations: Generations,
        model: ChatModel,
        clock: Clock,
    ) -> None:
        self.connected: dict[str, Connected] = {}
        """The sockets this instance holds."""
        self._server = server = socketio.AsyncServer(
            async_mode="aiohttp",
            max_http_buffer_size=MAX_PAYLOAD,
            cors_allowed_origins=_OriginRule(origins) if origins else None,
        )
        self._verifier = verifier
        self._sockets = sockets
        self._sessions = sessions
        self._generations = generations
        self._model = model
        self._clock = clock
        server.on("connect", self._connect)
        server.on("disconnect", self._disconnect)
        server.on("chat:start", self.start_chat)
        server.on("chat:message", self.take_message)
        server.on("chat:stop", self.stop_answer)

    def attach(self, application: web.Application) -> None:
        """Serve Socket.IO at its default path, `/socket.io`, of `application`."""
        self._server.attach(application)

    async def aclose(self) -> None:
        """Disconnect the sockets this instance holds, so that none stays registered.

        Takes `CLOSING_DEADLINE` seconds at most: with Redis away the keys are left to expire.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_DEADLINE):
                await asyncio.gather(*(self._server.disconnect(sid) for sid in list(self.connected)))
        # The transports below are told to close as well; the web server waits for them.
        for transport in list(self._server.eio.sockets.values()):
            await transport.close(wait=False)
        await self._server.shutdown()

    async def _connect(self, sid: str, _environ: object, auth: object = None) -> None:
        """Let a socket in, or refuse it with a sentence and `{"code", "message"}`."""
        try:
            identity = self._verifier.verify(auth.get("token") if isinstance(auth, dict) else None)
            await self._sockets.set_socket_auth(sid, identity.user_id)
        except Exception as error:  # noqa: BLE001 - what escapes would be tried again with other arguments
            raise _refused(*explain(error, "connect failed")) from None
        self.connected[sid] = Connected(
            identity.user_id, identity.expires_at, touched_at=self._clock.monotonic()
        )

    def require_signed_in(self, connected: Connected) -> None:
        """Raises AuthError once the socket's token has ended."""
        if self._clock.time() >= connected.expires_at:
            raise AuthError("The token has expired; sign in again.", code="token_expired")

    async def _disconnect(self, sid: str, *_: object) -> None:
        self.connected.pop(sid, None)
        try:
            await self._sockets.remove_socket_auth(sid)
        except CacheKitError as error:
            # It expires by itself; until then it is only counted.
            logger.warning("a socket could not be removed: %s", error)

    @acknowledged
    async def start_chat(self, sid: str, connected: Connected, payload: Any) -> dict[str, Any]:
        """`chat:start`: bind a new session, or one of the user's own, to the socket."""
        request = parse(payload or {}, StartChat)
        history: list[SessionMessage] = []
        if request.session_id is None:
            session_id = await self._sessions.begin(connected.user_id)
        else:
            session_id = request.session_id
            history = await self._sessions.history(session_id, connected.user_id)
        connected.session_id = session_id
        await self._bind(sid, connected)
        return {
            "sessionId": session_id,
            "model": {"name": self._model.name, "offline": self._model.offline},
            "history": [_shown(message) for message in history],
            "answering": self._generations.answering(session_id),
        }

    @acknowledged
    async def take_message(self, sid: str, connected: Connected, payload: Any) -> dict[str, Any]:
        """`chat:message`: keep the question and begin to answer it."""
        request = parse(payload, SendMessage)
        session_id = _require_bound(connected, request.session_id)
        user_id = connected.user_id
        answer_id = await self._sessions.answer_to(session_id, user_id, request.message_id)
        if answer_id is not None and await self._is_answered(session_id, user_id, answer_id):
            return {"answerId": answer_id}
        with self._generations.claim(session_id):
            await self._note_activity(sid, connected)
            # A question that was kept but never answered, since its instance died, is answered now.
            answer_id = await self._sessions.add_question(
                session_id,
                user_id,
                message_id=request.message_id,
                answer_id=answer_id or secrets.token_urlsafe(12),
                text=request.text,
            )
            emit = functools.partial(self._emit, session_id)
            self._generations.start(answer_id, session_id, user_id, emit)
        return {"answerId": answer_id}

    @acknowledged
    async def stop_answer(self, sid: str, connected: Connected, payload: Any) -> dict[str, Any]:  # noqa: ARG002
        """`chat:stop`: stop an answer of the socket's own session."""
        request = parse(payload, StopAnswer)
        session_id = connected.session_id
        return {"stopped": bool(session_id) and self._generations.stop(request.answer_id, session_id or "")}

    async def _is_answered(self, session_id: str, user_id: str, answer_id: str) -> bool:
        """Whether that answer is kept, or being written here."""
        if self._generations.answering(session_id) == answer_id:
            return True
        return await self._sessions.is_kept(session_id, user_id, answer_id)

    async def _emit(self, session_id: str, event: str, payload: dict[str, Any]) -> None:
        """Send to the sockets held here that have started the session; one that has gone misses it."""
        for sid, connected in list(self.connected.items()):
            if connected.session_id == session_id:
                # ignore_queue: what this instance writes goes to its own sockets, not through Redis.
                await self._server.emit(event, payload, to=sid, ignore_queue=True)

    async def _note_activity(self, sid: str, connected: Connected) -> None:
        now = self._clock.monotonic()
        if now - connected.touched_at >= TOUCH_INTERVAL:
            connected.touched_at = now
            if await self._sockets.touch(sid) is None:
                await self._bind(sid, connected)

    async def _bind(self, sid: str, connected: Connected) -> None:
        """Write the socket's session; register the socket anew if Redis has lost it."""
        assert connected.session_id is not None
        bound = await self._sockets.update_socket_session(sid, connected.session_id)
        if bound is None and sid in self.connected:
            await self._sockets.set_socket_auth(sid, connected.user_id, connected.session_id)
            if sid not in self.connected:
                # It left while it was registered anew, and had been removed before that.
                await self._sockets.remove_socket_auth(sid)


class _OriginRule:
    """Which origins may connect: those named, and the one that the gateway itself is reached under."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = frozenset(origins)

    def __call__(self, origin: str, environ: Mapping[str, str]) -> bool:
        # Behind a proxy that ends TLS, the scheme and host that the browser sees are the forwarded ones.
        scheme = environ.get("HTTP_X_FORWARDED_PROTO", environ["wsgi.url_scheme"]).partition(",")[0].strip()
        host = environ.get("HTTP_X_FORWARDED_HOST", environ.get("HTTP_HOST", "")).partition(",")[0].strip()
        return origin in self._origins or origin == f"{scheme}://{host}"


def _require_bound(connected: Connected, session_id: str) -> str:
    if connected.session_id != session_id:
        raise SessionError("This socket is in another chat; start this one first.")
    return session_id


def _shown(message: SessionMessage) -> dict[str, Any]:
    """A message as the page gets it: without what only the model reads."""
    shown: dict[str, Any] = msgspec.to_builtins(message)
    shown.pop("turns", None)
    return shown


def _refusal(code: str, message: str) -> dict[str, Any]:
    return {"ok": False, "error": {"code": code, "message": message}}


def _refused(code: str, message: str) -> socketio.exceptions.ConnectionRefusedError:
    return socketio.exceptions.ConnectionRefusedError(message, {"code": code, "message": message})

"""Chat sessions in Redis: whose they are, and what was said.

One hash a session, `chat_session:{sessionId}`, so that each script touches a single key:

| field             | holds                                                                    |
|-------------------|--------------------------------------------------------------------------|
| `owner`           | the user's id                                                            |
| `createdAt`       | ISO-8601 UTC                                                             |
| `count`           | how many messages there are                                              |
| `m:{number}`      | a message as JSON, numbered from 1                                       |
| `q:{messageId}`   | the id of the answer to the question that the client sent under that id  |
| `a:{answerId}`    | the same id, once that answer is kept                                    |
"""

import datetime as dt
import secrets
from typing import Any, Final, Literal

import msgspec

from cachekit.core.clock import Clock
from cachekit.core.codec import iso_utc
from cachekit.core.keys import KeySpace
from cachekit.core.store import Store
from chatbot.errors import SessionError
from chatbot.models.protocol import ModelMessage

DEFAULT_TTL: Final = 86_400
"""Seconds a session is kept after its last message."""

# Invariant: only the owner's existing session grows, each question and each answer is taken once, also if
# the command is sent again because its reply was lost, and numbers have no gap.
# KEYS[1] the session; ARGV: owner, the field that guards against repetition, answer id, message, ttl (s).
# Returns the answer's id: the one given, or the earlier one of a question already taken; nil where the owner
# has no such session.
_APPEND: Final = """
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then
    return false
end
redis.call('EXPIRE', KEYS[1], ARGV[5])
local earlier = redis.call('HGET', KEYS[1], ARGV[2])
if earlier then
    return earlier
end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
local number = redis.call('HINCRBY', KEYS[1], 'count', 1)
redis.call('HSET', KEYS[1], 'm:' .. number, ARGV[4])
return ARGV[3]
"""


class SessionMessage(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One message of a session, as the page shows it and as the model reads it.

    `offers` are the `chat:offers` payloads of an answer, without the numbers that only order a stream.
    `turns` are what the model sees of this message, tool calls and results included.
    """

    role: Literal["user", "assistant"]
    text: str
    at: str
    message_id: str | None = None
    answer_id: str | None = None
    offers: list[dict[str, Any]] = []
    turns: list[ModelMessage] = []


class SessionRepository:
    """Begins sessions, adds messages to them and reads them back; every verb names the user.

    Raises CacheUnavailable while Redis is away, and SessionError for a session that does not exist or
    belongs to somebody else, which are told alike.
    """

    def __init__(self, store: Store, clock: Clock, *, ttl: int = DEFAULT_TTL) -> None:
        self._store = store
        self._clock = clock
        self._ttl = ttl
        self._keys = KeySpace("chat_session")
        self._decode = msgspec.json.Decoder(SessionMessage).decode

    async def begin(self, user_id: str) -> str:
        """A new session's id."""
        session_id = secrets.token_urlsafe(16)
        key = self._keys.literal(session_id)
        await self._store.pipeline(
            [
                ("HSET", key, "owner", user_id, "createdAt", self._now(), "count", 0),
                ("EXPIRE", key, self._ttl),
            ]
        )
        return session_id

    async def history(self, session_id: str, user_id: str) -> list[SessionMessage]:
        """The session's messages, oldest first."""
        reply = await self._store.execute("HGETALL", self._keys.literal(session_id))
        fields: dict[bytes, bytes] = dict(reply)
        if fields.get(b"owner") != user_id.encode():
            raise SessionError("There is no such chat of yours.")
        numbered = ((int(name[2:]), value) for name, value in fields.items() if name.startswith(b"m:"))
        return [self._decode(value) for _, value in sorted(numbered)]

    async def answer_to(self, session_id: str, user_id: str, message_id: str) -> str | None:
        """The id of the answer to a question already taken under that message id; None for a new one."""
        answer_id = await self._field(session_id, user_id, f"q:{message_id}")
        return None if answer_id is None else str(answer_id, "utf-8")

    async def is_kept(self, session_id: str, user_id: str, answer_id: str) -> bool:
        """Whether that answer is in the history."""
        return await self._field(session_id, user_id, f"a:{answer_id}") is not None

    async def _field(self, session_id: str, user_id: str, name: str) -> bytes | None:
        owner, value = await self._store.execute("HMGET", self._keys.literal(session_id), "owner", name)
        if owner != user_id.encode():
            raise SessionError("There is no such chat of yours.")
        found: bytes | None = value
        return found

    async def add_question(
        self, session_id: str, user_id: str, *, message_id: str, answer_id: str, text: str
    ) -> str:
        """Add what a user asked; the id of its answer.

        A question sent again under the same `message_id` is not added, and gets the first answer's id.
        """
        message = SessionMessage(role="user", text=text, at=self._now(), message_id=message_id)
        return await self._append(session_id, user_id, f"q:{message_id}", answer_id, message)

    async def add_answer(
        self,
        session_id: str,
        user_id: str,
        *,
        answer_id: str,
        text: str,
        offers: list[dict[str, Any]],
        turns: list[ModelMessage],
    ) -> None:
        """Add what the model answered, whole or as far as it came."""
        message = SessionMessage(
            role="assistant", text=text, at=self._now(), answer_id=answer_id, offers=offers, turns=turns
        )
        await self._append(session_id, user_id, f"a:{answer_id}", answer_id, message)

    async def _append(
        self, session_id: str, user_id: str, guard: str, answer_id: str, message: SessionMessage
    ) -> str:
        document = msgspec.json.encode(message)
        key = self._keys.literal(session_id)
        arguments = (user_id, guard, answer_id, document, self._ttl)
        kept: bytes | None = await self._store.run_script(_APPEND, key, *arguments)
        if kept is None:
            raise SessionError("There is no such chat of yours.")
        return kept.decode()

    def _now(self) -> str:
        return iso_utc(dt.datetime.fromtimestamp(self._clock.time(), dt.UTC))

"""The verbs of sessions."""

import datetime as dt
import logging
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Literal, cast

import msgspec

from cachekit.core.cache import Cache
from cachekit.core.codec import iso_utc
from cachekit.errors import CacheUnavailable
from chatbot.errors import LimitError, SessionError
from chatbot.models.protocol import ModelMessage
from chatbot.sessions import scripts
from chatbot.sessions.archived import Archive, ArchiveUnavailable
from chatbot.sessions.index import SessionIndex
from chatbot.sessions.layout import answer_key, archive_key, partition, session_key
from chatbot.sessions.message import SessionMessage
from chatbot.sessions.record import INFO_FIELDS, answering_of, fields_of, info_of, session_of
from chatbot.sessions.session import Answering, Session, SessionInfo, Taken
from chatbot.sessions.title import title_of

DEFAULT_TTL: Final = 86_400
"""Seconds a session is kept in Redis after its last message."""

DEFAULT_LEASE: Final = 10.0
"""Seconds after which a writer that has not renewed its lease is taken to be gone."""

logger = logging.getLogger(__name__)


class SessionRepository:
    """Begins sessions, adds messages to them, reads, lists, renames and deletes them.

    Every verb that names the user raises SessionError for a session that does not exist, was deleted or
    belongs to somebody else, which are told alike. With an archive, a session that Redis has forgotten is
    read back from it first. All raise CacheUnavailable while Redis is away, and its subclass
    ArchiveUnavailable while the archive is away and is needed; then nothing has been promised, and the call
    can be repeated: it takes nothing twice.

    Args:
        cache: the open cache whose Redis is used.
        ttl: seconds that a session is kept in Redis after its last message; with an archive, after that has
            taken the last message.
        lease: seconds that a writer may be silent before another may take its answer over.
        archive: where sessions are read back from; None: there is no archive, and nothing is handed to one.
    """

    def __init__(
        self,
        cache: Cache,
        *,
        ttl: int = DEFAULT_TTL,
        lease: float = DEFAULT_LEASE,
        archive: Archive | None = None,
    ) -> None:
        self._cache = cache
        self._ttl = ttl
        self._lease = round(lease * 1000)
        self._archive = archive
        self._index = SessionIndex(cache, ttl=ttl)

    async def begin(self, user_id: str) -> str:
        """A new session's id."""
        session_id = secrets.token_urlsafe(16)
        key, now = session_key(session_id), self._now()
        facts = ("owner", user_id, "createdAt", now, "updatedAt", now, "count", 0)
        await self._cache.store.pipeline([("HSET", key, *facts), ("EXPIRE", key, self._ttl)])
        await self._index.note(user_id, session_id)
        return session_id

    async def open(self, session_id: str, user_id: str) -> Session:
        """The whole session."""
        _, alive, fields = await self._run(scripts.OPEN, session_id, user_id)
        return session_of(session_id, fields, alive=bool(alive))

    async def history(self, session_id: str, user_id: str) -> list[SessionMessage]:
        """The session's messages, oldest first."""
        return (await self.open(session_id, user_id)).messages

    async def add_question(
        self, session_id: str, user_id: str, *, message_id: str, answer_id: str, text: str, writer: str
    ) -> Taken:
        """Add what a user asked, and make `writer` the writer of its answer; see `Taken`.

        A question sent again under the same `message_id` is not added, and has the answer id of the first
        time. If the question before it was never answered and nobody is at it any more, the new answer is
        the answer to both.

        Raises:
            LimitError: `busy`: the answer to another question is being written.
        """
        question = SessionMessage(
            role="user", text=text, at=self._now(), message_id=message_id, answer_id=answer_id
        )
        document, title = msgspec.json.encode(question), title_of(text)
        state, *rest = await self._run(
            scripts.ASK, session_id, user_id, message_id, answer_id, document, title, writer, self._lease
        )
        if state == b"busy":
            raise LimitError("An answer is still being written in this chat.", code="busy")
        taken = Taken(rest[0].decode(), cast('Literal["new"]', state.decode()))
        if taken.state == "new":
            await self._index.note(user_id, session_id)
        return taken

    async def add_answer(
        self,
        session_id: str,
        user_id: str,
        *,
        answer_id: str,
        text: str,
        offers: Sequence[dict[str, Any]],
        turns: Sequence[ModelMessage],
        writer: str,
        stop_reason: str = "end_turn",
        tools: Sequence[dict[str, Any]] = (),
        usage: Mapping[str, int] | None = None,
    ) -> bool:
        """Add what the model answered, whole or as far as it came; the writer's lease ends.

        Outcomes:
            True: this writer's answer is kept, by this call or by an earlier one.
            False: another writer is at it or was quicker, or the question has given way to a later one.
        """
        answer = SessionMessage(
            role="assistant",
            text=text,
            at=self._now(),
            answer_id=answer_id,
            offers=list(offers),
            tools=list(tools),
            turns=list(turns),
            stop_reason=stop_reason,
            usage=dict(usage or {}),
        )
        document = msgspec.json.encode(answer)
        state, *_ = await self._run(scripts.ANSWER, session_id, user_id, answer_id, document, writer)
        return bool(state == b"kept")

    async def answering(self, session_id: str, user_id: str) -> Answering | None:
        """The answer that the last question still waits for; None if it has one."""
        state, *rest = await self._run(scripts.WHO_ANSWERS, session_id, user_id)
        if state == b"none":
            return None
        answer_id, question, holder, alive = rest
        return answering_of(answer_id, question, holder, alive=bool(alive))

    async def take_over(self, session_id: str, user_id: str, *, writer: str) -> Answering | None:
        """Make `writer` the writer of the answer that waits; None if none does, or a living one is at it."""
        state, *rest = await self._run(scripts.TAKE_OVER, session_id, user_id, writer, self._lease)
        if state == b"none":
            return None
        answer_id, question = rest
        return answering_of(answer_id, question, writer.encode(), alive=True)

    async def renew(self, session_id: str, answer_id: str, writer: str) -> bool:
        """Extend the writer's lease; False if the answer is not, or no longer, its to write."""
        arguments = (answer_id, writer, self._lease)
        return bool(await self._cache.store.run_script(scripts.RENEW, session_key(session_id), *arguments))

    async def release(self, session_id: str, answer_id: str, writer: str) -> None:
        """Hand the answer over: its question waits, free for whoever takes it over."""
        await self._cache.store.run_script(scripts.RELEASE, session_key(session_id), answer_id, writer)

    async def rename(self, session_id: str, user_id: str, title: str) -> None:
        """Give the session another title."""
        await self._run(scripts.RENAME, session_id, user_id, title)

    async def delete(self, session_id: str, user_id: str) -> list[str]:
        """Delete the session for good: here at once, in the archive as soon as that can be.

        The ids of its answers, whose event streams are gone, too.
        """
        _, *answers = await self._run(scripts.DELETE, session_id, user_id)
        ids = list(dict.fromkeys(each.decode() for each in answers))
        # It is deleted, whatever becomes of these: without its session nobody can get at a stream.
        with suppress(CacheUnavailable):
            await self._cache.store.unlink(*(answer_key(session_id, each) for each in ids))
        await self._index.drop(user_id, [session_id])
        return ids

    async def list(self, user_id: str, limit: int = 100) -> list[SessionInfo]:
        """The user's sessions, last used first. While the archive is away, those in Redis."""
        hot = await self._index.read(user_id)
        found = {info.id: info for info in await self._archived(user_id)}
        ids = list(dict.fromkeys([*hot, *found]))
        replies = await self._cache.store.pipeline(
            [("HMGET", session_key(each), *INFO_FIELDS) for each in ids]
        )
        gone = set()
        for session_id, values in zip(ids, replies, strict=True):
            owner, deleted, *_ = values
            if owner == user_id.encode():
                found[session_id] = info_of(session_id, values)
                continue
            if owner is not None or deleted is not None:
                # A tombstone, which the archive may not have heard of yet; or not this user's.
                found.pop(session_id, None)
            gone.add(session_id)
        await self._index.drop(user_id, gone.intersection(hot))
        latest = sorted(found.values(), key=lambda info: (info.updated_at, info.id), reverse=True)
        return latest[:limit]

    async def _archived(self, user_id: str) -> Sequence[SessionInfo]:
        if self._archive is None:
            return []
        try:
            return await self._archive.list(user_id)
        except ArchiveUnavailable as error:
            logger.warning("Listing sessions without the archive: %s", error)
            return []

    async def _run(self, script: str, session_id: str, user_id: str, *arguments: str | bytes | float) -> Any:
        """Run a script with its frame; what it replied, as a list. Raises SessionError."""
        keys = (session_key(session_id), archive_key(partition(session_id)))
        archived = "0" if self._archive is None else "1"
        frame = (user_id, session_id, self._now(), self._ttl, archived)
        reply = await self._cache.store.run_script(script, keys, *frame, *arguments)
        if reply[0] == b"absent" and await self._restore(session_id, user_id):
            reply = await self._cache.store.run_script(script, keys, *frame, *arguments)
        if reply[0] in (b"absent", b"foreign"):
            raise SessionError("There is no such chat of yours.")
        return reply

    async def _restore(self, session_id: str, user_id: str) -> bool:
        """Read the session back from the archive; whether there was one."""
        found = None if self._archive is None else await self._archive.load(session_id, user_id)
        if found is None:
            return False
        fields = fields_of(user_id, found)
        await self._cache.store.run_script(scripts.RESTORE, session_key(session_id), self._ttl, *fields)
        await self._index.note(user_id, session_id)
        return True

    def _now(self) -> str:
        return iso_utc(dt.datetime.fromtimestamp(self._cache.clock.time(), dt.UTC))

"""Which answers an instance comes to write: those of new questions, and those whose writer is gone."""

import asyncio
import datetime as dt
import logging
import secrets
from collections.abc import Callable, Iterable
from weakref import WeakValueDictionary

from cachekit.core.codec import iso_utc
from chatbot.answers.feed import Feed
from chatbot.answers.feeds import Feeds
from chatbot.answers.writing import Desk
from chatbot.answers.writings import Writings
from chatbot.errors import LimitError
from chatbot.logs import bound
from chatbot.sessions import Answering, Taken

logger = logging.getLogger(__name__)


class Intake:
    """Takes questions and takes answers over, until it is closed.

    `audience` are the sockets that follow a new answer from its beginning; `begun` hears of every answer that
    is being written here from now on.
    """

    def __init__(
        self,
        desk: Desk,
        feeds: Feeds,
        writings: Writings,
        *,
        audience: Callable[[str], Iterable[str]],
        begun: Callable[[Feed], None],
    ) -> None:
        self._desk = desk
        self._feeds = feeds
        self._writings = writings
        self._audience = audience
        self._begun = begun
        # One at a time in a session takes a question or takes over: else two could find that this instance
        # is the writer of an answer and that nobody is at it, while a third is about to be.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._is_closed = False

    def close(self) -> None:
        """Take nothing any more."""
        self._is_closed = True

    def require_open(self) -> None:
        """Raises LimitError (`draining`) once it is closed."""
        if self._is_closed:
            raise LimitError("This server is closing; ask again in a moment.", code="draining")

    def is_attended(self, answering: Answering) -> bool:
        """Whether somebody writes it: this instance, or a living other one."""
        is_others = answering.alive and answering.writer != self._desk.instance
        return is_others or answering.answer_id in self._writings

    async def ask(self, session_id: str, user_id: str, *, message_id: str, text: str) -> Taken:
        """Keep a question, and write its answer if nobody is at it; what has become of it."""
        self.require_open()
        async with self._lock(session_id):
            taken = await self._desk.sessions.add_question(
                session_id,
                user_id,
                message_id=message_id,
                answer_id=secrets.token_urlsafe(12),
                text=text,
                writer=self._desk.instance,
            )
            if taken.state == "new":
                await self._begin(session_id, user_id, self._question(taken.answer_id, message_id, text))
            elif taken.state != "answered":
                await self._begin_own(session_id, user_id)
                self._let_hear(session_id, taken.answer_id)
        return taken

    async def take_over(self, session_id: str, user_id: str, *, is_stopped: bool = False) -> None:
        """Write the answer that nobody is at, or with `is_stopped` end it; nothing if another was quicker."""
        async with self._lock(session_id):
            if self._is_closed:
                return
            writer = self._desk.instance
            taken = await self._desk.sessions.take_over(session_id, user_id, writer=writer)
            if taken is None:
                await self._begin_own(session_id, user_id, is_stopped=is_stopped)
            else:
                await self._begin_anew(session_id, user_id, taken, is_stopped=is_stopped)

    def _lock(self, session_id: str) -> asyncio.Lock:
        return self._locks.setdefault(session_id, asyncio.Lock())

    def _question(self, answer_id: str, message_id: str, text: str) -> Answering:
        now = iso_utc(dt.datetime.fromtimestamp(self._desk.clock.time(), dt.UTC))
        writer = self._desk.instance
        return Answering(
            answer_id=answer_id, message_id=message_id, text=text, at=now, writer=writer, alive=True
        )

    async def _begin(self, session_id: str, user_id: str, question: Answering) -> None:
        if self._is_closed:
            await self._release(session_id, question)
            self.require_open()
        feed = self._feeds.open(question.answer_id, session_id, user_id)
        for sid in self._audience(session_id):
            self._feeds.attach(feed, sid, after=0)
        self._writings.begin(feed, question, is_taken_over=False)
        self._begun(feed)

    def _let_hear(self, session_id: str, answer_id: str) -> None:
        """Who asks again waits for the answer, and need not know that it had been begun before."""
        feed = self._feeds.get(answer_id)
        for sid in () if feed is None else self._audience(session_id):
            if feed is not None and sid not in feed.sids:
                self._feeds.attach(feed, sid, after=0)

    async def _begin_own(self, session_id: str, user_id: str, *, is_stopped: bool = False) -> None:
        """Write the answer whose writer this instance is, though it is not at it.

        That is so after a question was taken over, and where the reply that told so was lost.
        """
        question = await self._desk.sessions.answering(session_id, user_id)
        if question is not None and question.writer == self._desk.instance:
            await self._begin_anew(session_id, user_id, question, is_stopped=is_stopped)

    async def _begin_anew(
        self, session_id: str, user_id: str, question: Answering, *, is_stopped: bool
    ) -> None:
        answer_id = question.answer_id
        if answer_id in self._writings:
            return  # Its lease had lapsed while Redis was away.
        known = self._feeds.get(answer_id)
        # Nobody else can write to the log any more: this is all of it.
        after = 0 if known is None else known.newest
        events = await self._desk.log.read(session_id, answer_id, after=after)
        if self._is_closed:
            await self._release(session_id, question)
            return
        with bound(session_id=session_id, answer_id=answer_id):
            logger.info("an answer is begun anew here: its writer is gone")
        feed = self._feeds.open(answer_id, session_id, user_id)
        feed.take(events)
        feed.stop_wanted |= is_stopped
        self._writings.begin(feed, question, is_taken_over=True)
        self._begun(feed)

    async def _release(self, session_id: str, question: Answering) -> None:
        await self._desk.sessions.release(session_id, question.answer_id, self._desk.instance)

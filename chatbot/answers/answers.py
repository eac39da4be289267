"""The verbs of answers: ask, come back, resume, stop, leave; and how an instance ends."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

from cachekit.core.cache import Cache
from cachekit.errors import CacheClosed, CacheUnavailable
from chatbot.answers.feed import Feed, PushMany
from chatbot.answers.feeds import Feeds
from chatbot.answers.follower import CHECK_EVERY, Follower
from chatbot.answers.intake import Intake
from chatbot.answers.log import DEFAULT_RETENTION, AnswerLog
from chatbot.answers.observer import Observer
from chatbot.answers.pauses import LEAST_PAUSE, rest
from chatbot.answers.writing import Desk
from chatbot.answers.writings import Writings
from chatbot.assistant import Assistant
from chatbot.bus import AnswerBegan, Bus, StopAnswer
from chatbot.sessions import DEFAULT_LEASE, SessionRepository
from chatbot.usage import Usage

logger = logging.getLogger(__name__)

DEFAULT_PATIENCE: Final = 30.0
"""Seconds an answer waits for a Redis that is away: to be begun, told of and kept."""

CLOSING: Final = 5.0
"""Seconds in which answers that were stopped, or released, must have ended at shutdown."""


class Answers:
    """The answers of an instance: those it writes, and those of others that its sockets follow.

    Every verb that names the user raises SessionError for a session that is not this user's, and
    CacheUnavailable while Redis is away and is needed. Belongs to one event loop; close it with `aclose`.

    Args:
        assistant: writes the answers.
        sessions: keep questions and answers, and who writes which.
        cache: the open cache whose Redis holds the logs.
        bus: tells the other instances which answers begin, and which shall stop.
        instance: this instance's id, as the bus has it.
        push_many: queues an event for sockets held here; see `PushMany`.
        audience: the sockets held here that have started a session.
        usage: whose share of the model is used up, and what each answer has used; None: nobody counts.
        observer: hears what happens to the answers written here.
        lease: seconds that this instance may be silent before others take its answers over; as in `sessions`.
        patience: seconds that an answer waits for a Redis that is away: to be begun, told of and kept.
        retention: seconds that an answer can be resumed after its end.
        check_every: seconds between two looks whether the writer of a silent answer is alive.
    """

    def __init__(
        self,
        assistant: Assistant,
        sessions: SessionRepository,
        cache: Cache,
        bus: Bus,
        *,
        instance: str,
        push_many: PushMany,
        audience: Callable[[str], Iterable[str]],
        usage: Usage | None = None,
        observer: Observer | None = None,
        lease: float = DEFAULT_LEASE,
        patience: float = DEFAULT_PATIENCE,
        retention: int = DEFAULT_RETENTION,
        check_every: float = CHECK_EVERY,
    ) -> None:
        self._sessions = sessions
        self._bus = bus
        self._instance = instance
        self._audience = audience
        self._usage = usage
        self._patience = patience
        self._log = AnswerLog(cache, writer=instance, lease=lease, retention=retention)
        desk = Desk(
            assistant=assistant,
            sessions=sessions,
            log=self._log,
            usage=usage,
            observer=observer or Observer(),
            clock=cache.clock,
            instance=instance,
            lease=lease,
            patience=patience,
        )
        self._feeds = Feeds(push_many)
        self._follower = Follower(
            self._log, sessions, take_over=self._adopt, ended=self._feeds.close, check_every=check_every
        )
        self._writings = Writings(desk, replaced=self._follow, ended=self._feeds.close)
        self._intake = Intake(desk, self._feeds, self._writings, audience=audience, begun=self._follower.drop)
        self._telling: set[asyncio.Task[None]] = set()
        bus.on(AnswerBegan, self._heard_begin)
        bus.on(StopAnswer, self._heard_stop)

    @property
    def writing(self) -> int:
        """How many answers this instance writes."""
        return len(self._writings)

    async def ask(self, session_id: str, user_id: str, *, message_id: str, text: str) -> str:
        """Keep a question and have it answered, here unless that is done already; the answer's id.

        A question sent again under the same `message_id` gets the answer of the first time, which is begun
        anew if its writer is gone.

        Raises:
            LimitError: `busy`: another answer is being written in this session; `draining`: this instance is
                about to end; `quota`: the user's share of the model is used up.
        """
        self._intake.require_open()
        if self._usage is not None:
            await self._usage.require_left(user_id)
        taken = await self._intake.ask(session_id, user_id, message_id=message_id, text=text)
        if taken.state == "new":
            self._tell(AnswerBegan(session_id=session_id, answer_id=taken.answer_id, user_id=user_id))
        return taken.answer_id

    async def come_back(self, session_id: str, user_id: str) -> str | None:
        """The id of the answer being written in a session, by whomever; None if there is none.

        If its writer is gone, it is begun anew here.
        """
        answering = await self._sessions.answering(session_id, user_id)
        if answering is None:
            return None
        if not self._intake.is_attended(answering):
            await self._intake.take_over(session_id, user_id)
        return answering.answer_id

    async def resume(self, session_id: str, user_id: str, answer_id: str, *, after: int, sid: str) -> bool:
        """Push to a socket all events of an answer behind number `after`, and then what comes.

        False: there is no such answer in this session, or it ended so long ago that only the history has it.
        """
        feed = self._feeds.get(answer_id)
        if feed is None:
            feed = await self._find(session_id, user_id, answer_id)
        if feed is None or (feed.session_id, feed.user_id) != (session_id, user_id):
            return False
        if sid not in self._audience(session_id):
            self._drop_unfollowed([feed])
            return False  # It has gone meanwhile, or is in another session.
        self._feeds.attach(feed, sid, after=after)
        if feed.is_done:
            self._feeds.close(feed)
        return True

    async def stop(self, session_id: str, user_id: str, answer_id: str) -> bool:
        """Stop an answer, wherever it is written; what was written stays. Whether there was one to stop."""
        feed = self._feeds.get(answer_id)
        if answer_id in self._writings and feed is not None:
            is_own = (feed.session_id, feed.user_id) == (session_id, user_id)
            return is_own and self._writings.stop(answer_id)
        answering = await self._sessions.answering(session_id, user_id)
        if answering is None or answering.answer_id != answer_id:
            return False
        if self._intake.is_attended(answering):
            await self._bus.publish(StopAnswer(session_id=session_id, answer_id=answer_id))
        else:
            await self._intake.take_over(session_id, user_id, is_stopped=True)
        return True

    def leave(self, sid: str) -> None:
        """A socket has gone, or starts a session: it follows nothing any more. Answers go on without it."""
        self._drop_unfollowed(self._feeds.leave(sid))

    async def forget(self, session_id: str, answer_ids: Iterable[str]) -> None:
        """A session was deleted: nothing more is written, kept or sent of its answers."""
        known = [self._feeds.get(answer_id) for answer_id in answer_ids]
        for feed in [*filter(None, known), *self._feeds.of_session(session_id)]:
            self._follower.drop(feed)
            self._feeds.close(feed)
            self._writings.stop(feed.answer_id, "forgotten")

    async def drain(self, deadline: float) -> None:
        """Take no more questions, and wait up to `deadline` seconds for the answers being written.

        Those that have not ended by then are released: nothing of them is kept, and another instance at
        which somebody waits for them begins them anew.
        """
        self._intake.close()
        await self._writings.wait(deadline)
        await self._writings.end("released", within=CLOSING)

    async def aclose(self) -> None:
        """Stop all answers, keep what was written, and follow nothing any more; within some 5 seconds."""
        self._intake.close()
        await self._writings.end("stopped", within=CLOSING)
        await self._writings.cancel()
        telling = list(self._telling)
        for task in telling:
            task.cancel()
        await asyncio.gather(*telling, return_exceptions=True)
        await self._follower.aclose()

    async def _adopt(self, feed: Feed) -> None:
        await self._intake.take_over(feed.session_id, feed.user_id)

    async def _find(self, session_id: str, user_id: str, answer_id: str) -> Feed | None:
        """An answer that is not known here, as far as its log goes; followed from now on, unless over."""
        answering, events = await asyncio.gather(
            self._sessions.answering(session_id, user_id), self._log.read(session_id, answer_id)
        )
        feed = self._feeds.get(answer_id)
        if feed is not None:
            return feed  # Another socket was quicker.
        if not events and (answering is None or answering.answer_id != answer_id):
            return None
        feed = self._feeds.open(answer_id, session_id, user_id)
        feed.take(events)
        if not feed.is_done:
            self._follower.follow(feed)
        return feed

    def _follow(self, feed: Feed) -> None:
        """Another instance writes this answer now."""
        self._follower.follow(feed)
        self._drop_unfollowed([feed])

    def _drop_unfollowed(self, feeds: Iterable[Feed]) -> None:
        for feed in feeds:
            if not feed.sids and feed.answer_id not in self._writings:
                self._follower.drop(feed)
                self._feeds.close(feed)

    def _heard_begin(self, message: AnswerBegan, sender: str) -> None:
        sids = list(self._audience(message.session_id))
        if sender == self._instance or not sids:
            return
        if self._feeds.get(message.answer_id) is None:
            self._follower.follow(self._feeds.open(message.answer_id, message.session_id, message.user_id))
        feed = self._feeds.open(message.answer_id, message.session_id, message.user_id)
        for sid in sids:
            self._feeds.attach(feed, sid, after=0)

    def _heard_stop(self, message: StopAnswer, _sender: str) -> None:
        feed = self._feeds.get(message.answer_id)
        if feed is not None and not self._writings.stop(message.answer_id):
            feed.stop_wanted = True

    def _tell(self, message: AnswerBegan) -> None:
        task = asyncio.create_task(self._publish(message), name=f"tell of {message.answer_id}")
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _publish(self, message: AnswerBegan) -> None:
        """Tell the others, now or once Redis is back: what has been said by then they read in the log."""
        pause, end = LEAST_PAUSE, asyncio.get_running_loop().time() + self._patience
        while True:
            try:
                await self._bus.publish(message)
            except CacheUnavailable as error:
                if asyncio.get_running_loop().time() >= end:
                    # Sockets at other instances learn of it when they start the session the next time.
                    logger.warning("answer %s: others do not know of it: %s", message.answer_id, error)
                    return
            except CacheClosed:
                return
            else:
                return
            pause = await rest(pause)

"""Answers that other instances write, read from their logs for the sockets here."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass
from typing import Final

from cachekit.errors import CacheClosed, CacheKitError
from chatbot.answers.closing import Closing
from chatbot.answers.feed import Feed
from chatbot.answers.log import AnswerLog
from chatbot.errors import SessionError
from chatbot.sessions import SessionRepository

logger = logging.getLogger(__name__)

LEAST_PAUSE: Final = 0.06
"""Seconds between two reads while something comes."""

MOST_PAUSE: Final = 0.25
"""Seconds between two reads while all are silent."""

CHECK_EVERY: Final = 1.0
"""Seconds an answer is silent before one looks whether its writer is alive, and between two looks."""

DOUBTS: Final = 2
"""Looks in a row that must find a writer gone, or an answer over without its end.

After an outage of Redis the writer, whose lease has lapsed as well, comes first in this way. Between the
keeping of an answer and the logging of its end there is a moment, too.
"""


@dataclass(slots=True)
class _Followed:
    feed: Feed
    checked_at: float
    doubts: int = 0


class Follower:
    """Reads the logs of all followed answers in turn, and sees to those whose writer is gone.

    `take_over` is asked to have an answer written here, and drops it if that succeeds. `ended` hears of each
    answer that is over; it is followed no longer.
    """

    def __init__(
        self,
        log: AnswerLog,
        sessions: SessionRepository,
        *,
        take_over: Callable[[Feed], Awaitable[object]],
        ended: Callable[[Feed], None],
        check_every: float = CHECK_EVERY,
    ) -> None:
        self._log = log
        self._sessions = sessions
        self._closing = Closing(log, sessions)
        self._take_over = take_over
        self._ended = ended
        self._check_every = check_every
        self._followed: dict[str, _Followed] = {}
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._followed)

    def follow(self, feed: Feed) -> None:
        """Show from now on what comes into the feed's log."""
        self._followed[feed.answer_id] = _Followed(feed, self._now())
        self._wanted.set()
        if self._task is None:
            # In a context of its own: that of the request that was first must not live on.
            self._task = asyncio.create_task(self._run(), name="answers follower", context=Context())

    def drop(self, feed: Feed) -> None:
        """Follow it no longer."""
        self._followed.pop(feed.answer_id, None)

    async def aclose(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        pause = LEAST_PAUSE
        while True:
            if not self._followed:
                self._wanted.clear()
                await self._wanted.wait()
                pause = LEAST_PAUSE
            try:
                came = await self._read()
                await self._check()
            except CacheClosed:
                return
            except Exception as error:  # noqa: BLE001 - one answer's defect must not end the others
                came = False
                self._note(error)
            pause = LEAST_PAUSE if came else min(pause * 1.5, MOST_PAUSE)
            await asyncio.sleep(pause)

    def _note(self, error: Exception) -> None:
        if isinstance(error, CacheKitError):
            logger.debug("answers of other instances cannot be read: %s", error)
        else:
            logger.error("answers of other instances cannot be read", exc_info=error)
        for each in self._followed.values():
            each.checked_at, each.doubts = self._now(), 0

    async def _read(self) -> bool:
        """Show what has come; whether anything has."""
        followed = list(self._followed.values())
        found = await self._log.read_on([each.feed for each in followed])
        for each, events in zip(followed, found, strict=True):
            if not events or self._followed.get(each.feed.answer_id) is not each:
                continue
            each.checked_at, each.doubts = self._now(), 0
            each.feed.take(events)
            if each.feed.is_done:
                self._end(each.feed)
        return any(found)

    async def _check(self) -> None:
        now = self._now()
        silent = [each for each in self._followed.values() if now - each.checked_at >= self._check_every]
        for outcome in await asyncio.gather(*(self._look(each) for each in silent), return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _look(self, followed: _Followed) -> None:
        """See whether anybody writes an answer that is silent."""
        feed = followed.feed
        followed.checked_at = self._now()
        try:
            await self._see_to(followed)
        except SessionError:
            self._end(feed)

    async def _see_to(self, followed: _Followed) -> None:
        feed = followed.feed
        answering = await self._sessions.answering(feed.session_id, feed.user_id)
        is_waiting = answering is not None and answering.answer_id == feed.answer_id
        if answering is not None and is_waiting and answering.alive:
            followed.doubts = 0
            return
        followed.doubts += 1
        is_released = answering is not None and is_waiting and answering.writer is None
        if followed.doubts < DOUBTS and not is_released:
            return
        if is_waiting:
            await self._take_over(feed)
        elif await self._closing.close(feed):
            self._end(feed)

    def _end(self, feed: Feed) -> None:
        self.drop(feed)
        self._ended(feed)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

"""What a writer does with its events: into the log first, then to the sockets; and the lease meanwhile."""

import asyncio
import logging
import random
from typing import Final, Literal

from cachekit.errors import CacheKitError
from chatbot.answers.event import Event
from chatbot.answers.feed import Feed
from chatbot.answers.log import BATCH, AnswerLog

logger = logging.getLogger(__name__)

RENEWALS: Final = 3
"""Times the lease is renewed within its life: two may get lost."""

TRIES: Final = 2
"""Appends that fail before events are shown without being logged.

Not the first: a process that was stopped for a while wakes up to a command that seems to have timed out,
and may have lost its answer to another writer meanwhile. The second attempt tells.
"""

_LEAST_PAUSE: Final = 0.05
_MOST_PAUSE: Final = 1.0


class Scribe:
    """Writes one feed's events to the log, and shows them once they are there.

    So no socket ever holds an event that a writer who takes over does not know of, and a writer that was
    replaced shows nothing. While Redis is away, when nobody can take over, events are shown as they come
    and the log catches up from the first one it lacks.
    """

    def __init__(self, feed: Feed, log: AnswerLog, *, lease: float) -> None:
        """`lease` is for how many seconds an append keeps others from taking over."""
        self._feed = feed
        self._log = log
        self._silence = lease / RENEWALS
        self._renewal_due = 0.0
        self._logged = feed.newest
        self.is_replaced = False
        """Whether another writer is at this answer."""
        self._is_alone = False
        self._is_gone = False
        self._news = asyncio.Event()
        self._progress = asyncio.Event()

    @property
    def logged(self) -> int:
        """The number of the last event that the log is known to have."""
        return self._logged

    def is_behind(self) -> bool:
        """Whether events wait to be shown."""
        return self._feed.last_shown < self._feed.newest

    def put(self, event: Event) -> None:
        """Take the next event."""
        self._feed.put(event)
        if self._is_alone:
            self._feed.show()
        self._news.set()

    async def run(self) -> None:
        """Write what is put, until it turns out that another writer is at this answer."""
        failures = 0
        while True:
            if not failures and self._logged >= self._feed.newest:
                await self._wait_for_news()
            outcome = await self._write()
            if outcome == "replaced":
                self.is_replaced = True
                self._progress.set()
                return
            failures = 0 if outcome == "logged" else failures + 1
            if failures:
                await self._fail(failures, outcome)

    async def flush(self) -> None:
        """Wait until the log has everything, or cannot: another writer is at it, or there is no such session.

        Waits for ever while Redis is away; `run` must have been started.
        """
        while self._logged < self._feed.newest and not (self.is_replaced or self._is_gone):
            self._progress.clear()
            await self._progress.wait()

    async def end(self, event: Event) -> None:
        """Write the last event of an answer that the session has kept, and what the log lacks before it.

        `run` must have ended. Waits for ever while Redis is away.
        """
        self.put(event)
        failures = 0
        while self._logged < self._feed.newest:
            outcome = await self._write(is_kept=True)
            if outcome in {"gone", "replaced"}:
                # The session was deleted this very moment: nobody will ask for the end.
                break
            failures = 0 if outcome == "logged" else failures + 1
            if failures:
                await self._fail(failures, outcome)
        self._feed.show()

    async def _wait_for_news(self) -> None:
        self._news.clear()
        try:
            async with asyncio.timeout_at(self._renewal_due):
                await self._news.wait()
        except TimeoutError:
            return  # Nothing to write, and the lease to renew.

    async def _write(self, *, is_kept: bool = False) -> Literal["logged", "replaced", "gone", "away"]:
        events = self._feed.after(self._logged)[:BATCH]
        now = asyncio.get_running_loop().time()
        renew = now >= self._renewal_due or is_kept
        try:
            outcome = await self._log.append(
                self._feed, events, before=self._logged, renew=renew, is_kept=is_kept
            )
        except CacheKitError as error:
            logger.debug("answer %s: events wait for the log: %s", self._feed.answer_id, error)
            return "away"
        if isinstance(outcome, str):
            return outcome
        if renew:
            self._renewal_due = now + self._silence
        self._logged, self._is_alone, self._is_gone = outcome, False, False
        self._feed.show(max(outcome, self._feed.last_shown))
        self._progress.set()
        return "logged"

    async def _fail(self, failures: int, outcome: str) -> None:
        self._is_gone = outcome == "gone"
        if self._is_gone or failures >= TRIES:
            self._is_alone = True
            self._feed.show()
            self._progress.set()
        if failures > 1:
            pause = min(_LEAST_PAUSE * 2 ** min(failures, 10), _MOST_PAUSE)
            await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - spreads what is tried again

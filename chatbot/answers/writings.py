"""The answers that an instance writes, and their end with it."""

import asyncio
from collections.abc import Callable

from chatbot.answers.feed import Feed
from chatbot.answers.writing import Desk, Order, Writing
from chatbot.logs import bound
from chatbot.sessions import Answering


class Writings:
    """The answers being written here, each in a task of its own.

    `replaced` hears of each that another instance has taken over, `ended` of each that ended otherwise.
    """

    def __init__(
        self, desk: Desk, *, replaced: Callable[[Feed], None], ended: Callable[[Feed], None]
    ) -> None:
        self._desk = desk
        self._replaced = replaced
        self._ended = ended
        self._writings: dict[str, Writing] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._writings)

    def __contains__(self, answer_id: str) -> bool:
        return answer_id in self._writings

    def begin(self, feed: Feed, question: Answering, *, is_taken_over: bool) -> None:
        """Begin to write an answer, for the first time or anew."""
        writing = Writing(self._desk, feed, question, is_taken_over=is_taken_over)
        self._writings[feed.answer_id] = writing
        task = asyncio.create_task(self._write(writing), name=f"answer {feed.answer_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self, answer_id: str, order: Order = "stopped") -> bool:
        """Stop an answer, as `Writing.stop` does; whether it was being written here."""
        writing = self._writings.get(answer_id)
        return writing is not None and writing.stop(order)

    async def wait(self, seconds: float) -> None:
        """Wait until all have ended, for so many seconds at most."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    async def end(self, order: Order, *, within: float) -> None:
        """Stop all, and wait until they have ended, for `within` seconds at most."""
        for writing in list(self._writings.values()):
            writing.stop(order)
        await self.wait(within)

    async def cancel(self) -> None:
        """Break off what has still not ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(self, writing: Writing) -> None:
        feed, outcome = writing.feed, ""
        try:
            with bound(session_id=feed.session_id, answer_id=feed.answer_id):
                outcome = await writing.run()
        finally:
            self._writings.pop(feed.answer_id, None)
            (self._replaced if outcome == "replaced" else self._ended)(feed)

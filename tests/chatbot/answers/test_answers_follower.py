"""Answers that other instances write: read from their logs, and seen to when their writer is gone."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from chatbot.answers.event import Event
from chatbot.answers.feed import Feed
from chatbot.answers.follower import Follower
from chatbot.answers.log import AnswerLog
from chatbot.sessions import SessionRepository, session_key


class Watched(SessionRepository):
    """Counts how often somebody looks who writes; `trouble` is raised once instead."""

    looks = 0
    trouble = None

    async def answering(self, session_id, user_id):
        if self.trouble is not None:
            trouble, self.trouble = self.trouble, None
            raise trouble
        self.looks += 1
        return await super().answering(session_id, user_id)


@pytest.fixture
def sessions(cache):
    return Watched(cache, lease=30)


@pytest.fixture
def log(cache):
    return AnswerLog(cache, writer="one", lease=30)


@pytest.fixture
async def feed(sessions):
    session_id = await sessions.begin("ana")
    await sessions.add_question(session_id, "ana", message_id="m", answer_id="a", text="hi", writer="one")
    return Feed("a", session_id, "ana", lambda *_: 0)


@asynccontextmanager
async def following(log, sessions, feed):
    """A follower of that feed; what it has asked for, and how many looks it had taken by then."""
    asked = asyncio.Queue()

    async def take_over(each):
        asked.put_nowait(("take over", sessions.looks))
        follower.drop(each)

    def ended(_):
        asked.put_nowait(("ended", sessions.looks))

    follower = Follower(log, sessions, take_over=take_over, ended=ended, check_every=0.01)
    follower.follow(feed)
    try:
        yield asked
    finally:
        await follower.aclose()


async def lapse(cache, feed):
    await cache.store.execute("HSET", session_key(feed.session_id), "lease", 1)


async def test_a_writer_is_given_a_second_chance(cache, log, sessions, feed):
    """After an outage his lease has lapsed as well, and he is to come first: one look is not enough."""
    await lapse(cache, feed)
    async with following(log, sessions, feed) as asked:
        assert await asked.get() == ("take over", 2)


async def test_an_answer_handed_over_is_taken_at_the_first_look(log, sessions, feed):
    """Its writer said so himself: there is nothing to doubt."""
    await sessions.release(feed.session_id, "a", "one")
    async with following(log, sessions, feed) as asked:
        assert await asked.get() == ("take over", 1)


async def test_a_writer_who_is_back_is_trusted_again(cache, log, sessions, feed):
    """What comes into the log ends all doubts about him."""
    async with following(log, sessions, feed) as asked:
        while sessions.looks < 3:
            await asyncio.sleep(0.002)
        await lapse(cache, feed)
        assert await log.append(feed, [Event(1, "chat:question", {"seq": 1})], before=0) == 1
        looks = sessions.looks
        while sessions.looks < looks + 3:
            await asyncio.sleep(0.002)
        assert asked.empty()


async def test_a_defect_ends_no_other_answer(cache, log, sessions, feed, caplog):
    """It is told in the log, and the follower goes on."""
    sessions.trouble = ZeroDivisionError("a defect")
    await lapse(cache, feed)
    async with following(log, sessions, feed) as asked:
        assert await asked.get() == ("take over", 2)
    assert "a defect" in caplog.text


async def test_an_answer_of_a_deleted_session_is_over(log, sessions, feed):
    """There is no end to wait for, and none is shown."""
    await sessions.delete(feed.session_id, "ana")
    async with following(log, sessions, feed) as asked:
        assert (await asked.get())[0] == "ended"
    assert feed.newest == 0


async def test_an_answer_that_is_over_and_unknown_ends_without_a_word(log, sessions, feed):
    """News of it came so late that its log has expired: nobody is sent an end without a beginning."""
    kept = {"answer_id": "a", "text": "", "offers": [], "turns": [], "writer": "one"}
    await sessions.add_answer(feed.session_id, "ana", **kept)
    async with following(log, sessions, feed) as asked:
        assert await asked.get() == ("ended", 2)
    assert feed.newest == 0

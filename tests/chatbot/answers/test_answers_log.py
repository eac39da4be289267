"""The log of an answer: one writer, nothing twice, nothing behind a hole, nothing of a deleted session."""

import pytest

from chatbot.answers.event import Event
from chatbot.answers.feed import Feed
from chatbot.answers.log import BATCH, AnswerLog
from chatbot.sessions import SessionRepository, answer_key, session_key


def events(*seqs):
    return [Event(seq, "chat:delta", {"seq": seq, "text": "é"}) for seq in seqs]


@pytest.fixture
def sessions(cache):
    return SessionRepository(cache, lease=30)


@pytest.fixture
def log(cache):
    return AnswerLog(cache, writer="one", lease=30)


@pytest.fixture
def other(cache):
    return AnswerLog(cache, writer="two", lease=30)


@pytest.fixture
async def feed(sessions):
    session_id = await sessions.begin("ana")
    await sessions.add_question(session_id, "ana", message_id="m", answer_id="a", text="hi", writer="one")
    return Feed("a", session_id, "ana", lambda *_: 0)


async def seqs(log, feed):
    return [event.seq for event in await log.read(feed.session_id, feed.answer_id)]


async def test_what_is_appended_is_read_as_it_was(log, feed):
    """Names, numbers and payloads come back, all or from behind a number."""
    assert await log.append(feed, events(1, 2), before=0) == 2
    assert await log.append(feed, events(3), before=2) == 3
    assert await log.read(feed.session_id, "a") == events(1, 2, 3)
    assert await log.read(feed.session_id, "a", after=2) == events(3)


async def test_an_append_sent_again_doubles_nothing(log, feed):
    """Its reply was lost; what was taken then is passed over, and what comes with it is added."""
    for _ in range(3):
        assert await log.append(feed, events(1, 2), before=0) == 2
    assert await log.append(feed, events(1, 2, 3), before=0) == 3
    assert await seqs(log, feed) == [1, 2, 3]


async def test_only_the_writer_of_the_session_appends(log, other, feed):
    """Another instance, or one that asks for another answer, is told that it is not its to write."""
    assert await other.append(feed, events(1), before=0) == "replaced"
    wrong = Feed("b", feed.session_id, "ana", lambda *_: 0)
    assert await log.append(wrong, events(1), before=0) == "replaced"
    assert await seqs(log, feed) == []


async def test_an_append_renews_the_lease_also_without_events(cache, sessions, log, feed):
    """The lease is that of the session; nobody takes over while it lasts."""
    await cache.store.execute("HSET", session_key(feed.session_id), "lease", 1)
    assert not (await sessions.answering(feed.session_id, "ana")).alive
    assert await log.append(feed, [], before=0) == 0
    assert (await sessions.answering(feed.session_id, "ana")).alive


async def test_a_writer_taken_over_cannot_append(cache, sessions, log, other, feed):
    """The zombie is refused from the moment of the take-over on, whatever it knows."""
    await log.append(feed, events(1), before=0)
    await cache.store.execute("HSET", session_key(feed.session_id), "lease", 1)
    await sessions.take_over(feed.session_id, "ana", writer="two")
    assert await log.append(feed, events(2), before=1) == "replaced"
    assert await log.append(feed, [], before=1) == "replaced"
    assert await other.append(feed, events(50), before=1) == 50
    assert await seqs(log, feed) == [1, 50]


async def test_a_zombie_whose_successor_has_left_too_cannot_append(cache, sessions, log, other, feed):
    """Nobody writes the answer, but the log holds what the zombie does not know: it is not its any more."""
    await log.append(feed, events(1), before=0)
    await cache.store.execute("HSET", session_key(feed.session_id), "lease", 1)
    await sessions.take_over(feed.session_id, "ana", writer="two")
    await other.append(feed, events(50), before=1)
    await sessions.release(feed.session_id, "a", "two")
    assert await log.append(feed, events(2), before=1) == "replaced"
    assert (await sessions.answering(feed.session_id, "ana")).writer is None


async def test_a_writer_that_the_session_has_forgotten_goes_on(sessions, cache, log, feed):
    """The session was read back from the archive, where no writer is noted: he takes the answer again."""
    await cache.store.execute("HDEL", session_key(feed.session_id), "writer", "lease")
    assert await log.append(feed, events(1), before=0) == 1
    assert (await sessions.answering(feed.session_id, "ana")).writer == "one"


async def test_nothing_is_appended_behind_a_hole(cache, log, feed):
    """The log was lost: the reply tells from where to begin, and nothing is written before that."""
    await log.append(feed, events(1, 2), before=0)
    await cache.store.unlink(answer_key(feed.session_id, "a"))
    assert await log.append(feed, events(3), before=2) == 0
    assert await seqs(log, feed) == []
    assert await log.append(feed, events(1, 2, 3), before=0) == 3


async def test_nothing_comes_back_of_a_deleted_session(cache, sessions, log, feed):
    """An append that is late makes neither a session nor a log."""
    await log.append(feed, events(1), before=0)
    await sessions.delete(feed.session_id, "ana")
    assert await log.append(feed, events(2), before=1) == "gone"
    assert await log.append(feed, events(2), before=1, is_kept=True) == "gone"
    keys = (session_key(feed.session_id), answer_key(feed.session_id, "a"))
    assert [await cache.store.execute("EXISTS", key) for key in keys] == [0, 0]


async def test_the_end_is_appended_only_of_an_answer_that_is_kept(sessions, log, other, feed):
    """By its writer, or by whoever finds it kept; of two, the second adds nothing."""
    await log.append(feed, events(1), before=0)
    assert await log.append(feed, events(2), before=1, is_kept=True) == "replaced"
    await sessions.add_answer(
        feed.session_id, "ana", answer_id="a", text="", offers=[], turns=[], writer="one"
    )
    assert await log.append(feed, events(2), before=1) == "replaced", "it is not being written any more"
    assert await other.append(feed, events(2), before=1, is_kept=True) == 2
    assert await log.append(feed, events(2), before=1, is_kept=True) == 2
    assert await seqs(log, feed) == [1, 2]


async def test_a_long_log_is_read_in_pages(log, feed):
    """No reply grows with the answer, and a follower gets one page at a time."""
    many = BATCH * 2 + 1
    await log.append(feed, events(*range(1, many + 1)), before=0)
    assert len(await log.read(feed.session_id, "a")) == many
    assert [len(page) for page in await log.read_on([feed])] == [BATCH]


async def test_logs_are_read_together(sessions, log, feed):
    """Each follower's feed gets its own events, in the order of the feeds."""
    await log.append(feed, events(1), before=0)
    empty = Feed("other", feed.session_id, "ana", lambda *_: 0)
    assert await log.read_on([empty, feed]) == [[], events(1)]


async def test_an_append_between_two_renewals_is_fenced_as_well(cache, sessions, log, feed):
    """It leaves the lease alone, which spares Redis half of the work; it is refused like any other."""
    await log.append(feed, events(1), before=0)
    await cache.store.execute("HSET", session_key(feed.session_id), "lease", 1)
    assert await log.append(feed, events(2), before=1, renew=False) == 2
    assert not (await sessions.answering(feed.session_id, "ana")).alive
    await sessions.take_over(feed.session_id, "ana", writer="two")
    assert await log.append(feed, events(3), before=2, renew=False) == "replaced"

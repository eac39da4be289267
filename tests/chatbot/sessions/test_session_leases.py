"""Who writes an answer: one living writer, until it is done, hands over, or is gone."""

import asyncio

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.chat import answer, ask, lapse

import cachekit
from chatbot.errors import LimitError
from chatbot.sessions import ANSWERING, LEASE, WRITER, SessionRepository, session_key


async def test_another_question_waits_for_the_answer(sessions):
    """While a living writer is at it, the session is busy; afterwards it is not."""
    session_id = await sessions.begin("ana")
    await ask(sessions, session_id, 1)
    with pytest.raises(LimitError) as caught:
        await ask(sessions, session_id, 2)
    assert caught.value.code == "busy"
    await answer(sessions, session_id, 1)
    assert (await ask(sessions, session_id, 2)).state == "new"


async def test_an_answer_that_waits_is_told(sessions):
    """With its question, its writer, and whether that lives."""
    session_id = await sessions.begin("ana")
    assert await sessions.answering(session_id, "ana") is None
    await ask(sessions, session_id)
    waiting = await sessions.answering(session_id, "ana")
    assert (waiting.answer_id, waiting.message_id, waiting.text) == ("a1", "m1", "question 1")
    assert (waiting.writer, waiting.alive) == ("one", True)
    assert (await sessions.open(session_id, "ana")).answering == waiting
    await answer(sessions, session_id)
    assert await sessions.answering(session_id, "ana") is None


async def test_a_living_writer_is_not_replaced(sessions):
    """Nor by a question sent again, nor by who would take over."""
    session_id = await sessions.begin("ana")
    await ask(sessions, session_id)
    assert await sessions.take_over(session_id, "ana", writer="two") is None
    assert (await ask(sessions, session_id, writer="two")).state == "writing"
    assert (await sessions.answering(session_id, "ana")).writer == "one"


async def test_one_of_many_takes_over_from_a_writer_that_is_gone(sessions, cache):
    """And holds the answer from then on; the old writer may neither renew nor answer."""
    session_id = await sessions.begin("ana")
    await ask(sessions, session_id)
    await lapse(cache, session_id)
    assert not (await sessions.answering(session_id, "ana")).alive
    taken = await asyncio.gather(*(sessions.take_over(session_id, "ana", writer=f"w{n}") for n in range(5)))
    (winner,) = [each for each in taken if each is not None]
    assert (winner.answer_id, winner.message_id, winner.alive) == ("a1", "m1", True)
    assert not await sessions.renew(session_id, "a1", "one")
    assert not await answer(sessions, session_id)
    assert await answer(sessions, session_id, writer=winner.writer)
    assert not await answer(sessions, session_id)
    assert len(await sessions.history(session_id, "ana")) == 2


async def test_a_question_sent_again_takes_over_from_a_writer_that_is_gone(sessions, cache):
    """Under the answer's first id."""
    session_id = await sessions.begin("ana")
    await ask(sessions, session_id)
    await lapse(cache, session_id)
    taken = await ask(sessions, session_id, answer_id="other", writer="two")
    assert (taken.answer_id, taken.state) == ("a1", "lapsed")
    assert await sessions.renew(session_id, "a1", "two")


async def test_a_renewed_lease_lives_on(sessions, cache):
    """For as long as it was given at first, by the server's clock."""
    session_id = await sessions.begin("ana")
    await ask(sessions, session_id)
    await lapse(cache, session_id)
    assert await sessions.renew(session_id, "a1", "one")
    assert (await sessions.answering(session_id, "ana")).alive
    until = int(await cache.store.execute("HGET", session_key(session_id), LEASE)) / 1000
    now = int((await cache.store.run_script("return redis.call('TIME')", "k"))[0])
    assert now + 5 < until <= now + 12


async def test_an_answer_handed_over_is_free(sessions):
    """Its question waits; only its writer can hand it over."""
    session_id = await sessions.begin("ana")
    await ask(sessions, session_id)
    await sessions.release(session_id, "a1", "two")
    assert (await sessions.answering(session_id, "ana")).alive
    await sessions.release(session_id, "a1", "one")
    waiting = await sessions.answering(session_id, "ana")
    assert (waiting.writer, waiting.alive) == (None, False)
    assert (await sessions.take_over(session_id, "ana", writer="two")).answer_id == "a1"


async def test_a_question_nobody_answered_is_answered_with_the_next(sessions, cache):
    """Who sends the first one again gets the answer to both."""
    session_id = await sessions.begin("ana")
    for number in (1, 2, 3):
        assert (await ask(sessions, session_id, number)).state == "new"
        await lapse(cache, session_id)
    assert not await answer(sessions, session_id, 1)
    assert (await ask(sessions, session_id, 1, writer="two")).answer_id == "a3"
    assert await answer(sessions, session_id, 3, writer="two")
    for number in (1, 2, 3):
        taken = await ask(sessions, session_id, number)
        assert (taken.answer_id, taken.state) == ("a3", "answered")


async def test_the_fields_of_the_lease_are_where_others_look(sessions, cache):
    """Whoever appends events of an answer checks the writer in a script of its own."""
    session_id = await sessions.begin("ana")
    await ask(sessions, session_id)
    key = session_key(session_id)
    assert await cache.store.execute("HMGET", key, ANSWERING, WRITER) == [b"a1", b"one"]
    await answer(sessions, session_id)
    assert await cache.store.execute("HMGET", key, ANSWERING, WRITER, LEASE) == [None] * 3


class Conversation(RuleBasedStateMachine):
    """Two writers at one session, in any order, against the plainest model of it."""

    writers = st.sampled_from(["one", "two"])
    numbers = st.integers(1, 4)

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.said, self.waiting, self.holder, self.alive = [], None, None, False
        self.replaced = {}
        self.runner.run(self.open())

    async def open(self):
        self.opening = cachekit.connect("memory://")
        self.cache = await self.opening.__aenter__()
        self.sessions = SessionRepository(self.cache)
        self.id = await self.sessions.begin("ana")

    def teardown(self):
        self.runner.run(self.opening.__aexit__(None, None, None))
        self.runner.close()

    def asked(self, number):
        return f"question {number}" in self.said

    @rule(number=numbers, writer=writers)
    def ask(self, number, writer):
        if not self.asked(number) and self.alive:
            with pytest.raises(LimitError):
                self.runner.run(ask(self.sessions, self.id, number, writer=writer))
            return
        taken = self.runner.run(ask(self.sessions, self.id, number, writer=writer))
        if not self.asked(number):
            assert (taken.state, taken.answer_id) == ("new", f"a{number}")
            if self.waiting:
                self.replaced[self.waiting] = number
            self.said.append(f"question {number}")
            self.waiting, self.holder, self.alive = number, writer, True
            return
        while number in self.replaced:
            number = self.replaced[number]
        assert taken.answer_id == f"a{number}"
        if number != self.waiting:
            assert taken.state == "answered"
        elif self.alive:
            assert taken.state == "writing"
        else:
            assert taken.state == "lapsed"
            self.holder, self.alive = writer, True

    @rule(number=numbers, writer=writers)
    def answer(self, number, writer):
        before = f"answer {number} of {writer}" in self.said
        kept = self.runner.run(
            answer(self.sessions, self.id, number, writer=writer, text=f"answer {number} of {writer}")
        )
        wins = number == self.waiting and self.holder in (None, writer)
        assert kept == (wins or before)
        if wins:
            self.said.append(f"answer {number} of {writer}")
            self.waiting, self.holder, self.alive = None, None, False

    @precondition(lambda self: self.waiting)
    @rule()
    def die(self):
        self.runner.run(lapse(self.cache, self.id))
        self.alive = False

    @precondition(lambda self: self.waiting)
    @rule(writer=writers)
    def release(self, writer):
        self.runner.run(self.sessions.release(self.id, f"a{self.waiting}", writer))
        if writer == self.holder:
            self.holder, self.alive = None, False

    @rule(writer=writers)
    def take_over(self, writer):
        taken = self.runner.run(self.sessions.take_over(self.id, "ana", writer=writer))
        assert (taken is not None) == (self.waiting is not None and not self.alive)
        if taken:
            self.holder, self.alive = writer, True

    @invariant()
    def says_what_was_said(self):
        history = self.runner.run(self.sessions.history(self.id, "ana"))
        assert [each.text for each in history] == self.said
        waiting = self.runner.run(self.sessions.answering(self.id, "ana"))
        found = waiting and (waiting.answer_id, waiting.writer, waiting.alive)
        assert found == (self.waiting and (f"a{self.waiting}", self.holder, self.alive))


TestConversation = Conversation.TestCase
TestConversation.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

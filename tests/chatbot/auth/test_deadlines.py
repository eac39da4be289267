"""Sockets end when their tokens do: one timer, whatever happens to the clock."""

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cachekit.testing import ManualClock
from chatbot.auth import Deadlines
from chatbot.auth.deadlines import BATCH, MOST_SLEEP

START = ManualClock().now


class Timers:
    """Stands for the event loop's timers: notes what was asked for, and fires when told."""

    def __init__(self, clock):
        self.clock = clock
        self.waiting = []
        self.made = 0

    def __call__(self, delay, callback):
        timer = Timer(self, delay, callback)
        self.made += 1
        self.waiting.append(timer)
        return timer

    def fire(self):
        """The one timer goes off, now."""
        (timer,) = self.waiting
        self.waiting.remove(timer)
        timer.callback()

    def pass_time(self, seconds):
        """Let time pass; what is due on the way goes off in time."""
        end = self.clock.now + seconds
        while self.waiting and self.clock.now + self.waiting[0].left <= end:
            self.clock.advance(max(0.0, self.waiting[0].left))
            self.fire()
        self.clock.advance(max(0.0, end - self.clock.now))


class Timer:
    def __init__(self, timers, delay, callback):
        self.timers, self.delay, self.callback = timers, delay, callback
        self._at = timers.clock.monotonic() + delay

    @property
    def left(self):
        """Seconds until it goes off, on a clock that stands still with the machine."""
        return self._at - self.timers.clock.monotonic()

    def cancel(self):
        self.timers.waiting.remove(self)


class Sockets:
    """Deadlines, and what was called when, in seconds from the start."""

    def __init__(self):
        self.clock = ManualClock()
        self.timers = Timers(self.clock)
        self.called = []
        self.deadlines = Deadlines(
            expiring=lambda sid: self.note("expiring", sid),
            expired=lambda sid: self.note("expired", sid),
            clock=self.clock,
            schedule=self.timers,
        )

    def note(self, what, sid):
        self.called.append((what, sid, self.clock.now - START))

    def set(self, sid, seconds):
        self.deadlines.set(sid, START + seconds)


@pytest.fixture
def sockets():
    return Sockets()


def test_a_socket_is_told_a_minute_before_and_at_the_end(sockets):
    """In time, once each; then it is forgotten."""
    sockets.set("a", 600)
    sockets.timers.pass_time(1_000)
    assert sockets.called == [("expiring", "a", 540), ("expired", "a", 600)]
    assert (len(sockets.deadlines), sockets.timers.waiting) == (0, [])


def test_nothing_is_called_from_within_set(sockets):
    """Also if the token has ended already: the caller is still busy letting the socket in."""
    sockets.set("a", -5)
    sockets.set("b", 30)
    assert sockets.called == []
    sockets.timers.pass_time(0)
    assert sockets.called == [("expired", "a", 0), ("expiring", "b", 0)]


def test_a_dropped_socket_is_left_alone(sockets):
    """Who has gone is not called for, and may come back with another end."""
    sockets.set("a", 600)
    sockets.deadlines.drop("a")
    sockets.deadlines.drop("never there")
    sockets.timers.pass_time(570)
    sockets.set("a", 900)
    sockets.timers.pass_time(1_000)
    assert sockets.called == [("expiring", "a", 840), ("expired", "a", 900)]


def test_a_refreshed_socket_stays(sockets):
    """Warned, then given a later end: the first end passes without a word."""
    sockets.set("a", 600)
    sockets.timers.pass_time(550)
    sockets.set("a", 1_200)
    sockets.timers.pass_time(2_000)
    assert [(what, when) for what, _, when in sockets.called] == [
        ("expiring", 540),
        ("expiring", 1_140),
        ("expired", 1_200),
    ]


def test_a_sooner_end_does_not_wait_for_the_timer(sockets):
    """Who comes later and ends sooner has the timer set anew."""
    sockets.set("a", 6_000)
    sockets.set("b", 65)
    assert [timer.delay for timer in sockets.timers.waiting] == [5.0]


def test_an_end_may_come_closer(sockets):
    """The latest word counts, also if it is an earlier end."""
    sockets.set("a", 6_000)
    sockets.timers.pass_time(1)
    sockets.set("a", 301)
    sockets.timers.pass_time(1_000)
    assert sockets.called == [("expiring", "a", 241), ("expired", "a", 301)]


def test_a_client_that_refreshes_with_short_tokens_is_not_warned_without_end(sockets):
    """Each warning is answered by a token of 40 s: the next comes when half of that is over."""

    def refresh(sid):
        sockets.note("expiring", sid)
        sockets.deadlines.set(sid, sockets.clock.now + 40)

    sockets.deadlines._expiring = refresh
    sockets.set("a", 39)
    sockets.timers.pass_time(100)
    assert [when for _, _, when in sockets.called] == [0, 20, 40, 60, 80, 100]


def test_the_same_end_again_changes_nothing(sockets):
    """A refresh with the same token is answered by no second warning."""
    sockets.set("a", 30)
    sockets.timers.pass_time(1)
    sockets.set("a", 30)
    sockets.timers.pass_time(28)
    assert sockets.called == [("expiring", "a", 0)]


def test_one_timer_serves_thousands(sockets):
    """There is never more than one, and it sleeps a quarter of a minute at most."""
    for number in range(5_000):
        sockets.set(f"s{number}", 600 + number % 7)
        assert len(sockets.timers.waiting) == 1
        assert sockets.timers.waiting[0].delay <= MOST_SLEEP
    assert sockets.timers.made == 1
    sockets.timers.pass_time(606)
    assert [what for what, _, _ in sockets.called].count("expired") == 5_000


def test_thousands_that_end_together_let_others_in_between(sockets):
    """Some hundred callbacks in a row, then the loop has its turn."""
    for number in range(3 * BATCH):
        sockets.set(f"s{number}", 600)
    sockets.clock.advance(700)
    counts = []
    for _ in range(3):
        sockets.timers.fire()
        counts.append(len(sockets.called))
        assert [timer.delay for timer in sockets.timers.waiting] == [0.0] * (len(sockets.deadlines) > 0)
    assert counts == [BATCH, 2 * BATCH, 3 * BATCH]


def test_a_machine_that_slept_ends_what_is_over(sockets):
    """Timers stood still for two hours: who is past his end is told that, and not that it comes."""
    sockets.set("a", 600)
    sockets.set("b", 7_230)
    sockets.clock.step(7_200)
    sockets.timers.pass_time(MOST_SLEEP)
    assert sockets.called == [("expired", "a", 7_215), ("expiring", "b", 7_215)]


def test_a_clock_that_was_set_is_noticed(sockets):
    """Forward: within a quarter of a minute. Back: nobody ends early by it."""
    sockets.set("a", 600)
    sockets.clock.step(560)
    sockets.timers.pass_time(MOST_SLEEP)
    assert sockets.called == [("expiring", "a", 575)]
    sockets.clock.step(-300)
    sockets.timers.pass_time(324)
    assert sockets.called[1:] == []
    sockets.timers.pass_time(1)
    assert sockets.called[1:] == [("expired", "a", 600)]


def test_one_socket_s_trouble_does_not_reach_the_next(sockets, caplog):
    """What a callback raises is logged, and the others are called."""

    def fail(_sid):
        raise RuntimeError("a transport in a strange state")

    sockets.deadlines._expired = fail
    sockets.set("a", 10)
    sockets.set("b", 20)
    sockets.timers.pass_time(30)
    assert len(sockets.deadlines) == 0
    assert caplog.text.count("could not be told") == 2


def test_a_callback_may_set_and_drop(sockets):
    """As a gateway does: the end of one socket is the end of another."""

    def ended(sid):
        sockets.note("expired", sid)
        sockets.deadlines.drop("b")
        sockets.set("c", 100)

    sockets.deadlines._expired = ended
    sockets.set("a", 10)
    sockets.set("b", 10)
    sockets.timers.pass_time(60)
    assert [(what, sid) for what, sid, _ in sockets.called if what == "expired"] == [("expired", "a")]
    assert len(sockets.timers.waiting) == 1


def test_refreshing_for_ever_does_not_grow(sockets):
    """What was overtaken is cleared away."""
    for number in range(20_000):
        # Ever earlier ends: what was overtaken never comes to the top by itself.
        sockets.set("a", 100_000 - number)
    assert len(sockets.deadlines._heap) < 2_000


async def test_after_closing_nothing_is_called(sockets):
    """The timer is gone, and what is set then is forgotten."""
    sockets.set("a", 10)
    await sockets.deadlines.aclose()
    sockets.set("b", 10)
    assert (len(sockets.deadlines), sockets.timers.waiting) == (0, [])


async def test_it_runs_on_the_event_loop_s_own_timers():
    """With the machine's clock and nothing injected."""
    ended = asyncio.get_running_loop().create_future()
    deadlines = Deadlines(expiring=lambda _sid: None, expired=ended.set_result)
    deadlines.set("a", 0.0)
    assert await ended == "a"
    await deadlines.aclose()


class AnyHistory(RuleBasedStateMachine):
    """Whatever is set, dropped and slept through: every end is called for, once, and never early."""

    sids = st.sampled_from("abcd")

    @initialize()
    def begin(self):
        self.sockets = Sockets()
        self.ends = {}

    @rule(sid=sids, seconds=st.integers(-100, 400))
    def set(self, sid, seconds):
        self.ends[sid] = self.sockets.clock.now + seconds
        self.sockets.deadlines.set(sid, self.ends[sid])

    @rule(sid=sids)
    def drop(self, sid):
        self.ends.pop(sid, None)
        self.sockets.deadlines.drop(sid)

    @rule(seconds=st.integers(0, 200))
    def wait(self, seconds):
        self.sockets.timers.pass_time(seconds)

    @rule(seconds=st.integers(1, 500))
    def suspend(self, seconds):
        self.sockets.clock.step(seconds)

    @rule()
    def settle(self):
        """The timer goes off: the ends that have come are exactly those called for."""
        self.sockets.called.clear()
        if self.sockets.timers.waiting:
            self.sockets.timers.fire()
        now = self.sockets.clock.now
        told = [sid for what, sid, _ in self.sockets.called if what == "expired"]
        due = [sid for sid, end in self.ends.items() if end <= now]
        # Those that ended while time passed were called for then.
        assert set(told) <= set(due)
        for sid in due:
            del self.ends[sid]
        assert len(self.sockets.deadlines) == len(self.ends)

    @invariant()
    def a_timer_runs_while_an_end_is_to_come(self):
        waiting = len(self.sockets.timers.waiting)
        assert waiting == 1 or (waiting == 0 and len(self.sockets.deadlines) == 0)


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

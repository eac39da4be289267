"""When to try again: closed, open, half-open."""

import pytest

from cachekit.core.breaker import Breaker, State


@pytest.fixture
def breaker(clock):
    """Delays of 1, 2, 4 and then 5 seconds, of which the jitter takes nothing away."""
    return Breaker(clock, first=1, longest=5, jitter=lambda: 1.0)


def test_it_is_closed_at_first(breaker):
    """Callers go ahead, and nobody makes an attempt of his own."""
    assert breaker.state is State.CLOSED
    assert not breaker.attempt()


def test_a_failure_opens_it_until_the_attempt_is_due(breaker, clock):
    """Not a moment before."""
    breaker.failed()
    assert (breaker.state, breaker.delay) == (State.OPEN, 1)
    clock.advance(0.9)
    assert not breaker.attempt()
    clock.advance(0.1)
    assert breaker.delay == 0
    assert breaker.attempt()


def test_one_attempt_at_a_time(breaker, clock):
    """Half-open: whoever asks second is told no."""
    breaker.failed()
    clock.advance(1)
    assert breaker.attempt()
    assert breaker.state is State.HALF_OPEN
    assert not breaker.attempt()


def test_delays_double_up_to_the_longest(breaker, clock):
    """1, 2, 4, and then 5 each time."""
    delays = []
    for _ in range(6):
        breaker.failed()
        delays.append(breaker.delay)
        clock.advance(breaker.delay)
        assert breaker.attempt()
    assert delays == [1, 2, 4, 5, 5, 5]


def test_it_stays_bounded_after_very_many_failures(breaker):
    """No overflow after days of outage."""
    for _ in range(5_000):
        breaker.failed()
    assert breaker.delay == 5


def test_a_success_that_lasts_starts_the_delays_anew(breaker, clock):
    """What works for as long as the longest delay is well again."""
    for _ in range(3):
        breaker.failed()
    breaker.succeeded()
    assert breaker.state is State.CLOSED
    clock.advance(5)
    breaker.failed()
    assert breaker.delay == 1


def test_a_success_that_does_not_last_counts_for_little(breaker, clock):
    """A server that accepts and drops us again is met with longer and longer delays."""
    breaker.failed()
    breaker.succeeded()
    clock.advance(0.1)
    breaker.failed()
    assert breaker.delay == 2


@pytest.mark.parametrize(("jitter", "delay"), [(0.0, 0.5), (0.5, 0.75), (1.0, 1.0)])
def test_the_jitter_takes_up_to_half_away(clock, jitter, delay):
    """Many clients of one server do not come back at once."""
    breaker = Breaker(clock, first=1, longest=5, jitter=lambda: jitter)
    breaker.failed()
    assert breaker.delay == pytest.approx(delay)

"""The limit of an address: so many a minute, in the memory of one process, and not much of that."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachekit import ConfigurationError
from cachekit.testing import ManualClock
from chatbot.limits import AddressLimit


def taken(limit, address="192.0.2.1", times=1_000):
    """How many of so many turns were there at once."""
    return sum(limit.take(address) == 0 for _ in range(times))


@pytest.mark.parametrize("per_minute", [1, 3, 7, 60, 600])
def test_a_minute_s_worth_is_there_at_once_and_comes_back_within_a_minute(per_minute, clock):
    """The burst, then nothing, then one an interval, then all of it."""
    limit = AddressLimit(per_minute=per_minute, clock=clock)
    assert taken(limit) == per_minute
    clock.advance(60 / per_minute)
    assert taken(limit) == 1
    clock.advance(60)
    assert taken(limit) == per_minute


def test_addresses_do_not_use_up_each_other_s_turns(clock):
    """One that storms is alone with it."""
    limit = AddressLimit(per_minute=10, clock=clock)
    assert taken(limit, "192.0.2.1") == taken(limit, "192.0.2.2") == 10


def test_an_ipv6_customer_is_one_address(clock):
    """Who has a /64 has it all; the neighbour is somebody else, and an IPv4 address stays itself."""
    limit = AddressLimit(per_minute=10, clock=clock)
    assert sum(limit.take(f"2001:db8:0:1::{number:x}") == 0 for number in range(100)) == 10
    assert taken(limit, "2001:db8:0:2::1") == 10
    assert taken(limit, "::ffff:192.0.2.1") == 10
    assert taken(limit, "192.0.2.1") == 0


def test_what_is_no_address_is_limited_by_its_text(clock):
    """Whatever a server gives as the peer."""
    limit = AddressLimit(per_minute=10, clock=clock)
    assert taken(limit, "") == taken(limit, "a socket") == 10


def test_a_denied_address_is_told_when_to_come_back(clock):
    """Then it is let in; a denial takes nothing."""
    limit = AddressLimit(per_minute=6, clock=clock)
    taken(limit)
    wait = limit.take("192.0.2.1")
    assert wait == pytest.approx(10)
    clock.advance(wait / 2)
    assert limit.take("192.0.2.1") == pytest.approx(wait / 2)
    clock.advance(wait / 2)
    assert limit.take("192.0.2.1") == 0


def test_memory_is_bounded_and_given_back(clock):
    """A storm from many addresses holds as many as are allowed; when it is over they go."""
    limit = AddressLimit(per_minute=10, most=1_000, clock=clock)
    for number in range(5_000):
        limit.take(f"192.0.{number >> 8}.{number & 255}")
    assert taken(limit, "203.0.113.1") == 10
    assert len(limit) == 1_000
    clock.advance(61)
    for _ in range(600):
        limit.take("198.51.100.1")
    assert len(limit) == 1


def test_who_storms_is_not_forgotten_for_others(clock):
    """The address that asked last stays, however many others come."""
    limit = AddressLimit(per_minute=10, most=100, clock=clock)
    taken(limit, "192.0.2.1", 10)
    for number in range(500):
        limit.take(f"198.51.{number >> 8}.{number & 255}")
        assert limit.take("192.0.2.1") > 0


def test_zero_is_no_limit_for_an_address(clock):
    """And nobody is remembered."""
    limit = AddressLimit(per_minute=0, clock=clock)
    assert taken(limit) == 1_000
    assert len(limit) == 0


def test_silence_saves_no_more_than_a_burst(clock):
    """Also while another address stands before it in the memory."""
    limit = AddressLimit(per_minute=10, clock=clock)
    taken(limit, "192.0.2.1")
    limit.take("192.0.2.2")
    clock.advance(30)
    assert taken(limit, "192.0.2.2") == 10


@pytest.mark.parametrize("options", [{"per_minute": -1}, {"per_minute": 1, "most": 0}])
def test_a_limit_that_cannot_work_is_refused(options):
    """Less than nothing, or no room for anybody."""
    with pytest.raises(ConfigurationError, match="allowed are 0 and 1 or more"):
        AddressLimit(**options)


MOMENTS = st.lists(st.floats(0, 40), min_size=1, max_size=60)


@settings(deadline=None)
@given(per_minute=st.integers(1, 30), pauses=MOMENTS)
def test_no_span_of_time_gets_more_than_its_share(per_minute, pauses):
    """Over any span of t seconds: at most a burst and t times the rate."""
    clock = ManualClock()
    limit = AddressLimit(per_minute=per_minute, clock=clock)
    let_in = []
    for pause in pauses:
        clock.advance(pause)
        let_in += [clock.now] * taken(limit, times=per_minute + 1)
    for first, begin in enumerate(let_in):
        for last in range(first, len(let_in)):
            span = let_in[last] - begin
            assert last - first + 1 <= per_minute + span * per_minute / 60 + 1e-3


@settings(deadline=None)
@given(per_minute=st.integers(1, 30), pauses=MOMENTS)
def test_coming_back_when_told_always_succeeds(per_minute, pauses):
    """And who stays below the rate is never denied."""
    clock = ManualClock()
    limit = AddressLimit(per_minute=per_minute, clock=clock)
    for pause in pauses:
        clock.advance(pause)
        wait = limit.take("192.0.2.1")
        assert 0 <= wait <= 60 / per_minute + 1e-6
        if wait:
            clock.advance(wait)
            assert limit.take("192.0.2.1") == 0
        clock.advance(60 / per_minute)
        assert limit.take("192.0.2.1") == 0

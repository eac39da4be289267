"""Time that moves when told."""

import pytest

from cachekit.testing import ManualClock


def test_it_stands_still_until_advanced():
    """Both clocks move together."""
    clock = ManualClock(now=100)
    assert (clock.time(), clock.monotonic()) == (100, 100)
    clock.advance(2.5)
    assert (clock.time(), clock.monotonic()) == (102.5, 102.5)


def test_the_wall_clock_may_be_set_and_no_time_passes():
    """As NTP does, in either direction."""
    clock = ManualClock(now=100)
    clock.step(-60)
    assert (clock.time(), clock.monotonic()) == (40, 100)


def test_time_does_not_go_back():
    """The error names what sets the wall clock back."""
    with pytest.raises(ValueError, match=r"step\(\)"):
        ManualClock().advance(-1)

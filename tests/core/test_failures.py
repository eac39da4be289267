"""Failures of late: nobody tries again at once, and memory of them is bounded."""

import pytest

from cachekit.core import failures
from cachekit.core.failures import Failures
from cachekit.testing import ManualClock


@pytest.fixture
def failed(clock):
    return Failures(clock, retry_after=5)


def test_after_a_failure_a_key_is_left_alone_for_a_while(failed, clock):
    """Other keys are not; and what was stored since may be tried again at once."""
    failed.remember("a")
    clock.advance(4.9)
    assert (failed.may_retry("a"), failed.may_retry("b")) == (False, True)
    clock.advance(0.1)
    assert failed.may_retry("a")
    failed.remember("a")
    failed.forget("a")
    assert failed.may_retry("a")


def test_a_flood_of_failures_takes_no_room_without_end(monkeypatch):
    """Beyond the bound the older ones are forgotten: each costs one try too early."""
    monkeypatch.setattr(failures, "_MOST", 3)
    failed = Failures(ManualClock(), retry_after=5)
    for key in "abcd":
        failed.remember(key)
    assert [failed.may_retry(key) for key in "abcd"] == [True, True, True, False]

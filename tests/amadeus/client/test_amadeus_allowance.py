"""The contract's bounds, together: a place in the budget, then a turn."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachekit.amadeus.client.allowance import Allowance, RequestLimits
from cachekit.amadeus.errors import AmadeusBudgetError, AmadeusRateLimitError, AmadeusUnavailable
from cachekit.errors import ConfigurationError
from cachekit.testing import ManualClock


async def nothing():
    """What a request needs beforehand, here."""


async def take(allowance, until, prepare):
    """Send one request, which takes no time; what was prepared for it."""
    async with allowance.place(until, prepare) as ready:
        return ready


@given(
    per_second=st.none() | st.floats(0.01, 1000),
    least_interval=st.none() | st.floats(0.001, 300),
    requests=st.integers(2, 30),
)
def test_turns_keep_both_bounds_on_the_rate(per_second, least_interval, requests):
    """In any second at most so many, and between any two at least so long; and no slower than that."""
    clock, turns = ManualClock(), []
    limits = RequestLimits(per_second=per_second, least_interval=least_interval)

    async def sleep(seconds):
        clock.advance(seconds)

    async def run():
        allowance = Allowance(limits, account="a", clock=clock.monotonic, sleep=sleep)
        for _ in range(requests):
            await take(allowance, clock.now + 300, nothing)
            turns.append(clock.now)

    asyncio.run(run())
    expected = max(1 / per_second if per_second else 0, least_interval or 0)
    gaps = [later - earlier for earlier, later in pairwise(turns)]
    assert gaps == pytest.approx([expected] * (requests - 1), abs=1e-5)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("per_second", 0),
        ("per_second", -1),
        ("per_second", float("nan")),
        ("per_second", float("inf")),
        ("per_second", True),
        ("per_second", "10"),
        ("least_interval", 0),
        ("least_interval", 301),
        ("per_month", 0),
        ("per_month", 1.5),
        ("per_month", True),
    ],
)
def test_a_bound_that_cannot_work_is_named(option, value):
    """With what is allowed."""
    with pytest.raises(ConfigurationError, match=f"{option}=.*allowed"):
        RequestLimits(**{option: value})


async def test_without_bounds_there_is_none(clock):
    """No waiting, no counting."""
    allowance = Allowance(RequestLimits(), account="a", clock=clock.monotonic)
    for _ in range(1000):
        await take(allowance, clock.now, nothing)
    await allowance.quota_spent()
    await take(allowance, clock.now, nothing)
    assert await allowance.look() is None


async def test_who_gets_no_turn_is_not_counted(cache, clock):
    """Refused or cancelled: the place in the budget is free again."""
    limits = RequestLimits(least_interval=100, per_month=3)
    asleep = asyncio.Event()

    async def sleep(_):
        asleep.set()
        await asyncio.Event().wait()

    allowance = Allowance(limits, account="a", cache=cache, clock=clock.monotonic, sleep=sleep)
    await take(allowance, clock.now, nothing)
    with pytest.raises(AmadeusRateLimitError):
        await take(allowance, clock.now + 1, nothing)
    waiter = asyncio.create_task(take(allowance, clock.now + 300, nothing))
    await asleep.wait()
    waiter.cancel()
    await asyncio.wait({waiter})
    assert (await allowance.look()).used == 1


async def test_what_is_prepared_comes_after_the_budget_and_before_the_turn(cache, clock):
    """It is handed on; if it fails nothing is counted and no turn taken; without a budget it is not done."""
    done = []

    async def sleep(_):
        done.append("turn")

    async def prepare():
        done.append("prepared")
        return "ready"

    async def fail():
        raise AmadeusUnavailable("no token")

    limits = RequestLimits(least_interval=100, per_month=2)
    allowance = Allowance(limits, account="a", cache=cache, clock=clock.monotonic, sleep=sleep)
    assert await take(allowance, clock.now, prepare) == "ready"
    with pytest.raises(AmadeusUnavailable):
        await take(allowance, clock.now + 300, fail)
    assert await take(allowance, clock.now + 300, prepare) == "ready"
    with pytest.raises(AmadeusBudgetError):
        await take(allowance, clock.now + 300, prepare)
    assert done == ["prepared", "prepared", "turn"]


async def test_a_slow_preparation_leaves_less_time_for_the_turn(clock):
    """The deadline is one for both."""

    async def prepare():
        clock.advance(60)

    limits = RequestLimits(least_interval=100)
    allowance = Allowance(limits, account="a", clock=clock.monotonic, sleep=prepare)
    await take(allowance, clock.now + 100, prepare)
    with pytest.raises(AmadeusRateLimitError):
        await take(allowance, clock.now + 60, prepare)


async def test_who_is_over_the_budget_takes_no_turn(cache, clock):
    """Nobody waits for a refusal."""
    naps = []

    async def sleep(seconds):
        naps.append(seconds)

    limits = RequestLimits(least_interval=100, per_month=1)
    allowance = Allowance(limits, account="a", cache=cache, clock=clock.monotonic, sleep=sleep)
    await take(allowance, clock.now + 300, nothing)
    with pytest.raises(AmadeusBudgetError):
        await take(allowance, clock.now + 300, nothing)
    assert naps == []


async def test_only_what_was_surely_not_sent_is_given_back(cache, clock):
    """A connection that never stood costs nothing; one that broke off may have been counted there."""
    allowance = Allowance(RequestLimits(per_month=9), account="a", cache=cache, clock=clock.monotonic)
    for unsent, used in ((True, 0), (False, 1)):
        with pytest.raises(AmadeusUnavailable):
            async with allowance.place(clock.now, nothing):
                raise AmadeusUnavailable("gone", nothing_sent=unsent)
        assert (await allowance.look()).used == used

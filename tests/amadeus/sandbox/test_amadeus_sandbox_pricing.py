"""What a fare is at any moment: steps whose rate is known, and nothing in between."""

from datetime import date, timedelta
from itertools import pairwise
from math import exp, sqrt
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachekit.amadeus.sandbox.inventory.airports import airports
from cachekit.amadeus.sandbox.inventory.pricing import (
    CHEAPEST_LEVEL,
    changes_until_departure,
    last_step,
    quote,
    usual_fare,
)
from cachekit.amadeus.sandbox.inventory.schedule import journeys
from cachekit.amadeus.sandbox.inventory.zones import DAY_MINUTES
from tests.support.inventory import DAY, MINUTE, ORDINAL

FARES = [f"TP{number}@2026-12-12" for number in range(200)]


def nonstop():
    return journeys(airports()["GRU"], airports()["LIS"], ORDINAL)[0]


def test_the_rate_of_changes_rises_towards_departure():
    """0.3 a day far out, 3 a day in the last week, and nothing jumps in between."""
    rate = [changes_until_departure(day + 1) - changes_until_departure(day) for day in range(365)]
    assert rate[:7] == pytest.approx([3.0] * 7)
    assert rate[60:] == pytest.approx([0.3] * 305)
    assert all(near >= far - 1e-9 for near, far in pairwise(rate))


@settings(deadline=None)
@given(st.floats(0, 360), st.floats(0, 5))
def test_a_fare_changes_only_at_its_steps(days, later):
    """The last step lies before now; until the next one the answer is the same."""
    step = last_step(1, "TP82@2026-12-12", days)
    assert step.days >= days - 1e-6
    between = max(days, step.days - later)
    if between <= step.days - 1e-6:
        assert last_step(1, "TP82@2026-12-12", between) == step


@pytest.mark.parametrize(
    ("first", "last"), [(0, 2), (2, 7), (7, 20), (20, 60), (60, 90), (150, 200), (300, 340)]
)
def test_steps_come_as_often_as_the_rate_says(first, last):
    """Over many flights and any span of days, the count of changes is that of the Poisson process.

    Its mean and its spread: over four standard errors from either is no accident, and the seed is fixed.
    """
    expected = changes_until_departure(last) - changes_until_departure(first)
    counts = [steps_between(name, first, last) for name in FARES]
    assert abs(fmean(counts) - expected) < 4 * sqrt(expected / len(counts))
    spread = fmean((count - expected) ** 2 for count in counts)
    assert abs(spread - expected) < 4 * expected * sqrt((2 + 1 / expected) / len(counts))


def steps_between(name, first, last):
    """How many changes a fare sees from `last` to `first` days before departure: from step to step."""
    count, days = 0, float(first)
    while (step := last_step(1, name, days)).days <= last:
        count += 1
        days = step.days + 1e-9
    return count


@pytest.mark.parametrize(("days", "age"), [(4.0, 0.231), (5.0, 0.5), (90.0, 2.0), (200.0, 5.0)])
def test_the_share_of_stale_answers_is_what_the_rate_says(days, age):
    """An answer of age t, got so many days before departure, is stale with probability 1 - e^(-rate t)."""
    rate = 3.0 if days < 7 else 0.3
    stale = fmean(last_step(1, name, days) != last_step(1, name, days - age) for name in FARES)
    expected = 1 - exp(-rate * age)
    assert abs(stale - expected) < 4 * sqrt(expected * (1 - expected) / len(FARES))


def test_a_price_moves_between_steps_never_and_over_a_week_surely():
    """Staleness has an exact ground truth."""
    hours = [quote(1, nonstop(), DAY, MINUTE + 60 * hour) for hour in range(24 * 7)]
    for before, after in pairwise(hours):
        assert (before.step == after.step) == (before.base == after.base)
    assert len({priced.base for priced in hours}) > 3


@settings(deadline=None)
@given(st.integers(0, 2**31), st.floats(0, 360), st.integers(0, 364))
def test_a_fare_is_a_function_of_seed_flight_date_and_clock(seed, days, ahead):
    """Whatever was asked before, forwards or backwards in time, the answer is the same."""
    day = date(2027, 1, 1) + timedelta(days=ahead)
    now = day.toordinal() * DAY_MINUTES - days * DAY_MINUTES
    first = quote(seed, nonstop(), day, now)
    quote(seed, nonstop(), day, now + 600)
    assert quote(seed, nonstop(), day, now) == first
    assert 1 <= first.seats <= 9


@settings(deadline=None)
@given(st.integers(0, 100), st.floats(0, 360))
def test_no_fare_falls_below_its_lowest_level(seed, days):
    """The bound that the cheapest dates are searched by holds at every moment."""
    journey = nonstop()
    now = ORDINAL * DAY_MINUTES + journey.departs - days * DAY_MINUTES
    least = CHEAPEST_LEVEL * usual_fare(seed, journey, DAY)
    assert quote(seed, journey, DAY, now).base >= least * (1 - 1e-9)

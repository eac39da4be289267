"""Counters are plain numbers, snapshots do not move, and a histogram's quantiles are as exact as they say."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachekit.core.stats import BOUNDS, Counters, Histogram, Latency, Stats
from cachekit.errors import ConfigurationError

WITHIN = 10**0.1 * (1 + 1e-9)
"""The documented error of a quantile: one bucket."""

durations = st.lists(st.floats(min_value=1e-5, max_value=100), min_size=1, max_size=50)


def latency(*seconds):
    histogram = Histogram()
    for each in seconds:
        histogram.record(each)
    return histogram.snapshot()


def test_the_buckets_reach_from_ten_microseconds_to_a_hundred_seconds():
    """Ten per decade, each bound exactly where a power of ten belongs."""
    assert BOUNDS[::10] == (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100)


def test_a_bound_belongs_to_the_bucket_below_it():
    """Upper bounds are inclusive, as Prometheus' `le` is."""
    assert latency(0.1).buckets[BOUNDS.index(0.1)] == 1
    assert latency(math.nextafter(0.1, 1)).buckets[BOUNDS.index(0.1) + 1] == 1


def test_the_mean_and_the_sum_are_exact():
    """They come from the durations themselves, not from their buckets."""
    found = latency(0.25, 0.5, 3)
    assert (found.count, found.total_seconds, found.mean) == (3, 3.75, 1.25)


def test_no_durations_have_no_mean_and_no_quantile():
    """Zero would be a claim."""
    assert Latency().mean is None
    assert Latency().quantile(0.5) is None


@given(durations, st.floats(min_value=0, max_value=1))
def test_a_quantile_is_within_a_bucket_of_the_true_one(seconds, q):
    """Neither is more than 1.26 times the other, whatever the durations."""
    true = sorted(seconds)[max(0, math.ceil(q * len(seconds)) - 1)]
    found = latency(*seconds).quantile(q)
    assert true / WITHIN <= found <= true * WITHIN


@given(durations)
def test_quantiles_rise_with_their_share(seconds):
    """The median is never above the 99th percentile."""
    found = [latency(*seconds).quantile(q) for q in (0, 0.25, 0.5, 0.75, 0.99, 1)]
    assert found == sorted(found)


def test_within_a_bucket_durations_are_spread_evenly():
    """The interpolation is logarithmic: half of a bucket's count lies below its geometric middle."""
    upper = BOUNDS.index(0.1)
    assert latency(*[0.09] * 10).quantile(0.5) == pytest.approx(math.sqrt(BOUNDS[upper - 1] * 0.1))


def test_what_no_bucket_reaches_is_given_as_the_outermost_bound():
    """A duration of zero and one of an hour are counted, and their quantiles are known as bounds only."""
    found = latency(0, 3600)
    assert (found.count, found.quantile(0.5), found.quantile(1)) == (2, 1e-5, 100)


@pytest.mark.parametrize("q", [-0.1, 1.1, 50, math.nan])
def test_a_quantile_is_asked_for_as_a_share(q):
    """Percent would silently mean something else."""
    with pytest.raises(ConfigurationError, match="from 0 to 1"):
        latency(1).quantile(q)


@given(durations, durations)
def test_latencies_sum_up_as_if_recorded_together(some, others):
    """The buckets are the same everywhere."""
    total, together = latency(*some) + latency(*others), latency(*some, *others)
    assert total.buckets == together.buckets
    assert total.total_seconds == pytest.approx(together.total_seconds)


def test_a_latency_shows_what_one_wants_to_know():
    """Not 72 buckets."""
    assert repr(latency(0.5, 0.5)) == "Latency(count=2, mean=0.5, p50=0.45, p99=0.5)"
    assert repr(Latency()) == "Latency(count=0)"


def test_a_snapshot_does_not_move():
    """What is counted later changes the next snapshot only."""
    counters = Counters()
    before = counters.snapshot()
    counters.misses += 1
    counters.read_seconds.record(0.001)
    assert before == Stats()
    assert (counters.snapshot().misses, counters.snapshot().read_seconds.count) == (1, 1)


def test_every_counter_reaches_the_snapshot_under_its_own_name():
    """No two are confused, and none is left out."""
    counters = Counters()
    numbers = [name for name in Counters.__slots__ if not name.endswith("_seconds")]
    for value, name in enumerate(numbers, start=1):
        setattr(counters, name, value)
    counters.load_seconds.record(1)
    counters.read_seconds.record(2)
    found = counters.snapshot()
    assert [getattr(found, name) for name in numbers] == list(range(1, len(numbers) + 1))
    assert (found.load_seconds.total_seconds, found.read_seconds.total_seconds) == (1, 2)


def test_hits_are_those_of_both_stores():
    """Stale hits are counted in them already."""
    found = Stats(near_hits=2, redis_hits=1, stale_hits=1, misses=1)
    assert (found.hits, found.hit_ratio) == (3, 0.75)


def test_there_is_no_hit_ratio_before_the_first_lookup():
    """Zero would be a claim."""
    assert Stats().hit_ratio is None


def test_stats_of_namespaces_sum_up():
    """Each counter with its like, latencies too."""
    some = Stats(near_hits=1, misses=2, load_seconds=latency(1))
    others = Stats(near_hits=10, outages=3, load_seconds=latency(2))
    expected = Stats(near_hits=11, misses=2, outages=3, load_seconds=latency(1, 2))
    assert sum([some, others], Stats()) == expected

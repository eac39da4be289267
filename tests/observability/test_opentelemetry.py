"""Events become OpenTelemetry metrics, named and measured by its conventions, that say nothing of users."""

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from cachekit.observability.opentelemetry import OpenTelemetryObserver


@pytest.fixture
def metrics(facts):
    """The metrics after every kind of event, by name."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    observer = OpenTelemetryObserver(meter_provider=provider)
    for fact in facts:
        observer.observe(fact)
    scopes = reader.get_metrics_data().resource_metrics[0].scope_metrics
    assert [scope.scope.name for scope in scopes] == ["cachekit"]
    provider.shutdown()
    return {metric.name: metric for metric in scopes[0].metrics}


def points(metric):
    """The values (sums, of histograms) by the attributes beside the namespace, which all have."""
    found = {}
    for point in metric.data.data_points:
        attributes = dict(point.attributes)
        assert attributes.pop("cachekit.namespace") == "prices"
        found[tuple(sorted(attributes.items()))] = point.sum if hasattr(point, "sum") else point.value
    return found


def test_every_kind_of_event_is_recorded_in_its_unit(metrics):
    """Durations in seconds, sizes in bytes, counts by what they count."""
    assert {name: metric.unit for name, metric in metrics.items()} == {
        "cachekit.lookups": "{lookup}",
        "cachekit.load.duration": "s",
        "cachekit.stored.size": "By",
        "cachekit.coalesced": "{call}",
        "cachekit.unpublished": "{value}",
        "cachekit.corrupt": "{value}",
        "cachekit.removals": "{key}",
        "cachekit.invalidations": "{rule}",
        "cachekit.outages": "{command}",
    }


def test_lookups_are_told_apart_by_outcome_and_source(metrics):
    """A miss has no source."""
    assert points(metrics["cachekit.lookups"]) == {
        (("cachekit.outcome", "fresh"), ("cachekit.source", "near")): 1,
        (("cachekit.outcome", "stale"), ("cachekit.source", "redis")): 1,
        (("cachekit.outcome", "miss"),): 1,
    }


def test_loads_are_measured_by_outcome(metrics):
    """Failures have a histogram of their own."""
    assert points(metrics["cachekit.load.duration"]) == {
        (("cachekit.outcome", "ok"),): 0.25,
        (("cachekit.outcome", "failed"),): 2,
    }


@pytest.mark.parametrize("name", ["coalesced", "unpublished", "corrupt", "removals"])
def test_an_occurrence_is_counted_once(metrics, name):
    """With no attribute but its namespace."""
    assert points(metrics[f"cachekit.{name}"]) == {(): 1}


def test_rules_and_outages_say_of_which_kind(metrics):
    """The rule's kind, and the command by OpenTelemetry's own attribute for it."""
    assert points(metrics["cachekit.invalidations"]) == {(("cachekit.rule.kind", "tag"),): 1}
    assert points(metrics["cachekit.outages"]) == {(("db.operation.name", "GET"),): 1}


def test_stored_values_are_measured_in_bytes(metrics):
    """Their number is the histogram's count."""
    assert points(metrics["cachekit.stored.size"]) == {(): 2048}
    (point,) = metrics["cachekit.stored.size"].data.data_points
    assert (point.count, point.explicit_bounds[0], point.explicit_bounds[-1]) == (1, 64, 16 * 1024 * 1024)


def test_nothing_that_users_typed_becomes_an_attribute(metrics):
    """Keys, tags and patterns are unbounded and private."""
    assert not any("user-typed" in metric.to_json() for metric in metrics.values())


def test_without_an_sdk_nothing_is_recorded_and_nothing_breaks(facts):
    """The API alone is inert."""
    observer = OpenTelemetryObserver()
    for fact in facts:
        observer.observe(fact)

"""Events become Prometheus metrics that an operator can graph, and that say nothing of users."""

import pytest
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from cachekit.errors import ConfigurationError
from cachekit.observability.prometheus import PrometheusObserver


def samples(registry):
    """What Prometheus would scrape: {(name, labels but namespace): value}; of histograms sum and count."""
    text = generate_latest(registry).decode()
    return {
        (
            sample.name,
            *(value for name, value in sorted(sample.labels.items()) if name != "namespace"),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith(("_created", "_bucket"))
    }


def test_every_kind_of_event_is_counted(facts):
    """Each with what an operator asks: outcome, source, seconds, bytes, kind, command."""
    observer = PrometheusObserver()
    for fact in facts:
        observer.observe(fact)
    assert samples(observer.registry) == {
        ("cachekit_lookups_total", "fresh", "near"): 1,
        ("cachekit_lookups_total", "stale", "redis"): 1,
        ("cachekit_lookups_total", "miss", ""): 1,
        ("cachekit_load_seconds_count", "ok"): 1,
        ("cachekit_load_seconds_sum", "ok"): 0.25,
        ("cachekit_load_seconds_count", "failed"): 1,
        ("cachekit_load_seconds_sum", "failed"): 2,
        ("cachekit_stored_bytes_count",): 1,
        ("cachekit_stored_bytes_sum",): 2048,
        ("cachekit_coalesced_total",): 1,
        ("cachekit_corrupt_values_total",): 1,
        ("cachekit_unpublished_total",): 1,
        ("cachekit_removals_total",): 1,
        ("cachekit_invalidations_total", "tag"): 1,
        ("cachekit_outages_total", "GET"): 1,
    }


def test_namespaces_are_told_apart(facts):
    """Each is a label of its own."""
    observer = PrometheusObserver()
    observer.observe(facts[0])
    labels = {"namespace": "prices", "outcome": "fresh", "source": "near"}
    assert observer.registry.get_sample_value("cachekit_lookups_total", labels) == 1


def test_nothing_that_users_typed_becomes_a_label(facts):
    """Keys, tags and patterns are unbounded and private."""
    observer = PrometheusObserver()
    for fact in facts:
        observer.observe(fact)
    assert b"user-typed" not in generate_latest(observer.registry)


def test_the_metrics_can_live_in_the_applications_registry(facts):
    """Whatever serves that registry serves them too."""
    registry = CollectorRegistry()
    observer = PrometheusObserver(registry=registry)
    observer.observe(facts[2])
    assert observer.registry is registry
    assert samples(registry)["cachekit_lookups_total", "miss", ""] == 1


def test_two_observers_on_one_registry_are_refused():
    """The text says what to do instead."""
    registry = CollectorRegistry()
    PrometheusObserver(registry=registry)
    with pytest.raises(ConfigurationError, match="one PrometheusObserver for all caches"):
        PrometheusObserver(registry=registry)


def test_a_clash_with_a_foreign_metric_leaves_the_registry_as_it_was():
    """Not even the metrics that would have fitted are registered."""
    registry = CollectorRegistry()
    foreign = Gauge("cachekit_outages_total", "not ours", registry=registry)
    with pytest.raises(ConfigurationError):
        PrometheusObserver(registry=registry)
    registry.unregister(foreign)
    PrometheusObserver(registry=registry)

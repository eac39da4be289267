"""Events as Prometheus metrics; needs the extra `prometheus`."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from cachekit.core.events import (
    Coalesced,
    CorruptValue,
    Event,
    Hit,
    Invalidated,
    Loaded,
    Miss,
    Outage,
    Removed,
    Stored,
    Unpublished,
)
from cachekit.errors import ConfigurationError
from cachekit.observability.buckets import LOAD_SECONDS, STORED_BYTES


class PrometheusObserver(Collector):
    """Counts events, for Prometheus to scrape; one may serve several caches.

    | metric | labels beside `namespace` |
    |---|---|
    | `cachekit_lookups_total` | `outcome`: fresh, stale, miss; `source`: near, redis, empty for a miss |
    | `cachekit_load_seconds` (histogram) | `outcome`: ok, failed |
    | `cachekit_stored_bytes` (histogram) | |
    | `cachekit_coalesced_total` | |
    | `cachekit_unpublished_total` | |
    | `cachekit_corrupt_values_total` | |
    | `cachekit_removals_total` | |
    | `cachekit_invalidations_total` | `kind`: tag, pattern, all |
    | `cachekit_outages_total` | `operation`: the Redis command |

    No label holds a key, a tag or a pattern: they are unbounded, and may hold what users typed.

    Args:
        registry: where the metrics are registered, e.g. `prometheus_client.REGISTRY`; by default one of its
            own, to be found at `.registry`.

    Raises ConfigurationError if the registry holds metrics of these names already; it is left as it was.
    """

    def __init__(self, *, registry: CollectorRegistry | None = None) -> None:
        self.registry = CollectorRegistry() if registry is None else registry
        self._lookups = _counter("lookups", "Lookups, by what was found and where.", "outcome", "source")
        self._loads = _histogram("load_seconds", "How long factories took.", LOAD_SECONDS, "outcome")
        self._stored = _histogram("stored_bytes", "Sizes of values as they lie in Redis.", STORED_BYTES)
        self._occurrences = {
            Coalesced: _counter("coalesced", "Callers who joined a load under way."),
            Unpublished: _counter("unpublished", "Loaded values that were overtaken and not stored."),
            CorruptValue: _counter("corrupt_values", "Values that could not be read and counted as misses."),
            Removed: _counter("removals", "Keys deleted by this process."),
        }
        self._invalidations = _counter(
            "invalidations", "Invalidation rules appended by this process.", "kind"
        )
        self._outages = _counter("outages", "Commands that Redis did not serve.", "operation")
        try:
            # All at once, so that a clash leaves nothing half registered.
            self.registry.register(self)
        except ValueError as error:
            raise ConfigurationError(
                "the registry already holds cachekit's metrics: use one PrometheusObserver for all caches, "
                "or give each a registry of its own"
            ) from error

    def observe(self, event: Event) -> None:
        """Count `event`."""
        match event:
            case Hit():
                self._lookups.labels(event.namespace, event.state, event.source).inc()
            case Miss():
                self._lookups.labels(event.namespace, "miss", "").inc()
            case Loaded():
                outcome = "failed" if event.failed else "ok"
                self._loads.labels(event.namespace, outcome).observe(event.seconds)
            case Stored():
                self._stored.labels(event.namespace).observe(event.size)
            case Coalesced() | Unpublished() | CorruptValue() | Removed():
                self._occurrences[type(event)].labels(event.namespace).inc()
            case Invalidated():
                self._invalidations.labels(event.namespace, event.kind).inc()
            case Outage():
                self._outages.labels(event.namespace, event.operation).inc()

    def describe(self) -> Iterator[Metric]:
        """The names and kinds of the metrics; called by the registry."""
        for metric in self._metrics():
            yield from metric.describe()

    def collect(self) -> Iterator[Metric]:
        """The metrics as they stand; called by the registry."""
        for metric in self._metrics():
            yield from metric.collect()

    def _metrics(self) -> Iterator[Counter | Histogram]:
        yield from (self._lookups, self._loads, self._stored)
        yield from (*self._occurrences.values(), self._invalidations, self._outages)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"cachekit_{name}", text, ("namespace", *labels), registry=None)


def _histogram(name: str, text: str, bounds: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(f"cachekit_{name}", text, ("namespace", *labels), registry=None, buckets=bounds)

"""Events as OpenTelemetry metrics; needs the extra `otel`: the API alone, since the SDK is the application's.

There are no spans. An event comes after the fact, so a span of a load could be made only once the load has
ended. The HTTP client's spans would not be its children then, and, as loads are shared and run in a context
of their own, no request's span would be its parent. Open a span in the factory, where the children are right.
"""

from opentelemetry.metrics import Counter, Histogram, MeterProvider, get_meter

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
from cachekit.observability.buckets import LOAD_SECONDS, STORED_BYTES


class OpenTelemetryObserver:
    """Records events as metrics; one may serve several caches.

    | instrument | unit | attributes beside `cachekit.namespace` |
    |---|---|---|
    | `cachekit.lookups` | {lookup} | `cachekit.outcome`: fresh, stale, miss; `cachekit.source`: near, redis |
    | `cachekit.load.duration` (histogram) | s | `cachekit.outcome`: ok, failed |
    | `cachekit.stored.size` (histogram) | By | |
    | `cachekit.coalesced` | {call} | |
    | `cachekit.unpublished` | {value} | |
    | `cachekit.corrupt` | {value} | |
    | `cachekit.removals` | {key} | |
    | `cachekit.invalidations` | {rule} | `cachekit.rule.kind`: tag, pattern, all |
    | `cachekit.outages` | {command} | `db.operation.name`: the Redis command |

    No attribute holds a key, a tag or a pattern: they are unbounded, and may hold what users typed.

    Names follow https://opentelemetry.io/docs/specs/semconv/general/naming/, units .../general/metrics/.

    Args:
        meter_provider: whose meter is used; by default the global one, also if it is set later.
    """

    def __init__(self, *, meter_provider: MeterProvider | None = None) -> None:
        meter = get_meter("cachekit", meter_provider=meter_provider)

        def counter(name: str, unit: str, text: str) -> Counter:
            return meter.create_counter(f"cachekit.{name}", unit=unit, description=text)

        def histogram(name: str, unit: str, text: str, bounds: tuple[float, ...]) -> Histogram:
            return meter.create_histogram(
                f"cachekit.{name}", unit=unit, description=text, explicit_bucket_boundaries_advisory=bounds
            )

        self._lookups = counter("lookups", "{lookup}", "Lookups, by what was found and where.")
        self._loads = histogram("load.duration", "s", "How long factories took.", LOAD_SECONDS)
        self._stored = histogram("stored.size", "By", "Sizes of values as they lie in Redis.", STORED_BYTES)
        self._occurrences = {
            Coalesced: counter("coalesced", "{call}", "Callers who joined a load under way."),
            Unpublished: counter(
                "unpublished", "{value}", "Loaded values that were overtaken and not stored."
            ),
            CorruptValue: counter(
                "corrupt", "{value}", "Values that could not be read and counted as misses."
            ),
            Removed: counter("removals", "{key}", "Keys deleted by this process."),
        }
        self._invalidations = counter(
            "invalidations", "{rule}", "Invalidation rules appended by this process."
        )
        self._outages = counter("outages", "{command}", "Commands that Redis did not serve.")

    def observe(self, event: Event) -> None:
        """Record `event`."""
        about: dict[str, str] = {"cachekit.namespace": event.namespace}
        match event:
            case Hit():
                about["cachekit.outcome"] = event.state
                about["cachekit.source"] = event.source
                self._lookups.add(1, about)
            case Miss():
                about["cachekit.outcome"] = "miss"
                self._lookups.add(1, about)
            case Loaded():
                about["cachekit.outcome"] = "failed" if event.failed else "ok"
                self._loads.record(event.seconds, about)
            case Stored():
                self._stored.record(event.size, about)
            case Coalesced() | Unpublished() | CorruptValue() | Removed():
                self._occurrences[type(event)].add(1, about)
            case Invalidated():
                about["cachekit.rule.kind"] = event.kind
                self._invalidations.add(1, about)
            case Outage():
                about["db.operation.name"] = event.operation
                self._outages.add(1, about)

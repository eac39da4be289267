"""Bounds of the histograms that are exported, the same in every exporter."""

LOAD_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""What OpenTelemetry's conventions advise for HTTP requests, which most loads are.

https://opentelemetry.io/docs/specs/semconv/http/http-metrics/
"""

STORED_BYTES = tuple(float(4**power) for power in range(3, 13))
"""From 64 bytes to 16 MiB, each four times the last."""

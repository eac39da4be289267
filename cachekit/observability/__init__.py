"""Observers that carry a cache's events elsewhere; none is imported until it is asked for.

Reading order: `buckets` (of the histograms), `prometheus` (needs the extra `prometheus`), `opentelemetry`
(needs the extra `otel`), `trace` (JSON lines and their reader) and `recorder` (which writes them).
"""

"""What an instance counts and measures, for Prometheus to scrape at `/metrics`.

No label holds a user, a socket, a session or a flight route: they are unbounded. A word from outside that
would make too many values of one label is counted as `other`.
"""

import asyncio
import re
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from itertools import accumulate
from typing import Final, Self

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from cachekit.observability.prometheus import PrometheusObserver

REQUEST_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
ANSWER_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160)

MOST_WORDS: Final = 64
"""Values of one label."""

MOST_WAIT: Final = 0.5
"""Seconds that a scrape waits for what must be asked for."""

OTHER: Final = "other"

_WORD: Final = re.compile(r"[A-Za-z0-9_:.-]{1,40}")


class Metrics:
    """The counters and measures of one instance, in a registry of their own.

    | metric | labels | |
    |---|---|---|
    | `chatbot_connects_total` | `outcome`: ok, or the code of the refusal | handshakes |
    | `chatbot_disconnects_total` | `reason` | sockets that have ended |
    | `chatbot_request_seconds` (histogram) | `event`, `code`: ok, or the error's | clients' requests |
    | `chatbot_answers_began_total` | | answers begun |
    | `chatbot_first_token_seconds` (histogram) | | from the question to the first text |
    | `chatbot_answer_seconds` (histogram) | `stop_reason` | whole answers |
    | `chatbot_tool_seconds` (histogram) | `tool`, `outcome` | tool calls |
    | `chatbot_tokens_total` | `kind`: input, output, cache_read, cache_write | tokens of the model |
    | `chatbot_…` (gauges) | | what `gauge` and `ask_for` were given |
    | `chatbot_…_total` | one | what `counts` was given |

    Beside them those of the process, of the garbage collector, and of the cache (`cachekit_…`): give `cache`
    to `cachekit.connect` as an observer.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.cache = PrometheusObserver(registry=self.registry)
        self._gauges = _Gauges()
        self._words: dict[str, set[str]] = {}
        self._asked: dict[str, Callable[[], Awaitable[float]]] = {}
        self._heard: dict[str, float] = {}
        self.registry.register(self._gauges)
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._connects = self._counter("connects", "Handshakes, by outcome.", "outcome")
        self._disconnects = self._counter("disconnects", "Sockets that have ended, by reason.", "reason")
        self._requests = _Requests()
        self.registry.register(self._requests)
        self._began = self._counter("answers_began", "Answers begun.")
        self._first = self._histogram("first_token_seconds", "From question to first text.", ANSWER_SECONDS)
        self._answers = self._histogram("answer_seconds", "Whole answers.", ANSWER_SECONDS, "stop_reason")
        self._tools = self._histogram("tool_seconds", "Tool calls.", ANSWER_SECONDS, "tool", "outcome")
        self._tokens = self._counter("tokens", "Tokens of the model.", "kind")

    def connected(self, outcome: str) -> None:
        """A handshake has ended: `ok`, or the code of the refusal."""
        self._connects.labels(self._word("outcome", outcome)).inc()

    def disconnected(self, reason: str) -> None:
        """A socket has ended."""
        self._disconnects.labels(self._word("reason", reason)).inc()

    def request(self, event: str, code: str, seconds: float) -> None:
        """A client's request was acknowledged: with `ok`, or with an error of that code."""
        noted = self._requests.noted.get((event, code))
        if noted is None:
            noted = self._requests.note(self._word("event", event), self._word("code", code))
        noted.add(seconds)

    def answer_began(self) -> None:
        """An answer is being written here."""
        self._began.inc()

    def first_token(self, seconds: float) -> None:
        """The first text of an answer has come, that long after the question."""
        self._first.observe(seconds)

    def answer_ended(self, stop_reason: str, seconds: float) -> None:
        """An answer that was written here has ended."""
        self._answers.labels(self._word("stop_reason", stop_reason)).observe(seconds)

    def tool(self, name: str, outcome: str, seconds: float) -> None:
        """A tool call has ended."""
        self._tools.labels(self._word("tool", name), self._word("tool_outcome", outcome)).observe(seconds)

    def tokens(self, kind: str, count: int) -> None:
        """The model has read or written so many tokens."""
        self._tokens.labels(self._word("kind", kind)).inc(count)

    def ask_for(self, name: str, text: str, read: Callable[[], Awaitable[float]]) -> None:
        """Show what `read()` gives as the gauge `chatbot_{name}`, where that takes a round trip.

        It is asked at each scrape, for half a second at most, and left out of one in which it raises.
        """
        self._asked[name] = read
        self.gauge(name, text, lambda: self._heard[name])

    async def ask(self) -> None:
        """Ask for what `ask_for` was given."""

        async def hear(name: str, read: Callable[[], Awaitable[float]]) -> None:
            self._heard.pop(name, None)
            # Whatever it is: one that cannot be had must not hide the others.
            with suppress(Exception):
                async with asyncio.timeout(MOST_WAIT):
                    self._heard[name] = await read()

        await asyncio.gather(*(hear(name, read) for name, read in self._asked.items()))

    def counts(self, name: str, text: str, label: str, read: Callable[[], Mapping[str, int]]) -> None:
        """Show what `read()` gives, by words of our own, as the counters `chatbot_{name}_total`."""
        self._gauges.add_counts(f"chatbot_{name}", text, label, read)

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Show what `read()` gives as the gauge `chatbot_{name}`; `text` says what it is.

        It is read at each scrape, and left out of one in which it raises.
        """
        self._gauges.add(f"chatbot_{name}", text, read)

    def _word(self, label: str, word: str) -> str:
        known = self._words.setdefault(label, set())
        if word in known:
            return word
        if len(known) >= MOST_WORDS or not _WORD.fullmatch(word):
            return OTHER
        known.add(word)
        return word

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"chatbot_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, bounds: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"chatbot_{name}", text, labels, registry=self.registry, buckets=bounds)


class LoopLag:
    """How late the event loop is: `seconds` is how long the latest timer had to wait beyond its time.

    A context: measures while it is entered, twice a second. Everything else of this process is at least as
    late, so it is the first figure to look at when an instance is slow.
    """

    INTERVAL: Final = 0.5

    def __init__(self) -> None:
        self.seconds = 0.0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self._wait()
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        self._due = loop.time() + self.INTERVAL
        self._timer = loop.call_at(self._due, self._measure)

    def _measure(self) -> None:
        self.seconds = max(0.0, asyncio.get_running_loop().time() - self._due)
        self._wait()


class _Gauges(Collector):
    """Gauges, and counts kept elsewhere, that are read when they are asked for."""

    def __init__(self) -> None:
        self._reads: dict[str, tuple[str, Callable[[], float]]] = {}
        self._counts: dict[str, tuple[str, str, Callable[[], Mapping[str, int]]]] = {}

    def add_counts(self, name: str, text: str, label: str, read: Callable[[], Mapping[str, int]]) -> None:
        self._counts[name] = (text, label, read)

    def add(self, name: str, text: str, read: Callable[[], float]) -> None:
        self._reads[name] = (text, read)

    def collect(self) -> Iterator[Metric]:
        for name, (text, read) in self._reads.items():
            try:
                value = float(read())
            except Exception:  # noqa: BLE001, S112 - one that cannot be read must not hide the others
                continue
            yield GaugeMetricFamily(name, text, value=value)
        for name, (text, label, counts) in self._counts.items():
            family = CounterMetricFamily(name, text, labels=[label])
            for word, count in counts().items():
                family.add_metric([word], count)
            yield family


class _Noted:
    """The requests of one event that ended with one code."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(REQUEST_SECONDS) + 1)
        """How many took at most as long as each bound, and longer than the one before; last, than all."""
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(REQUEST_SECONDS, seconds)] += 1
        self.seconds += seconds


class _Requests(Collector):
    """The histogram of all requests. The library's own would cost a request more than its answer does."""

    def __init__(self) -> None:
        self.noted: dict[tuple[str, str], _Noted] = {}

    def note(self, event: str, code: str) -> _Noted:
        """Where requests of that event and code are counted."""
        return self.noted.setdefault((event, code), _Noted())

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(
            "chatbot_request_seconds", "Clients' requests.", labels=("event", "code")
        )
        bounds = [*(str(float(bound)) for bound in REQUEST_SECONDS), "+Inf"]
        for labels, noted in self.noted.items():
            sums = list(zip(bounds, accumulate(noted.counts), strict=True))
            family.add_metric(labels, buckets=sums, sum_value=noted.seconds)
        yield family


def metrics_routes(metrics: Metrics) -> web.RouteTableDef:
    """The route `/metrics`, in the text format that the scraper asks for."""
    routes = web.RouteTableDef()

    @routes.get("/metrics")
    async def scrape(request: web.Request) -> web.Response:
        await metrics.ask()
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(metrics.registry), headers={"Content-Type": content_type})

    return routes

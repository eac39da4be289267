"""What an instance shows to Prometheus, and what it never shows."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

import cachekit
from cachekit.errors import CacheUnavailable
from chatbot.metrics import MOST_WORDS, OTHER, LoopLag, Metrics, metrics_routes


@pytest.fixture
def metrics():
    return Metrics()


def application_of(metrics):
    application = web.Application()
    application.add_routes(metrics_routes(metrics))
    return application


def value(metrics, name, **labels):
    return metrics.registry.get_sample_value(name, labels)


def test_everything_is_counted_under_its_name(metrics):
    """Each call moves one metric."""
    metrics.connected("ok")
    metrics.connected("token_expired")
    metrics.disconnected("slow")
    metrics.request("chat:message", "ok", 0.004)
    metrics.answer_began()
    metrics.first_token(0.3)
    metrics.answer_ended("end_turn", 4.0)
    metrics.tool("search_flights", "done", 1.2)
    metrics.tokens("input", 1_200)
    assert value(metrics, "chatbot_connects_total", outcome="ok") == 1
    assert value(metrics, "chatbot_connects_total", outcome="token_expired") == 1
    assert value(metrics, "chatbot_disconnects_total", reason="slow") == 1
    assert value(metrics, "chatbot_request_seconds_sum", event="chat:message", code="ok") == 0.004
    assert value(metrics, "chatbot_answers_began_total") == 1
    assert value(metrics, "chatbot_first_token_seconds_count") == 1
    assert value(metrics, "chatbot_answer_seconds_bucket", stop_reason="end_turn", le="5.0") == 1
    assert value(metrics, "chatbot_tool_seconds_sum", tool="search_flights", outcome="done") == 1.2
    assert value(metrics, "chatbot_tokens_total", kind="input") == 1_200


def test_words_from_outside_are_bounded(metrics):
    """Whatever is made up, a label has a bounded number of values, and none that is no word."""
    for number in range(1_000):
        metrics.request(f"event{number}", f"code{number}", 0.001)
        metrics.disconnected(f"reason {number}\n")
    series = [sample.labels for family in metrics.registry.collect() for sample in family.samples]
    assert len({each["event"] for each in series if "event" in each}) == MOST_WORDS + 1
    assert {each["reason"] for each in series if "reason" in each} == {OTHER}
    assert value(metrics, "chatbot_disconnects_total", reason=OTHER) == 1_000


def test_a_gauge_is_read_when_it_is_scraped(metrics):
    """With the value of that moment; one that fails is left out, and the others are there."""
    sockets = []
    metrics.gauge("sockets", "Sockets held.", lambda: len(sockets))
    metrics.gauge("broken", "Never there.", lambda: 1 / 0)
    sockets.append("x")
    assert value(metrics, "chatbot_sockets") == 1
    assert value(metrics, "chatbot_broken") is None


async def test_what_takes_a_round_trip_is_asked_for_at_each_scrape(metrics, monkeypatch):
    """What fails, or takes too long, is left out; the others are there."""
    monkeypatch.setattr("chatbot.metrics.MOST_WAIT", 0.05)
    backlog = [7.0, 8.0]

    async def read():
        return backlog.pop(0)

    async def fail():
        raise CacheUnavailable("away", operation="XLEN")

    metrics.ask_for("backlog", "What waits.", read)
    metrics.ask_for("failing", "Never there.", fail)
    metrics.ask_for("hanging", "Never there.", asyncio.Event().wait)
    async with TestClient(TestServer(application_of(metrics))) as client:
        for expected in (7, 8, None):
            text = await (await client.get("/metrics")).text()
            found = {each.name: each.value for family in parse(text) for each in family.samples}
            assert found.get("chatbot_backlog") == expected
            assert not found.keys() & {"chatbot_failing", "chatbot_hanging"}


def test_counts_kept_elsewhere_are_shown(metrics):
    """By their words."""
    lost = {"slow": 2}
    metrics.counts("transports_ended", "Ended.", "reason", lambda: lost)
    lost["handshake"] = 1
    assert value(metrics, "chatbot_transports_ended_total", reason="slow") == 2
    assert value(metrics, "chatbot_transports_ended_total", reason="handshake") == 1


def test_each_instance_has_metrics_of_its_own():
    """Two in one process do not count for each other."""
    one, other = Metrics(), Metrics()
    one.answer_began()
    assert value(one, "chatbot_answers_began_total") == 1
    assert value(other, "chatbot_answers_began_total") == 0


async def test_the_cache_is_in_the_same_registry(redis_url, metrics):
    """Given as an observer, it counts the cache's hits and loads."""
    async with cachekit.connect(redis_url, observers=[metrics.cache]) as cache:
        space = cache.namespace("flights")

        async def load():
            return 1

        await space.get_or_set(space.key("x"), load)
    assert value(metrics, "cachekit_load_seconds_count", namespace="flights", outcome="ok") == 1


@pytest.mark.parametrize(
    ("accept", "read"),
    [("", parse), ("application/openmetrics-text; version=1.0.0", parse_openmetrics)],
    ids=["prometheus", "openmetrics"],
)
async def test_a_scraper_can_read_it(metrics, accept, read):
    """In the format it asks for."""
    metrics.answer_began()
    application = web.Application()
    application.add_routes(metrics_routes(metrics))
    async with TestClient(TestServer(application)) as client:
        reply = await client.get("/metrics", headers={"Accept": accept})
        names = {family.name for family in read(await reply.text())}
    assert {"chatbot_answers_began", "python_gc_collections"} <= names
    assert any(name.startswith("process_") for name in names)


async def test_the_loop_lag_is_measured():
    """A loop that was blocked is seen to be late; one that is closed is measured no more."""
    loop = asyncio.get_running_loop()
    async with LoopLag() as lag:
        due = lag._due
        lag._due -= 3
        lag._measure()
        assert lag.seconds >= 2
        assert lag._due >= due
        timer = lag._timer
    assert timer is not None
    assert timer.cancelled()
    assert loop.is_running()

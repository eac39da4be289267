"""Recordings go before what the sandbox makes up, behind the same token, limits and faults."""

import json

import httpx
import pytest
from support.sandbox import AIRLINES, NOW, OFFERS, QUERY, ask_for_token

from cachekit.amadeus.sandbox import Fault, Limits, SandboxServer
from cachekit.amadeus.sandbox.replay import Replay

SEATMAPS = "/v1/shopping/seatmaps"


def write(directory, name, path, query, document, **response):
    """One recording of a GET."""
    recording = {
        "format": 1,
        "recorded_at": "2026-11-22T12:00:00Z",
        "request": {"verb": "GET", "path": path, "query": query},
        "response": {"status": 200, "json": document} | response,
    }
    (directory / name).write_text(json.dumps(recording))


@pytest.fixture
def recordings(tmp_path):
    headers = {"content-type": "application/vnd.amadeus+json", "ama-request-id": "as-recorded"}
    link = {"self": "https://recorded.invalid/v2/shopping/flight-offers"}
    write(tmp_path, "a.json", OFFERS, QUERY, {"data": [], "meta": {"links": link}}, headers=headers)
    write(tmp_path, "b.json", SEATMAPS, {}, {"data": ["seats"]}, status=203)
    return Replay(tmp_path)


@pytest.fixture
async def server(recordings):
    async with SandboxServer(clock=lambda: NOW, replay=recordings) as running:
        yield running


@pytest.fixture
async def http(server):
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as opened:
        token = (await ask_for_token(opened, server)).json()["access_token"]
        opened.headers["Authorization"] = f"Bearer {token}"
        yield opened


async def test_a_recorded_request_gets_the_recorded_answer(server, http):
    """Headers and all; links lead to this server."""
    reply = await http.get(OFFERS, params=QUERY)
    assert reply.json() == {"data": [], "meta": {"links": {"self": f"{server.url}{OFFERS}"}}}
    assert reply.headers["Ama-Request-Id"] == "as-recorded"
    assert reply.headers["Content-Type"] == "application/vnd.amadeus+json"


async def test_other_requests_are_answered_as_ever(http):
    """By the inventory."""
    assert (await http.get(OFFERS, params=QUERY | {"adults": "2"})).json()["data"]


async def test_a_path_that_only_recordings_know_is_served(server, http):
    """Counted among the unknown ones; what is recorded for it needs a token like any data."""
    assert (await http.get(SEATMAPS)).json() == {"data": ["seats"]}
    assert (await http.get(SEATMAPS, params={"a": "b"})).status_code == 404
    assert (await http.get(SEATMAPS, headers={"Authorization": ""})).status_code == 401
    assert server.state.statuses["unknown"] == {"203": 1, "404": 1, "401": 1}


async def test_recordings_stand_behind_token_limits_and_faults(server, http):
    """As the answers that are made up do."""
    assert (await http.get(OFFERS, params=QUERY, headers={"Authorization": ""})).status_code == 401
    server.state.fail_next(Fault(kind="empty"))
    assert (await http.get(OFFERS, params=QUERY)).content == b""
    server.state.limits = Limits(quota=0)
    assert (await http.get(OFFERS, params=QUERY)).status_code == 429


async def test_a_reset_begins_with_the_first_take_again(tmp_path, recordings):
    """Takes follow one another until then."""
    write(tmp_path, "later.json", SEATMAPS, {}, {"data": ["later"]})
    replay = Replay(tmp_path)
    assert len(replay) == len(recordings)
    async with (
        SandboxServer(clock=lambda: NOW, replay=replay) as other,
        httpx.AsyncClient(base_url=other.url, trust_env=False) as there,
    ):
        told = []
        for _ in range(2):
            token = other.state.tokens.grant().value
            headers = {"Authorization": f"Bearer {token}"}
            told += [(await there.get(SEATMAPS, headers=headers)).json()["data"] for _ in range(2)]
            await there.post("/_sandbox/reset")
    assert told == [["seats"], ["later"]] * 2


async def test_only_recordings_are_served_where_that_is_wanted(recordings):
    """All else is not found, and tokens are granted all the same."""
    async with (
        SandboxServer(clock=lambda: NOW, replay=recordings, replay_only=True) as server,
        httpx.AsyncClient(base_url=server.url, trust_env=False) as http,
    ):
        http.headers["Authorization"] = f"Bearer {server.state.tokens.grant().value}"
        assert (await http.get(OFFERS, params=QUERY)).status_code == 200
        refused = await http.get(AIRLINES)
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (404, 1797)

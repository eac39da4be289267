"""Recording one sandbox and replaying it in another: the whole way, over HTTP."""

import asyncio
import json
from datetime import UTC, date, datetime

import httpx
import pytest

from cachekit.amadeus.client import AmadeusClient
from cachekit.amadeus.errors import AmadeusRequestError
from cachekit.amadeus.params import FlightSearch
from cachekit.amadeus.recording import RecordingTransport
from cachekit.amadeus.sandbox import SandboxServer
from cachekit.amadeus.sandbox.replay import Replay

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SEARCH = FlightSearch(origin="GRU", destination="LIS", departure_date=date(2026, 12, 12), max_results=3)
BACK = FlightSearch(origin="LIS", destination="GRU", departure_date=date(2026, 12, 20), max_results=2)
CLIENT_ID, CLIENT_SECRET = "contract-4711", "hush-hush-42"


@pytest.fixture
async def live():
    """The service that is recorded: a sandbox with credentials and prices of its own."""
    async with SandboxServer(
        seed=7, clock=lambda: NOW, client_id=CLIENT_ID, client_secret=CLIENT_SECRET
    ) as server:
        yield server


@pytest.fixture
def record(live, tmp_path):
    """Run some requests against the service, recorded; returns what they gave."""

    async def recorded(*steps, **options):
        transport = RecordingTransport(tmp_path, base_url=live.url, clock=lambda: NOW, **options)
        async with httpx.AsyncClient(transport=transport) as http:
            client = AmadeusClient(live.url, CLIENT_ID, CLIENT_SECRET, http=http, retries=0)
            async with client:
                answers = [await step(client) for step in steps]
        assert transport.missed == 0
        return answers

    return recorded


@pytest.fixture
async def replayed(tmp_path):
    """Ask a sandbox that knows nothing but the recordings."""
    opened = []

    async def replay(*steps, replay_only=True):
        replay = Replay(tmp_path)
        server = SandboxServer(seed=1, clock=lambda: NOW, replay=replay, replay_only=replay_only)
        opened.append(server)
        async with (
            server,
            AmadeusClient(server.url, server.client_id, server.client_secret, retries=0) as client,
        ):
            return [without_links(await step(client), server) for step in steps]

    return replay


def searching(request):
    async def step(client):
        try:
            return await client.search(request)
        except AmadeusRequestError as error:
            return {"status": error.status, "code": error.code, "title": error.title, "source": error.source}

    return step


def without_links(document, server):
    """The document with the server's own address taken out, which is all that may differ."""
    return json.loads(json.dumps(document).replace(server.url, "HERE"))


async def test_a_replay_gives_the_answers_that_were_recorded(live, record, replayed):
    """To the last key, though the replaying sandbox has other prices; links lead to it."""
    answers = await record(searching(SEARCH), searching(BACK))
    assert answers[0]["data"]
    expected = [without_links(answer, live) for answer in answers]
    assert await replayed(searching(SEARCH), searching(BACK)) == expected
    assert "HERE/v2/shopping/flight-offers?" in json.dumps(expected[0]["meta"])


async def test_nothing_of_the_account_is_in_the_files(live, record, tmp_path):
    """No credential, no token, no address, and no file of the token exchange."""
    await record(searching(SEARCH))
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("GET flight-offers GRU-LIS 2026-12-12 ")
    text = path.read_text()
    for secret in (CLIENT_ID, CLIENT_SECRET, "127.0.0.1", live.url.rpartition(":")[2], "Bearer"):
        assert secret not in text


async def test_a_refusal_is_replayed_too(live, record, replayed):
    """With the service's own code and source."""
    past = FlightSearch(origin="GRU", destination="LIS", departure_date=date(2026, 1, 1))
    answers = await record(searching(past))
    assert answers[0]["status"] == 400
    assert await replayed(searching(past)) == answers


async def test_what_is_not_recorded_is_made_up_or_refused(record, replayed):
    """As the sandbox is told: its own offers, or a 404 that says so."""
    await record(searching(SEARCH))
    (made_up,) = await replayed(searching(BACK), replay_only=False)
    assert len(made_up["data"]) == 2
    (refused,) = await replayed(searching(BACK))
    assert (refused["status"], refused["code"]) == (404, 1797)


async def test_a_replay_shows_a_price_change(live, record, replayed):
    """Kept takes come one after the other, and the last one holds."""

    async def a_week_later(_):
        live.state.set_now(datetime(2026, 11, 29, 12, tzinfo=UTC))

    first, _, later = await record(searching(SEARCH), a_week_later, searching(SEARCH), repeats="keep")
    assert first["data"] != later["data"]
    shown = await replayed(searching(SEARCH), searching(SEARCH), searching(SEARCH))
    assert [answer["data"] for answer in shown] == [first["data"], later["data"], later["data"]]


async def test_a_posted_body_is_matched_by_value(live, tmp_path):
    """A POST that is written in another way gets the recorded answer."""
    body = {"z": 1, "list": [{"a": True}]}
    service = httpx.MockTransport(lambda _: httpx.Response(200, json={"data": ["recorded"]}))
    async with httpx.AsyncClient(transport=RecordingTransport(tmp_path, service)) as http:
        await http.post("https://gateway.example/v9/offers?b=2&a=1", json=body)
    server = SandboxServer(replay=Replay(tmp_path), replay_only=True)
    async with server, httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        form = {"grant_type": "client_credentials", "client_id": server.client_id}
        token = await http.post(
            "/v1/security/oauth2/token", data=form | {"client_secret": server.client_secret}
        )
        answer = await http.post(
            "/v9/offers?a=1&b=%32",
            content=b'{"list": [{"a": true}],\n "z": 1.0}',
            headers={"authorization": f"Bearer {token.json()['access_token']}"},
        )
    assert (answer.status_code, answer.json()) == (200, {"data": ["recorded"]})


async def test_a_recorded_search_may_be_asked_for_after_its_day(record, tmp_path):
    """A recording has no date; what the sandbox makes up beside it follows the clock, which can be set."""
    (recorded,) = await record(searching(SEARCH))
    replay = Replay(tmp_path)
    server = SandboxServer(clock=lambda: datetime(2030, 1, 1, tzinfo=UTC), replay=replay)
    async with server, AmadeusClient(server.url, server.client_id, server.client_secret) as client:
        assert (await client.search(SEARCH))["data"] == recorded["data"]
        assert (await searching(BACK)(client))["status"] == 400
        server.state.set_now(replay.recorded_at)
        assert len((await client.search(BACK))["data"]) == 2


async def test_many_searches_at_once_are_recorded_and_replayed(live, record, replayed):
    """Each gets its own answer."""
    searches = [
        FlightSearch(origin="GRU", destination="LIS", departure_date=date(2026, 12, day), max_results=1)
        for day in range(1, 13)
    ]

    async def all_at_once(client):
        return {"all": await asyncio.gather(*map(client.search, searches))}

    (answers,) = await record(all_at_once)
    assert await replayed(all_at_once) == [without_links(answers, live)]

"""The knobs of a running sandbox make real trouble, and can be turned back."""

import asyncio
import gzip

import httpx
import pytest
from support.sandbox import (
    AIRLINES,
    DATES,
    LOCATIONS,
    OFFERS,
    OVERRIDE,
    PRICING,
    QUERY,
    TOKEN,
    ask_for_token,
    posted,
)

from cachekit.amadeus.errors import (
    AmadeusAuthError,
    AmadeusError,
    AmadeusQuotaError,
    AmadeusRateLimitError,
    AmadeusReplyError,
    AmadeusRequestError,
    AmadeusServerError,
    AmadeusUnavailable,
)
from cachekit.amadeus.params import FlightSearch
from cachekit.amadeus.sandbox import Fault, Latency, SandboxState
from cachekit.amadeus.sandbox.faults import ENDPOINTS

SEARCH = FlightSearch.from_query(QUERY)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(), AmadeusServerError),
        (Fault(code=38194), AmadeusRateLimitError),
        (Fault(code=38195), AmadeusQuotaError),
        (Fault(code=477), AmadeusRequestError),
        (Fault(code=38191), AmadeusAuthError),
        (Fault(kind="disconnect"), AmadeusUnavailable),
        (Fault(kind="cut"), AmadeusUnavailable),
        (Fault(kind="html"), AmadeusReplyError),
        (Fault(kind="bad-gateway"), AmadeusServerError),
        (Fault(kind="redirect"), AmadeusReplyError),
        (Fault(kind="empty"), AmadeusReplyError),
        (Fault(kind="truncated"), AmadeusReplyError),
        (Fault(kind="errors-in-200"), AmadeusReplyError),
        (Fault(kind="huge"), AmadeusReplyError),
        (Fault(kind="bomb"), AmadeusReplyError),
        (Fault(kind="wrong-types"), AmadeusReplyError),
        (Fault(endpoint="token", kind="disconnect"), AmadeusUnavailable),
        (Fault(endpoint="token", kind="truncated"), AmadeusReplyError),
        (Fault(endpoint="token", kind="wrong-types"), AmadeusReplyError),
        (Fault(endpoint="token", code=38189), AmadeusServerError),
    ],
)
async def test_injected_faults_reach_the_client_as_typed_errors(server, client, fault, kind):
    """One fault, one failure; then all is well again."""
    server.state.fail_next(fault)
    with pytest.raises(AmadeusError) as caught:
        await client.search(SEARCH)
    assert type(caught.value) is kind
    assert (await client.search(SEARCH))["data"]


async def test_a_slow_or_oddly_labelled_answer_is_whole(server, let_in):
    """Both arrive as they would without the fault."""
    plain = (await let_in.get(OFFERS, params=QUERY)).json()
    server.state.fail_next(Fault(kind="slow", seconds=0.01))
    server.state.fail_next(Fault(kind="charset"))
    slow = await let_in.get(OFFERS, params=QUERY)
    labelled = await let_in.get(OFFERS, params=QUERY)
    assert slow.json() == labelled.json() == plain
    assert labelled.headers["Content-Type"] == "application/vnd.amadeus+json; charset=utf-8"


async def test_a_slow_answer_can_outlast_patience(server, let_in, caplog):
    """The first half comes at once, so that only the reading times out; nobody is blamed for it."""
    server.state.fail_next(Fault(kind="slow", seconds=0.3))
    with pytest.raises(httpx.ReadTimeout):
        await let_in.get(OFFERS, params=QUERY, timeout=httpx.Timeout(5, read=0.1))
    async with asyncio.timeout(10):
        while "flight-offers" not in server.state.statuses:
            await asyncio.sleep(0.01)
    assert server.state.statuses["flight-offers"] == {"none": 1}
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_large_answer_is_as_large_as_told(server, let_in):
    """Plain, or packed so that only its reader finds out; it is valid JSON all the same."""
    for kind in ("huge", "bomb"):
        server.state.fail_next(Fault(kind=kind, megabytes=2))
    huge = await let_in.get(OFFERS, params=QUERY)
    assert len(huge.content) == 2_000_000
    assert len(huge.json()["data"]) == 3
    async with let_in.stream("GET", OFFERS, params=QUERY) as bomb:
        packed = b"".join([part async for part in bomb.aiter_raw()])
    assert len(packed) < 100_000
    assert gzip.decompress(packed) == huge.content


async def test_a_falsified_answer_is_well_formed_and_wrong(server, let_in):
    """Another route, another day, or items that are no offers, each with status 200."""
    plain = (await let_in.get(OFFERS, params=QUERY)).json()["data"]
    wrong = {}
    for kind in ("wrong-route", "wrong-date", "wrong-items"):
        server.state.fail_next(Fault(kind=kind))
        wrong[kind] = (await let_in.get(OFFERS, params=QUERY)).json()["data"]
    first, last = _ends(wrong["wrong-route"][0])
    assert (first["iataCode"], last["iataCode"]) == ("LIS", "GRU")
    assert _ends(plain[0])[0]["at"].startswith("2026-12-12")
    assert _ends(wrong["wrong-date"][0])[0]["at"].startswith("2026-12-13")
    assert wrong["wrong-items"] == ["unexpected"] * 3


def _ends(offer):
    segments = offer["itineraries"][0]["segments"]
    return segments[0]["departure"], segments[-1]["arrival"]


async def test_a_refused_request_is_not_spoiled(server, let_in):
    """A fault of the answer is used up by it all the same."""
    server.state.fail_next(Fault(kind="truncated"))
    assert (await let_in.get(OFFERS)).json()["errors"]
    assert (await let_in.get(OFFERS, params=QUERY)).json()["data"]


REQUESTS = {
    "token": ("POST", TOKEN, {}),
    "token-state": ("GET", f"{TOKEN}/x", {}),
    "flight-offers": ("GET", OFFERS, {"params": QUERY}),
    "flight-offers-post": ("POST", OFFERS, {"json": posted(), "headers": OVERRIDE}),
    "pricing": ("POST", PRICING, {"json": {}}),
    "flight-dates": ("GET", DATES, {"params": {"origin": "MAD"}}),
    "locations": ("GET", LOCATIONS, {"params": {"subType": "CITY", "keyword": "LON"}}),
    "location": ("GET", f"{LOCATIONS}/CLON", {}),
    "airlines": ("GET", AIRLINES, {"params": {"airlineCodes": "BA"}}),
}


@pytest.mark.parametrize("endpoint", REQUESTS)
async def test_each_endpoint_has_its_own_faults_and_counters(server, let_in, endpoint):
    """A fault meets only requests to its endpoint, and every answer is counted by its status."""
    method, path, more = REQUESTS[endpoint]
    before = server.stats.get(endpoint, 0)
    server.state.fail_next(Fault(endpoint=endpoint, code=38189))
    for other, (verb, address, options) in REQUESTS.items():
        if other != endpoint:
            assert (await let_in.request(verb, address, **options)).status_code != 500
    assert (await let_in.request(method, path, **more)).status_code == 500
    assert server.stats[endpoint] == before + 1
    assert server.state.statuses[endpoint]["500"] == 1


async def test_a_cut_connection_is_counted_as_no_answer(server, let_in):
    """It has no status."""
    server.state.fail_next(Fault(kind="disconnect"))
    with pytest.raises(httpx.RemoteProtocolError):
        await let_in.get(OFFERS, params=QUERY)
    assert server.state.statuses["flight-offers"] == {"none": 1}


async def test_faults_are_injected_and_taken_back_over_http(http, client):
    """The knob takes kind, code and count."""
    await http.post("/_sandbox/faults", json={"code": 38189, "count": 2})
    for _ in range(2):
        with pytest.raises(AmadeusServerError):
            await client.search(SEARCH)
    await client.search(SEARCH)
    told = await http.post("/_sandbox/faults", json={"kind": "huge", "megabytes": 1, "count": 3})
    assert told.json()["faults_waiting"] == 3
    assert (await http.delete("/_sandbox/faults")).json()["faults_waiting"] == 0
    await client.search(SEARCH)


async def test_tokens_are_revoked_over_http(http, server, client):
    """The client gets another one."""
    await client.search(SEARCH)
    assert (await http.post("/_sandbox/tokens/revoke")).status_code == 200
    await client.search(SEARCH)
    assert server.stats["token"] == 2
    assert server.state.statuses["flight-offers"] == {"200": 2, "401": 1}


async def test_the_lifetime_of_tokens_is_for_those_granted_later(http, server):
    """The next one has it."""
    await http.post("/_sandbox/tokens", json={"lifetime": 5})
    assert (await ask_for_token(http, server)).json()["expires_in"] == 5


async def test_the_clock_is_set_and_moved(http):
    """To a moment, and on from there."""
    told = await http.post("/_sandbox/clock", json={"now": "2026-11-29T12:00:00Z"})
    assert told.json()["now"] == "2026-11-29T12:00:00Z"
    told = await http.post("/_sandbox/clock", json={"advance": 90})
    assert told.json()["now"] == "2026-11-29T12:01:30Z"


async def test_knobs_are_shown_and_turned_back(http, client):
    """Stats count by endpoint and status; a reset brings the beginning back."""
    await client.search(SEARCH)
    for path, body in (
        ("limits", {"quota": 0}),
        ("latency", {"median_ms": 1}),
        ("tokens", {"lifetime": 5}),
        ("faults", {}),
        ("clock", {"advance": 60}),
        ("tokens/expire", {}),
        ("tokens/revoke", {}),
    ):
        assert (await http.post(f"/_sandbox/{path}", json=body)).status_code == 200
    stats = (await http.get("/_sandbox/stats")).json()
    assert stats == {
        "now": "2026-11-22T12:01:00Z",
        "seed": 1,
        "requests": {"token": 1, "flight-offers": 1},
        "statuses": {"token": {"200": 1}, "flight-offers": {"200": 1}},
        "quota_used": 1,
        "faults_waiting": 1,
    }
    reset = (await http.post("/_sandbox/reset")).json()
    assert (reset["requests"], reset["statuses"], reset["now"]) == ({}, {}, "2026-11-22T12:00:00Z")
    await client.search(SEARCH)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("clock", '{"now": "yesterday"}'),
        ("clock", '{"now": "2026-11-22T12:00:00"}'),
        ("clock", '{"now": "1999-11-22T12:00:00Z"}'),
        ("clock", '{"now": "2099-12-31T12:00:00Z", "advance": 40000000}'),
        ("clock", '{"now": "9999-12-31T12:00:00Z", "advance": 40000000}'),
        ("latency", '{"median_ms": -1}'),
        ("faults", '{"code": 1}'),
        ("faults", '{"kind": "fire"}'),
        ("faults", '{"endpoint": "hotels"}'),
        ("faults", '{"megabytes": 101}'),
        ("limits", '{"perSecond": 1}'),
        ("tokens", "not json"),
        ("tokens", "[" * 100_000),
        ("tokens", " " * 5_000_000),
    ],
)
async def test_a_bad_knob_is_refused(http, path, body):
    """400, with a reason."""
    reply = await http.post(f"/_sandbox/{path}", content=body)
    assert reply.status_code == 400
    assert reply.json()["error"]


@pytest.mark.parametrize("path", ["/sandbox/stats", "/_sandbox/nothing"])
async def test_what_is_no_knob_is_a_path_of_the_service(http, path):
    """An unknown one."""
    assert (await http.get(path)).json()["errors"][0]["code"] == 38196


def test_delays_are_drawn_around_their_median_and_bounded():
    """The same in every run; none at all by default."""
    state = SandboxState(seed=1, latency=Latency(median_ms=400, most_ms=900))
    delays = sorted(state.delay("flight-offers", ordinal) for ordinal in range(500))
    assert delays[250] == pytest.approx(0.4, rel=0.1)
    assert 0.1 < delays[0] < delays[-1] <= 0.9
    assert SandboxState().delay("flight-offers", 1) == 0


def test_the_table_above_covers_every_endpoint():
    """A path that is added is tested for its faults."""
    assert set(REQUESTS) == set(ENDPOINTS)

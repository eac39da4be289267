"""The sandbox as a server: its wire is that of the real service, its knobs make real trouble."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cachekit.amadeus.client import AmadeusClient
from cachekit.amadeus.errors import (
    AmadeusAuthError,
    AmadeusError,
    AmadeusQuotaError,
    AmadeusRateLimitError,
    AmadeusReplyError,
    AmadeusRequestError,
    AmadeusServerError,
    AmadeusUnavailable,
    InvalidFlightSearch,
)
from cachekit.amadeus.params import FlightSearch
from cachekit.amadeus.sandbox import Fault, Latency, Limits, SandboxServer, SandboxState
from cachekit.amadeus.sandbox.issues import TITLES, Issue, Refusal
from cachekit.amadeus.sandbox.query import read_search

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
QUERY = {
    "originLocationCode": "GRU",
    "destinationLocationCode": "LIS",
    "departureDate": "2026-12-12",
    "adults": "1",
}
SEARCH = FlightSearch(origin="GRU", destination="LIS", departure_date=date(2026, 12, 12), max_results=3)
SEARCH_PATH = "/v2/shopping/flight-offers"
TOKEN_PATH = "/v1/security/oauth2/token"


@pytest.fixture
async def server():
    async with SandboxServer(seed=1, clock=lambda: NOW) as running:
        yield running


@pytest.fixture
async def http(server):
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as opened:
        yield opened


@pytest.fixture
async def client(server):
    async with AmadeusClient(server.url, server.client_id, server.client_secret, retries=0) as opened:
        yield opened


async def ask_for_token(http, server, **changes):
    form = {
        "grant_type": "client_credentials",
        "client_id": server.client_id,
        "client_secret": server.client_secret,
    }
    return await http.post(TOKEN_PATH, data=form | changes)


@pytest.fixture
async def bearer(http, server):
    token = (await ask_for_token(http, server)).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


async def test_the_client_finds_offers_in_the_sandbox(server, client):
    """Over real HTTP: a token, a search, a whole document."""
    reply = await client.search(SEARCH)
    assert reply["meta"]["count"] == len(reply["data"]) == 3
    assert set(reply) == {"meta", "data", "dictionaries"}
    assert server.stats == {"token": 1, "flight-offers": 1}


async def test_a_proxy_in_the_environment_does_not_hide_the_sandbox(server, monkeypatch):
    """Loopback addresses are reached directly."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with AmadeusClient(server.url, server.client_id, server.client_secret, retries=0) as client:
        assert (await client.search(SEARCH))["data"]


async def test_the_same_search_at_the_same_time_gives_the_same_answer(server, client):
    """Two servers with one seed agree, but for the address in the link."""
    async with (
        SandboxServer(seed=1, clock=lambda: NOW) as other,
        AmadeusClient(other.url, other.client_id, other.client_secret) as there,
    ):
        assert (await there.search(SEARCH))["data"] == (await client.search(SEARCH))["data"]


async def test_content_types_are_bare_and_requests_have_ids(http, bearer):
    """The official SDK compares the whole header; no cache or rate headers are sent."""
    reply = await http.get(SEARCH_PATH, params=QUERY, headers=bearer)
    assert reply.headers["Content-Type"] == "application/vnd.amadeus+json"
    assert reply.headers["Ama-Request-Id"]
    assert not {"ETag", "Cache-Control", "Retry-After"} & set(reply.headers)
    assert reply.json()["meta"]["links"]["self"] == str(reply.url)
    refused = await http.get(SEARCH_PATH, headers=bearer)
    assert refused.headers["Content-Type"] == "application/vnd.amadeus+json"


async def test_a_token_is_granted_and_its_state_told(http, server):
    """The document is that of the OAuth endpoint."""
    granted = await ask_for_token(http, server)
    document = granted.json()
    assert granted.headers["Content-Type"] == "application/json"
    assert (document["type"], document["token_type"]) == ("amadeusOAuth2Token", "Bearer")
    assert (document["expires_in"], document["state"]) == (1799, "approved")
    state = await http.get(f"{TOKEN_PATH}/{document['access_token']}")
    assert state.json() == document
    assert (await http.get(f"{TOKEN_PATH}/unknown")).status_code == 404


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": ""}, 401, "invalid_client"),
    ],
)
async def test_token_errors_are_flat(http, server, changes, status, error):
    """They are not the error document of the data paths."""
    reply = await ask_for_token(http, server, **changes)
    assert reply.status_code == status
    assert reply.json()["error"] == error
    assert (reply.json()["code"], reply.json()["title"]) == (38187, "Invalid parameters")


@pytest.mark.parametrize(
    ("header", "code"),
    [({}, 38191), ({"Authorization": "Basic x"}, 38191), ({"Authorization": "Bearer x"}, 38190)],
)
async def test_a_search_needs_a_good_token(http, header, code):
    """A missing header and an unknown token are told apart."""
    reply = await http.get(SEARCH_PATH, params=QUERY, headers=header)
    assert reply.status_code == 401
    assert reply.json()["errors"][0]["code"] == code


async def test_a_token_ends_with_its_lifetime(http, server, bearer):
    """Afterwards it is expired, not unknown."""
    await http.post("/sandbox/clock", json={"advance": 1798})
    assert (await http.get(SEARCH_PATH, params=QUERY, headers=bearer)).status_code == 200
    await http.post("/sandbox/clock", json={"advance": 1})
    reply = await http.get(SEARCH_PATH, params=QUERY, headers=bearer)
    assert reply.json()["errors"][0]["code"] == 38192


@pytest.mark.parametrize(
    ("changes", "code", "parameter"),
    [
        ({"originLocationCode": None}, 32171, "originLocationCode"),
        ({"adults": None}, 32171, "adults"),
        ({"originLocationCode": "gru"}, 477, "originLocationCode"),
        ({"departureDate": "12/12/2026"}, 477, "departureDate"),
        ({"departureDate": "2026-02-30"}, 425, "departureDate"),
        ({"departureDate": "2026-11-20"}, 4926, "departureDate"),
        ({"departureDate": "2027-11-24"}, 425, "departureDate"),
        ({"returnDate": "2026-12-11"}, 4926, "returnDate"),
        ({"adults": "0"}, 4926, "adults"),
        ({"adults": "one"}, 477, "adults"),
        ({"adults": "5", "children": "5"}, 10661, "children"),
        ({"infants": "2"}, 2668, "infants"),
        ({"travelClass": "COACH"}, 572, "travelClass"),
        ({"includedAirlineCodes": "TP,"}, 477, "includedAirlineCodes"),
        ({"includedAirlineCodes": "TP", "excludedAirlineCodes": "LA"}, 2668, "excludedAirlineCodes"),
        ({"includedAirlineCodes": ["TP", "LA"]}, 10661, "includedAirlineCodes"),
        ({"nonStop": "True"}, 477, "nonStop"),
        ({"currencyCode": "XXX"}, 4926, "currencyCode"),
        ({"maxPrice": "99.5"}, 477, "maxPrice"),
        ({"max": "0"}, 4926, "max"),
        ({"destinationLocationCode": "GRU"}, 2668, "destinationLocationCode"),
        ({"sort": "price"}, 477, "sort"),
    ],
)
async def test_a_bad_parameter_is_named(http, bearer, changes, code, parameter):
    """Status 400, the documented code and title, and the parameter at fault."""
    query = {name: value for name, value in (QUERY | changes).items() if value is not None}
    reply = await http.get(SEARCH_PATH, params=query, headers=bearer)
    issue = reply.json()["errors"][0]
    assert reply.status_code == issue["status"] == 400
    assert (issue["code"], issue["title"]) == (code, TITLES[code][1])
    assert issue["source"] == {"parameter": parameter}


async def test_every_bad_parameter_is_listed(http, bearer):
    """One reply tells all of a kind."""
    query = QUERY | {"originLocationCode": "x", "nonStop": "1"}
    reply = await http.get(SEARCH_PATH, params=query, headers=bearer)
    assert len(reply.json()["errors"]) == 2


async def test_an_unknown_place_is_an_empty_answer(client):
    """As on the real service: 200, count 0."""
    reply = await client.search(
        FlightSearch(origin="XXX", destination="LIS", departure_date=SEARCH.departure_date)
    )
    assert reply["data"] == []
    assert reply["meta"]["count"] == 0


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v9/nothing"), ("DELETE", SEARCH_PATH), ("POST", SEARCH_PATH)]
)
async def test_an_unknown_path_is_a_404_document(http, server, method, path):
    """Also where only the method is unknown."""
    reply = await http.request(method, path)
    assert reply.status_code == 404
    assert reply.json()["errors"][0]["code"] == 38196
    assert server.stats == {"unknown": 1}


async def test_tokens_expired_by_the_knob_are_renewed_by_the_client(server, client):
    """The next search meets 38192, fetches a token and succeeds."""
    await client.search(SEARCH)
    assert server.state.expire_tokens() == 1
    await client.search(SEARCH)
    assert server.stats == {"token": 2, "flight-offers": 3}


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(), AmadeusServerError),
        (Fault(code=38194), AmadeusRateLimitError),
        (Fault(code=38195), AmadeusQuotaError),
        (Fault(code=477), AmadeusRequestError),
        (Fault(kind="disconnect"), AmadeusUnavailable),
        (Fault(kind="malformed"), AmadeusReplyError),
        (Fault(endpoint="token", kind="disconnect"), AmadeusUnavailable),
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


async def test_faults_are_injected_over_http_too(server, http, client):
    """The knob takes kind, code and count."""
    await http.post("/sandbox/faults", json={"code": 38189, "count": 2})
    for _ in range(2):
        with pytest.raises(AmadeusServerError):
            await client.search(SEARCH)
    await client.search(SEARCH)


async def test_wrong_credentials_are_an_authentication_error(server):
    """Only the sandbox's own are accepted."""
    async with AmadeusClient(server.url, server.client_id, "wrong") as client:
        with pytest.raises(AmadeusAuthError):
            await client.search(SEARCH)


async def test_limits_answer_with_their_codes(server, client):
    """A rate, an interval, and a quota that counts only searches let through."""
    server.state.limits = Limits(per_second=2)
    await client.search(SEARCH)
    await client.search(SEARCH)
    with pytest.raises(AmadeusRateLimitError) as caught:
        await client.search(SEARCH)
    assert caught.value.code == 38194
    server.state.offset += timedelta(seconds=1)
    server.state.limits = Limits(min_interval_ms=100, quota=3)
    await client.search(SEARCH)
    server.state.offset += timedelta(milliseconds=99)
    with pytest.raises(AmadeusRateLimitError):
        await client.search(SEARCH)
    server.state.offset += timedelta(milliseconds=1)
    with pytest.raises(AmadeusQuotaError):
        await client.search(SEARCH)


async def test_prices_follow_the_clock(server, http, client):
    """A week later the same search has another answer."""
    before = await client.search(SEARCH)
    told = await http.post("/sandbox/clock", json={"now": "2026-11-29T12:00:00Z"})
    assert told.json()["now"] == "2026-11-29T12:00:00Z"
    after = await client.search(SEARCH)
    assert [offer["price"] for offer in before["data"]] != [offer["price"] for offer in after["data"]]


async def test_knobs_are_shown_and_turned_back(server, http, client):
    """Stats count by endpoint; a reset brings the beginning back."""
    await client.search(SEARCH)
    for path, body in (
        ("limits", {"quota": 0}),
        ("latency", {"median_ms": 1}),
        ("tokens", {"lifetime": 5}),
        ("faults", {}),
        ("clock", {"advance": 60}),
        ("tokens/expire", {}),
    ):
        assert (await http.post(f"/sandbox/{path}", json=body)).status_code == 200
    stats = (await http.get("/sandbox/stats")).json()
    assert stats["requests"] == {"token": 1, "flight-offers": 1}
    reset = (await http.post("/sandbox/reset")).json()
    assert (reset["requests"], reset["now"]) == ({}, "2026-11-22T12:00:00Z")
    await client.search(SEARCH)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("clock", '{"now": "yesterday"}'),
        ("clock", '{"now": "2026-11-22T12:00:00"}'),
        ("latency", '{"median_ms": -1}'),
        ("faults", '{"code": 1}'),
        ("faults", '{"kind": "fire"}'),
        ("limits", '{"perSecond": 1}'),
        ("tokens", "not json"),
    ],
)
async def test_a_bad_knob_is_refused(http, path, body):
    """400, with a reason."""
    reply = await http.post(f"/sandbox/{path}", content=body)
    assert reply.status_code == 400
    assert reply.json()["error"]


def test_delays_are_drawn_around_their_median_and_bounded():
    """The same in every run; none at all by default."""
    state = SandboxState(seed=1, latency=Latency(median_ms=400, most_ms=900))
    delays = sorted(state.delay("flight-offers", ordinal) for ordinal in range(500))
    assert delays[250] == pytest.approx(0.4, rel=0.1)
    assert 0.1 < delays[0] < delays[-1] <= 0.9
    assert SandboxState().delay("flight-offers", 1) == 0


def test_a_sandbox_forgets_its_oldest_tokens():
    """Its memory is bounded."""
    state = SandboxState()
    first = state.issue_token()
    for _ in range(1000):
        last = state.issue_token()
    assert state.token_seconds_left(first) is None
    assert state.token_seconds_left(last)


async def test_many_searches_at_once_are_all_answered(server, client):
    """The server stays whole under a burst."""
    replies = await asyncio.gather(*(client.search(SEARCH) for _ in range(50)))
    assert {len(reply["data"]) for reply in replies} == {3}
    assert server.stats == {"token": 1, "flight-offers": 50}


async def test_an_address_in_use_is_an_error_and_leaks_nothing(server):
    """Starting fails cleanly."""
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(OSError, match="address"):
        await SandboxServer(port=port).__aenter__()


def test_every_refusal_has_a_documented_code():
    """No code without status and title."""
    for code, (status, title) in TITLES.items():
        document = Refusal([Issue(code, "why")]).document()["errors"][0]
        assert (document["status"], document["title"]) == (status, title)


values = st.sampled_from(
    ["0", "1", "5", "9", "10", "251", "GRU", "LIS", "true", "TP", "TP,LA", "ECONOMY", "USD"]
)
dates = st.sampled_from(["2026-11-22", "2026-12-12", "2026-12-20", "2027-11-22", "2026-02-30", "2026-1-1"])
queries = st.fixed_dictionaries(
    {
        "originLocationCode": st.sampled_from(["GRU", "LON", "GR"]),
        "destinationLocationCode": st.sampled_from(["LIS", "GRU"]),
        "departureDate": dates,
        "adults": st.sampled_from(["1", "2", "9", "0"]),
    },
    optional={
        "returnDate": dates,
        "children": values,
        "infants": values,
        "travelClass": values,
        "includedAirlineCodes": values,
        "excludedAirlineCodes": values,
        "nonStop": values,
        "currencyCode": st.sampled_from(["USD", "BRL", "US"]),
        "maxPrice": values,
        "max": values,
    },
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(queries)
def test_both_sides_of_the_wire_agree_on_what_is_valid(query):
    """The client refuses locally exactly what the sandbox would refuse, and both read the rest alike."""
    try:
        asked = FlightSearch.from_query(query)
        asked.check_dates(NOW.date())
    except InvalidFlightSearch:
        asked = None
    try:
        read = read_search(list(query.items()), NOW)
    except Refusal:
        read = None
    assert asked == read
    if asked is not None:
        assert read_search(list(asked.to_query().items()), NOW) == asked

"""The sandbox as a server: its wire is that of the real service."""

import asyncio
import threading
from datetime import date, timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from support.sandbox import AIRLINES, LOCATIONS, NOW, OFFERS, OVERRIDE, QUERY, ask_for_token, posted

from cachekit.amadeus.client import AmadeusClient
from cachekit.amadeus.errors import AmadeusQuotaError, AmadeusRateLimitError
from cachekit.amadeus.params import FlightSearch, Leg, MultiCitySearch
from cachekit.amadeus.sandbox import Limits, SandboxServer, find_offers, shopping
from cachekit.amadeus.sandbox.inventory.locations import locations
from cachekit.amadeus.sandbox.inventory.network import network
from cachekit.amadeus.sandbox.issues import TITLES, Issue, Refusal

SEARCH = FlightSearch(origin="GRU", destination="LIS", departure_date=date(2026, 12, 12), max_results=3)


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


async def test_content_types_are_bare_and_requests_have_ids(let_in):
    """The official SDK compares the whole header; no cache or rate headers are sent."""
    found = await let_in.get(OFFERS, params=QUERY)
    refused = await let_in.get(OFFERS)
    unknown = await let_in.get("/v9/nothing")
    for reply in (found, refused, unknown):
        assert reply.headers["Content-Type"] == "application/vnd.amadeus+json"
        assert set(reply.headers) == {"content-type", "content-length", "date", "ama-request-id"}
    assert len({reply.headers["Ama-Request-Id"] for reply in (found, refused, unknown)}) == 3


async def test_a_reply_links_to_itself(let_in):
    """The address that was asked, brackets percent-encoded and commas plain, whatever was sent."""
    found = await let_in.get(OFFERS, params=QUERY)
    assert found.json()["meta"]["links"] == {"self": str(found.url)}
    listed = await let_in.get(f"{AIRLINES}?airlineCodes=BA%2CTP")
    assert listed.json()["meta"]["links"]["self"].endswith("airlines?airlineCodes=BA,TP")
    paged = await let_in.get(f"{LOCATIONS}?subType=CITY&keyword=LON&page[limit]=5")
    assert paged.json()["meta"]["links"]["self"].endswith("keyword=LON&page%5Blimit%5D=5")


async def test_an_unknown_place_is_an_empty_answer(client):
    """As on the real service: 200, count 0."""
    reply = await client.search(
        FlightSearch(origin="XXX", destination="LIS", departure_date=SEARCH.departure_date)
    )
    assert reply["data"] == []
    assert reply["meta"]["count"] == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v9/nothing"), ("DELETE", OFFERS), ("HEAD", OFFERS), ("POST", LOCATIONS), ("GET", "/")],
)
async def test_an_unknown_path_is_a_404_document(http, server, method, path):
    """Also where only the method is unknown; no token is asked for."""
    reply = await http.request(method, path)
    assert reply.status_code == 404
    if method != "HEAD":
        assert reply.json()["errors"][0]["code"] == 38196
    assert server.stats == {"unknown": 1}


async def test_a_posted_search_finds_offers(let_in, server):
    """Its meta has a count and no links; the offers are those of the inventory."""
    reply = await let_in.post(OFFERS, json=posted(), headers=OVERRIDE)
    leg = Leg("GRU", "LIS", date(2026, 12, 12))
    truth = find_offers(MultiCitySearch(legs=(leg,), max_results=3), seed=1, now=NOW)
    assert reply.json()["meta"] == {"count": 3}
    assert reply.json()["data"] == truth["data"]
    assert server.stats == {"token": 1, "flight-offers-post": 1}


async def test_a_posted_search_keeps_the_callers_ids_of_travelers(let_in):
    """Whatever they are and in whatever order; an infant stays on the lap it was given."""
    party = [
        {"id": "baby", "travelerType": "HELD_INFANT", "associatedAdultId": "mother"},
        {"id": "father", "travelerType": "ADULT", "fareOptions": ["STANDARD"]},
        {"id": "mother", "travelerType": "ADULT"},
        {"id": "girl", "travelerType": "CHILD"},
    ]
    reply = await let_in.post(OFFERS, json=posted(travelers=party), headers=OVERRIDE)
    travelers = reply.json()["data"][0]["travelerPricings"]
    kinds = {traveler["travelerId"]: traveler["travelerType"] for traveler in travelers}
    assert kinds == {"mother": "ADULT", "father": "ADULT", "girl": "CHILD", "baby": "HELD_INFANT"}
    assert [one["associatedAdultId"] for one in travelers if "associatedAdultId" in one] == ["mother"]


async def test_wishes_without_effect_are_taken(let_in):
    """What the service knows and this inventory has no case of changes nothing."""
    plain = await let_in.post(OFFERS, json=posted(), headers=OVERRIDE)
    direction = posted()["originDestinations"][0]
    direction["departureDateTimeRange"]["time"] = "10:00:00"
    criteria = {
        "maxFlightOffers": 3,
        "addOneWayOffers": False,
        "additionalInformation": {"brandedFares": True, "chargeableCheckedBags": False},
        "pricingOptions": {"refundableFare": False},
        "flightFilters": {
            "crossBorderAllowed": True,
            "carrierRestrictions": {"blacklistedInEUAllowed": True},
            "connectionRestriction": {"airportChangeAllowed": True, "nonStopPreferred": False},
        },
    }
    body = posted(originDestinations=[direction], searchCriteria=criteria)
    assert (await let_in.post(OFFERS, json=body, headers=OVERRIDE)).json() == plain.json()


async def test_a_posted_search_says_which_method_is_meant(let_in):
    """The header is mandatory there, and no other method than GET is known anywhere."""
    missing = await let_in.post(OFFERS, json=posted())
    issue = missing.json()["errors"][0]
    assert (missing.status_code, issue["code"]) == (400, 32171)
    assert issue["source"] == {"parameter": "X-HTTP-Method-Override", "example": "GET"}
    for method in ("POST", "DELETE", "get"):
        reply = await let_in.post(OFFERS, json=posted(), headers={"X-HTTP-Method-Override": method})
        assert (reply.status_code, reply.json()["errors"][0]["code"]) == (404, 38196)
    assert (await let_in.get(OFFERS, params=QUERY, headers=OVERRIDE)).status_code == 200


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
    with pytest.raises(AmadeusRateLimitError) as caught:
        await client.search(SEARCH)
    assert caught.value.code == 38194
    server.state.offset += timedelta(milliseconds=1)
    with pytest.raises(AmadeusQuotaError):
        await client.search(SEARCH)


async def test_limits_are_for_all_data_paths_together(server, let_in):
    """Each path uses up the same quota; tokens and unknown paths use up none."""
    server.state.limits = Limits(quota=3)
    await let_in.get(LOCATIONS, params={"subType": "CITY", "keyword": "LON"})
    await let_in.get(AIRLINES, params={"airlineCodes": "BA"})
    await let_in.post(OFFERS, json=posted())
    await ask_for_token(let_in, server)
    assert (await let_in.get("/v9/nothing")).status_code == 404
    spent = await let_in.get(OFFERS, params=QUERY)
    assert (spent.status_code, spent.json()["errors"][0]["code"]) == (429, 38195)


async def test_a_quota_is_for_a_month(server, let_in):
    """On the first of the next one it is whole again."""
    server.state.limits = Limits(quota=1)
    server.state.token_lifetime = 86_400 * 30
    token = (await ask_for_token(let_in, server)).json()["access_token"]
    let_in.headers["Authorization"] = f"Bearer {token}"
    statuses = []
    for days in (0, 8, 9):
        server.state.offset = timedelta(days=days)
        statuses.append((await let_in.get(AIRLINES, params={"airlineCodes": "BA"})).status_code)
    assert statuses == [200, 429, 200]


async def test_a_clock_set_back_does_not_lock_the_rate(server, let_in):
    """What was let through later than now does not count."""
    server.state.limits = Limits(per_second=1)
    assert (await let_in.get(AIRLINES)).status_code == 200
    server.state.offset -= timedelta(minutes=5)
    assert (await let_in.get(AIRLINES)).status_code == 200


async def test_prices_follow_the_clock(server, client):
    """A week later the same search has another answer."""
    before = await client.search(SEARCH)
    server.state.set_now(NOW + timedelta(days=7))
    after = await client.search(SEARCH)
    assert [offer["price"] for offer in before["data"]] != [offer["price"] for offer in after["data"]]


async def test_many_searches_at_once_are_all_answered(server, client):
    """The server stays whole under a burst."""
    replies = await asyncio.gather(*(client.search(SEARCH) for _ in range(50)))
    assert {len(reply["data"]) for reply in replies} == {3}
    assert server.stats == {"token": 1, "flight-offers": 50}


async def test_searches_are_worked_out_one_at_a_time(server, let_in, monkeypatch):
    """Threads that compute together are no faster, and keep everybody else waiting."""
    running: list[int] = []
    together = []
    all_are_there = threading.Event()

    def find(request, **moment):
        running.append(1)
        together.append(len(running))
        all_are_there.wait()
        running.pop()
        return find_offers(request, **moment)

    monkeypatch.setattr(shopping, "find_offers", find)
    asked = [let_in.get(OFFERS, params=QUERY), let_in.post(OFFERS, json=posted(), headers=OVERRIDE)]
    replies = [asyncio.create_task(request) for request in asked]
    while sum(server.stats.values()) < 3:  # The token's, too.
        await asyncio.sleep(0)
    for _ in range(1000):  # Turns of the loop in which the second one could begin.
        await asyncio.sleep(0)
    all_are_there.set()
    assert {(await reply).status_code for reply in replies} == {200}
    assert together == [1, 1]


async def test_the_world_is_drawn_before_the_first_request():
    """So that no request waits for it, and none keeps the loop from the others."""
    network.cache_clear()
    locations.cache_clear()
    async with SandboxServer():
        assert (network.cache_info().currsize, locations.cache_info().currsize) == (1, 1)


async def test_a_body_that_cannot_be_unpacked_is_refused(let_in):
    """As one that cannot be read."""
    headers = {**OVERRIDE, "Content-Encoding": "gzip"}
    reply = await let_in.post(OFFERS, content=b"not packed", headers=headers)
    assert (reply.status_code, reply.json()["errors"][0]["code"]) == (400, 477)


async def test_a_caller_who_hangs_up_in_the_middle_is_no_error(server, caplog):
    """He gets no answer, and the sandbox does not complain of itself."""
    _, writer = await asyncio.open_connection(*urlsplit(server.url).netloc.split(":"))
    writer.write(b"POST /v1/security/oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n")
    writer.write(b"Content-Type: application/x-www-form-urlencoded\r\n\r\nhalf")
    async with asyncio.timeout(30):
        while not server.stats:
            await asyncio.sleep(0)
        writer.close()
        while not server.state.statuses:
            await asyncio.sleep(0)
    assert server.state.statuses["token"] == {"none": 1}
    assert caplog.records == []


async def test_an_address_in_use_is_an_error_and_leaks_nothing(server):
    """Starting fails cleanly."""
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(OSError, match="address"):
        await SandboxServer(port=port).__aenter__()


async def test_a_sandbox_listens_on_ipv6_too():
    """Its address is written as a URL wants it."""
    async with SandboxServer(host="::1") as server, httpx.AsyncClient(trust_env=False) as http:
        assert server.url.startswith("http://[::1]:")
        assert (await http.get(f"{server.url}/v9/nothing")).status_code == 404


def test_every_refusal_has_a_documented_code():
    """No code without status and title."""
    for code, (status, title) in TITLES.items():
        document = Refusal([Issue(code, "why")]).document()["errors"][0]
        assert (document["status"], document["title"]) == (status, title)


def test_a_sandbox_does_not_show_its_secret():
    """Neither the server nor its desk of tokens does."""
    server = SandboxServer(client_secret="hidden-one")
    assert "hidden-one" not in repr(server)

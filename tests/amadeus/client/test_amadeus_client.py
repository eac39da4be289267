"""The client's endpoints: what each sends, what it promises, and how a client is made."""

import asyncio
import json
from datetime import date
from uuid import UUID

import httpx
import pytest
from support.flight_wire import FOUND, HOST, SEARCH, SECRET

from cachekit.amadeus.client import AmadeusClient, RequestLimits
from cachekit.amadeus.errors import AmadeusReplyError, AmadeusUnavailable, InvalidParams
from cachekit.amadeus.params import AirlineLookup, CheapestDates, Leg, LocationSearch, MultiCitySearch
from cachekit.errors import ConfigurationError

DAY = date(2026, 12, 12)
MULTI_CITY = MultiCitySearch(
    legs=(
        Leg(origin="GRU", destination="LIS", date=DAY),
        Leg(origin="OPO", destination="GRU", date=date(2026, 12, 20)),
    )
)
OFFER = {"type": "flight-offer", "id": "1", "price": {"total": "1.00"}}
PRICED = {"data": {"type": "flight-offers-pricing", "flightOffers": [OFFER]}, "dictionaries": {}}
PRICING = f"{HOST}/v1/shopping/flight-offers/pricing"


async def test_a_search_sends_exactly_the_folded_query(wire, make):
    """The key of the cache and the query on the wire are the same."""
    assert await make().search(SEARCH) == FOUND
    sent = wire["search"].calls.last.request
    assert dict(sent.url.params) == SEARCH.to_query()
    assert sent.headers["Authorization"] == "Bearer token-1"
    assert sent.headers["Accept"] == "application/vnd.amadeus+json, application/json"
    assert sent.headers["Accept-Encoding"] == "gzip"
    assert "X-HTTP-Method-Override" not in sent.headers


async def test_a_search_of_several_cities_goes_by_post(wire, make):
    """With the header that says it only reads."""
    route = wire.post(f"{HOST}/v2/shopping/flight-offers").respond(json=FOUND)
    assert await make().search(MULTI_CITY) == FOUND
    sent = route.calls.last.request
    assert json.loads(sent.content) == MULTI_CITY.to_body()
    assert sent.headers["X-HTTP-Method-Override"] == "GET"
    assert sent.headers["Content-Type"] == "application/vnd.amadeus+json"
    assert sent.url.query == b""


LOOK_UPS = {
    "locations": (LocationSearch(keyword="lis", country="PT"), "/v1/reference-data/locations"),
    "airlines": (AirlineLookup(codes=("TP", "LA")), "/v1/reference-data/airlines"),
    "cheapest_dates": (CheapestDates(origin="MAD", destination="MUC"), "/v1/shopping/flight-dates"),
}


@pytest.mark.parametrize(("method", "request_", "path"), [(name, *each) for name, each in LOOK_UPS.items()])
async def test_the_other_endpoints_send_their_query(wire, make, method, request_, path):
    """Each to its path, and each promises a list."""
    route = wire.get(HOST + path).mock(return_value=httpx.Response(200, json=FOUND))
    assert await getattr(make(), method)(request_) == FOUND
    assert dict(route.calls.last.request.url.params) == request_.to_query()
    route.mock(return_value=httpx.Response(200, json={"data": {}}))
    with pytest.raises(AmadeusReplyError, match="no list of objects under data"):
        await getattr(make(), method)(request_)


async def test_brackets_in_names_are_percent_encoded(wire, make):
    """As the service's own links have them."""
    route = wire.get(f"{HOST}/v1/reference-data/locations").respond(json=FOUND)
    await make().locations(LocationSearch(keyword="lis", offset=10))
    assert b"page%5Boffset%5D=10" in route.calls.last.request.url.query


async def test_offers_are_priced_whole(wire, make):
    """By POST, with what is wanted besides."""
    route = wire.post(PRICING).respond(json=PRICED)
    reply = await make().price([OFFER, OFFER], include=["bags", "other-services"], force_class=True)
    assert reply == PRICED
    sent = route.calls.last.request
    assert json.loads(sent.content) == {
        "data": {"type": "flight-offers-pricing", "flightOffers": [OFFER, OFFER]}
    }
    assert dict(sent.url.params) == {"include": "bags,other-services", "forceClass": "true"}
    assert sent.headers["X-HTTP-Method-Override"] == "GET"


@pytest.mark.parametrize(
    ("offers", "options", "field"),
    [
        ([], {}, "offers"),
        ([OFFER] * 7, {}, "offers"),
        (OFFER, {}, "offers"),
        (["1"], {}, "offers"),
        ([OFFER | {"price": {1, 2}}], {}, "offers"),
        ([OFFER | {"price": float("nan")}], {}, "offers"),
        ([OFFER | {"price": "\ud800"}], {}, "offers"),
        ([OFFER], {"include": ["seats"]}, "include"),
        ([OFFER], {"include": "bags"}, "include"),
    ],
)
async def test_what_cannot_be_priced_is_refused_here(wire, make, offers, options, field):
    """Naming the field and the rule; nothing is sent."""
    with pytest.raises(InvalidParams, match=f"^{field}: ") as caught:
        await make().price(offers, **options)
    assert caught.value.field == field
    assert wire.calls.call_count == 0


@pytest.mark.parametrize(
    "document", [{"data": []}, {"data": {}}, {"data": {"flightOffers": {}}}, {"data": {"flightOffers": [7]}}]
)
async def test_a_pricing_without_offers_is_an_error(wire, make, document):
    """Its shape is another than a search's."""
    wire.post(PRICING).respond(json=document)
    with pytest.raises(AmadeusReplyError, match=r"under data\.flightOffers"):
        await make().price([OFFER])


async def test_headers_of_the_contract_are_sent(wire, make):
    """Fixed ones, made anew for each request, or by a function; to the data paths only."""
    references = iter(("ref-1", "ref-2"))
    by_function = make(extra_headers=lambda: {"ama-client-ref": next(references)})
    by_template = make(extra_headers={"ama-client-ref": "{uuid}"})
    for client in (by_function, by_function, by_template, by_template):
        await client.search(SEARCH)
    sent = [call.request.headers["ama-client-ref"] for call in wire["search"].calls]
    assert sent[:2] == ["ref-1", "ref-2"]
    assert len({UUID(reference) for reference in sent[2:]}) == 2
    assert not any("ama-client-ref" in call.request.headers for call in wire["token"].calls)


async def test_a_token_host_of_its_own_is_used(wire, make):
    """The token may come from another host than the data."""
    other = wire.post("https://login.test/token").respond(json={"access_token": "t", "expires_in": 60})
    await make(token_url="https://login.test/token").search(SEARCH)
    assert other.called
    assert not wire["token"].called


async def test_an_injected_http_client_keeps_to_our_rules(wire):
    """Who makes the HTTP client closes it; but it neither follows a redirect nor sends a login of its own."""
    wire["search"].mock(return_value=httpx.Response(302, headers={"Location": f"{HOST}/elsewhere"}))
    async with httpx.AsyncClient(follow_redirects=True, auth=("user", "password")) as http:
        async with AmadeusClient(HOST, "id", SECRET, http=http) as client:
            with pytest.raises(AmadeusReplyError):
                await client.search(SEARCH)
        assert not http.is_closed
    assert wire["search"].calls.last.request.headers["Authorization"] == "Bearer token-1"


async def test_a_closed_client_refuses(wire, make, sleeper):
    """Searching after the end is a typed error, at once, and sends nothing."""
    client = make()
    await client.search(SEARCH)
    await client.aclose()
    with pytest.raises(AmadeusUnavailable, match="the Amadeus client is closed"):
        await client.search(SEARCH)
    assert (wire["search"].call_count, sleeper.naps) == (1, [])


async def test_closing_ends_what_is_under_way(wire, make, sleeper):
    """A search that waits for a token fails, and is not tried again."""
    asked = asyncio.Event()

    async def hang(_):
        asked.set()
        await asyncio.Event().wait()

    wire["token"].mock(side_effect=hang)
    client = make()
    search = asyncio.create_task(client.search(SEARCH))
    await asked.wait()
    await client.aclose()
    with pytest.raises(AmadeusUnavailable, match="closed"):
        await search
    assert sleeper.naps == []


async def test_a_closed_http_client_is_a_typed_error(wire):
    """Whoever closed it."""
    http = httpx.AsyncClient()
    await http.aclose()
    async with AmadeusClient(HOST, "id", SECRET, http=http) as client:
        with pytest.raises(AmadeusUnavailable, match="closed"):
            await client.search(SEARCH)


async def test_identity_tells_hosts_credentials_and_offices_apart(make):
    """Answers that may differ never share an identity; the same client always has the same one."""
    clients = [
        make(),
        make(extra_token_fields={"guest_office_id": "LIS1A0000"}),
        make(extra_headers={"office": "1"}),
        make(host="https://other.test"),
        make(client_id="id2"),
        make(host=f"{HOST}:8443"),
        make(host=f"{HOST}/test"),
    ]
    assert len({client.identity for client in clients}) == len(clients)
    assert make().identity == make(retries=0).identity == "amadeus.test-2a144d944f68346c"


@pytest.mark.parametrize(
    ("arguments", "options", "named"),
    [
        (("amadeus.test", "id", "s"), {}, "base_url"),
        (("ftp://amadeus.test", "id", "s"), {}, "base_url"),
        (("https://me:pw@amadeus.test", "id", "s"), {}, "base_url"),
        ((f"{HOST}?a=b", "id", "s"), {}, "base_url"),
        ((HOST, "", "s"), {}, "client_id"),
        ((HOST, "id", ""), {}, "client_secret"),
        ((HOST, "id", "s"), {"token_url": "nowhere"}, "token_url"),
        ((HOST, "id", "s"), {"total_timeout": 0}, "total_timeout"),
        ((HOST, "id", "s"), {"connect_timeout": float("inf")}, "connect_timeout"),
        ((HOST, "id", "s"), {"read_timeout": "1"}, "read_timeout"),
        ((HOST, "id", "s"), {"retries": -1}, "retries"),
        ((HOST, "id", "s"), {"max_reply_bytes": 0}, "max_reply_bytes"),
        ((HOST, "id", "s"), {"record": "recordings", "http": object()}, "record"),
        ((HOST, "id", "s"), {"extra_headers": {"office": "São Paulo"}}, "extra_headers"),
    ],
)
async def test_an_option_that_cannot_work_is_named(arguments, options, named):
    """Bad configuration fails at once, not at the first search."""
    with pytest.raises(ConfigurationError, match=named):
        AmadeusClient(*arguments, **options)


async def test_the_environment_configures_a_client(wire):
    """Address, credentials, token host, form fields, headers and limits."""
    login = wire.post("https://login.test/token").respond(json={"access_token": "t", "expires_in": 60})
    environ = {
        "AMADEUS_BASE_URL": f"{HOST}/",
        "AMADEUS_CLIENT_ID": "id",
        "AMADEUS_CLIENT_SECRET": SECRET,
        "AMADEUS_TOKEN_URL": "https://login.test/token",
        "AMADEUS_TOKEN_FIELDS": '{"guest_office_id": "LIS1A0000"}',
        "AMADEUS_HEADERS": '{"office": "1"}',
        "AMADEUS_PER_MONTH": "7",
    }
    async with AmadeusClient.from_env(environ, retries=0) as client:
        assert await client.search(SEARCH) == FOUND
        assert (await client.budget()).left == 6
    assert b"guest_office_id=LIS1A0000" in login.calls.last.request.content
    assert wire["search"].calls.last.request.headers["office"] == "1"


async def test_the_environment_says_where_exchanges_are_recorded(wire, tmp_path):
    """Without credentials, offices and headers, even where the service echoes them."""
    hidden = ["the-client", SECRET, "LIS1A0000", "header-9"]
    echo = FOUND | {"data": [{"id": "1", "note": " ".join(hidden)}]}
    wire["search"].respond(json=echo)
    environ = {
        "AMADEUS_BASE_URL": HOST,
        "AMADEUS_CLIENT_ID": "the-client",
        "AMADEUS_CLIENT_SECRET": SECRET,
        "AMADEUS_TOKEN_FIELDS": '{"guest_office_id": "LIS1A0000"}',
        "AMADEUS_HEADERS": '{"office": "header-9"}',
        "AMADEUS_RECORD": str(tmp_path),
    }
    async with AmadeusClient.from_env(environ) as client:
        assert await client.search(SEARCH) == echo
    (recorded,) = tmp_path.rglob("*.json")
    assert '"note"' in recorded.read_text()
    assert not [word for word in hidden if word in recorded.read_text()]


async def test_without_a_monthly_limit_there_is_no_budget(make):
    """Nothing is counted."""
    assert await make().budget() is None


@pytest.mark.parametrize("waits_for", ["an answer", "another try"])
async def test_closing_ends_calls_whatever_they_wait_for(wire, waits_for):
    """Even with a caller's own HTTP client, which stays open; what waits to be sent is not sent."""
    asked = asyncio.Event()

    async def hang(*_):
        asked.set()
        await asyncio.Event().wait()

    wire["search"].mock(side_effect=hang if waits_for == "an answer" else [httpx.Response(503)])
    async with httpx.AsyncClient() as http:
        client = AmadeusClient(HOST, "id", SECRET, http=http, sleep=hang)
        search = asyncio.create_task(client.search(SEARCH))
        await asked.wait()
        await client.aclose()
        with pytest.raises(AmadeusUnavailable, match="the Amadeus client is closed"):
            await search
    assert wire["search"].call_count <= 1


@pytest.mark.parametrize(
    ("client_id", "secret", "options", "named"),
    [
        (7, SECRET, {}, "client_id"),
        ("id", b"bytes", {}, "client_secret"),
        ("id", "s\udcff", {}, "client_secret"),
        ("id", SECRET, {"extra_token_fields": {"office": 5}}, "extra_token_fields"),
        ("id", SECRET, {"extra_token_fields": ["office"]}, "extra_token_fields"),
        ("id", SECRET, {"extra_token_fields": {"client_secret": "x"}}, "extra_token_fields"),
    ],
)
def test_credentials_are_texts(client_id, secret, options, named):
    """What cannot be sent is named, and not shown."""
    with pytest.raises(ConfigurationError, match=named) as caught:
        AmadeusClient(HOST, client_id, secret, **options)
    assert "bytes" not in str(caught.value)


async def test_closing_does_not_mind_a_call_that_is_just_ending(wire, make):
    """Its time is over, and it still lets go of what it holds."""
    ending, gone = asyncio.Event(), asyncio.Event()

    async def hang(_):
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await gone.wait()

    wire["search"].mock(side_effect=hang)
    client = make(total_timeout=0.01)
    search = asyncio.create_task(client.search(SEARCH))
    await ending.wait()
    await client.aclose()
    gone.set()
    with pytest.raises(AmadeusUnavailable, match="the Amadeus client is closed"):
        await search


async def test_closing_tells_what_was_counted(wire, make, cache):
    """Requests that were sent while Redis was away, and are told to it at last."""
    client = make(cache=cache, limits=RequestLimits(per_month=9))
    await client.search(SEARCH)
    client._allowance._budget._current().unsaid = 2
    await client.aclose()
    (key,) = [key async for batch in cache.store.scan("amadeus_budget:*") for key in batch]
    assert await cache.store.execute("HGET", key, "used") == b"3"

"""The caching transport against a real HTTP server that counts what reaches it."""

import asyncio
import gzip
from collections import Counter
from contextlib import asynccontextmanager

import httpx
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

import cachekit
from cachekit import CacheClosed, CacheUnavailable, LoadContext, Policy
from cachekit.httpx_transport import CacheTransport, Route

HOST = "127.0.0.1"
MOST = 50_000


class Upstream:
    """A server that gives what it is told to, and remembers what it was asked."""

    def __init__(self):
        self.requests = []
        self.status = 200
        self.headers = {"content-type": "text/plain"}
        self.body = b"hello"
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()
        self.rest = asyncio.Event()
        self.rest.set()

    async def __call__(self, request):
        self.requests.append(request)
        self.begun.set()
        await self.gate.wait()
        headers = {**self.headers, "x-user": request.headers.get("x-user", "")}
        if headers.get("etag") and request.headers.get("if-none-match") == headers["etag"]:
            return web.Response(status=304, headers=headers)
        response = web.StreamResponse(status=self.status, headers=headers)
        await response.prepare(request)
        if request.method != "HEAD":
            for start in range(0, len(self.body), 10_000):
                await response.write(self.body[start : start + 10_000])
        await self.rest.wait()
        return response

    @property
    def count(self):
        return len(self.requests)

    async def until_asked(self, times):
        """Refreshes run in the background."""
        while self.count < times:
            await asyncio.sleep(0.005)


@pytest.fixture
async def upstream():
    served = Upstream()
    runner = web.ServerRunner(web.Server(served))
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    served.url = f"http://{HOST}:{runner.addresses[0][1]}"
    yield served
    await runner.cleanup()


@pytest.fixture
def pages(cache):
    return cache.namespace("pages", Policy(ttl=10, stale=20, negative_ttl=5, retry_after=5, max_bytes=MOST))


@pytest.fixture
def open_client(pages, upstream):
    """A client that caches one route of the upstream; `pool` is its connections."""

    @asynccontextmanager
    async def opened(**options):
        inner = httpx.AsyncHTTPTransport()
        transport = CacheTransport(pages, inner, routes=[Route(**{"host": HOST, **options})])
        async with httpx.AsyncClient(transport=transport, base_url=upstream.url) as client:
            client.pool = inner._pool
            yield client

    return opened


def outcome(response):
    return response.headers.get("x-cachekit")


async def outcomes(client, *requests):
    """What each of some GETs, one after another, was answered from; a request is its headers."""
    return [outcome(await client.get("/", headers=headers)) for headers in requests]


async def kept(cache):
    """The keys of all that is kept."""
    return [key.decode() async for batch in cache.store.scan("pages:*") for key in batch]


async def test_a_page_is_fetched_once(open_client, upstream, clock):
    """The second one is served; `age` counts from the fetch."""
    async with open_client() as client:
        first = await client.get("/page")
        clock.advance(4)
        second = await client.get("/page")
    assert (outcome(first), outcome(second), upstream.count) == ("miss", "hit", 1)
    assert (first.headers["age"], second.headers["age"]) == ("0", "4")
    assert first.content == second.content == b"hello"


async def test_an_upstream_cache_counts_in_the_age(open_client, upstream, clock):
    """RFC 9111: the seconds there and the seconds here."""
    upstream.headers["age"] = "100"
    async with open_client() as client:
        await client.get("/")
        clock.advance(4)
        assert (await client.get("/")).headers["age"] == "104"


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("GET", {"host": "other.example"}),
        ("GET", {"path": "/v1/*"}),
        ("POST", {}),
        ("HEAD", {}),
    ],
)
async def test_what_no_route_names_is_untouched(open_client, upstream, cache, method, options):
    """Nothing is cached by accident, nor marked."""
    async with open_client(**options) as client:
        for _ in range(2):
            assert outcome(await client.request(method, "/")) is None
    assert upstream.count == 2
    assert await kept(cache) == []


@pytest.mark.parametrize(
    "body",
    [b"", "São Paulo \U0001f6eb \x00".encode(), bytes(range(256)), b"\xef\xbb\xbf{}", b"a" * 30_000],
    ids=["empty", "text", "binary", "bom", "chunks"],
)
async def test_bodies_come_back_exactly(open_client, upstream, body):
    """Whatever they hold, with their length."""
    upstream.body = body
    async with open_client() as client:
        for expected in ("miss", "hit"):
            response = await client.get("/")
            assert (outcome(response), response.content) == (expected, body)
            assert response.headers["content-length"] == str(len(body))


async def test_an_encoded_body_stays_encoded(open_client, upstream):
    """The client unpacks what it would have unpacked without the cache."""
    upstream.body = gzip.compress(b"hello" * 100)
    upstream.headers |= {"content-encoding": "gzip", "vary": "accept-encoding"}
    async with open_client() as client:
        for expected in ("miss", "hit"):
            async with client.stream("GET", "/") as response:
                raw = b"".join([chunk async for chunk in response.aiter_raw()])
            assert (outcome(response), raw) == (expected, upstream.body)
        assert (await client.get("/")).content == b"hello" * 100
        assert outcome(await client.get("/", headers={"accept-encoding": "identity"})) == "miss"


async def test_a_large_body_passes_through_whole(open_client, upstream):
    """Beyond the policy's max_bytes nothing is kept, and nothing is lost."""
    upstream.body = bytes(n % 251 for n in range(4 * MOST))
    async with open_client() as client:
        for _ in range(2):
            response = await client.get("/")
            assert (outcome(response), response.content) == ("bypass", upstream.body)
        async with client.stream("GET", "/") as response:
            pass  # left before the end
        assert client.pool.connections == [] or client.pool.connections[0].is_idle()


async def test_a_large_body_is_not_waited_for(open_client, upstream):
    """Once it is too large to keep it is streamed, as without the cache."""
    upstream.body = b"x" * 2 * MOST
    upstream.rest.clear()
    async with open_client() as client, client.stream("GET", "/") as response:
        chunks = response.aiter_raw()
        head = b""
        while len(head) < len(upstream.body):
            head += await anext(chunks)
        upstream.rest.set()
        assert [chunk async for chunk in chunks] == []
    assert head == upstream.body


async def test_a_stream_of_events_is_not_waited_for(open_client, upstream):
    """It may never end."""
    upstream.headers["content-type"] = "text/event-stream; charset=utf-8"
    upstream.rest.clear()
    try:
        async with open_client() as client, asyncio.timeout(10), client.stream("GET", "/") as response:
            assert outcome(response) == "bypass"
            assert await anext(response.aiter_raw()) == upstream.body
    finally:
        upstream.rest.set()


async def test_a_body_too_large_only_as_json_passes_through_whole(open_client, upstream):
    """Binary grows by a third in JSON."""
    upstream.body = b"\xff" * (MOST - 100)
    async with open_client() as client:
        response = await client.get("/")
    assert (outcome(response), response.content) == ("bypass", upstream.body)


async def test_only_listed_headers_are_kept(open_client, upstream):
    """On a miss as on a hit, so that nobody comes to rely on others."""
    upstream.headers |= {"x-total-count": "7", "x-trace": "1", "etag": '"a"'}
    async with open_client(keep_headers=["X-Total-Count"]) as client:
        for _ in range(2):
            headers = (await client.get("/")).headers
            assert (headers["x-total-count"], headers["etag"]) == ("7", '"a"')
            assert "x-trace" not in headers


async def test_users_do_not_see_each_others_pages(open_client, upstream):
    """A header that says who asks bypasses the cache, unless the route says what it means."""
    async with open_client() as client:
        for name in ("authorization", "cookie", "x-api-key", "x-tenant"):
            assert await outcomes(client, {name: "a"}, {name: "a"}, {name: "b"}) == ["bypass"] * 3
    assert upstream.count == 12


async def test_a_credential_may_have_pages_of_its_own(open_client):
    """If the route puts it into the key."""
    async with open_client(headers=["Authorization"]) as client:
        requests = [{"authorization": who} for who in "aabb"]
        assert await outcomes(client, *requests, {}) == ["miss", "hit", "miss", "hit", "miss"]


async def test_credentials_may_share_pages(open_client):
    """If the route says that they do not matter."""
    async with open_client(ignore_headers=["authorization"]) as client:
        assert await outcomes(client, {"authorization": "a"}, {"authorization": "b"}) == ["miss", "hit"]


async def test_a_credential_is_not_in_redis(open_client, cache):
    """Only as a part of the key's digest."""
    async with open_client(headers=["authorization"]) as client:
        await client.get("/", headers={"authorization": "Bearer s3cr3t"})
    [key] = await kept(cache)
    assert b"s3cr3t" not in key.encode() + await cache.store.get(key)


@pytest.mark.parametrize(
    "headers",
    [
        {"cache-control": "no-store"},
        {"cache-control": "max-age=60, Private"},
        {"cache-control": 'private="x-user"'},
        {"cache-control": "no-cache"},
        {"pragma": "no-cache"},
        {"set-cookie": "a=1"},
        {"vary": "*"},
        {"vary": "accept, User-Agent"},
    ],
    ids=str,
)
async def test_what_the_upstream_forbids_is_not_kept(open_client, upstream, cache, headers):
    """Each asks for himself, and gets the whole response."""
    upstream.headers |= headers
    async with open_client() as client:
        first, second = await client.get("/"), await client.get("/")
    assert (outcome(first), outcome(second), upstream.count) == ("bypass", "bypass", 2)
    assert "x-user" in first.headers
    assert await kept(cache) == []


@pytest.mark.parametrize("vary", ["Accept-Language", "x-flavour", "origin, cookie"])
async def test_vary_is_no_obstacle_where_the_key_tells_requests_apart(open_client, upstream, vary):
    """By a header in the key, or by one with which no request is cached."""
    upstream.headers["vary"] = vary
    async with open_client(headers=["x-flavour"]) as client:
        german, english = {"accept-language": "de"}, {"accept-language": "en"}
        assert await outcomes(client, german, german, english) == ["miss", "hit", "miss"]
        assert await outcomes(client, {"origin": "x"}) == ["bypass"]


async def test_vary_by_an_ignored_header_is_an_obstacle(open_client, upstream):
    """The route was wrong about it."""
    upstream.headers["vary"] = "x-trace"
    async with open_client(ignore_headers=["x-trace"]) as client:
        assert await outcomes(client, {"x-trace": "1"}, {"x-trace": "2"}) == ["bypass", "bypass"]


@pytest.mark.parametrize("value", ["no-store", "max-age=0", "only-if-cached", "no-cache, no-transform"])
async def test_a_request_with_other_wishes_is_passed_on(open_client, value):
    """It neither reads nor fills the cache."""
    async with open_client() as client:
        wishes = {"cache-control": value}
        assert await outcomes(client, {}, wishes, wishes) == ["miss", "bypass", "bypass"]


@pytest.mark.parametrize("wish", [{"cache-control": "no-cache"}, {"pragma": "no-cache"}])
async def test_a_request_may_ask_for_a_new_response(open_client, upstream, wish):
    """no-cache is answered by the upstream, and what it says is kept."""
    async with open_client() as client:
        await client.get("/")
        upstream.body = b"new"
        assert await outcomes(client, wish, {}) == ["miss", "hit"]
        assert (await client.get("/")).content == b"new"


async def test_a_range_and_a_condition_are_passed_on(open_client):
    """They are answered in another form."""
    async with open_client() as client:
        assert await outcomes(client, {"range": "bytes=0-1"}, {"if-none-match": '"a"'}) == ["bypass"] * 2


async def test_head_is_kept_apart_from_get(open_client, upstream):
    """It has no body, and tells the length of the one that GET has."""
    upstream.headers["content-length"] = "5"
    async with open_client(methods=["GET", "HEAD"]) as client:
        await client.get("/")
        for expected in ("miss", "hit"):
            response = await client.head("/")
            assert (outcome(response), response.headers["content-length"]) == (expected, "5")


async def test_the_query_is_in_the_key_unless_ignored(open_client):
    """By name; also in its encoded spelling."""
    async with open_client(ignore_params=["utm source"]) as client:
        paths = ["/?a=1", "/?a=2", "/?a=1&utm+source=x", "/?utm%20source=y&a=1", "/"]
        responses = [outcome(await client.get(path)) for path in paths]
    assert responses == ["miss", "miss", "hit", "hit", "miss"]


async def test_only_listed_statuses_are_kept(open_client, upstream):
    """200, unless the route says otherwise."""
    upstream.status = 404
    async with open_client() as client:
        assert await outcomes(client, {}, {}) == ["bypass", "bypass"]
    async with open_client(statuses=[200, 404]) as client:
        assert await outcomes(client, {}, {}) == ["miss", "hit"]


async def test_a_failure_may_be_kept_if_the_route_says_so(open_client, upstream):
    """Then it replaces what was there."""
    async with open_client(statuses=[200, 503]) as client:
        await client.get("/")
        upstream.status = 503
        assert await outcomes(client, {"cache-control": "no-cache"}, {}) == ["miss", "hit"]
        assert (await client.get("/")).status_code == 503


async def test_not_found_may_be_kept_for_a_while(open_client, upstream, clock):
    """For the policy's negative_ttl, and never stale."""
    upstream.status = 404
    async with open_client(negative=[404]) as client:
        assert await outcomes(client, {}, {}) == ["miss", "hit"]
        clock.advance(5.5)
        assert await outcomes(client, {}) == ["miss"]
        assert (await client.get("/")).status_code == 404


async def test_callers_at_once_share_one_fetch(open_client, upstream):
    """Each gets a response of his own to read."""
    upstream.gate.clear()
    async with open_client() as client:
        tasks = [asyncio.create_task(client.get("/")) for _ in range(50)]
        await upstream.begun.wait()
        upstream.gate.set()
        responses = await asyncio.gather(*tasks)
    assert upstream.count == 1
    assert {response.content for response in responses} == {b"hello"}


@pytest.mark.parametrize("status", [503, 429])
async def test_an_overloaded_upstream_is_not_asked_once_per_caller(open_client, upstream, status):
    """Its refusal is shared by those who wait, and not kept."""
    upstream.status = status
    upstream.gate.clear()
    async with open_client() as client:
        tasks = [asyncio.create_task(client.get("/")) for _ in range(50)]
        await upstream.begun.wait()
        upstream.gate.set()
        responses = await asyncio.gather(*tasks)
        assert {response.status_code for response in responses} == {status}
        assert upstream.count == 1
        await client.get("/")
    assert upstream.count == 2


async def test_what_may_not_be_shared_is_not_shared_in_flight(open_client, upstream):
    """Callers who joined a fetch that turns out to be one user's ask for themselves."""
    upstream.headers["cache-control"] = "private"
    upstream.gate.clear()
    async with open_client() as client:
        tasks = [asyncio.create_task(client.get("/")) for _ in range(20)]
        await upstream.begun.wait()
        upstream.gate.set()
        responses = await asyncio.gather(*tasks)
    assert upstream.count == 20
    assert Counter(map(outcome, responses)) == {"bypass": 20}
    assert {response.content for response in responses} == {b"hello"}


async def test_a_caller_who_leaves_leaves_no_connection_open(open_client, upstream):
    """What was fetched for him alone is closed; the others ask for themselves."""
    upstream.headers["cache-control"] = "private"
    upstream.gate.clear()
    async with open_client() as client:
        first, second = (asyncio.create_task(client.get("/")) for _ in range(2))
        await upstream.begun.wait()
        first.cancel()
        await asyncio.wait([first])
        upstream.gate.set()
        assert (await second).content == b"hello"
        assert all(connection.is_idle() or connection.is_closed() for connection in client.pool.connections)
    assert upstream.count == 2


async def test_a_stale_page_is_served_while_it_is_fetched_anew(open_client, upstream, clock):
    """The caller does not wait."""
    async with open_client() as client:
        await client.get("/")
        clock.advance(12)
        upstream.body = b"new"
        stale = await client.get("/")
        assert (outcome(stale), stale.content, stale.headers["age"]) == ("stale", b"hello", "12")
        await until(client, b"new")
    assert upstream.count == 2


async def until(client, body):
    """Wait until a GET gives the body."""
    while (await client.get("/")).content != body:
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_a_failing_upstream_leaves_the_stale_page(open_client, upstream, clock, status):
    """Of its refusal no more is seen, until `retry_after` has passed."""
    async with open_client() as client:
        await client.get("/")
        clock.advance(12)
        upstream.status = status
        assert await outcomes(client, {}) == ["stale"]
        await upstream.until_asked(2)
        clock.advance(4)
        assert await outcomes(client, {}, {}) == ["stale", "stale"]
        assert upstream.count == 2


async def test_a_failure_is_told_to_who_asks_for_a_new_response(open_client, upstream):
    """And what is kept stays."""
    async with open_client() as client:
        await client.get("/")
        upstream.status = 503
        response = await client.get("/", headers={"cache-control": "no-cache"})
        assert (response.status_code, outcome(response), response.content) == (503, "bypass", b"hello")
        assert await outcomes(client, {}) == ["hit"]


@pytest.mark.parametrize(("status", "headers"), [(200, {"cache-control": "private"}), (404, {}), (403, {})])
async def test_a_stale_page_goes_when_the_upstream_takes_it_back(
    open_client, upstream, clock, status, headers
):
    """Gone, forbidden or private by now."""
    async with open_client() as client:
        await client.get("/")
        clock.advance(12)
        upstream.status = status
        upstream.headers |= headers
        assert await outcomes(client, {}) == ["stale"]
        await upstream.until_asked(2)
        while await outcomes(client, {}) == ["stale"]:
            await asyncio.sleep(0.005)
        assert await outcomes(client, {}) == ["bypass"]


async def test_a_stale_page_is_revalidated(open_client, upstream, clock):
    """304 makes it fresh again without a body."""
    upstream.headers |= {"etag": '"a"', "last-modified": "Sun, 22 Nov 2026 10:00:00 GMT"}
    async with open_client(revalidate=True) as client:
        await client.get("/")
        clock.advance(12)
        assert await outcomes(client, {}) == ["stale"]
        while (await outcomes(client, {})) == ["stale"]:
            await asyncio.sleep(0.005)
        response = await client.get("/")
    assert (outcome(response), response.content, response.headers["age"]) == ("hit", b"hello", "0")
    assert upstream.count == 2
    assert upstream.requests[1].headers["if-none-match"] == '"a"'
    assert upstream.requests[1].headers["if-modified-since"] == "Sun, 22 Nov 2026 10:00:00 GMT"


async def test_a_callers_own_condition_renews_nothing(open_client, upstream, clock):
    """A 304 to what the caller has says nothing of what is kept."""
    upstream.headers["etag"] = '"a"'
    async with open_client(revalidate=True, ignore_headers=["If-None-Match"]) as client:
        await client.get("/")
        upstream.headers["etag"], upstream.body = '"b"', b"new"
        clock.advance(12)
        response = await client.get("/", headers={"if-none-match": '"b"'})
        while outcome(response) == "stale":
            await asyncio.sleep(0.005)
            response = await client.get("/")
    assert (outcome(response), response.content) == ("hit", b"new")
    assert upstream.requests[1].headers.getall("if-none-match") == ['"a"']


async def test_a_kept_redirection_says_where_to(open_client, upstream):
    """Else nobody could follow it."""
    upstream.status, upstream.headers["location"] = 301, "/new"
    async with open_client(statuses=[301]) as client:
        answers = [await client.get("/") for _ in range(2)]
    assert [(outcome(each), each.headers["location"]) for each in answers] == [
        ("miss", "/new"),
        ("hit", "/new"),
    ]


async def test_a_page_that_holds_but_is_private_by_now_is_given_up(open_client, upstream, cache):
    """A 304 may forbid what the 200 allowed; each caller then asks for himself."""
    upstream.headers["etag"] = '"a"'
    async with open_client(revalidate=True) as client:
        await client.get("/")
        upstream.headers["cache-control"] = "private"
        response = await client.get("/", headers={"cache-control": "no-cache"})
        assert (response.status_code, outcome(response), response.content) == (200, "bypass", b"hello")
        assert await kept(cache) == []


async def test_without_revalidate_no_condition_is_sent(open_client, upstream, clock):
    """The stale page is fetched whole."""
    upstream.headers["etag"] = '"a"'
    async with open_client() as client:
        await client.get("/")
        clock.advance(12)
        await client.get("/")
        await upstream.until_asked(2)
    assert "if-none-match" not in upstream.requests[1].headers


async def test_tags_take_their_names_from_the_path(open_client, cache, pages):
    """Decoded."""
    async with open_client(path="/hotels/{id}/*", tags=["hotel:{id}", "all"]) as client:
        await client.get("/hotels/S%C3%A3o/offers")
        assert outcome(await client.get("/hotels/S%C3%A3o/offers")) == "hit"
    [key] = await kept(cache)
    assert (await pages.get_entry(key)).tags == ("hotel:São", "all")


async def test_what_the_network_raises_is_raised(open_client, upstream):
    """As without the cache."""
    async with open_client() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("http://127.0.0.1:1/")


async def test_without_redis_the_upstream_answers(upstream):
    """The namespace's outage decides; "raise" raises."""
    async with cachekit.connect("redis://127.0.0.1:1") as cache:
        for name, policy in (("a", Policy()), ("b", Policy(outage="raise"))):
            transport = CacheTransport(
                cache.namespace(name, policy), httpx.AsyncHTTPTransport(), routes=[Route(host=HOST)]
            )
            async with httpx.AsyncClient(transport=transport, base_url=upstream.url) as client:
                if policy.outage == "raise":
                    with pytest.raises(CacheUnavailable):
                        await client.get("/")
                else:
                    assert (await client.get("/")).content == b"hello"


@pytest.mark.parametrize(
    "value",
    [
        {"status": "odd"},
        {"status": 100, "headers": []},
        {"status": 200, "headers": [["a"]]},
        {"status": 200, "headers": [["a", "b", "c"]]},
        {"status": 200, "headers": [["a", "€"]]},
        {"status": 200, "headers": [["a", "b\r\nset-cookie: c=d"]]},
        {"status": 200, "headers": [["a", "b\n"]]},
    ],
)
async def test_a_foreign_value_under_the_key_is_passed_by(open_client, cache, pages, value):
    """Not ours, so not served, and no error either."""
    async with open_client() as client:
        await client.get("/")
        [key] = await kept(cache)
        await pages.set(key, value)
        response = await client.get("/")
    assert (outcome(response), response.content) == ("bypass", b"hello")


class Body(httpx.AsyncByteStream):
    """Counts how often it is closed; may break off, or never end."""

    def __init__(self, chunks):
        self.chunks = chunks
        self.closed = 0

    async def __aiter__(self):
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    async def aclose(self):
        self.closed += 1


@pytest.mark.parametrize(
    ("chunks", "status", "expected"),
    [
        ([b"a", b"b"], 200, "miss"),
        ([b"x" * MOST, b"x"], 200, "bypass"),
        ([b"a"], 404, "bypass"),
        ([b"a", httpx.ReadError("cut")], 200, httpx.ReadError),
    ],
)
async def test_every_body_is_closed(pages, chunks, status, expected):
    """Whether it was kept, passed through, or broke off."""
    body = Body(chunks)
    inner = httpx.MockTransport(lambda _: httpx.Response(status, stream=body))
    transport = CacheTransport(pages, inner, routes=[Route(host="a.example")])
    async with httpx.AsyncClient(transport=transport) as client:
        if isinstance(expected, str):
            assert outcome(await client.get("http://a.example/")) == expected
        else:
            with pytest.raises(expected):
                await client.get("http://a.example/")
    assert body.closed == 1


async def test_a_body_held_for_one_who_gets_an_error_instead_is_closed(pages, monkeypatch):
    """As when the cache is closed just then."""

    async def closing(_key, factory, **_options):
        await factory(LoadContext(policy=pages.policy, tags=()))
        raise CacheClosed("closed")

    body = Body([b"a"])
    inner = httpx.MockTransport(lambda _: httpx.Response(404, stream=body))
    monkeypatch.setattr(pages, "get_or_set_entry", closing)
    transport = CacheTransport(pages, inner, routes=[Route(host="a.example")])
    async with httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(CacheClosed):
            await client.get("http://a.example/")
    assert body.closed == 1


async def test_redis_going_away_while_a_page_is_taken_back_is_no_error(
    open_client, upstream, pages, monkeypatch
):
    """The caller has his answer; whoever finds the old page asks again."""

    async def away(_key):
        raise CacheUnavailable("gone", operation="UNLINK")

    async with open_client() as client:
        await client.get("/")
        upstream.status = 404
        monkeypatch.setattr(pages, "delete", away)
        assert (await client.get("/", headers={"cache-control": "no-cache"})).status_code == 404


async def test_a_body_that_was_read_before_is_passed_on(pages):
    """As by a transport that records; its bytes are no longer those that were sent."""

    async def read(_):
        response = httpx.Response(200, stream=Body([b"a"]))
        await response.aread()
        return response

    transport = CacheTransport(pages, httpx.MockTransport(read), routes=[Route(host="a.example")])
    async with httpx.AsyncClient(transport=transport) as client:
        response = await client.get("http://a.example/")
    assert (outcome(response), response.content) == ("bypass", b"a")


@given(body=st.binary(max_size=200))
async def test_any_body_round_trips(body):
    """Also from a transport that gives responses made at once."""
    async with cachekit.connect("memory://") as cache:
        inner = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
        transport = CacheTransport(cache.namespace("pages"), inner, routes=[Route(host="a.example")])
        async with httpx.AsyncClient(transport=transport) as client:
            responses = [await client.get("http://a.example/") for _ in range(2)]
    assert [outcome(response) for response in responses] == ["miss", "hit"]
    assert [response.content for response in responses] == [body, body]

"""What comes back is read with a bound, and what is wrong with it is told."""

import gzip
import json
import tracemalloc

import httpx
import pytest
from support.flight_wire import SEARCH
from support.upstream import Upstream, http

from cachekit.amadeus import errors
from cachekit.amadeus.client import AmadeusClient
from cachekit.amadeus.client.answer import read_answer

MOST = 100_000
GOOD = b'{"data": [{"id": "1"}]}'


@pytest.fixture
async def upstream():
    async with Upstream() as server:
        yield server


@pytest.fixture
async def client(upstream):
    async with AmadeusClient(
        upstream.url, "id", "the-secret", retries=1, backoff=0.001, max_reply_bytes=MOST
    ) as opened:
        yield opened


async def test_a_packed_reply_is_unpacked(client, upstream):
    """A reply may come by gzip, and by nothing else."""
    upstream.reply = http(gzip.compress(GOOD), Content_Encoding="gzip")
    assert await client.search(SEARCH) == json.loads(GOOD)


async def test_the_bound_is_inclusive(client, upstream):
    """A reply of just so many bytes is taken."""
    body = GOOD + b" " * (MOST - len(GOOD))
    for upstream.reply in (http(body), http(gzip.compress(body), Content_Encoding="gzip")):
        assert await client.search(SEARCH) == json.loads(GOOD)


LARGE = GOOD + b" " * (MOST + 1 - len(GOOD))
BOMB = gzip.compress(bytes(50 * MOST))
HTML = b"<html><body>Sign in to the guest network</body></html>"


ERRORS = b'{"errors": [{"code": 141, "title": "SYSTEM ERROR"}], "data": []}'
BROKEN = {
    "large": (http(LARGE), "max_reply_bytes, 100,000"),
    "large when unpacked": (http(gzip.compress(LARGE), Content_Encoding="gzip"), "max_reply_bytes"),
    "bomb": (http(BOMB, Content_Encoding="gzip"), "max_reply_bytes"),
    "not packed": (http(GOOD, Content_Encoding="gzip"), "says that it is gzip, and is not"),
    "cut and packed": (http(gzip.compress(GOOD)[:-9], Content_Encoding="gzip"), "ends too early"),
    "more after what is packed": (
        http(gzip.compress(GOOD) + b"more", Content_Encoding="gzip"),
        "goes on after the end",
    ),
    "packed otherwise": (http(GOOD, Content_Encoding="br"), "not asked for"),
    "cut": (http(GOOD[:-4]), "not JSON"),
    "empty": (http(b""), r"not JSON \(0 bytes"),
    "html": (http(HTML, kind="text/html; charset=utf-8"), "text/html"),
    "list": (http(b"[]"), "no JSON object but a list"),
    "data is an object": (http(b'{"data": {}}'), "no list of objects under data"),
    "data holds numbers": (http(b'{"data": [7]}'), "no list of objects under data"),
    "errors": (http(ERRORS), "200 141: SYSTEM ERROR"),
    "redirect": (http(b"", status="302 Found", Location="http://127.0.0.1:9/"), "answered 302"),
    "no content": (http(b"", status="204 No Content"), "answered 204"),
}


@pytest.mark.parametrize(("reply", "said"), BROKEN.values(), ids=BROKEN)
async def test_a_reply_that_breaks_the_promise_is_told_and_not_asked_for_again(client, upstream, reply, said):
    """Garbage would be garbage again."""
    upstream.reply = reply.replace(b"\r\n\r\n", b"\r\nAma-Request-Id: request-7\r\n\r\n", 1)
    with pytest.raises(errors.AmadeusReplyError, match=said) as caught:
        await client.search(SEARCH)
    assert caught.value.request_id == "request-7"
    assert caught.value.status == int(reply.split()[1])
    assert upstream.searches == 1


async def test_an_answer_from_memory_is_bounded_too():
    """As a test's transport or a recording gives it."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=bytes(MOST)))
    async with (
        httpx.AsyncClient(transport=transport) as http,
        http.stream("GET", "http://amadeus.test/") as reply,
    ):
        assert len((await read_answer(reply, most=MOST)).body) == MOST
        with pytest.raises(errors.AmadeusReplyError, match="max_reply_bytes"):
            await read_answer(reply, most=MOST - 1)


async def test_a_bomb_is_never_unpacked_whole(client, upstream):
    """A hundred kilobytes that would become a hundred megabytes take little more memory than the bound."""
    upstream.reply = http(gzip.compress(bytes(1_000 * MOST)), Content_Encoding="gzip")
    tracemalloc.start()
    try:
        with pytest.raises(errors.AmadeusReplyError):
            await client.search(SEARCH)
        assert tracemalloc.get_traced_memory()[1] < 30 * MOST
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("resets", [False, True], ids=["ended", "reset"])
async def test_a_reply_that_breaks_off_is_asked_for_again(client, upstream, resets):
    """In the middle of the body the connection ends, or is reset: a fault of the connection."""
    upstream.reply, upstream.resets = http(GOOD)[:-9], resets
    with pytest.raises(errors.AmadeusUnavailable, match="cannot be reached"):
        await client.search(SEARCH)
    assert upstream.searches == 2


@pytest.mark.parametrize("body", [HTML, BOMB, b"\x00"], ids=["html", "bomb", "garbage"])
async def test_a_proxys_error_page_is_a_server_error(client, upstream, body):
    """A 502 is one, whatever its body; and what is packed wrongly there hides nothing."""
    upstream.reply = http(body, status="502 Bad Gateway", kind="text/html", Content_Encoding="gzip")
    with pytest.raises(errors.AmadeusServerError, match="no reason given") as caught:
        await client.search(SEARCH)
    assert caught.value.status == 502
    assert upstream.searches == 2


async def test_a_redirect_takes_the_token_nowhere(client, upstream):
    """Not even to where it points on the same host."""
    upstream.reply = http(b"", status="307 Temporary Redirect", Location=f"{upstream.url}/elsewhere")
    with pytest.raises(errors.AmadeusReplyError):
        await client.search(SEARCH)
    assert not any("elsewhere" in line for line in upstream.asked)


class Pieces(httpx.AsyncByteStream):
    """A body that notes whether its reader has heard of its end."""

    def __init__(self, *pieces):
        self.pieces = pieces
        self.ended = False

    async def __aiter__(self):
        for piece in self.pieces:
            yield piece
        self.ended = True


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_a_packed_reply_is_read_to_its_end(size):
    """Or its connection would be closed after each, and a recording would miss it."""
    packed = gzip.compress(GOOD)
    stream = Pieces(*(packed[start : start + size] for start in range(0, len(packed), size)))
    reply = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=stream)
    assert (await read_answer(reply, most=MOST)).body == GOOD
    assert stream.ended


async def test_a_packed_reply_is_recorded(upstream, tmp_path):
    """Real hosts pack what they say."""
    upstream.reply = http(gzip.compress(GOOD), Content_Encoding="gzip")
    async with AmadeusClient(upstream.url, "id", "the-secret", record=tmp_path) as client:
        await client.search(SEARCH)
    (recorded,) = tmp_path.rglob("*.json")
    assert json.loads(recorded.read_text())["response"]["json"] == json.loads(GOOD)

"""Recording what a service answers: whole exchanges, nothing of the account, and never at its cost."""

import asyncio
import gzip
import html
import json
import logging
import tempfile
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, quote_plus

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cachekit.amadeus.recording import RecordingTransport
from cachekit.amadeus.recording.redaction import Redaction
from cachekit.amadeus.recording.tee import NotRecorded, decoded
from cachekit.amadeus.sandbox.replay import Replay
from cachekit.errors import ConfigurationError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOST = "https://gateway.example:8443"
PATH = "/v2/shopping/flight-offers"
QUERY = "originLocationCode=GRU&destinationLocationCode=LIS&departureDate=2026-12-12&adults=1"
URL = f"{HOST}{PATH}?{QUERY}"
SECRET = "Qx7SecretOffice"
DATA_TYPE = "application/vnd.amadeus+json"


def answering(*replies):
    """A service that gives these replies in turn, and then the last one again."""
    left = list(replies)

    def answer(_):
        return left.pop(0) if len(left) > 1 else left[0]

    return httpx.MockTransport(answer)


def data(*offers, **more):
    return httpx.Response(200, json={"data": list(offers)} | more, headers={"content-type": DATA_TYPE})


@pytest.fixture
def shelf(tmp_path):
    return tmp_path / "recordings"


@pytest.fixture
def open_http(shelf):
    def opened(service, **options):
        transport = RecordingTransport(shelf, service, clock=lambda: NOW, **options)
        return httpx.AsyncClient(transport=transport), transport

    return opened


def files(directory):
    return sorted(path for path in directory.rglob("*") if path.is_file())


def only_file(directory):
    (path,) = files(directory)
    return json.loads(path.read_text())


async def test_an_answer_is_recorded_as_a_file_that_people_read(open_http, shelf):
    """Verb, path, sorted query, status, the headers that matter, the body as JSON, and the moment."""
    http, _ = open_http(answering(data({"id": "1"})))
    assert (await http.get(URL)).json() == {"data": [{"id": "1"}]}
    assert only_file(shelf) == {
        "format": 1,
        "recorded_at": "2026-11-22T12:00:00Z",
        "request": {
            "verb": "GET",
            "path": "/v2/shopping/flight-offers",
            "query": {
                "adults": "1",
                "departureDate": "2026-12-12",
                "destinationLocationCode": "LIS",
                "originLocationCode": "GRU",
            },
        },
        "response": {
            "status": 200,
            "headers": {"content-type": DATA_TYPE},
            "json": {"data": [{"id": "1"}]},
        },
    }
    (path,) = files(shelf)
    lines = path.read_text().splitlines()
    assert lines.index('      "adults": "1",') < lines.index('      "originLocationCode": "GRU"')


@pytest.mark.parametrize(
    ("ask", "beginning"),
    [
        (("GET", URL, None), "GET flight-offers GRU-LIS 2026-12-12 "),
        (
            (
                "POST",
                HOST + PATH,
                {
                    "originDestinations": [
                        {
                            "originLocationCode": "GRU",
                            "destinationLocationCode": "LIS",
                            "departureDateTimeRange": {"date": "2026-12-12"},
                        }
                    ]
                },
            ),
            "POST flight-offers GRU-LIS 2026-12-12 ",
        ),
        (
            ("GET", f"{HOST}/v1/reference-data/locations?keyword=S%C3%A3o+*?/", None),
            "GET locations S-o ",
        ),
        (("POST", f"{HOST}/v1/x", [{"originDestinations": 3}]), "POST x "),
        (("GET", f"{HOST}/", None), "GET "),
    ],
)
async def test_the_name_of_a_file_tells_what_was_asked(open_http, shelf, ask, beginning):
    """Only characters that every file system takes, and a digest that makes it unique."""
    http, _ = open_http(answering(data()))
    verb, url, body = ask
    await http.request(verb, url, json=body)
    (path,) = files(shelf)
    assert path.name.startswith(beginning)
    digest = path.stem.removeprefix(beginning)
    assert len(digest) == 12
    assert set(digest) <= set("0123456789abcdef")


async def test_requests_that_are_the_same_share_a_file(open_http, shelf):
    """Order and encoding of the query are not part of a request; its values are."""
    http, transport = open_http(answering(data()))
    await http.get(f"{HOST}/a?x=1&y=S%41O")
    await http.get(f"{HOST}/a?y=SAO&x=1")
    assert len(files(shelf)) == 1
    await http.get(f"{HOST}/a?y=SAO&x=2")
    assert (len(files(shelf)), transport.written) == (2, 3)


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(400, json={"errors": [{"status": 400, "code": 477}]}),
        httpx.Response(429, json={"errors": []}, headers={"retry-after": "3"}),
        httpx.Response(503, html="<h1>Bad Gateway</h1>"),
        httpx.Response(302, headers={"location": "/elsewhere"}),
        httpx.Response(200, text='{"data": [{"id"', headers={"content-type": DATA_TYPE}),
        httpx.Response(200, text='{"data": [], "data": [1]}'),
        httpx.Response(200, text='{"price": NaN}'),
        httpx.Response(200, text='["\\ud800"]'),
        httpx.Response(204),
    ],
)
async def test_what_is_wrong_is_recorded_as_it_came(open_http, shelf, reply):
    """Errors, pages of a proxy, redirects and broken JSON replay as the same bytes."""
    sent = reply.content
    http, transport = open_http(answering(reply))
    await http.get(URL)
    found = Replay(shelf).find("GET", PATH, list(httpx.URL(URL).params.items()), b"")
    assert transport.written == 1
    assert found.status == reply.status_code
    assert json_or_bytes(found.body) == json_or_bytes(sent)
    for name in ("content-type", "retry-after", "location"):
        assert found.headers.get(name) == reply.headers.get(name)


def json_or_bytes(body):
    try:
        return json.loads(body) if b"data" not in body and b"NaN" not in body and b"ud8" not in body else body
    except ValueError:
        return body


async def test_a_body_in_another_charset_is_recorded_and_replayed_as_utf_8(open_http, shelf):
    """A page of an old proxy stays readable, and its header stays true."""
    page = httpx.Response(
        502,
        content="<p>café</p>".encode("latin-1"),
        headers={"content-type": "text/html; charset=ISO-8859-1"},
    )
    http, _ = open_http(answering(page))
    assert (await http.get(f"{HOST}/a")).text == "<p>café</p>"
    found = Replay(shelf).find("GET", "/a", [], b"")
    assert found.body == "<p>café</p>".encode()
    assert found.headers["content-type"] == "text/html; charset=utf-8"


async def test_a_compressed_answer_is_recorded_decoded(open_http, shelf):
    """The client gets it as it came; the file has no trace of the compression."""
    body = gzip.compress(b'{"data": [1]}')
    reply = httpx.Response(200, content=body, headers={"content-encoding": "gzip"})
    http, _ = open_http(answering(reply))
    answer = await http.get(f"{HOST}/a")
    assert answer.json() == {"data": [1]}
    assert answer.headers["content-encoding"] == "gzip"
    assert only_file(shelf)["response"] == {"status": 200, "headers": {}, "json": {"data": [1]}}


class Pieces(httpx.AsyncByteStream):
    """A body in pieces, which may fail after the last one."""

    def __init__(self, *pieces, error=None):
        self.pieces, self.error, self.is_closed = pieces, error, False

    async def __aiter__(self):
        for piece in self.pieces:
            yield piece
        if self.error:
            raise self.error

    async def aclose(self):
        self.is_closed = True


async def test_a_streamed_answer_is_handed_on_piece_by_piece(open_http, shelf):
    """Nothing is held back, and the file is there when the stream has ended."""
    http, _ = open_http(answering(httpx.Response(200, stream=Pieces(b'{"data"', b": []}"))))
    async with http.stream("GET", f"{HOST}/a") as response:
        pieces = response.aiter_raw()
        assert await anext(pieces) == b'{"data"'
        assert files(shelf) == []
        assert await anext(pieces) == b": []}"
        assert await anext(pieces, None) is None
        assert only_file(shelf)["response"]["json"] == {"data": []}


async def test_a_stream_that_is_left_early_is_not_recorded(open_http, shelf):
    """Half an answer is none; its connection is closed all the same."""
    body = Pieces(b'{"data"', b": []}")
    http, transport = open_http(answering(httpx.Response(200, stream=body)))
    async with http.stream("GET", f"{HOST}/a") as response:
        await anext(response.aiter_raw())
    assert body.is_closed
    assert (files(shelf), transport.written, transport.missed) == ([], 0, 0)


async def test_a_connection_that_breaks_is_not_recorded(open_http, shelf):
    """Before the answer or within it, the fault is the caller's to see."""

    def refuse(request):
        raise httpx.ConnectError("refused", request=request)

    http, _ = open_http(httpx.MockTransport(refuse))
    with pytest.raises(httpx.ConnectError):
        await http.get(f"{HOST}/a")
    broken = Pieces(b"{", error=httpx.ReadError("cut"))
    http, transport = open_http(answering(httpx.Response(200, stream=broken)))
    with pytest.raises(httpx.ReadError):
        await http.get(f"{HOST}/a")
    assert (files(shelf), transport.missed) == ([], 0)


@pytest.mark.parametrize(
    "exchange",
    [
        ("POST", "/v1/security/oauth2/token", {"data": {"grant_type": "client_credentials"}}, {"a": 1}),
        ("GET", f"/v1/security/oauth2/token/{SECRET}", {}, {"a": 1}),
        ("POST", "/login", {"data": {"client_id": "someone", "client_secret": SECRET}}, {"a": 1}),
        ("POST", "/login", {"json": {"user": "me"}}, {"access_token": SECRET}),
    ],
)
async def test_token_exchanges_are_never_recorded(open_http, shelf, exchange):
    """Whatever tells that it is one: the path, the form, or the answer."""
    verb, path, content, reply = exchange
    http, transport = open_http(answering(httpx.Response(200, json=reply)))
    assert (await http.request(verb, HOST + path, **content)).json() == reply
    assert (files(shelf), transport.written, transport.missed) == ([], 0, 0)


async def test_what_the_token_form_says_is_struck_out_later(open_http, shelf):
    """Client id and office id need not be given as words if the token form passes by here."""
    echo = {"office": "NCE1A0955", "owner": "client-4711", "kind": "client_credentials"}
    http, _ = open_http(answering(httpx.Response(200, json=echo)), base_url=HOST)
    form = {"grant_type": "client_credentials", "client_id": "client-4711", "guest_office_id": "NCE1A0955"}
    await http.post("https://tokens.example/oauth2/token", data=form)
    await http.get(f"{HOST}/a")
    assert only_file(shelf)["response"]["json"] == {
        "office": "STRUCK-OUT",
        "owner": "STRUCK-OUT",
        "kind": "client_credentials",
    }


@pytest.mark.parametrize(
    ("headers", "echo"),
    [
        ({"Authorization": f"Bearer {SECRET}"}, SECRET),
        ({"Authorization": "Basic bWU6cGFzc3dvcmQtNDI="}, "password-42"),
        ({"Authorization": "Basic café-au-lait".encode("latin-1")}, "café-au-lait"),
        ({"Authorization": SECRET}, SECRET),
        ({"Cookie": f"a=b; session={SECRET}"}, SECRET),
        ({"ama-client-ref": "5d8a7e0c-uuid"}, "5d8a7e0c-uuid"),
        ({"X-Office": "NCE1A"}, "NCE1A"),
        ({"Host": "inner.example:81"}, "inner.example"),
    ],
)
async def test_what_a_header_says_is_struck_out_of_the_reply(open_http, shelf, headers, echo):
    """Headers are not recorded, nor what the service echoes of them."""
    http, _ = open_http(answering(httpx.Response(200, json={"echo": f"<{echo}>"})))
    await http.get(f"{HOST}/a", headers=headers)
    assert only_file(shelf)["response"]["json"] == {"echo": "<STRUCK-OUT>"}
    assert only_file(shelf)["request"] == {"verb": "GET", "path": "/a", "query": {}}


async def test_what_a_cookie_of_the_reply_says_is_struck_out(open_http, shelf):
    """Neither the cookie nor its echo is recorded."""
    reply = httpx.Response(200, json=[SECRET], headers={"set-cookie": f"session={SECRET}; path=/"})
    http, _ = open_http(answering(reply))
    await http.get(f"{HOST}/a")
    assert only_file(shelf)["response"] == {
        "status": 200,
        "headers": {"content-type": "application/json"},
        "json": ["STRUCK-OUT"],
    }


async def test_ordinary_words_in_headers_are_no_secrets(open_http, shelf):
    """A header that says `true` or `mobile` does not spoil the replies."""
    http, _ = open_http(answering(data("true", "mobile", DATA_TYPE)))
    await http.get(f"{HOST}/a", headers={"X-Debug": "true", "X-Kind": "mobile", "Accept": DATA_TYPE})
    assert only_file(shelf)["response"]["json"] == {"data": ["true", "mobile", DATA_TYPE]}


ENCODINGS = {
    "plain": str,
    "upper": str.upper,
    "percent": lambda word: "".join(f"%{octet:02x}" for octet in word.encode()),
    "quoted": lambda word: quote(word, safe=""),
    "twice": lambda word: quote(quote(word, safe=""), safe=""),
    "form": quote_plus,
    "json": lambda word: json.dumps(word)[1:-1],
    "json in json": lambda word: json.dumps(json.dumps(word))[1:-1],
    "html": html.escape,
    "references": lambda word: "".join(f"&#{ord(character)};" for character in word),
}

words = st.text(st.characters(codec="utf-8"), min_size=4, max_size=12).filter(
    lambda word: word.isprintable() and len(word.strip()) >= 4
)


async def record_everywhere(directory, word, form):
    """Record exchanges that hold the word in every field there is."""
    body = {form: [form, {"link": f"{HOST}/next?office={form}"}], "n": 12345}
    replies = [
        httpx.Response(200, json=body),
        httpx.Response(500, text=f"<p>{form}</p>", headers={"location": f"/{quote(word, safe='')}"}),
        httpx.Response(200, text=f'{{"cut": "{form}'),
    ]
    transport = RecordingTransport(directory, answering(*replies), words=[word], clock=lambda: NOW)
    async with httpx.AsyncClient(transport=transport) as http:
        for path in ("/a", f"/{quote(form, safe='')}", "/b"):
            params = {"office": form, "departureDate": form, form: "1"}
            await http.post(HOST + path, params=params, json={form: form})
    return transport


def plain_layers(text):
    """The text as it stands and with what a reader could decode, in lower case."""
    for _ in range(4):
        yield text.casefold()
        try:
            text = json.loads(f'"{text}"')
        except ValueError:
            text = html.unescape(httpx.QueryParams(f"x={text.replace('&', '%26')}")["x"])


@settings(max_examples=60, deadline=None)
@given(word=words, encoding=st.sampled_from(sorted(ENCODINGS)))
@example(word="data", encoding="plain")
@example(word="12345", encoding="plain")
@example(word='qu"ote\\', encoding="json")
@example(word="recorded.invalid", encoding="plain")
def test_no_file_holds_a_secret_whatever_it_is(word, encoding):
    """Not in a name, a field or a link, not even encoded; what cannot be cleaned is not written."""
    with tempfile.TemporaryDirectory() as directory:
        logging.disable(logging.WARNING)
        try:
            transport = asyncio.run(record_everywhere(directory, word, ENCODINGS[encoding](word)))
        finally:
            logging.disable(logging.NOTSET)
        assert transport.written == len(files(Path(directory)))
        for path in files(Path(directory)):
            for text in (path.name, path.read_text()):
                assert not any(word.strip().casefold() in layer for layer in plain_layers(text))
        Replay(directory)


@settings(max_examples=40, deadline=None)
@given(
    word=st.text("QZqz0123456789ä€😀", min_size=6, max_size=12), encoding=st.sampled_from(sorted(ENCODINGS))
)
def test_a_secret_that_is_no_ordinary_word_costs_no_recording(word, encoding):
    """It is struck out of every field, and the rest is kept."""
    with tempfile.TemporaryDirectory() as directory:
        transport = asyncio.run(record_everywhere(directory, word, ENCODINGS[encoding](word)))
        assert (transport.written, transport.missed) == (3, 0)
        assert all("STRUCK-OUT" in path.read_text() for path in files(Path(directory)))


@pytest.mark.parametrize(
    ("word", "spelled"),
    [
        ("aabbb", "a%41bb%2542"),
        ("aabb", "\\u0041abb"),
        ("AABB", "&#97;a&#x62;b"),
        ("ääÄ", "%C3%A4%e4&#228;"),
        ("😀-ok", "\\ud83d\\uDE00-ok"),
        ("a b&c", "a+b&amp;c"),
        ("a b/c", "a%20b\\/c"),
    ],
)
def test_a_word_is_found_however_each_of_its_letters_is_encoded(word, spelled):
    """Encodings and cases may be mixed within one word."""
    redaction = Redaction([word], host="gateway.example")
    assert redaction.text(f"({spelled})") == "(STRUCK-OUT)"
    assert redaction.finds(f"({spelled})")


def test_a_long_row_of_backslashes_costs_no_more_than_other_text():
    """In a pattern without a bound, this text would take hours, in which nothing else would run."""
    redaction = Redaction(["hush-hush-42"], host="gateway.example")
    row = "\\" * 300_000
    assert redaction.text(f"{row}hush-hush-42").startswith(row[16:])
    assert not redaction.finds(row)


async def test_a_file_that_would_still_hold_a_secret_is_not_written(open_http, shelf, caplog):
    """A word of the format itself cannot be struck out; the log does not quote it."""
    http, transport = open_http(answering(data()), words=["recorded_at"])
    assert (await http.get(f"{HOST}/a")).json() == {"data": []}
    assert (files(shelf), transport.written, transport.missed) == ([], 0, 1)
    assert "a secret or the host would stand in the file" in caplog.text
    assert "recorded_at" not in caplog.text


async def test_links_lead_to_a_placeholder(open_http, shelf):
    """Host, port and prefix are gone from links, encoded ones too, and from the recorded path."""
    links = {
        "self": f"{HOST}/tenant/v1/a?page%5Boffset%5D=10",
        "next": f"/go?to={quote(HOST + '/tenant/v1/a', safe='')}",
        "bare": "GATEWAY.example",
    }
    http, _ = open_http(answering(httpx.Response(200, json=links)), base_url=f"{HOST}/tenant/")
    await http.get(f"{HOST}/tenant/v1/a")
    recorded = only_file(shelf)
    assert recorded["request"]["path"] == "/v1/a"
    assert recorded["response"]["json"] == {
        "self": "https://recorded.invalid/v1/a?page%5Boffset%5D=10",
        "next": "/go?to=https%3A%2F%2Frecorded.invalid%2Fv1%2Fa",
        "bare": "recorded.invalid",
    }


async def test_a_host_without_a_dot_is_only_struck_out_of_links(open_http, shelf):
    """`flight` as a host does not spoil `flight-offer`."""
    http, _ = open_http(answering(httpx.Response(200, json=["flight-offer", "http://flight:80/a"])))
    await http.get("http://flight/a")
    assert only_file(shelf)["response"]["json"] == ["flight-offer", "http://recorded.invalid/a"]


@pytest.mark.parametrize(
    "url", ["https://other.example/v1/a", f"{HOST}/tenant2/v1/a", "http://gateway.example/tenant/v1/a"]
)
async def test_with_a_base_url_only_that_service_is_recorded(open_http, shelf, url):
    """A client may use the same transport for other hosts."""
    http, transport = open_http(answering(data()), base_url=f"{HOST}/tenant")
    assert (await http.get(url)).json() == {"data": []}
    assert (files(shelf), transport.missed) == ([], 0)


@pytest.mark.parametrize("base_url", ["HTTP://Gateway.example:80/", "http://gateway.example"])
def test_a_base_url_is_the_same_however_it_is_spelled(shelf, base_url):
    """Or nothing would be recorded, and nobody told."""
    transport = RecordingTransport(shelf, base_url=base_url)
    assert transport._is_ours(httpx.URL("http://gateway.example/v1/a"))


async def test_the_newest_answer_replaces_the_one_before(open_http, shelf):
    """A second run refreshes a case, and takes that were kept by an earlier one go."""
    http, _ = open_http(answering(data(1), data(2)), repeats="keep")
    await http.get(f"{HOST}/a")
    await http.get(f"{HOST}/a")
    http, _ = open_http(answering(data(3)))
    await http.get(f"{HOST}/a")
    assert only_file(shelf)["response"]["json"] == {"data": [3]}


async def test_kept_takes_show_how_the_answer_changed(open_http, shelf):
    """Each answer that differs from the one before is a file; later runs go on counting."""
    http, _ = open_http(answering(data(1), data(1), data(2)), repeats="keep")
    for _ in range(4):
        await http.get(f"{HOST}/a")
    http, _ = open_http(answering(data(1)), repeats="keep")
    await http.get(f"{HOST}/a")
    replay = Replay(shelf)
    found = [json.loads(replay.find("GET", "/a", [], b"").body)["data"] for _ in range(4)]
    assert found == [[1], [2], [1], [1]]


@pytest.mark.parametrize("repeats", ["replace", "keep"])
async def test_many_answers_at_once_are_recorded_one_by_one(open_http, shelf, repeats):
    """Different requests have their files, the same request the one it should; no draft is left over."""
    replies = [data(number) for number in range(60)]
    http, transport = open_http(answering(*replies), repeats=repeats)
    await asyncio.gather(*(http.get(f"{HOST}/{n % 3}?n={n if n % 3 else 0}") for n in range(60)))
    assert transport.written == 60
    assert len(files(shelf)) == (41 if repeats == "replace" else 60)
    assert len(Replay(shelf)) == 41


async def test_one_file_is_written_at_a_time(open_http, monkeypatch):
    """Takes are counted and old ones removed by looking at the directory, which must hold still."""
    inside, most, replace = 0, 0, Path.replace

    def counted(path, target):
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        replace(path, target)
        inside -= 1

    monkeypatch.setattr(Path, "replace", counted)
    http, transport = open_http(answering(data()))
    await asyncio.gather(*(http.get(f"{HOST}/{number}") for number in range(100)))
    assert (transport.written, most) == (100, 1)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (httpx.Response(200, content=b"\xff\xfe\xfa"), "no text"),
        (httpx.Response(200, content="secret".encode("utf-16-le")), "no text"),
        (httpx.Response(200, text="x", headers={"content-type": "text/plain; charset=rot13"}), "no text"),
        (httpx.Response(200, text="x" * 101), "larger than 100 bytes"),
        (
            httpx.Response(200, content=gzip.compress(b"x" * 101), headers={"content-encoding": "gzip"}),
            "larger than 100 bytes",
        ),
        (httpx.Response(200, content=b"x", headers={"content-encoding": "lzma9"}), "content-encoding"),
    ],
)
async def test_what_cannot_be_recorded_is_counted_and_logged(open_http, shelf, caplog, reply, reason):
    """The answer is passed on as it came."""
    http, transport = open_http(answering(reply), max_bytes=100)
    assert (await http.get(f"{HOST}/a")).content == reply.content
    assert (files(shelf), transport.written, transport.missed) == ([], 0, 1)
    assert reason in caplog.text


async def test_a_request_that_no_replay_could_read_is_not_recorded(open_http, shelf, caplog):
    """A verb of other characters, or a path whose beginning was a secret."""
    http, transport = open_http(answering(data()), words=["/v1/office"])
    await http.request("M-SEARCH", f"{HOST}/a")
    await http.get(f"{HOST}/v1/office/a")
    assert (files(shelf), transport.missed) == ([], 2)
    assert "$.request.path" in caplog.text


def test_a_body_that_unpacks_without_end_is_noticed_in_time():
    """A thousandth of it is sent; no more than what is allowed is held."""
    pieces = [gzip.compress(bytes(64 * 1024 * 1024))]
    tracemalloc.start()
    try:
        with pytest.raises(NotRecorded, match="larger than 1000000 bytes"):
            decoded(httpx.Headers({"content-encoding": "gzip"}), pieces, most=1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 32 * 1024 * 1024
    finally:
        tracemalloc.stop()


async def test_a_full_disk_does_not_fail_an_answer(open_http, shelf, caplog, monkeypatch):
    """What was recorded before stays whole, no draft is left, and the log says what happened."""
    http, transport = open_http(answering(data(1), data(2)), words=[SECRET])
    await http.get(f"{HOST}/a?office={SECRET}")

    def refuse(*_):
        raise OSError(28, "No space left on device", f"/{SECRET}")

    monkeypatch.setattr(Path, "replace", refuse)
    assert (await http.get(f"{HOST}/a?office={SECRET}")).json() == {"data": [2]}
    assert only_file(shelf)["response"]["json"] == {"data": [1]}
    assert (transport.written, transport.missed) == (1, 1)
    assert "No space left on device" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"words": ["abc"]}, "words, number 1"),
        ({"words": ["long enough", " x\n"]}, "words, number 2"),
        ({"words": SECRET}, "words is one string"),
        ({"base_url": "gateway.example"}, "base_url"),
        ({"repeats": "append"}, "repeats='append'"),
    ],
)
def test_options_that_cannot_work_are_refused_at_once(shelf, options, named):
    """The error names the option, and quotes no secret."""
    with pytest.raises(ConfigurationError, match=named) as caught:
        RecordingTransport(shelf, **options)
    assert SECRET not in str(caught.value)


def test_a_directory_that_cannot_be_written_to_is_refused_at_once(tmp_path):
    """Whoever starts a recording learns it then, and not from an empty directory later."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written to"):
        RecordingTransport(tmp_path / "file")


async def test_closing_closes_the_inner_transport(shelf):
    """It belongs to the recording, as transports do that wrap others."""

    class Inner(httpx.AsyncBaseTransport):
        is_closed = False

        async def aclose(self):
            self.is_closed = True

    inner = Inner()
    await RecordingTransport(shelf, inner).aclose()
    assert inner.is_closed

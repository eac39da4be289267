"""Replaying recordings: the same request gets the recorded answer, however it is written."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachekit.amadeus.recording.tape import BadRecording, Exchange, Reply, Request, body_fields
from cachekit.amadeus.sandbox.replay import Replay
from cachekit.errors import ConfigurationError

NOW = "2026-11-22T12:00:00Z"
PATH = "/v2/shopping/flight-offers"
QUERY = {"adults": "1", "originLocationCode": "GRU"}


def recording(*, at=NOW, request=None, response=None, **changes):
    request = {"verb": "GET", "path": PATH, "query": QUERY} | (request or {})
    response = {"status": 200, "json": {"data": []}} | (response or {})
    return {"format": 1, "recorded_at": at, "request": request, "response": response} | changes


@pytest.fixture
def write(tmp_path):
    def written(name="case.json", **parts):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(recording(**parts)))
        return path

    return written


def found(replay, **options):
    return replay.find("GET", PATH, list(QUERY.items()), b"", **options)


def test_a_recorded_request_gets_its_answer(tmp_path, write):
    """Status, headers and body as recorded, and the file it comes from."""
    path = write(response={"status": 400, "headers": {"retry-after": "3"}, "json": {"errors": ["é"]}})
    answer = found(Replay(tmp_path))
    assert (answer.status, answer.headers, answer.path) == (400, {"retry-after": "3"}, path)
    assert answer.body == '{"errors":["é"]}'.encode()


@pytest.mark.parametrize(("response", "body"), [({"text": "<p>\n"}, b"<p>\n"), ({}, b"")])
def test_a_body_may_be_text_or_nothing(tmp_path, response, body):
    """HTML of a proxy, or a 204."""
    document = recording() | {"response": {"status": 204} | response}
    (tmp_path / "case.json").write_text(json.dumps(document))
    assert found(Replay(tmp_path)).body == body


@pytest.mark.parametrize(
    "asked",
    [
        ("GET", PATH, [("originLocationCode", "GRU"), ("adults", "1")], b""),
        ("get", "/v2/shopping/flight%2Doffers", list(QUERY.items()), b""),
    ],
)
def test_the_way_a_request_is_written_does_not_matter(tmp_path, write, asked):
    """The order of the query, and how the path is encoded."""
    write()
    assert Replay(tmp_path).find(*asked) is not None


@pytest.mark.parametrize(
    "asked",
    [
        ("POST", PATH, list(QUERY.items()), b""),
        ("GET", "/v1/shopping/flight-offers", list(QUERY.items()), b""),
        ("GET", PATH, [*QUERY.items(), ("max", "3")], b""),
        ("GET", PATH, [*QUERY.items(), ("adults", "1")], b""),
        ("GET", PATH, [("adults", "2"), ("originLocationCode", "GRU")], b""),
        ("GET", PATH, list(QUERY.items()), b"{}"),
    ],
)
def test_another_request_gets_nothing(tmp_path, write, asked):
    """Verb, path, each parameter and the body all count."""
    write()
    assert Replay(tmp_path).find(*asked) is None


BODY = {"travelers": [{"id": "1"}, {"id": "2"}], "max": 3, "nonStop": True}


@pytest.mark.parametrize(
    ("body", "is_same"),
    [
        ({"nonStop": True, "max": 3.0, "travelers": [{"id": "1"}, {"id": "2"}]}, True),
        (BODY | {"max": "3"}, False),
        (BODY | {"nonStop": 1}, False),
        (BODY | {"travelers": [{"id": "2"}, {"id": "1"}]}, False),
        (BODY | {"more": None}, False),
    ],
)
def test_json_bodies_are_compared_by_value(tmp_path, write, body, is_same):
    """Spaces, the order of names and 3.0 for 3 do not matter; types and the order of lists do."""
    write(request={"verb": "POST", "json": BODY})
    answer = Replay(tmp_path).find("POST", PATH, list(QUERY.items()), json.dumps(body, indent=1).encode())
    assert (answer is not None) == is_same


def test_a_parameter_given_more_than_once_is_a_list(tmp_path, write):
    """As clients write lists that know no commas."""
    write(request={"query": {"codes": ["B", "A"]}})
    replay = Replay(tmp_path)
    assert replay.find("GET", PATH, [("codes", "A"), ("codes", "B")], b"") is not None
    assert replay.find("GET", PATH, [("codes", "A")], b"") is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
queries = st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=4)


@given(query=queries, body=st.none() | json_values, answer=json_values, status=st.integers(200, 599))
def test_what_is_written_is_read_again(tmp_path_factory, query, body, answer, status):
    """Any request finds its recording, and any answer comes back with the same value."""
    directory = tmp_path_factory.mktemp("recordings")
    sent = b"" if body is None else json.dumps(body).encode()
    exchange = Exchange(
        recorded_at=datetime.fromisoformat(NOW),
        request=Request.of("POST", PATH, query, sent),
        response=Reply(status=status, **body_fields(json.dumps(answer))),
    )
    (directory / "case.json").write_text(exchange.dumps(), "utf-8")
    replayed = Replay(directory).find("POST", PATH, query[::-1], sent)
    assert replayed.status == status
    assert json.loads(replayed.body) == answer


def test_takes_come_in_the_order_they_were_recorded(tmp_path, write):
    """The last one holds from then on; a reset begins anew."""
    write("case (10).json", response={"status": 203})
    write("case (2).json", response={"status": 202})
    write("case.json", response={"status": 201})
    write("another name.json", at="2026-11-22T11:00:00Z", response={"status": 200})
    replay = Replay(tmp_path)
    assert len(replay) == 1
    assert [found(replay).status for _ in range(5)] == [200, 201, 202, 203, 203]
    replay.reset()
    assert found(replay).status == 200


def test_links_lead_to_the_replaying_server(tmp_path, write):
    """In bodies and headers, plain, encoded and bare."""
    write(
        response={
            "headers": {"location": "https://recorded.invalid/v1/a"},
            "json": [
                "https://recorded.invalid/v1/a?x=1",
                "to=https%3A%2F%2Frecorded.invalid%2Fv1",
                "at recorded.invalid",
            ],
        }
    )
    replay = Replay(tmp_path)
    answer = found(replay, base_url="http://[::1]:8080")
    assert answer.headers == {"location": "http://[::1]:8080/v1/a"}
    assert json.loads(answer.body) == [
        "http://[::1]:8080/v1/a?x=1",
        "to=http%3A%2F%2F%5B%3A%3A1%5D%3A8080%2Fv1",
        "at [::1]:8080",
    ]
    assert b"https://recorded.invalid/v1/a?x=1" in found(replay).body


def test_anything_may_stand_where_a_secret_was_struck_out(tmp_path, write):
    """In the path, in a parameter and in the body; a recording without a gap goes first."""
    write(
        request={
            "verb": "POST",
            "path": "/v1/offices/STRUCK-OUT/offers",
            "query": {"next": "https://recorded.invalid/a"},
            "json": {"office": "STRUCK-OUT", "ref": "x-STRUCK-OUT-y"},
        },
        response={"status": 201},
    )
    write("exact.json", request={"path": "/v1/offices/LON/offers", "query": {}})
    replay = Replay(tmp_path)

    def ask(office, ref, path="/v1/offices/NCE/offers"):
        body = json.dumps({"office": office, "ref": ref}).encode()
        return replay.find("POST", path, [("next", "http://127.0.0.1/a")], body)

    assert ask("NCE1A0955", "x-é\"\\'-y").status == 201
    assert ask(4711, "x--y") is not None
    assert ask("NCE1A0955", "y") is None
    assert ask("NCE1A0955", "x--y", path="/v1/offices/NCE/orders") is None
    assert replay.find("GET", "/v1/offices/LON/offers", [], b"").status == 200


def test_a_recording_may_be_edited_by_hand(tmp_path, write):
    """A changed status and price are replayed; a copy under another name is a further take."""
    path = write(response={"json": {"total": "100.00"}})
    text = path.read_text().replace("100.00", "120.00").replace("200", "201")
    path.write_text(text)
    (tmp_path / "copy of case.json").write_text(text.replace("120.00", "130.00"))
    replay = Replay(tmp_path)
    assert [(found(replay).status, found(replay).body)] == [(201, b'{"total":"130.00"}')]


def test_a_recording_may_begin_with_a_byte_order_mark(tmp_path, write):
    """Some editors write one."""
    path = write()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert found(Replay(tmp_path)) is not None


def test_recordings_may_be_sorted_into_directories(tmp_path, write):
    """All JSON files below count but hidden ones; other files may lie beside them."""
    write("sao-paulo/case.json")
    write(".draft/case.json", format=9)
    (tmp_path / "README.md").write_text("what these are")
    (tmp_path / ".hidden.json").write_text("no recording")
    assert len(Replay(tmp_path)) == 1


def test_the_moment_of_the_first_recording_is_known(tmp_path, write):
    """A sandbox whose clock shows it has none of the recorded days behind it."""
    assert Replay(tmp_path).recorded_at is None
    write("a.json", at="2026-11-22T12:00:00+01:00")
    write("b.json", at="2026-11-23T12:00:00Z")
    assert Replay(tmp_path).recorded_at == datetime(2026, 11, 22, 11, tzinfo=UTC)


def test_a_directory_that_is_not_there_is_named(tmp_path):
    """A typo is not an empty set of recordings."""
    with pytest.raises(ConfigurationError, match="nowhere is no directory"):
        Replay(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Expecting value: line 1 column 1"),
        ('{\n "format": 1,\n}', "line 3 column 1|line 2 column 13"),
        ("[]", "Expected `object`, got `array`"),
        ("\udcff", "no UTF-8"),
        ('{"format": "\\ud800"}', "no UTF-8"),
        ('{"format": NaN}', "NaN is not JSON"),
        ('{"format": 1, "format": 1}', "'format' stands twice"),
        ("[" * 100_000, "nested too deeply"),
        (recording(format=2), r"format: 1 is the only one known, not 2"),
        (recording(at="2026-11-22T12:00:00"), r"timezone component - at `\$.recorded_at`"),
        (recording(note="x"), "unknown field `note`"),
        (recording(request={"verb": "get"}), r"at `\$.request.verb`"),
        (recording(request={"path": "v2"}), r"at `\$.request.path`"),
        (recording(request={"query": {"adults": 1}}), r"at `\$.request.query\[...\]`"),
        (recording(request={"json": 1, "text": ""}), "under json or under text, not under both"),
        (recording(response={"status": "200"}), r"Expected `int`, got `str` - at `\$.response.status`"),
        (recording(response={"status": 99}), r"at `\$.response.status`"),
        (recording(response={"text": ""}), r"not under both - at `\$.response`"),
        (recording(response={"headers": {"Content-Length": "3"}}), "Content-Length is the server's to set"),
        ({"format": 1, "recorded_at": NOW}, "missing required field `request`"),
    ],
)
def test_a_file_that_is_no_recording_is_named_with_what_is_wrong(tmp_path, text, reason):
    """Whoever edited it finds the place."""
    path = tmp_path / "my case.json"
    text = text if isinstance(text, str) else json.dumps(text)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadRecording, match=reason) as caught:
        Replay(tmp_path)
    assert caught.value.path == path
    assert str(path) in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    """A directory with the name of a recording, say."""
    (tmp_path / "case.json").mkdir()
    with pytest.raises(BadRecording, match="directory"):
        Replay(tmp_path)

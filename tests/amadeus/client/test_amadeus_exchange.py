"""One exchange: a document or one of our errors, whatever a host answers."""

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachekit.amadeus.client.answer import Answer
from cachekit.amadeus.client.exchange import Wire, has_list, read_document
from cachekit.amadeus.client.token import has_token
from cachekit.amadeus.errors import AmadeusError, AmadeusUnavailable

SECRET = "the-secret"

words = st.sampled_from(["", SECRET, f"x {SECRET}", "INVALID", "38190"]) | st.text(max_size=5)
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | words
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
issues = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("status", "code", "title", "detail", "source"), values)
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "data": values,
        "errors": st.lists(issues, max_size=2) | values,
        "error": values,
        "code": values,
        "access_token": values,
        "expires_in": values,
    },
)
bodies = documents.map(msgspec.json.encode) | values.map(msgspec.json.encode) | st.binary(max_size=50)


def outcome(status, body, complaint):
    """The document, else the error."""
    answer = Answer(status, httpx.Headers({"Ama-Request-Id": f"id {SECRET}", "Content-Type": SECRET}), body)
    try:
        return read_document(answer, secrets=[SECRET], complaint=complaint)
    except AmadeusError as error:
        return error


@given(status=st.integers(100, 599), body=bodies)
def test_any_answer_is_a_document_or_an_error(status, body):
    """Never another exception; a document only from a 200 that keeps the promise; and no secret is shown."""
    result = outcome(status, body, has_list)
    if isinstance(result, AmadeusError):
        assert SECRET not in f"{result} {vars(result)}"
        assert result.status == status
    else:
        assert status == 200
        assert not result.get("errors")
        assert all(isinstance(item, dict) for item in result["data"])


@given(body=bodies)
def test_any_answer_is_a_token_or_an_error(body):
    """What is taken for a token can be sent in a header, and has a life."""
    result = outcome(200, body, has_token)
    if isinstance(result, AmadeusError):
        assert SECRET not in f"{result} {vars(result)}"
    else:
        assert 0 < float(result["expires_in"]) < float("inf")
        assert httpx.Headers({"Authorization": f"Bearer {result['access_token']}"}).raw


async def test_the_timeouts_are_those_of_the_wire(clock):
    """Not those of the client that is lent."""
    seen = []

    def note(request):
        seen.append(request.extensions["timeout"])
        return httpx.Response(200)

    async with httpx.AsyncClient(transport=httpx.MockTransport(note), timeout=99) as http:
        wire = Wire(http=http, timeout=httpx.Timeout(7, connect=3))
        await wire.send(http.build_request("GET", "http://amadeus.test/"))
    assert (seen[0]["read"], seen[0]["connect"]) == (7, 3)


async def test_a_port_where_nobody_listens_is_unavailable(free_port):
    """A fault of the connection, by the name of its kind."""
    async with httpx.AsyncClient() as http:
        wire = Wire(http=http, timeout=httpx.Timeout(5))
        with pytest.raises(AmadeusUnavailable, match="ConnectError"):
            await wire.send(http.build_request("GET", f"http://127.0.0.1:{free_port}/"))

"""Faults of the wire, translated in one place."""

import httpx
import msgspec
import pytest

from cachekit.amadeus import errors
from cachekit.amadeus.client.answer import Answer
from cachekit.amadeus.client.faults import translate
from cachekit.amadeus.errors import AmadeusError

TOKEN = "token-that-must-not-leak"


def answer(status, body=b"", **headers):
    return Answer(status, httpx.Headers(headers), body)


def issue(status, code=None, **said):
    document = {"errors": [{"status": status, "code": code, "title": "TITLE", **said}]}
    return answer(status, msgspec.json.encode(document), **{"Ama-Request-Id": "abc"})


def subclasses(kind):
    return {kind}.union(*(subclasses(child) for child in kind.__subclasses__()))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 477, errors.AmadeusRequestError),
        (401, 38190, errors.AmadeusAuthError),
        (403, 38197, errors.AmadeusForbiddenError),
        (404, 38196, errors.AmadeusNotFoundError),
        (404, 1797, errors.AmadeusNotFoundError),
        (407, None, errors.AmadeusUnavailable),
        (408, None, errors.AmadeusUnavailable),
        (429, 38194, errors.AmadeusRateLimitError),
        (429, 38195, errors.AmadeusQuotaError),
        (500, 141, errors.AmadeusServerError),
        (503, None, errors.AmadeusServerError),
        (302, None, errors.AmadeusReplyError),
        (200, 141, errors.AmadeusReplyError),
    ],
)
def test_each_documented_error_has_its_type(status, code, kind):
    """Status and code decide."""
    assert type(translate(issue(status, code))) is kind


def test_every_status_is_translated():
    """The mapping has no gap, even where the body says nothing."""
    for status in range(100, 600):
        error = translate(answer(status))
        assert type(error) is not AmadeusError
        assert error.status == status


@pytest.mark.parametrize("kind", sorted(subclasses(httpx.HTTPError), key=lambda kind: kind.__name__))
def test_every_fault_of_the_exchange_is_translated(kind):
    """Whatever httpx raises on the way becomes one of two errors."""
    if kind is httpx.HTTPStatusError:
        fault = kind("secret text", request=None, response=httpx.Response(302))
    else:
        fault = kind("x")
    assert type(translate(fault)) in {errors.AmadeusUnavailable, errors.AmadeusReplyError}
    is_network = isinstance(fault, httpx.TimeoutException | httpx.NetworkError | httpx.RemoteProtocolError)
    assert translate(fault).retryable or not is_network


def test_what_the_service_said_is_kept():
    """All parts of the issue are attributes."""
    error = translate(issue(400, 4926, detail="in the past", source={"parameter": "departureDate"}))
    assert (error.status, error.code, error.title) == (400, 4926, "TITLE")
    assert (error.detail, error.source) == ("in the past", {"parameter": "departureDate"})
    assert error.request_id == "abc"
    assert str(error) == "Amadeus answered 400 4926: TITLE - in the past (parameter departureDate)"


def test_the_flat_document_of_the_token_endpoint_is_read():
    """invalid_client is an authentication error."""
    said = {
        "error": "invalid_client",
        "error_description": "bad",
        "code": 38187,
        "title": "Invalid parameters",
    }
    error = translate(answer(401, msgspec.json.encode(said)))
    assert type(error) is errors.AmadeusAuthError
    assert (error.code, error.detail) == (38187, "bad")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff",
        b"[]",
        b"7",
        b'{"errors": []}',
        b'{"errors": "x"}',
        b'{"errors": [7]}',
        b'{"errors": [{"code": {}, "title": [], "source": 7}]}',
        b'{"errors":' + b"[" * 100_000,
    ],
)
def test_a_body_of_any_shape_is_translated(body):
    """An error document that is none still gives a typed error, with the status."""
    error = translate(answer(500, body))
    assert (type(error), error.status, error.code) == (errors.AmadeusServerError, 500, None)


def test_an_echoed_secret_is_struck_out():
    """Neither the text nor an attribute holds it, wherever it was echoed."""
    echo = {"detail": f"token {TOKEN} is bad", "source": {"parameter": TOKEN, TOKEN: "x"}, "title": TOKEN}
    error = translate(issue(401, 38190, **echo), secrets=[TOKEN])
    assert TOKEN not in f"{error} {error!r} {vars(error)}"
    assert "***" in str(error)


def test_a_secret_that_is_part_of_another_does_not_save_its_rest():
    """The longer one goes first."""
    error = translate(issue(400, 477, detail="abcdefgh"), secrets=["abcd", "abcdefgh"])
    assert error.detail == "***"


def test_what_is_said_at_length_is_cut():
    """An error is a line or two, whatever the service sends."""
    said = {"detail": "x" * 10_000, "source": {f"{number}": "y" * 10_000 for number in range(100)}}
    assert len(str(translate(issue(400, 477, **said)))) < 2_000


@pytest.mark.parametrize(
    "echo",
    [
        'se/cr+et=&"1',
        'SE/CR+ET=&"1',
        "client_secret=se%2Fcr%2Bet%3D%26%221&",
        "client_secret=se%2fcr%2bet%3d%26%221&",
        "<b>se/cr+et=&amp;&quot;1</b>",
    ],
)
def test_a_secret_is_struck_out_as_it_was_encoded(echo):
    """As the form had it, or as a page shows it."""
    error = translate(issue(400, 477, detail=f"bad {echo} sent"), secrets=['se/cr+et=&"1'])
    assert "***" in error.detail
    assert "cr" not in error.detail.lower().replace("client_secret", "")


@pytest.mark.parametrize(
    ("fault", "unsent"),
    [
        (httpx.ConnectError("x"), True),
        (httpx.ConnectTimeout("x"), True),
        (httpx.PoolTimeout("x"), True),
        (httpx.ProxyError("x"), True),
        (httpx.ReadTimeout("x"), False),
        (httpx.WriteError("x"), False),
        (httpx.RemoteProtocolError("x"), False),
    ],
)
def test_a_fault_tells_whether_anything_was_sent(fault, unsent):
    """Only where it is known that nothing was."""
    assert translate(fault).nothing_sent is unsent

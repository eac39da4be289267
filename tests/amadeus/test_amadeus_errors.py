"""Faults of the wire, translated in one place."""

import copy
import pickle

import httpx
import pytest

from cachekit.amadeus import errors
from cachekit.amadeus.errors import AmadeusError, translate
from cachekit.errors import CacheKitError

TOKEN = "token-that-must-not-leak"


def reply(status, code=None, **issue):
    issue = {"status": status, "code": code, "title": "TITLE", **issue}
    return httpx.Response(status, json={"errors": [issue]}, headers={"Ama-Request-Id": "abc"})


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
        (429, 38194, errors.AmadeusRateLimitError),
        (429, 38195, errors.AmadeusQuotaError),
        (500, 141, errors.AmadeusServerError),
        (503, None, errors.AmadeusServerError),
        (302, None, errors.AmadeusReplyError),
    ],
)
def test_each_documented_error_has_its_type(status, code, kind):
    """Status and code decide."""
    assert type(translate(reply(status, code))) is kind


def test_every_status_that_is_not_a_success_is_translated():
    """The mapping has no gap, even where the body says nothing."""
    for status in (*range(100, 200), *range(201, 600)):
        error = translate(httpx.Response(status))
        assert type(error) is not AmadeusError
        assert error.status == status


@pytest.mark.parametrize("kind", sorted(subclasses(httpx.HTTPError), key=lambda kind: kind.__name__))
def test_every_fault_of_the_exchange_is_translated(kind):
    """Whatever httpx raises on the way becomes one of two errors."""
    fault = kind("secret text", request=None, response=None) if kind is httpx.HTTPStatusError else kind("x")
    assert type(translate(fault)) in {errors.AmadeusUnavailable, errors.AmadeusReplyError}
    is_network = isinstance(fault, httpx.TimeoutException | httpx.NetworkError | httpx.RemoteProtocolError)
    assert translate(fault).retryable or not is_network


def test_what_the_service_said_is_kept():
    """All parts of the issue are attributes."""
    error = translate(reply(400, 4926, detail="in the past", source={"parameter": "departureDate"}))
    assert (error.status, error.code, error.title) == (400, 4926, "TITLE")
    assert (error.detail, error.source) == ("in the past", {"parameter": "departureDate"})
    assert error.request_id == "abc"
    assert "departureDate" in str(error)


def test_the_flat_document_of_the_token_endpoint_is_read():
    """invalid_client is an authentication error."""
    body = {
        "error": "invalid_client",
        "error_description": "bad",
        "code": 38187,
        "title": "Invalid parameters",
    }
    error = translate(httpx.Response(401, json=body))
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
        b'{"errors": [{"code": {}}]}',
    ],
)
def test_a_body_of_any_shape_is_translated(body):
    """An error document that is none still gives a typed error."""
    assert type(translate(httpx.Response(500, content=body))) is errors.AmadeusServerError


def test_an_echoed_secret_is_struck_out():
    """Neither the text nor an attribute holds it."""
    echo = f"token {TOKEN} is bad"
    error = translate(reply(401, 38190, detail=echo, source={"parameter": TOKEN}), secrets=[TOKEN])
    assert TOKEN not in f"{error} {error!r} {vars(error)}"
    assert "***" in str(error)


def test_only_what_may_soon_succeed_is_retryable():
    """Rate limits, server faults and a lost connection; not a spent quota."""
    retryable = {kind.__name__ for kind in subclasses(AmadeusError) if kind.retryable}
    assert retryable == {"AmadeusRateLimitError", "AmadeusServerError", "AmadeusUnavailable"}


@pytest.mark.parametrize("kind", sorted(subclasses(AmadeusError), key=lambda kind: kind.__name__))
def test_errors_can_be_copied_and_sent_between_processes(kind):
    """Copying and pickling keep type, text and data."""
    error = kind("text")
    error.detail = "data"
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(twin), str(twin), twin.detail) == (kind, "text", "data")


def test_every_error_of_the_module_is_exported_and_shares_the_base():
    """The tree hangs on CacheKitError and is whole in __all__."""
    assert {kind.__name__ for kind in subclasses(AmadeusError)} == set(errors.__all__) - {"translate"}
    assert issubclass(AmadeusError, CacheKitError)

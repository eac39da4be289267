"""The token endpoint: what is sent to it, and what is taken for a token."""

import httpx
import pytest
from support.flight_wire import SECRET

from cachekit.amadeus.client.exchange import Wire
from cachekit.amadeus.client.token import TokenEndpoint
from cachekit.amadeus.errors import AmadeusAuthError, AmadeusReplyError, AmadeusServerError

URL = "http://amadeus.test/v1/security/oauth2/token"


class Service:
    """Answers with `reply`, after the clock has moved by `takes` seconds."""

    def __init__(self, clock):
        self.clock = clock
        self.takes = 0
        self.requests = []
        self.reply = self.token(expires_in=1799)

    @staticmethod
    def token(**fields):
        return httpx.Response(200, json={"access_token": "token-1", **fields})

    async def __call__(self, request):
        self.requests.append(request)
        self.clock.advance(self.takes)
        return self.reply


@pytest.fixture
def service(clock):
    return Service(clock)


@pytest.fixture
async def endpoint(service, clock):
    async with httpx.AsyncClient(transport=httpx.MockTransport(service)) as http:
        wire = Wire(http=http, timeout=httpx.Timeout(5))
        fields = {"guest_office_id": "LIS1A0000"}
        yield TokenEndpoint(wire, URL, "id", SECRET, extra_fields=fields, clock=clock.monotonic)


async def test_the_form_is_the_client_credentials_grant(endpoint, service):
    """Grant type, id, secret, and the contract's further fields are sent, in the body."""
    assert (await endpoint.fetch()).value == "token-1"
    (request,) = service.requests
    assert (request.method, str(request.url)) == ("POST", URL)
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert dict(httpx.QueryParams(request.content.decode())) == {
        "grant_type": "client_credentials",
        "client_id": "id",
        "client_secret": SECRET,
        "guest_office_id": "LIS1A0000",
    }


@pytest.mark.parametrize(
    ("lifetime", "good_for"),
    [(1799, 1739), ("1799", 1739), (600, 540), (599, 539.1), (10, 9), (0.5, 0.45)],
)
async def test_a_token_is_good_until_shortly_before_its_end(endpoint, service, lifetime, good_for):
    """A minute before, or a tenth of its life: a short-lived one is used for most of it all the same."""
    service.reply = service.token(expires_in=lifetime)
    assert (await endpoint.fetch()).good_for == pytest.approx(good_for, abs=1e-6)


async def test_its_life_counts_from_when_it_was_asked_for(endpoint, service):
    """What the answer took is gone."""
    service.takes = 7
    assert (await endpoint.fetch()).good_for == pytest.approx(1732)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"access_token": "x"}',
        b'{"expires_in": 10}',
        b'{"access_token": "x", "expires_in": "soon"}',
        b'{"access_token": "x", "expires_in": null}',
        b'{"access_token": "x", "expires_in": true}',
        b'{"access_token": "x", "expires_in": [10]}',
        b'{"access_token": "x", "expires_in": 0}',
        b'{"access_token": "x", "expires_in": -1}',
        b'{"access_token": "x", "expires_in": "inf"}',
        b'{"access_token": "x", "expires_in": "nan"}',
        b'{"access_token": "", "expires_in": 10}',
        b'{"access_token": "two words", "expires_in": 10}',
        b'{"access_token": "two\\r\\nlines", "expires_in": 10}',
        b'{"access_token": 7, "expires_in": 10}',
        b'{"errors": [{"code": 141}], "access_token": "x", "expires_in": 10}',
    ],
)
async def test_a_reply_of_wrong_shape_is_no_token(endpoint, service, body):
    """Nothing that is no token is used as one; the error tells status and request id."""
    service.reply = httpx.Response(200, content=body, headers={"Ama-Request-Id": "request-7"})
    with pytest.raises(AmadeusReplyError) as caught:
        await endpoint.fetch()
    assert (caught.value.status, caught.value.request_id) == (200, "request-7")


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AmadeusAuthError), (500, AmadeusServerError), (307, AmadeusReplyError)]
)
async def test_a_refusal_is_typed_and_shows_no_secret(endpoint, service, status, kind):
    """Even where the service echoes the form; and a redirect takes the secret nowhere."""
    echo = {"error": "invalid_client", "error_description": f"{SECRET} LIS1A0000", "code": 38187}
    service.reply = httpx.Response(status, json=echo, headers={"Location": "http://elsewhere.test/"})
    with pytest.raises(kind) as caught:
        await endpoint.fetch()
    shown = f"{endpoint!r} {caught.value!r} {vars(caught.value)}"
    assert SECRET not in shown
    assert "LIS1A0000" not in shown
    assert len(service.requests) == 1


async def test_a_token_is_in_no_repr(endpoint):
    """Not even its own."""
    assert "token-1" not in repr(await endpoint.fetch())

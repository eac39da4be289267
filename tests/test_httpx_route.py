"""Routes: what they match, and what they refuse."""

import httpx
import pytest

from cachekit import ConfigurationError
from cachekit.httpx_route import Route


def request(url="https://api.example.com/v1/hotels/7", method="GET", **options):
    return httpx.Request(method, url, **options)


@pytest.mark.parametrize(
    ("path", "target", "names"),
    [
        ("*", "/", {}),
        ("/v1/*", "/v1/hotels/7", {}),
        ("/v1/hotels/{id}", "/v1/hotels/7?q=1", {"id": "7"}),
        ("/v1/hotels/{id}", "/v1/hotels/a%2Fb", {"id": "a/b"}),
        ("/{kind}/hotels/*/{id}", "/v1/hotels/x/y/7", {"kind": "v1", "id": "7"}),
        ("/a.b", "/a.b", {}),
    ],
)
def test_a_path_matches_as_a_whole(path, target, names):
    """`*` takes anything, `{name}` one segment, all else itself."""
    assert (
        Route(host="API.example.com", path=path).match(request(f"https://api.example.com{target}")) == names
    )


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("/v1/hotels/{id}", request("https://api.example.com/v1/hotels/7/rooms")),
        ("/v1/hotels/{id}", request("https://api.example.com/v1/hotels/")),
        ("/v1/hotels/a/b", request("https://api.example.com/v1/hotels/a%2Fb")),
        ("/a.b", request("https://api.example.com/axb")),
        ("*", request("https://example.com/")),
        ("*", request("https://api.example.com.evil.example/")),
        ("*", request(method="POST")),
        ("*", request(method="HEAD")),
    ],
)
def test_other_requests_do_not_match(path, other):
    """Another host, method or path."""
    assert Route(host="api.example.com", path=path).match(other) is None


def test_the_key_holds_what_distinguishes_requests():
    """Method, origin, path, query and the keyed headers; not what httpx adds by itself."""
    params = Route(host="api.example.com").params(request("https://api.example.com:8443/a%20b?q=1&r="))
    assert params == {
        "method": "GET",
        "origin": "https://api.example.com:8443",
        "path": "/a%20b",
        "query": ["q=1", "r="],
        "headers": {"host": [b"api.example.com:8443"]},
    }


def test_a_request_with_a_body_is_not_cached():
    """Not even if its length is declared not to matter; a length of 0 is no body."""
    careless = Route(host="api.example.com", ignore_headers=["content-length", "transfer-encoding"])
    for route in (Route(host="api.example.com"), careless):
        assert route.params(request(content=b"{}")) is None
        assert route.params(request(headers={"transfer-encoding": "chunked"})) is None
    assert careless.params(request(headers={"content-length": "0"})) is not None


def test_values_of_a_header_are_told_apart_by_their_bytes():
    """Also where both read as the same text."""
    route = Route(host="api.example.com", headers=["x-name"])
    keys = [route.params(request(headers={"x-name": "é".encode(each)})) for each in ("utf-8", "latin-1")]
    assert keys[0] != keys[1]


@pytest.mark.parametrize(
    "options",
    [
        {"host": ""},
        {"host": "https://api.example.com"},
        {"host": "api.example.com:8443"},
        {"host": "*"},
        {"path": "/{a-b}"},
        {"path": "/{a}/{a}"},
        {"path": "/{1}"},
        {"methods": ()},
        {"methods": ["POST"]},
        {"methods": "GET"},
        {"ttl": 0},
        {"tags": "all"},
        {"tags": ["hotel:{id}"]},
        {"headers": "authorization"},
        {"ignore_headers": "authorization"},
        {"ignore_headers": ["Accept"]},
        {"ignore_headers": ["authorization"], "headers": ["Authorization"]},
        {"ignore_params": "utm"},
        {"path": "v1/hotels"},
        {"keep_headers": ["Set-Cookie"]},
        {"statuses": [206]},
        {"statuses": [101]},
        {"negative": [304]},
        {"negative": [200]},
    ],
    ids=str,
)
def test_an_option_that_cannot_work_is_refused(options):
    """And the text names it."""
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        Route(**{"host": "api.example.com", **options})


def test_a_keyed_user_agent_may_vary():
    """Naming a header takes it from those that are ignored."""
    route = Route(host="api.example.com", headers=["user-agent"])
    assert route.may_share(httpx.Response(200, headers={"vary": "user-agent"}))

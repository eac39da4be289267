"""Whose pages may connect: those named, the gateway's own, and no other."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.errors import SettingsError
from chatbot.limits import OriginRule

RULE = OriginRule(["https://shop.example", "http://localhost:3000", "capacitor://localhost"])


def environ(host="chat.example", scheme="http", **headers):
    return {"wsgi.url_scheme": scheme, "HTTP_HOST": host, **headers}


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [
        ("https://shop.example", True),
        ("HTTPS://Shop.Example", True),
        ("http://localhost:3000", True),
        ("capacitor://localhost", True),
        ("http://chat.example", True),
        ("https://chat.example", False),
        ("http://shop.example", False),
        ("https://shop.example:8443", False),
        ("https://shop.example.evil.example", False),
        ("https://evil-shop.example", False),
        ("https://shop.example/", False),
        ("https://shop.example@evil.example", False),
        ("http://localhost", False),
        ("null", False),
        ("*", False),
        ("", False),
        ("http://", False),
    ],
)
def test_only_the_exact_origin_is_welcome(origin, welcome):
    """Scheme, host and port; "null" is what pages without an origin send."""
    assert RULE(origin, environ()) is welcome


def test_behind_a_proxy_the_gateway_s_own_origin_is_the_forwarded_one():
    """The browser's scheme and host, of which the first in a list is its own."""
    forwarded = environ(
        "internal:8080", HTTP_X_FORWARDED_PROTO="https, http", HTTP_X_FORWARDED_HOST="chat.example, internal"
    )
    assert RULE("https://chat.example", forwarded)
    assert not RULE("http://internal:8080", forwarded)


def test_without_a_host_there_is_no_own_origin():
    """HTTP/1.0 needs no Host header, and no browser sends "http://"."""
    assert not OriginRule()("http://", {"wsgi.url_scheme": "http"})
    assert not OriginRule()("http://", environ(""))


@pytest.mark.parametrize(
    "origin",
    ["*", "https://*.example", "shop.example", "https://shop.example/", "https://a b", "https://u@h", ""],
)
def test_what_is_no_origin_is_refused_at_the_start(origin):
    """It would never match, and nobody would know why; a wildcard is nobody's friend."""
    with pytest.raises(SettingsError, match="is no origin"):
        OriginRule([origin])


@settings(deadline=None)
@given(st.text())
def test_no_other_text_is_welcome(origin):
    """Nothing a client can invent gets past."""
    welcome = {
        "https://shop.example",
        "http://localhost:3000",
        "capacitor://localhost",
        "http://chat.example",
    }
    assert RULE(origin, environ()) is (origin.lower() in welcome)

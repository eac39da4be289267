"""Whose answers these are: the part of a cache key that keeps hosts and credentials apart.

Every client of one host with one set of credentials must come to the same identity, whatever library it
sends with, so that they share what is cached; and no two others may.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

import httpx
import msgspec

from cachekit.errors import ConfigurationError

__all__ = ["check_url", "is_text", "make_identity", "require_texts"]

_NOTHING: Final[Mapping[str, str]] = {}

_HOST: Final = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")
"""A name, in the letters that DNS has, or an address."""

_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")

_PORTS: Final = range(1, 65_536)


def make_identity(
    base_url: str,
    client_id: str,
    *,
    token_fields: Mapping[str, str] = _NOTHING,
    headers: Mapping[str, str] = _NOTHING,
) -> str:
    """One short word without a secret: the host, and a digest of everything that shapes the answers.

    Args:
        base_url: as `check_url` gives it.
        client_id: which credentials; the secret is no part of it, so that it may be renewed.
        token_fields: further fields of the token form: an office has fares of its own.
        headers: those sent with every request and always the same; the case of their names is nothing.
    """
    sent = sorted((name.lower(), value) for name, value in headers.items())
    parts = [base_url, client_id, sorted(token_fields.items()), sent]
    digest = hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
    return f"{httpx.URL(base_url).host}-{digest[:16]}"


def check_url(name: str, url: str) -> str:
    """`url` in its one spelling, if requests can be sent there.

    It has no trailing slash, no port that goes without saying, and its host is in lower case.

    Raises:
        ConfigurationError: it is no http:// or https:// URL, or has a user, query or fragment; it says
            `name`, and not the URL, which may hold a password.
    """
    rule = f"{name} must be http:// or https:// with a host, and without user, query or fragment"
    try:
        # Twice, since httpx leaves out the default port only of a scheme in lower case, which it then has.
        parsed = httpx.URL(str(httpx.URL(url)))
    except (httpx.InvalidURL, TypeError) as error:
        raise ConfigurationError(rule) from error
    host = parsed.raw_host.decode("ascii")
    if parsed.scheme not in {"http", "https"} or not _HOST.fullmatch(host):
        raise ConfigurationError(rule)
    if parsed.port is not None and parsed.port not in _PORTS:
        raise ConfigurationError(rule)
    # A bare "?" or "#" is an empty query or fragment, and would still part the paths from the host.
    if parsed.userinfo or "?" in str(parsed) or "#" in str(parsed):
        raise ConfigurationError(rule)
    return str(parsed).rstrip("/")


def require_texts(name: str, given: object) -> dict[str, str]:
    """A copy of the mapping `given`, if its names and values are texts that can be sent.

    Raises:
        ConfigurationError: it is something else; it says `name`, and shows nothing of it.
    """
    if not isinstance(given, Mapping) or not all(is_text(part) for pair in given.items() for part in pair):
        raise ConfigurationError(f"{name}: allowed is a mapping of texts to texts")
    return dict(given)


def is_text(value: object) -> bool:
    """Whether it is a text that UTF-8 can hold; what is none in the environment has lone surrogates."""
    return isinstance(value, str) and not _SURROGATE.search(value)

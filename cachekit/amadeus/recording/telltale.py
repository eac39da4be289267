"""Which words of an exchange tell whose account it is: credentials, cookies, ids in unusual headers."""

import base64
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import parse_qsl

import httpx

from cachekit.amadeus.recording.redaction import SHORTEST_WORD
from cachekit.errors import ConfigurationError

__all__ = ["form_words", "header_words", "is_token_exchange", "require_words"]

ORDINARY_HEADERS: Final = frozenset(
    "accept accept-charset accept-encoding accept-language cache-control connection content-encoding "  # noqa: SIM905 - a list of twenty strings is not read
    "content-length content-type expect if-none-match pragma te transfer-encoding upgrade user-agent "
    "x-http-method-override".split()
)
"""Request headers whose values say nothing of the account."""

ORDINARY_FIELDS: Final = frozenset({"grant_type", "scope"})
"""Fields of the token form whose values are the same for everybody."""

SURE_WORD: Final = 8
"""Characters. A shorter value of an unknown header may be an ordinary word, unless it has a digit."""


def require_words(words: Iterable[str]) -> frozenset[str]:
    """The words a user wants struck out; the errors do not quote them.

    Raises:
        ConfigurationError: one is too short, or not made of printable characters.
    """
    if isinstance(words, str):
        raise ConfigurationError("words is one string; give a list of words")
    given = list(words)
    for number, word in enumerate(given, 1):
        if not word.isprintable() or len(word.strip()) < SHORTEST_WORD:
            raise ConfigurationError(
                f"words, number {number}: allowed are at least {SHORTEST_WORD} printable characters; "
                "less would strike out ordinary text"
            )
    return frozenset(word.strip() for word in given)


def is_token_exchange(request: httpx.Request, body: bytes) -> bool:
    """Whether the request asks for a token, or about one: its path, or its form, says so."""
    fields = {name for name, _ in _form(body)}
    return "/oauth2/token" in request.url.path or bool(fields & {"client_secret", "grant_type"})


def form_words(body: bytes) -> frozenset[str]:
    """The values of a token form that are the account's."""
    values = (value for name, value in _form(body) if name not in ORDINARY_FIELDS)
    return frozenset(value for value in values if len(value) >= SHORTEST_WORD)


def header_words(request: httpx.Request, response: httpx.Response) -> frozenset[str]:
    """The account's words in the request's headers, and the cookies of both."""
    words: set[str] = set()
    for name, value in request.headers.multi_items():
        if name in {"authorization", "proxy-authorization"}:
            words.update(_credentials(value))
        elif name == "cookie":
            words.update(filter(_is_telling, map(_cookie_value, value.split(";"))))
        elif name == "host":
            # It may be another than that of the address.
            words.add(value.rpartition(":")[0] or value)
        elif name not in ORDINARY_HEADERS and _is_telling(value):
            words.add(value)
    for cookie in response.headers.get_list("set-cookie"):
        words.update(filter(_is_telling, [_cookie_value(cookie.partition(";")[0])]))
    return frozenset(word for word in words if len(word) >= SHORTEST_WORD and word != request.url.host)


def _credentials(header: str) -> Iterator[str]:
    """`Bearer token`, or `Basic` with a user and a password in base64."""
    scheme, _, credentials = header.partition(" ")
    yield credentials.strip() or scheme
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(credentials).decode().partition(":")
        except ValueError:  # no base64, or no text in it
            return
        yield from (user, password)


def _cookie_value(cookie: str) -> str:
    return cookie.partition("=")[2].strip(' "')


def _is_telling(value: str) -> bool:
    return len(value) >= SURE_WORD or (len(value) >= SHORTEST_WORD and any(map(str.isdigit, value)))


def _form(body: bytes) -> list[tuple[str, str]]:
    # No form has a quote or a brace that is not encoded, but JSON begins with one.
    text = body.decode("utf-8", "replace")
    return [] if text.lstrip()[:1] in {"{", "[", '"'} else parse_qsl(text)

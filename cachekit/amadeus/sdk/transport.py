"""What the official SDK sends with, and how an answer becomes its Response."""

import copy
import urllib.request
from http.client import HTTPException, HTTPMessage, IncompleteRead
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

import amadeus

__all__ = ["Reply", "Transport", "respond", "respond_read", "unreadable"]

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
"""No proxy can reach these."""


class Reply:
    """An answer, read to its end, in the form in which the SDK takes it from its transport."""

    def __init__(self, status: int, headers: HTTPMessage, text: str) -> None:
        self.status = status
        self._headers = headers
        self._text = text

    def info(self) -> HTTPMessage:
        """The headers; their names are found in any case."""
        return self._headers

    def read(self) -> str:
        """The body."""
        return self._text


class Transport:
    """Sends the SDK's requests by urllib: within a timeout, to the asked host only, within a size.

    A redirect is not followed, since the token would go with it. Proxies are those of the environment,
    except for loopback addresses. Every fault is a URLError, of which the SDK makes a NetworkError; but an
    answer with whatever status is an answer.
    """

    def __init__(self, *, timeout: float, max_bytes: int) -> None:
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._direct = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
        self._by_environment = urllib.request.build_opener(_NoRedirect)

    def __call__(self, request: urllib.request.Request) -> Reply:
        """The answer; raises URLError."""
        is_local = urlsplit(request.full_url).hostname in _LOOPBACK
        opener = self._direct if is_local else self._by_environment
        try:
            try:
                answer = opener.open(request, timeout=self._timeout)
            except HTTPError as error:
                answer = error
            with answer:
                return self._read(answer)
        except URLError:
            raise
        except (OSError, HTTPException) as error:
            raise URLError(error) from error

    def _read(self, answer: Any) -> Reply:
        body = answer.read(self._max_bytes + 1)
        if len(body) > self._max_bytes:
            raise URLError(f"the answer has more than {self._max_bytes} bytes")
        if answer.length:
            raise IncompleteRead(body, answer.length)  # read() with a bound does not tell.
        # Foreign letters on a proxy's error page are no reason to fail on top of it.
        return Reply(answer.status, answer.headers, body.decode("utf-8", "replace"))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def respond(answer: Reply | URLError, request: amadeus.Request, client: amadeus.Client) -> amadeus.Response:
    """The SDK's response: parsed, or without a status where there was no answer; errors are not raised."""
    return amadeus.Response(answer, request)._parse(client)  # noqa: SLF001 - there is no other door


def respond_read(answer: Reply, document: dict[str, Any], request: amadeus.Request) -> amadeus.Response:
    """The same for an answer whose text is known to say `document`: it is not parsed once more."""
    response = amadeus.Response(answer, request)
    response.status_code, response.headers, response.body = answer.status, answer.info(), answer.read()
    response.parsed, response.result, response.data = True, document, document.get("data")
    return response


def unreadable(response: amadeus.Response) -> amadeus.ParserError:
    """The SDK's error for a response that is well-formed but not what was asked for."""
    response = copy.copy(response)
    response.parsed = False  # Else the SDK would look for a description where there may be anything.
    return amadeus.ParserError(response)

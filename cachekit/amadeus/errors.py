"""Errors of the flight API, and the one place where its faults are translated.

    CacheKitError
    └── AmadeusError
        ├── InvalidFlightSearch       refused here, before anything was sent; also a ValueError
        ├── AmadeusRequestError       400 and any other 4xx: the service refuses this request
        │   └── AmadeusNotFoundError  404: no such path, or no data where some must be
        ├── AmadeusAuthError          401: the credentials or the token are not accepted
        ├── AmadeusForbiddenError     403: the credentials do not cover this
        ├── AmadeusRateLimitError     429: too fast
        │   └── AmadeusQuotaError     429 with code 38195: the month's quota is spent
        ├── AmadeusServerError        5xx: the service failed
        ├── AmadeusReplyError         an answer that is not what the wire promises
        └── AmadeusUnavailable        no answer: not reachable, cut off, too late, or the client is closed

Each carries what the service said: `status` (HTTP), `code` (Amadeus'), `title`, `detail`, `source` (which
parameter) and `request_id` (to quote to the service's support), each None where it said nothing.
`retryable` tells whether the same request may well succeed in a moment.
Texts never hold a secret or a token, even where the service echoes one.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

import httpx
import msgspec

from cachekit.errors import CacheKitError

__all__ = [
    "AmadeusAuthError",
    "AmadeusError",
    "AmadeusForbiddenError",
    "AmadeusNotFoundError",
    "AmadeusQuotaError",
    "AmadeusRateLimitError",
    "AmadeusReplyError",
    "AmadeusRequestError",
    "AmadeusServerError",
    "AmadeusUnavailable",
    "InvalidFlightSearch",
    "translate",
]

QUOTA_CODE = 38195
"""The 429 that waiting a moment does not cure."""

_LONGEST_TEXT = 300

_SHORTEST_SECRET = 4
"""Shorter ones would strike out ordinary words."""


class AmadeusError(CacheKitError):
    """Base of everything the flight API can fail with."""

    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: int | None = None,
        title: str | None = None,
        detail: str | None = None,
        source: Mapping[str, str] | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.source = source
        self.request_id = request_id


class InvalidFlightSearch(AmadeusError, ValueError):
    """A search the service would refuse.

    `field` is the attribute of `FlightSearch` (or the unknown name), `rule` says what is allowed, and
    `value` is what was given.
    """

    def __init__(self, message: str, *, field: str = "", rule: str = "", value: object = None) -> None:
        super().__init__(message)
        self.field = field
        self.rule = rule
        self.value = value


class AmadeusRequestError(AmadeusError):
    """The service refuses this request; sending it again will not help."""


class AmadeusNotFoundError(AmadeusRequestError):
    """No such path, or no data where some must be."""


class AmadeusAuthError(AmadeusError):
    """The credentials or the token are not accepted."""


class AmadeusForbiddenError(AmadeusError):
    """The credentials are good but do not cover this."""


class AmadeusRateLimitError(AmadeusError):
    """Requests come too fast for the contract."""

    retryable = True


class AmadeusQuotaError(AmadeusRateLimitError):
    """The month's quota is spent."""

    retryable = False


class AmadeusServerError(AmadeusError):
    """The service failed."""

    retryable = True


class AmadeusReplyError(AmadeusError):
    """An answer that is not what the wire promises: not JSON, no `data` list, a redirect."""


class AmadeusUnavailable(AmadeusError):
    """No answer: the service cannot be reached, cut the connection, or took too long."""

    retryable = True


_BY_STATUS: Mapping[int, type[AmadeusError]] = {
    401: AmadeusAuthError,
    403: AmadeusForbiddenError,
    404: AmadeusNotFoundError,
    407: AmadeusForbiddenError,
    408: AmadeusUnavailable,
    429: AmadeusRateLimitError,
}


def translate(fault: httpx.Response | httpx.HTTPError, *, secrets: Collection[str] = ()) -> AmadeusError:
    """The error for a reply that is not a success, or for an exchange that gave no reply.

    Both of Amadeus' error documents are read: `{"errors": [{status, code, title, detail, source}]}` of
    the data paths, and the flat `{error, error_description, code, title}` of the token path. Where there
    are several issues the first one speaks. `secrets` are struck out of all texts.
    """
    if isinstance(fault, httpx.Response):
        return _from_reply(fault, secrets)
    name = type(fault).__name__
    if isinstance(fault, httpx.TimeoutException):
        return AmadeusUnavailable(f"Amadeus did not answer in time ({name})")
    if isinstance(fault, httpx.NetworkError | httpx.ProxyError | httpx.RemoteProtocolError):
        return AmadeusUnavailable(f"Amadeus cannot be reached ({name})")
    return AmadeusReplyError(f"The exchange with Amadeus broke the rules of HTTP ({name})")


def _from_reply(reply: httpx.Response, secrets: Collection[str]) -> AmadeusError:
    status = reply.status_code
    issue = _issue(reply)
    code = _number(issue.get("code"))
    title = _text(issue.get("title") or issue.get("error"), secrets)
    detail = _text(issue.get("detail") or issue.get("error_description"), secrets)
    source = issue.get("source")
    if isinstance(source, dict):
        source = {str(key): _text(value, secrets) or "" for key, value in source.items()}
    else:
        source = None
    request_id = _text(reply.headers.get("ama-request-id"), secrets)

    said = " - ".join(part for part in (title, detail) if part) or "no reason given"
    where = f" ({', '.join(f'{key} {value}' for key, value in source.items())})" if source else ""
    number = f" {code}" if code is not None else ""
    return _kind(status, code)(
        f"Amadeus answered {status}{number}: {said}{where}",
        status=status,
        code=code,
        title=title,
        detail=detail,
        source=source,
        request_id=request_id,
    )


def _kind(status: int, code: int | None) -> type[AmadeusError]:
    if status == httpx.codes.TOO_MANY_REQUESTS and code == QUOTA_CODE:
        return AmadeusQuotaError
    if kind := _BY_STATUS.get(status):
        return kind
    if httpx.codes.is_client_error(status):
        return AmadeusRequestError
    if httpx.codes.is_server_error(status):
        return AmadeusServerError
    return AmadeusReplyError


def _issue(reply: httpx.Response) -> dict[str, Any]:
    """The first issue of an error document; empty where the body is something else."""
    try:
        document = msgspec.json.decode(reply.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, httpx.ResponseNotRead):
        return {}
    if not isinstance(document, dict):
        return {}
    issues = document.get("errors")
    if isinstance(issues, list) and issues and isinstance(issues[0], dict):
        return issues[0]
    return document


def _number(value: object) -> int | None:
    """An issue's code, which gateways write as a number or as a string of digits."""
    return int(value) if isinstance(value, int | str) and re.fullmatch(r"[0-9]{1,9}", str(value)) else None


def _text(value: object, secrets: Collection[str]) -> str | None:
    """One short line of what the service said, with secrets struck out."""
    if not isinstance(value, str | int):
        return None
    line = " ".join(str(value).split())
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            line = line.replace(secret, "***")
    return line[:_LONGEST_TEXT]

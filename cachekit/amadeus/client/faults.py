"""The one place where a refusal of the service, or a fault of the exchange, becomes one of our errors."""

import html
import re
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any, Final
from urllib.parse import quote, quote_plus

import httpx

from cachekit.amadeus.client.answer import Answer
from cachekit.amadeus.errors import (
    AmadeusAuthError,
    AmadeusError,
    AmadeusForbiddenError,
    AmadeusNotFoundError,
    AmadeusQuotaError,
    AmadeusRateLimitError,
    AmadeusReplyError,
    AmadeusRequestError,
    AmadeusServerError,
    AmadeusUnavailable,
)

__all__ = ["SHORTEST_SECRET", "struck_out", "translate"]

QUOTA_CODE: Final = 38195
"""The 429 that waiting a moment does not cure."""

_LONGEST_TEXT: Final = 300

_MOST_SOURCES: Final = 4
"""`parameter`, `pointer` and `example` are all that is documented."""

SHORTEST_SECRET: Final = 4
"""Shorter ones would strike out ordinary words."""

_BEFORE_SENDING: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""Faults of a request that was never sent."""

_BY_STATUS: Final[Mapping[int, type[AmadeusError]]] = {
    401: AmadeusAuthError,
    403: AmadeusForbiddenError,
    404: AmadeusNotFoundError,
    407: AmadeusUnavailable,  # A proxy on the way; the service was never asked.
    408: AmadeusUnavailable,
    429: AmadeusRateLimitError,
}


def translate(fault: Answer | httpx.HTTPError, *, secrets: Collection[str] = ()) -> AmadeusError:
    """The error for an answer that is a refusal, or for an exchange that gave no answer.

    Both of Amadeus' error documents are read: `{"errors": [{status, code, title, detail, source}]}` of
    the data paths, and the flat `{error, error_description, code, title}` of the token path. Where there
    are several issues the first one speaks. `secrets` are struck out of all texts.
    """
    if isinstance(fault, Answer):
        return _from_answer(fault, secrets)
    if isinstance(fault, httpx.HTTPStatusError):
        # An event hook of the caller's own client did not wait for us to read the refusal.
        return _from_answer(Answer(fault.response.status_code, fault.response.headers, b""), secrets)
    where = _whom(fault)
    name, is_unsent = type(fault).__name__, isinstance(fault, _BEFORE_SENDING)
    if isinstance(fault, httpx.TimeoutException):
        return AmadeusUnavailable(f"{where} did not answer in time ({name})", nothing_sent=is_unsent)
    if isinstance(fault, httpx.NetworkError | httpx.ProxyError | httpx.RemoteProtocolError):
        return AmadeusUnavailable(f"{where} cannot be reached ({name})", nothing_sent=is_unsent)
    return AmadeusReplyError(f"The exchange with Amadeus broke the rules of HTTP ({name})")


def _whom(fault: httpx.HTTPError) -> str:
    try:
        return f"Amadeus at {fault.request.url.host}"
    except RuntimeError:  # It knows of no request.
        return "Amadeus"


def struck_out(value: object, secrets: Collection[str]) -> str | None:
    """One short line of what the service said, without secrets; None for what is no text or number."""
    if not isinstance(value, str | int):
        return None
    line = str(value)
    words = {form for secret in secrets if len(secret) >= SHORTEST_SECRET for form in _forms(secret)}
    if words:
        longest_first = sorted(map(re.escape, words), key=len, reverse=True)
        line = re.sub("|".join(longest_first), "***", line, flags=re.IGNORECASE)
    return " ".join(line.split())[:_LONGEST_TEXT]


def _forms(secret: str) -> Iterator[str]:
    """How a secret may be echoed: as it is, as it stood in the form, or as a page would show it."""
    yield from (secret, quote(secret, safe=""), quote_plus(secret), html.escape(secret))


def _from_answer(answer: Answer, secrets: Collection[str]) -> AmadeusError:
    issue = _issue(answer)
    code = _number(issue.get("code"))
    title = struck_out(issue.get("title") or issue.get("error"), secrets)
    detail = struck_out(issue.get("detail") or issue.get("error_description"), secrets)
    source = _source(issue.get("source"), secrets)

    said = " - ".join(part for part in (title, detail) if part) or "no reason given"
    where = f" ({', '.join(f'{key} {value}' for key, value in source.items())})" if source else ""
    number = f" {code}" if code is not None else ""
    return _kind(answer.status, code)(
        f"Amadeus answered {answer.status}{number}: {said}{where}",
        status=answer.status,
        code=code,
        title=title,
        detail=detail,
        source=source,
        request_id=struck_out(answer.request_id, secrets),
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


def _issue(answer: Answer) -> dict[str, Any]:
    """The first issue of an error document; empty where the body is something else."""
    try:
        document = answer.json()
    except ValueError:
        return {}
    if not isinstance(document, dict):
        return {}
    issues = document.get("errors")
    if isinstance(issues, list) and issues and isinstance(issues[0], dict):
        return issues[0]
    return document


def _source(value: object, secrets: Collection[str]) -> dict[str, str] | None:
    if not isinstance(value, dict):
        return None
    said = islice(value.items(), _MOST_SOURCES)
    return {struck_out(name, secrets) or "": struck_out(text, secrets) or "" for name, text in said}


def _number(value: object) -> int | None:
    """An issue's code, which gateways write as a number or as a string of digits."""
    return int(value) if isinstance(value, int | str) and re.fullmatch(r"[0-9]{1,9}", str(value)) else None

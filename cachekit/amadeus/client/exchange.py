"""One HTTP exchange: a request goes out, a document comes back, or one of our errors is raised."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

import httpx

from cachekit.amadeus.client.answer import ACCEPT_ENCODING, Answer, read_answer
from cachekit.amadeus.client.faults import struck_out, translate
from cachekit.amadeus.errors import AmadeusReplyError, AmadeusUnavailable

__all__ = ["Document", "Wire", "has_list", "read_document"]

Document = dict[str, Any]
"""A reply as it came: `meta`, `data`, `dictionaries`."""

MAX_REPLY_BYTES: Final = 8 * 1024 * 1024
"""Some twelve times a full search of 250 offers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """Sends requests one at a time, without retries, redirects or any state.

    A redirect is never followed: its request would take the token, or the credentials, elsewhere.
    """

    http: httpx.AsyncClient
    timeout: httpx.Timeout
    max_reply_bytes: int = MAX_REPLY_BYTES

    async def send(self, request: httpx.Request) -> Answer:
        """The answer to `request`, whatever its status.

        Raises:
            AmadeusUnavailable: no answer, or one that broke off.
            AmadeusReplyError: a success whose body is too large or does not unpack.
        """
        request.headers["Accept-Encoding"] = ACCEPT_ENCODING
        request.extensions["timeout"] = self.timeout.as_dict()
        if self.http.is_closed:
            raise AmadeusUnavailable("the HTTP client is closed", nothing_sent=True)
        try:
            reply = await self.http.send(request, stream=True, auth=None, follow_redirects=False)
            try:
                return await read_answer(reply, most=self.max_reply_bytes)
            finally:
                await reply.aclose()
        except httpx.ProtocolError as error:
            # Its text quotes what stood on the wire, which may be a token that was echoed.
            raise translate(error) from None
        except httpx.HTTPError as error:
            raise translate(error) from error


def read_document(
    answer: Answer, *, secrets: Collection[str], complaint: Callable[[Document], str | None]
) -> Document:
    """The JSON object that a 200 holds.

    `complaint` says what is wrong with it, None for nothing.

    Raises:
        AmadeusReplyError: it holds something else, or a list of `errors`; or the answer is a redirect.
        AmadeusError: any other status; see `cachekit.amadeus.client.faults`.
    """
    if answer.status != httpx.codes.OK:
        raise translate(answer, secrets=secrets)
    try:
        document = answer.json()
    except ValueError:
        kind = struck_out(answer.media_type, secrets) or "a body without a type"
        raise _malformed(answer, f"is not JSON ({len(answer.body)} bytes, {kind})", secrets) from None
    if not isinstance(document, dict):
        raise _malformed(answer, f"is no JSON object but a {type(document).__name__}", secrets)
    if document.get("errors"):
        raise translate(answer, secrets=secrets)
    if (wrong := complaint(document)) is not None:
        raise _malformed(answer, wrong, secrets)
    return document


def has_list(document: Document) -> str | None:
    """What is wrong with the reply of an endpoint that finds things: they are a list under `data`."""
    data = document.get("data")
    good = isinstance(data, list) and all(isinstance(item, dict) for item in data)
    return None if good else "has no list of objects under data"


def _malformed(answer: Answer, wrong: str, secrets: Collection[str]) -> AmadeusReplyError:
    request_id = struck_out(answer.request_id, secrets)
    return AmadeusReplyError(f"Amadeus' reply {wrong}", status=answer.status, request_id=request_id)

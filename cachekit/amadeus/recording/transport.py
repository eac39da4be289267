"""A transport for httpx that writes down what a real host answers, without what identifies the account."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from cachekit.amadeus.identity import check_url
from cachekit.amadeus.recording.redaction import Redaction
from cachekit.amadeus.recording.shelf import Repeats, Shelf, title
from cachekit.amadeus.recording.tape import Exchange, Request, body_fields
from cachekit.amadeus.recording.tee import NotRecorded, Tee, decoded, kept_headers
from cachekit.amadeus.recording.telltale import form_words, header_words, is_token_exchange, require_words

__all__ = ["RecordingTransport"]

logger: Final = logging.getLogger(__name__)

MOST_BYTES: Final = 16 * 1024 * 1024


class RecordingTransport(httpx.AsyncBaseTransport):
    """Passes requests on to `inner`, and writes each answer into a file; see `recording.tape`.

        transport = RecordingTransport("tests/recordings", base_url=url, words=[client_id, office_id])
        async with httpx.AsyncClient(transport=transport) as http, AmadeusClient(..., http=http) as client:
            await client.search(...)

    An answer is recorded, whatever its status, when it has been read to its end; the last piece is handed
    over after the file is there. Three kinds of exchange never are: those with the token endpoint, those
    with another host than that of `base_url`, and those that had no whole answer.

    What is struck out: `words`, wherever they stand; the request's Authorization and cookies, the values of
    its unusual headers (from 8 characters, or 4 with a digit) and of the token form, if it came by here,
    wherever the service echoes them; the host. Request headers are not recorded at all. Before a file is
    written it is searched once more, in another way; if anything of this still stands in it, it is not
    written. Words that are ordinary in replies spoil them: look at the files before they are committed.

    Recording never changes or fails an answer: what cannot be recorded (a full disk, a body that is no
    text, a secret in it) is logged as a warning and counted in `missed`. A script that records on purpose
    checks in the end that `missed` is 0. A directory that cannot be written to is refused at once.

    Args:
        directory: where the files go; made if it is not there.
        inner: the transport that is recorded, closed with this one; httpx's own by default, without proxy.
        words: further secrets, each at least 4 characters: client id, client secret, office id, …
        base_url: where the service lives, with the path prefix if there is one, which the recordings then
            leave out. By default the answers of every host are recorded.
        repeats: what happens to an earlier recording of the same request: "replace" keeps the newest answer
            only, so that a second run refreshes a case; "keep" keeps each that differs from the one before,
            which a replay gives one after the other, so that a test sees a price change.
        max_bytes: of an answer, decoded; larger ones are not recorded.
        clock: the time, aware.

    Raises:
        ConfigurationError: an option cannot work.
    """

    def __init__(
        self,
        directory: Path | str,
        inner: httpx.AsyncBaseTransport | None = None,
        *,
        words: Iterable[str] = (),
        base_url: str | None = None,
        repeats: Repeats = "replace",
        max_bytes: int = MOST_BYTES,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.written = 0
        """Answers recorded."""
        self.missed = 0
        """Answers that should have been recorded and were not; the log says why."""
        self._words = require_words(words)
        self._base = None if base_url is None else httpx.URL(check_url("base_url", base_url))
        self._prefix = "" if self._base is None else self._base.path.rstrip("/")
        self._shelf = Shelf(directory, repeats=repeats)
        self._inner = httpx.AsyncHTTPTransport() if inner is None else inner
        self._max_bytes = max_bytes
        self._clock = clock

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The inner transport's response, or what it raises."""
        asked = await request.aread()
        response = await self._inner.handle_async_request(request)
        if is_token_exchange(request, asked):
            self._words |= form_words(asked)
            return response
        if not self._is_ours(request.url):
            return response
        assert isinstance(response.stream, httpx.AsyncByteStream)

        async def record(pieces: Sequence[bytes] | None) -> None:
            await self._record(request, asked, response, pieces)

        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=Tee(response.stream, record, most=self._max_bytes),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close the inner transport."""
        await self._inner.aclose()

    def _is_ours(self, url: httpx.URL) -> bool:
        if self._base is None:
            return True
        here = (url.scheme, url.host, url.port) == (self._base.scheme, self._base.host, self._base.port)
        return here and url.path.startswith(self._prefix + "/")

    async def _record(
        self, request: httpx.Request, asked: bytes, response: httpx.Response, pieces: Sequence[bytes] | None
    ) -> None:
        try:
            words = self._words | header_words(request, response)
            # Patterns, JSON and the disk take a while, in which others have work to do.
            is_written = await asyncio.to_thread(self._write, request, asked, response, pieces, words)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the recording, the answer is good
            self.missed += 1
            reason = error if isinstance(error, NotRecorded) else _reason(error)
            logger.warning("not recorded: %s %s: %s", response.status_code, request.method, reason)
        else:
            self.written += is_written

    def _write(
        self,
        request: httpx.Request,
        asked: bytes,
        response: httpx.Response,
        pieces: Sequence[bytes] | None,
        words: frozenset[str],
    ) -> bool:
        """Record the exchange; False if it turns out to be about a token."""
        body = body_fields(decoded(response.headers, pieces, most=self._max_bytes))
        if isinstance(document := body.get("json"), dict) and "access_token" in document:
            return False
        path = request.url.path.removeprefix(self._prefix)
        plain = Request.of(request.method, path, request.url.params.multi_items(), asked)
        redaction = _redaction(words, request.url.host, self._prefix)

        def struck(fields: Mapping[str, Any]) -> dict[str, Any]:
            return {name: redaction.value(value) for name, value in fields.items()}

        answered = {"status": response.status_code, "headers": struck(kept_headers(response.headers))}
        document = {
            "recorded_at": self._clock(),
            "request": struck(msgspec.to_builtins(plain)),
            "response": answered | struck(body),
        }
        try:
            exchange = Exchange.of(document)
        except ValueError as error:
            raise NotRecorded(f"no replay could read it: {error}") from error
        if redaction.finds(f"{title(exchange.request)}\n{exchange.dumps()}"):
            raise NotRecorded("a secret or the host would stand in the file")
        self._shelf.put(exchange)
        return True


@lru_cache(maxsize=16)
def _redaction(words: frozenset[str], host: str, prefix: str) -> Redaction:
    """Made once for the same words, since its patterns take a while."""
    return Redaction(words, host=host, prefix=prefix)


def _reason(error: Exception) -> str:
    """Of an error whose own text might quote what was asked or answered."""
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__

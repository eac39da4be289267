"""A response's body as it streams by: handed on untouched, kept on the side, and decoded when it is whole."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from functools import cache
from typing import Final

import httpx

from cachekit.errors import CacheKitError

__all__ = ["NotRecorded", "Tee", "decoded", "kept_headers"]

KEPT_HEADERS: Final = ("allow", "content-type", "location", "retry-after")
"""Response headers that a client acts on; all others are left out."""

_CHARSET: Final = re.compile(r"""(;\s*charset=)["']?([^;"'\s]+)["']?""", re.IGNORECASE)
_SLICE: Final = 4_096
"""Bytes decoded at once: they grow a thousandfold at most, so a bomb is noticed in time."""


class NotRecorded(CacheKitError):
    """An answer that cannot be recorded; the text says why."""


class Tee(httpx.AsyncByteStream):
    """The stream `inner`; `record` is awaited with all of its pieces before its end is told to the reader.

    A stream that fails or is left before its end is not recorded; one of more than `most` bytes is given to
    `record` as None.
    """

    def __init__(
        self,
        inner: httpx.AsyncByteStream,
        record: Callable[[Sequence[bytes] | None], Awaitable[None]],
        *,
        most: int,
    ) -> None:
        self._inner = inner
        self._record = record
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces: list[bytes] = []
        size = 0
        async for piece in self._inner:
            size += len(piece)
            if size <= self._most:
                pieces.append(piece)
            else:
                pieces.clear()
            yield piece
        await self._record(pieces if size <= self._most else None)

    async def aclose(self) -> None:
        """Close the inner stream."""
        await self._inner.aclose()


def decoded(headers: httpx.Headers, pieces: Sequence[bytes] | None, *, most: int) -> str:
    """The text of a body that came in these pieces, at most `most` bytes when decoded.

    Raises:
        NotRecorded: it is larger, or compressed in a way not known here, or no text.
        httpx.DecodingError: it is not compressed as its header says.
    """
    encodings = {each.strip() for each in headers.get("content-encoding", "").lower().split(",")}
    if not encodings - {"", "identity"} <= _known_encodings():
        raise NotRecorded("its content-encoding is not known")
    whole = bytearray()
    if pieces is not None:
        response = httpx.Response(200, headers=headers, stream=_Slices(pieces))
        for piece in response.iter_bytes():
            whole += piece
            if len(whole) > most:
                break
    if pieces is None or len(whole) > most:
        raise NotRecorded(f"it is larger than {most} bytes")
    return _text(headers.get("content-type", ""), bytes(whole))


def kept_headers(headers: httpx.Headers) -> dict[str, str]:
    """The headers to record; a charset becomes UTF-8, in which a recording is sent."""
    kept = {name: headers[name] for name in KEPT_HEADERS if name in headers}
    declared = _CHARSET.search(kept.get("content-type", ""))
    if declared is not None and declared[2].lower().replace("_", "-") not in {"utf-8", "utf8"}:
        kept["content-type"] = _CHARSET.sub(r"\1utf-8", kept["content-type"])
    return kept


class _Slices(httpx.SyncByteStream):
    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            for start in range(0, len(piece), _SLICE):
                yield piece[start : start + _SLICE]


@cache
def _known_encodings() -> frozenset[str]:
    """What httpx can decode, which depends on what else is installed: what it offers to servers."""
    # With a transport of its own the client makes no TLS context, which takes long.
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as client:
        return frozenset(each.strip() for each in client.headers["accept-encoding"].split(","))


def _text(content_type: str, body: bytes) -> str:
    declared = _CHARSET.search(content_type)
    try:
        text = body.decode(declared[2] if declared else "utf-8")
    except (LookupError, UnicodeError) as error:
        raise NotRecorded("its body is no text") from error
    # UTF-16 taken for UTF-8, in which no secret would be found.
    if "\0" in text:
        raise NotRecorded("its body is no text")
    return text

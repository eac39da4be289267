"""What came back from one HTTP exchange: status, headers, and a body of bounded size."""

import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import msgspec

from cachekit.amadeus.errors import AmadeusReplyError

__all__ = ["ACCEPT_ENCODING", "Answer", "read_answer"]

ACCEPT_ENCODING: Final = "gzip"
"""The one compression that is asked for: it can be undone with a bound on what comes out."""

_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
"""Tells zlib to expect gzip's header and checksum."""

_GZIP_NAMES: Final = frozenset({"gzip", "x-gzip"})


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply that has come in whole. Its body may hold a token, and is in no repr."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def request_id(self) -> str | None:
        """What the service calls the exchange; to be quoted to its support."""
        return header(self.headers, "ama-request-id")

    @property
    def media_type(self) -> str:
        """What the body is said to be, without its parameters; empty where nothing is said."""
        return (header(self.headers, "content-type") or "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """The body's JSON; raises ValueError for what is none, is cut off, or is nested too deep."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(str(error)) from None


async def read_answer(reply: httpx.Response, *, most: int) -> Answer:
    """The reply with its body, of which at most `most` bytes are taken, counted after unpacking.

    What is wrong with the body of a reply that is no success does not matter: its status says enough.

    Raises:
        AmadeusReplyError: a success whose body is larger, is packed in another way than asked for, or
            does not unpack.
        httpx.HTTPError: the connection failed.
    """
    try:
        body = await _read_body(reply, most)
    except AmadeusReplyError:
        if reply.is_success:
            raise
        body = b""
    return Answer(reply.status_code, reply.headers, body)


async def _read_body(reply: httpx.Response, most: int) -> bytes:
    if reply.is_stream_consumed:
        # A transport answered from its own memory, as that of a test or of a recording does.
        if len(reply.content) > most:
            raise _too_large(reply, most)
        return reply.content
    parts, room = [], most
    async for part in _unpacked(reply, most):
        room -= len(part)
        if room < 0:
            raise _too_large(reply, most)
        parts.append(part)
    return b"".join(parts)


async def _unpacked(reply: httpx.Response, most: int) -> AsyncIterator[bytes]:
    """The body in parts, none of which is larger than `most` + 1 bytes or than what came in at once.

    httpx would unpack whatever comes in at once whole: 64 KiB of zeros, well packed, are gigabytes.
    """
    packing = reply.headers.get("content-encoding", "identity").strip().lower()
    if packing == "identity":
        async for raw in reply.aiter_raw():
            yield raw
        return
    if packing not in _GZIP_NAMES:
        raise _malformed(
            reply, f"the reply is packed in a way that was not asked for; allowed is {ACCEPT_ENCODING}"
        )
    gzip = zlib.decompressobj(_GZIP_WINDOW)
    # To its very end, though the data may be whole before: only then can the connection be used again, and
    # does a recording know that it has all.
    async for raw in reply.aiter_raw():
        try:
            yield gzip.decompress(raw, most + 1)
        except zlib.error:
            raise _malformed(reply, "the reply says that it is gzip, and is not") from None
        if gzip.unused_data:
            raise _malformed(reply, "the reply goes on after the end of its gzip")
    if not gzip.eof:
        raise _malformed(reply, "the reply is gzip that ends too early")


def _too_large(reply: httpx.Response, most: int) -> AmadeusReplyError:
    return _malformed(reply, f"the reply is larger than max_reply_bytes, {most:,} bytes")


def _malformed(reply: httpx.Response, message: str) -> AmadeusReplyError:
    request_id = header(reply.headers, "ama-request-id")
    return AmadeusReplyError(message, status=reply.status_code, request_id=request_id)


def header(headers: httpx.Headers, name: str) -> str | None:
    """A header's value, with a type; None where there is none."""
    value: str | None = headers.get(name)
    return value

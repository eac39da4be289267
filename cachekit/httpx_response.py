"""An HTTP response as it is kept: exactly as it came, neither decoded nor unpacked."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Self

import httpx
import msgspec

_Text = Annotated[str, msgspec.Meta(pattern=r"\A[^\0\r\n\u0100-\U0010ffff]*\Z")]
"""A header's name or value as HTTP can send it: of bytes, on one line."""


class Kept(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A response as it is kept, exactly as it came: neither decoded nor unpacked.

    A body that is UTF-8 stands in `text`, where it can be read and compresses well; any other in `body`,
    as base64.
    """

    status: Annotated[int, msgspec.Meta(ge=200, le=999)]
    headers: list[Annotated[list[_Text], msgspec.Meta(min_length=2, max_length=2)]]
    text: str | None = None
    body: bytes = b""

    @classmethod
    def of(cls, value: Any) -> Self | None:
        """The response in a value of the cache; None if it holds none."""
        try:
            return msgspec.convert(value, cls)
        except msgspec.ValidationError:
            return None

    @classmethod
    def made(cls, status: int, headers: list[list[str]], body: bytes) -> Self:
        """A response of these parts."""
        try:
            return cls(status=status, headers=headers, text=body.decode())
        except UnicodeDecodeError:
            return cls(status=status, headers=headers, body=body)

    def value(self, most: int) -> dict[str, Any] | None:
        """What is put into the cache; None if its JSON takes more than `most` bytes."""
        if len(msgspec.json.encode(self)) > most:
            return None
        value: dict[str, Any] = msgspec.to_builtins(self)
        return value

    def response(self, method: str) -> httpx.Response:
        """The response as the upstream gave it to `method`, with the headers that were kept."""
        body = self.body if self.text is None else self.text.encode()
        headers = self.all_headers()
        if method != "HEAD":
            headers["content-length"] = str(len(body))
        return httpx.Response(self.status, headers=headers, stream=httpx.ByteStream(body))

    def condition(self) -> dict[str, str]:
        """The headers that ask whether the response still holds (RFC 9110, sections 13.1.2 and 13.1.3)."""
        headers = self.all_headers()
        asked = {"if-none-match": headers.get("etag"), "if-modified-since": headers.get("last-modified")}
        return {name: value for name, value in asked.items() if value is not None}

    def all_headers(self) -> httpx.Headers:
        """The kept headers, byte for byte."""
        return httpx.Headers(
            [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers]
        )


async def read_body(response: httpx.Response, most: int) -> bytes | None:
    """The body as it was sent; None if it is longer than `most` bytes, or was read by another before.

    The response gives its whole body all the same.
    """
    stream = response.stream
    assert isinstance(stream, httpx.AsyncByteStream)
    if response.is_stream_consumed and not isinstance(stream, httpx.ByteStream):
        return None
    chunks: list[bytes] = []
    size = 0
    rest = aiter(stream)
    async for chunk in rest:
        chunks.append(chunk)
        size += len(chunk)
        if size > most:
            response.stream = _Rejoined(chunks, rest, stream)
            return None
    await stream.aclose()
    body = b"".join(chunks)
    response.stream = httpx.ByteStream(body)
    return body


class _Rejoined(httpx.AsyncByteStream):
    """What has been read of a stream, followed by the rest of it."""

    def __init__(self, head: list[bytes], rest: AsyncIterator[bytes], stream: httpx.AsyncByteStream) -> None:
        self._head = head
        self._rest = rest
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self._head:
            yield self._head.pop(0)
        async for chunk in self._rest:
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()

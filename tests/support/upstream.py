"""A server that answers with the very bytes it was given, right or wrong, and hangs up when told to."""

import asyncio
from types import TracebackType
from typing import Self

TOKEN_PATH = "/v1/security/oauth2/token"


def http(body: bytes, *, status: str = "200 OK", kind: str = "application/json", **headers: str) -> bytes:
    """A whole HTTP/1.1 reply."""
    fields = {"Content-Type": kind, "Content-Length": str(len(body))}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


class Upstream:
    """Gives tokens token-1, token-2, …; what else is asked gets `reply`, on a connection of its own.

    In the reply `TOKEN-N` stands for the token that the request came with.
    `resets`: after the reply the connection is reset instead of closed.
    """

    def __init__(self) -> None:
        self.reply = http(b'{"data": []}')
        self.resets = False
        self.asked: list[str] = []
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def searches(self) -> int:
        """Requests that were not for a token."""
        return sum(TOKEN_PATH not in line for line in self.asked)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            for line in head.lower().splitlines():
                if line.startswith("content-length:"):
                    await reader.readexactly(int(line.partition(":")[2]))
            self.asked.append(head.partition("\r\n")[0])
            is_token = TOKEN_PATH in self.asked[-1]
            echoed = head.partition("Bearer ")[2].partition("\r\n")[0]
            writer.write(self._token() if is_token else self.reply.replace(b"TOKEN-N", echoed.encode()))
            await writer.drain()
            if self.resets and not is_token:
                writer.transport.abort()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # The client had enough.
        finally:
            writer.close()

    def _token(self) -> bytes:
        number = len(self.asked) - self.searches
        return http(b'{"access_token": "token-%d", "expires_in": 1799}' % number, Connection="close")

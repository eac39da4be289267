"""The websocket of the aiohttp driver: never deflated, and its end told in one word."""

import asyncio
from typing import Any

from aiohttp import WebSocketError, WSCloseCode, WSMessage, WSMsgType, web
from engineio.async_drivers import aiohttp as driver

__all__ = ["PlainWebSocket"]

_CLOSE_TIMEOUT = 2.0
"""Seconds that aiohttp waits for the other side's close frame after a message that broke the protocol."""


class PlainWebSocket(driver.WebSocket):  # type: ignore[misc]  # the library has no types
    """What Engine.IO calls for a websocket. Deflate costs 100 KB a connection: it is not offered."""

    async def __call__(self, environ: dict[str, Any]) -> web.WebSocketResponse:
        """Answer the handshake, run the handler to its end."""
        # aiohttp refuses a message that is as long as the limit. The closing handshake is ours.
        self._sock = web.WebSocketResponse(
            max_msg_size=self.server.max_http_buffer_size + 1,
            compress=False,
            autoclose=False,
            timeout=_CLOSE_TIMEOUT,
        )
        request: web.Request = environ["aiohttp.request"]
        await self._sock.prepare(request)
        if request.transport is None:
            raise ConnectionResetError("The client left during the handshake")
        self.transport: asyncio.Transport = request.transport
        await self.handler(self)
        return self._sock

    async def receive(self, timeout: float | None = None) -> WSMessage:  # noqa: ASYNC109
        """The next message, also the one that says that there is none."""
        message: WSMessage = await self._sock.receive(timeout)
        return message


def ended_by(message: WSMessage) -> str:
    """Why the last message is the last, as `disconnected` is told it."""
    if message.type is WSMsgType.CLOSE:
        return "client"
    if message.type is WSMsgType.ERROR and isinstance(message.data, WebSocketError):
        return "too_large" if message.data.code == WSCloseCode.MESSAGE_TOO_BIG else "malformed"
    return "lost"

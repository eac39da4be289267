"""One Engine.IO connection: what it sends at once or keeps until it can, what it takes, how it ends.

Life of one: open → (polling → upgraded to a websocket) → closing, when nothing is accepted any more but
what was accepted still goes out → gone. `left` is told once, at the beginning of the end.
"""

import asyncio
import base64
import binascii
from typing import Any, Protocol

from aiohttp import WSMsgType, web
from engineio.async_socket import AsyncSocket

from chatbot.transport.frames import CLOSE, NOOP, Outgoing, close_frame
from chatbot.transport.packets import Malformed
from chatbot.transport.websocket import PlainWebSocket, ended_by

__all__ = ["Connection"]

NORMAL, GOING_AWAY, PROTOCOL_ERROR = 1000, 1001, 1002
"""RFC 6455's status codes."""


class Keeper(Protocol):
    """What a connection wants of the server that keeps it.

    Attributes:
        max_queued_bytes: how far a client may stay behind.
        upgrade_timeout: seconds that each step of an upgrade may take.
        handlers: `handlers["message"]` takes (connection, what came).
    """

    max_queued_bytes: int
    upgrade_timeout: float
    handlers: dict[str, Any]

    def answered(self, connection: "Connection", /) -> None:
        """The client answered a ping."""

    def left(self, connection: "Connection", /) -> None:
        """The connection is ending, for its `reason`."""

    def linger(self, connection: "Connection", /) -> None:
        """It is closing, and gets some time to do so."""

    def drop(self, connection: "Connection", /) -> None:
        """Nothing of it is left."""


class Connection(AsyncSocket):  # type: ignore[misc]  # the library has no types
    """What the server holds of one client, from its first request to its end.

    Attributes:
        queue: packets that wait for a poll, or for the upgrade; with a websocket there are none, since
            its transport takes them at once and has a buffer of its own.
        transport: of the websocket, once there is one.
        reason: why it ended, in one word; empty while it lives.
    """

    server: Keeper
    queue: list[Outgoing]
    closing: bool
    connected: bool
    upgrading: bool
    upgraded: bool

    def __init__(self, server: Keeper, sid: str) -> None:
        super().__init__(server, sid)
        self.transport: asyncio.Transport | None = None
        self.reason = ""
        self.polled: asyncio.Future[None] | None = None
        self.posting = False
        self.probing: asyncio.Transport | None = None
        self._queued = 0

    def post(self, packet: Outgoing) -> bool:
        """Send, or keep until it can be sent; never waits.

        False: the connection is closing, or is cut off now since it has not read what it was sent before.
        """
        if self.closing:
            return False
        transport = self.transport
        if transport is None:
            self.queue.append(packet)
            self._queued += len(packet)
            waiting = self._queued
            self._answer_poll()
        elif transport.is_closing():
            return False
        else:
            transport.write(packet.frame)
            waiting = transport.get_write_buffer_size()
        if waiting > self.server.max_queued_bytes:
            # Later, so that whoever sends to many is not called back in the middle of it.
            self.closing = True
            asyncio.get_running_loop().call_soon(self.cut, "slow")
            return False
        return True

    async def send(self, pkt: Any) -> None:
        """The library's own way to send a packet of its own."""
        encoded = pkt.encode()
        if isinstance(encoded, str):
            self.post(Outgoing(encoded.encode()))
        else:
            self.post(Outgoing(bytes(encoded), binary=True))

    def end(self, reason: str, *, code: int = NORMAL) -> None:
        """Close once all that was sent before has gone out; takes and accepts nothing from now on."""
        if self.closing:
            return
        self.closing = True
        if self.transport is None:
            self._answer_poll()
        elif not self.transport.is_closing():
            self.transport.write(close_frame(code))
        self.server.linger(self)
        self._leave(reason)

    async def close(self, wait: bool = True, abort: bool = False, reason: str | None = None) -> None:  # noqa: ARG002
        """The library's own way to end a connection."""
        self.end(reason or "server")

    def cut(self, reason: str) -> None:
        """Close at once, and drop what has not gone out."""
        self.closing = True
        self.queue.clear()
        for transport in (self.transport, self.probing):
            if transport is not None:
                transport.abort()
        if self.transport is None:
            self._answer_poll()
            self.server.drop(self)
        self._leave(reason)

    def _leave(self, reason: str) -> None:
        if not self.reason:
            self.reason = reason
            self.server.left(self)

    def take(self, data: str | bytes) -> None:
        """Act on one packet of the client.

        Raises:
            Malformed: it is none that a client may send here.
        """
        if data == "1":
            self._hang_up()
        elif self.closing:
            return
        elif isinstance(data, bytes):
            self.server.handlers["message"](self, data)
        elif data[:1] == "4":
            self.server.handlers["message"](self, data[1:])
        elif data[:1] == "3":
            self.server.answered(self)
        else:
            raise Malformed

    def _hang_up(self) -> None:
        """The client said that it closes."""
        if self.transport is not None:
            self.end("client")
        else:
            self.cut("client")

    # Polling

    async def poll(self) -> list[Outgoing]:
        """What waits for the client, as soon as there is something.

        NOOP if it is not to be had here, since the client upgrades or hung up; CLOSE at the end, by itself,
        since clients of some kinds hang if it comes together with the packet that disconnects them.
        """
        if not self.queue and not self.closing and not self.upgrading:
            self.polled = asyncio.get_running_loop().create_future()
            try:
                await self.polled
            finally:
                self.polled = None
        if self.upgrading:
            return [NOOP]
        if self.closing and not self.queue:
            self.server.drop(self)
            return [NOOP if self.reason == "client" else CLOSE]
        packets, self.queue, self._queued = self.queue, [], 0
        return packets or [NOOP]

    def _answer_poll(self) -> None:
        if self.polled is not None and not self.polled.done():
            self.polled.set_result(None)

    def take_payload(self, body: str) -> None:
        """Act on the packets of one POST request.

        Raises:
            Malformed: one of them is none; those before it have been taken.
        """
        for encoded in body.split("\x1e"):
            if encoded[:1] != "b":
                self.take(encoded)
                continue
            try:
                attachment = base64.b64decode(encoded[1:], validate=True)
            except (binascii.Error, ValueError) as error:
                raise Malformed from error
            self.take(attachment)

    # Websocket

    async def serve_websocket(self, request: web.Request) -> web.StreamResponse:
        """Answer the handshake of a websocket, and serve it to its end."""
        response: web.StreamResponse = await self._upgrade_websocket({"aiohttp.request": request})
        return response

    async def _websocket_handler(self, ws: PlainWebSocket) -> None:
        """Called by the driver's websocket after its handshake; the connection lives as long as this runs."""
        if self.connected and not await self._upgraded_to(ws):
            ws.transport.abort()
            return
        self.connected = self.upgraded = True
        self.transport = ws.transport
        for packet in self.queue:
            ws.transport.write(packet.frame)
        self.queue, self._queued = [], 0
        if self.closing:
            # It was ended while it changed over, or even before its handshake was answered.
            ws.transport.write(close_frame(NORMAL))
            self.server.linger(self)
        try:
            await self._receive(ws)
        finally:
            self._finish("lost")

    async def _upgraded_to(self, ws: PlainWebSocket) -> bool:
        """The upgrade of a polling client: probe, answer, upgrade; meanwhile nothing goes out."""
        self.probing = ws.transport
        try:
            if (await ws.receive(self.server.upgrade_timeout)).data != "2probe" or self.closing:
                return False
            self.upgrading = True
            self._answer_poll()
            ws.transport.write(Outgoing(b"3probe").frame)
            return bool((await ws.receive(self.server.upgrade_timeout)).data == "5")
        except (TimeoutError, ConnectionError):
            return False
        finally:
            self.upgrading = False
            self.probing = None

    async def _receive(self, ws: PlainWebSocket) -> None:
        receive = ws.receive
        while True:
            try:
                message = await receive()
                if message.type is WSMsgType.TEXT:
                    self.take(message.data)
                elif message.type is WSMsgType.BINARY:
                    self.take(bytes(message.data))
                else:
                    return self._finish(ended_by(message))
            except Malformed:
                self.end("malformed", code=PROTOCOL_ERROR)
            except ConnectionError:
                return self._finish("lost")

    def _finish(self, reason: str) -> None:
        """The websocket is over: answer the closing handshake unless we began it, and let go."""
        transport = self.transport
        if transport is not None and not transport.is_closing():
            if not self.closing:
                transport.write(close_frame(NORMAL))
            transport.close()
        self.closing = True
        self._leave(reason)
        self.server.drop(self)

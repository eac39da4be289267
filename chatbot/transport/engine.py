"""The Engine.IO server: requests in, connections kept alive, and all of them ended in time."""

import asyncio
import random
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import engineio
import msgspec
from aiohttp import web

from chatbot.transport.connection import GOING_AWAY, Connection
from chatbot.transport.frames import PING, Outgoing
from chatbot.transport.packets import Malformed
from chatbot.transport.timeouts import Timeouts
from chatbot.transport.websocket import PlainWebSocket

__all__ = ["Engine"]

FAREWELL: Final = 5.0
"""Seconds that a closing connection has to read what was sent to it; then it is cut off."""


class Engine(engineio.AsyncServer):  # type: ignore[misc]  # the library has no types
    """The library's server with connections that cost little.

    Its three event handlers are plain functions: `connect(connection, request)`,
    `message(connection, data)` and `disconnect(connection, reason)`.

    Attributes:
        sockets: every connection by its id, from its first request until nothing of it is left.
        is_full: says whether no further connection can be taken now.
    """

    sockets: dict[str, Connection]
    handlers: dict[str, Any]
    ping_interval: float
    ping_timeout: float

    def __init__(self, *, max_queued_bytes: int, upgrade_timeout: float, **options: Any) -> None:
        super().__init__(async_mode="aiohttp", monitor_clients=False, **options)
        self._async: dict[str, Any] = {**self._async, "websocket": PlainWebSocket}
        self.max_queued_bytes = max_queued_bytes
        self.upgrade_timeout = upgrade_timeout
        self._farewells: Timeouts[Connection] = Timeouts(FAREWELL, lambda late: late.cut("lost"))
        self.ending = False
        self.is_full: Callable[[], bool] = lambda: False
        self._pings: Timeouts[Connection] = Timeouts(self.ping_interval, self._ping)
        self._pongs: Timeouts[Connection] = Timeouts(self.ping_timeout, lambda silent: silent.cut("timeout"))
        self._emptied = asyncio.Event()

    def create_queue(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        """A connection's queue of packets: a list, since nobody waits for it."""
        return []

    def attach(self, app: web.Application, engineio_path: str = "engine.io") -> None:
        """Serve every method, so that a wrong one is answered as the protocol asks."""
        app.router.add_route("*", f"/{engineio_path.strip('/')}/", self.handle_request)

    # Requests

    async def handle_request(self, request: web.Request) -> web.StreamResponse:
        """Answer one HTTP request; a websocket's lasts as long as the websocket."""
        try:
            self._require_allowed_origin(request)
            if request.method == "OPTIONS":
                return await self._answer(self._ok(), request)
            transport = self._transport_of(request)
            if "sid" in request.query:
                return await self._continue(request, self._known(request.query["sid"]))
            return await self._open(request, transport)
        except _Refused as refusal:
            return await self._answer(self._bad_request(str(refusal)), request)

    def _environ(self, request: web.Request) -> dict[str, Any]:
        """What the library wants of a request. Not kept: it weighs as much as an idle connection."""
        environ: dict[str, Any] = self._async["translate_request"](request)
        return environ

    def _require_allowed_origin(self, request: web.Request) -> None:
        origin = request.headers.get("Origin")
        if not origin or self.cors_allowed_origins == []:
            return
        allowed = self._cors_allowed_origins(self._environ(request))
        if allowed is not None and origin not in allowed:
            raise _Refused("This origin may not connect.")

    def _transport_of(self, request: web.Request) -> str:
        transport = request.query.get("transport")
        if transport not in ("polling", "websocket"):
            raise _Refused("Unknown transport: allowed are polling and websocket.")
        if (transport == "websocket") != (request.headers.get("Upgrade", "").lower() == "websocket"):
            raise _Refused("Only a websocket is an upgrade.")
        return transport

    def _known(self, sid: str) -> Connection:
        connection = self.sockets.get(sid)
        if connection is None or connection.upgraded or not connection.connected:
            raise _Refused("No such session.")
        return connection

    async def _open(self, request: web.Request, transport: str) -> web.StreamResponse:
        if self.ending:
            return web.Response(status=503, text="This server is shutting down.")
        if self.is_full():
            return web.Response(status=503, text="Too many wait to connect; try again.")
        if request.query.get("EIO") != "4":
            raise _Refused("Unknown version of the protocol: allowed is EIO=4.")
        if request.method != "GET":
            raise _Refused("A session begins with GET.")
        sid = self.generate_id()
        connection = self.sockets[sid] = Connection(self, sid)
        self._emptied.clear()
        connection.post(self._greeting(sid, transport))
        self._pings.add(connection)
        self.handlers["connect"](connection, request)
        if transport == "polling":
            connection.connected = True
            return await self._poll(request, connection)
        try:
            return await connection.serve_websocket(request)
        except ConnectionResetError:
            # The client left in the middle of its handshake: nobody is there to read this, or to worry.
            return web.Response(status=400)
        finally:
            if sid in self.sockets:
                # Its handshake failed, or the client left in the middle of it.
                connection.cut("lost")

    def _greeting(self, sid: str, transport: str) -> Outgoing:
        facts = {
            "sid": sid,
            "upgrades": self._upgrades(sid, transport),
            # The library rounds to whole seconds.
            "pingInterval": round(self.ping_interval * 1_000),
            "pingTimeout": round(self.ping_timeout * 1_000),
            "maxPayload": self.max_http_buffer_size,
        }
        return Outgoing(b"0" + msgspec.json.encode(facts))

    async def _continue(self, request: web.Request, connection: Connection) -> web.StreamResponse:
        if request.query["transport"] == "websocket":
            return await self._upgrade(request, connection)
        if request.method == "GET":
            return await self._poll(request, connection)
        if request.method == "POST":
            return await self._take_post(request, connection)
        raise _Refused("Allowed are GET and POST.")

    async def _upgrade(self, request: web.Request, connection: Connection) -> web.StreamResponse:
        if connection.probing is not None or connection.closing:
            raise _Refused("This session has a websocket already, or has ended.")
        connection.probing = request.transport
        try:
            return await connection.serve_websocket(request)
        finally:
            connection.probing = None

    async def _poll(self, request: web.Request, connection: Connection) -> web.StreamResponse:
        if connection.polled is not None:
            connection.end("malformed")
            raise _Refused("Two polls at once.")
        return await self._answer(self._ok(await connection.poll()), request)

    async def _take_post(self, request: web.Request, connection: Connection) -> web.StreamResponse:
        if connection.posting:
            connection.end("malformed")
            raise _Refused("Two posts at once.")
        connection.posting = True
        try:
            async with asyncio.timeout(self.upgrade_timeout):
                body = await _read(request, self.max_http_buffer_size)
            connection.take_payload(body)
        except _TooLarge:
            connection.cut("too_large")
            raise _Refused(f"At most {self.max_http_buffer_size} bytes a request.") from None
        except (Malformed, UnicodeDecodeError, TimeoutError, ConnectionError):
            connection.cut("malformed")
            raise _Refused("No packets.") from None
        finally:
            connection.posting = False
        return await self._answer({**self._ok(), "response": b"ok"}, request)

    async def _answer(self, response: dict[str, Any], request: web.Request) -> web.StreamResponse:
        answer: web.StreamResponse = await self._make_response(response, self._environ(request))
        return answer

    # Connections

    def _ping(self, connection: Connection) -> None:
        self._pongs.add(connection)
        connection.post(PING)

    def answered(self, connection: Connection) -> None:
        """The client answered a ping; a pong that nobody asked for changes nothing."""
        if self._pongs.discard(connection):
            self._pings.add(connection)

    def left(self, connection: Connection) -> None:
        """The connection is ending: it is not pinged any more, and the layer above is told."""
        self._pings.discard(connection)
        self._pongs.discard(connection)
        self.handlers["disconnect"](connection, connection.reason)

    def linger(self, connection: Connection) -> None:
        """The connection is closing: it may take its time, but not more than is due."""
        self._farewells.add(connection)

    def drop(self, connection: Connection) -> None:
        """Nothing of the connection is left."""
        self._farewells.discard(connection)
        self.sockets.pop(connection.sid, None)
        if not self.sockets:
            self._emptied.set()

    async def aclose(self, *, spread: float, within: float) -> None:
        """Accept nobody, and end all within `spread` seconds; cut off who is left `within` seconds later."""
        self.ending = True
        loop = asyncio.get_running_loop()
        for connection in tuple(self.sockets.values()):
            # Evenly by chance, so that another server does not get all of them at once.
            moment = random.uniform(0, spread)  # noqa: S311  # no secret
            loop.call_later(moment, partial(connection.end, "shutdown", code=GOING_AWAY))
        try:
            if self.sockets:
                async with asyncio.timeout(spread + within):
                    await self._emptied.wait()
        except TimeoutError:
            for connection in tuple(self.sockets.values()):
                connection.cut("shutdown")
        for timeouts in (self._pings, self._pongs, self._farewells):
            timeouts.clear()


class _Refused(Exception):
    """What is wrong with a request; it is answered with status 400."""


class _TooLarge(Exception):
    """A request's body is longer than the limit."""


async def _read(request: web.Request, limit: int) -> str:
    """The body, of which no more than `limit` bytes are ever held."""
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise _TooLarge
    return body.decode()

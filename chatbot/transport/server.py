"""The server as the gateway sees it: people come, ask and leave, and sending never waits."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from aiohttp import web

from chatbot.transport import packets
from chatbot.transport.dispatch import Connect, Disconnected, Dispatcher, Handler, Replies

__all__ = ["SocketServer"]

GRACE: Final = 5.0
"""Seconds that `aclose` waits, once for the connections and once for the handlers under way."""

_FAILED: Final = {"ok": False, "error": {"code": "internal", "message": "The server failed; try again."}}


class SocketServer:
    """A Socket.IO server for one namespace, over websockets and, for who has none, long polling.

        server = SocketServer(connect=welcome, disconnected=forget, overloaded={…}, unknown={…})
        server.on("chat:message", take_message)
        server.attach(application)
        …
        server.push(sid, "chat:delta", {"text": "Hello"})

    What it promises:
        - The events of one socket run strictly one after another, in the order they were sent; those of
          different sockets at once. A handler that raises harms nobody: the client gets `failed`.
        - What is pushed to one socket arrives in that order. Nothing that pushes ever waits: a client that
          stays behind by more than `max_queued_bytes` is cut off.
        - `disconnected` is called exactly once for each sid whose connect succeeded, also if the client is
          gone by then: connect handlers are not cancelled by that, nor are event handlers under way.
        - Whoever does not finish a handshake, answer a ping or keep to the protocol is disconnected.

    The reasons that `disconnected` gets and `lost` counts: "client" (it left), "lost" (its connection
    broke), "timeout" (no answer to a ping), "slow" (stayed behind), "malformed" (no Socket.IO),
    "too_large" (a message above `max_payload`), "handshake" (none in time; only counted), "shutdown",
    and what `end` was given.

    Args:
        connect: called with (sid, request, the client's auth payload or None). It accepts by returning,
            and refuses by raising ConnectRefused. Nothing can be pushed to the sid before it returns.
        disconnected: called with (sid, reason). Must not wait. It is called inside `end`, never inside
            `push` or `push_many`.
        overloaded: the acknowledgement of an event that is dropped since `max_waiting` of its socket wait.
        unknown: the acknowledgement of an event without a handler.
        failed: the acknowledgement of an event whose handler raised.
        origins: called with (origin, WSGI environ): may a page of that origin connect? None: only pages of
            the host that the server is reached under. Clients that send no origin may.
        max_payload: bytes of one message from a client, and of one event with its attachments.
        handshake_timeout: seconds from the first request to an accepted connect.
        ping_interval, ping_timeout: seconds between pings, and until a missing answer is the end.
        max_queued_bytes: how far a client may stay behind.
        max_waiting: events of one socket that may wait while one runs.
        max_handshakes: connections that may be in their handshake at once; one more is answered with 503.
            Nobody knows yet who these are, so this bounds the memory that strangers can take.
    """

    def __init__(
        self,
        *,
        connect: Connect,
        disconnected: Disconnected,
        overloaded: Mapping[str, Any],
        unknown: Mapping[str, Any],
        failed: Mapping[str, Any] = _FAILED,
        origins: Callable[[str, Mapping[str, str]], bool] | None = None,
        max_payload: int = 65_536,
        handshake_timeout: float = 10.0,
        ping_interval: float = 25.0,
        ping_timeout: float = 20.0,
        max_queued_bytes: int = 1_048_576,
        max_waiting: int = 16,
        max_handshakes: int = 10_000,
    ) -> None:
        self._dispatcher = Dispatcher(
            connect=connect,
            disconnected=disconnected,
            replies=Replies(overloaded=overloaded, unknown=unknown, failed=failed),
            handshake_timeout=handshake_timeout,
            max_waiting=max_waiting,
            max_handshakes=max_handshakes,
            cors_allowed_origins=origins,
            max_http_buffer_size=max_payload,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            max_queued_bytes=max_queued_bytes,
            upgrade_timeout=handshake_timeout,
        )
        self._connected = self._dispatcher.manager.connected

    def on(self, event: str, handler: Handler) -> None:
        """Call `handler` with (sid, payload) for each such event; what it returns is the acknowledgement."""
        self._dispatcher.on(event, handler)

    def attach(self, application: web.Application) -> None:
        """Serve at `/socket.io/`."""
        self._dispatcher.attach(application, "socket.io")

    def push(self, sid: str, event: str, payload: Mapping[str, Any]) -> bool:
        """Send an event to one client; False if it is gone, or is cut off now since it stayed behind."""
        connection = self._connected.get(sid)
        return connection is not None and connection.post(packets.event(event, payload))

    def push_many(self, sids: Iterable[str], event: str, payload: Mapping[str, Any]) -> int:
        """Send an event to several clients, encoded and framed once; to how many."""
        packet = packets.event(event, payload)
        found = (self._connected.get(sid) for sid in sids)
        return sum(connection.post(packet) for connection in found if connection is not None)

    def end(self, sid: str, reason: str) -> None:
        """Disconnect a client: what was pushed before still goes out. One that is gone already: nothing.

        The client learns that it was the server's will, so it does not reconnect by itself.
        """
        self._dispatcher.end(sid, reason)

    @property
    def sids(self) -> Collection[str]:
        """Those connected now: a live view, so copy it before anything that may end one."""
        return self._connected.keys()

    def __len__(self) -> int:
        return len(self._connected)

    @property
    def transports(self) -> int:
        """All Engine.IO connections, also those before their handshake or about to close."""
        return len(self._dispatcher.eio.sockets)

    @property
    def lost(self) -> Mapping[str, int]:
        """How many connections have ended, by reason."""
        return self._dispatcher.lost

    async def aclose(self, *, spread: float = 0.0) -> None:
        """End all with the reason "shutdown", at moments drawn from the next `spread` seconds; accept nobody.

        These clients reconnect by themselves, to another instance. Returns at the latest 10 seconds after
        `spread`; a handler that is still under way then is cancelled.
        """
        await self._dispatcher.aclose(spread=spread, within=GRACE)

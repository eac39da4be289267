"""The Socket.IO server: handshakes, and events that run one after another for each socket.

What a socket sent and nobody has acted on yet is in its inbox. A task works an inbox off, begun when
something comes in and gone when the inbox is empty: so a socket's events keep their order, a socket that
is idle has no task, and one that sends too much is told so.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import socketio
from aiohttp import web
from socketio import packet as kinds

from chatbot.transport import packets
from chatbot.transport.connection import Connection
from chatbot.transport.engine import Engine
from chatbot.transport.members import Members
from chatbot.transport.packets import Malformed
from chatbot.transport.refusal import ConnectRefused
from chatbot.transport.timeouts import Timeouts

__all__ = ["Connect", "Disconnected", "Dispatcher", "Handler", "Replies"]

Connect = Callable[[str, web.Request, object], Awaitable[None]]
"""(sid, request, the client's auth payload); raises ConnectRefused."""

Disconnected = Callable[[str, str], None]
"""(sid, why in one word)."""

Handler = Callable[[str, object], Awaitable[Mapping[str, Any]]]
"""(sid, payload) -> what the client gets as acknowledgement."""

log = logging.getLogger(__name__)

_theirs = logging.getLogger(f"{__name__}.library")
_theirs.setLevel(logging.WARNING)


@dataclass(frozen=True, kw_only=True)
class Replies:
    """The acknowledgements that no handler gives.

    Attributes:
        overloaded: too many events of this socket wait.
        unknown: there is no handler for this event.
        failed: the handler raised.
    """

    overloaded: Mapping[str, Any]
    unknown: Mapping[str, Any]
    failed: Mapping[str, Any]


@dataclass(slots=True, eq=False)
class Visitor:
    """A connection as Socket.IO sees it; the `session` of its connection.

    Attributes:
        request: the one it came with; a websocket keeps it alive anyway.
        sid: its Socket.IO id, from the beginning of a handshake on; empty without one.
        inbox: what it sent and nobody has acted on yet.
        worker: the task that works the inbox off, while there is one.
        partial: an event whose binary attachments have not all come, and how many bytes have.
    """

    request: web.Request
    sid: str = ""
    inbox: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    worker: asyncio.Task[None] | None = None
    partial: tuple[packets.Packet, int] | None = None


class Dispatcher(socketio.AsyncServer):  # type: ignore[misc]  # the library has no types
    """The library's server, with a short way for events, in order, and a deadline for the handshake.

    The library's `on`, `emit` (to a sid or to all) and `disconnect` work as they always do.
    """

    eio: Engine
    manager: Members

    def __init__(
        self,
        *,
        connect: Connect,
        disconnected: Disconnected,
        replies: Replies,
        handshake_timeout: float,
        max_waiting: int,
        max_handshakes: int,
        **engine_options: Any,
    ) -> None:
        super().__init__(client_manager=Members(), logger=_theirs, engineio_logger=_theirs, **engine_options)
        self.eio.on("connect", self._opened)
        self.eio.on("message", self._take)
        self.eio.on("disconnect", self._left)
        self.eio.is_full = self._is_full
        self.lost: Counter[str] = Counter()
        self._connect = connect
        self._disconnected = disconnected
        self._replies = replies
        self._max_waiting = max_waiting
        self._max_handshakes = max_handshakes
        self._handshakes: Timeouts[Connection] = Timeouts(
            handshake_timeout, lambda silent: silent.end("handshake")
        )
        self._working: set[Visitor] = set()
        self.handlers.setdefault("/", {})

    def _engineio_server_class(self) -> type[Engine]:
        return Engine

    def _opened(self, connection: Connection, request: web.Request) -> None:
        connection.session = Visitor(request)
        self._handshakes.add(connection)

    def _is_full(self) -> bool:
        """Whether as many as may are between their first request and an accepted connect."""
        return len(self._handshakes) >= self._max_handshakes

    # What comes in

    def _take(self, connection: Connection, data: str | bytes) -> None:
        """Act on one Socket.IO packet, or on an attachment of the one before.

        Raises:
            Malformed: it is neither.
        """
        visitor: Visitor = connection.session
        if visitor.partial is not None or isinstance(data, bytes):
            self._take_attachment(connection, visitor, data)
            return
        event = packets.parse_event(data)
        if event is None:
            self._take_packet(connection, visitor, packets.parse(data))
        else:
            self._take_event(connection, visitor, *event)

    def _take_packet(self, connection: Connection, visitor: Visitor, packet: packets.Packet) -> None:
        elsewhere = packet.namespace not in (None, "/")
        match packet.packet_type:
            case kinds.CONNECT if elsewhere:
                connection.post(packets.refused({"message": "Invalid namespace"}, packet.namespace))
            case kinds.CONNECT:
                self._begin_handshake(connection, visitor, packet.data)
            case kinds.DISCONNECT if not elsewhere:
                self._part(connection, visitor)
            case kinds.BINARY_EVENT if visitor.sid and not elsewhere and packet.attachment_count:
                visitor.partial = packet, 0
            case kinds.ACK | kinds.DISCONNECT:
                pass  # nothing that is sent here asks to be acknowledged
            case _:
                raise Malformed

    def _take_attachment(self, connection: Connection, visitor: Visitor, data: str | bytes) -> None:
        if visitor.partial is None or isinstance(data, str):
            raise Malformed
        packet, size = visitor.partial
        size += len(data)
        if size > self.eio.max_http_buffer_size:
            raise Malformed
        visitor.partial = packet, size
        if packets.with_attachment(packet, data):
            visitor.partial = None
            ack_id = "" if packet.id is None else str(packet.id)
            self._take_event(connection, visitor, ack_id, packets.named(packet.data))

    def _take_event(self, connection: Connection, visitor: Visitor, ack_id: str, event: list[Any]) -> None:
        if not visitor.sid:
            raise Malformed
        if len(visitor.inbox) >= self._max_waiting:
            self._acknowledge(connection, ack_id, self._replies.overloaded)
            return
        payload = event[1] if len(event) > 1 else None
        self._enqueue(visitor, partial(self._act, connection, event[0], ack_id, payload))

    def _enqueue(self, visitor: Visitor, job: Callable[[], Awaitable[None]]) -> None:
        visitor.inbox.append(job)
        if visitor.worker is None:
            visitor.worker = asyncio.create_task(self._work(visitor))
            self._working.add(visitor)

    async def _work(self, visitor: Visitor) -> None:
        try:
            while visitor.inbox:
                await visitor.inbox.pop(0)()
        finally:
            # Not in a callback of the task: that would be one more turn of the loop for each event.
            visitor.worker = None
            self._working.discard(visitor)

    async def _act(self, connection: Connection, name: str, ack_id: str, payload: object) -> None:
        """Run the handler of one event; whatever it raises harms nobody else."""
        sid = connection.session.sid
        if sid not in self.manager.connected:
            return
        handler: Handler | None = self.handlers["/"].get(name)
        try:
            reply = self._replies.unknown if handler is None else await handler(sid, payload)
            self._acknowledge(connection, ack_id, reply)
        except Exception:
            log.exception("The handler of %s raised", name)
            self._acknowledge(connection, ack_id, self._replies.failed)

    def _acknowledge(self, connection: Connection, ack_id: str, reply: Mapping[str, Any]) -> None:
        if ack_id:
            connection.post(packets.acknowledgement(ack_id, reply))

    # Handshakes and partings

    def _begin_handshake(self, connection: Connection, visitor: Visitor, auth: object) -> None:
        if visitor.sid or len(visitor.inbox) >= self._max_waiting:
            raise Malformed
        visitor.sid = self.eio.generate_id()
        self._enqueue(visitor, partial(self._shake_hands, connection, visitor, visitor.sid, auth))

    async def _shake_hands(self, connection: Connection, visitor: Visitor, sid: str, auth: object) -> None:
        """Ask whether it may connect. Never cancelled by its end: what has connected, disconnects."""
        try:
            await self._connect(sid, visitor.request, auth)
        except ConnectRefused as refusal:
            self._refuse(connection, visitor, refusal)
        except Exception:
            log.exception("The connect handler raised")
            self._refuse(connection, visitor, ConnectRefused("internal", "The server failed; try again."))
        else:
            if connection.closing or visitor.sid != sid:
                self._tell(sid, connection.reason or "client")
                return
            self._handshakes.discard(connection)
            self.manager.connected[sid] = connection
            connection.post(packets.accepted(sid))

    def _refuse(self, connection: Connection, visitor: Visitor, refusal: ConnectRefused) -> None:
        visitor.sid = ""
        data = {"code": refusal.code, "message": refusal.message}
        connection.post(packets.refused({"message": refusal.message, "data": data}))

    def _part(self, connection: Connection, visitor: Visitor) -> None:
        """The client leaves the namespace; it has to come back, or close, before the deadline."""
        self._forget(visitor, "client")
        if connection not in self._handshakes:
            # Who never was in the namespace gets no more time by leaving it.
            self._handshakes.add(connection)

    def _left(self, connection: Connection, reason: str) -> None:
        """The connection is ending."""
        self.lost[reason] += 1
        self._handshakes.discard(connection)
        self._forget(connection.session, reason)

    def _forget(self, visitor: Visitor, reason: str) -> None:
        sid, visitor.sid = visitor.sid, ""
        visitor.inbox.clear()
        visitor.partial = None
        if self.manager.connected.pop(sid, None) is not None:
            self._tell(sid, reason)

    def _tell(self, sid: str, reason: str) -> None:
        try:
            self._disconnected(sid, reason)
        except Exception:
            log.exception("The disconnect handler raised")

    def end(self, sid: str, reason: str) -> None:
        """Disconnect one; a client of this kind does not come back by itself."""
        connection = self.manager.connected.get(sid)
        if connection is not None:
            connection.post(packets.DISCONNECT)
            connection.end(reason)

    async def disconnect(self, sid: str, namespace: str | None = None, ignore_queue: bool = False) -> None:  # noqa: ARG002
        """The library's own way to end a socket."""
        self.end(sid, "server")

    async def aclose(self, *, spread: float, within: float) -> None:
        """End all; wait at most `spread + within` seconds for them, and `within` for handlers under way."""
        await self.eio.aclose(spread=spread, within=within)
        self._handshakes.clear()
        workers = [visitor.worker for visitor in self._working if visitor.worker is not None]
        if workers:
            _, late = await asyncio.wait(workers, timeout=within)
            for worker in late:
                worker.cancel()
            await asyncio.gather(*late, return_exceptions=True)

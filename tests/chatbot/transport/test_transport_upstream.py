"""What this package takes for granted of the libraries beneath it: an upgrade that changes it fails here.

One test for each place where a library's own code calls ours, or ours calls what is not in its manual.
"""

import inspect
import logging

import engineio
import pytest
import socketio
import socketio.packet
from aiohttp import WSCloseCode, WSMsgType, web
from engineio import payload
from engineio.async_drivers import aiohttp as driver
from engineio.async_socket import AsyncSocket

from chatbot.transport.connection import Connection
from chatbot.transport.dispatch import Dispatcher, Replies
from chatbot.transport.engine import Engine
from chatbot.transport.frames import Outgoing
from chatbot.transport.members import Members
from chatbot.transport.packets import Json, Packet
from chatbot.transport.websocket import PlainWebSocket

OURS = {
    Engine: (engineio.AsyncServer, "create_queue attach handle_request"),
    Connection: (AsyncSocket, "send close poll _websocket_handler"),
    PlainWebSocket: (driver.WebSocket, "__call__"),
    Members: (socketio.AsyncManager, "get_participants"),
    Dispatcher: (socketio.AsyncServer, "_engineio_server_class disconnect"),
}
"""What is replaced, class by class, because the library calls it."""


def names(function):
    return [name for name in inspect.signature(function).parameters if name not in ("args", "kwargs")]


@pytest.mark.parametrize(
    ("ours", "theirs", "method"),
    [(ours, theirs, name) for ours, (theirs, methods) in OURS.items() for name in methods.split()],
)
def test_what_is_replaced_is_there_and_called_alike(ours, theirs, method):
    """Same name, same parameters, and a coroutine where theirs is one."""
    assert method in vars(ours), "no longer replaced: drop it here"
    own, original = getattr(ours, method), getattr(theirs, method)
    if method not in ("handle_request", "attach", "poll"):
        assert names(own) == names(original)
    assert inspect.iscoroutinefunction(own) == inspect.iscoroutinefunction(original)


def test_nothing_else_of_theirs_is_replaced_by_accident():
    """A new method upstream that is named like one of ours would be called in its stead."""
    allowed = {ours: set(methods.split()) for ours, (_, methods) in OURS.items()}
    for ours, (theirs, _) in OURS.items():
        own = {name for name in vars(ours) if callable(getattr(ours, name)) and not name.startswith("__")}
        assert {name for name in own if hasattr(theirs, name)} <= allowed[ours], ours


async def nobody(*_):
    raise AssertionError("not called")


def dispatcher():
    return Dispatcher(
        connect=nobody,
        disconnected=print,
        replies=Replies(overloaded={}, unknown={}, failed={}),
        handshake_timeout=1,
        max_waiting=1,
        max_handshakes=1,
        max_queued_bytes=1,
        upgrade_timeout=1,
        cors_allowed_origins=None,
    )


async def test_the_servers_are_put_together_as_expected():
    """The library builds our engine with our options, keeps our manager and our three handlers."""
    server = dispatcher()
    assert type(server.eio) is Engine
    assert server.manager.server is server
    assert set(server.eio.handlers) == {"connect", "message", "disconnect"}
    assert all(handler.__self__ is server for handler in server.eio.handlers.values())
    assert not server.eio.start_service_task, "connections are watched by timers, not by the library's task"
    server.on("event", nobody)
    assert server.handlers == {"/": {"event": nobody}}


async def test_the_driver_has_what_is_used_of_it():
    """A dict of its parts; the websocket's is ours, and the library's own is left as it was."""
    engine = dispatcher().eio
    assert engine._async["websocket"] is PlainWebSocket
    assert driver._async["websocket"] is driver.WebSocket
    assert {"translate_request", "make_response", "websocket"} <= set(driver._async)


async def test_no_logger_is_touched():
    """The library adds a handler to a logger of its own, unless it is given one."""
    dispatcher()
    assert logging.getLogger("engineio.server").handlers == []
    assert logging.getLogger("socketio.server").handlers == []


async def test_a_connection_begins_as_expected():
    """The library's constructor asks for a queue, and its flags are false."""
    engine = dispatcher().eio
    connection = Connection(engine, "sid")
    assert (connection.server, connection.sid, connection.queue) == (engine, "sid", [])
    flags = (connection.connected, connection.upgrading, connection.upgraded, connection.closing)
    assert flags == (False,) * 4
    assert connection.session == {}


async def test_the_library_s_answers_are_made_as_expected():
    """A payload of our packets, a refusal, an acceptance, the origins that may come, the upgrades."""
    engine = dispatcher().eio
    packets = [Outgoing("4ü".encode()), Outgoing(b"\x00\xff", binary=True)]
    assert payload.Payload(packets=packets).encode() == "4ü\x1ebAP8="
    assert engine._ok(packets)["response"] == "4ü\x1ebAP8=".encode()
    assert engine._ok()["status"] == "200 OK"
    assert engine._bad_request("No.")["status"].startswith("400")
    engine.sockets["sid"] = Connection(engine, "sid")
    assert (engine._upgrades("sid", "websocket"), engine._upgrades("sid", "polling")) == ([], ["websocket"])
    assert len({engine.generate_id() for _ in range(100)}) == 100
    environ = {"wsgi.url_scheme": "http", "HTTP_HOST": "here", "HTTP_ORIGIN": "http://here"}
    assert engine._cors_allowed_origins(environ) == ["http://here"]


def test_the_packets_are_read_as_expected():
    """Kinds, attachments, and JSON that is ours for our class and nobody else's."""
    kinds = ["CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK"]
    assert [getattr(socketio.packet, kind) for kind in kinds] == list(range(7))
    assert Packet.json is Json
    assert socketio.packet.Packet.json is not Json
    packet = Packet(encoded_packet='51-/n,7["x",{"_placeholder":true,"num":0}]')
    assert (packet.attachment_count, packet.namespace, packet.id) == (1, "/n", 7)
    assert packet.add_attachment(b"b")
    assert packet.data == ["x", b"b"]


async def test_aiohttp_s_websocket_has_what_is_used_of_it():
    """Options by name, the limit that a message has to stay below, and the kinds of messages."""
    options = inspect.signature(web.WebSocketResponse).parameters
    assert {"max_msg_size", "compress", "autoclose", "timeout"} <= set(options)
    assert WSCloseCode.MESSAGE_TOO_BIG == 1009
    assert {"TEXT", "BINARY", "CLOSE", "ERROR"} <= set(WSMsgType.__members__)

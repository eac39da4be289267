"""Socket.IO packets of the main namespace, as the Engine.IO messages that carry them.

JSON is msgspec's: read once, written once. Only what cannot be read that way, or is rare, goes through
the library's own `Packet`.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import socketio.packet

from chatbot.transport.frames import Outgoing

__all__ = [
    "DISCONNECT",
    "Malformed",
    "Packet",
    "accepted",
    "acknowledgement",
    "event",
    "named",
    "parse",
    "parse_event",
    "refused",
    "with_attachment",
]

MAX_ATTACHMENTS: Final = 16
"""The most binary attachments of one event."""

_EVENT: Final = re.compile(r"2([0-9]{0,15})(?=\[)")
_UNREADABLE: Final = (ValueError, IndexError, TypeError, RecursionError, msgspec.DecodeError)
"""What the parsers raise: no JSON, too deep, too long a number, no number, a placeholder for nothing."""


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(f"no JSON for {type(value).__name__}")


_encoder = msgspec.json.Encoder(enc_hook=_plain)
_decoder = msgspec.json.Decoder()


class Malformed(Exception):
    """The other side does not speak the protocol; its connection is closed."""


class Json:
    """The JSON module of the library's packets; a set of our own, since theirs is the whole process's."""

    @staticmethod
    def loads(text: str) -> Any:
        """Read JSON.

        Half a surrogate pair, which browsers send if a text was cut there, becomes a question mark: no
        UTF-8 could hold it further on.
        """
        try:
            return _decoder.decode(text)
        except msgspec.DecodeError:
            value = json.loads(text, parse_constant=_refuse_constant)
            mended = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
            return _decoder.decode(mended)

    @staticmethod
    def dumps(value: Any, separators: object = None) -> str:  # noqa: ARG004
        """Write JSON without blanks."""
        return _encoder.encode(value).decode()


class Packet(socketio.packet.Packet):  # type: ignore[misc]  # the library has no types
    """The library's packet with our JSON."""

    json = Json


def parse_event(text: str) -> tuple[str, list[Any]] | None:
    """The id to acknowledge with, empty if none is asked for, and [name, argument …]; None: no plain event.

    Raises:
        Malformed: an event that cannot be read.
    """
    head = _EVENT.match(text)
    if head is None:
        return None
    try:
        arguments = Json.loads(text[head.end() :])
    except _UNREADABLE as error:
        raise Malformed from error
    return head[1], named(arguments)


def parse(text: str) -> Packet:
    """The packet in an Engine.IO text message, whatever it is.

    Raises:
        Malformed: it is none, or none that a client may send.
    """
    try:
        packet = Packet(encoded_packet=text)
    except _UNREADABLE as error:
        raise Malformed from error
    if packet.attachment_count > MAX_ATTACHMENTS:
        raise Malformed
    return packet


def with_attachment(packet: Packet, attachment: bytes) -> bool:
    """Add a binary attachment; whether it was the last.

    Raises:
        Malformed: the packet has no place for it.
    """
    try:
        return bool(packet.add_attachment(attachment))
    except (*_UNREADABLE, KeyError) as error:
        raise Malformed from error


def named(arguments: object) -> list[Any]:
    """An event's data, if it is that: a list that begins with the event's name.

    Raises:
        Malformed: it is not.
    """
    if isinstance(arguments, list) and arguments and isinstance(arguments[0], str):
        return arguments
    raise Malformed


def event(name: str, payload: Mapping[str, Any]) -> Outgoing:
    """An event for clients."""
    return Outgoing(b"42" + _encoder.encode((name, payload)))


def acknowledgement(ack_id: str, reply: Mapping[str, Any]) -> Outgoing:
    """The answer to an event that asked for one."""
    return Outgoing(b"43" + ack_id.encode() + _encoder.encode((reply,)))


def accepted(sid: str) -> Outgoing:
    """The answer to a handshake that succeeded."""
    return Outgoing(b"40" + _encoder.encode({"sid": sid}))


def refused(error: Mapping[str, Any], namespace: str = "/") -> Outgoing:
    """The answer to a handshake that did not."""
    place = "" if namespace == "/" else namespace + ","
    return Outgoing(b"44" + place.encode() + _encoder.encode(error))


DISCONNECT: Final = Outgoing(b"41")
"""The server ends the socket; clients do not come back by themselves."""


def _refuse_constant(name: str) -> object:
    raise ValueError(name)

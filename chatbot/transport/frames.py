"""What goes out: Engine.IO packets, ready for either transport, and their WebSocket frames.

The frames are made here (RFC 6455, section 5.2: a server's frames are unmasked, and nothing is compressed)
so that a packet for a thousand sockets is framed once and written as it is to each transport.
"""

import base64
import struct
from typing import Final

__all__ = ["CLOSE", "NOOP", "PING", "Outgoing", "close_frame"]

_TEXT: Final = 0x81
_BINARY: Final = 0x82
_CLOSE: Final = 0x88


class Outgoing:
    """One Engine.IO packet: the text of it in UTF-8, or, if `binary`, the bytes of a message."""

    __slots__ = ("_frame", "binary", "data")

    def __init__(self, data: bytes, *, binary: bool = False) -> None:
        self.data = data
        self.binary = binary
        self._frame: bytes | None = None

    def __len__(self) -> int:
        return len(self.data)

    @property
    def frame(self) -> bytes:
        """The packet as one WebSocket frame, made at the first use."""
        if self._frame is None:
            self._frame = _framed(_BINARY if self.binary else _TEXT, self.data)
        return self._frame

    def encode(self, *, b64: bool) -> str:
        """The packet as Engine.IO's `Payload` wants it for a poll's answer, where bytes are Base64."""
        assert b64, "only polling encodes packets, and it has no binary"
        return "b" + base64.b64encode(self.data).decode() if self.binary else self.data.decode()


def close_frame(code: int) -> bytes:
    """The frame that begins or answers the closing handshake, with one of RFC 6455's status codes."""
    return _framed(_CLOSE, code.to_bytes(2, "big"))


def _framed(opcode: int, data: bytes) -> bytes:
    size = len(data)
    if size < 126:  # noqa: PLR2004
        return bytes((opcode, size)) + data
    if size < 65_536:  # noqa: PLR2004
        return struct.pack("!BBH", opcode, 126, size) + data
    return struct.pack("!BBQ", opcode, 127, size) + data


CLOSE: Final = Outgoing(b"1")
PING: Final = Outgoing(b"2")
NOOP: Final = Outgoing(b"6")

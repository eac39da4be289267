"""Who is connected to the main namespace: the library's client manager with a plain dict for its rooms."""

from collections.abc import Iterator

import socketio

from chatbot.transport.connection import Connection

__all__ = ["Members"]


class Members(socketio.AsyncManager):  # type: ignore[misc]  # the library has no types
    """Both directions of sid and connection, each a dict, so that a disconnect costs O(1).

    The library's own scans every room and a list of all that are about to leave. There are no rooms here.

    Attributes:
        connected: the connections whose handshake succeeded, by sid.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rooms: dict[str, dict[str, str]] = {"/": {}}
        self.connected: dict[str, Connection] = {}

    def get_participants(self, namespace: str, room: str | None) -> Iterator[tuple[str, str]]:  # noqa: ARG002
        """The (sid, Engine.IO sid) of one sid, or of all: whom the library's `emit` sends to."""
        for sid in tuple(self.connected) if room is None else (room,):
            connection = self.connected.get(sid)
            if connection is not None:
                yield sid, connection.sid

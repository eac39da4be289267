"""The keys of the store: one for each socket, which is the truth, and the hints.

| key                                        | holds                                                     |
|--------------------------------------------|-----------------------------------------------------------|
| `socket_auth:{socketId}`                   | the record, as JSON                                       |
| `socket_auth_index:sockets`                | sorted set: socket ids by when they were last seen        |
| `socket_auth_index:user:{userId}`          | sorted set: that user's socket ids, likewise              |
| `socket_auth_index:instance:{…}:sockets`   | set: the socket ids that this instance holds              |
| `socket_auth_index:instance:{…}:beat`      | the heartbeat of this instance; gone if it has crashed    |
| `socket_auth_index:instances`              | sorted set: instances by their last beat                  |
| `socket_auth_index:turn:{task}`            | who does a task of which one at a time is enough          |

Braces around an instance's id are really there: its two keys share a slot of a cluster.
"""

from typing import Final
from urllib.parse import unquote

from cachekit.core.keys import KeySpace

_SOCKETS: Final = KeySpace("socket_auth")
_INDEXES: Final = KeySpace("socket_auth_index")

LIVE: Final = _INDEXES.literal("sockets")
INSTANCES: Final = _INDEXES.literal("instances")
EVERY_SOCKET: Final = f"{_SOCKETS.prefix}*"
"""The glob of all sockets' own keys."""


def socket_key(socket_id: str) -> str:
    """Where the record of a socket lies."""
    return _SOCKETS.literal(socket_id)


def socket_id_of(key: bytes) -> str | None:
    """The socket whose key that is; None for a key that is not spelt as `socket_key` spells it."""
    try:
        spelt = key.decode()
        socket_id = unquote(spelt.removeprefix(_SOCKETS.prefix), errors="strict")
    except UnicodeDecodeError:
        return None
    return socket_id if socket_id and socket_key(socket_id) == spelt else None


def user_key(user_id: str) -> str:
    """Where the sockets of a user are listed."""
    return _INDEXES.literal("user", user_id)


def held_key(instance: str) -> str:
    """Where the sockets that an instance holds are listed."""
    return f"{_instance(instance)}:sockets"


def beat_key(instance: str) -> str:
    """The heartbeat of an instance."""
    return f"{_instance(instance)}:beat"


def turn_key(task: str) -> str:
    """Who does a task now."""
    return _INDEXES.literal("turn", task)


def _instance(instance: str) -> str:
    escaped = _INDEXES.literal(instance).removeprefix(_INDEXES.prefix)
    return f"{_INDEXES.prefix}instance:{{{escaped}}}"

"""What is known of one socket, and how it is written: the contract with services in other languages."""

import datetime as dt
from typing import Annotated, Any, Final

import msgspec

from cachekit.core.codec import iso_utc

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What reading a damaged value raises."""

_OUR_FIELDS: Final = frozenset({"userId", "sessionId", "connectedAt", "lastActivity"})
_Moment = Annotated[dt.datetime, msgspec.Meta(tz=True)]


class SocketAuth(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What is known of one connected socket. Times are UTC."""

    user_id: Annotated[str, msgspec.Meta(min_length=1)]
    connected_at: _Moment
    last_activity: _Moment
    session_id: str | None = None


_decode: Final = msgspec.json.Decoder(SocketAuth).decode


def read(stored: bytes | None) -> SocketAuth | None:
    """The record in `stored`; None if there is none, or it cannot be read: then it authenticates nobody."""
    if stored is None:
        return None
    try:
        return _decode(stored)
    except UNREADABLE:
        return None


def write(auth: SocketAuth, *, onto: bytes = b"{}") -> bytes:
    """The wire form, times in milliseconds with `Z`; fields we do not know of stay as they are in `onto`.

    Raises one of `UNREADABLE` if those are damaged.
    """
    fields: dict[str, Any] = {"userId": auth.user_id}
    if auth.session_id is not None:
        fields["sessionId"] = auth.session_id
    fields["connectedAt"] = iso_utc(auth.connected_at)
    fields["lastActivity"] = iso_utc(auth.last_activity)
    theirs = msgspec.json.decode(onto)
    return msgspec.json.encode(fields | {name: theirs[name] for name in theirs if name not in _OUR_FIELDS})

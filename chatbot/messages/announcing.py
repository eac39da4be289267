"""What the server sends about other things than answers."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec


class Announcement(msgspec.Struct, frozen=True, rename="camel"):
    """Base of what the server tells a socket beside answers. Times are ISO-8601 UTC."""

    def payload(self) -> dict[str, Any]:
        """As it travels."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return fields


class Renamed(Announcement, frozen=True, rename="camel"):
    """`chat:renamed`: one of the user's sessions has another title now."""

    session_id: str
    title: str


class Deleted(Announcement, frozen=True, rename="camel"):
    """`chat:deleted`: one of the user's sessions is gone; a socket that had started it is in none now."""

    session_id: str


class Expiring(Announcement, frozen=True, rename="camel"):
    """`auth:expiring`: the socket's token is about to end; send a newer one with `auth:refresh`."""

    expires_at: str


class Expired(Announcement, frozen=True, rename="camel"):
    """`auth:expired`: the token has ended, and the socket with it."""


class SignInRevoked(Announcement, frozen=True, rename="camel"):
    """`auth:revoked`: the sign-in was ended from elsewhere, and the socket with it."""


class Disconnected(Announcement, frozen=True, rename="camel"):
    """`server:disconnected`: the server ends this socket, and why."""

    code: str
    message: str


class Draining(Announcement, frozen=True, rename="camel"):
    """`server:draining`: this instance ends `within` seconds; connect anew, which leads to another one."""

    within: float


class Noticed(Announcement, frozen=True, rename="camel"):
    """`server:notice`: something that all users should know."""

    id: str
    level: Literal["info", "warning"]
    text: str
    at: str


class Messaged(Announcement, frozen=True, rename="camel"):
    """`user:message`: something for this user only."""

    id: str
    text: str
    at: str


ANNOUNCING: Final[Mapping[str, type[Announcement]]] = {
    "chat:renamed": Renamed,
    "chat:deleted": Deleted,
    "auth:expiring": Expiring,
    "auth:expired": Expired,
    "auth:revoked": SignInRevoked,
    "server:disconnected": Disconnected,
    "server:draining": Draining,
    "server:notice": Noticed,
    "user:message": Messaged,
}
"""Every other event, and its payload; that of `admin:stats` is `chatbot.analytics.Snapshot`."""

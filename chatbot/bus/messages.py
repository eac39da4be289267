"""What instances tell one another, as one immutable type each, and as it is written on the wire.

A receiver skips what it does not know: during a deployment instances of two releases share the bus.
"""

from typing import Literal

import msgspec


class BusMessage(msgspec.Struct, frozen=True, tag_field="kind", rename="camel"):
    """Base of what travels on the bus."""


class Notice(BusMessage, frozen=True, tag="notice"):
    """To everybody who is connected. `at` is ISO-8601 UTC."""

    id: str
    level: Literal["info", "warning"]
    text: str
    at: str


class UserMessage(BusMessage, frozen=True, tag="user_message"):
    """To all sockets of one user. `at` is ISO-8601 UTC."""

    user_id: str
    id: str
    text: str
    at: str


class DisconnectUser(BusMessage, frozen=True, tag="disconnect_user"):
    """End all sockets of one user; `reason` is a sentence that the user may see."""

    user_id: str
    reason: str


class Revoked(BusMessage, frozen=True, tag="revoked"):
    """A token, or all of a user's issued before `before` (epoch seconds), no longer let anybody in.

    Exactly one of `token_id` and `user_id` is given.
    """

    token_id: str | None = None
    user_id: str | None = None
    before: float | None = None


class StopAnswer(BusMessage, frozen=True, tag="stop_answer"):
    """Who writes this answer shall stop."""

    session_id: str
    answer_id: str


class AnswerBegan(BusMessage, frozen=True, tag="answer_began"):
    """The sender writes an answer; who has sockets in that session follows it."""

    session_id: str
    answer_id: str
    user_id: str


class SessionRenamed(BusMessage, frozen=True, tag="session_renamed"):
    """A session has another title."""

    session_id: str
    user_id: str
    title: str


class SessionDeleted(BusMessage, frozen=True, tag="session_deleted"):
    """A session is gone, and with it these answers."""

    session_id: str
    user_id: str
    answer_ids: tuple[str, ...] = ()


AnyMessage = (
    Notice
    | UserMessage
    | DisconnectUser
    | Revoked
    | StopAnswer
    | AnswerBegan
    | SessionRenamed
    | SessionDeleted
)

_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[AnyMessage] = msgspec.json.Decoder(AnyMessage)


def encode(message: BusMessage) -> bytes:
    """The message as JSON with its `kind`."""
    return _ENCODER.encode(message)


def decode(body: bytes) -> BusMessage | None:
    """The message; None for what this release does not know, or cannot read."""
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None

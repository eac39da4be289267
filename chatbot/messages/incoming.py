"""What a client may send: one type an event, checked before anything is done."""

from collections.abc import Mapping
from typing import Annotated, Final, TypeVar

import msgspec

from chatbot.errors import InvalidMessage

MAX_TEXT: Final = 4_000
"""The longest question, in characters."""

MAX_TITLE: Final = 120
"""The longest title of a session, in characters."""

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+(?!\n)$")]
"""An identifier made by a client or by us: 1 to 64 of `A-Z a-z 0-9 _ -`."""


class Incoming(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Base of what a client may send."""

    def __post_init__(self) -> None:
        """Refuse text that is none: half of a surrogate pair, which JSON can spell and UTF-8 cannot."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, str) and not value.isascii():
                try:
                    value.encode()
                except UnicodeEncodeError:
                    raise ValueError(f"{name} holds an unpaired surrogate") from None


class StartChat(Incoming, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """`chat:start`: begin a session, or come back to one's own."""

    session_id: Id | None = None


class SendMessage(Incoming, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """`chat:message`: ask something, not just blanks.

    `message_id` is the client's, so that a retry is recognised.
    """

    session_id: Id
    message_id: Id
    text: Annotated[str, msgspec.Meta(max_length=MAX_TEXT, pattern=r"\S")]


class StopAnswer(Incoming, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """`chat:stop`: stop an answer that is being written; what was written stays."""

    answer_id: Id


class ResumeAnswer(Incoming, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """`chat:resume`: follow an answer of the socket's session from the event after `after` on."""

    answer_id: Id
    after: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0


class ListSessions(Incoming, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """`chat:list`: the user's own sessions."""


class RenameSession(Incoming, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """`chat:rename`: give a session of one's own another title, not just blanks."""

    session_id: Id
    title: Annotated[str, msgspec.Meta(max_length=MAX_TITLE, pattern=r"\S")]


class DeleteSession(Incoming, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """`chat:delete`: delete a session of one's own, everywhere and for good."""

    session_id: Id


class RefreshToken(Incoming, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """`auth:refresh`: go on with a newer token of the same subject."""

    token: Annotated[str, msgspec.Meta(max_length=8_192)]


class Watch(Incoming, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """`admin:watch` and `admin:unwatch`: get `admin:stats` every other second, or no longer."""


T = TypeVar("T", bound=Incoming)


def parse(payload: object, kind: type[T]) -> T:
    """Read a client's payload.

    Raises:
        InvalidMessage: it does not fit; the text names the field and what is allowed, never the value.
    """
    try:
        return msgspec.convert(payload, kind)
    except msgspec.ValidationError as error:
        raise InvalidMessage(f"{kind.__name__}: {error}") from None


INCOMING: Final[Mapping[str, type[Incoming]]] = {
    "chat:start": StartChat,
    "chat:message": SendMessage,
    "chat:resume": ResumeAnswer,
    "chat:stop": StopAnswer,
    "chat:list": ListSessions,
    "chat:rename": RenameSession,
    "chat:delete": DeleteSession,
    "auth:refresh": RefreshToken,
    "admin:watch": Watch,
    "admin:unwatch": Watch,
}
"""Every event a client may send, and its payload."""

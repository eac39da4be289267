"""What readers get of a session."""

from dataclasses import dataclass
from typing import Literal

import msgspec

from chatbot.sessions.message import SessionMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """The answer that the last question still waits for.

    `message_id`, `text` and `at` are the question's. `writer` is the instance that writes the answer, None
    if it was handed over; `alive` whether that instance has renewed its lease in time. If not, the answer
    can be taken over.
    """

    answer_id: str
    message_id: str
    text: str
    at: str
    writer: str | None
    alive: bool


def _wire_name(name: str) -> str | None:
    return {"id": "sessionId", "created_at": "createdAt", "updated_at": "updatedAt"}.get(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A whole session. Times are ISO-8601 UTC; messages stand oldest first; a new session has no title."""

    id: str
    title: str
    created_at: str
    updated_at: str
    messages: list[SessionMessage]
    answering: Answering | None = None


class SessionInfo(msgspec.Struct, frozen=True, kw_only=True, rename=_wire_name):
    """A session in a list, as clients get it, its `id` as `sessionId`; `messages` is how many there are."""

    id: str
    title: str
    created_at: str
    updated_at: str
    messages: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What has become of a question.

    Outcomes of `state`:
        "new": kept now, and the caller is the writer of its answer.
        "answered": sent before, and the answer is kept.
        "writing": sent before, and a living writer is at it.
        "lapsed": sent before, and its writer is gone; now the caller is the writer.
    """

    answer_id: str
    state: Literal["new", "answered", "writing", "lapsed"]

"""What the session repository asks of an archive; `chatbot.archive` answers it."""

from dataclasses import dataclass
from typing import Protocol

from cachekit.errors import CacheUnavailable
from chatbot.sessions.message import SessionMessage
from chatbot.sessions.session import SessionInfo


class ArchiveUnavailable(CacheUnavailable):
    """The archive cannot be reached, does not answer in time, or refuses; what was asked may be repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedSession:
    """A session as the archive has it.

    `messages` are by their numbers, some of which may have expired; `count` is the highest number ever
    given, and `version` that of the newest change.
    """

    title: str
    created_at: str
    updated_at: str
    count: int
    version: int
    messages: dict[int, SessionMessage]


class Archive(Protocol):
    """Sessions that Redis may have forgotten. Both verbs raise ArchiveUnavailable."""

    async def load(self, session_id: str, user_id: str) -> ArchivedSession | None:
        """The user's session; None if there is none of that id, it has expired, or was deleted."""
        ...

    async def list(self, user_id: str) -> list[SessionInfo]:
        """All of the user's sessions, in no order; deleted and expired ones are left out."""
        ...

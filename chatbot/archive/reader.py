"""What the session repository reads back: the other side of `chatbot.sessions.archived.Archive`."""

from cachekit.core.clock import Clock
from chatbot.archive.dynamodb import DynamoTable
from chatbot.archive.items import (
    MESSAGES,
    SESSIONS,
    info_of,
    is_deleted,
    is_expired,
    key,
    messages_of,
    session_of,
    session_pk,
    user_pk,
)
from chatbot.sessions import ArchivedSession, SessionInfo


class SessionArchive:
    """Reads sessions from the table, always consistently. `clock` tells what has expired.

    Both verbs raise ArchiveUnavailable.
    """

    def __init__(self, table: DynamoTable, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    async def load(self, session_id: str, user_id: str) -> ArchivedSession | None:
        """The user's session; None if there is none of that id, it has expired, or was deleted."""
        # A heading lies with its user: who asks for somebody else's finds none, and costs no more than this.
        heading = await self._table.get(key(user_pk(user_id), session_pk(session_id)))
        now = self._clock.time()
        if heading is None or is_deleted(heading) or is_expired(heading, now):
            return None
        items = await self._table.query(session_pk(session_id), MESSAGES)
        return session_of(heading, messages_of(items, now))

    async def list(self, user_id: str) -> list[SessionInfo]:
        """All of the user's sessions, in no order; deleted and expired ones are left out."""
        now = self._clock.time()
        headings = await self._table.query(user_pk(user_id), SESSIONS)
        return [
            info_of(heading)
            for heading in headings
            if not is_deleted(heading) and not is_expired(heading, now)
        ]

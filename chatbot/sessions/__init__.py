"""Chat sessions: whose they are, what was said in them, and who is writing the next answer.

The hot copy of a session is one hash in Redis; where an archive is configured, every change is also handed
to it, in the same script (see `chatbot.archive`). Reading order: `layout` (keys and fields), `message`,
`session` (what a reader gets), `title`, `scripts`, `archived` (what is asked of an archive), `record` (the
hash, read and written back), `index` (a user's sessions), `repository`.
"""

from chatbot.sessions.archived import Archive, ArchivedSession, ArchiveUnavailable
from chatbot.sessions.layout import ANSWERING, LEASE, WRITER, answer_key, partition, session_key
from chatbot.sessions.message import SessionMessage
from chatbot.sessions.repository import DEFAULT_LEASE, DEFAULT_TTL, SessionRepository
from chatbot.sessions.session import Answering, Session, SessionInfo, Taken

__all__ = [
    "ANSWERING",
    "DEFAULT_LEASE",
    "DEFAULT_TTL",
    "LEASE",
    "WRITER",
    "Answering",
    "Archive",
    "ArchiveUnavailable",
    "ArchivedSession",
    "Session",
    "SessionInfo",
    "SessionMessage",
    "SessionRepository",
    "Taken",
    "answer_key",
    "partition",
    "session_key",
]

"""Where a session lies in Redis: its keys, and the fields of its hash.

A session, the event streams of its answers and the archive stream it is logged to share one of 16
partitions, which is the cluster's hash tag: so one script can touch them all.

| key                                | holds                                                            |
|------------------------------------|------------------------------------------------------------------|
| `chat_session:{p}:{sessionId}`     | hash: the session, or the tombstone of a deleted one             |
| `chat_answer:{p}:{answerId}`       | stream: the events of an answer (see `chatbot.answers`)          |
| `chat_archive:{p}`                 | stream: what the archive has not taken yet                       |
| `chat_sessions:{userId}`           | sorted set: a user's sessions by last use, a hint; any slot      |

Fields of the hash:

| field           | holds                                                                              |
|-----------------|------------------------------------------------------------------------------------|
| `owner`         | the user's id; a tombstone has none                                                |
| `title`         | the first question, cut, or what the user has chosen; none before                  |
| `createdAt`     | ISO-8601 UTC                                                                       |
| `updatedAt`     | ISO-8601 UTC, of the last message or title                                         |
| `count`         | the highest number of a message                                                    |
| `m:{number}`    | a message as JSON, numbered from 1                                                 |
| `q:{messageId}` | the id of the answer to the question that the client sent under that id            |
| `a:{answerId}`  | the writer of an answer that is kept                                               |
| `s:{answerId}`  | the id of the answer that took its place: a later question came, and it was never  |
|                 | written                                                                            |
| `answering`     | the id of the answer to the last question, as long as it is not kept               |
| `question`      | that question's number                                                             |
| `writer`        | the instance that writes it; none: nobody does                                     |
| `lease`         | until when the writer is taken to be alive: Redis' own time, in ms since 1970      |
| `version`       | counts what was handed to the archive, so that it can tell old from new            |
| `logged`        | the highest number of a message handed to the archive                              |
| `unsettled`     | how much of that the archive has not taken yet; while there is any, the hash stays |
| `stuck`         | how much of it lies among the dead letters; while there is any, the hash stays     |
| `deleted`       | only a tombstone has it                                                            |
"""

from typing import Final
from zlib import crc32

from cachekit.core.keys import KeySpace

PARTITIONS: Final = 16
"""Fixed: another number would move every session."""

ANSWERING: Final = "answering"
WRITER: Final = "writer"
LEASE: Final = "lease"

_SESSIONS: Final = KeySpace("chat_session")
_ANSWERS: Final = KeySpace("chat_answer")
_INDEXES: Final = KeySpace("chat_sessions")


def partition(session_id: str) -> int:
    """The session's partition, from 0 to 15."""
    return crc32(session_id.encode(errors="surrogatepass")) % PARTITIONS


def session_key(session_id: str) -> str:
    """The key of a session's hash."""
    return _tagged(_SESSIONS, partition(session_id), session_id)


def answer_key(session_id: str, answer_id: str) -> str:
    """The key of an answer's event stream, in the slot of its session."""
    return _tagged(_ANSWERS, partition(session_id), answer_id)


def archive_key(number: int) -> str:
    """The key of a partition's archive stream."""
    return f"chat_archive:{{{number}}}"


def index_key(user_id: str) -> str:
    """The key of the index of a user's sessions."""
    return _INDEXES.literal(user_id)


def _tagged(space: KeySpace, tag: int, name: str) -> str:
    escaped = space.literal(name).removeprefix(space.prefix)
    return f"{space.prefix}{{{tag}}}:{escaped}"

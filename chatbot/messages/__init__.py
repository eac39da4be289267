"""What travels on the socket: every event's payload, as one immutable type each.

Client to server, each acknowledged with `{"ok": true, …}` or `{"ok": false, "error": {"code", "message"}}`:

| event           | payload                          | acknowledgement beside `ok`                      |
|-----------------|----------------------------------|--------------------------------------------------|
| `chat:start`    | `{sessionId?}`                   | `sessionId`, `title`, `model {name, offline}`,   |
|                 |                                  | `history` (the latest messages, up to 512 KB),   |
|                 |                                  | `omitted` (how many came before these),          |
|                 |                                  | `answering` (the id of the answer being written, |
|                 |                                  | or null)                                         |
| `chat:message`  | `{sessionId, text, messageId}`   | `answerId`                                       |
| `chat:resume`   | `{answerId, after}`              | `found`                                          |
| `chat:stop`     | `{answerId}`                     | `stopped`                                        |
| `chat:list`     | `{}`                             | `sessions`, the last used first                  |
| `chat:rename`   | `{sessionId, title}`             |                                                  |
| `chat:delete`   | `{sessionId}`                    |                                                  |
| `auth:refresh`  | `{token}`                        | `expiresAt`                                      |
| `admin:watch`   | `{}`                             | `stats`                                          |
| `admin:unwatch` | `{}`                             |                                                  |

Server to client, to every socket that follows the answer, all carrying its `answerId` and a `seq` that counts
from 1 without gaps; only `chat:reset` leaves numbers out. A socket follows an answer that begins while it has
the session started, and one that it has resumed with `chat:resume`, from the event after `after`:

| event           | payload beside `answerId`, `seq`                                                      |
|-----------------|---------------------------------------------------------------------------------------|
| `chat:question` | `messageId`, `text`, `at`: what is being answered; always the first                   |
| `chat:delta`    | `text`                                                                                |
| `chat:tool`     | `toolId`, `name`, `state` ("running", "done", "error"), `input`, `message?`, `code?`  |
| `chat:offers`   | `toolId`, `search`, `offers`, `total`, `source` ("live", "cache"), `age`, `fetchedAt` |
| `chat:reset`    | none: another instance begins the answer anew; forget what came of it since the       |
|                 | question                                                                              |
| `chat:done`     | `stopReason` (see `Done`), `error?`                                                   |

Server to client, about other things:

| event                 | payload                     | to whom                                     |
|-----------------------|-----------------------------|---------------------------------------------|
| `chat:renamed`        | `sessionId`, `title`        | all sockets of the user                     |
| `chat:deleted`        | `sessionId`                 | all sockets of the user                     |
| `auth:expiring`       | `expiresAt`                 | a socket, 60 s before its token ends        |
| `auth:expired`        | none                        | a socket, just before it is disconnected    |
| `auth:revoked`        | none                        | a socket, just before it is disconnected    |
| `server:disconnected` | `code`, `message`           | a socket, just before it is disconnected    |
| `server:draining`     | `within`, in seconds        | all of an instance that is about to end     |
| `server:notice`       | `id`, `level`, `text`, `at` | everybody                                   |
| `user:message`        | `id`, `text`, `at`          | all sockets of one user                     |
| `admin:stats`         | see `chatbot.analytics`     | sockets that watch                          |

Ages are seconds, times are ISO-8601 UTC, except flight times, which are local to their airport and
carry no offset, as airlines print them. An unknown field in a client's payload is refused.

Reading order: `incoming`, `answering`, `history`, `announcing`.
"""

from chatbot.messages.announcing import (
    ANNOUNCING,
    Announcement,
    Deleted,
    Disconnected,
    Draining,
    Expired,
    Expiring,
    Messaged,
    Noticed,
    Renamed,
    SignInRevoked,
)
from chatbot.messages.answering import (
    ANSWERING,
    Delta,
    Done,
    ErrorInfo,
    Itinerary,
    OfferCard,
    Offers,
    Outgoing,
    Question,
    Reset,
    Segment,
    ToolProgress,
)
from chatbot.messages.history import HistoryItem
from chatbot.messages.incoming import (
    INCOMING,
    MAX_TEXT,
    MAX_TITLE,
    DeleteSession,
    Id,
    Incoming,
    ListSessions,
    RefreshToken,
    RenameSession,
    ResumeAnswer,
    SendMessage,
    StartChat,
    StopAnswer,
    Watch,
    parse,
)

__all__ = [
    "ANNOUNCING",
    "ANSWERING",
    "INCOMING",
    "MAX_TEXT",
    "MAX_TITLE",
    "Announcement",
    "DeleteSession",
    "Deleted",
    "Delta",
    "Disconnected",
    "Done",
    "Draining",
    "ErrorInfo",
    "Expired",
    "Expiring",
    "HistoryItem",
    "Id",
    "Incoming",
    "Itinerary",
    "ListSessions",
    "Messaged",
    "Noticed",
    "OfferCard",
    "Offers",
    "Outgoing",
    "Question",
    "RefreshToken",
    "RenameSession",
    "Renamed",
    "Reset",
    "ResumeAnswer",
    "Segment",
    "SendMessage",
    "SignInRevoked",
    "StartChat",
    "StopAnswer",
    "ToolProgress",
    "Watch",
    "parse",
]

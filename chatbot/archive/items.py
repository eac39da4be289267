"""What lies in the table, as boto3's low-level client reads and writes it.

| `PK`               | `SK`                       | other attributes                                       |
|--------------------|----------------------------|--------------------------------------------------------|
| `SESSION#{id}`     | `MSG#{number, 12 digits}`  | `document`, `parts`?, `expires`?                       |
| `SESSION#{id}`     | `MSG#{number}#{part, 3}`   | `document`, `expires`?: the further parts of a large   |
|                    |                            | message                                                |
| `USER#{userId}`    | `SESSION#{id}`             | `title`, `createdAt`, `updatedAt`, `messages`,         |
|                    |                            | `version`, `expires`?: the session's heading; of a     |
|                    |                            | deleted one `deleted`, `version` and `expires`? only   |

A document is JSON text, or above 4 KB binary: the same compressed with zlib, which is what a write costs
by. What is then still above the size of an item is cut into parts. `expires` is in seconds since 1970;
DynamoDB removes what has expired within days, so readers look at it, too.
"""

import zlib
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, Final

import msgspec

from chatbot.archive.entry import Change
from chatbot.sessions import ArchivedSession, SessionInfo, SessionMessage

Item = dict[str, dict[str, Any]]

MESSAGES: Final = "MSG#"
SESSIONS: Final = "SESSION#"

_PLAIN: Final = 4_096
"""Bytes up to which a document stays readable."""

_PART: Final = 380_000
"""Bytes of a document in one item. An item holds 400 KB, names of attributes included."""

_decode: Final = msgspec.json.Decoder(SessionMessage).decode


def session_pk(session_id: str) -> str:
    """The partition of a session's messages."""
    return f"{SESSIONS}{session_id}"


def user_pk(user_id: str) -> str:
    """The partition of a user's headings."""
    return f"USER#{user_id}"


def key(pk: str, sk: str) -> Item:
    """An item's key."""
    return {"PK": {"S": pk}, "SK": {"S": sk}}


def key_of(item: Item) -> tuple[str, str]:
    """What tells items apart."""
    return item["PK"]["S"], item["SK"]["S"]


def message_items(change: Change, expires: int | None) -> list[Item]:
    """The items of a message: the same for the same change, whoever writes them and how often."""
    text = change.document.encode()
    small = len(text) <= _PLAIN
    body = text if small else zlib.compress(text)
    parts = [body[start : start + _PART] for start in range(0, len(body), _PART)]
    pk, sk = session_pk(change.session), f"{MESSAGES}{change.number:012d}"
    items = []
    for index, part in enumerate(parts):
        item = key(pk, f"{sk}#{index:03d}" if index else sk)
        item["document"] = {"S": part.decode()} if small else {"B": part}
        items.append(item | _expiry(expires))
    if len(parts) > 1:
        items[0]["parts"] = {"N": str(len(parts))}
    return items


def messages_of(items: Iterable[Item], now: float) -> dict[int, SessionMessage]:
    """The messages by their numbers; `items` as a query gives them, in the order of their keys."""
    living = (item for item in items if not is_expired(item, now))
    found = {}
    for sk, group in groupby(living, lambda item: item["SK"]["S"].split("#")[1]):
        parts = list(group)
        if len(parts) != int(parts[0].get("parts", {"N": "1"})["N"]):
            continue  # DynamoDB removes expired parts one by one.
        body = b"".join(_bytes_of(part["document"]) for part in parts)
        found[int(sk)] = _decode(zlib.decompress(body) if "B" in parts[0]["document"] else body)
    return found


def heading_item(change: Change, expires: int | None) -> Item:
    """The session's heading since that change; of a deleted session, its tombstone."""
    item = key(user_pk(change.owner), session_pk(change.session))
    item |= {"version": {"N": str(change.version)}, **_expiry(expires)}
    if change.kind == "deleted":
        return item | {"deleted": {"BOOL": True}}
    return item | {
        "title": {"S": change.title},
        "createdAt": {"S": change.created_at},
        "updatedAt": {"S": change.updated_at},
        "messages": {"N": str(change.count)},
    }


def is_deleted(heading: Item) -> bool:
    """Whether it is a deleted session's."""
    return "deleted" in heading


def is_expired(item: Mapping[str, Any], now: float) -> bool:
    """Whether its time is over; `now` in seconds since 1970."""
    return "expires" in item and int(item["expires"]["N"]) <= now


def info_of(heading: Item) -> SessionInfo:
    """A living session in a list."""
    return SessionInfo(
        id=heading["SK"]["S"].removeprefix(SESSIONS),
        title=heading["title"]["S"],
        created_at=heading["createdAt"]["S"],
        updated_at=heading["updatedAt"]["S"],
        messages=int(heading["messages"]["N"]),
    )


def session_of(heading: Item, messages: dict[int, SessionMessage]) -> ArchivedSession:
    """A living session; its numbers go on after every one that was given."""
    info = info_of(heading)
    return ArchivedSession(
        title=info.title,
        created_at=info.created_at,
        updated_at=info.updated_at,
        count=max([info.messages, *messages]),
        version=int(heading["version"]["N"]),
        messages=messages,
    )


def _expiry(expires: int | None) -> Item:
    return {} if expires is None else {"expires": {"N": str(expires)}}


def _bytes_of(document: Mapping[str, Any]) -> bytes:
    if "S" in document:
        return str(document["S"]).encode()
    return bytes(document["B"])

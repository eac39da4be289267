"""A session's hash as it lies in Redis: read into facts, and made anew of what the archive has."""

from collections.abc import Sequence
from typing import Final

import msgspec

from chatbot.sessions.archived import ArchivedSession
from chatbot.sessions.message import SessionMessage
from chatbot.sessions.session import Answering, Session, SessionInfo

INFO_FIELDS: Final = ("owner", "deleted", "title", "createdAt", "updatedAt", "count")
"""What a list needs of a session, in the order that `info_of` takes it in."""

_decode: Final = msgspec.json.Decoder(SessionMessage).decode


def session_of(session_id: str, flat: Sequence[bytes], *, alive: bool) -> Session:
    """The session; `flat` is every field's name and value in turn, `alive` whether its writer is."""
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    numbered = ((int(name[2:]), value) for name, value in fields.items() if name.startswith(b"m:"))
    answering = None
    if b"answering" in fields:
        document = fields[b"m:" + fields[b"question"]]
        writer = fields.get(b"writer", b"")
        answering = answering_of(fields[b"answering"], document, writer, alive=alive)
    return Session(
        id=session_id,
        title=fields.get(b"title", b"").decode(),
        created_at=fields[b"createdAt"].decode(),
        updated_at=fields[b"updatedAt"].decode(),
        messages=[_decode(value) for _, value in sorted(numbered)],
        answering=answering,
    )


def answering_of(answer_id: bytes, document: bytes, writer: bytes, *, alive: bool) -> Answering:
    """The answer that waits; `document` is its question, `writer` is empty if there is none."""
    question = _decode(document)
    assert question.message_id is not None, "every question has the client's id"
    return Answering(
        answer_id=answer_id.decode(),
        message_id=question.message_id,
        text=question.text,
        at=question.at,
        writer=writer.decode() or None,
        alive=alive,
    )


def info_of(session_id: str, values: Sequence[bytes | None]) -> SessionInfo:
    """A session in a list; `values` are those of `INFO_FIELDS`."""
    _, _, title, created_at, updated_at, count = [(value or b"").decode() for value in values]
    return SessionInfo(
        id=session_id, title=title, created_at=created_at, updated_at=updated_at, messages=int(count)
    )


def fields_of(user_id: str, archived: ArchivedSession) -> list[str | bytes | int]:
    """Name and value, in turn, of every field of an archived session's hash.

    Numbers go on after the highest that was ever given, also where the messages themselves have expired.
    """
    fields: dict[str, str | bytes | int] = {
        "owner": user_id,
        "createdAt": archived.created_at,
        "updatedAt": archived.updated_at,
        "count": archived.count,
        "logged": archived.count,
        "version": archived.version,
        "unsettled": 0,
    }
    if archived.title:
        fields["title"] = archived.title
    waiting = None
    # Backwards, since a question that another one followed was answered with that one.
    for number, message in sorted(archived.messages.items(), reverse=True):
        fields[f"m:{number}"] = msgspec.json.encode(message)
        if message.role == "assistant":
            waiting = message.answer_id
            fields[f"a:{waiting}"] = ""
            continue
        if waiting is None:
            waiting = message.answer_id
            fields |= {"answering": waiting or "", "question": number}
        fields[f"q:{message.message_id}"] = waiting or ""
    return [part for field in fields.items() for part in field]

"""One change of a session, as the session's scripts have put it into an archive stream."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import msgspec

from chatbot.sessions import SessionMessage


class Change(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What happened, and what the session's heading is since then.

    A `title` entry changes only the heading. `number` and `document` are a message's, else 0 and empty.
    `version` counts the changes of one session: the heading of the highest is the one that holds.
    """

    kind: Literal["message", "title", "deleted"]
    session: str
    owner: str
    version: int
    title: str
    created_at: str
    updated_at: str
    count: int
    number: int
    document: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the stream of `partition`; `fields` as they lie there.

    `session_id` is empty for an entry that names none.
    """

    partition: int
    id: str
    fields: Mapping[bytes, bytes]

    @classmethod
    def parse(cls, partition: int, row: Any) -> Self:
        """An entry as a script returns it: its id, and names and values in turn, or nil if it is gone."""
        id_, flat = row
        flat = flat or ()
        return cls(partition, id_.decode(), dict(zip(flat[::2], flat[1::2], strict=True)))

    @property
    def session_id(self) -> str:
        """The session that it belongs to."""
        return self.fields.get(b"session", b"").decode(errors="replace")

    @property
    def at(self) -> float:
        """When Redis took it, in seconds since 1970."""
        return int(self.id.partition("-")[0]) / 1000

    def change(self) -> Change:
        """What it says.

        Raises:
            ValueError: it does not say what the session's scripts write; the text has no content of it.
        """
        try:
            fields = {name.decode(): value.decode() for name, value in self.fields.items()}
            change = msgspec.convert(fields, Change, strict=False)
            if change.kind == "message":
                msgspec.json.decode(change.document, type=SessionMessage)
        except (UnicodeDecodeError, msgspec.DecodeError) as error:
            raise ValueError(f"entry {self.id} of partition {self.partition}: {error}") from None
        return change

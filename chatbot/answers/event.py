"""One event of an answer, as it is pushed to sockets and kept in the answer's log."""

from dataclasses import dataclass
from typing import Any, Final, Self

import msgspec

from chatbot.messages import ANSWERING, Outgoing

RESERVE: Final = 10_000
"""Numbers that a `chat:reset` leaves out: more than an answer has events.

While Redis is away a writer goes on to push events that nobody else knows of. Whoever takes over after that
numbers on from far above them, so that no client holds an event of the old attempt for one of the new.
"""

_NAMES: Final[dict[type[Outgoing], str]] = {kind: name for name, kind in ANSWERING.items()}


@dataclass(frozen=True, slots=True)
class Event:
    """An event: `payload` is JSON, `answerId` and `seq` included. Numbers of one answer only grow."""

    seq: int
    name: str
    payload: dict[str, Any]

    @classmethod
    def of(cls, outgoing: Outgoing) -> Self:
        """The event that a message of the protocol travels as."""
        payload: dict[str, Any] = msgspec.to_builtins(outgoing)
        return cls(outgoing.seq, _NAMES[type(outgoing)], payload)

    @property
    def facts(self) -> dict[str, Any]:
        """The payload without what only orders the stream."""
        return {name: value for name, value in self.payload.items() if name not in {"answerId", "seq"}}

    def renumbered(self, seq: int) -> "Event":
        """The same, as a later event."""
        return Event(seq, self.name, {**self.payload, "seq": seq})

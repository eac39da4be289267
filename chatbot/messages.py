"""What travels on the socket: every event's payload, as one immutable type each.

Client to server, each acknowledged with `{"ok": true, …}` or `{"ok": false, "error": {"code", "message"}}`:

| event          | payload                              | acknowledgement beside `ok`                     |
|----------------|--------------------------------------|-------------------------------------------------|
| `chat:start`   | `{sessionId?}`                       | `sessionId`, `model {name, offline}`, `history`, |
|                |                                      | `answering` (the answer being written, or null) |
| `chat:message` | `{sessionId, text, messageId}`       | `answerId`                                      |
| `chat:stop`    | `{answerId}`                         | `stopped`                                       |

Server to client, to every socket that has started the session, all carrying the `answerId` they belong to
and a `seq` that counts from 1 without gaps:

| event         | payload beside `answerId`, `seq`                                                      |
|---------------|---------------------------------------------------------------------------------------|
| `chat:delta`  | `text`                                                                                |
| `chat:tool`   | `toolId`, `name`, `state` ("running", "done", "error"), `input`, `message?`, `code?`  |
| `chat:offers` | `toolId`, `search`, `offers`, `total`, `source` ("live", "cache"), `age`, `fetchedAt` |
| `chat:done`   | `stopReason` (see `Done`), `error?`                                                   |

Ages are seconds, times are ISO-8601 UTC, except flight times, which are local to their airport and
carry no offset, as airlines print them. An unknown field in a client's payload is refused.
"""

from typing import Annotated, Any, Literal, TypeVar

import msgspec

from chatbot.errors import InvalidMessage

MAX_TEXT = 4_000
"""The longest question, in characters."""

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
"""An identifier made by a client or by us: 1 to 64 of `A-Z a-z 0-9 _ -`."""


class Incoming(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Base of what a client may send."""


class StartChat(Incoming, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """`chat:start`: begin a session, or come back to one's own."""

    session_id: Id | None = None


class SendMessage(Incoming, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """`chat:message`: ask something, not just blanks.

    `message_id` is the client's, so that a retry is recognised.
    """

    session_id: Id
    message_id: Id
    text: Annotated[str, msgspec.Meta(max_length=MAX_TEXT, pattern=r"\S")]


class StopAnswer(Incoming, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """`chat:stop`: stop an answer that is being written; what was written stays."""

    answer_id: Id


class Outgoing(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """Base of what the server sends about an answer."""

    answer_id: str
    seq: int


class Delta(Outgoing, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """`chat:delta`: the next piece of text."""

    text: str


class ToolProgress(Outgoing, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """`chat:tool`: a tool call begins or ends.

    Of a failed one `code` says why in a stable word, and `message` in a sentence.
    """

    tool_id: str
    name: str
    state: Literal["running", "done", "error"]
    input: dict[str, Any]
    message: str | None = None
    code: str | None = None


class Segment(msgspec.Struct, frozen=True, rename="camel"):
    """One flight. Times are local to the airport they belong to: `2026-12-12T22:55:00`."""

    origin: str
    destination: str
    departs_at: str
    arrives_at: str
    duration_minutes: int
    carrier: str
    carrier_name: str
    flight: str
    aircraft: str | None
    origin_terminal: str | None
    destination_terminal: str | None
    operated_by: str | None


class Itinerary(msgspec.Struct, frozen=True, rename="camel"):
    """One direction of a trip, from door of departure to last landing."""

    duration_minutes: int
    stops: int
    segments: list[Segment]


class OfferCard(msgspec.Struct, frozen=True, rename="camel"):
    """One offer, as a person reads it. Money is a decimal string in `currency`, for the whole party."""

    id: str
    total: str
    currency: str
    itineraries: list[Itinerary]
    cabin: str
    fare_brand: str | None
    checked_bags: str | None
    seats_left: int | None
    last_ticketing_date: str | None
    validating_carrier: str | None


class Offers(Outgoing, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """`chat:offers`: what a search found.

    `search` is the request that was sent, folded, in the API's own names; `total` counts all offers
    found, of which `offers` are the cheapest; `age` is how long ago, in seconds, the API gave them.
    """

    tool_id: str
    search: dict[str, Any]
    offers: list[OfferCard]
    total: int
    source: Literal["live", "cache"]
    age: float
    fetched_at: str


class ErrorInfo(msgspec.Struct, frozen=True):
    """An error as clients see it: a stable word and a sentence."""

    code: str
    message: str


class Done(Outgoing, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """`chat:done`: the last event of an answer."""

    stop_reason: Literal["end_turn", "stopped", "max_tokens", "max_rounds", "refused", "error"]
    error: ErrorInfo | None = None


T = TypeVar("T", bound=Incoming)


def parse(payload: object, kind: type[T]) -> T:
    """Read a client's payload.

    Raises:
        InvalidMessage: it does not fit; the text names the field and what is allowed, never the value.
    """
    try:
        return msgspec.convert(payload, kind)
    except msgspec.ValidationError as error:
        raise InvalidMessage(f"{kind.__name__}: {error}") from None

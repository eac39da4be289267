"""What the server sends of an answer while it comes into being."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec


class Outgoing(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """Base of what the server sends about an answer."""

    answer_id: str
    seq: int


class Question(Outgoing, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """`chat:question`: what is being answered; the first event of every answer."""

    message_id: str
    text: str
    at: str


class Reset(Outgoing, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """`chat:reset`: the instance that wrote the answer is gone, and this one begins it anew."""


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


ANSWERING: Final[Mapping[str, type[Outgoing]]] = {
    "chat:question": Question,
    "chat:delta": Delta,
    "chat:tool": ToolProgress,
    "chat:offers": Offers,
    "chat:reset": Reset,
    "chat:done": Done,
}
"""Every event of an answer, and its payload."""

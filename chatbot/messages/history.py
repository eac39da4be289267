"""What a client gets of the past, in the acknowledgement of `chat:start`."""

from typing import Any, Literal

import msgspec


class HistoryItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A question, with the client's `message_id`, or an answer, with what was shown of it.

    `offers` are the answer's `chat:offers` payloads and `tools` the last `chat:tool` payload of each call,
    both without `answerId` and `seq`; `stop_reason` is that of `chat:done`.
    """

    role: Literal["user", "assistant"]
    text: str
    at: str
    message_id: str | None = None
    answer_id: str | None = None
    offers: list[dict[str, Any]] = []
    tools: list[dict[str, Any]] = []
    stop_reason: str | None = None

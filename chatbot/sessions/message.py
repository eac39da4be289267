"""One message of a session, as it is kept."""

import msgspec

from chatbot.messages import HistoryItem
from chatbot.models.protocol import ModelMessage


class SessionMessage(HistoryItem, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A question or an answer, as the page shows it and as the model reads it.

    A question's `answer_id` is the id its answer was promised under. Of an answer, `turns` are what the model
    sees of it, tool calls and results included; `usage` counts the model's tokens.
    """

    turns: list[ModelMessage] = msgspec.field(default_factory=list)
    usage: dict[str, int] = msgspec.field(default_factory=dict)

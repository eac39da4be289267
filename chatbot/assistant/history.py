"""What the model is reminded of: the last exchanges of a session, whole, within a budget of tokens."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from chatbot.models.protocol import ModelMessage, TextBlock
from chatbot.sessions import SessionMessage

MAX_EXCHANGES: Final = 20
"""Questions, with their answers, that the model is reminded of."""
MAX_HISTORY: Final = 60_000
"""Tokens, as estimated, that these may have; beside them, an answer's own tool results must find room."""

_BYTES_A_TOKEN: Final = 3
"""Compact JSON of prices and codes has about three bytes a token; plain text has more."""


def estimated_tokens(content: Any) -> int:
    """About how many tokens a model counts for `content`, rather too many than too few."""
    return len(msgspec.json.encode(content)) // _BYTES_A_TOKEN


def conversation(history: Sequence[SessionMessage], *, max_tokens: int = MAX_HISTORY) -> list[ModelMessage]:
    """A session's messages as a model reads them: roles alternate, and the first is a user's.

    Only the last exchanges are kept, as many as fit, cut at a question, so that no tool result loses its
    call. The last question is kept whatever its size.
    """
    kept: list[list[ModelMessage]] = []
    left = max_tokens
    for exchange in reversed(_exchanges(history)[-MAX_EXCHANGES:]):
        left -= estimated_tokens(exchange)
        if kept and left < 0:
            break
        kept.append(exchange)
    return _alternating(turn for exchange in reversed(kept) for turn in exchange)


def _exchanges(history: Sequence[SessionMessage]) -> list[list[ModelMessage]]:
    """The turns of each question, with those of the answer that followed it."""
    exchanges: list[list[ModelMessage]] = []
    for message in history:
        if message.role == "user":
            exchanges.append([])
        if exchanges:
            exchanges[-1] += message.turns or _plain(message)
    return exchanges


def _plain(message: SessionMessage) -> list[ModelMessage]:
    if not message.text:
        return []
    return [ModelMessage(role=message.role, content=(TextBlock(message.text),))]


def _alternating(turns: Iterable[ModelMessage]) -> list[ModelMessage]:
    messages: list[ModelMessage] = []
    for turn in turns:
        if messages and messages[-1].role == turn.role:
            # A question that got no answer, or an answer that was cut off after a tool's result.
            merged = (*messages.pop().content, *turn.content)
            messages.append(ModelMessage(role=turn.role, content=merged))
        else:
            messages.append(turn)
    return messages

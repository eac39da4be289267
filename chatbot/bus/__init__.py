"""What instances tell one another: every accepted message reaches every instance once, in its sender's order.

Read `messages` (what may be said), `stream` (how it lies in Redis), `outbox` (how it gets there and stays
there), `inbox` (what of it is new here), `reader` (how it is followed), `handlers` (who is told), `bus` (the
whole).
"""

from chatbot.bus.bus import Bus
from chatbot.bus.messages import (
    AnswerBegan,
    BusMessage,
    DisconnectUser,
    Notice,
    Revoked,
    SessionDeleted,
    SessionRenamed,
    StopAnswer,
    UserMessage,
)

__all__ = [
    "AnswerBegan",
    "Bus",
    "BusMessage",
    "DisconnectUser",
    "Notice",
    "Revoked",
    "SessionDeleted",
    "SessionRenamed",
    "StopAnswer",
    "UserMessage",
]

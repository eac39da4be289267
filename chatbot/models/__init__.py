"""The language models that can stand behind the assistant, and the protocol they share."""

from chatbot.models.protocol import (
    ChatModel,
    ContentBlock,
    ModelEvent,
    ModelMessage,
    ModelRequest,
    StopReason,
    TextBlock,
    TextDelta,
    TokenUsage,
    ToolResultBlock,
    ToolSpec,
    ToolUse,
    TurnEnd,
)

__all__ = [
    "ChatModel",
    "ContentBlock",
    "ModelEvent",
    "ModelMessage",
    "ModelRequest",
    "StopReason",
    "TextBlock",
    "TextDelta",
    "TokenUsage",
    "ToolResultBlock",
    "ToolSpec",
    "ToolUse",
    "TurnEnd",
]

"""What the assistant asks of a language model: a conversation in, a stream of events out.

The shapes follow Bedrock's Converse API (roles, content blocks, tool use, stop reasons), so that the
Bedrock model is a translation and not an interpretation. Messages are structs: sessions keep
them as JSON.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import msgspec

StopReason = Literal["end_turn", "tool_use", "max_tokens", "refused"]


class TextBlock(msgspec.Struct, frozen=True, tag="text"):
    """Plain text said by a user or by the model."""

    text: str


class ToolUse(msgspec.Struct, frozen=True, tag="tool_use", omit_defaults=True):
    """The model asks for a tool. Stands in an assistant message, and is a stream event when complete.

    `malformed` marks a call whose input was no JSON object, so that nobody knows what was asked: `input` is
    then empty, and the call must be answered with an error instead of being run.
    """

    id: str
    name: str
    input: Mapping[str, Any]
    malformed: bool = False


class ToolResultBlock(msgspec.Struct, frozen=True, tag="tool_result"):
    """What a tool answered; stands in the user message right after the one that asked.

    `content` is a JSON document (a dict) made for the model to read. `is_error` marks a failed call, in
    which case `content` is `{"error": <sentence>, "code": <stable word>}`.
    """

    tool_use_id: str
    content: Mapping[str, Any]
    is_error: bool = False


ContentBlock = TextBlock | ToolUse | ToolResultBlock


class ModelMessage(msgspec.Struct, frozen=True):
    """One turn of the conversation. Roles alternate and the first is a user's."""

    role: Literal["user", "assistant"]
    content: tuple[ContentBlock, ...]


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model sees it: a name, what it is for, and the JSON schema of its input."""

    name: str
    description: str
    input_schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """Everything one model call needs; nothing is kept between calls.

    `system` and `tools` are the same bytes in every call, so that a model can keep them prepared; what
    changes, such as the day, stands in `context`, which the model reads right after `system`.
    """

    messages: Sequence[ModelMessage]
    tools: Sequence[ToolSpec] = field(default=())
    system: str = ""
    context: str = ""
    max_tokens: int = 1024


class TokenUsage(msgspec.Struct, frozen=True, rename="camel"):
    """What model calls have used, in tokens; each token is counted in one of the fields only.

    `input_tokens` were read afresh, `cache_read_tokens` came from the model's own cache and
    `cache_write_tokens` were put there.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    @property
    def total(self) -> int:
        """All tokens, whatever they cost."""
        return self.input_tokens + self.output_tokens + self.cache_read_tokens + self.cache_write_tokens

    def __add__(self, other: "TokenUsage") -> "TokenUsage":
        return TokenUsage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
        )


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """The last event of every stream that did not raise. The tokens are those of `TokenUsage`."""

    stop_reason: StopReason
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    @property
    def usage(self) -> TokenUsage:
        """What the call has used."""
        return TokenUsage(
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cache_read_tokens=self.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens,
        )


ModelEvent = TextDelta | ToolUse | TurnEnd


class ChatModel(Protocol):
    """A language model that streams one turn.

    Outcomes of iterating `stream`:
        case 1: any number of TextDelta and ToolUse events, then exactly one TurnEnd. Its stop reason is
            "tool_use" if and only if at least one ToolUse came.
        case 2: ModelError, at any moment; what came before it stands.
        case 3: the caller closes the generator, or is cancelled; the model stops its work.
    """

    @property
    def name(self) -> str:
        """Shown to people and logged, e.g. an inference profile's id or "offline-demo"."""
        ...

    @property
    def offline(self) -> bool:
        """Whether this is the rule-based demo, which pages must say."""
        ...

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Answer the last message of `request`."""
        ...

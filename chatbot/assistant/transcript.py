"""What was said in one answer so far."""

from collections.abc import Iterable
from typing import Final

from chatbot.models.protocol import (
    ContentBlock,
    ModelMessage,
    TextBlock,
    TokenUsage,
    ToolResultBlock,
    ToolUse,
)

_STOPPED: Final = {"error": "The user stopped the answer before this call was finished."}


class Transcript:
    """The turns of one answer: complete at any moment, also when the answer is cut off."""

    def __init__(self) -> None:
        self._messages: list[ModelMessage] = []
        self._open: list[ContentBlock] = []
        self._text: list[str] = []
        self._usage = TokenUsage()

    @property
    def usage(self) -> TokenUsage:
        """What the model calls of this answer have used; of one that was cut off, an estimate."""
        return self._usage

    @property
    def text(self) -> str:
        """All text of the answer, as the user has seen it."""
        parts = [
            block.text
            for message in self.messages()
            for block in message.content
            if message.role == "assistant" and isinstance(block, TextBlock)
        ]
        return "\n\n".join(parts)

    def messages(self) -> list[ModelMessage]:
        """The model's turns and the results they got, ending with a turn of the model's.

        A tool call that was cut off gets a result that says so: a model refuses a dangling call.
        """
        messages = [*self._messages]
        blocks = self._blocks()
        if blocks:
            messages.append(ModelMessage(role="assistant", content=tuple(blocks)))
        if messages and messages[-1].role == "assistant":
            dangling = [block for block in messages[-1].content if isinstance(block, ToolUse)]
            if dangling:
                results = [ToolResultBlock(call.id, _STOPPED, is_error=True) for call in dangling]
                messages.append(ModelMessage(role="user", content=tuple(results)))
        return messages

    def add_text(self, text: str) -> None:
        """The model said `text`."""
        self._text.append(text)

    def add_call(self, call: ToolUse) -> None:
        """The model asked for a tool."""
        self._open = [*self._blocks(), call]
        self._text.clear()

    def end_turn(self) -> None:
        """The model's turn is over."""
        blocks = self._blocks()
        if blocks:
            self._messages.append(ModelMessage(role="assistant", content=tuple(blocks)))
        self._open, self._text = [], []

    def add_results(self, results: Iterable[ToolResultBlock]) -> None:
        """The tools answered."""
        self._messages.append(ModelMessage(role="user", content=tuple(results)))

    def add_usage(self, usage: TokenUsage) -> None:
        """A model call has used so much."""
        self._usage += usage

    def _blocks(self) -> list[ContentBlock]:
        text = "".join(self._text)
        return [*self._open, TextBlock(text)] if text else [*self._open]

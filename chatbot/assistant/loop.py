"""One answer: at most six turns of the model, with the results of its tools between them."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Final, Literal, Protocol

from chatbot.assistant.history import conversation, estimated_tokens
from chatbot.assistant.transcript import Transcript
from chatbot.errors import ModelError, ToolError
from chatbot.models.protocol import (
    ChatModel,
    ModelRequest,
    TextDelta,
    TokenUsage,
    ToolResultBlock,
    ToolUse,
    TurnEnd,
)
from chatbot.sessions import SessionMessage
from chatbot.tools import FoundOffers, ToolRegistry, ToolReply

MAX_ROUNDS: Final = 6
"""Model calls for one question: enough to search, correct oneself and compare, and no endless loop."""
MAX_CALLS: Final = 8
"""Tool calls of one turn that are run; more at once is no question of a person's."""
MAX_READ: Final = 60_000
"""Tokens of tool results, as estimated, that one answer may read."""
MAX_TOKENS: Final = 1_024
"""Tokens that one turn may write."""

Ending = Literal["end_turn", "max_tokens", "max_rounds", "refused"]


class Listener(Protocol):
    """Hears an answer come into being. Called on the event loop, in order; must not raise."""

    def text(self, text: str) -> None:
        """The next piece of text."""
        ...

    def tool_started(self, call: ToolUse) -> None:
        """A tool call begins."""
        ...

    def tool_finished(self, call: ToolUse, offers: FoundOffers | None, error: ToolError | None) -> None:
        """A tool call has ended, with offers to show, or failed with an error that may be shown."""
        ...


class Assistant:
    """Answers questions with one model and its tools. Keeps nothing between answers.

    Args:
        model: who answers.
        tools: what it may call.
        system: makes the part of the prompt that is always the same.
        context: makes the part that is not, such as the day, anew for every answer.
    """

    def __init__(
        self,
        model: ChatModel,
        tools: ToolRegistry,
        *,
        system: Callable[[], str],
        context: Callable[[], str] = lambda: "",
    ) -> None:
        self._model = model
        self._tools = tools
        self._system = system
        self._context = context

    @property
    def model(self) -> ChatModel:
        """The model that answers."""
        return self._model

    async def answer(
        self, history: Sequence[SessionMessage], transcript: Transcript, listener: Listener
    ) -> Ending:
        """Answer the last message of `history`, a user's; how the answer ended.

        What was said, and what it has used, stands in `transcript` at any moment, also if this call raises
        or is cancelled.

        Raises:
            ModelError: the model could not answer.
        """
        past = conversation(history)
        system, context = self._system(), self._context()
        room = MAX_READ
        for _ in range(MAX_ROUNDS):
            request = ModelRequest(
                messages=[*past, *transcript.messages()],
                tools=self._tools.specs,
                system=system,
                context=context,
                max_tokens=MAX_TOKENS,
            )
            calls, end = await self._turn(request, transcript, listener)
            if end.stop_reason != "tool_use":
                return end.stop_reason
            # All at once, each within its own time limit; all results go back in one message.
            runs = (self._run(call, listener, number=n) for n, call in enumerate(calls))
            results, room = _within(await asyncio.gather(*runs), room)
            transcript.add_results(results)
        return "max_rounds"

    async def _turn(
        self, request: ModelRequest, transcript: Transcript, listener: Listener
    ) -> tuple[list[ToolUse], TurnEnd]:
        calls: list[ToolUse] = []
        end = TurnEnd(stop_reason="end_turn")
        written: list[str] = []
        try:
            async with aclosing(self._model.stream(request)) as events:
                async for event in events:
                    match event:
                        case TextDelta():
                            written.append(event.text)
                            transcript.add_text(event.text)
                            listener.text(event.text)
                        case ToolUse():
                            transcript.add_call(event)
                            calls.append(event)
                        case TurnEnd():
                            end = event
        except (ModelError, asyncio.CancelledError) as cut:
            # A refused call costs nothing. What a cut one has cost is told by nobody, and counted all the
            # same: else stopping each answer just before its end would be free.
            if written or isinstance(cut, asyncio.CancelledError):
                transcript.add_usage(_guess(request, "".join(written)))
            raise
        transcript.add_usage(end.usage)
        transcript.end_turn()
        return calls, end

    async def _run(self, call: ToolUse, listener: Listener, *, number: int) -> ToolResultBlock:
        listener.tool_started(call)
        try:
            reply = await self._reply(call, number)
        except ToolError as error:
            listener.tool_finished(call, None, error)
            return _failed(call.id, error)
        listener.tool_finished(call, reply.offers, None)
        return ToolResultBlock(call.id, reply.content)

    async def _reply(self, call: ToolUse, number: int) -> ToolReply:
        if number >= MAX_CALLS:
            raise ToolError(f"At most {MAX_CALLS} calls at once are run.", code="too_many_calls")
        if call.malformed:
            raise ToolError("The input was no JSON object; send the call again.", code="invalid_input")
        return await self._tools.run(call.name, call.input)


def _failed(call_id: str, error: ToolError) -> ToolResultBlock:
    return ToolResultBlock(call_id, {"error": str(error), "code": error.code}, is_error=True)


def _within(results: Sequence[ToolResultBlock], room: int) -> tuple[list[ToolResultBlock], int]:
    """The results, those that find no room replaced by an error; and the room left, in tokens."""
    kept = []
    for result in results:
        size = estimated_tokens(result.content)
        if size <= room:
            room -= size
            kept.append(result)
        else:
            text = "There is no room for this result; answer with what you have."
            kept.append(_failed(result.tool_use_id, ToolError(text, code="no_room")))
    return kept, room


def _guess(request: ModelRequest, written: str) -> TokenUsage:
    """About what a call used that was cut off after so much text."""
    tools = [(tool.name, tool.description, tool.input_schema) for tool in request.tools]
    read = estimated_tokens([request.system, request.context, request.messages, tools])
    return TokenUsage(input_tokens=read, output_tokens=estimated_tokens(written))

"""One turn of the model, put together from the events of Converse's stream."""

import logging
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from chatbot.errors import ModelError
from chatbot.models.protocol import ModelEvent, StopReason, TokenUsage, ToolUse, TurnEnd

logger = logging.getLogger(__name__)

Verdict = Literal["whole", "cut", "refused", "bad_calls", "bad"]

VERDICTS: Final[Mapping[str, Verdict]] = {
    "end_turn": "whole",
    "tool_use": "whole",
    "stop_sequence": "whole",
    "max_tokens": "cut",
    "model_context_window_exceeded": "cut",
    "guardrail_intervened": "refused",
    "content_filtered": "refused",
    "refusal": "refused",
    "malformed_tool_use": "bad_calls",
    "malformed_model_output": "bad",
}
"""What each stop reason means for the turn; one that is not known yet is taken for "whole".

whole: the text and the calls stand, and the calls alone decide whether tools are run: not every model says
    "tool_use" when it asks for one.
cut: the text stands; the calls do not, since the last may lack its end, and one without input would look
    as if it had none.
refused: as cut.
bad_calls: the text stands, and the calls go back to the model as errors.
bad: nothing was understood.
"""

_ENDS: Final[Mapping[Verdict, StopReason]] = {"cut": "max_tokens", "refused": "refused"}


class Turn:
    """Reads the events of one stream, as botocore parses them, in order."""

    def __init__(self) -> None:
        self.begun = False
        """Whether any event has come."""
        self._calls: dict[int, _Call] = {}
        self._stop_reason: str | None = None
        self._usage = TokenUsage()

    def read(self, event: Mapping[str, Any]) -> str:
        """Take one event; the text it brings, often none. Events of later API versions are passed over."""
        self.begun = True
        if "contentBlockDelta" in event:
            return self._delta(event["contentBlockDelta"])
        if "contentBlockStart" in event:
            start = event["contentBlockStart"]
            asked = start.get("start", {}).get("toolUse")
            if asked is not None:
                self._calls[start["contentBlockIndex"]] = _Call(asked["toolUseId"], asked["name"])
        elif "messageStop" in event:
            self._stop_reason = event["messageStop"]["stopReason"]
        elif "metadata" in event:
            self._usage = _usage(event["metadata"].get("usage", {}))
        return ""

    def end(self) -> list[ModelEvent]:
        """The calls that count and the turn's end, once the stream is over.

        Raises:
            ModelError: the stream broke off, or what the model wrote cannot be used.
        """
        if self._stop_reason is None:
            raise ModelError("The model's answer broke off; try again.")
        verdict = VERDICTS.get(self._stop_reason)
        if verdict is None:
            logger.warning("the model stopped for a reason not known here: %.40r", self._stop_reason)
            verdict = "whole"
        calls = [call.made(malformed=verdict == "bad_calls") for call in self._calls.values()]
        if verdict == "bad" or (verdict == "bad_calls" and not calls):
            raise ModelError("The model's answer could not be read; try again.")
        if verdict in _ENDS:
            return [self._turn_end(_ENDS[verdict])]
        return [*calls, self._turn_end("tool_use" if calls else "end_turn")]

    def _turn_end(self, reason: StopReason) -> TurnEnd:
        return TurnEnd(
            reason,
            input_tokens=self._usage.input_tokens,
            output_tokens=self._usage.output_tokens,
            cache_read_tokens=self._usage.cache_read_tokens,
            cache_write_tokens=self._usage.cache_write_tokens,
        )

    def _delta(self, event: Mapping[str, Any]) -> str:
        delta = event["delta"]
        if "text" in delta:
            # Half a surrogate pair, which JSON may carry, could not be kept or sent.
            return str(delta["text"]).encode("utf-8", "replace").decode()
        if "toolUse" in delta and event["contentBlockIndex"] in self._calls:
            self._calls[event["contentBlockIndex"]].pieces.append(delta["toolUse"]["input"])
        return ""


class _Call:
    """A tool call as far as it has come; its input arrives as pieces of JSON text."""

    def __init__(self, call_id: str, name: str) -> None:
        self._id = call_id
        self._name = name
        self.pieces: list[str] = []

    def made(self, *, malformed: bool) -> ToolUse:
        """The call. A tool without input gets no text at all, which means {}."""
        if not malformed:
            try:
                asked = msgspec.json.decode("".join(self.pieces) or "{}", type=dict[str, Any])
                return ToolUse(self._id, self._name, asked)
            except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
                pass
        return ToolUse(self._id, self._name, {}, malformed=True)


def _usage(usage: Mapping[str, Any]) -> TokenUsage:
    return TokenUsage(
        input_tokens=usage.get("inputTokens", 0),
        output_tokens=usage.get("outputTokens", 0),
        cache_read_tokens=usage.get("cacheReadInputTokens", 0),
        cache_write_tokens=usage.get("cacheWriteInputTokens", 0),
    )

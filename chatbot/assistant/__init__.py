"""The bounded loop between a model and its tools: the model speaks, asks, is answered, and speaks again.

Reading order: `prompt` (what the model is told), `history` (what it is reminded of), `transcript` (what was
said in one answer), `loop` (the answer itself).
"""

from chatbot.assistant.history import MAX_EXCHANGES, MAX_HISTORY, conversation, estimated_tokens
from chatbot.assistant.loop import MAX_CALLS, MAX_READ, MAX_ROUNDS, Assistant, Ending, Listener
from chatbot.assistant.prompt import day_context, system_prompt
from chatbot.assistant.transcript import Transcript

__all__ = [
    "MAX_CALLS",
    "MAX_EXCHANGES",
    "MAX_HISTORY",
    "MAX_READ",
    "MAX_ROUNDS",
    "Assistant",
    "Ending",
    "Listener",
    "Transcript",
    "conversation",
    "day_context",
    "estimated_tokens",
    "system_prompt",
]

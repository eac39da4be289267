"""Answers being written: numbered, logged, resumable anywhere, stoppable from anywhere, written by one.

Reading order: `event`, `feed` (an answer as one instance knows it), `feeds` (all of them, and which socket
follows which), `log` (an answer as all instances know it), `observer`, `pauses`, `outbox` (what the
assistant says, as events), `scribe` (events into the log, then to the sockets), `writing` (one answer from
question to end), `writings` (all of them), `intake` (which ones, and why), `closing` and `follower` (the
answers of other instances), `answers` (the verbs).
"""

from chatbot.answers.answers import DEFAULT_PATIENCE, Answers
from chatbot.answers.event import RESERVE, Event
from chatbot.answers.feed import PushMany
from chatbot.answers.log import DEFAULT_RETENTION
from chatbot.answers.observer import Observer

__all__ = [
    "DEFAULT_PATIENCE",
    "DEFAULT_RETENTION",
    "RESERVE",
    "Answers",
    "Event",
    "Observer",
    "PushMany",
]

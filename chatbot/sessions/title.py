"""How a session gets a title of its own."""

from typing import Final

from chatbot.messages import MAX_TITLE

_ELLIPSIS: Final = "…"


def title_of(question: str) -> str:
    """The question in one line, cut at a word to at most `MAX_TITLE` characters."""
    line = " ".join(question.split())
    if len(line) <= MAX_TITLE:
        return line
    cut = line[:MAX_TITLE]
    # A single word may be longer than a title: then it is cut in its middle.
    words, space, _ = cut.rpartition(" ")
    return (words if space else cut[:-1]) + _ELLIPSIS

"""Errors of the gateway.

    ChatbotError
    ├── AuthError         the token is missing, malformed, expired or not ours
    ├── SessionError      the session does not exist, or belongs to somebody else
    ├── InvalidMessage    an event's payload does not fit its schema
    ├── LimitError        too much is already under way, or was used up, for this user
    ├── SettingsError     the environment does not describe a gateway that can start
    ├── ModelError        the language model could not answer
    └── ToolError         a tool could not answer

Each carries `code`, a stable word for programs, and a sentence that is safe to show to people. What is
not safe to show goes into the exception's cause, and from there to the log.
"""

import logging
from typing import Final

from cachekit.errors import CacheClosed, CacheKitError, CacheUnavailable

logger = logging.getLogger(__name__)

_UNAVAILABLE: Final = ("unavailable", "The chat's memory is out of reach; try again in a moment.")


class ChatbotError(Exception):
    """Base of all errors of this package.

    `code` is stable and machine-readable; the text may be shown to a client.
    """

    code = "internal"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class AuthError(ChatbotError):
    """The token does not let its bearer in, or not so far.

    `token_missing`, `token_invalid`, `token_expired`, `token_revoked`; `disconnected` (an admin wants it so);
    `forbidden` (for admins only); `unavailable` (nobody can check tokens right now).
    """

    code = "token_invalid"


class SessionError(ChatbotError):
    """No such session for this user. Other users' sessions are not told apart from missing ones."""

    code = "session_not_found"


class InvalidMessage(ChatbotError):
    """An event's payload does not fit its schema; the text names the field and what is allowed."""

    code = "invalid_message"


class LimitError(ChatbotError):
    """Too much is under way, or was used up.

    `busy`: an answer is being written in this session, or too many requests wait. `draining`: this instance
    is about to end. `rate_limited`: too many requests. `quota`: the user's share of the model is used up.
    """

    code = "busy"


class SettingsError(ChatbotError):
    """The environment does not describe a gateway that can start; the text names the variable."""

    code = "settings"


class ModelError(ChatbotError):
    """The language model could not answer.

    `model_unavailable`, `model_busy`, `model_rejected` (it refuses the request), `too_long` (the
    conversation), `model_misconfigured` (the operator's to mend).
    """

    code = "model_unavailable"


class ToolError(ChatbotError):
    """A tool could not answer. The text goes to the model and to the page; it names what to change.

    The codes are in docs/tools.md; beside them `too_many_calls` and `no_room`, when one answer asks for too
    much.
    """

    code = "tool_failed"


def explain(error: Exception, doing: str) -> tuple[str, str]:
    """What a client may know of an error: a stable word and a sentence. The log gets the rest.

    `doing` says in the log what failed.
    """
    if isinstance(error, ChatbotError):
        if error.__cause__ is not None:
            logger.warning("%s: %s", doing, error.code, exc_info=error.__cause__)
        return error.code, str(error)
    if isinstance(error, CacheUnavailable | CacheClosed):
        # An outage comes with many such lines: one each, without a traceback.
        logger.warning("%s: %s", doing, error)
        return _UNAVAILABLE
    if isinstance(error, CacheKitError):
        # The texts of the others may quote a key or what was to be stored.
        logger.warning("%s", doing, exc_info=error)
        return _UNAVAILABLE
    logger.error("%s", doing, exc_info=error)
    return "internal", "Something went wrong on our side; try again."

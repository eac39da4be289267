"""Structured logs: one line an event, with the ids it belongs to and without what people said.

| field of a JSON line | holds |
|---|---|
| `at`, `level`, `logger`, `message` | when (ISO-8601 UTC), how grave, who says it, what |
| `instance`, `request_id`, `socket_id`, `session_id`, `answer_id` | where it belongs, as far as known, see \
`bound` |
| `errors` | an exception and its causes, the outermost first: `type`, `code?`, `text?`, `frames` |

An exception's `text` is told only where it is known to quote nobody (see `TELLING`): many others hold what a
user has typed or an API has sent.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping
from contextvars import ContextVar, Token
from datetime import UTC, datetime
from typing import Any, Final, Literal, TextIO

from cachekit.core.codec import iso_utc
from cachekit.errors import CacheClosed, CacheUnavailable, ConfigurationError
from chatbot.errors import ChatbotError, SettingsError

OWN: Final = ("chatbot", "cachekit")
"""Loggers that speak from INFO on; all others from WARNING on, since some log what they carry."""

TELLING: Final = (CacheClosed, CacheUnavailable, ConfigurationError, SettingsError)
"""Exceptions whose texts name what failed, and quote neither people nor APIs."""

MOST_ERRORS: Final = 5
"""Exceptions of one chain that are told."""

MOST_FRAMES: Final = 30
"""Frames of one exception that are told, the innermost."""

_NOTHING: Final[Mapping[str, str]] = {}
_bound: ContextVar[Mapping[str, str]] = ContextVar("ids of the log", default=_NOTHING)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SHOWN: Final = re.compile(r"[\n(<]")
"""Where asyncio begins to show what was at work."""


class bound:  # noqa: N801 - used like a function; a generator would cost a request three times as much
    """Give these ids to what is logged inside, also by tasks begun inside; None leaves an id as it is."""

    __slots__ = ("_given", "_token")

    _token: Token[Mapping[str, str]]

    def __init__(
        self,
        *,
        instance: str | None = None,
        request_id: str | None = None,
        socket_id: str | None = None,
        session_id: str | None = None,
        answer_id: str | None = None,
    ) -> None:
        self._given = (
            ("instance", instance),
            ("request_id", request_id),
            ("socket_id", socket_id),
            ("session_id", session_id),
            ("answer_id", answer_id),
        )

    def __enter__(self) -> None:
        given = {name: id_ for name, id_ in self._given if id_ is not None}
        self._token = _bound.set({**_bound.get(), **given})

    def __exit__(self, *_error: object) -> None:
        _bound.reset(self._token)


def set_up_logging(
    style: Literal["json", "text"], *, instance: str = "", stream: TextIO | None = None
) -> logging.Handler:
    """Write all logs of the process to `stream`, standard error by default; the handler that does it.

    What handled the root logger's lines before no longer does. `instance` is in every JSON line, also in
    those of tasks that `bound` does not reach.
    """
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonFormatter(instance) if style == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in OWN:
        logging.getLogger(name).setLevel(logging.INFO)
    return handler


def _message(record: logging.LogRecord) -> str:
    """What is said; of what asyncio says only the kind, since it shows arguments and exceptions whole."""
    message = record.getMessage()
    return _SHOWN.split(message, maxsplit=1)[0].rstrip() if record.name == "asyncio" else message


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for machines."""

    def __init__(self, instance: str = "") -> None:
        super().__init__()
        self._ids = {"instance": instance} if instance else {}

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "at": iso_utc(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
            **self._ids,
            **_bound.get(),
        }
        errors = _errors(record)
        if errors:
            line["errors"] = errors
        return json.dumps(line)


class TextFormatter(logging.Formatter):
    """The same for people: one line, then what is known of an exception, indented."""

    def format(self, record: logging.LogRecord) -> str:
        """The lines."""
        at = iso_utc(datetime.fromtimestamp(record.created, UTC))
        ids = "".join(f" {name}={_CONTROL.sub('?', id_)}" for name, id_ in _bound.get().items())
        # A line break inside would make one line look like two.
        message = _CONTROL.sub(" ", _message(record))
        lines = [f"{at} {record.levelname} {record.name}: {message}{ids}"]
        for error in _errors(record):
            told = [error[name] for name in ("type", "code", "text") if name in error]
            lines.append(f"  {_CONTROL.sub(' ', ': '.join(told))}")
            lines += (f"    {frame}" for frame in error["frames"])
        return "\n".join(lines)


def _errors(record: logging.LogRecord) -> list[dict[str, Any]]:
    error = record.exc_info[1] if record.exc_info else None
    told: list[dict[str, Any]] = []
    while error is not None and len(told) < MOST_ERRORS:
        told.append(_error(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return told


def _error(error: BaseException) -> dict[str, Any]:
    told: dict[str, Any] = {"type": type(error).__qualname__}
    if isinstance(error, ChatbotError):
        told["code"] = error.code
    if isinstance(error, TELLING):
        told["text"] = str(error)
    frames = list(traceback.walk_tb(error.__traceback__))[-MOST_FRAMES:]
    told["frames"] = [
        f"{frame.f_globals.get('__name__', '?')}:{line} {frame.f_code.co_qualname}" for frame, line in frames
    ]
    return told

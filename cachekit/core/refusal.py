"""What a refusal means: an error reply of Redis becomes redis-py's error, and that our CacheUnavailable.

The text of an error reply may hold a key, an address or a user's name, so it never reaches ours: the kind of
trouble does. redis-py's error is the cause.
"""

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Final

from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterCrossSlotError,
    ClusterDownError,
    ExecAbortError,
    MasterDownError,
    MaxConnectionsError,
    MovedError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from cachekit.errors import CacheClosed, CacheUnavailable

Reason = Callable[[str], Exception]
"""From the name of an operation to why it failed."""

_ERRORS: Final[dict[str, type[RedisError]]] = {
    "ASK": AskError,
    "CLUSTERDOWN": ClusterDownError,
    "CROSSSLOT": ClusterCrossSlotError,
    "EXECABORT": ExecAbortError,
    "LOADING": BusyLoadingError,
    "MASTERDOWN": MasterDownError,
    "MOVED": MovedError,
    "NOAUTH": AuthenticationError,
    "NOPERM": NoPermissionError,
    "NOSCRIPT": NoScriptError,
    "OOM": OutOfMemoryError,
    "READONLY": ReadOnlyError,
    "TRYAGAIN": TryAgainError,
    "WRONGPASS": AuthenticationError,
}
"""The first word of an error reply, and what it is in redis-py."""

_IN_SCRIPT: Final = re.compile(r"ERR Error running script .*: -?([A-Z]+) ", re.DOTALL)
"""Before Redis 7 the refusal of a command in a script stands at the end of an error of the script's own."""

_ARGUMENTS: Final = ", with args beginning with: "

_MAX_CLIENTS: Final = "max number of clients reached"
_NO_MORE: Final = "Redis takes no more connections (maxclients)"

_CONNECTING: Final = re.compile(r"Error .*connecting to", re.DOTALL)
"""How redis-py's error begins where the system's own error is its context: no connection came to be."""

_TROUBLES: Final[tuple[tuple[type[Exception], str], ...]] = (
    (ReadOnlyError, "Redis is read-only"),
    (OutOfMemoryError, "Redis is out of memory"),
    (BusyLoadingError, "Redis is loading its data"),
    (MasterDownError, "the replica has lost its master"),
    (ClusterDownError, "the cluster is down"),
    (ClusterCrossSlotError, "the keys lie in different slots of the cluster"),
    (MaxConnectionsError, _NO_MORE),
    (AuthenticationError, "Redis asks for another user or password"),
    (NoPermissionError, "Redis does not permit our user that"),
    (ConnectionRefusedError, "the connection was refused"),
    (socket.gaierror, "the host's name is not known"),
    (ssl.SSLCertVerificationError, "the server's certificate is not accepted"),
    (ssl.SSLError, "TLS could not be agreed on"),
    (FileNotFoundError, "there is no such socket, or no such file of certificates"),
    (PermissionError, "the socket, or the file of certificates, may not be opened"),
)
"""Subclasses stand before their bases."""

_WORDS: Final = {
    "BUSY": "Redis is busy with a script",
    "MISCONF": "Redis cannot write to its disk, and takes no writes",
    "NOREPLICAS": "Redis has too few replicas, and takes no writes",
}
"""Troubles that redis-py knows no class for."""

_TEXTS: Final = {
    _MAX_CLIENTS: _NO_MORE,
    "cluster support disabled": "the server is no part of a cluster",
    "DB index is out of range": "the server has no database of that number",
    "GET-MASTER-ADDR-BY-NAME": "the server is no Sentinel",
}
"""Troubles that only the reply's text tells, by a part of it."""


def reply_error(text: str) -> RedisError:
    """redis-py's error for the text of an error reply: what a `hiredis.Reader` makes of it."""
    # A renamed command's arguments, values among them, would be in every traceback.
    text = text.partition(_ARGUMENTS)[0]
    word, _, rest = text.partition(" ")
    if word == "ERR" and (inner := _IN_SCRIPT.search(text)):
        word = inner[1]
    if _MAX_CLIENTS in text:
        return MaxConnectionsError(text)
    kind = _ERRORS.get(word)
    if kind is None:
        return ResponseError(text)
    try:
        return kind(rest)
    except (ValueError, TypeError):  # A redirection that does not say where to.
        return ResponseError(text)


def unavailable(operation: str, error: BaseException) -> CacheUnavailable:
    """What the caller of `operation` is told; `error` becomes the cause, and its own text is not shown."""
    refused = CacheUnavailable(f"Redis could not serve {operation}: {_trouble(error)}", operation=operation)
    refused.__cause__ = error
    return refused


def closed(_: str = "") -> CacheClosed:
    """The reason of whatever is done after `Store.close`."""
    return CacheClosed("the cache is closed")


def forked() -> CacheClosed:
    """Why a child process can do nothing over its parent's connection."""
    return CacheClosed("the cache was opened in another process, before a fork")


def reason_of(error: Exception, timeout: float) -> Reason:
    """Why operations fail on a connection that ended, or did not come to be, because of `error`.

    A TimeoutError says that Redis did not answer within `timeout` seconds.
    """
    if isinstance(error, CacheUnavailable):
        return lambda operation: CacheUnavailable(str(error), operation=operation)
    if isinstance(error, TimeoutError):
        return lambda operation: _late(operation, timeout, error)
    return lambda operation: unavailable(operation, error)


def _late(operation: str, timeout: float, error: TimeoutError) -> CacheUnavailable:
    late = CacheUnavailable(f"Redis did not answer {operation} within {timeout} s", operation=operation)
    late.__cause__ = error
    return late


def is_wrong_type(error: object) -> bool:
    """Whether the key holds another type than the command is for."""
    return isinstance(error, ResponseError) and str(error).startswith("WRONGTYPE")


def _trouble(error: BaseException) -> str:
    for each in _causes(error):
        for kind, words in _TROUBLES:
            if isinstance(each, kind):
                return words
        text = str(each)
        for part, words in _TEXTS.items():
            if part in text:
                return words
        if isinstance(each, ResponseError) and text.partition(" ")[0] in _WORDS:
            return _WORDS[text.partition(" ")[0]]
    return type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """redis-py hides a refused handshake, and the system's error, under a plain ConnectionError."""
    while error is not None:
        yield error
        error = error.__cause__ or (error.__context__ if _CONNECTING.match(str(error)) else None)

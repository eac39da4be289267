"""A trace: what a cache did, event by event, as JSON lines in a file, for tuning to replay.

The first line is a `TraceHeader`; each other is a `TraceLine`, in the order of the events.
"""

import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from cachekit.core.events import (
    Coalesced,
    CorruptValue,
    Event,
    Hit,
    Invalidated,
    Loaded,
    Miss,
    Outage,
    Removed,
    Stored,
    Unpublished,
)
from cachekit.errors import CacheKitError

Kind = Literal[
    "hit",
    "miss",
    "loaded",
    "stored",
    "coalesced",
    "corrupt",
    "outage",
    "unpublished",
    "removed",
    "invalidated",
    "dropped",
]

_KINDS: dict[type[Event], Kind] = {
    Hit: "hit",
    Miss: "miss",
    Loaded: "loaded",
    Stored: "stored",
    Coalesced: "coalesced",
    CorruptValue: "corrupt",
    Outage: "outage",
    Unpublished: "unpublished",
    Removed: "removed",
    Invalidated: "invalidated",
}
_FACTS = {each: tuple(field.name for field in dataclasses.fields(each)) for each in _KINDS}
_WHAT_USERS_TYPED = ("key", "value")


class BadTrace(CacheKitError, ValueError):
    """A line that is not of a trace; `line` is its number, from 1."""

    def __init__(self, path: str, line: int, reason: str) -> None:
        super().__init__(f"{path}, line {line}: {reason}")
        self.path = path
        self.line = line


class TraceHeader(msgspec.Struct, frozen=True, kw_only=True):
    """The first line: what the file is, and whether its keys are digests."""

    format: Literal["cachekit-trace"]
    version: Literal[1]
    keys: Literal["hashed", "plain"]


class TraceLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event: when (seconds since the Unix epoch), where, what, and its facts.

    The facts bear the names they have in `cachekit.core.events`; those an event lacks are None and not
    written. With hashed keys, `key` and a rule's `value` are digests. "dropped" stands where `count` events
    are missing, since they came faster than they could be written; its namespace is empty.
    """

    time: float
    namespace: str
    event: Kind
    key: str | None = None
    state: Literal["fresh", "stale"] | None = None
    source: Literal["near", "redis"] | None = None
    age: float | None = None
    seconds: float | None = None
    failed: bool | None = None
    size: int | None = None
    ttl: float | None = None
    operation: str | None = None
    kind: Literal["tag", "pattern", "all"] | None = None
    value: str | None = None
    count: int | None = None

    @classmethod
    def of(cls, event: Event, *, time: float, digest: Callable[[str], str] | None) -> "TraceLine":
        """The line that tells of `event`, at `time`; `digest` is put on its key, tag or pattern."""
        facts: dict[str, Any] = {name: getattr(event, name) for name in _FACTS[type(event)]}
        if digest is not None:
            facts |= {name: digest(facts[name]) for name in _WHAT_USERS_TYPED if name in facts}
        return cls(time=time, event=_KINDS[type(event)], **facts)


def read_trace(path: str | os.PathLike[str]) -> Iterator[TraceLine]:
    """The lines of the trace at `path`, read as they are asked for.

    A last line without its end is what a process leaves that was killed as it wrote; it is passed over.

    Raises:
        BadTrace: a line is no JSON or not of this format; its number is named.
        OSError: the file cannot be read.
    """
    name = os.fspath(path)
    line = msgspec.json.Decoder(TraceLine)
    with Path(path).open("rb") as file:
        for number, text in enumerate(file, start=1):
            if not text.endswith(b"\n"):
                return
            try:
                if number == 1:
                    msgspec.json.decode(text, type=TraceHeader)
                else:
                    yield line.decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise BadTrace(name, number, str(error)) from error

"""A record of the invalidation log, as it lies in the stream."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from cachekit.core.rules import Rule


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A record of the log; `rule` is None for the one with which an incarnation begins."""

    id: str
    incarnation: str
    position: int
    rule: Rule | None

    @classmethod
    def parse(cls, row: Any) -> Self:
        """From `(id, {name: value})`; what is no record of ours ends the incarnation before it."""
        id_ = text_of(row[0])
        try:
            fields = {text_of(name): text_of(value) for name, value in row[1].items()}
            position, rule = int(fields["n"]), None
            if fields["kind"] != "birth":
                at = int(id_.partition("-")[0])
                rule = Rule(position, at, fields["ns"], fields["kind"], fields["value"])
            return cls(id_, fields["log"], position, rule)
        except (KeyError, ValueError):
            return cls(id_, f"foreign{id_.replace('-', 'x')}", 0, None)


def records_of(news: Any) -> Iterator[LogRecord]:
    """The records in XREAD's reply, which nests them by key: differently so under RESP2 and RESP3."""
    for item in news.values() if isinstance(news, dict) else news:
        if isinstance(item, tuple) and isinstance(item[1], dict):
            yield LogRecord.parse(item)
        elif isinstance(item, list | tuple):
            yield from records_of(item)


def order_of(id_: str) -> tuple[int, int]:
    """What tells which of two ids came first."""
    milliseconds, _, number = id_.partition("-")
    return int(milliseconds), int(number)


def text_of(raw: Any) -> str:
    """Text as Redis gives it, bytes or not."""
    return raw.decode() if isinstance(raw, bytes) else str(raw)

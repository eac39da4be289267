"""Answers from recordings: what a real service said to the same request, instead of what is made up here."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from cachekit.amadeus.recording.tape import HOST, Exchange, Request
from cachekit.errors import ConfigurationError

__all__ = ["Recorded", "Replay"]

_ADDRESS: Final = re.compile(
    rf"(?P<plain>https?:(?:\\*/){{2}}{re.escape(HOST)})"
    rf"|(?P<encoded>https?%3A%2F%2F{re.escape(HOST)})"
    rf"|{re.escape(HOST)}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded reply, as it is to be sent; `path` is the file it comes from."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    path: Path


class Replay:
    """The recordings of a directory and those below it, read once, when this is made.

    Several files of the same request are its takes, in the order of `recorded_at`, then of their names: the
    first request gets the first, the next one the next, and the last one holds from then on.

    Nothing in a recording is shifted in time: its offers are for the days they were recorded for. To see
    those ahead again, set the clock of the sandbox to `recorded_at`.

    Args:
        directory: where `RecordingTransport` wrote; names that begin with a dot are passed over.

    Raises:
        ConfigurationError: there is no such directory.
        BadRecording: a file in it with the extension .json is no recording; the file is named.
    """

    def __init__(self, directory: Path | str) -> None:
        self._directory = Path(directory)
        if not self._directory.is_dir():
            raise ConfigurationError(f"{directory} is no directory of recordings")
        takes = sorted(map(_Take.load, _files(self._directory)), key=_Take.order)
        self.recorded_at: datetime | None = min((take.recorded_at for take in takes), default=None)
        """When the first of the recordings was made, aware: no recorded search was in the past then."""
        self._takes: dict[str, list[_Take]] = {}
        for take in takes:
            self._takes.setdefault(take.request.key(), []).append(take)
        patterns = {key: takes[0].request.pattern() for key, takes in self._takes.items()}
        self._patterns = {key: pattern for key, pattern in patterns.items() if pattern is not None}
        self.reset()

    def __len__(self) -> int:
        """How many different requests are answered."""
        return len(self._takes)

    def __repr__(self) -> str:
        return f"Replay({str(self._directory)!r}, requests={len(self)})"

    def reset(self) -> None:
        """Begin with the first take of each request again."""
        self._given: dict[str, int] = {}

    def find(
        self,
        verb: str,
        path: str,
        query: Sequence[tuple[str, str]],
        body: bytes,
        *,
        base_url: str | None = None,
    ) -> Recorded | None:
        """The next reply to this request; None if none is recorded.

        The order of parameters, how path and query were encoded, and how a JSON body is written do not
        matter. Where a secret was struck out of the recorded request, anything may stand; but a recording
        that matches to the letter goes first.

        Args:
            verb: GET, POST, …
            path: of the request line, encoded or not.
            query: names and values, decoded.
            body: as it came; empty if there is none.
            base_url: the replaying server's address, without a trailing slash; links lead there.
        """
        key = self._match(Request.of(verb, path, query, body).key())
        if key is None:
            return None
        takes = self._takes[key]
        number = self._given.get(key, 0)
        self._given[key] = min(number + 1, len(takes) - 1)
        return takes[number].recorded(base_url)

    def _match(self, key: str) -> str | None:
        if key in self._takes:
            return key
        return next((each for each, pattern in self._patterns.items() if pattern.fullmatch(key)), None)


@dataclass(frozen=True, slots=True)
class _Take:
    path: Path
    recorded_at: datetime
    request: Request
    status: int
    headers: Mapping[str, str]
    body: str

    @classmethod
    def load(cls, path: Path) -> "_Take":
        exchange = Exchange.load(path)
        reply = exchange.response
        return cls(
            path=path,
            recorded_at=exchange.recorded_at,
            request=exchange.request,
            status=reply.status,
            headers=reply.headers,
            body=reply.body().decode(),
        )

    def order(self) -> tuple[datetime, int, str]:
        # The shorter name first: "… (2)" comes before "… (10)".
        return self.recorded_at, len(self.path.name), self.path.as_posix()

    def recorded(self, base_url: str | None) -> Recorded:
        headers = {name: _led_to(base_url, value) for name, value in self.headers.items()}
        return Recorded(self.status, headers, _led_to(base_url, self.body).encode(), self.path)


def _files(directory: Path) -> list[Path]:
    found = directory.rglob("*.json")
    return [
        path for path in found if not any(part.startswith(".") for part in path.relative_to(directory).parts)
    ]


def _led_to(base_url: str | None, text: str) -> str:
    """`text` with this address where the recorded host stood."""
    if base_url is None or HOST not in text:
        return text
    filled = {"plain": base_url, "encoded": quote(base_url, safe=""), None: urlsplit(base_url).netloc}
    return _ADDRESS.sub(lambda match: filled[match.lastgroup], text)

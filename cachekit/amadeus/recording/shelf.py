"""A directory of recordings: how the files are named, and what happens when a request comes again."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from typing import Any, Final, Literal
from uuid import uuid4

from cachekit.amadeus.recording.tape import BadRecording, Exchange, Request
from cachekit.errors import ConfigurationError

__all__ = ["Repeats", "Shelf", "title"]

Repeats = Literal["replace", "keep"]

_PLACES: Final = ("originLocationCode", "origin", "destinationLocationCode", "destination")
_OTHERS: Final = ("departureDate", "returnDate", "keyword", "subType", "airlineCodes")
_LONGEST_HINT: Final = 80
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.,]+")
"""What some file system gives a meaning to, or could write in two ways."""


def title(request: Request) -> str:
    """A readable file name, without extension: `GET flight-offers GRU-LIS 2026-12-12 3f2a9c1d07be`.

    The digest is that of the whole request, so two requests do not share a name.
    """
    endpoint = request.path.rpartition("/")[2]
    digest = hashlib.sha256(request.key().encode("utf-8", "replace")).hexdigest()[:12]
    hints = [_UNSAFE.sub("-", hint).strip("-.") for hint in (endpoint, *_hints(request))]
    hint = " ".join(filter(None, hints))[:_LONGEST_HINT].rstrip(" -.")
    return " ".join(filter(None, (request.verb, hint, digest)))


class Shelf:
    """The recordings of one directory. Safe to use from many threads and, but for rare lost takes, processes.

    Args:
        directory: made if it is not there.
        repeats: "replace": one file for each request, the newest answer. "keep": each answer that differs
            from the one before is a further file, `… (2).json`; those of earlier runs count.

    Raises:
        ConfigurationError: the directory cannot be made or written to, or `repeats` is neither.
    """

    def __init__(self, directory: Path | str, *, repeats: Repeats = "replace") -> None:
        if repeats not in ("replace", "keep"):
            raise ConfigurationError(f"repeats={repeats!r}: allowed are 'replace' and 'keep'")
        self._directory = Path(directory)
        self._repeats = repeats
        self._lock = Lock()
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=self._directory):
                pass
        except OSError as error:
            raise ConfigurationError(
                f"recordings cannot be written to {directory}: {error.strerror}"
            ) from error

    def put(self, exchange: Exchange) -> None:
        """Write the exchange into its file, whole or not at all; raises OSError."""
        name = title(exchange.request)
        with self._lock:
            takes = sorted(self._directory.glob(f"{name}*.json"), key=_number)
            if self._repeats == "keep" and takes:
                if _response_of(takes[-1]) != exchange.response:
                    self._write(self._directory / f"{name} ({_number(takes[-1]) + 1}).json", exchange)
                return
            self._write(self._directory / f"{name}.json", exchange)
            for take in takes:
                if _number(take) > 1:
                    take.unlink(missing_ok=True)

    def _write(self, path: Path, exchange: Exchange) -> None:
        # A name that no replay reads, in the same directory, since only there a rename is atomic.
        draft = self._directory / f".{uuid4().hex}.part"
        try:
            draft.write_text(exchange.dumps(), "utf-8", newline="\n")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def _number(path: Path) -> int:
    """Which take of its request the file is, from its name."""
    found = re.search(r" \(([0-9]+)\)$", path.stem)
    return int(found[1]) if found else 1


def _response_of(path: Path) -> object:
    """What the last take answers; None if it is broken, as a file edited by hand may be for a moment."""
    try:
        return Exchange.load(path).response
    except BadRecording:
        return None


def _hints(request: Request) -> Iterator[str]:
    """What tells one request from others, for a person."""
    body = request.json if isinstance(request.json, dict) else {}
    legs = body.get("originDestinations")
    for leg in [request.query, *(legs if isinstance(legs, list) else [])]:
        if isinstance(leg, dict):
            yield "-".join(_text(leg[name]) for name in _PLACES if name in leg)
            days = leg.get("departureDateTimeRange")
            yield _text(days.get("date", "")) if isinstance(days, dict) else ""
    yield from (_text(request.query[name]) for name in _OTHERS if name in request.query)


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)

"""Many sockets, a few hundred at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

T = TypeVar("T")

BATCH: Final = 500
"""Sockets in one round trip: some milliseconds of the server's time, which all others have to wait."""


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    """The items, `BATCH` at a time."""
    left = iter(items)
    while batch := list(islice(left, BATCH)):
        yield batch

"""Numbers that look random and are not: a hash of what they are about.

The same on every machine and in every process, whatever PYTHONHASHSEED is.
"""

from hashlib import blake2b
from typing import Final, TypeVar

__all__ = ["chance", "pick"]

T = TypeVar("T")

_SPAN: Final = 2.0**64


def chance(*parts: object) -> float:
    """A number in [0, 1), drawn evenly, that belongs to `parts`."""
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") / _SPAN


def pick(options: tuple[T, ...], *parts: object) -> T:
    """One of `options`, the same one whenever `parts` are the same."""
    return options[int(chance(*parts) * len(options))]

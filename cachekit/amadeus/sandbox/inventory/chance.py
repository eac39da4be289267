"""Numbers that look random and are not: a hash of what they are about.

The same on every machine and in every process, whatever PYTHONHASHSEED is.
"""

from hashlib import blake2b
from struct import Struct
from typing import Final, TypeVar

__all__ = ["chance", "draws", "pick"]

T = TypeVar("T")

_SPAN: Final = 2.0**64
_EIGHT: Final = Struct(">8Q")


def chance(*parts: object) -> float:
    """A number in [0, 1), drawn evenly, that belongs to `parts`."""
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") / _SPAN


def draws(text: str) -> list[float]:
    """Eight such numbers that belong to `text`, for little more than the price of one."""
    return [number / _SPAN for number in _EIGHT.unpack(blake2b(text.encode()).digest())]


def pick(options: tuple[T, ...], *parts: object) -> T:
    """One of `options`, the same one whenever `parts` are the same."""
    return options[int(chance(*parts) * len(options))]

"""Striking secrets and the host out of texts and JSON values, however they are encoded."""

import html
import re
from collections.abc import Collection, Iterator
from typing import Any, Final
from urllib.parse import unquote

from cachekit.amadeus.recording.tape import HOST, STRUCK

__all__ = ["SHORTEST_WORD", "Redaction"]

SHORTEST_WORD: Final = 4
"""Characters; shorter ones would strike out ordinary text."""

_MOST_LAYERS: Final = 4
"""How many encodings on top of each other are looked through."""

_MOST_SLASHES: Final = 16
"""More backslashes than that many layers of JSON put before a character; without a bound, the search for a
word would take the square of the time wherever a text has a long row of them."""

_AFTER_SLASHES: Final = r"(?:(?<=//)|(?<=/\\/)|(?<=%2F%2F))"

_ESCAPED: Final = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|([\"\\/]))")


class Redaction:
    """Knows the words that no recording may hold, and the host whose name none may hold.

    A word is found in any case, and also percent-encoded (once or more often), JSON- or HTML-escaped, in
    whole or in part; not if it is hashed, compressed or in base64.

    Args:
        words: what to strike out, each at least 4 characters.
        host: the host's name, struck out with its port. A name without a dot (`localhost`) is an ordinary
            word elsewhere, and is only struck out where it follows `//`.
        prefix: the path below which the service lives, "" or like "/amadeus"; struck out after the host.
    """

    def __init__(self, words: Collection[str], *, host: str, prefix: str = "") -> None:
        longest_first = sorted({word for word in words if word}, key=len, reverse=True)
        self._wanted = [word.casefold() for word in longest_first]
        self._words = re.compile("|".join(map(_encoded, longest_first)) or "(?!)", re.IGNORECASE)
        if _is_telling(host):
            self._wanted.append(host.casefold())
        before = r"(?:\[|%(?:25)*5B)?" if _is_telling(host) else _AFTER_SLASHES
        port = r"(?:\]|%(?:25)*5D)?(?:(?::|%(?:25)*3A)[0-9]{1,5})?"
        below = f"(?:{_encoded(prefix)})?" if prefix else ""
        self._address = re.compile(f"{before}{_encoded(host)}{port}{below}", re.IGNORECASE)

    def text(self, text: str) -> str:
        """`text` without the words and the host."""
        return self._words.sub(STRUCK, self._address.sub(HOST, text))

    def value(self, value: Any) -> Any:
        """The JSON value without them, in names and values; a number that holds one becomes a text."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(name): self.value(part) for name, part in value.items()}
        if isinstance(value, list):
            return [self.value(part) for part in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            struck = self.text(repr(value))
            return value if struck == repr(value) else struck
        return value

    def finds(self, text: str) -> bool:
        """Whether a word or the host still stands in `text`; looked for in another way than `text` does."""
        return self._words.search(text) is not None or any(
            word in layer for layer in _layers(text) for word in self._wanted
        )


def _is_telling(host: str) -> bool:
    """Whether the name can be nothing but a host's."""
    return "." in host or ":" in host


def _encoded(word: str) -> str:
    """A pattern for the word in which each character is encoded in its own way."""
    return "".join(map(_character, word))


def _character(character: str) -> str:
    """A pattern for one character: itself, or encoded, in either case."""
    # "ß" in upper case is two characters; the last look at the file finds those.
    cases = {character, character.lower(), character.upper()}
    forms = (form for case in sorted(cases) if len(case) == 1 for form in _forms(case))
    return f"(?:{'|'.join(dict.fromkeys(forms))})"


def _forms(character: str) -> Iterator[str]:
    yield (
        rf"\\{{1,{_MOST_SLASHES}}}"
        if character == "\\"
        else rf"\\{{0,{_MOST_SLASHES}}}" + re.escape(character)
    )
    yield "".join(f"%(?:25)*{octet:02X}" for octet in character.encode())
    yield rf"&#0*{ord(character)};"
    yield rf"&#x0*{ord(character):X};"
    unit = rf"\\{{1,{_MOST_SLASHES}}}u"
    yield unit + unit.join(_utf16(character))
    if "\x7f" < character <= "\xff":
        yield f"%(?:25)*{ord(character):02X}"  # as Latin-1 has it
    if character == " ":
        yield r"\+"
    if (named := html.escape(character)) != character:
        yield re.escape(named)


def _utf16(character: str) -> Iterator[str]:
    units = character.encode("utf-16-be").hex()
    return (units[start : start + 4] for start in range(0, len(units), 4))


def _layers(text: str) -> Iterator[str]:
    """The text in lower case, then with one layer of encoding after the other taken off."""
    for _ in range(_MOST_LAYERS):
        folded = text.casefold()
        yield folded
        yield folded.replace("+", " ")
        plain = html.unescape(unquote(_ESCAPED.sub(_unescape, text)))
        if plain == text:
            return
        text = plain


def _unescape(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else match[2]

"""One environment variable at a time, each checked and named when it cannot work."""

import difflib
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from chatbot.errors import SettingsError

T = TypeVar("T")

_PREFIX: Final = "CHATBOT_"
_ALIKE: Final = 0.85
"""How alike two names are of which one is probably the other, misspelt."""


class Environment:
    """The variables of one process. Empty ones count as absent; white space around a value is no part of it.

    Every method raises SettingsError for a value that cannot work. It names the variable and what is allowed,
    and does not show the value: that may be a secret in the wrong place.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.given = {name: value.strip() for name, value in variables.items() if value.strip()}
        """All that is set, by name."""
        self._known: set[str] = set()

    def text(self, name: str) -> str | None:
        """The value as it is; None if there is none."""
        self._known.add(name)
        return self.given.get(name)

    def texts(self, name: str) -> tuple[str, ...]:
        """The parts of a comma-separated list."""
        parts = (part.strip() for part in (self.text(name) or "").split(","))
        return tuple(part for part in parts if part)

    def read(self, name: str, convert: Callable[[str], T], *, default: T, allowed: str) -> T:
        """The value by way of `convert`, which raises ValueError or LookupError for one that is none."""
        text = self.text(name)
        if text is None:
            return default
        try:
            return convert(text)
        except (ValueError, LookupError):
            raise SettingsError(f"{name}: allowed is {allowed}") from None

    def switch(self, name: str) -> bool:
        """1 is True, 0 and nothing are False."""
        return self.read(name, {"0": False, "1": True}.__getitem__, default=False, allowed="0 or 1")

    def whole(self, name: str, *, default: int, least: int, most: int) -> int:
        """A whole number from `least` to `most`."""
        allowed = f"a whole number from {least:,} to {most:,}"
        return self.read(name, lambda text: _within(int(text), least, most), default=default, allowed=allowed)

    def seconds(self, name: str, *, default: float, most: float) -> float:
        """A number of seconds from 0 to `most`."""
        allowed = f"a number of seconds from 0 to {most:g}"
        return self.read(name, lambda text: _within(float(text), 0, most), default=default, allowed=allowed)

    def choice(self, name: str, choices: Mapping[str, T], *, default: T) -> T:
        """One of the words."""
        return self.read(name, choices.__getitem__, default=default, allowed=" or ".join(choices))

    def require(self, *names: str) -> None:
        """Raise SettingsError that names all of these that are absent."""
        missing = [name for name in names if self.text(name) is None]
        if missing:
            raise SettingsError(f"the environment lacks {', '.join(missing)}")

    def refuse_misspelt(self) -> None:
        """Raise SettingsError for a variable that is nearly one of those asked for: it would do nothing."""
        for name in sorted(self.given):
            if name.startswith(_PREFIX) and name not in self._known:
                for meant in difflib.get_close_matches(name, self._known, n=1, cutoff=_ALIKE):
                    raise SettingsError(f"{name} is no variable of ours; did you mean {meant}?")


def _within(number: T, least: float, most: float) -> T:
    if not least <= number <= most:  # type: ignore[operator]
        raise ValueError
    return number

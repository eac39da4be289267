"""Headers that a contract wants with each request."""

import re
from collections.abc import Callable, Mapping
from typing import Final
from uuid import uuid4

from cachekit.amadeus.identity import require_texts
from cachekit.errors import ConfigurationError

__all__ = ["ExtraHeaders"]

ANEW: Final = "{uuid}"
"""In a value: replaced by a new UUID for each request."""

_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")
"""White space at an end is refused on its way, by an error that quotes the value."""

_OURS: Final = frozenset({"accept-encoding", "authorization", "content-length", "host", "transfer-encoding"})


class ExtraHeaders:
    """The further headers of each request: fixed ones, or a function that makes them anew.

    A fixed value may contain `{uuid}`, as `ama-client-ref` wants. Values are never shown.

    Raises ConfigurationError for a name or value that HTTP cannot carry, or that is not the caller's to set.
    """

    def __init__(self, given: Mapping[str, str] | Callable[[], Mapping[str, str]] | None) -> None:
        self._make = given if callable(given) else None
        self.fixed: Mapping[str, str] = {} if given is None or callable(given) else _checked(given)
        """As given, `{uuid}` and all; empty where a function makes them."""

    def __repr__(self) -> str:
        return f"<ExtraHeaders {' '.join(self.fixed) or 'made anew'}>"

    def make(self) -> dict[str, str]:
        """Those of one request; raises ConfigurationError for what a function should not have made."""
        if self._make is not None:
            return _checked(self._make())
        return {name: value.replace(ANEW, str(uuid4())) for name, value in self.fixed.items()}


def _checked(headers: Mapping[str, str]) -> dict[str, str]:
    checked = require_texts("extra_headers", headers)
    for name, value in checked.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            # Not even the name is shown: the two may have been mixed up.
            raise ConfigurationError(
                "extra_headers: names and values must be printable ASCII, as HTTP wants, "
                "without white space around them"
            )
        if name.lower() in _OURS:
            raise ConfigurationError(f"extra_headers: {name} is set by the client itself")
    if len({name.lower() for name in checked}) < len(checked):
        raise ConfigurationError("extra_headers: a name stands twice, but for its case")
    return checked

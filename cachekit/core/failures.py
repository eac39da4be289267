"""Keys whose loads have failed of late: for a while their old values are served, and nobody tries again."""

from typing import Final

from cachekit.core.clock import Clock

_MOST: Final = 10_000
"""Keys remembered; beyond that all are forgotten, which costs each of them one try too early."""


class Failures:
    """Those of one namespace in this process; `retry_after` is in seconds."""

    def __init__(self, clock: Clock, *, retry_after: float) -> None:
        self._clock = clock
        self._retry_after = retry_after
        self._retry_at: dict[str, float] = {}

    def remember(self, key: str) -> None:
        """A load of `key` has failed, or its value could not be stored."""
        if len(self._retry_at) >= _MOST:
            self._retry_at.clear()
        self._retry_at[key] = self._clock.monotonic() + self._retry_after

    def forget(self, key: str) -> None:
        """A value of `key` was stored."""
        self._retry_at.pop(key, None)

    def may_retry(self, key: str) -> bool:
        """Whether the last failure of `key` was at least `retry_after` ago."""
        return self._clock.monotonic() >= self._retry_at.get(key, 0)

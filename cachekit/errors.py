"""Errors of the package; every one derives from `CacheKitError`.

    CacheKitError
    ├── ConfigurationError    a URL, policy or option that cannot work; also a ValueError
    ├── InvalidKey            a key or params without canonical form, or not ours; also a ValueError
    ├── InvalidValue          a value JSON cannot hold exactly, or too large; also a TypeError
    ├── CacheUnavailable      Redis did not answer, refused, or cannot be written to
    ├── CacheClosed           the cache was closed; also a RuntimeError
    ├── LoadCycle             a factory asked for the key it is loading; also a RuntimeError
    ├── LoadCancelled         a factory cancelled itself
    ├── LoadTimeout           a factory took longer than the policy's hard_timeout; also a TimeoutError
    ├── BadTrace              a line that is not of a trace (see cachekit.observability.trace)
    ├── BadRecording          a file that is no recording of an exchange (see cachekit.amadeus.recording)
    └── FlightSourceError     a flight API said no, or nothing (see cachekit.amadeus.errors)

Errors carry data (`key`, …) beside their text, and never a cached value, a password or a token.
Errors of redis-py are translated in one place, `cachekit.core.refusal`.
"""

__all__ = [
    "CacheClosed",
    "CacheKitError",
    "CacheUnavailable",
    "ConfigurationError",
    "InvalidKey",
    "InvalidValue",
    "LoadCancelled",
    "LoadCycle",
    "LoadTimeout",
]


class CacheKitError(Exception):
    """Base of all errors of this package."""


class ConfigurationError(CacheKitError, ValueError):
    """A URL, policy or option that cannot work; the text names it and what is allowed."""


class InvalidKey(CacheKitError, ValueError):
    """A key, or the params it is made of, cannot be written canonically, or belongs to another namespace."""


class InvalidValue(CacheKitError, TypeError):
    """A value that JSON cannot hold exactly, or that is larger than the policy allows."""


class CacheClosed(CacheKitError, RuntimeError):
    """The cache was closed, maybe while the caller waited."""


class LoadCycle(CacheKitError, RuntimeError):
    """A factory asked, at whatever depth, for the very key it is loading, and would have waited for ever."""


class LoadCancelled(CacheKitError):
    """A factory raised CancelledError though nobody had cancelled it; its callers are not cancelled."""


class LoadTimeout(CacheKitError, TimeoutError):
    """A factory took longer than `Policy.hard_timeout` and was cancelled; `key` is what it was to load."""

    def __init__(self, key: str, *, seconds: float) -> None:
        super().__init__(f"the load of {key!r} took longer than hard_timeout, {seconds} s")
        self.key = key
        self.seconds = seconds


class CacheUnavailable(CacheKitError):
    """Redis did not answer in time, refused the command, or cannot be reached.

    `operation` is the command that failed; the original error is the cause.
    """

    def __init__(self, message: str, *, operation: str) -> None:
        super().__init__(message)
        self.operation = operation

"""The official SDK's client without a cache: one token, one log handler, answers within bounds.

Its own client fetches a token for each thread that finds none, adds a handler to the global logger
`amadeus` each time one is made, and waits for an answer without end.
"""

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pprint import pformat
from typing import Any, Final

import amadeus
from amadeus.client.access_token import AccessToken

from cachekit.amadeus.client.exchange import MAX_REPLY_BYTES
from cachekit.amadeus.client.session import STALE_TOKEN_CODES
from cachekit.amadeus.sdk.transport import Transport
from cachekit.core.singleflight import duplicate
from cachekit.errors import ConfigurationError

__all__ = ["LiveClient", "ThreadSafeToken"]

_OPTIONS: Final = (
    "client_id",
    "client_secret",
    "custom_app_id",
    "custom_app_version",
    "host",
    "hostname",
    "http",
    "log_level",
    "logger",
    "port",
    "ssl",
)
"""What `amadeus.Client` takes."""

_LOGGER_LOCK: Final = threading.Lock()


class LiveClient(amadeus.Client):  # type: ignore[misc]  # the SDK has no types
    """`amadeus.Client`, safe to share between threads. What it logs holds no secret and no token.

    Args:
        timeout: seconds for connecting, and between two pieces of an answer; a NetworkError past it.
        max_reply_bytes: a longer answer is not read to its end, and is a NetworkError.
        options: those of `amadeus.Client`. With an `http` of one's own, the two above are its business.

    Raises:
        ConfigurationError: an option is unknown or cannot work; or no host is given, neither here nor by
            AMADEUS_HOST: those the SDK knows by name are no longer there.
        ValueError: client_id or client_secret is missing.
    """

    def __init__(
        self, *, timeout: float = 20.0, max_reply_bytes: int = MAX_REPLY_BYTES, **options: Any
    ) -> None:
        if unknown := sorted(set(options).difference(_OPTIONS)):
            # The SDK would only log them.
            raise ConfigurationError(
                f"unknown options {unknown}; beside ours, the SDK's are {', '.join(_OPTIONS)}"
            )
        if not 0 < timeout < float("inf"):
            raise ConfigurationError(f"timeout must be a positive number of seconds, not {timeout!r}")
        host = options.get("host") or os.environ.get("AMADEUS_HOST")
        if not (host or options.get("hostname")):
            raise ConfigurationError(
                "no host is given, neither as host= nor by AMADEUS_HOST: the contract names it"
            )
        if host and "/" in str(host):
            raise ConfigurationError("host must be a bare name or address; port= and ssl= say the rest")
        if options.get("http") is None:
            options["http"] = Transport(timeout=timeout, max_bytes=max_reply_bytes)
        super().__init__(**options)
        self.access_token: ThreadSafeToken = ThreadSafeToken(self)

    def request(self, verb: str, path: str, params: Any) -> Any:
        """Send a request, the second time with a new token if the service refuses the first one's.

        Raises:
            amadeus.ResponseError: what became of it, in the SDK's own classes.
        """
        bearer = self.access_token._bearer_token()  # noqa: SLF001 - the SDK's own name for it
        try:
            return self._unauthenticated_request(verb, path, params, bearer)
        except amadeus.AuthenticationError as error:
            if not _is_stale_token(error.response.result):
                raise
            self.access_token.discard(bearer)
        bearer = self.access_token._bearer_token()  # noqa: SLF001
        return self._unauthenticated_request(verb, path, params, bearer)

    def _HTTP__log(self, sent: Any) -> None:  # noqa: N802 - so Python spells the SDK's `__log`
        """What the SDK logs at the level "debug", a request or a response, without the secrets in it."""
        if self.log_level == "debug":
            text = pformat(vars(sent))
            for secret in (self.client_secret, *_tokens_in(sent)):
                text = text.replace(secret, "***")
            self.logger.debug("%s\n%s", type(sent).__name__, text)

    def _initialize_logger(self, options: Mapping[str, Any]) -> None:
        """As the SDK's, which adds a handler each time, but only where there is none."""
        logger = logging.getLogger("amadeus")
        with _LOGGER_LOCK:
            before = list(logger.handlers)
            super()._initialize_logger(options)
            if before:
                logger.handlers[:] = before


class ThreadSafeToken(AccessToken):  # type: ignore[misc]  # the SDK has no types
    """The SDK's access token, of which threads that need one at once fetch one."""

    def __init__(self, client: amadeus.Client) -> None:
        super().__init__(client)
        self.access_token: str | None
        # By process: a fork may copy a lock that is held, or a fetch whose thread the child has not.
        self._gates: dict[int, _Gate] = {}

    def discard(self, bearer: str) -> None:
        """Forget the token, which the service refused; one fetched meanwhile is kept."""
        with self._gate().lock:
            if bearer == f"Bearer {self.access_token}":
                self.access_token = None

    def _bearer_token(self) -> str:
        """A token that lasts: the one here, else a new one, whoever fetches it.

        Raises:
            amadeus.ResponseError: it could not be had; each thread gets an error of its own.
        """
        gate = self._gate()
        while True:
            with gate.lock:
                if self._lasts():
                    return f"Bearer {self.access_token}"
                fetch = gate.fetch
                if fetch is None:
                    fetch = gate.fetch = Future()
                    break
            fault = fetch.result()
            if fault is not None:
                raise duplicate(fault) from fault.__cause__
        return self._fetch(gate, fetch)

    def _fetch(self, gate: "_Gate", fetch: "Future[Exception | None]") -> str:
        fault: Exception | None = None
        try:
            bearer: str = super()._bearer_token()
        except Exception as error:
            fault = error
            raise
        else:
            return bearer
        finally:
            # Of an interrupt the others hear nothing: one of them fetches.
            with gate.lock:
                gate.fetch = None
            fetch.set_result(fault)

    def _lasts(self) -> bool:
        in_time: bool = time.time() + self.TOKEN_BUFFER < self.expires_at
        return in_time and self.access_token is not None

    def _gate(self) -> "_Gate":
        return self._gates.setdefault(os.getpid(), _Gate())


class _Gate:
    """Who fetches the token in one process: others wait for `fetch`, whose result is the error, if any."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.fetch: Future[Exception | None] | None = None


def _tokens_in(sent: Any) -> Iterator[str]:
    """The token that a request was sent with, or that a response grants."""
    bearer = getattr(sent, "bearer_token", None)
    granted = getattr(sent, "result", None)
    tokens = [bearer.removeprefix("Bearer ") if bearer else None]
    if isinstance(granted, dict):
        tokens.append(granted.get("access_token"))
    yield from (token for token in tokens if isinstance(token, str) and token)


def _is_stale_token(result: Any) -> bool:
    """Whether an error document says that the token is invalid, expired or revoked: a new one cures that."""
    issues = result.get("errors") if isinstance(result, dict) else None
    first = issues[0] if isinstance(issues, list) and issues else None
    return isinstance(first, dict) and str(first.get("code")) in {str(code) for code in STALE_TOKEN_CODES}

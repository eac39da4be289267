"""One authenticated exchange: within the limits, with a token, and repeated where that may help."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from cachekit.amadeus.client.allowance import Allowance
from cachekit.amadeus.client.exchange import Document, Wire, has_list, read_document
from cachekit.amadeus.client.headers import ExtraHeaders
from cachekit.amadeus.client.token_provider import TokenProvider
from cachekit.amadeus.errors import AmadeusAuthError, AmadeusError, AmadeusQuotaError, AmadeusUnavailable
from cachekit.errors import ConfigurationError

__all__ = ["Call", "Patience", "Session"]

STALE_TOKEN_CODES: Final = frozenset({38190, 38192, 38193})
"""Codes of a 401 that a new token cures: invalid, expired, revoked."""

MEDIA_TYPE: Final = "application/vnd.amadeus+json"
READS_BY_POST: Final = {"X-HTTP-Method-Override": "GET", "Content-Type": MEDIA_TYPE}
"""A body does not make it a change: these may be repeated like any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request as an endpoint words it; with a body it goes by POST, else by GET.

    `complaint` says what is wrong with a reply's document, None for nothing.
    """

    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    complaint: Callable[[Document], str | None] = has_list


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, and how often to try again. All durations are in seconds.

    Args:
        total_timeout: for one call with all its retries, the waits for a turn and for a token included.
        retries: tries beyond the first.
        backoff, max_backoff: the n-th retry waits a random time up to backoff * 2**n seconds, at most
            max_backoff ("full jitter": Marc Brooker, "Exponential Backoff And Jitter", AWS, 2015).

    Raises ConfigurationError for what cannot work.
    """

    total_timeout: float = 30.0
    retries: int = 2
    backoff: float = 0.5
    max_backoff: float = 8.0

    def __post_init__(self) -> None:
        for name in ("total_timeout", "backoff", "max_backoff"):
            require_seconds(name, getattr(self, name))
        if type(self.retries) is not int or self.retries < 0:
            raise ConfigurationError(f"retries={self.retries!r}: allowed is a whole number, 0 or more")

    def delay(self, tried: int, draw: float) -> float:
        """Seconds before the next try, after `tried` failed ones, for a draw in [0, 1)."""
        return draw * min(self.max_backoff, self.backoff * 2.0 ** (tried - 1))


class Session:
    """Calls one host with one set of credentials. It belongs to the event loop that uses it.

    Args:
        wire: what it sends over.
        base_url: scheme, host and an optional path prefix, without a trailing slash.
        tokens: where the token comes from.
        allowance: what may be sent, and when.
        headers: further headers of each request.
        secrets: struck out of every error's texts, beside the token and the further headers' values.
        patience: how long and how often.
        clock: monotonic seconds.
        sleep: how a retry is waited for, in seconds.
        random: a number in [0, 1).
    """

    def __init__(
        self,
        wire: Wire,
        base_url: str,
        *,
        tokens: TokenProvider,
        allowance: Allowance,
        headers: ExtraHeaders,
        secrets: Collection[str],
        patience: Patience,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
        random: Callable[[], float],
    ) -> None:
        self._wire = wire
        self._base_url = base_url
        self._tokens = tokens
        self._allowance = allowance
        self._headers = headers
        self._secrets = tuple(secrets)
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._closed = False
        self._under_way: set[asyncio.Timeout] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def close(self) -> None:
        """End the calls that are under way, whatever they wait for: they fail, and so do later ones."""
        self._closed = True
        for scope in self._under_way:
            if not scope.expired():
                scope.reschedule(0)

    async def ask(self, call: Call) -> Document:
        """The document that answers `call`.

        A 429, a 5xx and a fault of the connection are tried again; nothing else is, but for one try with a
        new token after a 401 that says the token is stale; and for one more where the other token was
        another process's, and is as stale.

        Raises:
            AmadeusError: see `cachekit.amadeus.errors`; after the retries, the last fault.
            RuntimeError: an earlier call was made in another event loop.
        """
        self._require_open()
        total = self._patience.total_timeout
        scope = asyncio.timeout(total)
        self._under_way.add(scope)
        try:
            async with scope:
                return await self._ask_until(call, self._clock() + total)
        except (TimeoutError, AmadeusUnavailable) as error:
            if self._closed:
                raise AmadeusUnavailable("the Amadeus client is closed") from error
            if isinstance(error, AmadeusUnavailable):
                raise
            waits = "the waits for Redis, a token and a turn included"
            raise AmadeusUnavailable(f"no answer from Amadeus within {total:g} s, {waits}") from error
        finally:
            self._under_way.discard(scope)

    def _require_open(self) -> None:
        if self._closed:
            raise AmadeusUnavailable("the Amadeus client is closed", nothing_sent=True)
        loop = asyncio.get_running_loop()
        if self._loop not in {None, loop}:
            raise RuntimeError("an Amadeus client belongs to the event loop of its first call; make another")
        self._loop = loop

    async def _ask_until(self, call: Call, deadline: float) -> Document:
        tried, renewals = 0, 0
        while True:
            token = None
            try:
                async with self._allowance.place(deadline, self._tokens.get) as token:
                    return await self._ask_once(call, token)
            except AmadeusError as error:
                if token is not None and _is_stale(error):
                    most = 2 if self._tokens.is_borrowed(token) else 1
                    self._tokens.discard(token)
                    if renewals < most:
                        renewals += 1
                        continue
                tried += 1
                delay = self._patience.delay(tried, self._random())
                is_late = self._clock() + delay >= deadline
                if not _may_repeat(error) or tried > self._patience.retries or is_late:
                    raise
            await self._sleep(delay)

    async def _ask_once(self, call: Call, token: str) -> Document:
        extra = self._headers.make()
        answer = await self._wire.send(self._request(call, token, extra))
        try:
            return read_document(
                answer, secrets=(token, *self._secrets, *extra.values()), complaint=call.complaint
            )
        except AmadeusQuotaError:
            await self._allowance.quota_spent()
            raise

    def _request(self, call: Call, token: str, extra: Mapping[str, str]) -> httpx.Request:
        headers = httpx.Headers({"Accept": f"{MEDIA_TYPE}, application/json"})
        if call.body is not None:
            headers.update(READS_BY_POST)
        headers.update(extra)
        headers["Authorization"] = f"Bearer {token}"
        return self._wire.http.build_request(
            "GET" if call.body is None else "POST",
            self._base_url + call.path,
            params=call.query,
            json=call.body,
            headers=headers,
        )


def require_seconds(name: str, value: object) -> None:
    """Raises ConfigurationError unless `value` is a positive, finite number."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 < value < float("inf"):  # type: ignore[operator]
        raise ConfigurationError(f"{name}={value!r}: allowed is a positive number of seconds")


def _is_stale(error: AmadeusError) -> bool:
    return isinstance(error, AmadeusAuthError) and error.code in STALE_TOKEN_CODES


def _may_repeat(error: AmadeusError) -> bool:
    """Whether the same request may succeed in a moment, and is not one that our own limits stopped.

    A 408 is an outage to the caller, but no 4xx is sent again.
    """
    if error.status is None:
        return isinstance(error, AmadeusUnavailable)
    return error.retryable and (error.status == httpx.codes.TOO_MANY_REQUESTS or error.status >= 500)  # noqa: PLR2004

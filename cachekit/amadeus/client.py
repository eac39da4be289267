"""An asyncio client for Flight Offers Search, over httpx."""

import asyncio
import hashlib
import os
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx
import msgspec

from cachekit.amadeus.errors import (
    AmadeusAuthError,
    AmadeusError,
    AmadeusReplyError,
    AmadeusUnavailable,
    translate,
)
from cachekit.amadeus.params import FlightSearch
from cachekit.amadeus.token import TokenProvider
from cachekit.errors import ConfigurationError

__all__ = ["AmadeusClient"]

SEARCH_PATH: Final = "/v2/shopping/flight-offers"
TOKEN_PATH: Final = "/v1/security/oauth2/token"  # noqa: S105 - a path, not a secret

STALE_TOKEN_CODES: Final = frozenset({38190, 38192, 38193})
"""Codes of a 401 that a new token cures: invalid, expired, revoked."""

ENVIRONMENT: Final = ("AMADEUS_BASE_URL", "AMADEUS_CLIENT_ID", "AMADEUS_CLIENT_SECRET")
"""The variables `from_env` needs; `AMADEUS_TOKEN_URL` is optional."""


class AmadeusClient:
    """Searches flights at one Amadeus host with one set of credentials; a `FlightSource`.

    There is no default host: the address is in your contract, or is that of the sandbox. Use it as an
    async context manager, or call `aclose`.

    Args:
        base_url: scheme, host and an optional path prefix, e.g. `http://127.0.0.1:8080`.
        client_id, client_secret: the credentials. The secret is in no repr, log or error.
        token_url: the token endpoint, if it is not `/v1/security/oauth2/token` on `base_url`.
        extra_token_fields: further fields of the token form, e.g. `{"guest_office_id": …}`.
        extra_headers: further headers of each search; or a function that makes them anew for each
            request, as `ama-client-ref` wants.
        connect_timeout, read_timeout: seconds to connect, and between two pieces of an answer.
        total_timeout: seconds for one search with all its retries.
        retries: tries beyond the first, after 429, 5xx and connection faults.
        backoff, max_backoff: the n-th retry waits a random time up to backoff * 2**n seconds, at most
            max_backoff ("full jitter").
        clock: monotonic seconds. `sleep` and `random` are replaced in tests.
        http: a client to send with, which stays the caller's to close. By default one is made that
            honours the proxy environment, except for loopback addresses, where no proxy can reach.

    Raises:
        ConfigurationError: an option that cannot work.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: str,
        *,
        token_url: str | None = None,
        extra_token_fields: Mapping[str, str] | None = None,
        extra_headers: Mapping[str, str] | Callable[[], Mapping[str, str]] | None = None,
        connect_timeout: float = 5.0,
        read_timeout: float = 20.0,
        total_timeout: float = 30.0,
        retries: int = 2,
        backoff: float = 0.5,
        max_backoff: float = 8.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = random.random,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._base_url = _check_url("base_url", base_url)
        for name, text in (("client_id", client_id), ("client_secret", client_secret)):
            if not text:
                raise ConfigurationError(f"{name} must not be empty")
        fixed = {} if callable(extra_headers) else (extra_headers or {})
        if not all(f"{name}{value}".isascii() for name, value in fixed.items()):
            raise ConfigurationError("extra_headers: names and values must be ASCII, as HTTP wants them")
        seconds = {
            "connect_timeout": connect_timeout,
            "read_timeout": read_timeout,
            "total_timeout": total_timeout,
            "backoff": backoff,
            "max_backoff": max_backoff,
        }
        for name, number in seconds.items():
            if not 0 < number < float("inf"):
                raise ConfigurationError(f"{name} must be a positive number of seconds, not {number!r}")
        if retries < 0:
            raise ConfigurationError(f"retries must be 0 or more, not {retries!r}")
        self._client_id = client_id
        self._extra_headers = extra_headers if extra_headers is not None else {}
        self._total_timeout = total_timeout
        self._retries = retries
        self._backoff = backoff
        self._max_backoff = max_backoff
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._timeout = httpx.Timeout(read_timeout, connect=connect_timeout)
        self._owns_http = http is None
        self._http = _make_http() if http is None else http
        self._closed = False
        token_fields = dict(extra_token_fields or {})
        self._identity = self._make_identity(token_fields)
        self._secrets = (client_secret, *token_fields.values())
        self._tokens = TokenProvider(
            self._http,
            _check_url("token_url", token_url) if token_url else self._base_url + TOKEN_PATH,
            client_id,
            client_secret,
            extra_fields=token_fields,
            timeout=self._timeout,
            total_timeout=total_timeout,
            clock=clock,
        )

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **options: Any) -> Self:
        """A client from AMADEUS_BASE_URL, AMADEUS_CLIENT_ID, AMADEUS_CLIENT_SECRET and AMADEUS_TOKEN_URL.

        The last one is optional. `options` are those of the constructor.

        Raises:
            ConfigurationError: variables are missing; names all of them.
        """
        environ = os.environ if environ is None else environ
        missing = [name for name in ENVIRONMENT if not environ.get(name)]
        if missing:
            raise ConfigurationError(f"the environment lacks {', '.join(missing)}")
        base_url, client_id, client_secret = (environ[name] for name in ENVIRONMENT)
        options.setdefault("token_url", environ.get("AMADEUS_TOKEN_URL") or None)
        return cls(base_url, client_id, client_secret, **options)

    def __repr__(self) -> str:
        return f"AmadeusClient(base_url={self._base_url!r}, client_id={self._client_id!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Forget the token and close the connections that are ours. Searches under way fail."""
        self._closed = True
        await self._tokens.aclose()
        if self._owns_http:
            await self._http.aclose()

    @property
    def identity(self) -> str:
        """Host and a digest of address, client id, token fields and fixed headers; no secret."""
        return self._identity

    async def search(self, request: FlightSearch) -> dict[str, Any]:
        """Ask for offers: GET /v2/shopping/flight-offers with `request.to_query()`.

        Returns:
            The reply document as it came: `meta`, `data`, `dictionaries`.

        Raises:
            AmadeusError: see `cachekit.amadeus.errors`; after the retries, the last fault.
        """
        try:
            async with asyncio.timeout(self._total_timeout):
                return await self._search_with_retries(request.to_query())
        except TimeoutError as error:
            raise AmadeusUnavailable(f"no answer from Amadeus within {self._total_timeout:g} s") from error

    async def _search_with_retries(self, query: dict[str, str]) -> dict[str, Any]:
        deadline = self._clock() + self._total_timeout
        tried = 0
        while True:
            try:
                return await self._search_with_fresh_token(query)
            except AmadeusError as error:
                delay = self._random() * min(self._max_backoff, self._backoff * 2**tried)
                tried += 1
                if not error.retryable or tried > self._retries or self._clock() + delay >= deadline:
                    raise
            await self._sleep(delay)

    async def _search_with_fresh_token(self, query: dict[str, str]) -> dict[str, Any]:
        token = await self._tokens.get()
        try:
            return await self._send(query, token)
        except AmadeusAuthError as error:
            if error.code not in STALE_TOKEN_CODES:
                raise
            self._tokens.invalidate(token)
        return await self._send(query, await self._tokens.get())

    async def _send(self, query: dict[str, str], token: str) -> dict[str, Any]:
        if self._closed:
            raise AmadeusUnavailable("the Amadeus client is closed")
        extra = self._extra_headers() if callable(self._extra_headers) else self._extra_headers
        headers = {
            "Accept": "application/vnd.amadeus+json, application/json",
            **extra,
            "Authorization": f"Bearer {token}",
        }
        try:
            reply = await self._http.get(
                self._base_url + SEARCH_PATH,
                params=query,
                headers=headers,
                timeout=self._timeout,
                follow_redirects=False,
            )
        except httpx.HTTPError as error:
            raise translate(error) from error
        if reply.status_code != httpx.codes.OK:
            raise translate(reply, secrets=(token, *self._secrets, *extra.values()))
        return _read_document(reply)

    def _make_identity(self, token_fields: Mapping[str, str]) -> str:
        fixed_headers = {} if callable(self._extra_headers) else dict(self._extra_headers)
        parts = [self._base_url, self._client_id, sorted(token_fields.items()), sorted(fixed_headers.items())]
        digest = hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
        return f"{httpx.URL(self._base_url).host}-{digest[:16]}"


def _make_http() -> httpx.AsyncClient:
    direct = {f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")}
    return httpx.AsyncClient(mounts=direct)


def _check_url(name: str, url: str) -> str:
    """`url` without a trailing slash, if requests can be sent there."""
    rule = f"{name} must be http:// or https:// with a host, and without user, query or fragment"
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError) as error:
        raise ConfigurationError(rule) from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ConfigurationError(rule)
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise ConfigurationError(rule)
    return str(parsed).rstrip("/")


def _read_document(reply: httpx.Response) -> dict[str, Any]:
    request_id = reply.headers.get("ama-request-id")
    try:
        document = msgspec.json.decode(reply.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AmadeusReplyError("the reply is not JSON", status=200, request_id=request_id) from error
    if not isinstance(document, dict) or not isinstance(document.get("data"), list):
        raise AmadeusReplyError("the reply has no data list", status=200, request_id=request_id)
    return document

"""An asyncio client for the flight API, over httpx: its endpoints."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

from cachekit.amadeus.client.allowance import Allowance, RequestLimits
from cachekit.amadeus.client.budget import Budget
from cachekit.amadeus.client.endpoints import call_of
from cachekit.amadeus.client.exchange import MAX_REPLY_BYTES, Document, Wire
from cachekit.amadeus.client.headers import ExtraHeaders
from cachekit.amadeus.client.http import make_http
from cachekit.amadeus.client.pricing import pricing_call
from cachekit.amadeus.client.session import Patience, Session, require_seconds
from cachekit.amadeus.client.settings import AmadeusSettings
from cachekit.amadeus.client.shared_token import SharedToken
from cachekit.amadeus.client.token import OWN_FIELDS, TokenEndpoint
from cachekit.amadeus.client.token_provider import TokenProvider
from cachekit.amadeus.identity import check_url, is_text, make_identity, require_texts
from cachekit.amadeus.params import (
    AirlineLookup,
    CheapestDates,
    FlightRequest,
    LocationSearch,
)
from cachekit.core.cache import Cache
from cachekit.errors import ConfigurationError

__all__ = ["AmadeusClient"]

TOKEN_PATH: Final = "/v1/security/oauth2/token"  # noqa: S105 - a path, not a secret


class AmadeusClient:
    """Searches flights at one Amadeus host with one set of credentials; a `FlightSource`.

    There is no default host: the address is in your contract, or is that of the sandbox. Use it as an
    async context manager, or call `aclose`. Every method that asks the service returns the reply document as
    it came, with `data`, `meta` and `dictionaries`, and raises AmadeusError (see `cachekit.amadeus.errors`).

    Args:
        base_url: scheme, host and an optional path prefix, e.g. `http://127.0.0.1:8080`.
        client_id, client_secret: the credentials. The secret is in no repr, log or error.
        token_url: the token endpoint, if it is not `/v1/security/oauth2/token` on `base_url`.
        extra_token_fields: further fields of the token form, e.g. `{"guest_office_id": …}`.
        extra_headers: further headers of each request but those for tokens. A value may contain `{uuid}`,
            made anew for each request, as `ama-client-ref` wants; or a function makes them all.
        cache: an open cache, through whose Redis all processes share the token (sealed; see `SharedToken`),
            the turns and the month's budget. None: each process has its own.
        share_token: False keeps the token out of Redis all the same.
        limits: how fast requests may come, and how many a month; none by default.
        connect_timeout, read_timeout: seconds to connect, and between two pieces of an answer.
        total_timeout, retries, backoff, max_backoff: see `Patience`.
        max_reply_bytes: a larger reply is an error; counted after unpacking.
        record: a directory into which each exchange is written, without its secrets; see
            `RecordingTransport`. The proxy environment does not count then.
        clock: monotonic seconds. `sleep` and `random` are replaced in tests.
        http: a client to send with, which stays the caller's to close. By default one is made that offers
            HTTP/2 and honours the proxy environment, except for loopback addresses, where no proxy can reach.

    Raises:
        ConfigurationError: an option that cannot work; or `cache` without the package `cryptography`.
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
        cache: Cache | None = None,
        share_token: bool = True,
        limits: RequestLimits | None = None,
        connect_timeout: float = 5.0,
        read_timeout: float = 20.0,
        total_timeout: float = 30.0,
        retries: int = 2,
        backoff: float = 0.5,
        max_backoff: float = 8.0,
        max_reply_bytes: int = MAX_REPLY_BYTES,
        record: Path | str | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = random.random,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._base_url = check_url("base_url", base_url)
        token_url = check_url("token_url", token_url) if token_url else self._base_url + TOKEN_PATH
        _require_text(client_id=client_id, client_secret=client_secret)
        require_seconds("connect_timeout", connect_timeout)
        require_seconds("read_timeout", read_timeout)
        if type(max_reply_bytes) is not int or max_reply_bytes < 1:
            raise ConfigurationError(f"max_reply_bytes={max_reply_bytes!r}: allowed is 1 or more bytes")
        patience = Patience(
            total_timeout=total_timeout, retries=retries, backoff=backoff, max_backoff=max_backoff
        )
        headers = ExtraHeaders(extra_headers)
        fields = require_texts("extra_token_fields", extra_token_fields or {})
        if fields.keys() & OWN_FIELDS:
            raise ConfigurationError(
                f"extra_token_fields: {', '.join(OWN_FIELDS)} are set by the client itself"
            )
        self._client_id = client_id
        self._identity = make_identity(self._base_url, client_id, token_fields=fields, headers=headers.fixed)
        account = make_identity(self._base_url, client_id)

        shared = None
        if cache is not None and share_token:
            scope = {"url": token_url, "client_id": client_id, **_named(fields)}
            shared = SharedToken(cache, secret=client_secret, scope=scope)
        self._allowance = Allowance(
            limits or RequestLimits(), account=account, cache=cache, clock=clock, sleep=sleep
        )
        self._owns_http = http is None
        secrets = (client_secret, *fields.values())
        if http is None:
            words = (client_id, *secrets, *headers.fixed.values())
            http = make_http(record, base_url=self._base_url, secrets=words)
        elif record is not None:
            raise ConfigurationError(
                "record: allowed only without http; give that client a RecordingTransport"
            )
        self._http = http
        timeout = httpx.Timeout(read_timeout, connect=connect_timeout)
        wire = Wire(http=self._http, timeout=timeout, max_reply_bytes=max_reply_bytes)
        endpoint = TokenEndpoint(wire, token_url, client_id, client_secret, extra_fields=fields, clock=clock)
        self._tokens = TokenProvider(endpoint, shared=shared, total_timeout=total_timeout, clock=clock)
        self._session = Session(
            wire,
            self._base_url,
            tokens=self._tokens,
            allowance=self._allowance,
            headers=headers,
            secrets=secrets,
            patience=patience,
            clock=clock,
            sleep=sleep,
            random=random,
        )

    @classmethod
    def from_settings(cls, settings: AmadeusSettings, *, cache: Cache | None = None, **options: Any) -> Self:
        """A client as `settings` describe it; `options` are those of the constructor, and win."""
        given: dict[str, Any] = {
            "token_url": settings.token_url,
            "extra_token_fields": settings.token_fields,
            "extra_headers": settings.headers,
            "limits": settings.limits,
            "record": settings.record,
        }
        arguments = (settings.base_url, settings.client_id, settings.client_secret)
        return cls(*arguments, cache=cache, **(given | options))

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] | None = None, *, cache: Cache | None = None, **options: Any
    ) -> Self:
        """A client as the environment describes it; see `AmadeusSettings.from_env`."""
        return cls.from_settings(AmadeusSettings.from_env(environ), cache=cache, **options)

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
        """Forget the token and close the connections that are ours. Calls under way fail."""
        self._session.close()
        await self._tokens.aclose()
        if self._owns_http:
            await self._http.aclose()
        await self._allowance.aclose()

    @property
    def identity(self) -> str:
        """Host and a digest of address, client id, token fields and fixed headers; no secret."""
        return self._identity

    async def budget(self) -> Budget | None:
        """How the month's budget stands; None if there is none. Raises nothing."""
        return await self._allowance.look()

    async def search(self, request: FlightRequest) -> Document:
        """Offers for `request`: GET, or for several cities POST, on /v2/shopping/flight-offers."""
        return await self._session.ask(call_of(request))

    async def price(
        self,
        offers: Sequence[Mapping[str, Any]],
        *,
        include: Sequence[str] = (),
        force_class: bool = False,
    ) -> Document:
        """The same offers at the price of now, with taxes: POST /v1/shopping/flight-offers/pricing.

        Args:
            offers: 1 to 6, as a search gave them, whole.
            include: further parts of the reply, of `PRICE_DETAILS`.
            force_class: price the very booking class of the offer, even where a cheaper one is left.

        Raises:
            InvalidParams: too few or too many offers, or an unknown part.
        """
        call = pricing_call(offers, include, force_class=force_class)
        return await self._session.ask(call)

    async def locations(self, request: LocationSearch) -> Document:
        """Airports and cities by the beginning of their name or code: GET /v1/reference-data/locations."""
        return await self._session.ask(call_of(request))

    async def airlines(self, request: AirlineLookup) -> Document:
        """Airlines by code: GET /v1/reference-data/airlines."""
        return await self._session.ask(call_of(request))

    async def cheapest_dates(self, request: CheapestDates) -> Document:
        """The cheapest days to fly: GET /v1/shopping/flight-dates."""
        return await self._session.ask(call_of(request))


def _named(fields: Mapping[str, str]) -> dict[str, str]:
    """The token's further fields, so named that none is taken for another fact."""
    return {f"field {name}": value for name, value in fields.items()}


def _require_text(**options: str) -> None:
    for name, text in options.items():
        if not text or not is_text(text):
            raise ConfigurationError(f"{name} must be a text, and not empty")

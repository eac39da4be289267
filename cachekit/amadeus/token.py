"""The OAuth 2.0 access token (client credentials grant, RFC 6749 section 4.4), fetched once and shared."""

import asyncio
import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import msgspec

from cachekit.amadeus.errors import AmadeusError, AmadeusReplyError, AmadeusUnavailable, translate

__all__ = ["TokenProvider"]

RENEW_EARLY: Final = 60.0
"""Seconds before its expiry at which a token is no longer used, so that none expires on its way."""

RENEW_EARLY_SHARE: Final = 0.1
"""The same as a share of the lifetime, for tokens so short-lived that a minute is all they have."""


@dataclass(frozen=True, slots=True)
class _Token:
    value: str = field(repr=False)
    renew_at: float


class TokenProvider:
    """Hands out the access token of one client, fetching it when there is none that will last.

    However many coroutines ask at once, one fetch runs. It belongs to the provider: a caller that is
    cancelled leaves it running for the others. Tokens live in this object only, never in Redis.

    Args:
        http: the client to send with; it stays the caller's to close.
        url: the token endpoint.
        client_id, client_secret: the credentials.
        extra_fields: further form fields, such as `guest_office_id`.
        timeout: for each phase of the fetch.
        total_timeout: seconds for the whole fetch.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        extra_fields: Mapping[str, str],
        timeout: httpx.Timeout,
        total_timeout: float,
        clock: Callable[[], float],
    ) -> None:
        self._http = http
        self._url = url
        self._secrets = (client_secret, *extra_fields.values())
        self._form = {
            **extra_fields,
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
        }
        self._timeout = timeout
        self._total_timeout = total_timeout
        self._clock = clock
        self._token: _Token | None = None
        self._fetching: asyncio.Task[_Token | AmadeusError] | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"TokenProvider(url={self._url!r}, client_id={self._form['client_id']!r})"

    async def get(self) -> str:
        """A token that will last for a while.

        Raises:
            AmadeusError: it could not be had; each waiter gets an error of its own.
        """
        if self._closed:
            raise AmadeusUnavailable("the Amadeus client is closed")
        if self._token is not None and self._clock() < self._token.renew_at:
            return self._token.value
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch(), name="amadeus-token")
        task = self._fetching
        await asyncio.wait({task})
        if task.cancelled():
            raise AmadeusUnavailable("the Amadeus client was closed while its token was fetched")
        outcome = task.result()
        if isinstance(outcome, AmadeusError):
            # A traceback grows with every raise, so waiters must not share the exception.
            raise copy.copy(outcome) from outcome.__cause__
        return outcome.value

    def invalidate(self, token: str) -> None:
        """Forget `token`, which the service refused; a newer one fetched meanwhile is kept."""
        if self._token is not None and self._token.value == token:
            self._token = None

    async def aclose(self) -> None:
        """Forget the token and stop a fetch that is under way."""
        self._closed = True
        self._token = None
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait({self._fetching})

    async def _fetch(self) -> _Token | AmadeusError:
        """One fetch; the outcome is returned, so that it can be raised once for each waiter."""
        try:
            asked_at = self._clock()
            async with asyncio.timeout(self._total_timeout):
                reply = await self._http.post(
                    self._url, data=self._form, timeout=self._timeout, follow_redirects=False
                )
            if reply.status_code != httpx.codes.OK:
                return translate(reply, secrets=self._secrets)
            self._token = _read_token(reply.content, asked_at)
        except httpx.HTTPError as error:
            fault = translate(error)
            fault.__cause__ = error
            return fault
        except TimeoutError:
            return AmadeusUnavailable(f"no token from Amadeus within {self._total_timeout:g} s")
        except AmadeusError as error:
            return error.with_traceback(None)
        else:
            return self._token
        finally:
            self._fetching = None


def _read_token(body: bytes, asked_at: float) -> _Token:
    """The token of a reply; its lifetime counts from when it was asked for, the safe side."""
    try:
        document: Any = msgspec.json.decode(body)
        value, lifetime = document["access_token"], float(document["expires_in"])
    except (msgspec.DecodeError, LookupError, TypeError, ValueError, RecursionError):
        raise AmadeusReplyError("the token reply is not JSON with access_token and expires_in") from None
    if not isinstance(value, str) or not re.fullmatch(r"[!-~]+", value):
        raise AmadeusReplyError("the token reply's access_token is not printable ASCII without spaces")
    if not 0 < lifetime < float("inf"):
        raise AmadeusReplyError("the token reply's expires_in is not a positive number of seconds")
    return _Token(value, asked_at + lifetime - min(RENEW_EARLY, lifetime * RENEW_EARLY_SHARE))

"""An issuer's keys, fetched from where it publishes them and kept."""

import asyncio
import logging
import math
from typing import Final, Self

import httpx
import jwt

from cachekit.core.clock import Clock, SystemClock
from chatbot.auth.keyset import KeySet, read_key_set
from chatbot.errors import AuthError, SettingsError

logger = logging.getLogger(__name__)

MAX_BODY: Final = 262_144
"""Bytes of a key set that are read."""
FIRST_RETRY: Final = 1.0
"""Seconds until the next try while there is no key at all: nobody can sign in."""

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class JwksKeys:
    """The keys at `url`. However many ask at once, one request goes out. Times are in seconds.

    Keys younger than `lifetime` are used as they are. Older ones are used while they are fetched anew in the
    background; from twice that age on, whoever asks waits for the new ones. If the issuer is away the old
    ones hold until they are `stale_for` old. A key nobody knows is asked for, but no sooner than `cool_down`
    after the last request, whatever tokens say. Each request may take `timeout` in all; redirects are not
    followed, and at most 256 KB are read.

    Used in one event loop. `aclose`, or the end of an `async with`, ends the request under way.

    Raises:
        SettingsError: the URL is not https. To this machine itself it may be http.
    """

    def __init__(
        self,
        url: str,
        *,
        lifetime: float = 300.0,
        stale_for: float = 86_400.0,
        cool_down: float = 10.0,
        timeout: float = 5.0,
        clock: Clock | None = None,
    ) -> None:
        self._host = _require_safe(url)
        self._url = url
        self._lifetime = lifetime
        self._stale_for = stale_for
        self._cool_down = cool_down
        self._timeout = timeout
        self._clock = clock or SystemClock()
        self._keys: KeySet | None = None
        self._fetched_at = -math.inf
        self._not_before = -math.inf
        self._flight: asyncio.Task[None] | None = None
        self._closed = False
        # No proxy can reach this machine itself.
        direct = {f"all://{'[::1]' if host == '::1' else host}": None for host in _LOOPBACK}
        self._http = httpx.AsyncClient(
            timeout=timeout,
            follow_redirects=False,
            mounts=direct,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )

    def __repr__(self) -> str:
        return f"<JwksKeys of {self._host}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the request under way, if any, and close the connections."""
        self._closed = True
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.wait([self._flight])
        await self._http.aclose()

    async def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """The key of that id for that algorithm; None if the issuer has none.

        Raises:
            AuthError: `unavailable`: no keys could be had, or none that are young enough.
        """
        age = self._age()
        if age >= 2 * self._lifetime:
            await self._refresh()
        elif age >= self._lifetime:
            self._begin()
        found = self._usable().find(kid, algorithm)
        if found is None:
            await self._refresh()
            found = self._usable().find(kid, algorithm)
        return found

    def _age(self) -> float:
        return self._clock.monotonic() - self._fetched_at

    def _usable(self) -> KeySet:
        if self._keys is None or self._age() >= self._stale_for:
            raise AuthError("Nobody can sign in right now; try again in a moment.", code="unavailable")
        return self._keys

    async def _refresh(self) -> None:
        """Wait for the request under way, or for a new one unless it is too soon for that."""
        flight = self._begin()
        if flight is not None:
            # Neither is the request cancelled with one who waits, nor are they with it.
            await asyncio.wait([flight])

    def _begin(self) -> asyncio.Task[None] | None:
        if self._flight is None and not self._closed and self._clock.monotonic() >= self._not_before:
            self._flight = asyncio.create_task(self._fetch(), name="chatbot jwks")
        return self._flight

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                self._keys = read_key_set(await self._download())
            self._fetched_at = self._clock.monotonic()
        except (httpx.HTTPError, OSError, ValueError) as error:
            logger.warning("the keys of %s could not be fetched: %s", self._host, _reason(error))
        finally:
            pause = self._cool_down if self._keys else min(FIRST_RETRY, self._cool_down)
            self._not_before = self._clock.monotonic() + pause
            self._flight = None

    async def _download(self) -> bytes:
        """The answer's body; raises ValueError for one that is not what was asked for."""
        async with self._http.stream("GET", self._url) as reply:
            if reply.status_code != httpx.codes.OK:
                raise ValueError(f"status {reply.status_code}")
            body = bytearray()
            # Raw: what is packed small may unpack to any size, and it was asked not to be packed.
            async for chunk in reply.aiter_raw():
                body += chunk
                if len(body) > MAX_BODY:
                    raise ValueError(f"more than {MAX_BODY} bytes")
            return bytes(body)


def _require_safe(url: str) -> str:
    """The URL's host; raises SettingsError if somebody on the way could put in keys of his own."""
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        raise SettingsError("the JWKS URL cannot be read") from None
    if not parts.host or parts.userinfo:
        raise SettingsError("the JWKS URL must be https://host/path, without a user or password")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.host in _LOOPBACK):
        raise SettingsError("the JWKS URL must begin with https://; http:// is for this machine itself only")
    return parts.host


def _reason(error: Exception) -> str:
    """For the log: our own words, or the kind of what a library raised, whose text may show the URL."""
    if type(error) is ValueError:
        return str(error)
    return type(error).__name__

"""The official SDK as a source of flights: its blocking calls in threads, its errors as ours."""

import asyncio
from collections.abc import Mapping, Sequence
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from http.client import HTTPException
from types import TracebackType
from typing import Any, Final, Self

import amadeus
import httpx

from cachekit.amadeus.client.answer import Answer
from cachekit.amadeus.client.endpoints import call_of
from cachekit.amadeus.client.exchange import Document, read_document
from cachekit.amadeus.client.faults import translate
from cachekit.amadeus.client.pricing import pricing_call
from cachekit.amadeus.client.session import Call
from cachekit.amadeus.errors import AmadeusError, AmadeusReplyError, AmadeusUnavailable
from cachekit.amadeus.identity import check_url, make_identity
from cachekit.amadeus.params import (
    AirlineLookup,
    CheapestDates,
    FlightRequest,
    LocationSearch,
)
from cachekit.amadeus.sdk.live import ThreadSafeToken
from cachekit.amadeus.sdk.threads import DaemonThreads
from cachekit.amadeus.sdk.transport import unreadable
from cachekit.errors import ConfigurationError

__all__ = ["SdkSource", "sdk_identity"]

_STUMBLES: Final = (AttributeError, LookupError, TypeError, UnicodeDecodeError)
"""What the SDK raises for a body that is no text in UTF-8, or JSON but no object."""


class SdkSource:
    """Asks by a plain `amadeus.Client`; a `FlightSource` and a `ReferenceSource`.

    A caller who is cancelled goes at once; the blocking call he waited for ends with the SDK's own
    timeout, and its answer is dropped. The client gets an access token that threads share, if it has none
    of that kind. Make one source in each process; it does not survive a fork.

    Every error has the SDK's own as its cause.

    Args:
        client: the SDK's client. Not a cached one, of whose answers the age would be lost.
        threads: how many calls run at once; further ones wait.

    Raises:
        ConfigurationError: less than one thread.
    """

    def __init__(self, client: amadeus.Client, *, threads: int = 32) -> None:
        if threads < 1:
            raise ConfigurationError(f"threads={threads!r}: allowed is 1 or more")
        if not isinstance(getattr(client, "access_token", None), ThreadSafeToken):
            client.access_token = ThreadSafeToken(client)
        self._client = client
        self._identity = sdk_identity(client)
        self._threads = DaemonThreads(threads, name="cachekit-sdk")
        self._closed = False

    def __repr__(self) -> str:
        return f"SdkSource({self._identity})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take no more calls. Those under way end with the SDK's timeout, or with the process."""
        self._closed = True
        self._threads.shutdown(cancel_futures=True)

    @property
    def identity(self) -> str:
        """The same as that of an `AmadeusClient` for this host and these credentials."""
        return self._identity

    async def search(self, request: FlightRequest) -> Document:
        """Ask for offers: GET with `request.to_query()`, or POST with `request.to_body()`.

        Raises:
            AmadeusError: see `cachekit.amadeus.errors`. There are no retries.
        """
        return await self._ask(call_of(request))

    async def price(self, offers: Sequence[Mapping[str, Any]]) -> Document:
        """Ask what 1 to 6 offers cost now; raises as `search`, and InvalidParams for what is no offer."""
        call = pricing_call(offers, (), force_class=False)
        # With the question mark, by which alone the SDK knows to send the method override.
        return await self._ask(replace(call, path=f"{call.path}?"))

    async def cheapest_dates(self, request: CheapestDates) -> Document:
        """Ask for the cheapest days to fly; raises as `search`."""
        return await self._ask(call_of(request))

    async def locations(self, request: LocationSearch) -> Document:
        """Ask for airports and cities; raises as `search`."""
        return await self._ask(call_of(request))

    async def airlines(self, request: AirlineLookup) -> Document:
        """Ask for airlines by their codes; raises as `search`."""
        return await self._ask(call_of(request))

    async def _ask(self, call: Call) -> Document:
        try:
            response = await self._in_thread(call)
        except amadeus.ResponseError as error:
            raise self._translated(error) from error
        except (OSError, HTTPException) as error:
            # The SDK translates urllib's own errors only, and those only while it connects.
            raise AmadeusUnavailable(f"Amadeus cannot be reached ({type(error).__name__})") from error
        except _STUMBLES as error:
            raise AmadeusReplyError(f"the SDK cannot read the reply ({type(error).__name__})") from error
        try:
            return read_document(_answer(response), secrets=self._secrets(), complaint=call.complaint)
        except AmadeusError as error:
            raise error from unreadable(response)

    async def _in_thread(self, call: Call) -> Any:
        if self._closed:
            raise AmadeusUnavailable("the SDK source is closed")
        if call.body is None:
            request = partial(self._client.request, "GET", call.path, dict(call.query))
        else:
            request = partial(self._client.request, "POST", call.path, dict(call.body))
        # In the caller's context, as asyncio.to_thread does it.
        work = partial(copy_context().run, request)
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _translated(self, error: amadeus.ResponseError) -> AmadeusError:
        response = error.response
        if response.status_code is None:
            reason = getattr(response.http_response, "reason", None)
            name = type(reason or response.http_response).__name__
            return AmadeusUnavailable(f"Amadeus cannot be reached ({name})")
        if response.status_code == httpx.codes.OK:
            return AmadeusReplyError("Amadeus' reply is not JSON", status=httpx.codes.OK)
        return translate(_answer(response), secrets=self._secrets())

    def _secrets(self) -> tuple[str, ...]:
        token = self._client.access_token.access_token
        return (self._client.client_secret, *([token] if token else ()))


def sdk_identity(client: amadeus.Client) -> str:
    """The identity of what `client` is told: see `cachekit.amadeus.identity`.

    Raises:
        ConfigurationError: its host and port make no URL.
    """
    scheme = "https" if client.ssl else "http"
    base_url = check_url("host", f"{scheme}://{client.host}:{client.port}")
    return make_identity(base_url, client.client_id)


def _answer(response: amadeus.Response) -> Answer:
    """The SDK's response as what it was before it was parsed."""
    # Only those that are read: one that speaks of the body's encoding is no longer true of the text.
    names = ("Content-Type", "Ama-Request-Id")
    headers = {name: response.headers[name] for name in names if response.headers.get(name)}
    return Answer(response.status_code, httpx.Headers(headers), (response.body or "").encode())

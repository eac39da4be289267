"""The token that one client holds: fetched once however many ask, renewed ahead, dropped when refused."""

import asyncio
import copy
from collections.abc import Callable
from dataclasses import dataclass, field

from cachekit.amadeus.client.shared_token import SharedToken
from cachekit.amadeus.client.token import Token, TokenEndpoint
from cachekit.amadeus.errors import AmadeusError, AmadeusUnavailable

__all__ = ["TokenProvider"]


@dataclass(frozen=True, slots=True)
class _Held:
    value: str = field(repr=False)
    renew_at: float


class TokenProvider:
    """Hands out the access token of one client, getting another when there is none that will last.

    However many coroutines ask at once, one fetch runs. It belongs to the provider: a caller that is
    cancelled leaves it running for the others.

    Args:
        endpoint: where tokens come from.
        shared: where they are shared with other processes; None: each process has its own.
        total_timeout: seconds for getting one, the wait for another process included.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        endpoint: TokenEndpoint,
        *,
        shared: SharedToken | None = None,
        total_timeout: float,
        clock: Callable[[], float],
    ) -> None:
        self._endpoint = endpoint
        self._shared = shared
        self._total_timeout = total_timeout
        self._clock = clock
        self._held: _Held | None = None
        self._refused: str | None = None
        self._borrowed: str | None = None
        self._fetching: asyncio.Task[_Held | AmadeusError] | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"TokenProvider({self._endpoint!r}, shared={self._shared!r})"

    async def get(self) -> str:
        """A token that will last for a while.

        Raises:
            AmadeusError: it could not be had; each waiter gets an error of its own.
        """
        if self._closed:
            raise AmadeusUnavailable("the Amadeus client is closed", nothing_sent=True)
        if self._held is not None and self._clock() < self._held.renew_at:
            return self._held.value
        # Done: it was cancelled before it began, and so could not say so itself.
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._fetch(), name="amadeus-token")
        task = self._fetching
        await asyncio.wait({task})
        if task.cancelled():
            raise AmadeusUnavailable("the fetch of the token was cancelled", nothing_sent=True)
        outcome = task.result()
        if isinstance(outcome, AmadeusError):
            # A traceback grows with every raise, so waiters must not share the exception.
            raise copy.copy(outcome) from outcome.__cause__
        return outcome.value

    def discard(self, token: str) -> None:
        """Never use `token` again, which the service refused; a newer one got meanwhile is kept."""
        self._refused = token
        if self._held is not None and self._held.value == token:
            self._held = None

    def is_borrowed(self, token: str) -> bool:
        """Whether `token`, handed out last, was fetched by another process, and may be as stale as ours."""
        return token == self._borrowed

    async def aclose(self) -> None:
        """Forget the token and stop a fetch that is under way."""
        self._closed = True
        self._held = None
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait({self._fetching})

    async def _fetch(self) -> _Held | AmadeusError:
        """One fetch; the outcome is returned, so that it can be raised once for each waiter."""
        try:
            async with asyncio.timeout(self._total_timeout):
                token = await self._obtain()
            self._held = _Held(token.value, self._clock() + token.good_for)
            self._borrowed = token.value if token.borrowed else None
        except TimeoutError:
            return AmadeusUnavailable(f"no token from Amadeus within {self._total_timeout:g} s")
        except AmadeusError as error:
            return error.with_traceback(None)
        else:
            return self._held
        finally:
            self._fetching = None

    async def _obtain(self) -> Token:
        if self._shared is None:
            return await self._endpoint.fetch()
        return await self._shared.get(self._endpoint.fetch, refused=self._refused)

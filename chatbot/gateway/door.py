"""Who may come in: a limit for the address, a token, a limit for the user, and a place in Redis."""

import math
from collections.abc import Sequence
from typing import Final

from aiohttp import web

from cachekit.core.clock import Clock
from cachekit.socket_auth import SocketKeeper
from chatbot.auth import Deadlines, Revocations, TokenVerifier
from chatbot.errors import AuthError, LimitError
from chatbot.gateway.audience import Audience, Connected
from chatbot.limits import AddressLimit, Network, UserLimits, client_address

REFUSALS: Final = {
    "token_revoked": "This sign-in was ended; sign in again.",
    "disconnected": "An administrator has ended this connection.",
}
"""What is said to a socket that is refused for what came over the bus while it was coming in."""


class Door:
    """Lets sockets in, in three round trips: revocations, the user's limit, the registration.

    In that order: a token that counts no longer uses up nothing of its user's limit.

    A socket is in the audience before it is let in, so that nothing which comes over the bus meanwhile, a
    revocation above all, passes it by.
    """

    def __init__(
        self,
        *,
        verifier: TokenVerifier,
        revocations: Revocations,
        addresses: AddressLimit,
        limits: UserLimits,
        trusted: Sequence[Network],
        keeper: SocketKeeper,
        deadlines: Deadlines,
        audience: Audience,
        clock: Clock,
    ) -> None:
        self._verifier = verifier
        self._revocations = revocations
        self._addresses = addresses
        self._limits = limits
        self._trusted = tuple(trusted)
        self._keeper = keeper
        self._deadlines = deadlines
        self._audience = audience
        self._clock = clock

    async def enter(self, sid: str, request: web.Request, auth: object) -> Connected:
        """Let a socket in, with `auth` the payload of its handshake.

        Raises:
            LimitError: `rate_limited`.
            AuthError: as `TokenVerifier.verify`; or the token is revoked.
            CacheUnavailable: Redis is away; nobody gets in then.
        """
        address = client_address(request, self._trusted)
        # Before anything is looked at: this bound protects the instance that looks.
        require_turn(self._addresses, address, "connections")
        identity = await self._verifier.verify(auth.get("token") if isinstance(auth, dict) else None)
        connected = Connected(sid, identity, address)
        self._audience.add(connected)
        try:
            await self._revocations.require_valid(identity)
            await self._limits.connect(identity.user_id)
            await self._keeper.add(sid, identity.user_id)
            _require_welcome(connected)
        except BaseException:
            self.leave(sid)
            raise
        connected.entered = True
        self._deadlines.set(sid, identity.expires_at)
        return connected

    async def refresh(self, connected: Connected, token: object) -> None:
        """Let a socket stay by a newer token.

        Raises:
            AuthError: as `enter`; or `token_invalid`, since it is somebody else's.
        """
        identity = await self._verifier.verify(token)
        if identity.user_id != connected.user_id:
            raise AuthError("The token is somebody else's; connect anew with it.")
        await self._revocations.require_valid(identity)
        connected.identity = identity
        if connected.entered and self._audience.get(connected.sid) is connected:
            self._deadlines.set(connected.sid, identity.expires_at)

    def require_signed_in(self, connected: Connected) -> None:
        """Raises AuthError once the socket's token has ended."""
        if self._clock.time() >= connected.identity.expires_at:
            raise AuthError("The token has expired; sign in again.", code="token_expired")

    def leave(self, sid: str) -> Connected | None:
        """Forget a socket that has gone; None if it was not here."""
        connected = self._audience.remove(sid)
        self._deadlines.drop(sid)
        self._keeper.remove(sid)
        return connected


def require_turn(limit: AddressLimit, address: str, what: str) -> None:
    """Raises LimitError `rate_limited` if that address has asked for too much; `what` says for what."""
    wait = limit.take(address)
    if wait > 0:
        raise LimitError(
            f"Too many {what} from your address; try again in {math.ceil(wait)} s.", code="rate_limited"
        )


def _require_welcome(connected: Connected) -> None:
    if connected.refused is not None:
        raise AuthError(REFUSALS[connected.refused], code=connected.refused)

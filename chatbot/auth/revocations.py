"""Tokens that were revoked before their end: in Redis for all instances, and in the memory of each.

| key                          | holds                                 | lives                          |
|------------------------------|---------------------------------------|--------------------------------|
| `auth_revoked:token:{jti}`   | `1`                                   | as long as the token           |
| `auth_revoked:user:{userId}` | epoch seconds; tokens issued up to    | as long as any of them may     |
|                              | then are void                         |                                |

Redis tells the instance that checks a new token; who holds open sockets is told by a message, see `hear`.
Each instance keeps what it has heard, so that neither an outage nor a Redis that comes back empty lets a
revoked token in where its revocation is known, and writes again what Redis has lost.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Self

from cachekit.core.cache import Cache
from cachekit.core.keys import KeySpace
from cachekit.errors import CacheKitError
from chatbot.auth.identity import LEEWAY, LONGEST_LIFE, Identity
from chatbot.auth.revoked import RevocationList
from chatbot.errors import AuthError, InvalidMessage

logger = logging.getLogger(__name__)

_KEYS: Final = KeySpace("auth_revoked")
_BATCH: Final = 500
"""Keys asked for in one round trip."""

# Invariant: the moment only moves forward, so of two revocations of a user the later one holds.
# KEYS[1] the user's key; ARGV[1] the moment in epoch seconds; ARGV[2] its life in milliseconds.
# Returns 1 if it was stored, 0 if as late a moment stood there.
MOVE_FORWARD: Final = """
local held = tonumber(redis.call('GET', KEYS[1]) or '')
if held and held >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""


class Revocations:
    """Revokes tokens by their `jti`, or all that a user was issued so far, and says which are revoked.

    `longest_life` is the one of the verifier: no token is older, so no revocation matters for longer. As an
    `async with` it looks every `restore_every` seconds whether Redis still has what was revoked.

    What goes to Redis raises CacheUnavailable while that is away: nobody is let in unchecked.
    """

    def __init__(
        self,
        cache: Cache,
        *,
        longest_life: float = LONGEST_LIFE,
        restore_every: float = 10.0,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._cache = cache
        self._longest_life = longest_life
        self._restore_every = restore_every
        self._sleep = sleep
        self._known = RevocationList()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._restore_now_and_then(), name="chatbot revocations")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def revoke_token(self, token_id: str, *, expires_at: float | None = None) -> None:
        """Revoke one token, which ends at `expires_at`, in epoch seconds; None: nobody knows when.

        Raises:
            CacheUnavailable: Redis is away. It holds in this process all the same, and `restore` will write
                it; but who revoked had better try again.
        """
        now = self._now()
        latest = now + self._longest_life + LEEWAY
        until = latest if expires_at is None else min(expires_at, latest)
        if until > now:
            self._known.add_token(token_id, until=until, now=now)
            await self._write_token(token_id, until)

    async def revoke_user(self, user_id: str, *, before: float | None = None) -> float:
        """Revoke what was issued to a user up to `before`, in epoch seconds, by default now; that moment.

        Who signs in again after that second is let in.

        Raises:
            InvalidMessage: `before` lies in the future: that would lock the user out.
            CacheUnavailable: as `revoke_token`.
        """
        now = self._now()
        before = now if before is None else before
        if not -math.inf < before <= now + LEEWAY:
            raise InvalidMessage("before: a moment in the past, in epoch seconds, is allowed")
        self.hear(user_id=user_id, before=before)
        await self._write_user(user_id, before)
        return before

    def hear(
        self, *, token_id: str | None = None, user_id: str | None = None, before: float | None = None
    ) -> None:
        """Note what another instance has revoked, so that it holds here whatever becomes of Redis."""
        now = self._now()
        if token_id is not None:
            self._known.add_token(token_id, until=now + self._longest_life + LEEWAY, now=now)
        if user_id is not None:
            moment = now if before is None else before
            self._known.add_user(user_id, before=moment, until=self._until(moment), now=now)

    async def require_valid(self, identity: Identity) -> None:
        """Take one round trip to see that the token still counts.

        Raises:
            AuthError: `token_revoked`.
            CacheUnavailable: Redis is away, and nobody here knows of a revocation.
        """
        if await self.revoked([identity]):
            raise AuthError("This sign-in has been ended; sign in again.", code="token_revoked")

    async def revoked(self, identities: Iterable[Identity]) -> set[Identity]:
        """Which of these were revoked; asks Redis for those that are not known to be, 250 a round trip.

        Raises:
            CacheUnavailable: Redis is away, and there was something to ask.
        """
        everybody = set(identities)
        found = {identity for identity in everybody if self._known.covers(identity)}
        asked = list(everybody - found)
        step = _BATCH // 2
        for start in range(0, len(asked), step):
            found |= await self._ask(asked[start : start + step])
        # What was heard while Redis' answer was on its way may not be in it.
        return found | {identity for identity in asked if self._known.covers(identity)}

    async def restore(self) -> int:
        """Write again what this process knows and Redis has lost; how many that were.

        Raises:
            CacheUnavailable: Redis is away.
        """
        self._known.forget_old(self._now())
        tokens, users = dict(self._known.tokens), dict(self._known.users)
        lost_tokens = [name for name, held in await self._look_up(_token_key, tokens) if held is None]
        for token_id in lost_tokens:
            await self._write_token(token_id, tokens[token_id])
        # A Redis that was restored from an old copy may hold an earlier moment.
        lost_users = [
            name for name, held in await self._look_up(_user_key, users) if _moment(held) < users[name][0]
        ]
        for user_id in lost_users:
            await self._write_user(user_id, users[user_id][0])
        return len(lost_tokens) + len(lost_users)

    async def _ask(self, identities: list[Identity]) -> set[Identity]:
        keys: dict[str, None] = {}
        for identity in identities:
            keys[_user_key(identity.user_id)] = None
            if identity.token_id is not None:
                keys[_token_key(identity.token_id)] = None
        stored = dict(zip(keys, await self._cache.store.get_many(list(keys)), strict=True))
        return {identity for identity in identities if self._is_revoked(identity, stored)}

    def _is_revoked(self, identity: Identity, stored: dict[str, bytes | None]) -> bool:
        token_id = identity.token_id
        if token_id is not None and stored[_token_key(token_id)] is not None:
            self._known.add_token(token_id, until=identity.expires_at, now=self._now())
            return True
        before = _moment(stored[_user_key(identity.user_id)])
        if math.isfinite(before):
            self.hear(user_id=identity.user_id, before=before)
        return identity.is_revoked_by(user_id=identity.user_id, before=before)

    async def _look_up(
        self, key: Callable[[str], str], names: Iterable[str]
    ) -> list[tuple[str, bytes | None]]:
        """Each name with what Redis holds for it."""
        found: list[tuple[str, bytes | None]] = []
        everything = list(names)
        for start in range(0, len(everything), _BATCH):
            batch = everything[start : start + _BATCH]
            stored = await self._cache.store.get_many([key(name) for name in batch])
            found += zip(batch, stored, strict=True)
        return found

    async def _write_token(self, token_id: str, until: float) -> None:
        await self._cache.store.set(_token_key(token_id), b"1", px=self._life(until))

    async def _write_user(self, user_id: str, before: float) -> None:
        life = self._life(self._until(before))
        await self._cache.store.run_script(MOVE_FORWARD, _user_key(user_id), repr(before), life)

    def _until(self, before: float) -> float:
        """When the last token issued up to `before` has ended."""
        return before + self._longest_life + LEEWAY

    def _life(self, until: float) -> int:
        """The milliseconds from now until then; Redis refuses less than one."""
        return max(1, math.ceil((until - self._now()) * 1_000))

    def _now(self) -> float:
        return self._cache.clock.time()

    async def _restore_now_and_then(self) -> None:
        while True:
            await self._sleep(self._restore_every)
            try:
                restored = await self.restore()
            except CacheKitError as error:
                logger.debug("revocations could not be looked after: %s", error)
            else:
                if restored:
                    logger.warning("Redis had lost %d revocations, which were written again", restored)


def _moment(held: bytes | None) -> float:
    """Up to when tokens are void: never for nothing held, always for what cannot be read."""
    if held is None:
        return -math.inf
    try:
        moment = float(held)
    except ValueError:
        moment = math.nan
    return math.inf if math.isnan(moment) else moment


def _token_key(token_id: str) -> str:
    return _KEYS.literal("token", token_id)


def _user_key(user_id: str) -> str:
    return _KEYS.literal("user", user_id)

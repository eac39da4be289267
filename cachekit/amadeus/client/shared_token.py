"""One access token for all processes: fetched under the cache's lease, and kept in Redis only sealed."""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

import msgspec

from cachekit.amadeus.client.token import Token
from cachekit.core.cache import Cache
from cachekit.core.context import LoadContext
from cachekit.core.entry import Entry
from cachekit.core.keyring import Keyring
from cachekit.core.policy import LEAST_TTL, Policy
from cachekit.errors import CacheClosed, CacheUnavailable, ConfigurationError

__all__ = ["SharedToken"]

NAMESPACE: Final = "amadeus_token"
POLICY: Final = Policy(near=0, compress_over=None)
"""Each process holds the token itself; Redis is asked when that is used up. The ttl is the token's own."""

_KEY_ID: Final = "1"

# Invariant: only the value that the caller has read is removed, never one that has come since.
# KEYS[1] the key; ARGV[1] the bytes read. Returns 1 if removed.
REMOVE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1])
end
return 0
"""


class SharedToken:
    """The token of one set of credentials, shared through Redis.

    It lies under `amadeus_token:{digest}`, sealed with AES-256-GCM and bound to that key. Name and
    sealing key are derived (HKDF, RFC 5869) from the client secret, so who reads Redis learns nothing,
    and who changes the secret finds no token of the old one.

    Args:
        cache: an open cache. The namespace `amadeus_token` becomes this module's.
        secret: the client secret.
        scope: what else tells tokens apart: endpoint, client id, further form fields.

    Raises:
        ConfigurationError: the package `cryptography` is missing; the text names the extra.
    """

    def __init__(self, cache: Cache, *, secret: str, scope: Mapping[str, str]) -> None:
        salt = msgspec.json.encode(sorted(scope.items()))
        sealing = derive(secret, salt, b"cachekit amadeus token: sealing")
        try:
            self._keyring = Keyring({_KEY_ID: sealing})
        except ConfigurationError as error:
            raise ConfigurationError(f"to share the token: {error}; or share_token=False") from None
        self._tokens = cache.namespace(NAMESPACE, POLICY)
        self._key = self._tokens.literal(derive(secret, salt, b"cachekit amadeus token: name").hex()[:32])
        self._cache = cache

    def __repr__(self) -> str:
        return f"<SharedToken {self._key}>"

    async def get(self, fetch: Callable[[], Awaitable[Token]], *, refused: str | None) -> Token:
        """The shared token, else one that `fetch` gives, which is then shared.

        One process fetches while the others wait. `refused` is a token that the service no longer takes:
        if that is the shared one, it is removed first, by whoever comes first. While Redis is away each
        process fetches its own.

        Raises what `fetch` raises.
        """

        async def load(context: LoadContext) -> str:
            token = await fetch()
            if token.good_for >= LEAST_TTL:
                context.ttl(token.good_for)
            else:
                context.skip()
            return self._seal(token)

        with suppress(CacheUnavailable, CacheClosed):
            for _ in range(2):
                entry = await self._tokens.get_or_set_entry(self._key, load)
                token = self._opened(entry)
                if token is not None and (token.value != refused or entry.source == "load"):
                    return token
                await self._remove(entry)
        return await fetch()

    def _seal(self, token: Token) -> str:
        return b64encode(self._keyring.seal(token.value.encode(), bound=self._key.encode())).decode()

    def _opened(self, entry: Entry) -> Token | None:
        """The token; None for what was not sealed by us."""
        try:
            sealed = b64decode(entry.value, validate=True)
        except (TypeError, ValueError):
            return None
        value = self._keyring.open(sealed, kid=_KEY_ID, bound=self._key.encode())
        return None if value is None else Token(value.decode(), entry.expires_in, entry.source != "load")

    async def _remove(self, entry: Entry) -> None:
        """Remove the value, if it is still that of `entry`."""
        stored = await self._cache.store.get(self._key)
        again = await self._tokens.get_entry(self._key)
        # Each sealing has a nonce of its own: equal texts are one and the same value.
        if stored is not None and again is not None and again.value == entry.value:
            await self._cache.store.run_script(REMOVE, self._key, stored)


def derive(secret: str, salt: bytes, purpose: bytes) -> bytes:
    """32 bytes for one purpose: HKDF with SHA-256, of which one block is enough (RFC 5869, section 2)."""
    extracted = hmac.digest(salt, secret.encode(), hashlib.sha256)
    return hmac.digest(extracted, purpose + b"\x01", hashlib.sha256)

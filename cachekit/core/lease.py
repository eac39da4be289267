"""One loader per key across processes: a lease, a key with a token that lives beside the value.

The lease is renewed while the factory runs. If its holder dies it ends by itself, and another process
takes over. Deleting or setting the key takes the lease away, and a value is stored only by a script that
finds the lease still held: so neither a loader whose lease has passed on, nor one overtaken by a delete,
can write (the fencing of Kleppmann, "How to do distributed locking", 2016, with the store itself as the
judge).
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cachekit.core.scripts import ACQUIRE, OVERWRITE, PUBLISH, RELEASE, RENEW, fingerprint
from cachekit.core.store import Store
from cachekit.errors import CacheClosed, CacheUnavailable, InvalidKey

_PREFIX: Final = "cachekit/lease:"
_RENEWALS: Final = 3
"""Times a lease is renewed within its life: two may get lost."""


@dataclass(frozen=True, slots=True)
class Held:
    """Somebody else is loading; their lease ends in `seconds` unless it is renewed."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Changed:
    """Something else lies under the key than was seen there; None: nothing any more."""

    stored: bytes | None


class Lease:
    """The right to load one key and to store the result, while it lasts."""

    __slots__ = ("_keys", "_seconds", "_store", "_task", "_timer", "_token")

    def __init__(self, store: Store, keys: tuple[str, str], token: str, seconds: float) -> None:
        self._store = store
        self._keys = keys
        self._token = token
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._arm()

    async def publish(self, value: bytes, *, px: int) -> bool:
        """Store the value for `px` milliseconds and give the lease up; False, and nothing, if it was lost."""
        self.stop()
        return bool(await self._store.run_script(PUBLISH, self._keys, self._token, value, px))

    async def release(self) -> None:
        """Give the lease up without storing anything."""
        self.stop()
        await self._store.run_script(RELEASE, self._keys, self._token)

    def stop(self) -> None:
        """Renew it no more: it ends by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _arm(self) -> None:
        # A timer and no task: nearly all loads end before it fires.
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._seconds / _RENEWALS, self._renew)

    def _renew(self) -> None:
        self._arm()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._prolong(), name=f"cachekit renews {self._keys[1]}")

    async def _prolong(self) -> None:
        try:
            ours = await self._store.run_script(
                RENEW, self._keys[1], self._token, round(self._seconds * 1000)
            )
        except CacheUnavailable:
            return  # The next one may get through; whether the lease was lost shows when publishing.
        except CacheClosed:
            ours = False
        if not ours and self._timer is not None:
            self._timer.cancel()


async def acquire(
    store: Store,
    key: str,
    *,
    seen: bytes | None,
    seconds: float,
    abandoned: Callable[[Lease], None] = Lease.stop,
) -> Lease | Held | Changed:
    """Ask for the lease of `key`, having seen `seen` there.

    `abandoned` gets what may have been granted to one who was cancelled meanwhile: it is to be released.

    Outcomes:
        case 1: Lease: nobody else has it, and nothing else lies under the key.
        case 2: Held: somebody else has it.
        case 3: Changed: what lies there is not what was seen.
    """
    token = secrets.token_hex(8)
    keys = (key, lease_key(key))
    try:
        reply = await store.run_script(ACQUIRE, keys, token, round(seconds * 1000), fingerprint(seen))
    except asyncio.CancelledError:
        abandoned(Lease(store, keys, token, seconds))
        raise
    if reply is None or isinstance(reply, bytes):
        return Changed(reply)
    return Held(int(reply) / 1000) if reply else Lease(store, keys, token, seconds)


async def overwrite(store: Store, key: str, value: bytes, *, px: int, force: bool) -> bool:
    """Store `value` in any case, or, without `force`, only if no load is under way.

    False if one was: its lease is gone then, so that it cannot store, and `value` is not stored yet.
    """
    keys = (key, lease_key(key))
    return int(await store.run_script(OVERWRITE, keys, value, px, int(force), "*")) == 1


async def put_in_place(
    store: Store, key: str, value: bytes, *, px: int, seen: bytes | None, force: bool = True
) -> bool | None:
    """Store `value` in the place of `seen`, None for nothing; False if something else lies there.

    None if, without `force`, a load was under way: its lease is gone then, and `value` is not stored yet.
    """
    keys = (key, lease_key(key))
    reply = int(await store.run_script(OVERWRITE, keys, value, px, int(force), fingerprint(seen)))
    return None if reply < 0 else reply == 1


async def remove(store: Store, key: str) -> tuple[bool, bool]:
    """Remove the value and any lease; whether there was a value, and whether there was a lease."""
    # The lease first: from then on no load that began earlier can put the value back.
    lease, value = await store.pipeline([("UNLINK", lease_key(key)), ("UNLINK", key)])
    return bool(value), bool(lease)


def lease_key(key: str) -> str:
    """The key of the lease, in the cluster slot of `key` (Redis cluster specification, "hash tags").

    Raises InvalidKey for a key whose slot no other key can be put into.
    """
    opening = key.find("{")
    closing = key.find("}", opening + 1)
    if opening >= 0 and closing > opening + 1:
        return f"{_PREFIX}{key}"  # It has a hash tag of its own, which stays the first one.
    if "}" in key:
        raise InvalidKey(f"key {key!r}: a }} without a text in braces before it leaves no slot for its lease")
    return f"{_PREFIX}{{{key}}}"

"""What can be known of a stored key without the service that wrote it."""

from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

import msgspec

from cachekit.core.cache import Cache
from cachekit.core.codec import Codec, Corrupt
from cachekit.core.keys import KeySpace, Pattern

MAX_BYTES: Final = 256 * 1024 * 1024
"""JSON of more bytes than this is not decompressed for a look."""


class KeyReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One key as it lies in Redis. Ages and times to live are seconds.

    `size` is in bytes as stored, `json_size` in bytes of the value's JSON, uncompressed.

    `state` is "fresh", "stale", or "foreign" for what is no value of the cache; then only `key`, `size` and
    `expires_in_redis` are known. `expires_in_redis` is None for a key without an expiry.
    """

    key: str
    state: str
    size: int
    expires_in_redis: float | None
    age: float | None = None
    ttl: float | None = None
    tags: tuple[str, ...] = ()
    json_size: int | None = None


class Inspector:
    """Looks at keys without changing them, their expiry included."""

    def __init__(self, cache: Cache) -> None:
        self._store = cache.store
        self._clock = cache.clock
        self._codec = Codec()

    async def matching(self, namespace: str, pattern: str) -> AsyncIterator[str]:
        """The keys of a namespace that match, each once, in no particular order.

        Raises InvalidKey for a namespace or pattern that cannot be.
        """
        seen: set[bytes] = set()
        async for batch in self._store.scan(Pattern(KeySpace(namespace), pattern).redis_glob):
            for key in batch:
                if key not in seen:
                    seen.add(key)
                    yield key.decode(errors="replace")

    async def count(self, namespace: str, pattern: str) -> int:
        """How many keys match; raises as `matching`."""
        return len([key async for key in self.matching(namespace, pattern)])

    async def tagged(self, namespace: str, tags: Iterable[str]) -> AsyncIterator[str]:
        """The keys whose entry has one of `tags`; every entry is read. Raises as `matching`."""
        wanted = frozenset(tags)
        async for key in self.matching(namespace, "*"):
            report = await self.report(key)
            if report is not None and not wanted.isdisjoint(report.tags):
                yield key

    async def report(self, key: str) -> KeyReport | None:
        """What is known of `key`; None if there is no such key."""
        found = await self.read(key)
        return None if found is None else found[0]

    async def read(self, key: str) -> tuple[KeyReport, Any] | None:
        """The report and the decoded value (None for a foreign one); None if there is no such key."""
        stored = await self._store.get(key)
        if stored is None:
            return None
        left = int(await self._store.execute("PTTL", key))
        expires = None if left < 0 else left / 1000
        try:
            record = self._codec.decode(key, stored, max_bytes=MAX_BYTES)
            value = self._codec.load(record)
        except Corrupt:
            report = KeyReport(key=key, state="foreign", size=len(stored), expires_in_redis=expires)
            return report, None
        age = record.age(self._clock.time())
        report = KeyReport(
            key=key,
            state="fresh" if age <= record.ttl else "stale",
            size=len(stored),
            expires_in_redis=expires,
            age=round(age, 3),
            ttl=record.ttl,
            tags=record.tags,
            json_size=memoryview(record.data).nbytes,
        )
        return report, value

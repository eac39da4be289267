"""From a value to the record of it that is stored."""

import datetime as dt
import random
from typing import Any

import msgspec

from cachekit.core.clock import Clock
from cachekit.core.codec import Codec, Record
from cachekit.core.policy import LEAST_TTL, Policy
from cachekit.core.rules import Stamp


class Records:
    """Makes the records of one namespace."""

    def __init__(self, *, codec: Codec, policy: Policy, clock: Clock) -> None:
        self._codec = codec
        self._policy = policy
        self._clock = clock
        self._random = random.Random()  # noqa: S311 - spreads expiry; not a secret

    def of(
        self, key: str, value: Any, policy: Policy, *, tags: tuple[str, ...], stamp: Stamp | None = None
    ) -> Record:
        """A value as of now; raises InvalidValue for one that JSON cannot hold."""
        data = self._codec.dump(value, max_bytes=policy.max_bytes)
        return self.make(key, data, policy.ttl, policy.stale, tags=tags, stamp=stamp)

    def make(
        self,
        key: str,
        data: msgspec.Raw,
        ttl: float,
        stale: float,
        *,
        tags: tuple[str, ...],
        stamp: Stamp | None,
        took: float = 0,
        negative: bool = False,
    ) -> Record:
        """A record of `data` as of now, its ttl shortened by the policy's jitter."""
        if self._policy.jitter:
            ttl *= 1 - self._policy.jitter * self._random.random()
        return Record(
            data=data,
            timestamp=dt.datetime.fromtimestamp(self._clock.time(), dt.UTC),
            ttl=max(ttl, LEAST_TTL),
            key=key,
            stale=stale,
            tags=tags,
            log=stamp,
            took=took,
            negative=negative,
        )


def restamp(record: Record, stamp: Stamp) -> Record:
    """The same record as of another position of the log."""
    return msgspec.structs.replace(record, log=stamp)


def lifetime(record: Record) -> int:
    """Milliseconds for which Redis keeps the record: while it is fresh or stale."""
    return max(1, round((record.ttl + record.stale) * 1000))

"""What becomes of a load that has ended: its value is stored, the old one goes, or others may load.

In each case the lease is given up, and those who wait for the key hear of it.
"""

import asyncio
import datetime as dt
from typing import Any, Final

import msgspec

from cachekit.core.codec import Codec, Record
from cachekit.core.failures import Failures
from cachekit.core.judge import Judge
from cachekit.core.lease import Lease
from cachekit.core.policy import LEAST_TTL, Policy
from cachekit.core.records import Records, lifetime
from cachekit.core.rules import Stamp
from cachekit.core.singleflight import Flight, detached
from cachekit.core.tally import Tally
from cachekit.core.watcher import Watcher
from cachekit.errors import CacheClosed, CacheUnavailable

_LONG_AGO: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Landing:
    """The ends of the loads of one namespace. Belongs to one event loop."""

    def __init__(
        self,
        *,
        tally: Tally,
        codec: Codec,
        judge: Judge,
        records: Records,
        watcher: Watcher,
        failures: Failures,
    ) -> None:
        self._tally = tally
        self._codec = codec
        self._judge = judge
        self._records = records
        self._watcher = watcher
        self._failures = failures
        self._releases: set[asyncio.Task[None]] = set()

    async def publish(self, flight: Flight[Any], record: Record, policy: Policy, lease: Lease) -> bool:
        """Store the record; False if that was not to be, which its loader's callers need not care about."""
        key = str(flight.key)
        if not flight.revoked and self._judge.spares(key, record.tags, record.log):
            encoded = self._codec.encode(record, policy)
            try:
                if await lease.publish(encoded, px=lifetime(record)):
                    self._failures.forget(key)
                    self._tally.stored(key, len(encoded), record.ttl)
                    return True
            except CacheUnavailable as error:
                # The caller has asked for the value, and here it is.
                self._tally.outage(error)
                if policy.outage == "raise":
                    raise
                # What lies there, if anything, stays stale, and is not renewed at once: as after a failure.
                self._failures.remember(key)
                return False
        self._tally.unpublished(key)
        return False

    async def disown(self, key: str, stamp: Stamp | None, policy: Policy, lease: Lease) -> None:
        """Remove what lies there, if the lease is still held: by a value in its place that is over."""
        record = self._records.make(key, msgspec.Raw(b"null"), LEAST_TTL, 0, tags=(), stamp=stamp)
        over = self._codec.encode(msgspec.structs.replace(record, timestamp=_LONG_AGO), policy)
        await self._release(key, lease, over=over)

    def give_up(self, key: str, lease: Lease) -> None:
        """Let others load, without making anybody here wait for it."""
        lease.stop()
        release = self._release(key, lease)
        task = asyncio.create_task(release, name=f"cachekit releases {key}", context=detached())
        self._releases.add(task)
        task.add_done_callback(self._releases.discard)

    async def aclose(self) -> None:
        """Wait until what was given up is free."""
        await asyncio.gather(*self._releases, return_exceptions=True)

    async def _release(self, key: str, lease: Lease, *, over: bytes | None = None) -> None:
        try:
            await (lease.release() if over is None else lease.publish(over, px=1))
        except CacheUnavailable as error:
            self._tally.outage(error)
        except CacheClosed:
            return
        finally:
            self._watcher.notify(key)

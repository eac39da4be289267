"""How often one address may connect, counted in this process alone: it protects the CPU of this instance."""

import math
from collections import OrderedDict
from ipaddress import IPv6Address, ip_network
from typing import Final

from cachekit.core.clock import Clock, SystemClock
from cachekit.errors import ConfigurationError
from chatbot.limits.proxies import read_address

MOST_ADDRESSES: Final = 100_000
"""Addresses an instance remembers, some 180 bytes each."""

_MINUTE: Final = 60.0
_SLACK: Final = 1e-6
"""Seconds. Moments are floats, and the sum of a minute's intervals is not exactly a minute."""
_IPV6_SITE: Final = 64
"""Bits of an IPv6 address that tell one customer from the next; the rest is his to choose."""


class AddressLimit:
    """At most `per_minute` a minute from one address in the long run, and that many at once.

    GCRA in the process's own memory: see `cachekit.ratelimit`. An IPv6 address counts with its whole /64. At
    most `most` addresses are remembered, those that asked last. 0 a minute: as often as it likes.

    Raises:
        ConfigurationError: `per_minute` is below 0, or `most` below 1.
    """

    def __init__(self, *, per_minute: int, most: int = MOST_ADDRESSES, clock: Clock | None = None) -> None:
        if per_minute < 0 or most < 1:
            raise ConfigurationError(f"per_minute={per_minute}, most={most}: allowed are 0 and 1 or more")
        self._interval = _MINUTE / per_minute if per_minute else None
        self._most = most
        self._clock = clock or SystemClock()
        self._idle_at: OrderedDict[str, float] = OrderedDict()
        """When each address would be as if it had asked for nothing; who asked last stands last."""

    def __len__(self) -> int:
        """How many addresses are remembered."""
        return len(self._idle_at)

    def take(self, address: str) -> float:
        """Take one turn: 0 if it was there, else the seconds until asking again can succeed."""
        if self._interval is None:
            return 0.0
        now = self._clock.monotonic()
        self._forget_idle(now)
        site = _site(address)
        idle_at = max(now, self._idle_at.pop(site, now))
        wait = idle_at + self._interval - now - _MINUTE
        allowed = wait < _SLACK
        self._idle_at[site] = idle_at + self._interval if allowed else idle_at
        if len(self._idle_at) > self._most:
            self._idle_at.popitem(last=False)
        return 0.0 if allowed else wait

    def _forget_idle(self, now: float) -> None:
        """Two for each that comes, so that nothing of a storm stays when it is over."""
        for _ in range(2):
            site, idle_at = next(iter(self._idle_at.items()), ("", math.inf))
            if idle_at > now:
                return
            del self._idle_at[site]


def _site(address: str) -> str:
    read = read_address(address)
    if isinstance(read, IPv6Address):
        return str(ip_network((read, _IPV6_SITE), strict=False))
    return address if read is None else str(read)

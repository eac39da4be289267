"""A rate limit that all processes share: GCRA in one Lua script, one key and one command a decision.

GCRA, the generic cell rate algorithm (ITU-T I.371, as "virtual scheduling"; Brandur Leach, "Rate limiting,
cells, and GCRA", https://brandur.org/rate-limiting), keeps one moment per limited party: when it would be
idle again, its theoretical arrival time. Taking moves that moment by one interval a unit; taking is allowed
as long as the moment stays within `burst` intervals of now.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal, cast

from cachekit.core.cache import Cache
from cachekit.core.keys import KeySpace
from cachekit.errors import CacheUnavailable, ConfigurationError

__all__ = ["Permit", "RateLimit"]

MOST_WAIT: Final = 300
"""Seconds. Turns are booked this far ahead at most, so a server's clock that is set back locks nobody out
for longer than this and the burst together."""

OUTAGE_RETRY: Final = 1.0
"""Seconds to wait after a denial that Redis had no part in."""

_KEYS: Final = KeySpace("rate_limit")
_MICROSECONDS: Final = 1_000_000
_MOST_SPAN: Final = 10 * 365 * 86_400
"""Seconds. A moment of today plus ten years, in microseconds, is well below 2^53: exact as a Lua number."""

# Invariant: only the units taken move the stored moment, always forward, from now or from where it was; a
# denial moves nothing, unless the clock was set back: that is mended for good, or the moment would stay out
# of reach until the clock is where it was. So the turns of any span of t seconds hold at most
# burst + t / interval units.
# The time is the server's own, so that the hosts' clocks do not matter (TIME before a write is allowed in
# scripts since Redis 5). All numbers are whole microseconds, exact in a Lua number; "%.0f", because
# tostring() would round to 14 digits.
# KEYS[1] the key; ARGV[1] microseconds a unit; ARGV[2] burst, in units; ARGV[3] cost, in units; ARGV[4] how
# many microseconds ahead a turn may be booked; ARGV[5] the most that any caller may book ahead.
# Returns allowed (1 or 0), units left now, microseconds until the turn comes (if allowed) or until asking
# again can succeed (if not), microseconds until all is as if nothing had been taken.
TAKE: Final = """
local interval, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local ahead, most_ahead = tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full = now + burst * interval
local idle = tonumber(redis.call('GET', KEYS[1]) or now)
local moved = false
-- Nothing taken, or no number. Further ahead than any turn could be booked: the clock was set back.
if not idle or not (idle > now) then idle = now end
if idle > full + most_ahead then idle, moved = full + most_ahead, true end
local allowed, wait = 1, idle + cost * interval - full
if wait > ahead then
    allowed, wait = 0, wait - ahead
else
    idle, moved = idle + cost * interval, true
end
if moved then
    redis.call('SET', KEYS[1], string.format('%.0f', idle), 'PX', math.ceil((idle - now) / 1000))
end
return {allowed, math.max(0, math.floor((full - idle) / interval)), math.max(0, wait), idle - now}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """The answer to one request.

    Outcomes:
        case 1: `allowed`: the cost has been taken; `retry_after` is 0.
        case 2: not `allowed`: nothing has been taken; `retry_after` is how many seconds from now the same
            request can succeed, if nobody else takes meanwhile.
        case 3: not `checked`: Redis was away, and the limit's `outage` decided; `remaining` and
            `reset_after` are 0, since nobody knows.

    `remaining` units could be taken at once, and after `reset_after` seconds without any request the whole
    burst is there again. No number is ever negative.
    """

    allowed: bool
    remaining: int
    retry_after: float
    reset_after: float
    checked: bool = True


class RateLimit:
    """At most `limit` units per `period`, for each `who`, over all processes that share the Redis.

        logins = RateLimit(cache, "login", limit=5, period=60, burst=5, outage="deny")
        permit = await logins.take(user_id)

    Args:
        cache: the open cache whose Redis is used.
        name: what is limited, e.g. "login". The keys are `rate_limit:{name}:{who}`, both parts escaped.
        limit, period: units per seconds in the long run. The interval between two units is rounded up to
            a whole microsecond, so the rate is never higher than asked for.
        burst: units that may be taken at once by who has been idle. Within any span of t seconds, at most
            burst + t * limit / period units are taken; there is no default, since 1 spaces requests
            evenly and `limit` lets twice the limit through in the worst period.
        outage: what holds when Redis is away: "raise" raises CacheUnavailable, "allow" lets everybody
            through, "deny" nobody. The default raises, because both others harm somebody in silence.
        sleep: how `wait` sleeps, in seconds; tests bring their own.

    Raises:
        ConfigurationError: an option cannot work.
        InvalidKey: the name is empty.
    """

    def __init__(
        self,
        cache: Cache,
        name: str,
        *,
        limit: int,
        period: float,
        burst: int,
        outage: Literal["raise", "allow", "deny"] = "raise",
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        _require_units("limit", limit)
        _require_units("burst", burst)
        _require_seconds("period", period, most=_MOST_SPAN)
        if period <= 0 or limit > period * _MICROSECONDS:
            raise ConfigurationError(
                f"limit={limit} per period={period}: at most 1,000,000 units a second can be told apart; "
                "count in larger units"
            )
        if outage not in ("raise", "allow", "deny"):
            raise ConfigurationError(f"outage={outage!r}: allowed are 'raise', 'allow' and 'deny'")
        self.name = name
        self.burst = burst
        # By way of the decimal text: as floats 0.0079 * 1,000,000 is a little more than 7,900.
        self._interval = math.ceil(Fraction(str(period)) * _MICROSECONDS / limit)
        if burst * self._interval > _MOST_SPAN * _MICROSECONDS:
            raise ConfigurationError(f"burst={burst}: would take more than ten years to come back")
        self._cache = cache
        self._outage = outage
        self._sleep = sleep
        self.key("anybody")  # an empty name is refused here

    def key(self, who: str) -> str:
        """The Redis key of what `who` has taken; removing it gives the whole burst back."""
        return _KEYS.literal(self.name, who)

    async def take(self, who: str, cost: int = 1) -> Permit:
        """Take `cost` units for `who`, if they are there now; see `Permit` for the outcomes.

        Raises:
            ConfigurationError: the cost is no whole number from 1 to `burst`; more can never be there.
            InvalidKey: `who` is empty.
            CacheUnavailable: Redis is away, and `outage` is "raise".
        """
        permit, _ = await self._ask(who, cost, ahead=0)
        return permit

    async def wait(self, who: str, cost: int = 1, *, max_wait: float) -> Permit:
        """Take `cost` units for `who`, and sleep until it is their turn, at most `max_wait` seconds.

        The turn is booked by one command, in the order of asking, so waiters neither poll nor wake up
        together. If the turn is further away than `max_wait`, the permit is denied at once, without
        sleeping, and `retry_after` tells when a wait as long as this one can succeed. Who is cancelled
        while asleep has used up the turn all the same.

        Raises:
            ConfigurationError: as `take`; or max_wait is not 0 to 300 seconds.
            InvalidKey, CacheUnavailable: as `take`.
        """
        _require_seconds("max_wait", max_wait, most=MOST_WAIT)
        permit, turn = await self._ask(who, cost, ahead=math.floor(max_wait * _MICROSECONDS))
        if permit.allowed and turn > 0:
            await self._sleep(turn)
        return permit

    async def _ask(self, who: str, cost: int, *, ahead: int) -> tuple[Permit, float]:
        """The permit, and in how many seconds its turn is."""
        _require_units("cost", cost, most=self.burst)
        most_ahead = MOST_WAIT * _MICROSECONDS
        try:
            reply = await self._cache.store.run_script(
                TAKE, self.key(who), self._interval, self.burst, cost, ahead, most_ahead
            )
        except CacheUnavailable:
            if self._outage == "raise":
                raise
            return _decided(allowed=self._outage == "allow"), 0.0
        allowed, remaining, wait, reset = cast("list[int]", reply)
        permit = Permit(
            allowed=bool(allowed),
            remaining=remaining,
            retry_after=0.0 if allowed else wait / _MICROSECONDS,
            reset_after=reset / _MICROSECONDS,
        )
        return permit, wait / _MICROSECONDS


def _decided(*, allowed: bool) -> Permit:
    retry_after = 0.0 if allowed else OUTAGE_RETRY
    return Permit(allowed=allowed, remaining=0, retry_after=retry_after, reset_after=0.0, checked=False)


def _require_units(option: str, value: object, most: int | None = None) -> None:
    if type(value) is not int or value < 1 or (most is not None and value > most):
        allowed = "1 or more" if most is None else f"1 to the burst, {most}"
        raise ConfigurationError(f"{option}={value!r}: allowed is a whole number, {allowed}")


def _require_seconds(option: str, value: object, *, most: int) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= cast("float", value) <= most:
        raise ConfigurationError(f"{option}={value!r}: allowed is 0 to {most} seconds")

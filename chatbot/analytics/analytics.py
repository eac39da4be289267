"""Live analytics: counted in memory, written to Redis once a second, read by every instance.

| key                                   | type        | holds                                           |
|---------------------------------------|-------------|-------------------------------------------------|
| `chat_stats:{all}:{minute}`           | hash        | the numbers of a minute, see `tally`            |
| `chat_stats:{all}:{minute}:users`     | HyperLogLog | who was active in it; ids cannot be read back   |
| `chat_stats:{all}:flushed:{instance}` | string      | the number of that instance's last write        |

`{all}` is the cluster tag that keeps them in one slot; `minute` is counted since the epoch, by the clock of
the instance that counts. All are kept for two hours.
"""

import asyncio
import logging
import secrets
from contextvars import Context
from decimal import Decimal
from itertools import chain
from typing import Final, Self

from cachekit.core.cache import Cache
from cachekit.errors import CacheClosed, CacheUnavailable
from chatbot.analytics.snapshot import Snapshot
from chatbot.analytics.tally import MOST_ROUTES, Tally

logger = logging.getLogger(__name__)

KEPT: Final = 7_200
"""Seconds that Redis keeps a minute."""

MOST_MINUTES: Final = 60
"""Minutes of a snapshot at most; and of an outage, whose numbers are kept until Redis is back."""

MOST_USERS: Final = 20_000
"""Active users who wait to be written, at most: some 2 MB."""

CLOSING: Final = 2.0
"""Seconds within which the last numbers are written at the end."""

_PREFIX: Final = "chat_stats:{all}:"
_DEFAULT_MINUTES: Final = 15
_FIELDS: Final = 5 + 2 * MOST_ROUTES

# Invariant: each write of an instance counts once, also if it is sent again because its reply was lost.
# KEYS[1] the number of the instance's last write, KEYS[2] the minute's hash, KEYS[3] its users; ARGV[1] this
# write's number; ARGV[2] seconds to keep all; ARGV[3] most fields of the hash: beyond, a new route counts as
# "other"; ARGV[4] how many arguments that follow are pairs of field and number; then users.
# Returns 1 if counted now, 0 if it had been.
FLUSH: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
local pairs_end = 4 + ARGV[4]
for at = 5, pairs_end, 2 do
    local field = ARGV[at]
    if string.find(field, '^[rc]:') and redis.call('HEXISTS', KEYS[2], 'r:' .. string.sub(field, 3)) == 0
        and redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[3]) then
        field = string.sub(field, 1, 2) .. 'other'
    end
    redis.call('HINCRBY', KEYS[2], field, ARGV[at + 1])
end
redis.call('EXPIRE', KEYS[2], ARGV[2])
for at = pairs_end + 1, #ARGV do
    redis.call('PFADD', KEYS[3], ARGV[at])
end
redis.call('EXPIRE', KEYS[3], ARGV[2])
return 1
"""


class Analytics:
    """Counts what goes on here, and shows what goes on everywhere.

    A context: while it is entered, what was counted is written every `interval` seconds. What Redis does not
    take is kept, within bounds, and written when it is back: once, also if only a reply was lost.
    """

    def __init__(self, cache: Cache, *, instance: str, interval: float = 1.0) -> None:
        self._cache = cache
        # An instance that has been started anew counts its writes from 1 again.
        self._marker = f"{_PREFIX}flushed:{instance}.{secrets.token_hex(4)}"
        self._interval = interval
        self._minutes: dict[int, Tally] = {}
        self._users = 0
        self._writing: tuple[int, Tally] | None = None
        self._writes = 1
        """The number of the write that is next, or under way."""
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def searched(self, route: str, *, cached: bool) -> None:
        """A search of `route`, such as `GRU-LIS`; `cached`: no upstream call was made for it."""
        self._tally().searched(route, cached=cached)

    def answered(self, user_id: str, *, tokens: int = 0, cost: Decimal | None = None) -> None:
        """An answer to this user has ended; what it has cost, if anybody knows."""
        self._tally().answered(tokens, cost or Decimal(0))
        self.active(user_id)

    def active(self, user_id: str) -> None:
        """This user has done something."""
        tally = self._tally()
        # Whatever a token's subject holds, it must not hinder the others from being counted.
        user = user_id.encode(errors="surrogatepass")
        if user not in tally.users and self._users < MOST_USERS:
            tally.users.add(user)
            self._users += 1

    async def flush(self) -> None:
        """Write what was counted. Raises CacheUnavailable, and keeps what was not written."""
        async with self._lock:
            while self._writing or self._minutes:
                if self._writing is None:
                    minute = min(self._minutes)
                    # Frozen: what is counted from now on belongs to another write.
                    self._writing = minute, self._minutes.pop(minute)
                    self._users -= len(self._writing[1].users)
                await self._write(*self._writing)
                self._writing = None
                self._writes += 1

    async def snapshot(self, minutes: int = _DEFAULT_MINUTES) -> Snapshot:
        """The last `minutes`, the running one included, in one round trip.

        Raises CacheUnavailable while Redis is away, and ValueError unless `minutes` is 1 to 60.
        """
        if not 1 <= minutes <= MOST_MINUTES:
            raise ValueError(f"minutes={minutes}: allowed is 1 to {MOST_MINUTES}")
        now = self._cache.clock.time()
        last = int(now // 60)
        wanted = range(last - minutes + 1, last + 1)
        users = [_users(minute) for minute in wanted]
        replies = await self._cache.store.pipeline(
            [
                *(("HGETALL", _numbers(minute)) for minute in wanted),
                *(("PFCOUNT", key) for key in users),
                ("PFCOUNT", *users),
            ]
        )
        starts = [minute * 60 for minute in wanted]
        return Snapshot.of(now, starts, replies[:minutes], replies[minutes:-1], replies[-1])

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._flush_now_and_then(), name="analytics", context=Context())
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Write what is left, if Redis takes it within two seconds."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            async with asyncio.timeout(CLOSING):
                await self.flush()
        except (CacheUnavailable, CacheClosed, TimeoutError) as error:
            logger.warning("the last minute's analytics are lost: %s", error)

    async def _flush_now_and_then(self) -> None:
        away = False
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self.flush()
                away = False
            except CacheUnavailable as error:
                if not away:
                    logger.warning("analytics wait for Redis: %s", error)
                away = True
            except CacheClosed:
                return

    def _tally(self) -> Tally:
        minute = int(self._cache.clock.time() // 60)
        tally = self._minutes.get(minute)
        if tally is None:
            tally = self._minutes[minute] = Tally()
            if len(self._minutes) > MOST_MINUTES:
                self._users -= len(self._minutes.pop(min(self._minutes)).users)
        return tally

    async def _write(self, minute: int, tally: Tally) -> None:
        numbers: list[str | int] = list(chain.from_iterable(tally.numbers.items()))
        await self._cache.store.run_script(
            FLUSH,
            [self._marker, _numbers(minute), _users(minute)],
            *(self._writes, KEPT, _FIELDS, len(numbers)),
            *numbers,
            *tally.users,
        )


def _numbers(minute: int) -> str:
    return f"{_PREFIX}{minute}"


def _users(minute: int) -> str:
    return f"{_PREFIX}{minute}:users"

"""Which searches are asked most: counted in memory, shared through Redis now and then, forgotten in time."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from cachekit.amadeus.errors import InvalidParams
from cachekit.amadeus.params import FlightRequest, FlightSearch, MultiCitySearch
from cachekit.core.cache import Cache
from cachekit.core.singleflight import detached
from cachekit.errors import CacheClosed, CacheUnavailable

__all__ = ["PopularSearch", "Popularity"]

FLUSH_SECONDS: Final = 30
"""How long counts stay in this process; what is lost if it dies."""

PERIOD: Final = 6 * 3_600
"""Seconds that are counted together."""

PERIODS: Final = 8
"""Periods that are remembered: two days."""

HALVING: Final = 0.5 ** (PERIOD / 43_200)
"""What a count is worth one period later: half after twelve hours."""

MOST_KEPT: Final = 1_000
"""Searches a period remembers, and a process between two flushes; the rarest go."""

_encode: Final = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True)
class PopularSearch:
    """A search, and how often it was asked of late: askings, each worth half after twelve hours."""

    request: FlightRequest
    weight: float


class Popularity:
    """Counts the searches of one source, over all processes.

    Each period has a sorted set of its own, `cachekit/popular:{source}:{period}`, which ends by itself; so
    nothing has to be aged, and a search that is asked no more is forgotten. An asking costs no command:
    counts are sent every `FLUSH_SECONDS`, in one round trip, by whoever asks then.
    """

    def __init__(self, cache: Cache, identity: str) -> None:
        self._cache = cache
        self._prefix = f"cachekit/popular:{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
        self._counts: Counter[FlightRequest] = Counter()
        self._due = cache.clock.monotonic() + FLUSH_SECONDS
        self._flushes: set[asyncio.Task[None]] = set()

    def note(self, request: FlightRequest) -> None:
        """One asking more."""
        if request in self._counts or len(self._counts) < MOST_KEPT:
            self._counts[request] += 1
        now = self._cache.clock.monotonic()
        if now >= self._due:
            self._due = now + FLUSH_SECONDS
            task = asyncio.create_task(self.flush(), name="cachekit popularity", context=detached())
            self._flushes.add(task)
            task.add_done_callback(self._flushes.discard)

    async def flush(self) -> None:
        """Send what was counted here; kept for the next time if Redis is away."""
        counts, self._counts = self._counts, Counter()
        if not counts:
            return
        key = self._key(self._period())
        commands: list[tuple[str | bytes | float, ...]] = [
            ("ZINCRBY", key, count, _write(request)) for request, count in counts.items()
        ]
        commands.append(("ZREMRANGEBYRANK", key, 0, -MOST_KEPT - 1))
        commands.append(("EXPIRE", key, PERIOD * (PERIODS + 1)))
        try:
            await self._cache.store.pipeline(commands)
        except CacheUnavailable:
            # Others have counted meanwhile; without a bound each failure would add as much again.
            self._counts = Counter(dict((self._counts + counts).most_common(MOST_KEPT)))
        except CacheClosed:
            return

    async def most(self, number: int) -> list[PopularSearch]:
        """The `number` searches that were asked most of late, over all processes, the first one first.

        Raises CacheUnavailable if Redis is away.
        """
        weights = await self._weights()
        found: list[PopularSearch] = []
        for member, weight in sorted(weights.items(), key=lambda item: (-item[1], item[0])):
            if len(found) >= number:
                break
            if (request := _read(member)) is not None:
                found.append(PopularSearch(request, weight))
        return found

    async def ranked(self, requests: Iterable[FlightRequest]) -> list[FlightRequest]:
        """The requests, each once, those asked most first; those of one rank stay in their order."""
        weights = await self._weights()
        return sorted(dict.fromkeys(requests), key=lambda request: -weights.get(_write(request), 0))

    async def _weights(self) -> dict[bytes, float]:
        await self.flush()
        newest = self._period()
        commands = [
            ("ZREVRANGE", self._key(newest - age), 0, MOST_KEPT - 1, "WITHSCORES") for age in range(PERIODS)
        ]
        weights: dict[bytes, float] = {}
        for age, reply in enumerate(await self._cache.store.pipeline(commands)):
            for member, score in reply:
                weights[member] = weights.get(member, 0) + float(score) * HALVING**age
        return weights

    def _period(self) -> int:
        return int(self._cache.clock.time() // PERIOD)

    def _key(self, period: int) -> str:
        return f"{self._prefix}:{period}"


def _write(request: FlightRequest) -> bytes:
    written = request.to_query() if isinstance(request, FlightSearch) else request.to_body()
    return _encode({request.verb: written})


def _read(member: bytes) -> FlightRequest | None:
    """The request; None for what this version of the library did not write."""
    try:
        document: Mapping[str, Any] = msgspec.json.decode(member, type=dict[str, dict[str, Any]])
        if "GET" in document:
            return FlightSearch.from_query(document["GET"])
        return MultiCitySearch.from_body(document["POST"])
    except (msgspec.MsgspecError, InvalidParams, KeyError):
        return None

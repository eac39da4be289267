"""Counters of what a cache did since it was opened."""

from dataclasses import dataclass

from cachekit.core.events import Coalesced, CorruptValue, Event, Hit, Loaded, Miss, Outage, Unpublished


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """A snapshot of the counters.

    `stale` hits are counted in `hits` too; `failures` are loads that raised and are counted in `loads` too.
    """

    hits: int
    stale: int
    misses: int
    loads: int
    failures: int
    load_seconds: float
    coalesced: int
    corrupt: int
    outages: int
    unpublished: int

    @property
    def hit_ratio(self) -> float | None:
        """Hits among all lookups, from 0 to 1; None before the first lookup."""
        lookups = self.hits + self.misses
        return self.hits / lookups if lookups else None


class StatsObserver:
    """Counts events; an Observer."""

    def __init__(self) -> None:
        self._hits = self._stale = self._misses = self._loads = self._failures = 0
        self._coalesced = self._corrupt = self._outages = self._unpublished = 0
        self._load_seconds = 0.0

    def observe(self, event: Event) -> None:
        """Count `event`."""
        match event:
            case Hit():
                self._hits += 1
                self._stale += event.state == "stale"
            case Miss():
                self._misses += 1
            case Loaded():
                self._loads += 1
                self._failures += event.failed
                self._load_seconds += event.seconds
            case Coalesced():
                self._coalesced += 1
            case CorruptValue():
                self._corrupt += 1
            case Outage():
                self._outages += 1
            case Unpublished():
                self._unpublished += 1

    def snapshot(self) -> Stats:
        """The counters as they stand."""
        return Stats(
            hits=self._hits,
            stale=self._stale,
            misses=self._misses,
            loads=self._loads,
            failures=self._failures,
            load_seconds=self._load_seconds,
            coalesced=self._coalesced,
            corrupt=self._corrupt,
            outages=self._outages,
            unpublished=self._unpublished,
        )

"""What admins see: the last minutes of all instances together."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Self

import msgspec

from cachekit.core.codec import iso_utc
from chatbot.analytics.tally import MICRO

SHOWN_ROUTES: Final = 50
"""Routes in a snapshot, those searched most."""


class MinuteStats(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One minute of all instances; `at` is its beginning, ISO-8601 UTC."""

    at: str
    searches: int
    cached: int
    answers: int
    active_users: int
    tokens: int


class RouteStats(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One route; `per_minute` are its searches in each of the snapshot's minutes."""

    route: str
    searches: int
    cached: int
    per_minute: list[int]


class Snapshot(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The last minutes, the running one included, of all instances together.

    `hit_ratio` is the share of searches that came from the cache, None without searches, and
    `upstream_calls_saved` is how many those were. `active_users` is an estimate (standard error 0.81 %).
    `cost` is a decimal string in the currency of the model's prices. `timeline` begins with the oldest
    minute; `routes` are those searched most.
    """

    at: str
    minutes: int
    searches: int
    hit_ratio: float | None
    upstream_calls_saved: int
    active_users: int
    answers: int
    tokens: int
    cost: str
    timeline: list[MinuteStats]
    routes: list[RouteStats]

    @classmethod
    def of(
        cls,
        now: float,
        starts: Sequence[int],
        hashes: Iterable[Mapping[Any, Any]],
        active: Sequence[int],
        total_active: int,
    ) -> Self:
        """From each minute's start (epoch seconds), hash and count of users, the oldest first."""
        minutes = [_numbers(each) for each in hashes]
        total = sum(minutes, start=Counter[str]())
        searches, cached = total["searches"], total["cached"]
        return cls(
            at=_iso(now),
            minutes=len(starts),
            searches=searches,
            hit_ratio=cached / searches if searches else None,
            upstream_calls_saved=cached,
            active_users=total_active,
            answers=total["answers"],
            tokens=total["tokens"],
            cost=str(Decimal(total["cost"]) / MICRO),
            timeline=[
                MinuteStats(
                    at=_iso(start),
                    searches=numbers["searches"],
                    cached=numbers["cached"],
                    answers=numbers["answers"],
                    active_users=users,
                    tokens=numbers["tokens"],
                )
                for start, numbers, users in zip(starts, minutes, active, strict=True)
            ],
            routes=_routes(total, minutes),
        )


def _iso(seconds: float) -> str:
    return iso_utc(dt.datetime.fromtimestamp(seconds, dt.UTC))


def _numbers(fields: Mapping[Any, Any]) -> Counter[str]:
    return Counter(
        {(name.decode() if isinstance(name, bytes) else name): int(n) for name, n in fields.items()}
    )


def _routes(total: Counter[str], minutes: Sequence[Counter[str]]) -> list[RouteStats]:
    found = [(count, name[2:]) for name, count in total.items() if name.startswith("r:")]
    found.sort(key=lambda each: (-each[0], each[1]))
    return [
        RouteStats(
            route=route,
            searches=count,
            cached=total[f"c:{route}"],
            per_minute=[numbers[f"r:{route}"] for numbers in minutes],
        )
        for count, route in found[:SHOWN_ROUTES]
    ]

"""Local time and UTC in whole minutes, and how long clocks stay as they are.

A moment is counted in minutes as `date.toordinal()` counts days, so that a day's midnight is its ordinal
times 1,440. A timetable in such minutes is the same week after week, until somebody's clocks change.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

__all__ = ["DAY_MINUTES", "iso_time", "local_minutes", "minutes_of", "steady_offset", "utc_minutes"]

DAY_MINUTES: Final = 24 * 60
_BEFORE: Final = 1
_AFTER: Final = 5
"""Days around a departure within which every flight of its journey leaves and lands."""
_MINUTE: Final = timedelta(minutes=1)
_START: Final = datetime(1, 1, 1, tzinfo=UTC)


def minutes_of(moment: datetime) -> float:
    """An aware moment in minutes of UTC."""
    return (moment - _START) / _MINUTE + DAY_MINUTES


def utc_minutes(zone: ZoneInfo, local: int) -> int:
    """The moment at which clocks in `zone` show `local`; in an hour that they skip, as before the skip."""
    return local - _offset(_wall_clock(local).replace(tzinfo=zone))


def local_minutes(zone: ZoneInfo, utc: int) -> int:
    """What clocks in `zone` show at a moment."""
    return utc + _offset(_wall_clock(utc).replace(tzinfo=UTC).astimezone(zone))


@lru_cache(maxsize=2**17)
def steady_offset(zone: ZoneInfo, ordinal: int) -> int | None:
    """Minutes that `zone` is ahead of UTC all through the days of a journey; None if its clocks change."""
    first = _offset_at_midnight(zone, ordinal - _BEFORE)
    return first if first == _offset_at_midnight(zone, ordinal + _AFTER) else None


def iso_time(local: int) -> str:
    """Local time as the API writes it, without an offset: 2026-12-12T23:05:00."""
    day, minute = divmod(local, DAY_MINUTES)
    hour, minute = divmod(minute, 60)
    return f"{_iso_day(day)}T{hour:02}:{minute:02}:00"


@lru_cache(maxsize=2**17)
def _offset_at_midnight(zone: ZoneInfo, ordinal: int) -> int:
    return _offset(_wall_clock(ordinal * DAY_MINUTES).replace(tzinfo=zone))


def _wall_clock(minutes: int) -> datetime:
    day, minute = divmod(minutes, DAY_MINUTES)
    return datetime.fromordinal(day) + timedelta(minutes=minute)


def _offset(moment: datetime) -> int:
    return round((moment.utcoffset() or timedelta()) / _MINUTE)


@lru_cache(maxsize=1024)
def _iso_day(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()

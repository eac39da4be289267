"""Days of travel: which ones the calendar has, and which ones can be asked for."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from cachekit.amadeus.sandbox.inventory.airports import locate

__all__ = ["calendar_day", "day_fault", "today_at"]

DAYS_AHEAD: Final = 365

NO_SUCH_DAY: Final = 425
PAST_OR_OUT_OF_ORDER: Final = 4926
TOO_FAR: Final = 425


def calendar_day(text: str) -> date | None:
    """The day, or None if the calendar has no such day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def today_at(code: str, now: datetime) -> date:
    """Today at the place of this code; in UTC where the place is not known."""
    places = locate(code)
    return now.astimezone(places[0].zone if places else UTC).date()


def day_fault(text: str, *, today: date, earliest: date | None = None) -> tuple[int, str] | None:
    """The code and detail of what is wrong with a day of travel written YYYY-MM-DD, or None.

    `today` is the origin's; `earliest` is the day of what comes before it in the journey.
    """
    day = calendar_day(text)
    if day is None:
        return NO_SUCH_DAY, "the calendar has no such day"
    if day < today:
        return PAST_OR_OUT_OF_ORDER, "the date is in the past"
    if day > today + timedelta(days=DAYS_AHEAD):
        return TOO_FAR, f"the date is more than {DAYS_AHEAD} days ahead"
    if earliest is not None and day < earliest:
        return PAST_OR_OUT_OF_ORDER, f"the date is before {earliest}, when the journey before it starts"
    return None

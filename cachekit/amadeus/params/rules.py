"""What a request for flights must keep to beyond its single fields, and its bounds."""

from datetime import date, timedelta
from typing import Final

from cachekit.amadeus.params.fields import Field
from cachekit.amadeus.params.form import Form

__all__ = [
    "MAX_DAYS_AHEAD",
    "MAX_PRICE",
    "MAX_RESULTS",
    "MAX_SEATED",
    "check_airlines",
    "check_day",
    "check_party",
    "check_places",
]

MAX_SEATED: Final = 9
"""Adults and children together."""
MAX_RESULTS: Final = 250
"""The most offers one search returns; also the default."""
MAX_DAYS_AHEAD: Final = 365
"""How far ahead of today a date may be."""
MAX_PRICE: Final = 999_999_999
"""The largest `max_price` that is sent; a bound on digits, far above any fare."""


def check_places(destination: Field, *, origin: str, given: str) -> None:
    """Refuse a destination that is the origin."""
    if given == origin:
        destination.refuse("another place than the origin", given)


def check_party(form: Form, *, adults: int, children: int, infants: int) -> None:
    """Refuse more seated travelers than 9, and infants without an adult's lap."""
    if adults + children > MAX_SEATED:
        form["children"].refuse(f"at most {MAX_SEATED} together with the {adults} adults", children)
    if infants > adults:
        form["infants"].refuse(f"at most one for each of the {adults} adults", infants)


def check_airlines(form: Form, *, included: tuple[str, ...], excluded: tuple[str, ...]) -> None:
    """Refuse airlines both included and excluded."""
    if included and excluded:
        form["excluded_airlines"].refuse("empty where airlines are included", excluded)


def check_day(field: Field, day: date, today: date) -> None:
    """Refuse a day in the past or more than 365 days ahead.

    `today` is the caller's day, best the UTC day. The airport's own day can be one earlier or later, so a
    day of grace is given at both ends and the service has the last word.
    """
    if day < today - timedelta(days=1):
        field.refuse(f"not in the past; today is {today}", day)
    if day > today + timedelta(days=MAX_DAYS_AHEAD + 1):
        field.refuse(f"at most {MAX_DAYS_AHEAD} days ahead; today is {today}", day)

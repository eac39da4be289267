"""The cheapest dates of a trip: for each day what a search for it would answer first, at the same moment."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from cachekit.amadeus.params import MAX_DAYS_AHEAD, CheapestDates, Leg, ViewBy
from cachekit.amadeus.sandbox.inventory.choices import Wish
from cachekit.amadeus.sandbox.inventory.fare_calendar import FareCalendar
from cachekit.amadeus.sandbox.inventory.locations import location
from cachekit.amadeus.sandbox.inventory.money import CURRENCIES, DEFAULT_CURRENCY, amount
from cachekit.amadeus.sandbox.inventory.zones import minutes_of

__all__ = ["cheapest_dates", "defaults_of"]

DEFAULT_DAYS: Final = 180
"""Days of departure that are looked at, from tomorrow on, where none are given."""
DEFAULT_DURATION: Final = (1, 15)
MOST_DATES: Final = 2_000
"""Results of one reply, the cheapest ones."""


@dataclass(frozen=True, slots=True)
class _Found:
    """The cheapest trip on its dates, in hundredths of a euro."""

    total: int
    departure: date
    back: date | None


def cheapest_dates(request: CheapestDates, *, seed: int, now: datetime, base_url: str = "") -> dict[str, Any]:
    """Answer at `now` (aware): `data` in ascending price, and `dictionaries` and `warnings` if there are any.

    Each total is that of the first offer which `find_offers` gives for one adult on these dates, in euros.
    Links start with `base_url`.
    """
    found = sorted(
        _shown(request, seed, now), key=lambda one: (one.total, one.departure, one.back or date.min)
    )
    if not found:
        return {"data": []}
    elsewhere = _elsewhere(request, now, base_url)
    reply: dict[str, Any] = {
        "data": [_write(one, request, base_url, elsewhere) for one in found[:MOST_DATES]],
        "dictionaries": {
            "currencies": {DEFAULT_CURRENCY: CURRENCIES[DEFAULT_CURRENCY]},
            "locations": {code: _location(code) for code in (request.origin, request.destination)},
        },
    }
    if len(found) > MOST_DATES:
        reply["warnings"] = [{"title": "Maximum response size reached"}]
    return reply


def defaults_of(request: CheapestDates, now: datetime) -> dict[str, Any]:
    """The parameters that were left out, and what stands for them, as `meta.defaults` gives them."""
    first, last = _departures(request, now)
    spelled: dict[str, Any] = {}
    if request.departure_from is None:
        spelled["departureDate"] = f"{first},{last}"
    if not request.one_way:
        spelled["oneWay"] = False
        if request.duration_from is None:
            spelled["duration"] = ",".join(map(str, DEFAULT_DURATION))
    if not request.non_stop:
        spelled["nonStop"] = False
    if request.view_by is None:
        spelled["viewBy"] = _view(request).value
    return spelled


def _view(request: CheapestDates) -> ViewBy:
    return request.view_by or (ViewBy.DATE if request.one_way else ViewBy.DURATION)


def _departures(request: CheapestDates, now: datetime) -> tuple[date, date]:
    if request.departure_from is not None:
        return request.departure_from, request.departure_to or request.departure_from
    today = now.date()
    return today + timedelta(days=1), today + timedelta(days=DEFAULT_DAYS)


def _durations(request: CheapestDates) -> tuple[int, int]:
    if request.duration_from is None:
        return DEFAULT_DURATION
    return request.duration_from, request.duration_to or request.duration_from


def _shown(request: CheapestDates, seed: int, now: datetime) -> Iterable[_Found]:
    """One result for whatever the request wants to see one for."""
    found = _found(request, seed, now)
    if request.max_price is not None:
        most = 100 * request.max_price
        found = (one for one in found if one.total <= most)
    view = _view(request)
    if view is ViewBy.DURATION:
        return found
    cheapest: dict[object, _Found] = {}
    for one in found:
        period = one.departure.isocalendar()[:2] if view is ViewBy.WEEK else one.departure
        best = cheapest.get(period)
        if best is None or one.total < best.total:
            cheapest[period] = one
    return cheapest.values()


def _found(request: CheapestDates, seed: int, now: datetime) -> Iterator[_Found]:
    """The cheapest trip on each day of departure, and of each duration."""
    wish = Wish(most_stops=0) if request.non_stop else Wish()
    calendar = FareCalendar(wish, one_way=request.one_way, seed=seed, now=minutes_of(now))
    first, last = _departures(request, now)
    latest = now.date() + timedelta(days=MAX_DAYS_AHEAD)
    shortest, longest = _durations(request)
    for ahead in range((last - first).days + 1):
        departure = first + timedelta(days=ahead)
        out = Leg(request.origin, request.destination, departure)
        if request.one_way:
            total = calendar.one_way(out)
            if total is not None:
                yield _Found(total, departure, None)
            continue
        for days in range(shortest, longest + 1):
            back = departure + timedelta(days=days)
            if back > latest:
                break
            total = calendar.round_trip(out, Leg(request.destination, request.origin, back))
            if total is not None:
                yield _Found(total, departure, back)


def _write(one: _Found, request: CheapestDates, base_url: str, elsewhere: str) -> dict[str, Any]:
    """One result; `elsewhere` is the link to other destinations, the same for all."""
    written = {
        "type": "flight-date",
        "origin": request.origin,
        "destination": request.destination,
        "departureDate": one.departure.isoformat(),
    }
    dates = f"departureDate={one.departure}"
    if one.back is not None:
        written["returnDate"] = one.back.isoformat()
        dates += f"&returnDate={one.back}"
    places = f"originLocationCode={request.origin}&destinationLocationCode={request.destination}"
    query = f"{places}&{dates}&adults=1&nonStop={_flag(request.non_stop)}"
    return {
        **written,
        "price": {"total": amount(one.total)},
        "links": {
            "flightDestinations": elsewhere,
            "flightOffers": f"{base_url}/v2/shopping/flight-offers?{query}",
        },
    }


def _elsewhere(request: CheapestDates, now: datetime, base_url: str) -> str:
    """The same question about other destinations, as the service links to it."""
    first, last = _departures(request, now)
    query = f"origin={request.origin}&departureDate={first},{last}&oneWay={_flag(request.one_way)}"
    if not request.one_way:
        query += "&duration={},{}".format(*_durations(request))
    query += f"&nonStop={_flag(request.non_stop)}&viewBy={_view(request)}"
    return f"{base_url}/v1/shopping/flight-destinations?{query}"


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _location(code: str) -> dict[str, str]:
    place = location(f"A{code}") or location(f"C{code}")
    return {"subType": place.kind.value, "detailedName": place.name} if place else {}

"""The trip a conversation is about, as far as it is known, and what is still wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal

from chatbot.models.offline.dates import When
from chatbot.models.offline.reading import PlaceSaid, Reading
from chatbot.places import Place

Slot = Literal["origin", "destination", "departure", "return"]
Problem = Literal[
    "origin_missing",
    "destination_missing",
    "place_ambiguous",
    "same_place",
    "departure_missing",
    "departure_vague",
    "return_missing",
    "date_impossible",
    "date_past",
    "date_far",
    "return_first",
    "too_many",
    "infants",
    "one_at_a_time",
]

FURTHEST = timedelta(days=365)
"""How far ahead flights are on sale."""

MOST_SEATED = 9


@dataclass(frozen=True, slots=True)
class Question:
    """What keeps the search from being made: the slot to fill, the problem, and what it is about."""

    problem: Problem
    slot: Slot | None = None
    options: tuple[Place, ...] = ()
    name: str = ""
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Trip:
    """A flight search in the making; None and empty mean unsaid.

    `stay` is how many days after a departure still unknown the return shall be.
    """

    origin: Place | None = None
    destination: Place | None = None
    departure: date | None = None
    return_: date | None = None
    round_trip: bool = False
    stay: int | None = None
    adults: int = 1
    children: int = 0
    infants: int = 0
    cabin: str = ""
    non_stop: bool = False
    max_price: int | None = None
    currency: str = ""

    def arguments(self, *, refresh: bool) -> dict[str, Any]:
        """The search tool's input: only what was asked for."""
        assert self.origin is not None
        assert self.destination is not None
        assert self.departure is not None
        wanted = {
            "origin": self.origin.code,
            "destination": self.destination.code,
            "departure_date": self.departure.isoformat(),
            "return_date": self.return_.isoformat() if self.return_ else None,
            "adults": self.adults,
            "children": self.children or None,
            "infants": self.infants or None,
            "travel_class": self.cabin or None,
            "non_stop": self.non_stop or None,
            "max_price": self.max_price,
            "currency": self.currency or None,
            "refresh": refresh or None,
        }
        return {name: value for name, value in wanted.items() if value is not None}

    def searched(self, arguments: Mapping[str, Any]) -> "Trip":
        """This trip with the dates that were really searched: "tomorrow" meant the day it was said.

        Places are taken over too where the messages that named them are no longer in the history.
        """
        departure, back = (_iso(arguments.get(name)) for name in ("departure_date", "return_date"))
        return replace(
            self,
            origin=self.origin or _coded(arguments.get("origin")),
            destination=self.destination or _coded(arguments.get("destination")),
            departure=departure or self.departure,
            return_=back if departure else self.return_,
        )


def merge(trip: Trip, reading: Reading, today: date, *, asked: Slot | None) -> tuple[Trip, Question | None]:
    """The trip after one more message, and what that message left unclear.

    `asked` is the slot the last answer asked for: a bare place or day fills it.
    """
    trip = _start_anew(trip, reading)
    trip, place_question = _with_places(trip, reading.places, asked)
    trip, date_question = _with_dates(trip, reading, today, asked)
    party, budget = reading.party, reading.budget
    trip = replace(
        trip,
        adults=party.adults if party.adults is not None else trip.adults,
        children=party.children if party.children is not None else trip.children,
        infants=party.infants if party.infants is not None else trip.infants,
        cabin=reading.cabin if reading.cabin is not None else trip.cabin,
        non_stop=reading.non_stop if reading.non_stop is not None else trip.non_stop,
        max_price=None if budget.unlimited else budget.max_price or trip.max_price,
        currency=budget.currency or trip.currency,
    )
    return trip, place_question or date_question


def missing(trip: Trip, today: date) -> Question | None:
    """The first thing without which this trip cannot be searched, in the order a person would ask."""
    return _route_question(trip) or _date_question(trip, today) or _party_question(trip)


def _route_question(trip: Trip) -> Question | None:
    if trip.origin is None:
        return Question("origin_missing", "origin")
    if trip.destination is None:
        return Question("destination_missing", "destination")
    if trip.origin.code == trip.destination.code:
        return Question("same_place", "destination", name=trip.origin.name)
    return None


def _date_question(trip: Trip, today: date) -> Question | None:
    if trip.departure is None:
        return Question("departure_missing", "departure")
    if trip.round_trip and trip.return_ is None:
        return Question("return_missing", "return")
    dates: tuple[tuple[Slot, date | None], ...] = (("departure", trip.departure), ("return", trip.return_))
    for slot, day in dates:
        if day is not None and day < today:
            return Question("date_past", slot, day=day)
        if day is not None and day > today + FURTHEST:
            return Question("date_far", slot, day=today + FURTHEST)
    if trip.return_ is not None and trip.return_ < trip.departure:
        return Question("return_first", "return", day=trip.departure)
    return None


def _party_question(trip: Trip) -> Question | None:
    if not 1 <= trip.adults <= MOST_SEATED or trip.adults + trip.children > MOST_SEATED:
        return Question("too_many")
    return Question("infants") if trip.infants > trip.adults else None


def fill(trip: Trip, slot: Slot, place: Place) -> Trip:
    """The trip with a place that was asked for."""
    return replace(trip, origin=place) if slot == "origin" else replace(trip, destination=place)


def _start_anew(trip: Trip, reading: Reading) -> Trip:
    """A message that names both ends and a day is another trip; anything less changes this one."""
    roles = [said.role for said in reading.places]
    return Trip() if len(roles) > 1 and reading.whens else trip


def _with_places(
    trip: Trip, places: tuple[PlaceSaid, ...], asked: Slot | None
) -> tuple[Trip, Question | None]:
    question = None
    roles = _slots(trip, places, asked)
    if len([role for role in roles if role == "destination"]) > 1:
        return trip, Question("one_at_a_time", "destination")
    for said, slot in zip(places, roles, strict=True):
        options = said.mention.places
        if said.mention.ambiguous:
            question = question or Question("place_ambiguous", slot, options, name=said.mention.text)
            trip = replace(trip, origin=None) if slot == "origin" else replace(trip, destination=None)
        else:
            trip = fill(trip, slot, said.place)
    return trip, question


def _slots(trip: Trip, places: tuple[PlaceSaid, ...], asked: Slot | None) -> list[Slot]:
    """Which end of the trip each place is, where the words do not say by themselves."""
    at: Slot = "origin" if asked == "origin" else "destination"
    roles = [at if said.role == "at" else said.role for said in places]
    free = [role for role in ("origin", "destination") if role not in roles]
    slots: list[Slot] = []
    for role in roles:
        if role == "origin" or role == "destination":  # noqa: PLR1714 - narrows the type
            slots.append(role)
        elif len(places) == 1:
            slots.append(_bare_place(trip, asked))
        else:
            slots.append("origin" if free and free.pop(0) == "origin" else "destination")
    return slots


def _bare_place(trip: Trip, asked: Slot | None) -> Slot:
    if asked in {"origin", "destination"}:
        return "origin" if asked == "origin" else "destination"
    return "origin" if trip.origin is None and trip.destination is not None else "destination"


def _with_dates(
    trip: Trip, reading: Reading, today: date, asked: Slot | None
) -> tuple[Trip, Question | None]:
    if reading.one_way:
        trip = replace(trip, return_=None, round_trip=False, stay=None)
    if reading.round_trip:
        trip = replace(trip, round_trip=True)
    anchor = trip.departure
    departure_said = False
    for when in reading.whens:
        role = when.role or ("return" if departure_said or asked == "return" else "departure")
        slot: Slot = "return" if role == "return" else "departure"
        if when.vague:
            return trip, Question("departure_vague" if slot == "departure" else "return_missing", slot)
        if when.nights is not None or (when.later is not None and slot == "return"):
            trip = replace(trip, stay=when.nights if when.later is None else when.later, round_trip=True)
            continue
        if when.later is not None and anchor is None:
            continue
        trip, day = _dated(trip, slot, when, today, anchor)
        departure_said = departure_said or slot == "departure"
        if day is None or day < today:
            return trip, Question("date_past" if day else "date_impossible", slot, day=day)
    if trip.stay is not None and trip.departure is not None:
        trip = replace(trip, return_=_after(trip.departure, trip.stay), stay=None)
    return trip, None


def _dated(trip: Trip, slot: Slot, when: When, today: date, anchor: date | None) -> tuple[Trip, date | None]:
    """The trip with one of its dates, and that date; None if the calendar has no such day."""
    if slot == "return":
        day = when.resolve(trip.departure or today)
        return replace(trip, return_=day, round_trip=True), day
    day = when.resolve(today, anchor) if when.later is None else _after(anchor, when.later)
    # A later departure than the known return starts the trip over in one direction.
    stays = trip.return_ if day and trip.return_ and trip.return_ >= day else None
    return replace(trip, departure=day, return_=stays), day


def _after(day: date | None, days: int) -> date | None:
    return day + timedelta(days=days) if day else None


def _coded(value: object) -> Place | None:
    return Place(value, value, "", "city") if isinstance(value, str) and value else None


def _iso(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None

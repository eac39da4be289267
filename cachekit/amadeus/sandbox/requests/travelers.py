"""The travelers of a search by POST: who they are, who sits on whose lap, and their callers' ids."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from cachekit.amadeus.sandbox.issues import Issue
from cachekit.amadeus.sandbox.requests.bodies import Body

__all__ = ["PostedTraveler", "Seating", "party_issues", "renamed", "seating"]

MOST_SEATED: Final = 9

BAD_COMBINATION: Final = 2668
INVALID_DATA: Final = 4926
TOO_MANY: Final = 10661
MISSING: Final = 32171

SIMULATED: Final = frozenset({"ADULT", "CHILD", "HELD_INFANT"})


class PostedTraveler(Body, frozen=True):
    """One traveler. `associatedAdultId` is for an infant held on that adult's lap."""

    id: str
    traveler_type: Literal["ADULT", "CHILD", "SENIOR", "YOUNG", "HELD_INFANT", "SEATED_INFANT", "STUDENT"]
    associated_adult_id: str | None = None
    fare_options: list[Literal["STANDARD"]] | None = None


@dataclass(frozen=True, slots=True)
class Seating:
    """The callers' ids by kind; the adult of each infant has the same rank as the infant."""

    adults: tuple[str, ...]
    children: tuple[str, ...]
    infants: tuple[str, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """All of them in one row."""
        return self.adults + self.children + self.infants


def party_issues(travelers: Sequence[PostedTraveler]) -> Iterator[Issue]:
    """What is wrong with the travelers as a party."""
    yield from _id_issues(travelers)
    kinds = Counter(traveler.traveler_type for traveler in travelers)
    if len(travelers) - kinds["HELD_INFANT"] > MOST_SEATED:
        yield Issue(TOO_MANY, f"at most {MOST_SEATED} seated travelers", pointer="/travelers")
    if not kinds["ADULT"]:
        yield Issue(INVALID_DATA, "at least one adult travels", pointer="/travelers")
    for index, traveler in enumerate(travelers):
        if traveler.traveler_type not in SIMULATED:
            detail = f"this sandbox simulates travelers of the types {', '.join(sorted(SIMULATED))}"
            yield Issue(INVALID_DATA, detail, pointer=f"/travelers[{index}]/travelerType")


def _id_issues(travelers: Sequence[PostedTraveler]) -> Iterator[Issue]:
    adults = {traveler.id for traveler in travelers if traveler.traveler_type == "ADULT"}
    seen: set[str] = set()
    held: set[str] = set()
    for index, traveler in enumerate(travelers):
        pointer = f"/travelers[{index}]"
        if traveler.id in seen:
            yield Issue(INVALID_DATA, "the id is used more than once", pointer=f"{pointer}/id")
        seen.add(traveler.id)
        if traveler.traveler_type != "HELD_INFANT":
            continue
        lap, pointer = traveler.associated_adult_id, f"{pointer}/associatedAdultId"
        if lap is None:
            yield Issue(MISSING, "associatedAdultId needed", pointer=pointer)
        elif lap not in adults:
            yield Issue(INVALID_DATA, "no adult has this id", pointer=pointer)
        elif lap in held:
            yield Issue(BAD_COMBINATION, "at most one infant for each adult", pointer=pointer)
        else:
            held.add(lap)


def seating(travelers: Sequence[PostedTraveler]) -> Seating:
    """The party in order, once `party_issues` found nothing: adults who hold an infant come first."""
    infants = [traveler for traveler in travelers if traveler.traveler_type == "HELD_INFANT"]
    laps = [infant.associated_adult_id or "" for infant in infants]
    adults = [traveler.id for traveler in travelers if traveler.traveler_type == "ADULT"]
    return Seating(
        adults=(*laps, *(adult for adult in adults if adult not in laps)),
        children=tuple(traveler.id for traveler in travelers if traveler.traveler_type == "CHILD"),
        infants=tuple(infant.id for infant in infants),
    )


def renamed(offers: Sequence[Mapping[str, Any]], ids: Sequence[str]) -> list[dict[str, Any]]:
    """Offers whose travelers "1", "2" and so on go by their callers' ids."""
    names = {str(number): given for number, given in enumerate(ids, 1)}
    return [
        {**offer, "travelerPricings": [_renamed(one, names) for one in offer["travelerPricings"]]}
        for offer in offers
    ]


def _renamed(pricing: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    places = ("travelerId", "associatedAdultId")
    return {name: names[value] if name in places else value for name, value in pricing.items()}

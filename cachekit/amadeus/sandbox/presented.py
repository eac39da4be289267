"""Reading offers that a client presents to be priced: which flights, in which cabins, for whom.

Only what says that is read. Other fields are ignored, since clients send back the whole offer, and not
all of them untouched; prices and bags are the sandbox's to tell.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from cachekit.amadeus.params import TravelClass
from cachekit.amadeus.sandbox.inventory.airports import airports
from cachekit.amadeus.sandbox.inventory.money import CURRENCIES, DEFAULT_CURRENCY
from cachekit.amadeus.sandbox.inventory.schedule import Flight, Journey, journeys
from cachekit.amadeus.sandbox.inventory.trips import Party
from cachekit.amadeus.sandbox.inventory.zones import DAY_MINUTES, iso_time
from cachekit.amadeus.sandbox.issues import Issue, Refusal, refuse_if
from cachekit.amadeus.sandbox.requests.bodies import Body, read_body

__all__ = ["Direction", "Presented", "read_offers"]

INVALID_DATA: Final = 4926
TOO_MANY: Final = 10661

_At = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}$")]


class _Part(Body, frozen=True, forbid_unknown_fields=False):
    """Part of an offer, of which some fields matter."""


class _Departure(_Part, frozen=True):
    iata_code: str
    at: _At


class _Arrival(_Part, frozen=True):
    iata_code: str


class _Segment(_Part, frozen=True):
    id: str
    carrier_code: str
    number: str
    departure: _Departure
    arrival: _Arrival


class _Itinerary(_Part, frozen=True):
    segments: Annotated[list[_Segment], Meta(min_length=1, max_length=9)]


class _Fare(_Part, frozen=True):
    segment_id: str
    cabin: TravelClass = TravelClass.ECONOMY
    branded_fare: str | None = None


class _Traveler(_Part, frozen=True):
    traveler_id: str
    traveler_type: Literal["ADULT", "CHILD", "HELD_INFANT"]
    fare_details_by_segment: Annotated[list[_Fare], Meta(min_length=1, max_length=18)]
    associated_adult_id: str | None = None


class _Price(_Part, frozen=True):
    currency: str = DEFAULT_CURRENCY


class _Offer(_Part, frozen=True):
    type: Literal["flight-offer"]
    id: str
    itineraries: Annotated[list[_Itinerary], Meta(min_length=1, max_length=6)]
    traveler_pricings: Annotated[list[_Traveler], Meta(min_length=1, max_length=18)]
    price: _Price = _Price()


class _Data(_Part, frozen=True):
    flight_offers: Annotated[list[_Offer], Meta(min_length=1, max_length=6)]


class _Document(_Part, frozen=True):
    data: _Data


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction of an offer. `brand` is None where the offer names none; `pointer` is its place."""

    pointer: str
    journey: Journey
    day: date
    segment_ids: tuple[str, ...]
    cabins: tuple[TravelClass, ...]
    brand: str | None


@dataclass(frozen=True, slots=True)
class Presented:
    """An offer as a client presents it."""

    id: str
    directions: tuple[Direction, ...]
    party: Party
    currency: str


def read_offers(offers: Sequence[Mapping[str, Any]]) -> list[Presented]:
    """What the offers, one to six, are about.

    Raises:
        Refusal: a field is missing or of the wrong type, or there are no such flights. The issues point
            into the body that the offers came in: `/data/flightOffers[0]/…`.
    """
    document = read_body({"data": {"flightOffers": list(offers)}}, _Document, too_many=TOO_MANY)
    return [
        _presented(offer, f"/data/flightOffers[{index}]")
        for index, offer in enumerate(document.data.flight_offers)
    ]


def _presented(offer: _Offer, pointer: str) -> Presented:
    refuse_if(list(_issues(offer, pointer)))
    fares = {fare.segment_id: fare for fare in offer.traveler_pricings[0].fare_details_by_segment}
    return Presented(
        id=offer.id,
        directions=tuple(
            _direction(itinerary, fares, f"{pointer}/itineraries[{index}]")
            for index, itinerary in enumerate(offer.itineraries)
        ),
        party=Party(
            tuple(
                (traveler.traveler_id, traveler.traveler_type, traveler.associated_adult_id)
                for traveler in offer.traveler_pricings
            )
        ),
        currency=offer.price.currency,
    )


def _issues(offer: _Offer, pointer: str) -> Iterator[Issue]:
    """What is wrong between the fields of an offer."""
    if offer.price.currency not in CURRENCIES:
        yield Issue(INVALID_DATA, "the currency is not supported", pointer=f"{pointer}/price/currency")
    adults = {one.traveler_id for one in offer.traveler_pricings if one.traveler_type == "ADULT"}
    segments = [segment.id for itinerary in offer.itineraries for segment in itinerary.segments]
    for index, traveler in enumerate(offer.traveler_pricings):
        place = f"{pointer}/travelerPricings[{index}]"
        on_lap = traveler.traveler_type == "HELD_INFANT"
        if on_lap != (traveler.associated_adult_id is not None) or (
            on_lap and traveler.associated_adult_id not in adults
        ):
            detail = "an infant on a lap, and nobody else, is associated with an adult of the offer"
            yield Issue(INVALID_DATA, detail, pointer=f"{place}/associatedAdultId")
        if [fare.segment_id for fare in traveler.fare_details_by_segment] != segments:
            detail = "there must be one for each segment, in their order"
            yield Issue(INVALID_DATA, detail, pointer=f"{place}/fareDetailsBySegment")


def _direction(itinerary: _Itinerary, fares: Mapping[str, _Fare], pointer: str) -> Direction:
    first, last = itinerary.segments[0], itinerary.segments[-1]
    try:
        day = date.fromisoformat(first.departure.at[:10])
    except ValueError as error:
        place = f"{pointer}/segments[0]/departure/at"
        raise Refusal([Issue(425, "the calendar has no such day", pointer=place)]) from error
    journey = _recognise(itinerary.segments, first.departure.iata_code, last.arrival.iata_code, day)
    if journey is None:
        raise Refusal([Issue(INVALID_DATA, "no such flights are for sale", pointer=pointer)])
    ids = tuple(segment.id for segment in itinerary.segments)
    return Direction(
        pointer=pointer,
        journey=journey,
        day=day,
        segment_ids=ids,
        cabins=tuple(fares[segment_id].cabin for segment_id in ids),
        brand=fares[ids[0]].branded_fare,
    )


def _recognise(segments: Sequence[_Segment], start: str, end: str, day: date) -> Journey | None:
    """The journey of these flights, whoever operates them: an offer need not say."""
    origin, destination = airports().get(start), airports().get(end)
    if origin is None or destination is None:
        return None
    presented = [
        (one.carrier_code, one.number, one.departure.iata_code, one.departure.at, one.arrival.iata_code)
        for one in segments
    ]
    ordinal = day.toordinal()
    for journey in journeys(origin, destination, ordinal):
        if [_sold(flight, ordinal) for flight in journey.flights] == presented:
            return journey
    return None


def _sold(flight: Flight, ordinal: int) -> tuple[str, str, str, str, str]:
    leaves = iso_time(ordinal * DAY_MINUTES + flight.operated.leaves)
    route = flight.route
    return flight.carrier.code, flight.number, route.origin.code, leaves, route.destination.code

"""One offer by its id: looked up, and told whole."""

from collections.abc import Mapping
from typing import Any, Final

from cachekit.amadeus import AmadeusCacheRepository, CachedOffer
from cachekit.errors import CacheKitError
from chatbot.errors import ToolError
from chatbot.messages import OfferCard, Segment
from chatbot.models.protocol import ToolSpec
from chatbot.tools.digest import direction, way_names
from chatbot.tools.fares import Fare, amenities, fares, parties
from chatbot.tools.fields import OFFER_ID
from chatbot.tools.offers import UNREADABLE, read_card
from chatbot.tools.provenance import Provenance
from chatbot.tools.refusals import explain
from chatbot.tools.registry import ToolReply

__all__ = ["GetOffer", "StoredOffers"]

ID_LENGTH: Final = 43
"""Characters of an offer's id; see `cachekit.amadeus.repository.offer_ids`."""

_ID_LETTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")

_GONE: Final = (
    "No stored answer holds an offer with this id now: it was not copied exactly, or its search was too long"
    " ago, or the price has changed since. Call search_flights with the fields of that search and take an id"
    " out of its result. If this happens with an id of a result that has just come, offers cannot be looked"
    " up for the moment: go by what the search told."
)
_NOTE: Final = "This is the offer as it was found; price_offer tells what it costs now."

SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["offer_id"],
    "properties": {"offer_id": OFFER_ID},
}


class StoredOffers:
    """Offers of stored answers, whichever instance found them."""

    def __init__(self, repository: AmadeusCacheRepository) -> None:
        self._repository = repository

    async def get(self, offer_id: str) -> tuple[CachedOffer, OfferCard]:
        """The offer that a search named so, and how it reads.

        Raises:
            ToolError: this is no offer's id (`invalid_input`), or no stored answer has it any more,
                or not in a form that can be read (`offer_gone`); the text says how to get it again.
        """
        offer_id = offer_id.strip()
        if len(offer_id) != ID_LENGTH or not _ID_LETTERS.issuperset(offer_id):
            raise ToolError(
                f"Field offer_id is no offer's id: one has {ID_LENGTH} characters of A-Z a-z 0-9 - _, and"
                f" this has {len(offer_id)}. Copy it whole from a result of search_flights; the number of an"
                " offer in a list is no id.",
                code="invalid_input",
            )
        try:
            found = await self._repository.get_offer(offer_id)
        except CacheKitError as error:
            explain(error)
        if found is None:
            raise ToolError(_GONE, code="offer_gone")
        try:
            return found, read_card(found.offer, found.dictionaries, offer_id=found.id)
        except UNREADABLE as error:
            raise ToolError("The stored offer cannot be read; search again.", code="offer_gone") from error


class GetOffer:
    """The tool `get_offer`: everything that is known of one offer. Asks nobody."""

    def __init__(self, offers: StoredOffers) -> None:
        self._offers = offers

    @property
    def spec(self) -> ToolSpec:
        """Name, description and input schema."""
        return ToolSpec(
            "get_offer",
            "Tell all of one offer that search_flights found: every flight with terminals, aircraft and"
            " operator, cabin and bags of each, what each traveler pays, and what costs extra. Uses the"
            " stored answer and tells its age; the price may have changed since, see price_offer.",
            SCHEMA,
        )

    async def run(self, arguments: Mapping[str, Any]) -> ToolReply:
        """Look the offer up.

        Raises:
            ToolError: as `StoredOffers.get`.
        """
        return ToolReply(_told(*await self._offers.get(arguments["offer_id"])))


def _told(found: CachedOffer, card: OfferCard) -> dict[str, Any]:
    sold = iter(_by_flight(found.offer))
    ways = {
        way: {
            **direction(itinerary),
            "flights": [_flight(each, next(sold, None)) for each in itinerary.segments],
        }
        for way, itinerary in zip(way_names(card), card.itineraries, strict=True)
    }
    provenance = Provenance.of(found)
    return {
        **_summary(card),
        **provenance.facts(),
        **ways,
        "travelers": parties(found.offer),
        **amenities(found.offer),
        "note": provenance.noted(_NOTE),
    }


def _summary(card: OfferCard) -> dict[str, Any]:
    return {
        "id": card.id,
        "price": card.total,
        "currency": card.currency,
        "seats_left": card.seats_left,
        "last_ticketing_date": card.last_ticketing_date,
        "sold_by": card.validating_carrier,
    }


def _by_flight(offer: Mapping[str, Any]) -> list[Fare | None]:
    """What is sold on each flight, in the order of the flights; None where the offer does not tell."""
    by_id = {fare.segment_id: fare for fare in fares(offer)}
    return [
        by_id.get(segment.get("id"))
        for itinerary in offer["itineraries"]
        for segment in itinerary["segments"]
    ]


def _flight(segment: Segment, fare: Fare | None) -> dict[str, Any]:
    facts = {
        "flight": segment.flight,
        "carrier": segment.carrier_name,
        "operated_by": segment.operated_by,
        "from": segment.origin,
        "from_terminal": segment.origin_terminal,
        "to": segment.destination,
        "to_terminal": segment.destination_terminal,
        "departs": segment.departs_at,
        "arrives": segment.arrives_at,
        "duration_minutes": segment.duration_minutes,
        "aircraft": segment.aircraft,
    }
    if fare is not None:
        facts |= {
            "cabin": fare.cabin,
            "fare_brand": fare.brand,
            "checked_bags": fare.checked_bags,
            "cabin_bags": fare.cabin_bags,
        }
    return {name: value for name, value in facts.items() if value is not None}

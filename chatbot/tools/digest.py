"""What a model is told of a search: a short list that fits a context, never the whole reply."""

from collections.abc import Mapping
from typing import Any, Final

from chatbot.messages import Itinerary, OfferCard
from chatbot.tools.offers import FoundOffers
from chatbot.tools.provenance import Provenance

__all__ = ["MOST_SUMMARIES", "digest", "direction", "way_names"]

MOST_SUMMARIES: Final = 10
"""Offers told to the model."""

_NOTE: Final = "Prices and seats change: they must be checked again before they are final."

_WAYS: Final = ("outbound", "inbound")


def digest(
    cards: list[OfferCard],
    found: FoundOffers,
    *,
    names: Mapping[str, str],
    complete: bool,
    provenance: Provenance,
) -> dict[str, Any]:
    """The result for the model: the search, its age, and at most ten offers, cheapest first.

    Args:
        cards: all offers, cheapest first.
        found: what the page gets; its search is repeated here.
        names: `originName` and `destinationName`, added to the search.
        complete: whether these are all offers there are, and not just as many as were asked for.
        provenance: where the answer comes from.
    """
    content: dict[str, Any] = {
        "search": {**found.search, **names},
        "count": len(cards),
        **provenance.facts(),
        "offers": [_summary(card) for card in _told(cards)],
    }
    if not cards:
        return content | {"message": "No flights were found for this search."}
    non_stop = _first_non_stop(cards)
    return content | {
        "more": not complete,
        "cheapest_id": cards[0].id,
        "fastest_id": _fastest(cards).id,
        "cheapest_non_stop_id": non_stop.id if non_stop else None,
        "note": provenance.noted(_NOTE),
    }


def _told(cards: list[OfferCard]) -> list[OfferCard]:
    """The cheapest offers, with room kept for the fastest one and the cheapest nonstop one."""
    if len(cards) <= MOST_SUMMARIES:
        return cards
    musts = {card.id for card in (_fastest(cards), _first_non_stop(cards)) if card}
    others = [card.id for card in cards if card.id not in musts]
    told = musts | set(others[: MOST_SUMMARIES - len(musts)])
    return [card for card in cards if card.id in told]


def _fastest(cards: list[OfferCard]) -> OfferCard:
    return min(cards, key=_minutes)


def _first_non_stop(cards: list[OfferCard]) -> OfferCard | None:
    return next((card for card in cards if _stops(card) == 0), None)


def _minutes(card: OfferCard) -> int:
    return sum(itinerary.duration_minutes for itinerary in card.itineraries)


def _stops(card: OfferCard) -> int:
    return sum(itinerary.stops for itinerary in card.itineraries)


def _summary(card: OfferCard) -> dict[str, Any]:
    return {
        "id": card.id,
        "price": card.total,
        "currency": card.currency,
        "cabin": card.cabin,
        "seats_left": card.seats_left,
        **dict(zip(way_names(card), map(direction, card.itineraries), strict=True)),
    }


def way_names(card: OfferCard) -> list[str]:
    """What the directions of an offer are called: `outbound`, `inbound`; beyond these by their number."""
    return [
        _WAYS[index] if index < len(_WAYS) else f"way_{index + 1}" for index in range(len(card.itineraries))
    ]


def direction(itinerary: Itinerary) -> dict[str, Any]:
    """One direction in a few words; its times are local."""
    first, last = itinerary.segments[0], itinerary.segments[-1]
    return {
        "from": first.origin,
        "to": last.destination,
        "departs": first.departs_at,
        "arrives": last.arrives_at,
        "duration_minutes": itinerary.duration_minutes,
        "stops": itinerary.stops,
        "via": [segment.origin for segment in itinerary.segments[1:]],
        "carrier": first.carrier_name,
        "flights": [segment.flight for segment in itinerary.segments],
    }

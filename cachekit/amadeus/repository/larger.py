"""A search answered out of the stored answer to a larger one.

The answer to "at most 500 a head, nonstop" is part of the answer to the same search without limits, if
that is whole. It is not quite what the source would say, which may combine flights otherwise when it is
asked otherwise; so this is an option, and its answers are labelled.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from itertools import product
from typing import Any

from cachekit.amadeus.params import MAX_RESULTS, FlightSearch
from cachekit.amadeus.repository.mentions import explaining

__all__ = ["larger_searches", "narrow"]


def larger_searches(request: FlightSearch) -> Iterator[FlightSearch]:
    """The searches, at most seven, whose answer would hold that to `request`; the nearest first."""
    limits = dict.fromkeys((request.max_results, MAX_RESULTS))
    prices = dict.fromkeys((request.max_price, None))
    stops = dict.fromkeys((request.non_stop, False))
    for max_results, max_price, non_stop in product(limits, prices, stops):
        larger = replace(request, max_results=max_results, max_price=max_price, non_stop=non_stop)
        if larger != request:
            yield larger


def narrow(request: FlightSearch, larger: FlightSearch, reply: Mapping[str, Any]) -> dict[str, Any] | None:
    """The part of `reply`, an answer to `larger`, that answers `request`.

    None if it cannot be told: the answer was cut off at the number of offers asked for, or an offer does
    not say what has to be known of it.
    """
    offers = reply["data"]
    if len(offers) >= larger.max_results:
        return None
    try:
        fitting = [offer for offer in offers if _fits(offer, request)]
    except (LookupError, TypeError, AttributeError, InvalidOperation):
        return None
    data = [{**offer, "id": str(number)} for number, offer in enumerate(fitting[: request.max_results], 1)]
    # Its links lead to the larger search: left out.
    narrowed = {**reply, "meta": {"count": len(data)}, "data": data}
    if "dictionaries" in reply:
        narrowed["dictionaries"] = explaining(data, reply["dictionaries"])
    return narrowed


def _fits(offer: Mapping[str, Any], request: FlightSearch) -> bool:
    if request.non_stop and not _is_non_stop(offer):
        return False
    return request.max_price is None or _dearest(offer) <= request.max_price


def _is_non_stop(offer: Mapping[str, Any]) -> bool:
    """Whether each direction is one flight that lands once."""
    flights = [itinerary["segments"] for itinerary in offer["itineraries"]]
    return all(len(segments) == 1 and segments[0]["numberOfStops"] == 0 for segments in flights)


def _dearest(offer: Mapping[str, Any]) -> Decimal:
    """What the traveler pays who pays most: the limit is for each of them."""
    return max(Decimal(traveler["price"]["total"]) for traveler in offer["travelerPricings"])

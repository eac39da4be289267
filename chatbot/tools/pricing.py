"""What an offer costs now: asked of the airline each time, and compared with what the search told."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from cachekit.amadeus import AmadeusCacheRepository, CachedOffer, Pricing
from cachekit.core.singleflight import SingleFlight
from cachekit.errors import CacheKitError
from chatbot.errors import ToolError
from chatbot.messages import OfferCard
from chatbot.models.protocol import ToolSpec
from chatbot.tools.cleaning import calendar_day
from chatbot.tools.digest import direction, way_names
from chatbot.tools.fares import Total, parties
from chatbot.tools.fields import OFFER_ID
from chatbot.tools.offers import UNREADABLE
from chatbot.tools.refusals import PRICING, UNREADABLE_REPLY, explain
from chatbot.tools.registry import ToolReply
from chatbot.tools.stored_offers import StoredOffers

__all__ = ["PriceOffer"]

SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["offer_id"],
    "properties": {"offer_id": OFFER_ID},
}

_SAME: Final = "The price is still that of the search. It holds at this moment only, and nothing is booked."


class PriceOffer:
    """The tool `price_offer`.

    Pricing is metered and its answer is never kept. But who asks for the price of an offer that is being
    asked for in this process gets that answer: one call for an offer at a time.
    """

    def __init__(self, repository: AmadeusCacheRepository, offers: StoredOffers) -> None:
        self._repository = repository
        self._offers = offers
        self._calls = SingleFlight[Pricing]()

    @property
    def spec(self) -> ToolSpec:
        """Name, description and input schema."""
        return ToolSpec(
            "price_offer",
            "Ask the airline what one offer that search_flights found costs now, before its price is called"
            " final. Tells the price before and now, and whether it has changed. Metered: use it for an offer"
            " somebody wants, not to compare many. Books nothing.",
            SCHEMA,
        )

    async def run(self, arguments: Mapping[str, Any]) -> ToolReply:
        """Ask for the price.

        Raises:
            ToolError: as `StoredOffers.get`; the offer is not sold any more (`not_sold`), or the service
                cannot answer now.
        """
        found, card = await self._offers.get(arguments["offer_id"])
        try:
            pricing = await self._calls.run(found.id, lambda _: self._repository.price(found.offer))
        except CacheKitError as error:
            explain(error, PRICING)
        try:
            return ToolReply(_told(found, card, pricing.offers[0].offer))
        except UNREADABLE as error:
            raise ToolError(UNREADABLE_REPLY, code="unavailable") from error


def _told(found: CachedOffer, card: OfferCard, priced: Mapping[str, Any]) -> dict[str, Any]:
    before, now = Total.of(found.offer), Total.of(priced)
    ticketing = priced.get("lastTicketingDate")
    has_changed = (before.currency, Decimal(before.amount)) != (now.currency, Decimal(now.amount))
    return {
        "id": found.id,
        "source": "live",
        "price": now.amount,
        "currency": now.currency,
        "changed": has_changed,
        "price_before": before.amount,
        "currency_before": before.currency,
        "age_seconds_before": int(found.age),
        **(_difference(before, now) if has_changed else {}),
        # By its flights an offer shows that is not the one that was meant.
        **dict(zip(way_names(card), map(direction, card.itineraries), strict=True)),
        "last_ticketing_date": None if ticketing is None else calendar_day(ticketing),
        "travelers": parties(priced),
        "note": _changed(before, now) if has_changed else _SAME,
    }


def _difference(before: Total, now: Total) -> dict[str, str]:
    if before.currency != now.currency:
        return {}
    return {"difference": f"{Decimal(now.amount) - Decimal(before.amount):+f}"}


def _changed(before: Total, now: Total) -> str:
    return (
        f"The price has changed since the search: it was {before.amount} {before.currency} and is now"
        f" {now.amount} {now.currency}. Say both. The other prices of that search may have changed too: call"
        " search_flights with refresh: true before you compare again."
    )

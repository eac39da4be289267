"""A pricing of offers: what is asked, and what counts as an answer."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cachekit.amadeus.client.exchange import Document
from cachekit.amadeus.client.session import Call
from cachekit.amadeus.errors import InvalidParams

__all__ = ["PRICE_DETAILS", "pricing_call"]

PRICING_PATH: Final = "/v1/shopping/flight-offers/pricing"

MOST_PRICED: Final = 6
"""Offers that one pricing takes."""

PRICE_DETAILS: Final = ("bags", "credit-card-fees", "detailed-fare-rules", "other-services")
"""What `price` can be asked to include."""


def pricing_call(offers: Sequence[Mapping[str, Any]], include: Sequence[str], *, force_class: bool) -> Call:
    """The call that prices 1 to 6 offers; raises InvalidParams for what cannot be priced."""
    if not 1 <= len(offers) <= MOST_PRICED or not all(isinstance(offer, Mapping) for offer in offers):
        raise _refused("offers", f"1 to {MOST_PRICED} whole offers, as a search gave them", len(offers))
    if not set(include) <= set(PRICE_DETAILS):
        raise _refused("include", f"a list of {', '.join(PRICE_DETAILS)}", include)
    query = {"include": ",".join(include)} if include else {}
    if force_class:
        query["forceClass"] = "true"
    body = {"data": {"type": "flight-offers-pricing", "flightOffers": list(offers)}}
    try:
        json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError):
        raise _refused("offers", "what JSON can hold, as a search gave them", len(offers)) from None
    return Call(path=PRICING_PATH, query=query, body=body, complaint=_has_offers)


def _refused(field: str, rule: str, value: object) -> InvalidParams:
    return InvalidParams(f"{field}: allowed is {rule}, not {value!r}", field=field, rule=rule, value=value)


def _has_offers(document: Document) -> str | None:
    """What is wrong with the reply: `data` is an object here, with the offers under `flightOffers`."""
    data = document.get("data")
    offers = data.get("flightOffers") if isinstance(data, dict) else None
    good = isinstance(offers, list) and all(isinstance(offer, dict) for offer in offers)
    return None if good else "has no list of objects under data.flightOffers"

"""What the price of an offer consists of and includes: travelers, cabins, bags, and what costs extra."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from chatbot.tools.cleaning import AMOUNT, CABIN, CURRENCY, TRAVELER, UNIT, name, number

__all__ = ["Fare", "Total", "amenities", "fares", "least_bags", "parties"]

MOST_TRAVELERS: Final = 18
"""Travelers of one offer, infants on laps included; the API's own bound."""

MOST_AMENITIES: Final = 12
_MOST_BAGS: Final = 99
_MOST_WEIGHT: Final = 999
_BRAND: Final = 40


@dataclass(frozen=True, slots=True)
class Total:
    """What the whole party pays, everything included: a decimal string, in units of `currency`."""

    amount: str
    currency: str

    @classmethod
    def of(cls, offer: Mapping[str, Any]) -> Self:
        """That of an offer's document; raises LookupError, TypeError or ValueError if there is none."""
        price = offer["price"]
        return cls(AMOUNT.of(price.get("grandTotal") or price["total"]), CURRENCY.of(price["currency"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fare:
    """What is sold on one flight. Bags are the allowance of one traveler: "1" piece, "23 kg"."""

    segment_id: str | None
    cabin: str
    brand: str | None
    checked_bags: str | None
    cabin_bags: str | None

    @classmethod
    def of(cls, details: Mapping[str, Any]) -> Self:
        """One of an offer's `fareDetailsBySegment`; raises TypeError or ValueError if it cannot be read."""
        segment_id = details.get("segmentId")
        return cls(
            segment_id=segment_id if isinstance(segment_id, str) else None,
            cabin=CABIN.of(details.get("cabin", "ECONOMY")),
            brand=name(details.get("brandedFareLabel") or details.get("brandedFare"), most=_BRAND),
            checked_bags=_allowance(details.get("includedCheckedBags")),
            cabin_bags=_allowance(details.get("includedCabinBags")),
        )


def fares(offer: Mapping[str, Any]) -> list[Fare]:
    """What is sold on each flight, of the first traveler: the others fly in the same cabins.

    Raises:
        LookupError, TypeError, ValueError: the offer lacks what every offer has.
    """
    return [Fare.of(details) for details in offer["travelerPricings"][0]["fareDetailsBySegment"]]


def least_bags(sold: list[Fare]) -> str | None:
    """The least checked baggage that any flight includes; None where one of the fares does not say."""
    texts = [fare.checked_bags for fare in sold if fare.checked_bags is not None]
    return min(texts, key=lambda text: float(text.split()[0])) if texts and len(texts) == len(sold) else None


def parties(offer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Who travels and what each of them costs, those alike counted together; empty if it is not told."""
    pricings = offer.get("travelerPricings")
    if not isinstance(pricings, list):
        return []
    told = [_traveler(each) for each in pricings[:MOST_TRAVELERS] if isinstance(each, Mapping)]
    counts = Counter(each for each in told if each is not None)
    return [
        {"type": kind, "count": count, "price_each": total} | ({"base_each": base} if base else {})
        for (kind, total, base), count in counts.items()
    ]


def amenities(offer: Mapping[str, Any]) -> dict[str, list[str]]:
    """Extras of the first flight's fare, as the airline words them: `included`, and `for_a_fee`."""
    found: dict[str, list[str]] = {"included": [], "for_a_fee": []}
    listed = offer["travelerPricings"][0]["fareDetailsBySegment"][0].get("amenities")
    for each in listed[:MOST_AMENITIES] if isinstance(listed, list) else ():
        text = name(each.get("description")) if isinstance(each, Mapping) else None
        if text is not None:
            found["for_a_fee" if each.get("isChargeable") is True else "included"].append(text.lower())
    return {kind: texts for kind, texts in found.items() if texts}


def _traveler(pricing: Mapping[str, Any]) -> tuple[str, str, str | None] | None:
    kind, price = TRAVELER.maybe(pricing.get("travelerType")), pricing.get("price")
    total = AMOUNT.maybe(price.get("total")) if isinstance(price, Mapping) else None
    if kind is None or total is None or not isinstance(price, Mapping):
        return None
    return kind, total, AMOUNT.maybe(price.get("base"))


def _allowance(bags: object) -> str | None:
    """An allowance of baggage; None where the fare does not say. Raises TypeError or ValueError."""
    if not bags:
        return None
    if not isinstance(bags, Mapping):
        raise TypeError("not an allowance of baggage")
    if "quantity" in bags:
        return str(number(bags["quantity"], most=_MOST_BAGS))
    return (
        f"{number(bags.get('weight', 0), most=_MOST_WEIGHT)} {UNIT.of(bags.get('weightUnit', 'KG')).lower()}"
    )

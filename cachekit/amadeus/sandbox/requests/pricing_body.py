"""Reading a request for prices: POST /v1/shopping/flight-offers/pricing, its body and its query."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cachekit.amadeus.sandbox.issues import Issue, refuse_if
from cachekit.amadeus.sandbox.requests.bodies import Body, read_body
from cachekit.amadeus.sandbox.requests.parameters import FLAG, Parameter, read_parameters

__all__ = ["Payment", "PricingRequest", "read_pricing"]

INVALID_LENGTH: Final = 2781
INVALID_DATA: Final = 4926

PARAMETERS: Final = {
    "include": Parameter(
        pattern=r"[a-z-]+(,[a-z-]+)*",
        example="bags",
        options=("credit-card-fees", "bags", "other-services", "detailed-fare-rules"),
    ),
    "forceClass": Parameter(pattern=FLAG, example="false"),
}
"""Every parameter of the path."""


class Payment(Body, frozen=True):
    """A credit card, for its fee."""

    brand: Literal[
        "VISA",
        "AMERICAN_EXPRESS",
        "MASTERCARD",
        "VISA_ELECTRON",
        "VISA_DEBIT",
        "MASTERCARD_DEBIT",
        "MAESTRO",
        "DINERS",
        "MASTERCARD_IXARIS",
        "VISA_IXARIS",
        "MASTERCARD_AIRPLUS",
        "UATP_AIRPLUS",
    ]
    flight_offer_ids: Annotated[list[str], Meta(min_length=1, max_length=6)]
    bin_number: Annotated[int, Meta(ge=100_000, le=999_999)] | UnsetType = UNSET


class Wanted(Body, frozen=True):
    """What is in `data`. The offers themselves are read by `repricing`."""

    type: Literal["flight-offers-pricing"]
    flight_offers: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=6)]
    payments: Annotated[list[Payment], Meta(max_length=6)] = msgspec.field(default_factory=list)
    travelers: Annotated[list[dict[str, Any]], Meta(max_length=18)] = msgspec.field(default_factory=list)


class Query(Body, frozen=True):
    """The whole body."""

    data: Wanted


@dataclass(frozen=True, slots=True)
class PricingRequest:
    """What to price: offers as they came, what else to tell of them, and the cards to pay with."""

    offers: list[dict[str, Any]]
    extras: tuple[str, ...]
    payments: Sequence[Payment]


def read_pricing(query: Sequence[tuple[str, str]], document: Any) -> PricingRequest:
    """What is asked for.

    Raises:
        Refusal: a parameter or a field that cannot be.
    """
    values = read_parameters(query, PARAMETERS)
    wanted = read_body(document, Query, too_many=INVALID_LENGTH).data
    refuse_if(_id_issues(wanted))
    extras = values["include"].split(",") if "include" in values else []
    return PricingRequest(wanted.flight_offers, tuple(extras), wanted.payments)


def _id_issues(wanted: Wanted) -> list[Issue]:
    """Offers are told apart by their ids, and cards pay for offers that are there."""
    issues = []
    ids = [offer.get("id") for offer in wanted.flight_offers]
    for index, offer_id in enumerate(ids):
        if offer_id in ids[:index]:
            pointer = f"/data/flightOffers[{index}]/id"
            issues.append(Issue(INVALID_DATA, "the id is used more than once", pointer=pointer))
    for index, payment in enumerate(wanted.payments):
        if any(offer_id not in ids for offer_id in payment.flight_offer_ids):
            pointer = f"/data/payments[{index}]/flightOfferIds"
            issues.append(Issue(INVALID_DATA, "no offer has this id", pointer=pointer))
    return issues

"""What the cache of flights hands out: answers with their age, single offers, and prices asked anew."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from cachekit.amadeus.repository import offer_ids
from cachekit.amadeus.repository.mentions import explaining
from cachekit.core.entry import Entry, State
from cachekit.errors import InvalidValue

__all__ = ["CachedOffer", "OfferPrice", "Price", "Pricing", "SearchEntry"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SearchEntry(Entry):
    """The answer to a search: an `Entry` whose value is the reply document.

    `derived_from` is None, or the key of a larger search out of whose stored answer this one was made;
    `timestamp`, `age` and `ttl` are then that answer's.
    """

    identity: str
    """Whose answer it is; see `FlightSource.identity`."""
    derived_from: str | None = None

    def offer_ids(self) -> tuple[str, ...]:
        """An id for each offer of the document, in its order, for `AmadeusCacheRepository.get_offer`.

        It costs some 30 µs an offer.
        """
        digest = (self.derived_from or self.key).rpartition(":")[2]
        prints = (offer_ids.fingerprint(self.identity, offer) for offer in self.value["data"])
        return tuple(offer_ids.join(digest, each) for each in prints)


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedOffer:
    """One offer of a stored answer, whole, with the part of the dictionaries that it mentions.

    `state`, `age` (seconds) and `timestamp` (UTC) are those of the answer.
    """

    id: str
    offer: dict[str, Any]
    dictionaries: dict[str, Any]
    state: State
    age: float
    timestamp: dt.datetime

    @classmethod
    def of(cls, offer: dict[str, Any], entry: Entry, *, id: str) -> "CachedOffer":  # noqa: A002 - as the attribute
        """An offer of the answer in `entry`."""
        return cls(
            id=id,
            offer=offer,
            dictionaries=explaining([offer], entry.value.get("dictionaries")),
            state=entry.state,
            age=entry.age,
            timestamp=entry.timestamp,
        )

    def __repr__(self) -> str:
        """Without the offer, which is private and large."""
        return f"<CachedOffer {self.id} {self.state}, age {self.age:.1f} s>"


@dataclass(frozen=True, slots=True)
class Price:
    """What the whole party pays, in units of `currency`."""

    currency: str
    total: Decimal

    @classmethod
    def of(cls, offer: Mapping[str, Any]) -> "Price":
        """The price an offer's document names; raises InvalidValue if it names none."""
        try:
            price = offer["price"]
            return cls(price["currency"], Decimal(price["total"]))
        except (LookupError, TypeError, ValueError, InvalidOperation) as error:
            raise InvalidValue("not a flight offer with a price, as a search gives it") from error


@dataclass(frozen=True, slots=True)
class OfferPrice:
    """One offer as it is sold now. `before` is the price it was sent with, `now` what it costs."""

    offer: dict[str, Any]
    before: Price
    now: Price

    @property
    def changed(self) -> bool:
        """Whether the price is another one than before: another amount, or another currency."""
        return self.before != self.now

    @property
    def difference(self) -> Decimal | None:
        """How much dearer it is now, negative if cheaper; None where the currency is another one."""
        return self.now.total - self.before.total if self.now.currency == self.before.currency else None


@dataclass(frozen=True, slots=True)
class Pricing:
    """The answer to a pricing: the whole reply `document`, and each offer of it, in the order they were sent.

    It holds at the moment it was given, and is never kept.
    """

    document: dict[str, Any]
    offers: tuple[OfferPrice, ...]

    @property
    def changed(self) -> bool:
        """Whether any price has changed."""
        return any(offer.changed for offer in self.offers)

"""Cabins and fare brands: what a ticket includes, and what it costs over the lowest."""

from dataclasses import dataclass
from typing import Any, Final

from cachekit.amadeus.params import TravelClass
from cachekit.amadeus.sandbox.inventory.carriers import Carrier
from cachekit.amadeus.sandbox.inventory.schedule import Flight

__all__ = ["CABIN_FACTORS", "Brand", "available_brands", "cabin_on", "cabins_of"]

CABIN_FACTORS: Final = {
    TravelClass.ECONOMY: 1.0,
    TravelClass.PREMIUM_ECONOMY: 1.9,
    TravelClass.BUSINESS: 3.6,
    TravelClass.FIRST: 6.0,
}
"""What a cabin costs over economy."""

BOOKING_CLASSES: Final = {
    TravelClass.ECONOMY: "OQVTLKSMHBY",
    TravelClass.PREMIUM_ECONOMY: "NEW",
    TravelClass.BUSINESS: "ZDCJ",
    TravelClass.FIRST: "AF",
}
"""Booking classes of each cabin, cheapest first."""

_ORDER: Final = tuple(TravelClass)


@dataclass(frozen=True, slots=True)
class Brand:
    """A fare brand. `factor` is its price over the lowest; `pieces` are free checked bags.

    Without a name it is the fare of an airline that has no fare families.
    """

    name: str
    label: str
    factor: float
    pieces: int
    changeable: bool
    refundable: bool

    def checked_bags(self, carrier: Carrier) -> dict[str, Any]:
        """The checked bags as the airline states them: pieces, or a weight."""
        if carrier.weighs_bags and self.pieces:
            return {"weight": 20 + 5 * self.pieces, "weightUnit": "KG"}
        return {"quantity": self.pieces}

    def amenities(self) -> list[dict[str, Any]]:
        """What the brand includes and what it sells, as the API lists it."""
        listed = (
            ("CHECKED BAG FIRST", not self.pieces, "BAGGAGE"),
            ("PRE RESERVED SEAT ASSIGNMENT", not self.changeable, "PRE_RESERVED_SEAT"),
            ("CHANGEABLE TICKET", not self.changeable, "BRANDED_FARES"),
            ("REFUNDABLE TICKET", not self.refundable, "BRANDED_FARES"),
        )
        return [
            {
                "description": description,
                "isChargeable": chargeable,
                "amenityType": kind,
                "amenityProvider": {"name": "BrandedFare"},
            }
            for description, chargeable, kind in listed
        ]


_ECONOMY: Final = (
    Brand("LIGHT", "ECONOMY LIGHT", 1.0, 0, changeable=False, refundable=False),
    Brand("CLASSIC", "ECONOMY CLASSIC", 1.16, 1, changeable=True, refundable=False),
    Brand("FLEX", "ECONOMY FLEX", 1.38, 2, changeable=True, refundable=True),
)
_LOW_COST: Final = (
    Brand("BASIC", "BASIC", 1.0, 0, changeable=False, refundable=False),
    Brand("PLUS", "PLUS", 1.22, 1, changeable=True, refundable=False),
)
_WITH_BAGS: Final = (
    Brand("VALUE", "ECONOMY VALUE", 1.0, 1, changeable=False, refundable=False),
    Brand("COMFORT", "ECONOMY COMFORT", 1.2, 2, changeable=True, refundable=True),
)
_WITHOUT_FAMILIES: Final = (Brand("", "", 1.08, 1, changeable=True, refundable=False),)
_HIGHER: Final = {
    TravelClass.PREMIUM_ECONOMY: (
        Brand("PREMIUM", "PREMIUM ECONOMY", 1.0, 2, changeable=True, refundable=False),
    ),
    TravelClass.BUSINESS: (
        Brand("BUSSAVER", "BUSINESS SAVER", 1.0, 2, changeable=True, refundable=False),
        Brand("BUSFLEX", "BUSINESS FLEX", 1.25, 3, changeable=True, refundable=True),
    ),
    TravelClass.FIRST: (Brand("FIRST", "FIRST", 1.0, 3, changeable=True, refundable=True),),
}


def available_brands(carrier: Carrier, cabin: TravelClass) -> tuple[Brand, ...]:
    """What the airline sells in a cabin, cheapest first."""
    if not carrier.families:
        return _WITHOUT_FAMILIES
    if cabin is not TravelClass.ECONOMY:
        return _HIGHER[cabin]
    if carrier.low_cost:
        return _LOW_COST
    return _WITH_BAGS if carrier.weighs_bags else _ECONOMY


def cabin_on(flight: Flight, wanted: TravelClass) -> TravelClass:
    """Where a traveler who wants this cabin sits: the lowest one that is as good, else the best there is."""
    cabins = cabins_of(flight)
    return next((cabin for cabin in cabins if _ORDER.index(cabin) >= _ORDER.index(wanted)), cabins[-1])


def cabins_of(flight: Flight) -> tuple[TravelClass, ...]:
    """The cabins on board, lowest first."""
    carrier = flight.route.carrier
    if carrier.low_cost:
        return (TravelClass.ECONOMY,)
    if flight.operated.service.aircraft not in carrier.long:
        return (TravelClass.ECONOMY, TravelClass.BUSINESS)
    has = {TravelClass.PREMIUM_ECONOMY: carrier.premium, TravelClass.FIRST: carrier.first}
    return tuple(cabin for cabin in _ORDER if has.get(cabin, True))

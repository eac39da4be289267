"""The cabins of an aircraft."""

from enum import StrEnum

__all__ = ["TravelClass"]


class TravelClass(StrEnum):
    """Cabins, lowest first. A search asks for this cabin *or higher* for most of the flight time."""

    ECONOMY = "ECONOMY"
    PREMIUM_ECONOMY = "PREMIUM_ECONOMY"
    BUSINESS = "BUSINESS"
    FIRST = "FIRST"

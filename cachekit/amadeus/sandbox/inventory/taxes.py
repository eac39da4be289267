"""Taxes and charges: what a direction costs beside the fare, and under which codes it is levied."""

from collections.abc import Iterable, Mapping
from typing import Final

from cachekit.amadeus.sandbox.inventory.money import amount, convert
from cachekit.amadeus.sandbox.inventory.schedule import Journey

__all__ = ["AIRLINE_CODE", "itemised", "levies", "write_taxes"]

AIRPORT_TAX: Final = 14.0
ABROAD_CHARGE: Final = 24.0
"""EUR for each flight, and for each direction that leaves the country; infants pay neither.

Whole euros, so that in every currency the items add up to the sum without rounding.
"""
AIRLINE_CODE: Final = "YR"
"""Of the charge for going abroad, the airline's own. Airport taxes go by the code of the country."""


def levies(journey: Journey) -> dict[str, float]:
    """EUR under each code."""
    levied: dict[str, float] = {}
    for flight in journey.flights:
        country = flight.route.origin.country
        levied[country] = levied.get(country, 0.0) + AIRPORT_TAX
    if journey.origin.country != journey.destination.country:
        levied[AIRLINE_CODE] = ABROAD_CHARGE
    return levied


def itemised(journeys: Iterable[Journey], currency: str) -> dict[str, int]:
    """What an adult pays on a ticket for these journeys, in hundredths of the currency's unit, by code."""
    euros: dict[str, float] = {}
    for journey in journeys:
        for code, levied in levies(journey).items():
            euros[code] = euros.get(code, 0.0) + levied
    return {code: convert(euros[code], currency) for code in sorted(euros)}


def write_taxes(shares: Mapping[str, int]) -> list[dict[str, str]]:
    """Taxes as the API lists them."""
    return [{"amount": amount(share), "code": code} for code, share in shares.items()]

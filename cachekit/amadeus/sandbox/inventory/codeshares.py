"""Flights that one airline operates and another sells under its own code and number."""

from functools import lru_cache
from typing import Final

from cachekit.amadeus.sandbox.inventory.carriers import Carrier, partners
from cachekit.amadeus.sandbox.inventory.chance import chance
from cachekit.amadeus.sandbox.inventory.network import Route, Service

__all__ = ["codeshare_number", "resellers"]

SHARE_RESOLD: Final = 0.5
"""Of the flights of a partner, those that an airline sells as its own."""
CODESHARE_NUMBERS: Final = 5_000
"""Numbers of codeshares lie above this, and as many wide; airlines' own numbers lie below."""


@lru_cache(maxsize=2**15)
def codeshare_number(seller: Carrier, route: Route, service: Service) -> str | None:
    """The number under which an airline sells a partner's flight; None where it sells it as the partner's.

    Two flights of one operator have two numbers of a seller's.
    """
    operator = route.carrier
    ends = (route.origin.code, route.destination.code)
    if chance("codeshare", seller.code, operator.code, *ends, service.number) >= SHARE_RESOLD:
        return None
    shift = int(chance("codeshare", seller.code, operator.code) * CODESHARE_NUMBERS)
    return str(CODESHARE_NUMBERS + (int(service.number) + shift) % CODESHARE_NUMBERS)


@lru_cache(maxsize=2**12)
def resellers(route: Route) -> tuple[Carrier, ...]:
    """Partners at home at one end of a route: who sells seats on its flights even where nobody connects."""
    ends = {route.origin.code, route.destination.code}
    return tuple(partner for partner in partners(route.carrier) if not ends.isdisjoint(partner.hubs))

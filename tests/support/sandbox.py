"""What tests ask a sandbox, and when: paths, small requests, and how to get a token."""

from datetime import UTC, datetime
from typing import Any

import httpx

from cachekit.amadeus.sandbox import SandboxServer

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TOKEN = "/v1/security/oauth2/token"
OFFERS = "/v2/shopping/flight-offers"
PRICING = "/v1/shopping/flight-offers/pricing"
DATES = "/v1/shopping/flight-dates"
LOCATIONS = "/v1/reference-data/locations"
AIRLINES = "/v1/reference-data/airlines"
OVERRIDE = {"X-HTTP-Method-Override": "GET"}
QUERY = {
    "originLocationCode": "GRU",
    "destinationLocationCode": "LIS",
    "departureDate": "2026-12-12",
    "adults": "1",
    "max": "3",
}


def posted(**changes: Any) -> dict[str, Any]:
    """The body of a small search, with changes."""
    direction = {
        "id": "1",
        "originLocationCode": "GRU",
        "destinationLocationCode": "LIS",
        "departureDateTimeRange": {"date": "2026-12-12"},
    }
    body = {
        "originDestinations": [direction],
        "travelers": [{"id": "1", "travelerType": "ADULT"}],
        "sources": ["GDS"],
        "searchCriteria": {"maxFlightOffers": 3},
    }
    return body | changes


def travelers(*kinds: str) -> list[dict[str, str]]:
    """Travelers of these types, numbered from "1"."""
    return [{"id": str(number), "travelerType": kind} for number, kind in enumerate(kinds, 1)]


def held(number: int, lap: str) -> dict[str, str]:
    """An infant on the lap of the adult with this id."""
    return {"id": str(number), "travelerType": "HELD_INFANT", "associatedAdultId": lap}


async def ask_for_token(http: httpx.AsyncClient, server: SandboxServer, **changes: str) -> httpx.Response:
    """A request for a token, with changes to its form."""
    form = {
        "grant_type": "client_credentials",
        "client_id": server.client_id,
        "client_secret": server.client_secret,
    }
    return await http.post(TOKEN, data=form | changes)

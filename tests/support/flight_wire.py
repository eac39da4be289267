"""What tests of the flight API's client say and hear on the wire."""

import asyncio
from datetime import date
from typing import Any

import httpx

from cachekit.amadeus.params import FlightSearch
from cachekit.testing import ManualClock

HOST = "https://amadeus.test"
SECRET = "the-secret"
SEARCH = FlightSearch(origin="GRU", destination="LIS", departure_date=date(2026, 12, 12))
FOUND = {"meta": {"count": 1}, "data": [{"type": "flight-offer", "id": "1"}], "dictionaries": {}}


def refusal(status: int, code: int, **issue: Any) -> httpx.Response:
    """An error document of the service."""
    issue = {"status": status, "code": code, "title": "NO", **issue}
    return httpx.Response(status, json={"errors": [issue]}, headers={"Ama-Request-Id": "request-7"})


class Sleeper:
    """Records how long it was told to sleep, and moves the clock instead."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.naps: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.clock.advance(seconds)
        await asyncio.sleep(0)

"""A source of flights in this process, for tests that count its calls and break it."""

import asyncio


class Tickets:
    """Sells one flight after the other for whatever is asked; a `FlightSource`.

    `offers` is how many, `last_day` their last day of ticketing. `error` is raised if it is set, `spoil` is
    the last to touch an answer, and calls wait for `gate`.
    """

    def __init__(self, identity="tickets", offers=1, last_day="2026-12-31"):
        self.identity = identity
        self.calls = 0
        self.priced = 0
        self.offers = offers
        self.last_day = last_day
        self.error = None
        self.spoil = lambda document: document
        self.gate = asyncio.Event()
        self.gate.set()

    async def search(self, request):
        self.calls += 1
        await self.gate.wait()
        if self.error:
            raise self.error
        data = [self._offer(request, number) for number in range(1, self.offers + 1)]
        return self.spoil({"meta": {"count": len(data)}, "data": data, "dictionaries": _words()})

    async def price(self, offers):
        self.priced += 1
        if self.error:
            raise self.error
        return self.spoil({"data": {"flightOffers": [dict(offer) for offer in offers]}})

    def _offer(self, request, number):
        return {
            "type": "flight-offer",
            "id": str(number),
            "of": self.identity,
            "lastTicketingDate": self.last_day,
            "itineraries": [{"segments": [_flight(leg, number)]} for leg in request.legs],
            "price": {"currency": "EUR", "total": f"{400 + number}.00"},
            "validatingAirlineCodes": ["TP"],
            "travelerPricings": [{"price": {"currency": "EUR", "total": f"{400 + number}.00"}}],
        }


def _flight(leg, number):
    return {
        "departure": {"iataCode": leg.origin, "at": f"{leg.date}T10:00:00"},
        "arrival": {"iataCode": leg.destination, "at": f"{leg.date}T20:00:00"},
        "carrierCode": "TP",
        "number": str(number),
        "operating": {"carrierCode": "NI"},
        "numberOfStops": 0,
    }


def _words():
    return {"carriers": {"TP": "TAP", "NI": "PORTUGALIA"}, "locations": {}}

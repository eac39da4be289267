"""A supplier of another kind, over real HTTP: offer requests with slices and passengers; and its adapter.

Nothing on its wire looks like the Amadeus API. It knows no maximum, no price limit and no airlines to leave
out, and sells in one currency; its offers expire at an instant.
"""

import datetime as dt
from collections import Counter
from decimal import Decimal
from itertools import product
from types import TracebackType
from typing import Any, Self

import httpx
from aiohttp import web

from cachekit.amadeus.errors import FlightSourceError
from cachekit.amadeus.params import FlightSearch

CITIES = {"LHR": "LON", "LGW": "LON", "LIS": "LIS", "GRU": "SAO", "MAD": "MAD"}
AIRLINES = {"TP": "TAP Air Portugal", "LA": "LATAM"}
HOURS = (9, 21)
EXPIRES = dt.timedelta(minutes=30)


class SupplierServer:
    """Sells two flights a day of each of two airlines, between any two of its airports."""

    def __init__(self, clock):
        self.asked = Counter()
        self.surcharge = Decimal(0)
        self.refuse: tuple[int, str] | None = None
        self.spoil = lambda document: document
        self._clock = clock
        self._sold: dict[str, dict[str, Any]] = {}
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(
            [web.post("/air/offer_requests", self._request), web.get("/air/offers/{id}", self._offer)]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _request(self, request: web.Request) -> web.Response:
        self.asked["offer_requests"] += 1
        if self.refuse:
            return _errors(*self.refuse)
        asked = (await request.json())["data"]
        offers = [
            self._make(asked, airline, hour)
            for airline, hour in product(AIRLINES, HOURS)
            if all(_airports(each["origin"]) and _airports(each["destination"]) for each in asked["slices"])
        ]
        return web.json_response(self.spoil({"data": {"id": "orq_1", "offers": offers}}))

    async def _offer(self, request: web.Request) -> web.Response:
        self.asked["offers"] += 1
        offer = self._sold.get(request.match_info["id"])
        if self.refuse or offer is None:
            return _errors(*(self.refuse or (410, "offer_no_longer_available")))
        total = Decimal(offer["total_amount"]) + self.surcharge
        return web.json_response({"data": offer | {"total_amount": str(total)}})

    def _make(self, asked: dict[str, Any], airline: str, hour: int) -> dict[str, Any]:
        number = f"off_{airline}{hour}{len(self._sold)}"
        price = (500 + hour + len(asked["slices"])) * len(asked["passengers"])
        offer = {
            "id": number,
            "owner": {"iata_code": airline, "name": AIRLINES[airline]},
            "total_amount": f"{price + (airline == 'LA')}.00",
            "total_currency": "GBP",
            "expires_at": (self._clock() + EXPIRES).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "slices": [{"segments": [_segment(each, airline, hour)]} for each in asked["slices"]],
        }
        self._sold[number] = offer
        return offer


def _airports(code: str) -> list[str]:
    return [airport for airport, city in CITIES.items() if code in (airport, city)]


def _segment(asked: dict[str, Any], airline: str, hour: int) -> dict[str, Any]:
    origin, destination = _airports(asked["origin"])[0], _airports(asked["destination"])[0]
    return {
        "origin": {"iata_code": origin, "iata_city_code": CITIES[origin]},
        "destination": {"iata_code": destination, "iata_city_code": CITIES[destination]},
        "departing_at": f"{asked['departure_date']}T{hour:02}:15:00",
        "arriving_at": f"{asked['departure_date']}T{hour + 2:02}:15:00",
        "marketing_carrier": {"iata_code": airline, "name": AIRLINES[airline]},
        "marketing_carrier_flight_number": f"{hour}7",
        "duration": "PT2H",
    }


def _errors(status: int, code: str) -> web.Response:
    return web.json_response({"errors": [{"code": code, "title": code}]}, status=status)


class SupplierError(FlightSourceError):
    """The supplier cannot be asked now, or makes no sense."""


class SupplierBusy(SupplierError):
    """Too many requests, or a fault of its own."""

    retryable = True


class SupplierRefusal(SupplierError):
    """The supplier says no, or cannot be asked this at all."""

    refusal = True


class SupplierSource:
    """The adapter: a `FlightSource`."""

    def __init__(self, url: str, *, identity: str = "supplier-demo") -> None:
        self.identity = identity
        self._http = httpx.AsyncClient(base_url=url, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def search(self, request: Any) -> dict[str, Any]:
        if request.currency not in (None, "GBP") or request.excluded_airlines:
            raise SupplierRefusal("this supplier sells in GBP only, and leaves no airline out")
        people = {"adult": request.adults, "child": request.children, "infant_without_seat": request.infants}
        asked = {
            "slices": [
                {"origin": leg.origin, "destination": leg.destination, "departure_date": leg.date.isoformat()}
                for leg in request.legs
            ],
            "passengers": [{"type": kind} for kind, number in people.items() for _ in range(number)],
            "cabin_class": request.travel_class.lower() if request.travel_class else None,
        }
        found = await self._ask("POST", "/air/offer_requests", json={"data": asked})
        try:
            offers = sorted(found["offers"], key=lambda offer: Decimal(offer["total_amount"]))
            data = [_offer(offer) for offer in offers if _is_wanted(offer, request)][: request.max_results]
            return {"meta": {"count": len(data)}, "data": data, "dictionaries": _dictionaries(offers)}
        except (LookupError, TypeError) as error:
            raise SupplierError("the supplier's reply makes no sense") from error

    async def price(self, offers: Any) -> dict[str, Any]:
        priced = [await self._ask("GET", f"/air/offers/{offer['id']}") for offer in offers]
        return {"data": {"flightOffers": [_offer(offer) for offer in priced]}}

    async def _ask(self, verb: str, path: str, **options: Any) -> Any:
        try:
            reply = await self._http.request(verb, path, **options)
        except httpx.TransportError as error:
            raise SupplierBusy("the supplier cannot be reached") from error
        if reply.status_code == 429 or reply.status_code >= 500:
            raise SupplierBusy(f"the supplier answered {reply.status_code}")
        if reply.is_error:
            raise SupplierRefusal(f"the supplier answered {reply.status_code}")
        return reply.json()["data"]


def _is_wanted(offer: dict[str, Any], request: Any) -> bool:
    airlines = {segment["marketing_carrier"]["iata_code"] for segment in _segments(offer)}
    if request.included_airlines and not airlines <= set(request.included_airlines):
        return False
    if isinstance(request, FlightSearch) and request.non_stop and len(_segments(offer)) > len(request.legs):
        return False
    each = Decimal(offer["total_amount"]) / (request.adults + request.children + request.infants)
    return request.max_price is None or each <= request.max_price


def _segments(offer: dict[str, Any]) -> list[dict[str, Any]]:
    return [segment for slice_ in offer["slices"] for segment in slice_["segments"]]


def _offer(offer: dict[str, Any]) -> dict[str, Any]:
    """One of the supplier's offers, as the protocol has it."""
    itineraries = [
        {"segments": [_flight(segment) for segment in slice_["segments"]]} for slice_ in offer["slices"]
    ]
    total = offer["total_amount"]
    return {
        "type": "flight-offer",
        "id": offer["id"],
        "lastTicketingDateTime": offer["expires_at"],
        "itineraries": itineraries,
        "price": {"currency": offer["total_currency"], "total": total, "grandTotal": total},
        "validatingAirlineCodes": [offer["owner"]["iata_code"]],
    }


def _flight(segment: dict[str, Any]) -> dict[str, Any]:
    return {
        "departure": {"iataCode": segment["origin"]["iata_code"], "at": segment["departing_at"]},
        "arrival": {"iataCode": segment["destination"]["iata_code"], "at": segment["arriving_at"]},
        "carrierCode": segment["marketing_carrier"]["iata_code"],
        "number": segment["marketing_carrier_flight_number"],
        "duration": segment["duration"],
        "numberOfStops": 0,
    }


def _dictionaries(offers: list[dict[str, Any]]) -> dict[str, Any]:
    segments = [segment for offer in offers for segment in _segments(offer)]
    ends = [end for segment in segments for end in (segment["origin"], segment["destination"])]
    carriers = [segment["marketing_carrier"] for segment in segments]
    return {
        "locations": {end["iata_code"]: {"cityCode": end["iata_city_code"]} for end in ends},
        "carriers": {carrier["iata_code"]: carrier["name"] for carrier in carriers},
    }

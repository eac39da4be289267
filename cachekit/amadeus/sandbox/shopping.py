"""Answers of the shopping paths: the two searches for offers, their prices, and the cheapest dates."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final

from aiohttp import web

from cachekit.amadeus.params import CheapestDates
from cachekit.amadeus.sandbox.extras import booking_requirements, included, locations_of
from cachekit.amadeus.sandbox.gate import OVERRIDE
from cachekit.amadeus.sandbox.inventory.dates import cheapest_dates, defaults_of
from cachekit.amadeus.sandbox.inventory.money import DEFAULT_CURRENCY
from cachekit.amadeus.sandbox.inventory.offers import find_offers
from cachekit.amadeus.sandbox.issues import Issue, Refusal
from cachekit.amadeus.sandbox.links import base_url, link
from cachekit.amadeus.sandbox.replies import data_reply
from cachekit.amadeus.sandbox.repricing import reprice
from cachekit.amadeus.sandbox.requests.bodies import read_json
from cachekit.amadeus.sandbox.requests.date_query import read_cheapest_dates
from cachekit.amadeus.sandbox.requests.posted import read_posted
from cachekit.amadeus.sandbox.requests.pricing_body import PricingRequest, read_pricing
from cachekit.amadeus.sandbox.requests.query import read_search
from cachekit.amadeus.sandbox.requests.travelers import renamed
from cachekit.amadeus.sandbox.state import SandboxState

__all__ = ["TURN", "dates", "posted_search", "price", "search"]

TURN: Final = web.AppKey("TURN", asyncio.Semaphore)
"""Held by the request that is being worked out."""


async def search(request: web.Request, state: SandboxState) -> web.Response:
    """Offers for a query string."""
    now = state.now()
    asked = read_search(list(request.query.items()), now)
    links = {"self": link(request)}

    def answer() -> web.Response:
        found = find_offers(asked, seed=state.seed, now=now)
        return data_reply({"meta": {"count": len(found["data"]), "links": links}, **found})

    return await _worked_out(request, answer)


async def posted_search(request: web.Request, state: SandboxState) -> web.Response:
    """Offers for a body. Its meta has no links: the address alone does not give them again."""
    if OVERRIDE not in request.headers:
        raise Refusal([Issue(32171, "the header is mandatory", OVERRIDE, example="GET")])
    now = state.now()
    asked = read_posted(await read_json(request), now)

    def answer() -> web.Response:
        found = find_offers(asked.search, seed=state.seed, now=now)
        data = renamed(found["data"], asked.traveler_ids)
        return data_reply({"meta": {"count": len(data)}, **found, "data": data})

    return await _worked_out(request, answer)


async def price(request: web.Request, state: SandboxState) -> web.Response:
    """Offers at the price of now, and what else is asked to be told of them."""
    asked = read_pricing(list(request.query.items()), await read_json(request))
    return await _worked_out(request, partial(_priced, asked, seed=state.seed, now=state.now()))


def _priced(asked: PricingRequest, *, seed: int, now: datetime) -> web.Response:
    offers = reprice(asked.offers, seed=seed, now=now)
    data = {
        "type": "flight-offers-pricing",
        "flightOffers": offers,
        "bookingRequirements": booking_requirements(offers),
    }
    reply: dict[str, Any] = {"data": data, "dictionaries": {"locations": locations_of(offers)}}
    if asked.extras:
        reply["included"] = included(asked.extras, offers, asked.payments)
    return data_reply(reply)


async def dates(request: web.Request, state: SandboxState) -> web.Response:
    """The cheapest dates of a trip; 404 if there are none, as the service has it here."""
    now = state.now()
    asked = read_cheapest_dates(list(request.query.items()), now)
    address, meta = base_url(request), _dates_meta(request, asked, now)

    def answer() -> web.Response:
        found = cheapest_dates(asked, seed=state.seed, now=now, base_url=address)
        if not found["data"]:
            raise Refusal([Issue(1797, "No response found for this query")])
        return data_reply({"meta": meta, **found})

    return await _worked_out(request, answer)


async def _worked_out(request: web.Request, answer: Callable[[], web.Response]) -> web.Response:
    """What `answer` makes, its JSON included, in a thread, when this request's turn has come.

    One at a time: threads that compute do so no faster together, and the loop would wait for them all.
    """
    async with request.app[TURN]:
        return await asyncio.to_thread(answer)


def _dates_meta(request: web.Request, asked: CheapestDates, now: datetime) -> dict[str, Any]:
    """What was answered: the link has the defaults in it, and they are told by themselves as well."""
    all_defaults = defaults_of(asked, now)
    defaults = {name: value for name, value in all_defaults.items() if name not in request.query}
    written = {name: "false" if value is False else value for name, value in defaults.items()}
    values = dict(request.query) | written
    names = ("origin", "destination", "departureDate", "oneWay", "duration", "nonStop", "maxPrice", "viewBy")
    pairs = [(name, values[name]) for name in names if name in values]
    return {"currency": DEFAULT_CURRENCY, "links": {"self": link(request, pairs)}, "defaults": defaults}

"""Answers of the reference-data paths: locations and airlines."""

import re

from aiohttp import web

from cachekit.amadeus.params import LocationView
from cachekit.amadeus.sandbox.airlines import find_airlines, read_airline_codes
from cachekit.amadeus.sandbox.inventory.locations import find_locations, location, location_document
from cachekit.amadeus.sandbox.issues import Issue, Refusal
from cachekit.amadeus.sandbox.links import base_url, link, page_links
from cachekit.amadeus.sandbox.replies import data_reply
from cachekit.amadeus.sandbox.requests.location_query import read_location_search
from cachekit.amadeus.sandbox.requests.parameters import read_parameters
from cachekit.amadeus.sandbox.state import SandboxState

__all__ = ["airlines", "location_by_id", "locations"]


async def locations(request: web.Request, state: SandboxState) -> web.Response:
    """One page of the locations that a keyword finds; `count` is that of all pages."""
    search = read_location_search(list(request.query.items()))
    found = find_locations(search)
    page = found[search.offset : search.offset + search.limit]
    address, now = base_url(request), state.now()
    links = page_links(request, count=len(found), limit=search.limit, offset=search.offset)
    return data_reply(
        {
            "meta": {"count": len(found), "links": links},
            "data": [location_document(one, view=search.view, base_url=address, now=now) for one in page],
        }
    )


async def location_by_id(request: web.Request, state: SandboxState) -> web.Response:
    """One location, such as CLON or ALHR."""
    location_id = request.match_info["location"]
    read_parameters(list(request.query.items()), {})
    if not re.fullmatch(r"[AC][A-Z]{3}", location_id):
        detail = "A or C and an IATA code are needed"
        raise Refusal([Issue(572, detail, "locationId", example="CMUC")])
    found = location(location_id)
    if found is None:
        raise Refusal([Issue(1797, "No response found for this query", "locationId")])
    document = location_document(found, view=LocationView.FULL, base_url=base_url(request), now=state.now())
    return data_reply({"meta": {"links": {"self": link(request)}}, "data": document})


async def airlines(request: web.Request, _: SandboxState) -> web.Response:
    """The airlines that have the codes asked for."""
    found = find_airlines(read_airline_codes(list(request.query.items())))
    meta = {"count": len(found["data"]), "links": {"self": link(request)}}
    return data_reply({"meta": meta, **found})

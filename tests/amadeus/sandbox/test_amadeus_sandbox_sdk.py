"""The official SDK, unchanged, takes the sandbox for the service."""

import asyncio
import logging

import pytest
from amadeus import (
    AuthenticationError,
    Client,
    ClientError,
    Location,
    NotFoundError,
    ParserError,
    ServerError,
)
from support.sandbox import QUERY, posted

from cachekit.amadeus.sandbox import Fault


@pytest.fixture
def sdk(server):
    """A client of the SDK for the sandbox; it adds a handler to a logger of the process."""
    handlers = list(logging.getLogger("amadeus").handlers)
    yield make(server)
    logging.getLogger("amadeus").handlers[:] = handlers


def make(server, **changes):
    options = {"client_id": server.client_id, "client_secret": server.client_secret}
    port = int(server.url.rpartition(":")[2])
    return Client(host="127.0.0.1", port=port, ssl=False, log_level="silent", **(options | changes))


def get(sdk, **changes):
    return asyncio.to_thread(sdk.shopping.flight_offers_search.get, **(QUERY | changes))


async def test_it_finds_offers(server, sdk):
    """A token, then the search; the second search needs no other token."""
    response = await get(sdk)
    assert response.status_code == 200
    assert len(response.data) == response.result["meta"]["count"] == 3
    await get(sdk, adults=2)
    assert server.stats == {"token": 1, "flight-offers": 2}


async def test_it_finds_offers_by_post(server, sdk):
    """It sends the header of the method that is meant by itself."""
    response = await asyncio.to_thread(sdk.shopping.flight_offers_search.post, posted())
    assert len(response.data) == 3
    assert server.stats["flight-offers-post"] == 1


async def test_a_boolean_of_python_is_refused(sdk):
    """It goes out as True, which is not how the service writes it."""
    with pytest.raises(ClientError) as caught:
        await get(sdk, nonStop=True)
    issue = caught.value.response.result["errors"][0]
    assert (issue["code"], issue["source"]["parameter"]) == (477, "nonStop")
    assert "[nonStop] invalid query parameter format" in str(caught.value)
    assert (await get(sdk, nonStop="true")).data


async def test_a_list_of_airlines_is_refused(sdk):
    """It goes out as a repeated key, and the service wants commas."""
    with pytest.raises(ClientError) as caught:
        await get(sdk, includedAirlineCodes=["TP", "LA"])
    assert caught.value.response.result["errors"][0]["code"] == 10661
    assert (await get(sdk, includedAirlineCodes="TP,LA")).data


async def test_it_turns_the_pages_of_locations(sdk):
    """Next, last, previous and first lead where they say; beyond them there is nothing."""
    locations = sdk.reference_data.locations
    first = await asyncio.to_thread(locations.get, keyword="LON", subType=Location.ANY, page={"limit": 3})
    second = await asyncio.to_thread(sdk.next, first)
    third = await asyncio.to_thread(sdk.next, second)
    last = await asyncio.to_thread(sdk.last, first)
    assert [len(page.data) for page in (first, second, third, last)] == [3, 3, 2, 3]
    ids = [one["id"] for page in (first, second, third) for one in page.data]
    assert len(set(ids)) == first.result["meta"]["count"] == 8
    assert last.data == (second.data + third.data)[-3:]
    assert (await asyncio.to_thread(sdk.previous, second)).data == first.data
    assert (await asyncio.to_thread(sdk.first, third)).data == first.data
    assert sdk.next(third) is None
    assert sdk.previous(first) is None


async def test_it_gets_one_location(sdk):
    """With the empty query that it appends to an address."""
    response = await asyncio.to_thread(sdk.reference_data.location("ALHR").get)
    assert response.data["name"] == "LONDON HEATHROW"
    with pytest.raises(NotFoundError):
        await asyncio.to_thread(sdk.reference_data.location("AXXX").get)


async def test_it_looks_airlines_up(sdk):
    """By one code or several."""
    response = await asyncio.to_thread(sdk.reference_data.airlines.get, airlineCodes="BA,TAP")
    assert [one["iataCode"] for one in response.data] == ["BA", "TP"]


async def test_wrong_credentials_are_its_authentication_error(server, sdk):
    """Before anything is searched for."""
    with pytest.raises(AuthenticationError) as caught:
        await get(make(server, client_secret="wrong"))
    assert "invalid_client" in str(caught.value)
    assert server.stats == {"token": 1}


async def test_a_token_that_is_taken_back_is_its_authentication_error(server, sdk):
    """It keeps the token until its own clock says otherwise."""
    await get(sdk)
    server.state.revoke_tokens()
    with pytest.raises(AuthenticationError):
        await get(sdk)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(), ServerError),
        (Fault(code=38194), ClientError),
        (Fault(code=38196), NotFoundError),
        (Fault(kind="bad-gateway"), ServerError),
        (Fault(kind="html"), ParserError),
        (Fault(kind="truncated"), ParserError),
        (Fault(kind="charset"), ParserError),
    ],
)
async def test_troubles_are_its_own_errors(server, sdk, fault, error):
    """Each of the kind that the SDK has for it."""
    server.state.fail_next(fault)
    with pytest.raises(error):
        await get(sdk)
    assert (await get(sdk)).data


@pytest.mark.parametrize("include", [{}, {"include": "bags,detailed-fare-rules"}])
async def test_it_prices_offers(server, sdk, include):
    """With the header of the method and without it, as the SDK has it."""
    offers = (await get(sdk)).data
    pricing = sdk.shopping.flight_offers.pricing
    response = await asyncio.to_thread(pricing.post, offers[:2], **include)
    priced = response.data["flightOffers"]
    assert [one["price"]["total"] for one in priced] == [one["price"]["total"] for one in offers[:2]]
    assert set(response.result.get("included", {})) == set(include.get("include", "").split(",")) - {""}
    assert server.stats["pricing"] == 1


async def test_it_finds_the_cheapest_dates(sdk):
    """Of a route that is served; of another one there is nothing."""
    dates = sdk.shopping.flight_dates
    trip = {"origin": "MAD", "destination": "LIS", "departureDate": "2026-12-10,2026-12-12"}
    response = await asyncio.to_thread(dates.get, **trip, oneWay="true")
    assert len(response.data) == 3
    with pytest.raises(NotFoundError):
        await asyncio.to_thread(dates.get, origin="MAD", destination="XXX")

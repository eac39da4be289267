"""The paths beside the search: offers priced again, and the cheapest dates."""

from datetime import date, timedelta

import pytest
from support.sandbox import DATES, NOW, OFFERS, OVERRIDE, PRICING, QUERY, posted

from cachekit.amadeus.params import CheapestDates
from cachekit.amadeus.sandbox.inventory.dates import cheapest_dates
from cachekit.amadeus.sandbox.repricing import reprice


@pytest.fixture
async def offers(let_in):
    """Three offers, as a search gives them."""
    return (await let_in.get(OFFERS, params=QUERY)).json()["data"]


def to_price(*offers, **more):
    return {"data": {"type": "flight-offers-pricing", "flightOffers": list(offers), **more}}


async def test_offers_are_priced_again(let_in, server, offers):
    """As the inventory prices them, with what an order needs and the places they touch."""
    reply = await let_in.post(PRICING, json=to_price(*offers), headers=OVERRIDE)
    document = reply.json()
    assert reply.headers["Content-Type"] == "application/vnd.amadeus+json"
    assert set(document) == {"data", "dictionaries"}
    assert document["data"]["type"] == "flight-offers-pricing"
    assert document["data"]["flightOffers"] == reprice(offers, seed=1, now=NOW)
    assert [one["price"]["total"] for one in document["data"]["flightOffers"]] == [
        one["price"]["total"] for one in offers
    ]
    assert {"GRU", "LIS"} <= set(document["dictionaries"]["locations"])
    assert document["dictionaries"]["locations"]["GRU"] == {"cityCode": "SAO", "countryCode": "BR"}
    assert server.stats["pricing"] == 1


async def test_the_header_of_the_method_may_be_left_out_here(let_in, offers):
    """The official SDK does so; another method is unknown all the same."""
    assert (await let_in.post(PRICING, json=to_price(offers[0]))).status_code == 200
    refused = await let_in.post(PRICING, json=to_price(offers[0]), headers={"X-HTTP-Method-Override": "PUT"})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (404, 38196)


async def test_a_flight_abroad_needs_papers(let_in, offers):
    """Of every traveler; a flight at home needs none."""
    abroad = (await let_in.post(PRICING, json=to_price(offers[0]))).json()["data"]
    [traveler] = abroad["bookingRequirements"]["travelerRequirements"]
    assert (traveler["travelerId"], traveler["documentRequired"]) == ("1", True)
    home = (
        await let_in.get(OFFERS, params=QUERY | {"destinationLocationCode": "BSB", "nonStop": "true"})
    ).json()
    priced = (await let_in.post(PRICING, json=to_price(home["data"][0]))).json()["data"]
    assert "travelerRequirements" not in priced["bookingRequirements"]


async def test_what_is_asked_for_is_included(let_in, offers):
    """Rules, bags, services and fees, each numbered; nothing where nothing is asked for."""
    extras = "detailed-fare-rules,bags,other-services,credit-card-fees"
    payments = [{"brand": "VISA", "binNumber": 411111, "flightOfferIds": [offers[0]["id"]]}]
    body = to_price(offers[0], payments=payments)
    included = (await let_in.post(PRICING, params={"include": extras}, json=body)).json()["included"]
    segments = [segment["id"] for segment in offers[0]["itineraries"][0]["segments"]]
    assert set(included) == set(extras.split(","))
    assert [rule["segmentId"] for rule in included["detailed-fare-rules"].values()] == segments
    assert included["bags"]["1"] == {
        "quantity": 1,
        "name": "CHECKED_BAG",
        "price": {"amount": "45.00", "currencyCode": "EUR"},
        "bookableByItinerary": True,
        "segmentIds": segments,
        "travelerIds": ["1"],
    }
    assert included["other-services"]["1"]["name"] == "PRIORITY_BOARDING"
    assert included["credit-card-fees"]["1"]["brand"] == "VISA"


async def test_fares_without_brands_have_rules_too(let_in):
    """Those of an airline that has no fare families: without a name."""
    query = {**QUERY, "destinationLocationCode": "EZE", "includedAirlineCodes": "AR", "max": "1"}
    (offer,) = (await let_in.get(OFFERS, params=query)).json()["data"]
    extras = {"include": "detailed-fare-rules"}
    reply = await let_in.post(PRICING, params=extras, json=to_price(offer), headers=OVERRIDE)
    assert reply.status_code == 200
    (rule,) = reply.json()["included"]["detailed-fare-rules"].values()
    assert "name" not in rule
    assert rule["fareNotes"]


async def test_an_infant_is_sold_no_bag(let_in):
    """Nor boarding first; it has no seat."""
    found = await let_in.get(OFFERS, params=QUERY | {"infants": "1"})
    body = to_price(found.json()["data"][0])
    included = (await let_in.post(PRICING, params={"include": "bags"}, json=body)).json()["included"]
    assert included["bags"]["1"]["travelerIds"] == ["1"]


async def test_travelers_keep_their_ids_when_priced(let_in):
    """Those of the caller, from the search on."""
    party = [{"id": "anna", "travelerType": "ADULT"}]
    found = await let_in.post(OFFERS, json=posted(travelers=party), headers=OVERRIDE)
    priced = await let_in.post(PRICING, json=to_price(found.json()["data"][0]))
    assert priced.json()["data"]["flightOffers"][0]["travelerPricings"][0]["travelerId"] == "anna"


async def test_an_offer_whose_flight_has_left_is_refused(let_in, server, offers):
    """The issue points at it."""
    server.state.set_now(NOW + timedelta(days=21))
    token = server.state.tokens.grant().value
    headers = {"Authorization": f"Bearer {token}"}
    reply = await let_in.post(PRICING, json=to_price(offers[0]), headers=headers)
    assert reply.status_code == 400
    assert reply.json()["errors"][0]["source"]["pointer"].startswith("/data/flightOffers[0]")


def without(document, name):
    return {key: value for key, value in document.items() if key != name}


@pytest.mark.parametrize(
    ("make", "code", "pointer"),
    [
        (lambda _: {}, 32171, "/data"),
        (lambda offer: {"data": [offer]}, 477, "/data"),
        (lambda offer: {"data": {"flightOffers": [offer]}}, 32171, "/data/type"),
        (lambda offer: to_price(offer) | {"more": 1}, 477, "/more"),
        (lambda offer: to_price(offer, type="flight-offer"), 4926, "/data/type"),
        (lambda _: to_price(), 32171, "/data/flightOffers"),
        (lambda offer: to_price(*[offer] * 7), 2781, "/data/flightOffers"),
        (lambda offer: to_price(offer, offer), 4926, "/data/flightOffers[1]/id"),
        (lambda _: to_price("1"), 477, "/data/flightOffers[0]"),
        (lambda offer: to_price(without(offer, "type")), 32171, "/data/flightOffers[0]/type"),
        (lambda offer: to_price(without(offer, "id")), 32171, "/data/flightOffers[0]/id"),
        (
            lambda offer: to_price(without(offer, "itineraries")),
            32171,
            "/data/flightOffers[0]/itineraries",
        ),
        (
            lambda offer: to_price(offer, payments=[{"brand": "CASH", "flightOfferIds": ["1"]}]),
            4926,
            "/data/payments[0]/brand",
        ),
        (
            lambda offer: to_price(offer, payments=[{"brand": "VISA", "flightOfferIds": ["9"]}]),
            4926,
            "/data/payments[0]/flightOfferIds",
        ),
    ],
)
async def test_a_bad_request_for_prices_is_pointed_at(let_in, offers, make, code, pointer):
    """Status 400, the code that this path has for it, and the place in the body."""
    reply = await let_in.post(PRICING, json=make(offers[0]))
    issue = reply.json()["errors"][0]
    assert (reply.status_code, issue["code"]) == (400, code)
    assert issue["source"]["pointer"] == pointer


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ({"include": "bag"}, 4926, "include"),
        ({"include": "['bags']"}, 477, "include"),
        ({"forceClass": "True"}, 477, "forceClass"),
        ({"currencyCode": "EUR"}, 477, "currencyCode"),
    ],
)
async def test_a_bad_parameter_of_prices_is_named(let_in, offers, query, code, parameter):
    """As for any query."""
    reply = await let_in.post(PRICING, params=query, json=to_price(offers[0]))
    issue = reply.json()["errors"][0]
    assert (reply.status_code, issue["code"], issue["source"]["parameter"]) == (400, code, parameter)


TRIP = {"origin": "MAD", "destination": "LIS"}
RANGE = {"departureDate": "2026-12-10,2026-12-12", "duration": "2,3"}


async def test_the_cheapest_dates_are_told(let_in, server):
    """As the inventory has them, with links to this server's search."""
    reply = await let_in.get(DATES, params=TRIP | RANGE)
    document = reply.json()
    asked = CheapestDates(
        **TRIP,
        departure_from=date(2026, 12, 10),
        departure_to=date(2026, 12, 12),
        duration_from=2,
        duration_to=3,
    )
    truth = cheapest_dates(asked, seed=1, now=NOW, base_url=server.url)
    assert {name: document[name] for name in truth} == truth
    assert document["meta"]["currency"] == "EUR"
    assert document["data"][0]["links"]["flightOffers"].startswith(f"{server.url}/v2/shopping/flight-offers?")
    found = await let_in.get(document["data"][0]["links"]["flightOffers"])
    assert found.json()["data"][0]["price"]["total"] == document["data"][0]["price"]["total"]


async def test_defaults_are_told_and_linked_to(let_in):
    """Only what was left out is a default; the link to itself has all of them."""
    meta = (await let_in.get(DATES, params=TRIP | RANGE | {"nonStop": "false"})).json()["meta"]
    assert meta["defaults"] == {"oneWay": False, "viewBy": "DURATION"}
    assert meta["links"]["self"].endswith(
        "flight-dates?origin=MAD&destination=LIS&departureDate=2026-12-10,2026-12-12"
        "&oneWay=false&duration=2,3&nonStop=false&viewBy=DURATION"
    )
    again = (await let_in.get(meta["links"]["self"])).json()["meta"]
    assert again["links"] == meta["links"]
    assert again["defaults"] == {}


async def test_no_data_is_a_404(let_in):
    """Unlike a search for offers, which finds nothing with 200."""
    reply = await let_in.get(DATES, params=TRIP | {"destination": "XXX"})
    issue = reply.json()["errors"][0]
    assert (reply.status_code, issue["code"], issue["title"]) == (404, 1797, "NOT FOUND")


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ({"origin": ""}, 32171, "origin"),
        ({"origin": "mad"}, 477, "origin"),
        ({"destination": "MAD"}, 2668, "destination"),
        ({"departureDate": "2026-11-20"}, 4926, "departureDate"),
        ({"departureDate": "2026-02-30"}, 425, "departureDate"),
        ({"departureDate": "2026-12-12,2026-12-10"}, 425, "departureDate"),
        ({"departureDate": "2026-12-10,2028-12-10"}, 425, "departureDate"),
        ({"departureDate": "2026-12-10,"}, 477, "departureDate"),
        ({"oneWay": "True"}, 477, "oneWay"),
        ({"oneWay": "true", "duration": "3"}, 2668, "duration"),
        ({"duration": "0"}, 4926, "duration"),
        ({"duration": "8,2"}, 4926, "duration"),
        ({"duration": "week"}, 477, "duration"),
        ({"maxPrice": "1.5"}, 477, "maxPrice"),
        ({"viewBy": "MONTH"}, 4926, "viewBy"),
        ({"adults": "1"}, 477, "adults"),
    ],
)
async def test_a_bad_parameter_of_dates_is_named(let_in, query, code, parameter):
    """The codes are those that this path has."""
    reply = await let_in.get(DATES, params=TRIP | query)
    issue = reply.json()["errors"][0]
    assert (reply.status_code, issue["code"], issue["source"]["parameter"]) == (400, code, parameter)

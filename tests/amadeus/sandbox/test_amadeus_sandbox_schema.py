"""The shape of the inventory's answers, to the last key: against our own list, and the published one.

The published descriptions of the API are not part of this project. The tests that need them read the
directory that the environment variable AMADEUS_SPEC names, and are skipped where it names none.
"""

import json
import os
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import pytest

from cachekit.amadeus.params import CheapestDates, TravelClass
from cachekit.amadeus.sandbox.inventory.dates import cheapest_dates
from cachekit.amadeus.sandbox.inventory.offers import find_offers
from cachekit.amadeus.sandbox.repricing import reprice
from tests.support.inventory import DAY, NOW, journey, search

WEEK = timedelta(days=7)
# One of the published patterns starts with two brackets, which is not yet wrong but odd.
PATTERN_WARNS = pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")

PLACES = [("GRU", "LIS"), ("NYC", "LON"), ("FLN", "BGO"), ("CAI", "LHR"), ("BKK", "DXB")]
SEARCHES = [
    *(search(*places, max_results=60) for places in PLACES),
    search("SAO", "MAD", return_date=DAY + WEEK, adults=2, children=2, infants=2, currency="JPY"),
    search("LON", "SYD", travel_class=TravelClass.FIRST, currency="USD"),
    search("GRU", "GIG", return_date=DAY, non_stop=True),
    search("DEL", "SIN", return_date=date(2027, 3, 27), max_results=60),
    journey(("GRU", "LIS", DAY), ("LIS", "PAR", DAY + WEEK), ("PAR", "GRU", DAY + 2 * WEEK), infants=1),
]

OFFER = """
type id source instantTicketingRequired nonHomogeneous oneWay isUpsellOffer lastTicketingDate
lastTicketingDateTime numberOfBookableSeats
itineraries[].duration
itineraries[].segments[].departure.iataCode itineraries[].segments[].departure.terminal?
itineraries[].segments[].departure.at
itineraries[].segments[].arrival.iataCode itineraries[].segments[].arrival.terminal?
itineraries[].segments[].arrival.at
itineraries[].segments[].carrierCode itineraries[].segments[].number
itineraries[].segments[].aircraft.code itineraries[].segments[].operating.carrierCode?
itineraries[].segments[].duration itineraries[].segments[].id
itineraries[].segments[].numberOfStops itineraries[].segments[].blacklistedInEU
price.currency price.total price.base price.fees[].amount price.fees[].type price.grandTotal
pricingOptions.fareType[] pricingOptions.includedCheckedBagsOnly
validatingAirlineCodes[]
travelerPricings[].travelerId travelerPricings[].fareOption travelerPricings[].travelerType
travelerPricings[].associatedAdultId?
travelerPricings[].price.currency travelerPricings[].price.total travelerPricings[].price.base
travelerPricings[].fareDetailsBySegment[].segmentId travelerPricings[].fareDetailsBySegment[].cabin
travelerPricings[].fareDetailsBySegment[].fareBasis travelerPricings[].fareDetailsBySegment[].class
travelerPricings[].fareDetailsBySegment[].brandedFare?
travelerPricings[].fareDetailsBySegment[].brandedFareLabel?
travelerPricings[].fareDetailsBySegment[].includedCheckedBags.quantity?
travelerPricings[].fareDetailsBySegment[].includedCheckedBags.weight?
travelerPricings[].fareDetailsBySegment[].includedCheckedBags.weightUnit?
travelerPricings[].fareDetailsBySegment[].includedCabinBags.quantity
travelerPricings[].fareDetailsBySegment[].amenities[].description?
travelerPricings[].fareDetailsBySegment[].amenities[].isChargeable?
travelerPricings[].fareDetailsBySegment[].amenities[].amenityType?
travelerPricings[].fareDetailsBySegment[].amenities[].amenityProvider.name?
"""
"""Every path of a search's offers; a question mark follows those that some offers lack."""

ADDED_BY_PRICING = """
paymentCardRequired price.billingCurrency
travelerPricings[].price.taxes[].amount? travelerPricings[].price.taxes[].code?
travelerPricings[].price.refundableTaxes?
"""
LEFT_OUT_BY_PRICING = (
    "oneWay",
    "isUpsellOffer",
    "numberOfBookableSeats",
    "lastTicketingDateTime",
    "itineraries[].duration",
    "travelerPricings[].fareDetailsBySegment[].brandedFareLabel",
    "travelerPricings[].fareDetailsBySegment[].includedCabinBags",
    "travelerPricings[].fareDetailsBySegment[].amenities",
)

FLIGHT_DATE = """
type origin destination departureDate returnDate? price.total links.flightDestinations links.flightOffers
"""


def paths(document: object, at: str = "") -> Iterator[str]:
    """The path of every leaf; items of a list share theirs."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield from paths(value, f"{at}.{name}" if at else name)
    elif isinstance(document, list):
        for value in document:
            yield from paths(value, f"{at}[]")
    else:
        yield at


def assert_has_shape(documents, listed):
    """All mandatory paths in each, others only as listed, and each of the optional ones here and there."""
    words = listed.split()
    optional = {path.removesuffix("?") for path in words if path.endswith("?")}
    mandatory = set(words) - {f"{path}?" for path in optional}
    found = [set(paths(document)) for document in documents]
    for one in found:
        assert one >= mandatory
        assert one <= mandatory | optional
    for path in optional:
        assert any(path in one for one in found)


@cache
def all_offers():
    found = [offer for request in SEARCHES for offer in find_offers(request, seed=1, now=NOW)["data"]]
    assert len(found) > 500
    return found


@cache
def priced_offers():
    return [again for offer in all_offers()[::7] for again in reprice([offer], seed=1, now=NOW)]


def flight_dates(**more):
    request = CheapestDates(
        origin="GRU", destination="LIS", departure_from=DAY, departure_to=DAY + WEEK, **more
    )
    return cheapest_dates(request, seed=1, now=NOW)


def test_offers_have_the_keys_of_real_ones():
    """Some of them optional, none unheard of."""
    assert_has_shape(all_offers(), OFFER)


def test_priced_offers_have_the_keys_of_real_ones():
    """Without what the service leaves out there, and with what it adds."""
    kept = [path for path in OFFER.split() if not path.startswith(LEFT_OUT_BY_PRICING)]
    assert_has_shape(priced_offers(), " ".join(kept) + ADDED_BY_PRICING)


def test_cheapest_dates_have_the_keys_of_real_ones():
    """One way there is no return."""
    assert_has_shape(flight_dates()["data"] + flight_dates(one_way=True)["data"], FLIGHT_DATE)


def test_an_optional_key_comes_as_a_whole():
    """Bags are pieces or a weight with its unit; a brand has its label and amenities."""
    for offer in all_offers():
        for pricing in offer["travelerPricings"]:
            for details in pricing["fareDetailsBySegment"]:
                assert set(details["includedCheckedBags"]) in ({"quantity"}, {"weight", "weightUnit"})
                assert len({"brandedFare", "brandedFareLabel", "amenities"} & set(details)) in {0, 3}


def test_values_are_of_the_types_of_real_ones():
    """Money is strings, numbers are numbers, times have no offset, a bare date says until when to ticket."""
    for offer in all_offers():
        assert offer["lastTicketingDateTime"] == offer["lastTicketingDate"]
        assert date.fromisoformat(offer["lastTicketingDate"])
        assert type(offer["numberOfBookableSeats"]) is int
        for amount in (offer["price"]["total"], offer["price"]["base"], offer["price"]["grandTotal"]):
            assert isinstance(amount, str)
            assert len(amount.partition(".")[2]) == 2
        for itinerary in offer["itineraries"]:
            for segment in itinerary["segments"]:
                assert len(segment["departure"]["at"]) == len("2026-12-12T23:05:00")


def published(name):
    """A published description, and its validators."""
    directory = os.environ.get("AMADEUS_SPEC")
    if not directory:
        pytest.skip("AMADEUS_SPEC names no directory with the published descriptions of the API")
    return json.loads((Path(directory) / name).read_text(encoding="utf-8"))


def faults(spec, schema, document):
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft4Validator({**schema, "definitions": spec["definitions"]})
    return [f"{list(fault.absolute_path)}: {fault.message}" for fault in validator.iter_errors(document)]


def ends(asked):
    return "-".join((asked.legs[0].origin, *(leg.destination for leg in asked.legs)))


@PATTERN_WARNS
@pytest.mark.parametrize("asked", SEARCHES, ids=ends)
def test_a_reply_is_as_published(asked):
    """The whole envelope of each search."""
    spec = published("FlightOffersSearch_v2.json")
    found = find_offers(asked, seed=1, now=NOW)
    reply = {"meta": {"count": len(found["data"])}, **found}
    assert faults(spec, spec["responses"]["GETAirOffersReply"]["schema"], reply) == []


@PATTERN_WARNS
def test_priced_offers_are_as_published():
    """Six at a time, as the service answers them."""
    spec = published("FlightOffersPrice_v1.json")
    priced = priced_offers()
    for first in range(0, len(priced), 6):
        data = {"type": "flight-offers-pricing", "flightOffers": priced[first : first + 6]}
        assert faults(spec, spec["responses"]["returnQuotation"]["schema"], {"data": data}) == []


@pytest.mark.parametrize("one_way", [True, False])
def test_cheapest_dates_are_as_published(one_way):
    """With dictionaries and the warning of a very long answer."""
    spec = published("FlightCheapestDateSearch_v1.json")
    request = CheapestDates(origin="GRU", destination="LIS", one_way=one_way)
    reply = cheapest_dates(request, seed=1, now=NOW, base_url="http://127.0.0.1")
    assert faults(spec, spec["definitions"]["FlightDates"], reply) == []
    for one in reply["data"]:
        assert faults(spec, spec["definitions"]["FlightDate"], one) == []


@PATTERN_WARNS
def test_the_published_description_refuses_what_is_wrong():
    """So that a validator that checks nothing would be noticed."""
    spec = published("FlightOffersSearch_v2.json")
    offer = find_offers(SEARCHES[0], seed=1, now=NOW)["data"][0]
    for change in ({"id": 1}, {"numberOfBookableSeats": 10}, {"itineraries": []}, {"source": "LTC"}):
        assert faults(spec, {"$ref": "#/definitions/FlightOffer"}, {**offer, **change})

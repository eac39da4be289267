"""Searches of the sandbox's inventory, and readings of its offers, that several tests share."""

from datetime import UTC, date, datetime
from decimal import Decimal

from cachekit.amadeus.params import FlightSearch, Leg, MultiCitySearch
from cachekit.amadeus.sandbox.inventory.airports import airports
from cachekit.amadeus.sandbox.inventory.offers import find_offers
from cachekit.amadeus.sandbox.inventory.zones import minutes_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = minutes_of(NOW)
DAY = date(2026, 12, 12)
ORDINAL = DAY.toordinal()


def search(origin="GRU", destination="LIS", **more):
    """A search by GET."""
    return FlightSearch(origin=origin, destination=destination, **{"departure_date": DAY} | more)


def journey(*legs, **more):
    """A search by POST, each leg written as origin, destination and day."""
    return MultiCitySearch(legs=tuple(Leg(*leg) for leg in legs), **more)


def ask(request, *, now=NOW, seed=1):
    """The offers that answer a request."""
    return find_offers(request, seed=seed, now=now)["data"]


def offers(*places, now=NOW, seed=1, **more):
    """The offers that answer a search by GET."""
    return ask(search(*places, **more), now=now, seed=seed)


def segments(offer):
    """All flights of an offer, in their order."""
    return [segment for itinerary in offer["itineraries"] for segment in itinerary["segments"]]


def carriers_of(offer):
    """Who sells the flights of an offer."""
    return {segment["carrierCode"] for segment in segments(offer)}


def route(offer):
    """Where the first direction starts and ends."""
    flown = offer["itineraries"][0]["segments"]
    return flown[0]["departure"]["iataCode"], flown[-1]["arrival"]["iataCode"]


def total(offer):
    """What an offer costs."""
    return Decimal(offer["price"]["grandTotal"])


def totals(found):
    """What offers cost."""
    return [total(offer) for offer in found]


def utc(end):
    """The moment at which a flight leaves or lands."""
    zone = airports()[end["iataCode"]].zone
    return datetime.fromisoformat(end["at"]).replace(tzinfo=zone).astimezone(UTC)


def minutes(period):
    """The length of an ISO 8601 period of hours and minutes."""
    hours, _, rest = period.removeprefix("PT").rpartition("H")
    return int(hours or 0) * 60 + int(rest.removesuffix("M") or 0)

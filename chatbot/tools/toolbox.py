"""The tools of the flight desk, made once."""

from collections.abc import Callable
from datetime import date

from cachekit.amadeus import AmadeusCacheRepository
from chatbot.places import PlaceDirectory
from chatbot.tools.airports import FindAirport
from chatbot.tools.dates import FindCheapestDates
from chatbot.tools.flights import SearchFlights
from chatbot.tools.pricing import PriceOffer
from chatbot.tools.registry import Tool
from chatbot.tools.stored_offers import GetOffer, StoredOffers

__all__ = ["flight_tools"]


def flight_tools(
    repository: AmadeusCacheRepository,
    places: PlaceDirectory,
    *,
    today: Callable[[], date],
    by_id: bool = True,
) -> list[Tool]:
    """All tools over one repository, always in the same order.

    Args:
        repository: answers what is asked of the flight service.
        places: names and codes; loaded beforehand, since that takes over a second.
        today: the day of today, in UTC.
        by_id: whether offers can be got by their ids. Not where the repository keeps nothing: then
            `get_offer` and `price_offer` are left out, as they would find no offer.
    """
    offers = StoredOffers(repository)
    single: list[Tool] = [GetOffer(offers), PriceOffer(repository, offers)] if by_id else []
    return [
        SearchFlights(repository, places, today=today),
        *single,
        FindAirport(repository, places),
        FindCheapestDates(repository, places, today=today),
    ]

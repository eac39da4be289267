"""The seam above the wire: whatever can answer a flight search.

The cache and the chat's tool know only these protocols, so that another supplier can stand behind them.
The documents are those of the Amadeus API, since one shape has to be everybody's; an adapter for another
supplier writes its own answers in that shape, as far as they go.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from cachekit.amadeus.params import AirlineLookup, CheapestDates, FlightRequest, LocationSearch

__all__ = ["BudgetedSource", "FlightSource", "ReferenceSource", "Remaining"]


class FlightSource(Protocol):
    """Answers flight searches, and says what an offer costs now.

    Outcomes of `search`:
        case 1: offers were found. The whole reply document of Flight Offers Search: `meta` (an object
            with `count`), `data` (a list of offers, cheapest first, at most `request.max_results`) and
            `dictionaries` (`locations`, `aircraft`, `currencies`, `carriers`). Each offer has an `id`,
            unique in the document, `price` with `currency` and `total`, and one itinerary for each leg of
            the request, whose segments tell `departure` and `arrival` (`iataCode`, `at`: local time) and
            `carrierCode`. Where a city was asked for, `dictionaries.locations` tells each airport's.
        case 2: nothing is for sale. The same document with `data: []`; `dictionaries` may be missing.
        case 3: a FlightSourceError (see `cachekit.amadeus.errors`), whose `retryable` tells whether the
            same search may soon succeed, and whose `refusal` tells that the source has said no, so that no
            old answer stands in for it.
        case 4: the caller is cancelled; nothing is left running on its behalf.
    Outcomes of `price` are the same but for case 2. The documents are the caller's own: they may be changed.
    """

    @property
    def identity(self) -> str:
        """Whose answers these are: one short word, the same in every process and after a restart.

        Two sources share it only if their answers may be shared: the same host, the same credentials,
        the same office. It becomes a part of cache keys and holds no secret.
        """
        ...

    async def search(self, request: FlightRequest) -> dict[str, Any]:
        """Ask for offers; sends exactly what `request.key_params()` tells, and nothing else."""
        ...

    async def price(self, offers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Ask what 1 to 6 offers of a search cost now: `{"data": {"flightOffers": […]}}`, in their order.

        The offers are given as `search` gave them.
        """
        ...


class ReferenceSource(Protocol):
    """Answers for what hardly changes, and for the cheapest dates; a source may have all of it, or some.

    Each gives the reply document of the Amadeus API, `{"data": [objects], …}`, the caller's own, or raises
    as `FlightSource.search`.
    """

    async def locations(self, request: LocationSearch) -> dict[str, Any]:
        """Airports and cities by name or code."""
        ...

    async def airlines(self, request: AirlineLookup) -> dict[str, Any]:
        """Airlines by code."""
        ...

    async def cheapest_dates(self, request: CheapestDates) -> dict[str, Any]:
        """The days on which a trip is cheapest."""
        ...


class Remaining(Protocol):
    """How many requests a source may still be asked; `cachekit.amadeus.client.budget.Budget` is one."""

    @property
    def limit(self) -> int:
        """Requests in the whole period."""
        ...

    @property
    def left(self) -> int:
        """Requests that may still be sent."""
        ...


class BudgetedSource(Protocol):
    """A source that knows what it may still be asked; warming looks at it, and leaves a reserve."""

    async def budget(self) -> Remaining | None:
        """How the budget stands; None if there is none."""
        ...

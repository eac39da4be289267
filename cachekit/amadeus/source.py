"""The seam above the wire: whatever can answer a flight search.

The cache and the chat's tool know only this protocol, so that another supplier can stand behind them.
"""

from typing import Any, Protocol

from cachekit.amadeus.params import FlightSearch

__all__ = ["FlightSource"]


class FlightSource(Protocol):
    """Answers flight searches.

    Outcomes of `search`:
        case 1: offers were found. The whole reply document of Flight Offers Search: `meta` (an object
            with `count`), `data` (a list of offers, cheapest first, at most `request.max_results`) and
            `dictionaries` (`locations`, `aircraft`, `currencies`, `carriers`).
        case 2: nothing is for sale. The same document with `data: []`; `dictionaries` may be missing.
        case 3: an AmadeusError (see `cachekit.amadeus.errors`), whose `retryable` tells whether the same
            search may soon succeed.
        case 4: the caller is cancelled; nothing is left running on its behalf.
    The document is the caller's own: it may be changed.
    """

    @property
    def identity(self) -> str:
        """Whose answers these are: one short word, the same in every process and after a restart.

        Two sources share it only if their answers may be shared: the same host, the same credentials,
        the same office. It becomes a part of cache keys and holds no secret.
        """
        ...

    async def search(self, request: FlightSearch) -> dict[str, Any]:
        """Ask for offers; sends exactly `request.to_query()`."""
        ...

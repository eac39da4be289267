"""One way from a place to another on a day."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from cachekit.amadeus.params.codes import place
from cachekit.amadeus.params.fields import Day
from cachekit.amadeus.params.form import Form
from cachekit.amadeus.params.rules import check_places

__all__ = ["Leg"]

LEG: Final = Form(
    place("origin", "originLocationCode"),
    place("destination", "destinationLocationCode"),
    Day(name="date", wire="departureDateTimeRange.date"),
)


@dataclass(frozen=True, slots=True)
class Leg:
    """One direction of a journey.

    Attributes:
        origin, destination: IATA code of an airport or of a city (LON is not LHR). They differ.
        date: the day of departure, local to the origin.

    Raises:
        InvalidFlightSearch: the service would refuse it; names the field, the rule and the value.
    """

    origin: str
    destination: str
    date: dt.date

    def __post_init__(self) -> None:
        """Fold, then check what is left."""
        LEG.fold(self)
        check_places(LEG["destination"], origin=self.origin, given=self.destination)

"""What the body of a search by POST may hold: every field that the service knows.

What would narrow the search in a way that the inventory cannot follow is marked `NotSimulated`.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType, field

from cachekit.amadeus.params import TravelClass
from cachekit.amadeus.sandbox.requests.bodies import Body
from cachekit.amadeus.sandbox.requests.travelers import PostedTraveler

__all__ = ["NotSimulated", "OriginDestination", "Query"]

Place = Annotated[str, Meta(pattern="^[A-Z]{3}$")]
Day = Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Time = Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$")]
Carriers = Annotated[list[Annotated[str, Meta(pattern="^[0-9A-Z]{2}$")]], Meta(min_length=1, max_length=99)]
NotSimulated = Any | UnsetType


class DayAndTime(Body, frozen=True):
    """`time` without a window is a preference, and leaves nothing out."""

    date: Day
    time: Time | None = None
    date_window: NotSimulated = UNSET
    time_window: NotSimulated = UNSET


class OriginDestination(Body, frozen=True):
    """One direction."""

    id: str
    origin_location_code: Place
    destination_location_code: Place
    departure_date_time_range: DayAndTime
    arrival_date_time_range: NotSimulated = UNSET
    origin_radius: NotSimulated = UNSET
    destination_radius: NotSimulated = UNSET
    alternative_origins_codes: NotSimulated = UNSET
    alternative_destinations_codes: NotSimulated = UNSET
    included_connection_points: NotSimulated = UNSET
    excluded_connection_points: NotSimulated = UNSET


class CabinRestriction(Body, frozen=True):
    """The lowest cabin of some directions."""

    cabin: TravelClass
    origin_destination_ids: list[str]
    coverage: Literal["MOST_SEGMENTS", "AT_LEAST_ONE_SEGMENT", "ALL_SEGMENTS"] = "ALL_SEGMENTS"


class CarrierRestrictions(Body, frozen=True):
    """Airlines wanted, or not wanted. No airline here is banned in the EU."""

    blacklisted_in_eu_allowed: bool = field(name="blacklistedInEUAllowed", default=False)
    excluded_carrier_codes: Carriers | None = None
    included_carrier_codes: Carriers | None = None


class ConnectionRestriction(Body, frozen=True):
    """Changes of aircraft. No flight here has technical stops, and no connection another airport."""

    max_number_of_connections: Annotated[int, Meta(ge=0, le=2)] | None = None
    airport_change_allowed: bool = False
    technical_stops_allowed: bool = False
    non_stop_preferred: NotSimulated = UNSET


class FlightFilters(Body, frozen=True):
    """What flights may be."""

    cabin_restrictions: Annotated[list[CabinRestriction], Meta(min_length=1, max_length=6)] | None = None
    carrier_restrictions: CarrierRestrictions = CarrierRestrictions()
    connection_restriction: ConnectionRestriction = ConnectionRestriction()
    cross_border_allowed: bool = False
    more_overnights_allowed: bool = False
    rail_segment_allowed: bool = False
    bus_segment_allowed: bool = False
    return_to_departure_airport: NotSimulated = UNSET
    max_flight_time: NotSimulated = UNSET


class AdditionalInformation(Body, frozen=True):
    """What offers tell; brands are always told, prices of more bags by pricing only."""

    chargeable_checked_bags: bool = False
    branded_fares: bool = False


class PricingOptions(Body, frozen=True):
    """Which fares may be offered."""

    included_checked_bags_only: NotSimulated = UNSET
    refundable_fare: NotSimulated = UNSET
    no_restriction_fare: NotSimulated = UNSET
    no_penalty_fare: NotSimulated = UNSET


class SearchCriteria(Body, frozen=True):
    """How much is wanted."""

    max_flight_offers: Annotated[int, Meta(ge=1, le=250)] = 250
    max_price: Annotated[int, Meta(ge=1, le=999_999_999)] | None = None
    flight_filters: FlightFilters = FlightFilters()
    pricing_options: PricingOptions = PricingOptions()
    additional_information: AdditionalInformation = AdditionalInformation()
    exclude_allotments: bool = False
    allow_alternative_fare_options: bool = False
    one_flight_offer_per_day: bool = False
    add_one_way_offers: NotSimulated = UNSET


class Query(Body, frozen=True):
    """The whole body."""

    origin_destinations: Annotated[list[OriginDestination], Meta(min_length=1, max_length=6)]
    travelers: Annotated[list[PostedTraveler], Meta(min_length=1, max_length=18)]
    sources: Annotated[list[Literal["GDS"]], Meta(min_length=1)]
    currency_code: Place | None = None
    search_criteria: SearchCriteria = SearchCriteria()

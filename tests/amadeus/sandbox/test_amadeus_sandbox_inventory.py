"""The made-up timetable: deterministic, and as real as a timetable can look."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachekit.amadeus.params import TravelClass
from cachekit.amadeus.sandbox.inventory import departures as departures_module
from cachekit.amadeus.sandbox.inventory.airports import airports, distance_km, locate
from cachekit.amadeus.sandbox.inventory.brands import cabin_on
from cachekit.amadeus.sandbox.inventory.carriers import AIRCRAFT, CARRIERS, sell_together
from cachekit.amadeus.sandbox.inventory.chance import chance, draws
from cachekit.amadeus.sandbox.inventory.codeshares import codeshare_number
from cachekit.amadeus.sandbox.inventory.departures import departures
from cachekit.amadeus.sandbox.inventory.network import Service, network, services
from cachekit.amadeus.sandbox.inventory.schedule import journeys
from cachekit.amadeus.sandbox.inventory.zones import (
    DAY_MINUTES,
    iso_time,
    local_minutes,
    minutes_of,
    steady_offset,
)
from tests.support.inventory import ORDINAL

FRANKFURT_CLOCKS_GO_FORWARD = date(2027, 3, 28).toordinal()
FRANKFURT_CLOCKS_GO_BACK = date(2027, 10, 31).toordinal()


def day_of(*places, ordinal=ORDINAL):
    origin, destination = (airports()[code] for code in places)
    return journeys(origin, destination, ordinal)


def all_routes():
    return [route for airport in airports().values() for route in network().out_of(airport)]


def test_the_tables_agree_with_each_other():
    """Every hub is served, every aircraft has a name, and some 200 airports and 40 airlines are there."""
    assert len(airports()) > 200
    assert len(CARRIERS) > 40
    for carrier in CARRIERS.values():
        assert set(carrier.hubs) <= set(airports())
        assert set(carrier.short + carrier.long) <= set(AIRCRAFT)


def test_the_network_is_as_large_as_a_real_one():
    """Thousands of pairs are flown nonstop, by tens of thousands of flights a day."""
    assert len({(route.origin.code, route.destination.code) for route in all_routes()}) > 10_000
    assert sum(route.weekly for route in all_routes()) / 7 > 20_000


def test_most_pairs_of_airports_are_connected():
    """Four in five of all pairs drawn blindly have journeys, most of them through hubs."""
    drawn = Random(2)
    pairs = [drawn.sample(sorted(airports()), 2) for _ in range(60)]
    found = [day_of(*pair) for pair in pairs]
    assert sum(map(bool, found)) > 0.7 * len(pairs)
    stops = Counter(journey.stops for day in found for journey in day)
    assert stops[1] > 3 * stops[0] > 0
    assert stops[2] > 0


def test_a_city_code_stands_for_all_its_airports():
    """SAO is GRU, CGH and VCP; GRU is only itself; a code nobody serves is nothing."""
    assert {airport.code for airport in locate("SAO")} == {"GRU", "CGH", "VCP"}
    assert {airport.code for airport in locate("LON")} >= {"LHR", "LGW", "LCY"}
    assert [airport.code for airport in locate("GRU")] == ["GRU"]
    assert locate("XXX") == ()


def test_distances_are_those_of_the_globe():
    """GRU to LIS is about 7,935 km, both ways."""
    here, there = airports()["GRU"], airports()["LIS"]
    assert distance_km(here, there) == pytest.approx(7935, abs=10)
    assert distance_km(there, here) == pytest.approx(distance_km(here, there))


def test_every_flight_touches_a_hub_of_its_airline():
    """And none is shorter than 150 km."""
    for route in all_routes():
        assert {route.origin.code, route.destination.code} & set(route.carrier.hubs)
        assert route.km >= 150


def test_flight_numbers_are_those_of_one_flight_of_a_route():
    """Two to four digits, below the numbers of codeshares, and none twice on one route."""
    for route in all_routes():
        numbers = [service.number for service in services(route)]
        assert len(set(numbers)) == len(numbers)
        assert all(20 <= int(number) < 5_000 for number in numbers)


def test_every_airport_can_be_left_and_reached():
    """No served airport is cut off."""
    for airport in airports().values():
        assert network().out_of(airport)
        assert network().into(airport)


@pytest.mark.parametrize(
    "places", [("GRU", "LIS"), ("GRU", "GIG"), ("FLN", "BGO"), ("LHR", "SYD"), ("HNL", "CPT"), ("AKL", "SCL")]
)
@pytest.mark.parametrize("ordinal", [ORDINAL, FRANKFURT_CLOCKS_GO_FORWARD, FRANKFURT_CLOCKS_GO_BACK])
def test_journeys_hold_together(places, ordinal):
    """Connections are in time and in place, stops and detours bounded, local times those of the zones."""
    origin, destination = (airports()[code] for code in places)
    start = ordinal * DAY_MINUTES
    for journey in journeys(origin, destination, ordinal):
        flown = [flight.operated for flight in journey.flights]
        assert 0 <= flown[0].leaves < DAY_MINUTES
        assert (journey.origin, journey.destination) == (origin, destination)
        assert journey.stops <= 2
        assert sum(flight.route.km for flight in flown) <= 1.6 * distance_km(origin, destination) + 1
        for flight in flown:
            assert start + flight.leaves == local_minutes(flight.route.origin.zone, start + flight.departs)
            assert start + flight.lands == local_minutes(
                flight.route.destination.zone, start + flight.arrives
            )
            assert 250 < 60 * flight.route.km / (flight.route.minutes - 45) < 1100
        for one, other in pairwise(flown):
            assert one.route.destination is other.route.origin
            ends = (one.route.origin, other.route.origin, other.route.destination)
            least = 45 if len({end.country for end in ends}) == 1 else 60
            assert least <= other.departs - one.arrives <= 8 * 60
            assert sell_together(one.route.carrier, other.route.carrier)
            hubs = {*one.route.carrier.hubs, *other.route.carrier.hubs}
            assert other.route.origin.code in hubs


def test_a_long_haul_route_has_nonstops_and_connections():
    """GRU to LIS: a few nonstops of about ten hours, and more ways through hubs."""
    found = day_of("GRU", "LIS")
    stops = Counter(journey.stops for journey in found)
    assert 1 <= stops[0] <= 8
    assert stops[1] > 10
    assert 9 * 60 < found[0].minutes < 11 * 60


def test_a_busy_domestic_route_has_nonstops_all_day():
    """GRU to GIG: many flights of little more than an hour, by several airlines."""
    found = day_of("GRU", "GIG")
    assert len([journey for journey in found if journey.stops == 0]) >= 8
    assert len({journey.seller for journey in found}) >= 2
    assert {journey.minutes for journey in found if not journey.stops} == {75}


def test_an_obscure_pair_needs_two_stops():
    """Where no single hub will do, two do."""
    assert {journey.stops for journey in day_of("NVT", "TRD")} == {2}


def test_a_codeshare_is_sold_by_a_partner_of_the_operator():
    """Under a number of its own, above those of flights that are operated; on nonstops and connections."""
    found = [
        (journey, flight)
        for places in (("JFK", "LHR"), ("GRU", "LIS"), ("GIG", "MUC"))
        for journey in day_of(*places)
        for flight in journey.flights
        if flight.carrier is not flight.route.carrier
    ]
    assert {bool(journey.stops) for journey, _ in found} == {True, False}
    for journey, flight in found:
        assert flight.carrier is journey.seller
        assert sell_together(flight.carrier, flight.route.carrier)
        assert 5_000 <= int(flight.number) <= 9_999


def test_one_airline_sells_two_flights_of_another_under_two_numbers():
    """So that a number and a day say which flight is meant."""
    for route in network().between(airports()["JFK"], airports()["LHR"]):
        for seller in CARRIERS.values():
            numbers = [codeshare_number(seller, route, service) for service in services(route)]
            sold = [number for number in numbers if number is not None]
            assert len(set(sold)) == len(sold)


def test_a_timetable_repeats_itself_weekly_until_clocks_change():
    """Same journeys a week later; other times at one end once only one end has changed its clocks."""
    before, after = FRANKFURT_CLOCKS_GO_FORWARD - 35, FRANKFURT_CLOCKS_GO_FORWARD + 7
    assert day_of("FRA", "GRU", ordinal=before) is day_of("FRA", "GRU", ordinal=before - 7)
    winter = {journey.name: journey.departs for journey in day_of("FRA", "GRU", ordinal=before)}
    summer = {journey.name: journey.departs for journey in day_of("FRA", "GRU", ordinal=after)}
    both = winter.keys() & summer.keys()
    assert both
    assert all(winter[name] - summer[name] == 60 for name in both)


def test_an_hour_that_summer_time_skips_is_not_printed(monkeypatch):
    """A departure at 02:30 leaves at 03:30 on the day the clocks go forward."""
    route = network().between(airports()["FRA"], airports()["LIS"])[0]
    service = Service(number="99", departs=150, weekdays=frozenset(range(7)), aircraft="320")
    monkeypatch.setattr(departures_module, "services", lambda _: (service,))
    departures_module._as_clocks_change.cache_clear()
    (flight,) = departures(route, FRANKFURT_CLOCKS_GO_FORWARD)
    departures_module._as_clocks_change.cache_clear()
    start = FRANKFURT_CLOCKS_GO_FORWARD * DAY_MINUTES
    assert iso_time(start + flight.leaves) == "2027-03-28T03:30:00"
    assert iso_time(start + flight.departs) == "2027-03-28T01:30:00"


@settings(deadline=None)
@given(
    st.sampled_from(sorted(airports())),
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_local_time_is_that_of_the_zone(code, moment):
    """Minutes count as dates and zones do, and a steady offset is that of every hour of its days."""
    moment = moment.replace(second=0, microsecond=0)
    zone = airports()[code].zone
    utc = round(minutes_of(moment))
    shown = iso_time(local_minutes(zone, utc))
    assert shown == moment.astimezone(zone).replace(tzinfo=None).isoformat()
    for ahead in (0, 24, 72):
        offset = steady_offset(zone, (moment - timedelta(hours=ahead)).toordinal())
        assert offset in {None, local_minutes(zone, utc) - utc}


def test_chance_is_even():
    """Draws fill the unit interval, one at a time or eight."""
    eights = [number for index in range(250) for number in draws(f"test {index}")]
    for numbers in ([chance("test", number) for number in range(2000)], eights):
        assert 0 <= min(numbers) < 0.01
        assert 0.99 < max(numbers) < 1
        assert sum(numbers) / len(numbers) == pytest.approx(0.5, abs=0.03)


def test_a_low_cost_flight_has_economy_only():
    """Who asks for business there sits in the best cabin there is."""
    flight = next(journey.flights[0] for journey in day_of("GRU", "GIG") if journey.seller.low_cost)
    assert cabin_on(flight, TravelClass.BUSINESS) is TravelClass.ECONOMY

"""The made-up inventory: deterministic, and as real as a timetable and a fare can look."""

import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachekit.amadeus.params import FlightSearch, TravelClass
from cachekit.amadeus.sandbox import find_offers
from cachekit.amadeus.sandbox.airports import airports, distance_km, locate
from cachekit.amadeus.sandbox.brands import cabin_on
from cachekit.amadeus.sandbox.carriers import AIRCRAFT, CARRIERS
from cachekit.amadeus.sandbox.chance import chance
from cachekit.amadeus.sandbox.network import Service, network, services
from cachekit.amadeus.sandbox.pricing import changes_until_departure, last_step, quote
from cachekit.amadeus.sandbox.schedule import _flight, journeys

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = date(2026, 12, 12)


def search(origin="GRU", destination="LIS", **more):
    return FlightSearch(origin=origin, destination=destination, **{"departure_date": DAY} | more)


def offers(*places, now=NOW, seed=1, **more):
    return find_offers(search(*places, **more), seed=seed, now=now)["data"]


def segments(offer):
    return [segment for itinerary in offer["itineraries"] for segment in itinerary["segments"]]


def carriers_of(offer):
    return {segment["carrierCode"] for segment in segments(offer)}


def route(offer):
    flown = offer["itineraries"][0]["segments"]
    return flown[0]["departure"]["iataCode"], flown[-1]["arrival"]["iataCode"]


def totals(found):
    return [Decimal(offer["price"]["total"]) for offer in found]


def utc(end):
    zone = airports()[end["iataCode"]].zone
    return datetime.fromisoformat(end["at"]).replace(tzinfo=zone).astimezone(UTC)


def minutes(period):
    hours, _, rest = period.removeprefix("PT").rpartition("H")
    return int(hours or 0) * 60 + int(rest.removesuffix("M") or 0)


def test_the_tables_agree_with_each_other():
    """Every hub is served, every aircraft has a name, and some 200 airports and 40 airlines are there."""
    assert len(airports()) > 200
    assert len(CARRIERS) > 40
    for carrier in CARRIERS.values():
        assert set(carrier.hubs) <= set(airports())
        assert set(carrier.short + carrier.long) <= set(AIRCRAFT)


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
    """And none is shorter than 150 km; flight numbers have two to four digits."""
    for airport in airports().values():
        for flown in network().out_of(airport):
            assert {flown.origin.code, flown.destination.code} & set(flown.carrier.hubs)
            assert flown.km >= 150
    known = services(network().between(airports()["GRU"], airports()["GIG"])[0])
    assert all(service.number.isdecimal() and 2 <= len(service.number) <= 4 for service in known)


def test_every_airport_can_be_left_and_reached():
    """No served airport is cut off."""
    for airport in airports().values():
        assert network().out_of(airport)
        assert network().into(airport)


@pytest.mark.parametrize(
    "places", [("GRU", "LIS"), ("GRU", "GIG"), ("FLN", "BGO"), ("LHR", "SYD"), ("HNL", "CPT"), ("AKL", "SCL")]
)
def test_journeys_hold_together(places):
    """Connections are in time and in place, stops and detours bounded, local times those of the zones."""
    origin, destination = (airports()[code] for code in places)
    for journey in journeys(origin, destination, DAY):
        assert journey.flights[0].departs.date() == DAY
        assert (journey.origin, journey.destination) == (origin, destination)
        assert journey.stops <= 2
        flown = sum(flight.route.km for flight in journey.flights)
        assert flown <= 1.6 * distance_km(origin, destination) + 1
        for flight in journey.flights:
            arrival = flight.arrives.replace(tzinfo=flight.route.destination.zone).astimezone(UTC)
            assert arrival == flight.arrives_utc
            assert 250 < 60 * flight.route.km / (flight.route.minutes - 45) < 1100
        for one, other in pairwise(journey.flights):
            assert one.route.destination is other.route.origin
            wait = other.departs_utc - one.arrives_utc
            assert timedelta(minutes=45) <= wait <= timedelta(hours=8)


def test_a_long_haul_route_has_nonstops_and_connections():
    """GRU to LIS: a few nonstops of about ten hours, and more ways through hubs."""
    stops = Counter(journey.stops for journey in journeys(airports()["GRU"], airports()["LIS"], DAY))
    assert 1 <= stops[0] <= 8
    assert stops[1] > 10
    fastest = journeys(airports()["GRU"], airports()["LIS"], DAY)[0]
    assert timedelta(hours=9) < fastest.duration < timedelta(hours=11)


def test_a_busy_domestic_route_has_nonstops_all_day():
    """GRU to GIG: many flights of little more than an hour, by several airlines."""
    found = journeys(airports()["GRU"], airports()["GIG"], DAY)
    assert len([journey for journey in found if journey.stops == 0]) >= 8
    assert len({journey.main_carrier for journey in found}) >= 2
    assert {journey.flights[0].route.minutes for journey in found if not journey.stops} == {75}


def test_an_obscure_pair_needs_two_stops():
    """Where no single hub will do, two do."""
    found = journeys(airports()["NVT"], airports()["TRD"], DAY)
    assert {journey.stops for journey in found} == {2}


def test_an_hour_that_summer_time_skips_is_not_printed():
    """A departure at 02:30 leaves at 03:30 on the day the clocks go forward."""
    route_ = network().between(airports()["FRA"], airports()["LIS"])[0]
    service = Service(number="99", departs=150, weekdays=frozenset(range(7)), aircraft="320")
    flight = _flight(route_, service, date(2027, 3, 28))
    assert flight.departs == datetime(2027, 3, 28, 3, 30)  # noqa: DTZ001
    assert flight.departs_utc == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)


def test_the_answer_depends_on_seed_search_and_clock_only():
    """A new process with another hash seed gives the same offers."""
    code = (
        "import datetime as d, hashlib, json\n"
        "from cachekit.amadeus.params import FlightSearch\n"
        "from cachekit.amadeus.sandbox import find_offers\n"
        "s = FlightSearch(origin='SAO', destination='LIS', departure_date=d.date(2026, 12, 12))\n"
        "r = find_offers(s, seed=1, now=d.datetime(2026, 11, 22, 12, tzinfo=d.UTC))\n"
        "print(hashlib.sha256(json.dumps(r).encode()).hexdigest())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1
    assert offers(seed=1) == offers(seed=1)
    assert totals(offers(seed=1)) != totals(offers(seed=2))


def test_chance_is_even():
    """Draws fill the unit interval."""
    draws = [chance("test", number) for number in range(2000)]
    assert 0 <= min(draws) < 0.01
    assert 0.99 < max(draws) < 1
    assert sum(draws) / len(draws) == pytest.approx(0.5, abs=0.03)


def test_the_rate_of_changes_rises_towards_departure():
    """0.3 a day far out, 3 a day in the last week, and nothing jumps in between."""
    rate = [changes_until_departure(day + 1) - changes_until_departure(day) for day in range(365)]
    assert rate[:7] == pytest.approx([3.0] * 7)
    assert rate[60:] == pytest.approx([0.3] * 305)
    assert all(near >= far - 1e-9 for near, far in pairwise(rate))


@settings(deadline=None)
@given(st.floats(0, 360), st.floats(0, 5))
def test_a_fare_changes_only_at_its_steps(days, later):
    """The last step lies before now; until the next one the answer is the same."""
    step = last_step(1, "TP82@2026-12-12", days)
    assert step.days >= days - 1e-6
    between = max(days, step.days - later)
    if between <= step.days - 1e-6:
        assert last_step(1, "TP82@2026-12-12", between) == step


def test_steps_come_as_often_as_the_rate_says():
    """Over many journeys, the count of changes is that of the Poisson process."""
    grid = [day / 40 for day in range(7 * 40)]
    changes = sum(len({last_step(1, f"TP{number}", days).name for days in grid}) - 1 for number in range(30))
    assert changes / 30 == pytest.approx(21, rel=0.1)


def test_a_price_moves_between_steps_never_and_over_a_week_surely():
    """Staleness has an exact ground truth."""
    journey = journeys(airports()["GRU"], airports()["LIS"], DAY)[0]
    hours = [quote(1, journey, NOW + timedelta(hours=hour)) for hour in range(24 * 7)]
    for before, after in pairwise(hours):
        assert (before.step == after.step) == (before.base == after.base)
    assert len({priced.base for priced in hours}) > 3


def test_fares_look_like_fares():
    """Long haul costs hundreds, a hop tens, and booking late costs more."""
    long, hop = totals(offers("GRU", "LIS")), totals(offers("GRU", "GIG"))
    assert 400 < min(long) < 700
    assert max(long) < 1300
    assert 40 < min(hop) < max(hop) < 180
    early = datetime(2026, 8, 1, tzinfo=UTC)
    late = datetime(2026, 12, 10, tzinfo=UTC)
    assert min(totals(offers(now=early))) < min(long) < min(totals(offers(now=late)))


def test_offers_are_numbered_in_ascending_price():
    """Ids are "1" to "n"."""
    found = offers("SAO", "LIS")
    assert [offer["id"] for offer in found] == [str(number) for number in range(1, len(found) + 1)]
    assert totals(found) == sorted(totals(found))


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([("SAO", "LIS"), ("GRU", "GIG"), ("FLN", "BGO"), ("NYC", "LON"), ("DUR", "AKL")]),
    st.none() | st.integers(0, 20),
    st.tuples(st.integers(1, 3), st.integers(0, 2), st.integers(0, 1)),
    st.none() | st.sampled_from(TravelClass),
    st.sampled_from([None, "USD", "JPY", "BRL"]),
)
def test_a_reply_is_whole(places, stay, party, cabin, currency):
    """Money adds up, ids refer to what is there, durations fit the times, dictionaries name everything."""
    adults, children, infants = party
    request = search(
        *places,
        return_date=None if stay is None else DAY + timedelta(stay),
        adults=adults,
        children=children,
        infants=infants,
        travel_class=cabin,
        currency=currency,
        max_results=20,
    )
    reply = find_offers(request, seed=1, now=NOW)
    assert len(reply["data"]) <= 20
    for offer in reply["data"]:
        assert len(offer["itineraries"]) == (1 if stay is None else 2)
        assert_times_fit(offer)
        assert_money_adds_up(offer, currency or "EUR")
        assert_travelers_fit(offer, request)
        assert_is_named(offer, reply["dictionaries"])
        assert NOW.date().isoformat() <= offer["lastTicketingDate"]
        assert offer["lastTicketingDate"] <= segments(offer)[0]["departure"]["at"][:10]
        assert adults + children <= offer["numberOfBookableSeats"] <= 9


def assert_times_fit(offer):
    for itinerary in offer["itineraries"]:
        flown = itinerary["segments"]
        for segment in flown:
            length = utc(segment["arrival"]) - utc(segment["departure"])
            assert length == timedelta(minutes=minutes(segment["duration"]))
        whole = utc(flown[-1]["arrival"]) - utc(flown[0]["departure"])
        assert whole == timedelta(minutes=minutes(itinerary["duration"]))
    for one, other in pairwise(segments(offer)):
        assert utc(other["departure"]) - utc(one["arrival"]) >= timedelta(minutes=45)


def assert_money_adds_up(offer, currency):
    price = offer["price"]
    shares = [pricing["price"] for pricing in offer["travelerPricings"]]
    for part in ("total", "base"):
        assert sum(Decimal(share[part]) for share in shares) == Decimal(price[part])
    assert price["grandTotal"] == price["total"]
    assert {price["currency"], *(share["currency"] for share in shares)} == {currency}
    assert Decimal(price["base"]) < Decimal(price["total"])


def assert_travelers_fit(offer, request):
    pricings = offer["travelerPricings"]
    kinds = Counter(pricing["travelerType"] for pricing in pricings)
    assert (kinds["ADULT"], kinds["CHILD"], kinds["HELD_INFANT"]) == (
        request.adults,
        request.children,
        request.infants,
    )
    base = {pricing["travelerType"]: Decimal(pricing["price"]["base"]) for pricing in pricings}
    for kind, share in (("CHILD", 0.75), ("HELD_INFANT", 0.10)):
        assert kind not in base or float(base[kind] / base["ADULT"]) == pytest.approx(share, abs=0.01)
    ids = [segment["id"] for segment in segments(offer)]
    for pricing in pricings:
        assert [detail["segmentId"] for detail in pricing["fareDetailsBySegment"]] == ids
        assert (pricing["travelerType"] == "HELD_INFANT") == ("associatedAdultId" in pricing)


def assert_is_named(offer, dictionaries):
    for segment in segments(offer):
        assert segment["carrierCode"] in dictionaries["carriers"]
        assert segment["aircraft"]["code"] in dictionaries["aircraft"]
        for end in (segment["departure"], segment["arrival"]):
            assert end["iataCode"] in dictionaries["locations"]
    assert offer["price"]["currency"] in dictionaries["currencies"]


def test_segment_ids_are_unique_in_a_reply():
    """One id is one flight on one day, in whatever offer it stands."""
    named = {}
    for offer in offers("SAO", "LIS", return_date=DAY + timedelta(7)):
        for segment in segments(offer):
            flight = (segment["carrierCode"], segment["number"], segment["departure"]["at"])
            assert named.setdefault(segment["id"], flight) == flight
    assert len(set(named.values())) == len(named)


def test_airlines_are_included_and_excluded():
    """Every flight of an offer obeys, not only the first."""
    assert {code for offer in offers(included_airlines=("TP",)) for code in carriers_of(offer)} == {"TP"}
    assert not any("TP" in carriers_of(offer) for offer in offers(excluded_airlines=("TP",)))


def test_nonstop_price_and_count_limits_hold():
    """The filters of the request are obeyed, and the cheapest offers are the ones kept."""
    assert all(len(segments(offer)) == 1 for offer in offers(non_stop=True))
    assert all(total <= 600 for total in totals(offers(max_price=600, adults=1)))
    assert totals(offers(max_results=5)) == totals(offers())[:5]


def test_the_price_limit_is_for_one_traveler():
    """A family of four may pay four times as much."""
    found = offers(max_price=600, adults=4)
    assert found
    assert max(totals(found)) > 600


@pytest.mark.parametrize("cabin", [TravelClass.PREMIUM_ECONOMY, TravelClass.BUSINESS, TravelClass.FIRST])
def test_most_of_the_flight_time_is_in_the_cabin_asked_for(cabin):
    """That cabin or a better one; short feeders may be lower."""
    order = list(TravelClass)
    found = offers("LON", "NYC", travel_class=cabin)
    assert found
    for offer in found:
        spent = {segment["id"]: minutes(segment["duration"]) for segment in segments(offer)}
        good = [
            spent[detail["segmentId"]]
            for detail in offer["travelerPricings"][0]["fareDetailsBySegment"]
            if order.index(detail["cabin"]) >= order.index(cabin)
        ]
        assert sum(good) * 2 > sum(spent.values())


def test_a_low_cost_flight_has_economy_only():
    """Who asks for business there sits in the best cabin there is."""
    flight = next(
        journey.flights[0]
        for journey in journeys(airports()["GRU"], airports()["GIG"], DAY)
        if journey.main_carrier.low_cost
    )
    assert cabin_on(flight, TravelClass.BUSINESS) is TravelClass.ECONOMY


def test_both_airports_of_a_city_are_searched():
    """SAO finds flights that GRU alone does not."""
    assert {route(offer)[0] for offer in offers("SAO", "LIS")} >= {"GRU", "VCP"}
    assert {route(offer) for offer in offers("GRU", "LIS")} == {("GRU", "LIS")}


@pytest.mark.parametrize("places", [("GRU", "XXX"), ("XXX", "LIS"), ("LHR", "LGW"), ("MCP", "WLG")])
def test_nothing_to_sell_is_an_empty_answer(places):
    """An unknown place, two airports of one city, or a pair too far apart for two stops."""
    assert find_offers(search(*places), seed=1, now=NOW) == {"data": []}


def test_flights_that_have_left_are_not_sold():
    """On the day itself only later flights are offered."""
    noon = datetime(2026, 12, 12, 15, tzinfo=UTC)
    left = [utc(segments(offer)[0]["departure"]) for offer in offers("GRU", "GIG", now=noon)]
    assert left
    assert min(left) >= noon + timedelta(hours=1)


def test_bags_are_pieces_or_a_weight():
    """Clients must read both forms, and a segment without an operating carrier."""
    found = offers("GRU", "LIS") + offers("GRU", "DXB", included_airlines=("EK",))
    details = [detail for offer in found for detail in offer["travelerPricings"][0]["fareDetailsBySegment"]]
    bags = {tuple(sorted(detail["includedCheckedBags"])) for detail in details}
    assert bags == {("quantity",), ("weight", "weightUnit")}
    assert any("operating" not in segment for offer in found for segment in segments(offer))

"""Reference data of the sandbox: locations in pages, one location, and airlines."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sandbox import AIRLINES, LOCATIONS

from cachekit.amadeus.params import AirlineLookup, LocationKind, LocationSearch
from cachekit.amadeus.sandbox.airlines import ICAO_CODES, find_airlines
from cachekit.amadeus.sandbox.inventory.airports import airports
from cachekit.amadeus.sandbox.inventory.carriers import CARRIERS
from cachekit.amadeus.sandbox.inventory.countries import COUNTRIES
from cachekit.amadeus.sandbox.inventory.locations import find_locations, location, locations

LONDON = {"subType": "AIRPORT,CITY", "keyword": "LON"}


async def test_a_location_is_told_to_the_last_key(let_in, server):
    """As the published reply has it, with links to this server."""
    reply = await let_in.get(LOCATIONS, params={"subType": "AIRPORT", "keyword": "MUC"})
    assert reply.json()["data"] == [
        {
            "type": "location",
            "subType": "AIRPORT",
            "name": "MUNICH INTERNATIONAL",
            "detailedName": "MUNICH/DE:MUNICH INTERNATIONAL",
            "id": "AMUC",
            "self": {"href": f"{server.url}/v1/reference-data/locations/AMUC", "methods": ["GET"]},
            "timeZoneOffset": "+01:00",
            "iataCode": "MUC",
            "geoCode": {"latitude": 48.3538, "longitude": 11.7861},
            "address": {
                "cityName": "MUNICH",
                "cityCode": "MUC",
                "countryName": "GERMANY",
                "countryCode": "DE",
                "regionCode": "EUROP",
            },
            "analytics": {"travelers": {"score": 48}},
        }
    ]


async def test_a_light_view_leaves_most_of_it_out(let_in):
    """Codes and names are left."""
    reply = await let_in.get(LOCATIONS, params=LONDON | {"view": "LIGHT", "page[limit]": 1})
    [city] = reply.json()["data"]
    assert set(city) == {
        *("type", "subType", "name", "detailedName", "id", "self", "iataCode", "address"),
    }
    assert city["address"] == {"cityName": "LONDON", "countryName": "UNITED KINGDOM"}


async def test_the_busiest_location_comes_first(let_in):
    """A city adds up its airports, so it leads."""
    data = (await let_in.get(LOCATIONS, params=LONDON | {"sort": "analytics.travelers.score"})).json()["data"]
    scores = [one["analytics"]["travelers"]["score"] for one in data]
    assert scores == sorted(scores, reverse=True)
    assert [one["id"] for one in data[:2]] == ["CLON", "ALHR"]
    munich = (await let_in.get(LOCATIONS, params=LONDON | {"keyword": "MUC"})).json()["data"]
    assert [one["id"] for one in munich] == ["CMUC", "AMUC"]


async def test_an_offset_from_utc_is_that_of_the_day(let_in, server):
    """Summer time in summer."""
    server.state.offset += timedelta(days=200)
    server.state.tokens.lifetime = 10
    token = server.state.tokens.grant().value
    headers = {"Authorization": f"Bearer {token}"}
    found = await let_in.get(f"{LOCATIONS}/CMUC", headers=headers)
    assert found.json()["data"]["timeZoneOffset"] == "+02:00"


async def test_pages_link_to_one_another(let_in):
    """First and previous from the second page on, next and last up to the last but one."""
    url, seen, links = f"{LOCATIONS}?subType=CITY&keyword=S&page[limit]=10", [], []
    while url:
        document = (await let_in.get(url)).json()
        seen += [one["id"] for one in document["data"]]
        links.append(document["meta"]["links"])
        url = links[-1].get("next")
    assert len(seen) == len(set(seen)) == document["meta"]["count"]
    assert set(links[0]) == {"self", "next", "last"}
    assert set(links[1]) == {"self", "first", "previous", "next", "last"}
    assert set(links[-1]) == {"self", "first", "previous"}
    assert links[1]["previous"].endswith("page%5Blimit%5D=10&page%5Boffset%5D=0")


async def test_the_last_page_is_a_whole_one(let_in):
    """It starts one page before the end, wherever that is."""
    first = (await let_in.get(LOCATIONS, params=LONDON | {"page[limit]": 5})).json()
    last = (await let_in.get(first["meta"]["links"]["last"])).json()
    assert first["meta"]["count"] == 8
    assert first["meta"]["links"]["last"].endswith("page%5Boffset%5D=3")
    assert len(last["data"]) == 5


@pytest.mark.parametrize(
    ("page", "links"),
    [
        ({"page[limit]": 8}, {}),
        ({"page[limit]": 4, "page[offset]": 4}, {"first": 0, "previous": 0}),
        ({"page[limit]": 5, "page[offset]": 2}, {"first": 0, "previous": 0, "next": 7, "last": 3}),
    ],
)
async def test_a_page_links_only_to_pages_that_are_there(let_in, page, links):
    """Where each starts; there are 8 locations."""
    found = (await let_in.get(LOCATIONS, params=LONDON | page)).json()["meta"]["links"]
    starts = {name: int(url.rpartition("=")[2]) for name, url in found.items() if name != "self"}
    assert starts == links


async def test_a_page_beyond_the_end_is_empty(let_in):
    """The count stays, and the way back."""
    document = (await let_in.get(LOCATIONS, params=LONDON | {"page[offset]": 50})).json()
    assert (document["meta"]["count"], document["data"]) == (8, [])
    assert set(document["meta"]["links"]) == {"self", "first", "previous"}


async def test_nothing_found_is_an_empty_page(let_in):
    """200, count 0, and no other page."""
    document = (await let_in.get(LOCATIONS, params=LONDON | {"countryCode": "ZZ"})).json()
    assert (document["meta"]["count"], document["data"]) == (0, [])
    assert set(document["meta"]["links"]) == {"self"}


@pytest.mark.parametrize(
    ("keyword", "code"),
    [
        ("SAO", "SAO"),
        ("paulo", "SAO"),
        ("new york", "NYC"),
        ("GRU", "GRU"),
        ("Guarulhos", "GRU"),
        ("montreal", "YMQ"),
        ("Vancouver", "YVR"),
        ("medellin", "MDE"),
        ("(fiumi", "FCO"),
    ],
)
async def test_a_keyword_is_the_start_of_a_word(let_in, keyword, code):
    """In a name or a code, in any case, without accents."""
    reply = await let_in.get(LOCATIONS, params={"subType": "AIRPORT,CITY", "keyword": keyword})
    assert code in {one["iataCode"] for one in reply.json()["data"]}


@given(st.sampled_from(locations()), st.integers(1, 12))
def test_every_start_of_a_name_finds_its_location(one, length):
    """Whatever letters it is cut after."""
    keyword = one.name[:length].strip()
    assert one in find_locations(LocationSearch(keyword=keyword, kinds=(one.kind,)))


def test_the_middle_of_a_word_finds_nothing():
    """ONDON is not London."""
    assert find_locations(LocationSearch(keyword="ONDON")) == []


def test_kinds_and_countries_narrow_a_search():
    """Both are kept to."""
    found = find_locations(LocationSearch(keyword="SAN", kinds=(LocationKind.CITY,), country="US"))
    assert {(one.kind, one.country) for one in found} == {(LocationKind.CITY, "US")}


def test_every_served_airport_and_its_city_is_a_location():
    """With a known country, in plain capitals."""
    for airport in airports().values():
        assert location(f"A{airport.code}")
        assert location(f"C{airport.city_code}")
    assert {one.country for one in locations()} == set(COUNTRIES)
    assert all(one.name.isascii() and one.name == one.name.upper() for one in locations())
    assert all(1 <= one.score <= 100 for one in locations())


@pytest.mark.parametrize(
    ("location_id", "status", "code"), [("AXXX", 404, 1797), ("LHR", 400, 572), ("alhr", 400, 572)]
)
async def test_a_location_that_is_not_there_is_told_apart(let_in, location_id, status, code):
    """From an id that cannot be."""
    reply = await let_in.get(f"{LOCATIONS}/{location_id}")
    assert reply.status_code == status
    assert reply.json()["errors"][0]["code"] == code


async def test_one_location_is_told_by_its_id(let_in, server):
    """The city and the airport of one code are two."""
    city = (await let_in.get(f"{LOCATIONS}/CBKK")).json()
    airport = (await let_in.get(f"{LOCATIONS}/ABKK")).json()
    assert (city["data"]["subType"], airport["data"]["subType"]) == ("CITY", "AIRPORT")
    assert city["meta"] == {"links": {"self": f"{server.url}/v1/reference-data/locations/CBKK"}}


async def test_airlines_are_found_by_either_code(let_in):
    """In the order asked for, each once."""
    reply = await let_in.get(AIRLINES, params={"airlineCodes": "TAP,BA,TP"})
    assert reply.json()["meta"]["count"] == 2
    assert reply.json()["data"][1] == {
        "type": "airline",
        "iataCode": "BA",
        "icaoCode": "BAW",
        "businessName": "BRITISH AIRWAYS",
        "commonName": "BRITISH A/W",
    }
    assert reply.json()["data"][0]["iataCode"] == "TP"


async def test_an_unknown_airline_among_others_is_a_warning(let_in):
    """The others are told all the same."""
    reply = await let_in.get(AIRLINES, params={"airlineCodes": "ZZ,BA,ZZ"})
    assert [one["iataCode"] for one in reply.json()["data"]] == ["BA"]
    assert reply.json()["warnings"] == [
        {
            "code": 572,
            "title": "INVALID OPTION",
            "detail": "no airline has the code ZZ",
            "source": {"parameter": "airlineCodes"},
        }
    ]


async def test_all_airlines_are_told_when_none_is_named(let_in):
    """Every airline that flies here."""
    assert {one["iataCode"] for one in (await let_in.get(AIRLINES)).json()["data"]} == set(CARRIERS)


def test_every_airline_has_its_own_icao_code():
    """Of three letters, and found by it."""
    assert set(ICAO_CODES) == set(CARRIERS)
    assert len(set(ICAO_CODES.values())) == len(ICAO_CODES)
    for iata, icao in ICAO_CODES.items():
        AirlineLookup(codes=(icao,))
        assert find_airlines([icao])["data"][0]["iataCode"] == iata

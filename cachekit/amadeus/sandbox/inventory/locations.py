"""The served airports and their cities as reference data: GET /v1/reference-data/locations."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from math import degrees
from typing import Any, Final
from zoneinfo import ZoneInfo

from cachekit.amadeus.params import LocationKind, LocationSearch, LocationView
from cachekit.amadeus.sandbox.inventory.airports import Airport, airports, areas, records
from cachekit.amadeus.sandbox.inventory.countries import COUNTRIES

__all__ = ["Location", "find_locations", "location", "location_document", "locations"]

MOST_TRAVELERS: Final = 100
"""The highest score; that of a city adds up those of its airports."""
SCORE_OF_WEIGHT: Final = 6

CITY_NAMES: Final = {
    "BEG": "BELGRADE",
    "BOD": "BORDEAUX",
    "BRC": "BARILOCHE",
    "CEB": "CEBU",
    "DPS": "DENPASAR",
    "FRA": "FRANKFURT",
    "LPB": "LA PAZ",
    "MDE": "MEDELLIN",
    "MLA": "MALTA",
    "MRU": "MAURITIUS",
    "NAP": "NAPLES",
    "NAT": "NATAL",
    "PTY": "PANAMA CITY",
    "SAL": "SAN SALVADOR",
    "SID": "SAL ISLAND",
    "SVQ": "SEVILLE",
    "TLS": "TOULOUSE",
    "VCE": "VENICE",
    "YMQ": "MONTREAL",
    "YVR": "VANCOUVER",
}
"""Cities that are looked for by another name than that of the town where their airport lies."""


@dataclass(frozen=True, slots=True, eq=False)
class Location:
    """An airport or a city. Names are in capitals without accents, the position is in degrees."""

    kind: LocationKind
    code: str
    name: str
    city_name: str
    city_code: str
    country: str
    latitude: float
    longitude: float
    zone: ZoneInfo
    score: int

    @property
    def id(self) -> str:
        """`A` or `C` and the code, since BKK is both an airport and a city."""
        return self.kind[0] + self.code

    @property
    def detailed_name(self) -> str:
        """City and country, and of an airport its name."""
        place = f"{self.city_name}/{self.country}"
        return place if self.kind is LocationKind.CITY else f"{place}:{self.name}"

    def matches(self, keyword: str) -> bool:
        """Whether a word of the name, the city or the code starts with `keyword` (in capitals)."""
        texts = (self.code, self.name, self.city_name)
        return any(re.search(rf"(?<![A-Z0-9]){re.escape(keyword)}", text) for text in texts)


@cache
def locations() -> tuple[Location, ...]:
    """All of them, the busiest first, and a city before its airport."""
    known = records()
    cities: dict[str, list[Airport]] = {}
    for airport in airports().values():
        cities.setdefault(airport.city_code, []).append(airport)
    city_names = {code: area["name"] for code, area in areas().items()} | CITY_NAMES
    found = []
    for city_code, members in cities.items():
        main = max(members, key=lambda airport: airport.weight)
        city_name = _plain(city_names.get(city_code, known[main.code]["city"]))
        found += [_airport(airport, _short(known[airport.code]["name"]), city_name) for airport in members]
        found.append(_city(main, city_name, sum(airport.weight for airport in members)))
    return tuple(sorted(found, key=lambda one: (-one.score, one.kind is LocationKind.AIRPORT, one.code)))


def find_locations(search: LocationSearch) -> list[Location]:
    """All locations that answer the search, whatever its page, the busiest first."""
    return [
        one
        for one in locations()
        if one.kind in search.kinds and search.country in (None, one.country) and one.matches(search.keyword)
    ]


def location(location_id: str) -> Location | None:
    """The location with this id, if there is one."""
    return next((one for one in locations() if one.id == location_id), None)


def location_document(one: Location, *, view: LocationView, base_url: str, now: datetime) -> dict[str, Any]:
    """The location as the API writes it; the offset from UTC is that of `now` (aware)."""
    country = COUNTRIES[one.country]
    document: dict[str, Any] = {
        "type": "location",
        "subType": one.kind.value,
        "name": one.name,
        "detailedName": one.detailed_name,
        "id": one.id,
        "self": {"href": f"{base_url}/v1/reference-data/locations/{one.id}", "methods": ["GET"]},
    }
    if view is LocationView.LIGHT:
        address = {"cityName": one.city_name, "countryName": country.name}
        return {**document, "iataCode": one.code, "address": address}
    return {
        **document,
        "timeZoneOffset": now.astimezone(one.zone).isoformat()[-6:],
        "iataCode": one.code,
        "geoCode": {"latitude": one.latitude, "longitude": one.longitude},
        "address": {
            "cityName": one.city_name,
            "cityCode": one.city_code,
            "countryName": country.name,
            "countryCode": one.country,
            "regionCode": country.region,
        },
        "analytics": {"travelers": {"score": one.score}},
    }


def _airport(airport: Airport, name: str, city_name: str) -> Location:
    return Location(
        kind=LocationKind.AIRPORT,
        code=airport.code,
        name=name,
        city_name=city_name,
        score=_score(airport.weight),
        **_place(airport),
    )


def _city(main: Airport, name: str, weight: int) -> Location:
    """A city lies where its main airport lies."""
    return Location(
        kind=LocationKind.CITY,
        code=main.city_code,
        name=name,
        city_name=name,
        score=_score(weight),
        **_place(main),
    )


def _place(airport: Airport) -> dict[str, Any]:
    return {
        "city_code": airport.city_code,
        "country": airport.country,
        "latitude": round(degrees(airport.latitude), 5),
        "longitude": round(degrees(airport.longitude), 5),
        "zone": airport.zone,
    }


def _score(weight: int) -> int:
    return min(MOST_TRAVELERS, weight * SCORE_OF_WEIGHT)


def _short(name: str) -> str:
    """An airport's name as the API has it: without the word that they all share."""
    plain = _plain(name)
    return plain.removesuffix(" AIRPORT") or plain


def _plain(name: str) -> str:
    """In capitals and without accents."""
    letters = unicodedata.normalize("NFKD", name.replace("\N{EN DASH}", "-"))
    return " ".join(letters.encode("ascii", "ignore").decode().upper().split())

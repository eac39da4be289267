"""The airports the sandbox serves: how busy each is, where it lies, and which city it belongs to.

Weights are our own rough guess at demand, from 1 (a regional field) to 10 (a world hub). Positions, time
zones and countries come from `airportsdata`, and so do the cities with several airports (SAO, LON).
"""

from dataclasses import dataclass
from functools import cache
from math import asin, cos, radians, sin, sqrt
from typing import Final
from zoneinfo import ZoneInfo

import airportsdata

__all__ = ["Airport", "airports", "areas", "distance_km", "locate", "records"]

EARTH_RADIUS_KM: Final = 6371.0088

SERVED: Final = {
    "south america": (
        "GRU10 GIG8 BSB6 CGH8 SDU7 VCP6 CNF6 SSA5 REC6 FOR5 POA5 CWB5 FLN4 BEL4 MAO4 GYN3 VIX3 NAT3 CGB3 "
        "MCZ3 CGR2 SLZ2 JPA2 THE2 AJU2 IGU3 NVT2 UDI2 PVH1 RBR1 BVB1 MCP1 PMW1 LDB1 BPS1 "
        "EZE8 AEP5 COR3 MDZ3 IGR2 BRC2 ROS1 SLA1 SCL8 LIM8 BOG8 MDE5 CTG4 CLO3 UIO4 GYE4 CUZ3 "
        "VVI3 LPB2 ASU3 MVD4 PTY7 SJO4 SAL3 GUA3 CCS3 HAV3 SDQ4 PUJ5 SJU4 KIN2"
    ),
    "north america": (
        "JFK10 EWR8 LGA6 BOS7 PHL6 IAD7 DCA5 BWI4 CLT7 ATL10 MIA9 FLL6 MCO7 TPA5 ORD9 DTW6 MSP6 STL4 "
        "DFW9 IAH8 AUS5 SAT3 MSY4 BNA5 DEN8 SLC6 PHX6 LAS7 LAX10 SAN5 SFO9 SJC4 OAK3 PDX5 SEA7 HNL5 "
        "ANC3 YYZ8 YUL6 YVR7 YYC5 YOW3 YHZ3 YEG3 MEX8 CUN7 GDL4 MTY4"
    ),
    "europe": (
        "LHR10 LGW7 LTN4 STN5 LCY3 MAN6 EDI5 GLA3 BHX4 DUB7 CDG10 ORY6 NCE5 LYS4 MRS4 TLS4 BOD3 AMS9 "
        "BRU6 FRA9 MUC8 BER6 DUS5 HAM5 STR4 CGN3 ZRH7 GVA5 VIE7 PRG5 BUD5 WAW6 KRK4 CPH7 ARN6 GOT3 OSL6 "
        "BGO3 TRD2 HEL6 KEF4 LIS8 OPO6 FAO4 FNC3 PDL2 MAD9 BCN8 AGP5 PMI6 VLC4 SVQ4 BIO3 LPA4 TFS4 IBZ3 "
        "FCO8 MXP7 LIN4 VCE5 BLQ4 NAP5 CTA4 PSA3 ATH7 SKG3 HER3 OTP5 SOF4 BEG4 ZAG3 SPU3 DBV3 TIA3 MLA3 "
        "LUX3 RIX3 VNO2 TLL2 IST10 SAW5 AYT5 ADB3"
    ),
    "middle east": "DXB10 AUH7 DOH9 RUH6 JED6 KWI4 BAH3 MCT3 AMM4 BEY3 TLV6",
    "africa": (
        "CAI6 CMN5 RAK4 TUN3 ALG3 DSS3 RAI2 SID2 LOS5 ABV2 ACC4 ABJ3 LAD3 MPM2 ADD6 NBO5 JNB7 CPT5 DUR3 MRU3"
    ),
    "asia": (
        "SIN9 KUL7 BKK8 HKT4 SGN5 HAN5 CGK6 DPS6 MNL6 CEB3 HKG9 TPE7 PEK8 PVG8 CAN7 ICN8 NRT8 HND9 KIX6 "
        "CTS3 FUK4 DEL8 BOM8 BLR6 MAA5 HYD5 CCU4 CMB3 MLE3 KTM2"
    ),
    "oceania": "SYD8 MEL7 BNE6 PER5 ADL3 AKL6 CHC3 WLG2 NAN3",
}
"""IATA code and weight of each airport, by region."""

DOMESTIC_ONLY: Final = frozenset({"CGH", "SDU", "LGA", "DCA"})
"""Airports without flights abroad."""

OTHER_CITY_CODES: Final = {"YUL": "YMQ", "DTW": "DTT", "YEG": "YEA"}
"""City codes of single airports that differ from the airport's own and that airportsdata leaves out."""


@dataclass(frozen=True, slots=True, eq=False)
class Airport:
    """One served airport. `latitude` and `longitude` are radians; `weight` is demand, 1 to 10."""

    code: str
    city_code: str
    country: str
    region: str
    latitude: float
    longitude: float
    zone: ZoneInfo
    weight: int


@cache
def records() -> dict[str, airportsdata.Airport]:
    """What `airportsdata` knows of the airports served, by IATA code. Of the others nothing is kept."""
    known = airportsdata.load("IATA")
    return {word[:3]: known[word[:3]] for words in SERVED.values() for word in words.split()}


@cache
def areas() -> dict[str, airportsdata.IATAMAC]:
    """The cities with several airports, by the city's code."""
    return airportsdata.load_iata_macs()


@cache
def airports() -> dict[str, Airport]:
    """All served airports by IATA code."""
    cities = dict(OTHER_CITY_CODES)
    for city, area in areas().items():
        cities.update(dict.fromkeys(area["airports"], city))
    served = {}
    for region, words in SERVED.items():
        for word in words.split():
            code, weight = word[:3], int(word[3:])
            record = records()[code]
            served[code] = Airport(
                code=code,
                city_code=cities.get(code, code),
                country=record["country"],
                region=region,
                latitude=radians(record["lat"]),
                longitude=radians(record["lon"]),
                zone=ZoneInfo(record["tz"]),
                weight=weight,
            )
    return served


@cache
def _cities() -> dict[str, tuple[Airport, ...]]:
    cities: dict[str, tuple[Airport, ...]] = {}
    for airport in airports().values():
        cities[airport.city_code] = (*cities.get(airport.city_code, ()), airport)
    return cities


def locate(code: str) -> tuple[Airport, ...]:
    """The served airports that `code` stands for: a city's, or one; none if nothing is served there.

    A code that names both (BKK) means the city, as on the real service.
    """
    if code in _cities():
        return _cities()[code]
    airport = airports().get(code)
    return (airport,) if airport else ()


@cache
def distance_km(origin: Airport, destination: Airport) -> float:
    """The great-circle distance (haversine formula)."""
    half = (
        sin((destination.latitude - origin.latitude) / 2) ** 2
        + cos(origin.latitude)
        * cos(destination.latitude)
        * sin((destination.longitude - origin.longitude) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * asin(sqrt(half))

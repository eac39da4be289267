"""The airlines of the sandbox: where they are at home, what they fly, and whom they sell together with.

Codes, names, hubs and alliances are those of the world as generally known; the networks that the
schedule draws from them are made up.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

__all__ = ["AIRCRAFT", "CARRIERS", "Carrier", "partners", "sell_together"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Carrier:
    """One airline.

    Attributes:
        code, name: IATA code and the name in capitals, as the API's dictionaries print it.
        hubs: airports that every flight of the airline touches, the main one first.
        short: aircraft types for up to about 5,000 km; empty if it flies wide-bodies only.
        long: aircraft types for long haul; empty if it has none.
        ties: countries far away that it serves beyond the world's largest airports.
        reach: the least weight of an airport far away that it flies to without such ties.
        low_cost: sells economy only, bags extra.
        first, premium: whether its long-haul cabin has FIRST, or PREMIUM_ECONOMY.
        weighs_bags: states its bag allowance as a weight and not as pieces.
        families: has fare families, so that its fares have brands; a few airlines' have not.
        alliance: airlines of one alliance sell connections onto each other.
    """

    code: str
    name: str
    hubs: tuple[str, ...]
    short: tuple[str, ...]
    long: tuple[str, ...]
    ties: frozenset[str]
    reach: int
    low_cost: bool
    first: bool
    premium: bool
    weighs_bags: bool
    families: bool
    alliance: str | None


# code|name|alliance|traits|reach|hubs|short|long|ties; the traits are Low cost, First, Premium,
# bags by Weight and No fare families
_TABLE: Final = """
LA|LATAM AIRLINES|-|P|9|GRU SCL LIM BOG BSB FOR CGH|320 321 32N|789 77W|PT ES FR IT DE GB US MX
G3|GOL LINHAS AEREAS|-|L|8|GRU GIG CGH BSB SSA FOR CNF SDU|738 7M8|-|-
AD|AZUL LINHAS AEREAS BRASILEIRAS|-|-|10|VCP CNF REC|E95 320 AT7|339|PT US FR
AV|AVIANCA|star|-|8|BOG SAL MDE|320 32N|788|ES US GB BR
CM|COPA AIRLINES|star|-|8|PTY|738 7M9|-|US
AR|AEROLINEAS ARGENTINAS|skyteam|N|10|EZE AEP COR|738 7M8 E90|332|ES IT US
AM|AEROMEXICO|skyteam|P|8|MEX MTY GDL|738 7M8 E90|788 789|ES US FR BR JP
AA|AMERICAN AIRLINES|oneworld|FP|8|DFW MIA CLT ORD PHL JFK LAX|738 321 7M8 E75|77W 789 788|BR AR MX GB ES IT
DL|DELTA AIR LINES|skyteam|P|8|ATL JFK DTW MSP SLC BOS SEA LAX|739 321 223 E75|359 339 764|BR FR GB IT JP
UA|UNITED AIRLINES|star|P|8|EWR ORD IAH DEN SFO IAD LAX|739 320 7M9 E75|789 77W 78X|BR GB DE PT JP AU
B6|JETBLUE AIRWAYS|-|L|8|JFK BOS FLL MCO|320 321 223|-|-
AS|ALASKA AIRLINES|oneworld|-|8|SEA PDX SFO ANC SAN|739 7M9 E75|-|-
AC|AIR CANADA|star|P|8|YYZ YUL YVR YYC|320 321 223 7M8|789 77W 333|GB FR BR DE JP IN PT
WS|WESTJET|-|P|10|YYC YVR YYZ|738 7M8|789|GB FR IT
TP|TAP PORTUGAL|star|-|8|LIS OPO|320 32N 321 E90|339 332|BR US AO CV MZ CA VE SN GH
IB|IBERIA|oneworld|P|8|MAD|320 321 32N|359 333|AR BR MX CO CL PE UY EC US PR CR GT DO CU
UX|AIR EUROPA|skyteam|-|10|MAD|738 7M8|789 788|AR BR CO PE EC PY UY DO CU PA
VY|VUELING AIRLINES|-|L|8|BCN ORY FCO|320 321 32N|-|-
AF|AIR FRANCE|skyteam|FP|7|CDG ORY|320 321 223 E90|77W 359 789|BR US CA MX AR CL JP CN IN SN CI ZA MU CO
KL|KLM ROYAL DUTCH AIRLINES|skyteam|P|7|AMS|738 295 E90|789 77W 781|BR US CA AR PE EC CO PA CR KE NG GH JP
LH|LUFTHANSA|star|FP|7|FRA MUC|320 321 32N CR9|748 359 346|BR US CA AR CO MX CN JP IN ZA NG
LX|SWISS INTERNATIONAL AIR LINES|star|FP|8|ZRH GVA|320 223 221|77W 333|BR US AR JP IN ZA
OS|AUSTRIAN AIRLINES|star|P|9|VIE|320 321 E95|772 763|US MU JP
SN|BRUSSELS AIRLINES|star|PN|10|BRU|320 319|333|US SN CI GH AO
BA|BRITISH AIRWAYS|oneworld|FP|7|LHR LGW LCY|320 32N 321|77W 789 388 351|US CA BR AR CL IN ZA JP NG KE SG AU
U2|EASYJET|-|L|8|LGW LTN GVA MXP AMS NCE|320 32N 319|-|-
EI|AER LINGUS|-|-|10|DUB|320 32N|333|US CA
AZ|ITA AIRWAYS|star|P|9|FCO LIN|320 32N 223|359 339|BR AR US JP
SK|SCANDINAVIAN AIRLINES|skyteam|P|9|CPH ARN OSL|320 32N CR9|359 333|US CA JP
DY|NORWEGIAN AIR SHUTTLE|-|L|8|OSL CPH ARN|738 7M8|-|-
AY|FINNAIR|oneworld|P|8|HEL|320 321 E90|359 333|US JP CN TH IN SG
LO|LOT POLISH AIRLINES|star|P|8|WAW|738 7M8 E95|788 789|US CA JP IN
A3|AEGEAN AIRLINES|star|-|8|ATH SKG|320 32N|-|-
EW|EUROWINGS|-|L|8|DUS CGN STR HAM BER|320 319|-|-
TK|TURKISH AIRLINES|star|-|6|IST SAW|321 738 7M9|77W 359 333|BR US AR CO PA MX NG KE ET ZA SN LK MV NP
EK|EMIRATES|-|FPW|6|DXB|-|388 77W|BR AR US AU NZ ZA KE MU LK MV GH AO
QR|QATAR AIRWAYS|oneworld|W|6|DOH|320 788|351 77W 789|BR AR US AU ZA KE NG LK MV NP
EY|ETIHAD AIRWAYS|-|FW|7|AUH|320 321|789 351|US AU IN LK MV
SV|SAUDIA|skyteam|W|8|JED RUH|320 321|77W 789|IN ID MY
MS|EGYPTAIR|star|N|9|CAI|738 32N|789 77W|US CA NG GH KE
AT|ROYAL AIR MAROC|oneworld|-|10|CMN RAK|738 7M8|788 789|BR US CA CI SN NG GH
ET|ETHIOPIAN AIRLINES|star|-|8|ADD|738 7M8|359 788|BR AR US CA NG GH KE ZA AO MZ CI SN
SA|SOUTH AFRICAN AIRWAYS|star|-|10|JNB CPT|320|343 333|BR GH NG AU
DT|TAAG ANGOLA AIRLINES|-|N|10|LAD|DH4 738|77W 789|PT BR ZA MZ
SQ|SINGAPORE AIRLINES|star|FPW|7|SIN|7M8|359 77W 388|AU NZ IN US GB
CX|CATHAY PACIFIC|oneworld|FP|7|HKG|321|351 359 77W|AU US CA GB
JL|JAPAN AIRLINES|oneworld|FP|8|HND NRT KIX|738 E90|77W 789 351|US GB FR AU IN TH
NH|ALL NIPPON AIRWAYS|star|FP|8|HND NRT|738 321|77W 789|US DE GB TH IN
KE|KOREAN AIR|skyteam|F|8|ICN|223 739|77W 789 748|US FR GB AU TH
MU|CHINA EASTERN AIRLINES|skyteam|-|8|PVG|320 321|77W 359|US AU FR
TG|THAI AIRWAYS INTERNATIONAL|star|WN|8|BKK|320|359 77W|AU GB DE DK
AI|AIR INDIA|star|FW|8|DEL BOM|320 321 32N|788 77W 359|US GB AU CA
6E|INDIGO|-|LW|8|DEL BOM BLR HYD|320 32N 321|-|-
QF|QANTAS AIRWAYS|oneworld|FP|8|SYD MEL BNE PER|738 223|789 388 333|US GB NZ SG ZA CL
NZ|AIR NEW ZEALAND|star|P|9|AKL CHC|320 32N AT7|789 77W|US AU
"""


def _read(row: str) -> Carrier:
    code, name, alliance, traits, reach, hubs, short, long, ties = (
        "" if column.strip() == "-" else column.strip() for column in row.split("|")
    )
    return Carrier(
        code=code,
        name=name,
        hubs=tuple(hubs.split()),
        short=tuple(short.split()),
        long=tuple(long.split()),
        ties=frozenset(ties.split()),
        reach=int(reach),
        low_cost="L" in traits,
        first="F" in traits,
        premium="P" in traits,
        weighs_bags="W" in traits,
        families="N" not in traits,
        alliance=alliance or None,
    )


CARRIERS: Final = {carrier.code: carrier for carrier in map(_read, _TABLE.strip().splitlines())}
"""All airlines by IATA code."""

PARTNERS: Final = frozenset(
    frozenset(pair.split())
    for pair in (
        "LA DL", "LA LH", "LA LX", "LA IB", "LA BA", "LA QR", "LA TP", "G3 AF", "G3 KL", "G3 AA", "G3 TP",
        "G3 EK", "AD TP", "AD UA", "EK QF", "EK TP", "B6 QR", "WS KL", "WS AF", "6E TK", "6E QR", "VY IB",
        "VY BA", "EI BA", "EW LH", "LH SN", "DY LH", "A3 EY", "AZ EY", "SV EY", "DT TP", "AT IB", "SA QF",
    )
)  # fmt: skip
"""Pairs of airlines that sell connections onto each other without sharing an alliance."""

AIRCRAFT: Final = {
    "221": "AIRBUS A220-100",
    "223": "AIRBUS A220-300",
    "295": "EMBRAER 195 E2",
    "319": "AIRBUS A319",
    "320": "AIRBUS A320",
    "321": "AIRBUS A321",
    "32N": "AIRBUS A320NEO",
    "332": "AIRBUS A330-200",
    "333": "AIRBUS A330-300",
    "339": "AIRBUS A330-900NEO",
    "343": "AIRBUS A340-300",
    "346": "AIRBUS A340-600",
    "351": "AIRBUS A350-1000",
    "359": "AIRBUS A350-900",
    "388": "AIRBUS A380-800",
    "738": "BOEING 737-800",
    "739": "BOEING 737-900",
    "748": "BOEING 747-8",
    "763": "BOEING 767-300",
    "764": "BOEING 767-400",
    "772": "BOEING 777-200",
    "77W": "BOEING 777-300ER",
    "781": "BOEING 787-10",
    "788": "BOEING 787-8",
    "789": "BOEING 787-9",
    "78X": "BOEING 787-10",
    "7M8": "BOEING 737 MAX 8",
    "7M9": "BOEING 737 MAX 9",
    "AT7": "ATR 72",
    "CR9": "CANADAIR REGIONAL JET 900",
    "DH4": "DE HAVILLAND DASH 8-400",
    "E75": "EMBRAER 175",
    "E90": "EMBRAER 190",
    "E95": "EMBRAER 195",
}
"""Names of the aircraft types, by IATA code."""


@cache
def sell_together(first: Carrier, second: Carrier) -> bool:
    """Whether a connection between the two is sold on one ticket."""
    if first is second:
        return True
    if first.alliance is not None and first.alliance == second.alliance:
        return True
    return frozenset((first.code, second.code)) in PARTNERS


@cache
def partners(carrier: Carrier) -> tuple[Carrier, ...]:
    """The airlines, others than itself, that sell together with this one."""
    return tuple(
        other for other in CARRIERS.values() if other is not carrier and sell_together(carrier, other)
    )

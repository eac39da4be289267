"""The airlines of the sandbox as reference data: GET /v1/reference-data/airlines."""

from collections.abc import Sequence
from typing import Any, Final

from cachekit.amadeus.sandbox.inventory.carriers import CARRIERS
from cachekit.amadeus.sandbox.issues import Issue, Refusal
from cachekit.amadeus.sandbox.requests.parameters import Parameter, read_parameters

__all__ = ["find_airlines", "read_airline_codes"]

_CODES: Final = (
    "LA LAN|G3 GLO|AD AZU|AV AVA|CM CMP|AR ARG|AM AMX|AA AAL|DL DAL|UA UAL|B6 JBU|AS ASA|AC ACA|WS WJA|"
    "TP TAP|IB IBE|UX AEA|VY VLG|AF AFR|KL KLM|LH DLH|LX SWR|OS AUA|SN BEL|BA BAW|U2 EZY|EI EIN|AZ ITY|"
    "SK SAS|DY NOZ|AY FIN|LO LOT|A3 AEE|EW EWG|TK THY|EK UAE|QR QTR|EY ETD|SV SVA|MS MSR|AT RAM|ET ETH|"
    "SA SAA|DT DTA|SQ SIA|CX CPA|JL JAL|NH ANA|KE KAL|MU CES|TG THA|AI AIC|6E IGO|QF QFA|NZ ANZ"
)

ICAO_CODES: Final = {pair[:2]: pair[3:] for pair in _CODES.split("|")}
"""ICAO code of each airline by its IATA code."""

COMMON_NAMES: Final = {
    "AA": "AMERICAN",
    "AD": "AZUL",
    "AR": "AEROLINEAS",
    "BA": "BRITISH A/W",
    "DL": "DELTA",
    "G3": "GOL",
    "KL": "KLM",
    "LA": "LATAM",
    "LX": "SWISS",
    "NH": "ALL NIPPON",
    "TG": "THAI AIRWAYS",
    "TP": "TAP",
    "UA": "UNITED",
}
"""What an airline is called where that is shorter than its name."""

INVALID_OPTION: Final = 572

PARAMETERS: Final = {
    "airlineCodes": Parameter(pattern=r"([0-9A-Z]{2}|[A-Z]{3})(,([0-9A-Z]{2}|[A-Z]{3}))*", example="BA")
}


def read_airline_codes(query: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """The codes asked for, IATA or ICAO; without any, all airlines are meant.

    Raises:
        Refusal: another parameter, or a code that cannot be.
    """
    codes = read_parameters(query, PARAMETERS).get("airlineCodes")
    return tuple(dict.fromkeys(codes.split(","))) if codes else tuple(CARRIERS)


def find_airlines(codes: Sequence[str]) -> dict[str, Any]:
    """`data`, in the order of the codes, and `warnings` for codes that no airline here has.

    Raises:
        Refusal: no airline has any of the codes.
    """
    by_icao = {icao: iata for iata, icao in ICAO_CODES.items()}
    found = dict.fromkeys(iata for code in codes if (iata := by_icao.get(code, code)) in CARRIERS)
    unknown = [code for code in codes if by_icao.get(code, code) not in CARRIERS]
    if not found:
        raise Refusal([_unknown(code) for code in unknown])
    reply: dict[str, Any] = {"data": [_airline(code) for code in found]}
    if unknown:
        reply["warnings"] = [_warning(_unknown(code)) for code in unknown]
    return reply


def _unknown(code: str) -> Issue:
    return Issue(INVALID_OPTION, f"no airline has the code {code}", "airlineCodes")


def _warning(issue: Issue) -> dict[str, Any]:
    return {name: part for name, part in issue.document().items() if name != "status"}


def _airline(code: str) -> dict[str, str]:
    name = CARRIERS[code].name
    return {
        "type": "airline",
        "iataCode": code,
        "icaoCode": ICAO_CODES[code],
        "businessName": name,
        "commonName": COMMON_NAMES.get(code, name),
    }

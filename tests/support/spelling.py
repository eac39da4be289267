"""What requests to the flight API mean, and the many ways in which callers spell them.

A meaning is a plain mapping by the API's own names, or by attributes for a body; it holds only what was
asked for. Nothing here uses `cachekit.amadeus.params`: the tests hold the two against each other.
"""

import datetime as dt

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For tests by these strategies: how long a busy machine takes to draw is not what they are about."""

TODAY = dt.date(2026, 11, 23)
NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
ABSENT = (None, "", "  ", [], ())

PLACES = ["GRU", "LIS", "LON", "LHR", "MAD", "JFK", "NYC", "OPO"]
CURRENCIES = ["EUR", "USD", "BRL"]
CABINS = ["ECONOMY", "PREMIUM_ECONOMY", "BUSINESS", "FIRST"]

places = st.sampled_from(PLACES)
days = st.integers(1, 363).map(lambda ahead: TODAY + dt.timedelta(ahead))
airline_sets = st.frozensets(st.sampled_from(["TP", "LA", "G3", "3O", "BA", "AA"]), min_size=1)
prices = st.integers(1, 999_999_999)


@st.composite
def ends(draw):
    """An origin and another place as the destination."""
    return draw(st.lists(places, min_size=2, max_size=2, unique=True))


@st.composite
def parties(draw):
    """Adults, children, infants, as many of each as may travel."""
    adults = draw(st.integers(1, 9))
    return adults, draw(st.integers(0, 9 - adults)), draw(st.integers(0, adults))


@st.composite
def some(draw, optional):
    """Any part of the members of `optional`, a mapping of names to strategies."""
    names = draw(st.sets(st.sampled_from(sorted(optional))))
    return {name: draw(optional[name]) for name in sorted(names)}


SEARCH_KINDS = {
    "originLocationCode": "code",
    "destinationLocationCode": "code",
    "departureDate": "day",
    "returnDate": "day",
    "adults": "number",
    "children": "number",
    "infants": "number",
    "travelClass": "code",
    "includedAirlineCodes": "codes",
    "excludedAirlineCodes": "codes",
    "nonStop": "flag",
    "currencyCode": "code",
    "maxPrice": "number",
    "max": "number",
}
SEARCH_DEFAULTS = {"adults": 1, "children": 0, "infants": 0, "nonStop": False, "max": 250}


@st.composite
def searches(draw):
    """The meaning of a search by GET."""
    origin, destination = draw(ends())
    departure = draw(days)
    adults, children, infants = draw(parties())
    optional = {
        "returnDate": days.map(lambda day: max(day, departure)),
        draw(st.sampled_from(["includedAirlineCodes", "excludedAirlineCodes"])): airline_sets,
        "travelClass": st.sampled_from(CABINS),
        "nonStop": st.just(value=True),
        "currencyCode": st.sampled_from(CURRENCIES),
        "maxPrice": prices,
        "max": st.integers(1, 249),
    }
    return {
        "originLocationCode": origin,
        "destinationLocationCode": destination,
        "departureDate": departure,
        "adults": adults,
        "children": children,
        "infants": infants,
        **draw(some(optional)),
    }


DATES_KINDS = {
    "origin": "code",
    "destination": "code",
    "departureDate": "days",
    "oneWay": "flag",
    "duration": "numbers",
    "nonStop": "flag",
    "maxPrice": "number",
    "viewBy": "code",
}
DATES_DEFAULTS = {"oneWay": False, "nonStop": False}


@st.composite
def cheapest_dates(draw):
    """The meaning of a request for the cheapest dates; a range is a tuple of one or two ends."""
    origin, destination = draw(ends())
    stays = st.sets(st.integers(1, 365), min_size=1, max_size=2)
    optional = {
        "departureDate": st.sets(days, min_size=1, max_size=2).map(lambda each: tuple(sorted(each))),
        "nonStop": st.just(value=True),
        "maxPrice": prices,
        "viewBy": st.sampled_from(["DATE", "DURATION", "WEEK"]),
        **draw(
            st.sampled_from(
                [
                    {"oneWay": st.just(value=True)},
                    {"duration": stays.map(lambda each: tuple(sorted(each)))},
                ]
            )
        ),
    }
    return {"origin": origin, "destination": destination, **draw(some(optional))}


LOCATION_KINDS = {
    "keyword": "code",
    "subType": "codes",
    "countryCode": "code",
    "page[limit]": "number",
    "page[offset]": "number",
    "view": "code",
}
LOCATION_DEFAULTS = {
    "subType": frozenset({"AIRPORT", "CITY"}),
    "page[limit]": 10,
    "page[offset]": 0,
    "view": "FULL",
}


@st.composite
def location_searches(draw):
    """The meaning of a search for locations."""
    optional = {
        "subType": st.sampled_from([frozenset({"AIRPORT"}), frozenset({"CITY"})]),
        "countryCode": st.sampled_from(["BR", "PT"]),
        "page[limit]": st.integers(1, 1000),
        "page[offset]": st.integers(0, 999_999),
        "view": st.just("LIGHT"),
    }
    keyword = draw(st.from_regex(r"[A-Z0-9]([A-Z0-9./:()'\" -]{0,20}[A-Z0-9])?", fullmatch=True))
    return {"keyword": keyword, **draw(some(optional))}


AIRLINE_KINDS = {"airlineCodes": "codes"}
airline_lookups = st.fixed_dictionaries(
    {"airlineCodes": st.frozensets(st.sampled_from(["TP", "TAP", "G3", "GLO"]), min_size=1)}
)


@st.composite
def journeys(draw):
    """The meaning of a search by POST, by the attributes of a `MultiCitySearch`."""
    dates = sorted(draw(st.lists(days, min_size=1, max_size=6)))
    adults, children, infants = draw(parties())
    optional = {
        draw(st.sampled_from(["included_airlines", "excluded_airlines"])): airline_sets,
        "travel_class": st.sampled_from(CABINS),
        "max_connections": st.integers(0, 2),
        "currency": st.sampled_from(CURRENCIES),
        "max_price": prices,
        "max_results": st.integers(1, 249),
    }
    return {
        "legs": tuple((*draw(ends()), day) for day in dates),
        "adults": adults,
        "children": children,
        "infants": infants,
        **draw(some(optional)),
    }


def full(meaning, defaults):
    """The meaning with all that goes without saying."""
    return defaults | meaning


def text(value):
    """A value of a meaning as a query string holds it in its one form."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, frozenset):
        return ",".join(sorted(value))
    if isinstance(value, tuple):
        return ",".join(str(end) for end in value)
    return str(value)


@st.composite
def queries(draw, meaning, kinds, defaults):
    """A query that spells the meaning: as a query string, a JSON document or a model would."""
    query = {}
    for wire, value in full(meaning, defaults).items():
        if value == defaults.get(wire) and draw(st.booleans()):
            continue
        query[wire] = draw(spelled(kinds[wire], value))
    for wire in sorted(set(kinds) - set(query)):
        if draw(st.booleans()):
            query[wire] = draw(st.sampled_from(ABSENT))
    return dict(draw(st.permutations(list(query.items()))))


def spelled(kind, value):
    """The spellings of one value."""
    if kind == "codes":
        return lists(value)
    if kind in {"days", "numbers"}:
        return ranges(kind.removesuffix("s"), value)
    word = str(value)
    forms = {
        "code": [word, word.lower(), word.capitalize(), f" {word}", f"{word}\t"],
        "number": [value, word, f"00{word}", f" {word} "],
        "flag": [value, word, word.lower(), word.upper(), f" {word} "],
        "day": [value, word, f" {word} "],
    }[kind]
    return st.sampled_from([*forms, float(value)] if kind == "number" else forms)


@st.composite
def ranges(draw, kind, value):
    """One end, or both; a range of one is also a range from it to itself."""
    given = value * 2 if len(value) == 1 and draw(st.booleans()) else value
    parts = [draw(spelled(kind, end)) for end in given]
    forms = [parts, tuple(parts)]
    if all(not isinstance(part, float) for part in parts):
        forms.append(",".join(str(part) for part in parts))
    if len(parts) == 1:
        forms.append(parts[0])
    return draw(st.sampled_from(forms))


@st.composite
def lists(draw, value):
    """Codes in any order and as often as one likes."""
    codes = [draw(spelled("code", code)) for code in sorted(value)]
    codes += draw(st.lists(st.sampled_from(codes), max_size=2))
    codes = draw(st.permutations(codes))
    joined = ",".join(codes)
    return draw(st.sampled_from([codes, tuple(codes), set(codes), joined, f" , {joined},", [joined, ""]]))


@st.composite
def bodies(draw, meaning):
    """A body that spells the meaning of a search by POST."""
    legs, cabin = meaning["legs"], meaning.get("travel_class")
    ids = [str(number) for number in range(1, len(legs) + 1)]
    filters = {
        "carrierRestrictions": {
            "includedCarrierCodes": draw(_maybe(meaning, "included_airlines", "codes")),
            "excludedCarrierCodes": draw(_maybe(meaning, "excluded_airlines", "codes")),
        },
        "connectionRestriction": {
            "maxNumberOfConnections": draw(_maybe(meaning, "max_connections", "number"))
        },
        "cabinRestrictions": [
            {
                "cabin": draw(spelled("code", cabin)),
                "coverage": draw(spelled("code", "MOST_SEGMENTS")),
                "originDestinationIds": draw(st.permutations([draw(identifiers(each)) for each in ids])),
            }
        ]
        if cabin
        else draw(st.sampled_from(ABSENT)),
    }
    criteria = {
        "maxFlightOffers": draw(_maybe(meaning, "max_results", "number", default=250)),
        "maxPrice": draw(_maybe(meaning, "max_price", "number")),
        "flightFilters": draw(pruned(filters)),
    }
    return draw(
        pruned(
            {
                "originDestinations": [draw(_direction(*each)) for each in zip(ids, legs, strict=True)],
                "travelers": draw(_travelers(meaning)),
                "sources": draw(st.sampled_from([["GDS"], ["gds "], "GDS", ["GDS", "GDS"]])),
                "currencyCode": draw(_maybe(meaning, "currency", "code")),
                "searchCriteria": draw(pruned(criteria)),
            }
        )
    )


def _maybe(meaning, name, kind, default=None):
    value = meaning.get(name, default)
    absent = st.sampled_from(ABSENT)
    if value is None:
        return absent
    return spelled(kind, value) if value != default else absent | spelled(kind, value)


@st.composite
def pruned(draw, members):
    """An object whose members stand in any order, and whose absent ones may be left out."""
    kept = [each for each in members.items() if not _is_empty(each[1]) or draw(st.booleans())]
    return dict(draw(st.permutations(kept)))


def _is_empty(value):
    return value is None or (isinstance(value, str) and not value.strip()) or value in ([], (), {})


def identifiers(number):
    """An id as text, or as JSON's number."""
    return st.sampled_from([number, int(number), float(number), f" {number}"])


@st.composite
def _direction(draw, number, leg):
    origin, destination, day = leg
    return draw(
        pruned(
            {
                "id": draw(identifiers(number)),
                "originLocationCode": draw(spelled("code", origin)),
                "destinationLocationCode": draw(spelled("code", destination)),
                "departureDateTimeRange": {"date": draw(spelled("day", day))},
            }
        )
    )


@st.composite
def _travelers(draw, meaning):
    kinds = ["ADULT"] * meaning["adults"] + ["CHILD"] * meaning["children"]
    kinds += ["HELD_INFANT"] * meaning["infants"]
    seated = meaning["adults"] + meaning["children"]
    return [
        draw(
            pruned(
                {
                    "id": draw(identifiers(str(number))),
                    "travelerType": draw(spelled("code", kind)),
                    "associatedAdultId": draw(identifiers(str(number - seated)))
                    if kind == "HELD_INFANT"
                    else None,
                }
            )
        )
        for number, kind in enumerate(kinds, start=1)
    ]

"""The sandbox's inventory: 250 offers and their encoding, for a route searched before and for new ones.

And the cheapest dates of a year. Each answer is got at another minute, so that no fare is as it was.
"""

import asyncio
import datetime as dt
import gc
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from benchmarks.measure import Spread
from benchmarks.report import Target, at_most
from cachekit.amadeus.params import CheapestDates, FlightSearch
from cachekit.amadeus.sandbox.inventory.dates import cheapest_dates
from cachekit.amadeus.sandbox.inventory.network import network
from cachekit.amadeus.sandbox.inventory.offers import find_offers

NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
DEPARTURE = dt.date(2026, 12, 12)
RETURN = dt.date(2026, 12, 20)
OFFERS = 250

WARM = ("MAD", "LHR")
COLD = """
FRA-LHR MUC-CDG AMS-BCN FCO-CDG ZRH-LHR VIE-FRA MAD-CDG LIS-CDG SFO-JFK BCN-FRA CPH-LHR BRU-MAD MXP-LHR
FCO-FRA PAR-NYC LON-NYC MIA-LON LON-BCN SIN-LHR TYO-LAX SYD-LON LON-BKK ATH-LON
"""
"""Routes that are each searched once, and sell 250 round trips."""

FRESH = """
import time
began = time.perf_counter()
from benchmarks.sandbox import answer, WARM, NOON
imported = time.perf_counter()
answer(*WARM, NOON)
print(imported - began, time.perf_counter() - imported)
"""
"""The first search of a process, which draws the network too."""


async def run(*, quick: bool) -> list[Target]:
    """Print the table."""
    network()
    rounds = 9 if quick else 31
    answer(*WARM, NOON)
    warm = _spread(_timed(lambda now: answer(*WARM, now), rounds))
    cold = _spread(_first_searches(COLD.split()[: 7 if quick else None]))
    year = _spread(_timed(_year, 3 if quick else 9))
    print(f"\n250 offers, found and encoded\n  route searched before: {warm} ms\n  new route: {cold} ms")
    print(f"  first of a process: {await _fresh_process()}")
    print(f"Cheapest dates of a year, stays of 1 to 15 days, {'-'.join(WARM)}: {year} ms", flush=True)
    return [
        at_most("sandbox: 250 offers, route searched before", warm, 100, " ms"),
        at_most("sandbox: 250 offers, new route", cold, 100, " ms"),
        at_most("sandbox: cheapest dates of a year", year, 1000, " ms"),
    ]


def answer(origin: str, destination: str, now: dt.datetime) -> bytes:
    """The encoded answer to a search for round trips, of 250 offers."""
    request = FlightSearch(
        origin=origin, destination=destination, departure_date=DEPARTURE, return_date=RETURN
    )
    found = find_offers(request, seed=1, now=now)
    if len(found["data"]) != OFFERS:
        raise AssertionError(f"{origin}-{destination}: {len(found['data'])} offers, {OFFERS} expected")
    return msgspec.json.encode(found)


def _year(now: dt.datetime) -> bytes:
    request = CheapestDates(
        origin=WARM[0],
        destination=WARM[1],
        departure_from=NOON.date() + dt.timedelta(days=1),
        departure_to=NOON.date() + dt.timedelta(days=364),
    )
    return msgspec.json.encode(cheapest_dates(request, seed=1, now=now))


def _timed(work: Callable[[dt.datetime], Any], rounds: int) -> Iterator[float]:
    """The seconds of each round, garbage collected before it; each at a minute of its own."""
    for number in range(1, rounds + 1):
        gc.collect()
        began = time.perf_counter()
        work(NOON + dt.timedelta(minutes=number))
        yield time.perf_counter() - began


def _first_searches(routes: list[str]) -> Iterator[float]:
    for route in routes:
        origin, _, destination = route.partition("-")
        gc.collect()
        began = time.perf_counter()
        answer(origin, destination, NOON)
        yield time.perf_counter() - began


def _spread(seconds: Iterator[float]) -> Spread:
    """In milliseconds."""
    return Spread.of([1000 * each for each in seconds])


async def _fresh_process() -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FRESH, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    imports, search = (1000 * float(word) for word in output.split())
    return f"{search:.0f} ms, after {imports:.0f} ms of imports"

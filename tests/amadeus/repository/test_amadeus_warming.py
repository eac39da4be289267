"""Warming: in order, within the budget, and no further than the source bears."""

import datetime as dt
from dataclasses import dataclass

import pytest

import cachekit
from cachekit.amadeus.errors import AmadeusQuotaError, AmadeusRequestError
from cachekit.amadeus.params import FlightSearch
from cachekit.amadeus.repository.warming import Warmed, Warming

DAY = dt.date(2026, 12, 12)
SEARCHES = [
    FlightSearch(origin="GRU", destination="LIS", departure_date=DAY + dt.timedelta(n)) for n in range(5)
]


@dataclass
class Budget:
    limit: int
    left: int


class Desk:
    """Answers, notes what it was asked, and spends the budget."""

    def __init__(self, left=None, limit=10):
        self.asked = []
        self.purse = None if left is None else Budget(limit, left)
        self.errors = {}
        self.fresh = ()

    async def ask(self, request):
        self.asked.append(request)
        if self.purse:
            self.purse.left -= 1
        if error := self.errors.get(request):
            raise error
        return "fresh" if request in self.fresh else "loaded"

    async def budget(self):
        return self.purse

    async def warm(self, requests, **options):
        options = {"reserve": 0, "concurrency": 1, **options}
        return await Warming(self.ask, budget=self.budget, **options).run(requests)


async def test_everything_is_asked_in_order():
    """Without a budget there is no end to it."""
    desk = Desk()
    assert await desk.warm(SEARCHES) == Warmed(loaded=5, fresh=0, failed=0, left_out=0)
    assert desk.asked == SEARCHES


async def test_what_is_fresh_is_counted_apart():
    """Nobody was asked for it."""
    desk = Desk()
    desk.fresh = SEARCHES[:2]
    assert await desk.warm(SEARCHES) == Warmed(loaded=3, fresh=2, failed=0, left_out=0)


@pytest.mark.parametrize(
    ("left", "reserve", "loaded"), [(10, 0.8, 2), (3, 0, 3), (2, 0.2, 0), (0, 0, 0), (10, 1, 0)]
)
async def test_a_share_of_the_budget_is_left_to_those_who_search(left, reserve, loaded):
    """It is a share of the whole budget, not of what is left."""
    desk = Desk(left)
    assert await desk.warm(SEARCHES, reserve=reserve) == Warmed(
        loaded=loaded, fresh=0, failed=0, left_out=5 - loaded
    )
    assert desk.asked == SEARCHES[:loaded]


async def test_a_refused_search_does_not_end_the_warming():
    """It is about this search only."""
    desk = Desk()
    desk.errors = {SEARCHES[1]: AmadeusRequestError("no")}
    assert await desk.warm(SEARCHES) == Warmed(loaded=4, fresh=0, failed=1, left_out=0)


async def test_a_source_in_trouble_is_left_alone():
    """The next search would meet the same."""
    desk = Desk()
    desk.errors = {SEARCHES[1]: AmadeusQuotaError("spent")}
    assert await desk.warm(SEARCHES) == Warmed(loaded=1, fresh=0, failed=1, left_out=3)
    assert desk.asked == SEARCHES[:2]


async def test_several_may_be_asked_at_once():
    """Each search by one of them."""
    desk = Desk()
    assert (await desk.warm(SEARCHES, concurrency=3)).loaded == 5
    assert sorted(desk.asked, key=SEARCHES.index) == SEARCHES


async def test_a_bug_is_raised_as_itself():
    """Not as a group of errors."""
    desk = Desk()
    desk.errors = {SEARCHES[0]: ZeroDivisionError("bug")}
    with pytest.raises(ZeroDivisionError):
        await desk.warm(SEARCHES)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"reserve": 1.1}, "reserve=1.1: allowed is a share"),
        ({"reserve": -0.1}, "reserve=-0.1"),
        ({"concurrency": 0}, "concurrency=0: allowed is 1 or more"),
    ],
)
async def test_options_that_cannot_be_are_named(options, says):
    """Before anything is asked."""
    desk = Desk()
    with pytest.raises(cachekit.ConfigurationError, match=says):
        await desk.warm(SEARCHES, **options)
    assert desk.asked == []

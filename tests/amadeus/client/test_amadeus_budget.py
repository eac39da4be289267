"""The month's budget: counted once for all, never overrun, and begun anew each month."""

import asyncio
import datetime as dt

import pytest
from support.servers import Server

import cachekit
from cachekit.amadeus.client.budget import CLOSED_SECONDS, MonthlyBudget
from cachekit.amadeus.errors import AmadeusBudgetError

pytest_plugins = ["support.server_fixtures"]

LAST_SECOND = dt.datetime(2026, 11, 30, 23, 59, 59, tzinfo=dt.UTC).timestamp()


@pytest.fixture(autouse=True)
def november(clock):
    clock.now = dt.datetime(2026, 11, 5, tzinfo=dt.UTC).timestamp()


@pytest.fixture
async def other_cache(redis_url, clock):
    """What another process would have open."""
    async with cachekit.connect(redis_url, clock=clock) as opened:
        yield opened


@pytest.fixture
def budget(cache, clock):
    return MonthlyBudget(3, account="a", cache=cache, now=clock.time)


@pytest.fixture
def other(other_cache, clock):
    return MonthlyBudget(3, account="a", cache=other_cache, now=clock.time)


async def spend(budget, times):
    """How many of `times` requests are allowed."""
    results = await asyncio.gather(*(budget.spend() for _ in range(times)), return_exceptions=True)
    assert {type(result) for result in results} <= {str, AmadeusBudgetError}
    return sum(isinstance(result, str) for result in results)


@pytest.mark.parametrize("times", [3, 4, 100])
async def test_so_many_are_allowed_and_no_more(budget, times):
    """However many ask at once."""
    assert await spend(budget, times) == 3
    with pytest.raises(AmadeusBudgetError, match="budget of 3 requests for 2026-11 is spent"):
        await budget.spend()


async def test_two_processes_share_it(budget, other):
    """And both see how it stands."""
    assert await spend(budget, 2) + await spend(other, 5) == 3
    assert await budget.look() == await other.look()
    assert ((await budget.look()).used, (await budget.look()).left) == (3, 0)


async def test_accounts_have_budgets_of_their_own(budget, cache, clock):
    """What one spends is not another's."""
    await spend(budget, 3)
    assert await spend(MonthlyBudget(3, account="b", cache=cache, now=clock.time), 5) == 3


async def test_a_month_begins_anew(budget, other, clock):
    """By the calendar in UTC, for all."""
    clock.now = LAST_SECOND
    assert await spend(budget, 5) == 3
    clock.advance(1)
    assert await spend(budget, 2) + await spend(other, 5) == 3
    assert (await budget.look()).month == "2026-12"


async def test_the_key_is_the_documented_one(budget, cache):
    """Removing it gives the budget back; it goes by itself some time after its month."""
    await spend(budget, 2)
    key = "amadeus_budget:a:2026-11"
    assert await cache.store.execute("HGETALL", key) == {b"used": b"2"}
    assert 31 * 86_400 < await cache.store.execute("TTL", key) <= 40 * 86_400
    await cache.store.unlink(key)
    assert await spend(budget, 5) == 3
    await cache.store.unlink(key)
    await budget.close()
    assert list(await cache.store.execute("HGETALL", key)) == [b"closed"]
    assert await cache.store.execute("TTL", key) > 31 * 86_400


async def test_what_was_not_sent_is_given_back(budget, other):
    """To all, with the next request or look."""
    await spend(budget, 3)
    budget.give_back("2026-11")
    assert (await budget.look()).left == 1
    assert await spend(budget, 3) == 1
    assert await spend(other, 1) == 0


async def test_what_was_not_sent_is_given_back_to_its_month_only(budget, clock):
    """A request that waited across midnight frees no place in the month that has begun."""
    clock.now = LAST_SECOND
    month = await budget.spend()
    clock.advance(1)
    budget.give_back(month)
    assert await spend(budget, 5) == 3


async def test_what_is_given_back_is_there_for_others_at_once(budget, other):
    """Though its giver asks for nothing more."""
    await spend(budget, 3)
    for _ in range(3):
        budget.give_back("2026-11")
    await budget._telling
    assert await spend(other, 5) == 3


async def test_what_redis_does_not_know_is_told_at_the_end(budget, other):
    """A process that stops has been counted."""
    await spend(budget, 1)
    budget._current().unsaid = 2
    await budget.aclose()
    assert (await other.look()).used == 3


async def test_giving_back_what_was_forgotten_makes_no_room(budget, cache):
    """After a flush of Redis there are as many as ever, and no more."""
    await spend(budget, 3)
    await cache.store.execute("FLUSHALL")
    for _ in range(3):
        budget.give_back("2026-11")
    assert await spend(budget, 9) == 3


async def test_looking_writes_nothing(budget, cache):
    """A month without a request has no key."""
    await budget.look()
    assert await cache.store.execute("EXISTS", "amadeus_budget:a:2026-11") == 0


async def test_a_clock_that_is_ahead_closes_nobody_out(budget, other_cache, clock):
    """What it says is not believed; what others say is, though their clocks differ a little."""
    for ahead, allowed in ((86_400, 1), (60, 0)):
        fast = MonthlyBudget(3, account="a", cache=other_cache, now=lambda ahead=ahead: clock.now + ahead)
        await fast.close()
        assert await spend(budget, 1) == allowed


async def test_a_clock_that_was_set_back_does_not_prolong_the_closing(clock):
    """Not by as much as it was ahead."""
    budget = MonthlyBudget(3, account="a", now=clock.time)
    clock.now += 86_400
    await budget.close()
    clock.now -= 86_400
    assert await spend(budget, 1) == 1


async def test_what_is_given_back_may_be_lost_but_not_twice(standalone: Server, clock):
    """Where it is not known whether Redis has heard of it."""
    async with cachekit.connect(standalone.url, clock=clock, timeout=1) as cache:
        budget = MonthlyBudget(3, account="a", cache=cache, now=clock.time)
        await spend(budget, 2)
        budget.give_back("2026-11")
        with standalone.dead():
            assert await spend(budget, 5) == 1


async def test_a_key_that_holds_no_numbers_stops_nobody(budget, cache):
    """Each process counts for itself then."""
    await cache.store.execute("HSET", "amadeus_budget:a:2026-11", "used", "many")
    assert await spend(budget, 2) == 2
    assert (await budget.look()).used == 2


async def test_the_services_own_refusal_closes_it_for_a_while(budget, other, clock):
    """For every process, for five minutes: nobody runs against the wall."""
    await budget.spend()
    await other.spend()
    await budget.close()
    assert (await other.look()).left == 0
    for each in (budget, other):
        with pytest.raises(AmadeusBudgetError, match="nothing is sent before 2026-11-05 00:05:00 UTC"):
            await each.spend()
    stands = await other.look()
    assert (stands.left, stands.used, stands.closed_until.minute) == (0, 2, 5)
    clock.advance(CLOSED_SECONDS)
    assert (await other.look()).closed_until is None
    assert await spend(budget, 5) == 1


async def test_a_new_month_opens_it(budget, clock):
    """The service's quota begins anew, too."""
    clock.now = LAST_SECOND
    await budget.close()
    clock.advance(1)
    await budget.spend()


async def test_without_a_cache_it_is_each_process_own(clock):
    """The limit still holds, and so does the closing."""
    budget = MonthlyBudget(3, account="a", now=clock.time)
    assert await spend(budget, 5) == 3
    assert (await budget.look()).used == 3
    budget.give_back("2026-11")
    await budget.close()
    assert await spend(budget, 1) == 0
    clock.advance(CLOSED_SECONDS)
    assert await spend(budget, 2) == 1


async def test_requests_sent_while_redis_is_away_are_counted_later(standalone: Server, clock):
    """Each process counts from what it knew; what it sent is added when Redis is back."""
    async with cachekit.connect(standalone.url, clock=clock, timeout=1) as cache:
        budget = MonthlyBudget(5, account="a", cache=cache, now=clock.time)
        assert await spend(budget, 2) == 2
        with standalone.dead():
            for _ in range(2):
                await budget.spend()
            assert (await budget.look()).used == 4
        while not (await cache.health()).up:
            await asyncio.sleep(0.01)
        # The restarted server has forgotten what it knew; what it was never told is told now.
        await budget.spend()
        assert await cache.store.execute("HGET", "amadeus_budget:a:2026-11", "used") == b"3"


async def test_while_redis_is_away_the_limit_holds(standalone: Server, clock):
    """From what Redis said last."""
    async with cachekit.connect(standalone.url, clock=clock, timeout=1) as cache:
        budget = MonthlyBudget(5, account="a", cache=cache, now=clock.time)
        await spend(budget, 2)
        with standalone.dead():
            assert await spend(budget, 9) == 3
            await budget.close()
            assert (await budget.look()).left == 0


async def test_a_count_that_is_overrun_meanwhile_is_told(budget, other):
    """What was counted alone is added even past the limit: it has been sent."""
    await spend(other, 2)
    budget._current().unsaid = 4
    assert await spend(budget, 1) == 0
    assert ((await other.look()).used, (await other.look()).left) == (6, 0)


async def test_what_was_counted_alone_belongs_to_its_month(budget, clock):
    """It is not carried over."""
    await spend(budget, 1)
    budget._current().unsaid = 2
    clock.now = LAST_SECOND + 1
    assert await spend(budget, 5) == 3

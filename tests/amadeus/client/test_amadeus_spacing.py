"""Turns: evenly spaced, for one process or for all, with or without Redis."""

import asyncio

import pytest
from support.flight_wire import Sleeper

import cachekit
from cachekit.amadeus.client.spacing import Spacing
from cachekit.amadeus.errors import AmadeusRateLimitError


class Naps(list):
    """Records how long it was told to sleep; no time passes."""

    async def __call__(self, seconds):
        self.append(seconds)


@pytest.fixture
def naps():
    return Naps()


async def test_without_an_interval_there_is_no_waiting(clock, naps, cache):
    """Nobody is held up, and Redis is not asked."""
    spacing = Spacing(None, account="a", cache=cache, clock=clock.monotonic, sleep=naps)
    await spacing.turn(0)
    assert naps == []
    assert [key async for batch in cache.store.scan("*") for key in batch if b"rate_limit" in key] == []


async def test_turns_of_one_process_are_spaced(clock, naps):
    """Those who ask at once get one turn after the other, in their order."""
    spacing = Spacing(0.1, account="a", clock=clock.monotonic, sleep=naps)
    await asyncio.gather(*(spacing.turn(10) for _ in range(5)))
    assert naps == pytest.approx([0.1, 0.2, 0.3, 0.4])


async def test_idle_time_is_not_saved_up(clock, naps):
    """After a pause one turn is free, and not many: no burst."""
    spacing = Spacing(0.1, account="a", clock=clock.monotonic, sleep=naps)
    await spacing.turn(10)
    clock.advance(60)
    await spacing.turn(10)
    await spacing.turn(10)
    assert naps == pytest.approx([0.1])


async def test_a_turn_too_far_away_is_refused_at_once(clock, naps):
    """And leaves the others' turns where they are."""
    spacing = Spacing(1, account="a", clock=clock.monotonic, sleep=naps)
    await spacing.turn(10)
    for within in (0.5, -1):
        with pytest.raises(AmadeusRateLimitError, match="nothing was sent"):
            await spacing.turn(within)
    await spacing.turn(10)
    assert naps == [1]


@pytest.mark.parametrize("shared", [False, True])
async def test_a_free_turn_is_taken_even_past_the_deadline(clock, naps, cache, shared):
    """There is nothing to wait for."""
    taken = cache if shared else None
    await Spacing(5, account="a", cache=taken, clock=clock.monotonic, sleep=naps).turn(-1)
    assert naps == []


async def test_processes_share_their_turns(redis_url, clock, naps, cache):
    """Two of them together are as fast as one."""
    async with cachekit.connect(redis_url) as other_cache:
        both = [
            Spacing(100, account="a", cache=each, clock=clock.monotonic, sleep=naps)
            for each in (cache, other_cache)
        ]
        for spacing in (*both, both[1]):
            await spacing.turn(300)
        with pytest.raises(AmadeusRateLimitError):
            await both[0].turn(150)
    # The server's clock goes on: up to the tests' own deadline of 120 s, but in fact by milliseconds.
    assert [round(nap, -2) for nap in naps] == [100, 200]


async def test_accounts_have_turns_of_their_own(cache, clock, naps):
    """One client's requests do not hold up another's."""
    for account in ("a", "b"):
        await Spacing(100, account=account, cache=cache, clock=clock.monotonic, sleep=naps).turn(0)
    assert naps == []


async def test_while_redis_is_away_turns_are_spaced_here(clock):
    """The contract holds for each process at least."""
    sleeper = Sleeper(clock)
    async with cachekit.connect("redis://127.0.0.1:1", timeout=1) as cache:
        spacing = Spacing(5, account="a", cache=cache, clock=clock.monotonic, sleep=sleeper)
        for _ in range(3):
            await spacing.turn(60)
    assert sleeper.naps == [5, 5]


async def test_the_first_turn_of_ones_own_keeps_its_distance(cache, clock, naps):
    """Redis goes away between two turns: the second one comes no sooner for that."""
    spacing = Spacing(5, account="a", cache=cache, clock=clock.monotonic, sleep=naps)
    await spacing.turn(60)
    await cache.aclose()
    await spacing.turn(60)
    assert naps == [5]


@pytest.mark.parametrize("shared", [False, True])
async def test_who_is_cancelled_while_waiting_takes_no_turn_along(clock, cache, shared):
    """At most the turn of the one that was next is lost, however many wait."""
    naps, asleep = [], asyncio.Event()

    async def sleep(seconds):
        naps.append(seconds)
        asleep.set()
        await asyncio.Event().wait()

    taken = cache if shared else None
    spacing = Spacing(20, account="a", cache=taken, clock=clock.monotonic, sleep=sleep)
    await spacing.turn(300)
    for _ in range(2):
        waiters = [asyncio.create_task(spacing.turn(300)) for _ in range(10)]
        await asleep.wait()
        asleep.clear()
        for waiter in waiters:
            waiter.cancel()
        await asyncio.wait(waiters)
    assert [round(nap, -1) for nap in naps] == [20, 40]


async def test_who_stands_too_far_back_in_line_is_refused_at_once(clock):
    """Those before it have not booked their turns yet, but will."""
    asleep = asyncio.Event()

    async def sleep(_):
        asleep.set()
        await asyncio.Event().wait()

    spacing = Spacing(10, account="a", clock=clock.monotonic, sleep=sleep)
    await spacing.turn(0)
    waiters = [asyncio.create_task(spacing.turn(300)) for _ in range(5)]
    await asleep.wait()
    with pytest.raises(AmadeusRateLimitError, match="within 49 s"):
        await spacing.turn(49)
    for waiter in waiters:
        waiter.cancel()
    await asyncio.wait(waiters)
    assert spacing._in_line == 0


async def test_the_time_in_line_counts(cache, clock):
    """What is left of the deadline is what a turn may be waited for."""
    spacing = Spacing(10, account="a", cache=cache, clock=clock.monotonic, sleep=Sleeper(clock))
    await spacing.turn(0)
    # The server's clock stands still, so to it the second one's turn is 20 seconds away, and not 10.
    results = await asyncio.gather(spacing.turn(25), spacing.turn(25), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), AmadeusRateLimitError]

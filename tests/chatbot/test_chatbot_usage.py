"""What users have used of the model: counted once, by day, over all instances, and limited."""

import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cachekit
from cachekit.errors import CacheUnavailable
from chatbot import usage as module
from chatbot.errors import LimitError
from chatbot.models import TokenUsage
from chatbot.usage import Prices, Usage

pytest_plugins = ["support.server_fixtures"]

DAY = 86_400
SOME = TokenUsage(100, 20, 1000, 300)
PRICES = Prices(input=Decimal(3), output=Decimal(15), cache_read=Decimal("0.30"), cache_write=Decimal("3.75"))


async def test_tokens_are_summed_for_each_user(cache):
    """Over all instances: each has its own object, and none keeps a count of its own."""
    first, second = Usage(cache), Usage(cache)
    await first.note("ana", SOME)
    await second.note("ana", SOME)
    await second.note("rui", TokenUsage(output_tokens=1))
    assert (await first.of("ana")).tokens == TokenUsage(200, 40, 2000, 600)
    assert (await first.of("rui")).tokens == TokenUsage(output_tokens=1)
    assert (await first.of("eva")).tokens == TokenUsage()


async def test_counts_are_kept_for_a_month_and_not_for_ever(cache):
    """The key names the day and the user, whose id is escaped."""
    await Usage(cache).note("a:b", SOME)
    (key,) = [key async for batch in cache.store.scan("chat_usage:*") for key in batch]
    assert key.startswith(b"chat_usage:2")
    assert key.count(b":") == 2
    assert 34 * DAY < await cache.store.execute("TTL", key) <= 35 * DAY


async def test_a_day_ends_at_midnight_utc(cache, clock):
    """What was used yesterday is no longer counted."""
    usage = Usage(cache, daily_tokens=100)
    await usage.note("ana", SOME)
    with pytest.raises(LimitError):
        await usage.require_left("ana")
    clock.advance(DAY - clock.time() % DAY)
    await usage.require_left("ana")
    assert (await usage.of("ana")).tokens == TokenUsage()


async def test_a_share_that_is_used_up_is_refused(cache):
    """With a code and a sentence; what the model had read before is not counted."""
    usage = Usage(cache, daily_tokens=421)
    await usage.note("ana", SOME)
    await usage.require_left("ana")
    assert (await usage.of("ana")).left == 1
    await usage.note("ana", TokenUsage(cache_read_tokens=50, input_tokens=5))
    with pytest.raises(LimitError, match="00:00 UTC") as caught:
        await usage.require_left("ana")
    assert caught.value.code == "quota"
    assert (await usage.of("ana")).left == 0
    await usage.require_left("rui")


async def test_without_a_limit_nobody_is_asked(cache, monkeypatch):
    """Not a single command; there is nothing left to tell."""
    usage = Usage(cache)
    await usage.note("ana", SOME)
    assert (await usage.of("ana")).left is None
    monkeypatch.setattr(cache.store, "execute", None)
    await usage.require_left("ana")


async def test_a_cost_is_exact(cache):
    """In the prices' own currency, for a million tokens, with no float on the way."""
    usage = Usage(cache, prices=PRICES)
    await usage.note("ana", SOME)
    expected = Decimal("0.0003") + Decimal("0.0003") + Decimal("0.0003") + Decimal("0.001125")
    assert (await usage.of("ana")).cost == usage.cost(SOME) == expected
    assert (await Usage(cache).of("ana")).cost is None


AMOUNTS = st.builds(TokenUsage, *[st.integers(0, 10**9)] * 4)


@given(AMOUNTS, AMOUNTS)
def test_costs_add_up(first, second):
    """A day's cost is the sum of its answers'."""
    assert PRICES.cost(first) + PRICES.cost(second) == PRICES.cost(first + second)


@pytest.mark.parametrize("price", ["-1", "NaN", "Infinity"])
def test_a_price_that_is_none_is_refused(price):
    """Rather than a wrong bill."""
    with pytest.raises(ValueError, match="0 or more"):
        Prices(input=Decimal(price), output=Decimal(1), cache_read=Decimal(1), cache_write=Decimal(1))


def test_a_limit_of_nothing_is_refused(cache):
    """None is how to say that there is none."""
    with pytest.raises(ValueError, match="1 or more"):
        Usage(cache, daily_tokens=0)


async def test_an_outage_lets_everybody_through_and_counts_later(standalone):
    """The next note that Redis takes brings those along that it did not; nothing is counted twice."""
    async with cachekit.connect(standalone.url) as cache:
        usage = Usage(cache, daily_tokens=1_000)
        await usage.note("ana", SOME)
        with standalone.read_only():
            for _ in range(3):
                await usage.note("ana", SOME)
            assert usage.owed == 3
            assert (await usage.of("ana")).tokens.input_tokens == 400, "the debt counts here"
            with pytest.raises(LimitError):
                await usage.require_left("ana")
            assert await usage.settle() is False
        await usage.note("rui", SOME)
        assert usage.owed == 0
        assert (await Usage(cache).of("ana")).tokens.input_tokens == 400


async def test_a_redis_that_is_gone_stops_nobody(standalone):
    """Not even somebody whose share is used up: nobody can tell."""
    async with cachekit.connect(standalone.url, timeout=0.5) as cache:
        usage = Usage(cache, daily_tokens=1)
        await usage.note("ana", SOME)
        with standalone.dead():
            await usage.require_left("ana")
            await usage.note("ana", SOME)
            with pytest.raises(CacheUnavailable):
                await usage.of("ana")
        assert usage.owed == 1


async def test_a_note_whose_reply_was_lost_is_counted_once(cache, monkeypatch):
    """Redis has run the script, and we do not know: sending it again changes nothing."""
    usage = Usage(cache)
    run = cache.store.run_script

    async def lost(*arguments):
        await run(*arguments)
        raise CacheUnavailable("the reply was lost", operation="EVALSHA")

    with monkeypatch.context() as patch:
        patch.setattr(cache.store, "run_script", lost)
        await usage.note("ana", SOME)
    assert usage.owed == 1
    assert await usage.settle()
    assert (await usage.of("ana")).tokens == SOME


async def test_a_note_that_is_cancelled_is_owed(cache, monkeypatch):
    """An instance that ends settles it."""
    usage = Usage(cache)

    async def never(*_):
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(cache.store, "run_script", never)
        task = asyncio.create_task(usage.note("ana", SOME))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await usage.settle()
    assert (await usage.of("ana")).tokens == SOME


async def test_debts_are_bounded(cache, monkeypatch, caplog):
    """A Redis that stays away does not fill the memory; the log tells what is lost."""
    monkeypatch.setattr(module, "MOST_OWED", 2)
    usage = Usage(cache)
    with monkeypatch.context() as patch:
        patch.setattr(cache.store, "run_script", _refuse)
        for number in range(3):
            await usage.note(f"user{number}", SOME)
    assert usage.owed == 2
    assert "not counted" in caplog.text
    assert await usage.settle()
    assert [(await usage.of(f"user{n}")).tokens.total for n in range(3)] == [0, SOME.total, SOME.total]


async def _refuse(*_):
    raise CacheUnavailable("away", operation="EVALSHA")


async def test_many_notes_at_once_are_all_counted(cache):
    """A thousand answers end together."""
    usage = Usage(cache)
    await asyncio.gather(*(usage.note("ana", SOME) for _ in range(1_000)))
    assert (await usage.of("ana")).tokens.input_tokens == 100_000


async def test_it_works_in_a_cluster(cluster):
    """Each user's day is one key."""
    async with cachekit.connect(cluster.url) as cache:
        usage = Usage(cache, daily_tokens=10)
        for number in range(20):
            await usage.note(f"user{number}", SOME)
        assert (await usage.of("user7")).tokens == SOME


async def test_nothing_used_is_not_noted(cache):
    """The offline model costs nothing, and leaves no key."""
    await Usage(cache).note("ana", TokenUsage())
    assert [batch async for batch in cache.store.scan("chat_usage:*") if batch] == []

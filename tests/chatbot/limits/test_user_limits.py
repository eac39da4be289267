"""The limits of a user: over all instances, a courtesy while Redis is away."""

import pytest

import cachekit
from chatbot.errors import LimitError
from chatbot.limits import UserLimits

pytest_plugins = ["support.server_fixtures"]


async def allowed(verb, times, user="ana"):
    """How many of so many were allowed."""
    count = 0
    for _ in range(times):
        try:
            await verb(user)
            count += 1
        except LimitError as error:
            count += error.code != "rate_limited"
    return count


async def test_connections_and_questions_are_counted_apart(cache):
    """Each user, and each of the two, has a limit of its own."""
    limits = UserLimits(cache, connects_per_minute=3, messages_per_minute=5)
    assert await allowed(limits.connect, 10) == 3
    assert await allowed(limits.message, 10) == 5
    assert await allowed(limits.connect, 10, "bo") == 3


async def test_instances_share_a_limit(cache):
    """Another instance does not give another turn."""
    here, there = (UserLimits(cache, connects_per_minute=2, messages_per_minute=2) for _ in range(2))
    await here.message("ana")
    await there.message("ana")
    with pytest.raises(LimitError, match=r"Too many messages; try again in (2\d|30) seconds\."):
        await here.message("ana")


async def test_zero_is_no_limit(cache):
    """And nothing is counted."""
    limits = UserLimits(cache, connects_per_minute=0, messages_per_minute=0)
    assert await allowed(limits.connect, 200) == await allowed(limits.message, 200) == 200
    assert await cache.store.execute("DBSIZE") == 0


async def until_refused(verb):
    while True:
        await verb("ana")


async def test_the_text_tells_when_also_for_a_single_second(cache):
    """Rounded up, so that it is never too early."""
    limits = UserLimits(cache, connects_per_minute=100, messages_per_minute=1)
    with pytest.raises(LimitError, match=r"Too many connections; try again in a second\."):
        await until_refused(limits.connect)


async def test_while_redis_is_away_everybody_may(standalone):
    """A limit that cannot be counted stops nobody."""
    async with cachekit.connect(standalone.url) as cache:
        limits = UserLimits(cache, connects_per_minute=1, messages_per_minute=1)
        with standalone.dead():
            assert await allowed(limits.connect, 5) == await allowed(limits.message, 5) == 5

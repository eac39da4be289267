"""The rate limit: its arithmetic against an exact model, and its outcomes over real servers."""

import asyncio
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lupa import lua51

import cachekit
from cachekit import CacheUnavailable, ConfigurationError, InvalidKey
from cachekit.ratelimit import MOST_WAIT, OUTAGE_RETRY, TAKE, RateLimit

HOUR = 3600
MICROSECONDS = 1_000_000


class Script:
    """The Lua script run by itself, on one key and a clock of ours, in whole microseconds."""

    def __init__(self, now=1_795_000_000 * MICROSECONDS, stored=None):
        self.now = now
        self.stored = stored
        self._lua = lua51.LuaRuntime()
        self._lua.globals().redis = self._lua.table_from({"call": self._call})
        self._run = self._lua.eval(f"function(KEYS, ARGV) {TAKE} end")

    def _call(self, command, *arguments):
        if command == "TIME":
            seconds, micros = divmod(self.now, MICROSECONDS)
            return self._lua.table_from([str(seconds), str(micros)])
        if command == "GET":
            return False if self.stored is None else self.stored
        assert command == "SET"
        key, value, px, milliseconds = arguments
        assert (key, px) == ("key", "PX")
        assert milliseconds >= 1
        assert value.isdecimal()
        self.stored = value
        return "OK"

    def take(self, interval, burst, cost, ahead=0):
        arguments = [str(each) for each in (interval, burst, cost, ahead, MOST_WAIT * MICROSECONDS)]
        reply = self._run(self._lua.table_from(["key"]), self._lua.table_from(arguments))
        values = [*reply.values()]
        assert all(value == int(value) >= 0 for value in values), values
        return [int(value) for value in values]


@given(
    interval=st.integers(1, 10**9),
    burst=st.integers(1, 50),
    steps=st.lists(st.tuples(st.integers(0, 3 * 10**9), st.integers(1, 50), st.booleans()), max_size=40),
)
def test_the_script_is_a_token_bucket(interval, burst, steps):
    """A bucket of `burst` tokens that gains one each interval, counted with fractions, decides the same."""
    script, tokens = Script(), Fraction(burst)
    most = MOST_WAIT * MICROSECONDS
    for passed, wanted, patient in steps:
        cost = min(wanted, burst)
        ahead = most if patient else 0
        script.now += passed
        tokens = min(Fraction(burst), tokens + Fraction(passed, interval))
        wait = max(0, (cost - tokens) * interval)
        allowed, remaining, waits, reset = script.take(interval, burst, cost, ahead)
        assert allowed == (wait <= ahead)
        tokens -= cost if allowed else 0
        assert remaining == max(0, tokens // 1)
        assert waits == (wait if allowed else wait - ahead)
        assert reset == (burst - tokens) * interval


@pytest.mark.parametrize("stored", ["", "none", "nan", "-nan", "0", "-5", "1e3"])
def test_a_foreign_value_counts_as_nothing_taken(stored):
    """What is no moment, or one long gone, limits nobody, and is replaced."""
    script = Script(stored=stored)
    assert script.take(10, 3, 1) == [1, 2, 0, 10]
    assert script.stored == str(script.now + 10)


@pytest.mark.parametrize("stored", ["inf", "1e300", "9" * 18])
def test_a_clock_set_back_locks_nobody_out_for_long(stored):
    """A moment further ahead than could be booked is brought back to the most there may be."""
    script = Script(stored=stored)
    allowed, remaining, retry, _ = script.take(10, 3, 1)
    assert (allowed, remaining, retry) == (0, 0, MOST_WAIT * MICROSECONDS + 10)
    script.now += retry - 1
    assert script.take(10, 3, 1)[:3] == [0, 0, 1]
    script.now += 1
    assert script.take(10, 3, 1)[0] == 1


@pytest.fixture(params=["redis", "memory"])
async def cache(request):
    """The script uses the server's clock, so the periods are hours and the counts exact."""
    url = "memory://" if request.param == "memory" else request.getfixturevalue("redis_url")
    async with cachekit.connect(url) as opened:
        yield opened


@pytest.fixture
def slept():
    return []


@pytest.fixture
def limit(cache, slept):
    async def sleep(seconds):
        slept.append(seconds)

    return RateLimit(cache, "login", limit=1, period=HOUR, burst=3, sleep=sleep)


async def test_a_burst_is_allowed_and_then_no_more(limit):
    """`remaining` counts down; a denial says when to come back."""
    permits = [await limit.take("ana") for _ in range(4)]
    assert [permit.allowed for permit in permits] == [True, True, True, False]
    assert [permit.remaining for permit in permits] == [2, 1, 0, 0]
    assert [permit.retry_after for permit in permits[:3]] == [0, 0, 0]
    assert HOUR - 60 < permits[3].retry_after <= HOUR
    assert 3 * HOUR - 60 < permits[3].reset_after <= 3 * HOUR


async def test_a_denial_takes_nothing(limit):
    """Asking for too much leaves what is there to others."""
    await limit.take("ana", 2)
    assert not (await limit.take("ana", 2)).allowed
    assert (await limit.take("ana", 1)).allowed


async def test_everybody_has_a_limit_of_his_own(cache, limit):
    """By who asks, and by the limit's name."""
    await limit.take("ana", 3)
    assert (await limit.take("bob", 3)).allowed
    assert (await RateLimit(cache, "search", limit=1, period=HOUR, burst=3).take("ana", 3)).allowed


async def test_many_at_once_share_one_limit(cache):
    """A thousand takers over two limits of one name get the burst, and no more."""
    pair = [RateLimit(cache, "api", limit=1, period=HOUR, burst=100) for _ in range(2)]
    permits = await asyncio.gather(*(pair[n % 2].take("key") for n in range(1000)))
    assert sum(permit.allowed for permit in permits) == 100


async def test_a_key_cannot_leave_its_place(limit):
    """Separators and globs of a user's id are escaped."""
    assert limit.key("ana:*") == "rate_limit:login:ana%3A%2A"
    with pytest.raises(InvalidKey):
        await limit.take("")


async def test_what_was_taken_expires(cache, limit):
    """Once the whole burst is back, nothing of it is left in Redis."""
    await limit.take("ana")
    lifetime = await cache.store.execute("PTTL", limit.key("ana"))
    assert (HOUR - 60) * 1000 < lifetime <= HOUR * 1000


async def test_one_command_decides(redis_url):
    """Ten decisions are ten EVALSHA, once the server knows the script."""
    async with cachekit.connect(redis_url) as cache:
        limit = RateLimit(cache, "login", limit=1, period=HOUR, burst=3)
        await limit.take("ana")
        await cache.store.execute("CONFIG", "RESETSTAT")
        for _ in range(10):
            await limit.take("ana")
        stats = str(await cache.store.execute("INFO", "commandstats"))
    assert "cmdstat_evalsha:calls=10," in stats or "'cmdstat_evalsha': {'calls': 10," in stats
    assert not any(f"cmdstat_{other}" in stats for other in ("eval:", "eval'", "script", "multi", "watch"))


async def test_waiters_have_their_turns_in_order(cache, slept):
    """Each sleeps once, until its own turn."""

    async def sleep(seconds):
        slept.append(seconds)

    limit = RateLimit(cache, "api", limit=1, period=100, burst=1, sleep=sleep)
    permits = [await limit.wait("key", max_wait=MOST_WAIT) for _ in range(3)]
    assert all(permit.allowed and permit.retry_after == 0 for permit in permits)
    assert [round(seconds, -1) for seconds in slept] == [100, 200]


async def test_who_would_wait_too_long_does_not_wait(limit, slept):
    """The denial comes at once, and says when a wait as long as this one can succeed."""
    await limit.take("ana", 3)
    permit = await limit.wait("ana", max_wait=100)
    assert not permit.allowed
    assert HOUR - 100 - 60 < permit.retry_after <= HOUR - 100
    assert slept == []


async def test_a_wait_that_need_not_does_not_sleep(limit, slept):
    """What is there is taken at once."""
    assert (await limit.wait("ana", max_wait=0)).allowed
    assert slept == []


@pytest.mark.parametrize(
    ("outage", "allowed", "retry_after"), [("allow", True, 0), ("deny", False, OUTAGE_RETRY)]
)
async def test_an_outage_is_decided_by_the_limit(outage, allowed, retry_after, slept):
    """And the permit says that nobody checked."""
    async with cachekit.connect("redis://127.0.0.1:1") as cache:
        limit = RateLimit(cache, "login", limit=1, period=1, burst=1, outage=outage, sleep=slept.append)
        for permit in (await limit.take("ana"), await limit.wait("ana", max_wait=5)):
            assert (permit.allowed, permit.retry_after, permit.checked) == (allowed, retry_after, False)
    assert slept == []


async def test_an_outage_raises_unless_told_otherwise():
    """Neither open nor closed without a word."""
    async with cachekit.connect("redis://127.0.0.1:1") as cache:
        with pytest.raises(CacheUnavailable):
            await RateLimit(cache, "login", limit=1, period=1, burst=1).take("ana")


@pytest.mark.parametrize("cost", [0, -1, 4, 1.5, True, "1"])
async def test_a_cost_that_can_never_be_there_is_an_error(limit, cost):
    """Waiting would not help, so it is no denial."""
    with pytest.raises(ConfigurationError, match="cost"):
        await limit.take("ana", cost)


@pytest.mark.parametrize("max_wait", [-1, MOST_WAIT + 1, float("nan"), float("inf"), True])
async def test_a_wait_has_a_bound(limit, max_wait):
    """Zero to MOST_WAIT seconds."""
    with pytest.raises(ConfigurationError, match="max_wait"):
        await limit.wait("ana", max_wait=max_wait)


@pytest.mark.parametrize(
    "options",
    [
        {"limit": 0},
        {"limit": 1.5},
        {"limit": 2, "period": 0.000001},
        {"period": 0},
        {"period": float("nan")},
        {"period": float("inf")},
        {"burst": 0},
        {"burst": True},
        {"burst": 10**9, "period": HOUR},
        {"outage": "open"},
    ],
)
async def test_an_option_that_cannot_work_is_refused(cache, options):
    """And the text names it."""
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        RateLimit(cache, "login", **{"limit": 1, "period": 1, "burst": 1, **options})


@pytest.mark.parametrize(("limit", "period"), [(3, 1), (7, 0.001), (30_000, 1), (1, 0.0000024), (1, 0.0079)])
async def test_the_rate_is_never_higher_than_asked_for(cache, limit, period):
    """The interval between two units is whole microseconds, rounded up."""
    sent = []
    execute = cache.store.run_script
    cache.store.run_script = lambda *command: (sent.append(command), execute(*command))[1]
    await RateLimit(cache, "api", limit=limit, period=period, burst=1).take("key")
    interval = sent[0][2]
    assert (
        Fraction(str(period)) * MICROSECONDS
        <= interval * limit
        < Fraction(str(period)) * MICROSECONDS + limit
    )

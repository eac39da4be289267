"""Revoked tokens: refused at once, everywhere, to the end of their lives, whatever becomes of Redis."""

import asyncio
import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cachekit
from cachekit import CacheUnavailable
from chatbot.auth import LEEWAY, Identity, Revocations
from chatbot.auth.revocations import MOVE_FORWARD
from chatbot.auth.revoked import RevocationList
from chatbot.errors import AuthError, InvalidMessage

pytest_plugins = ["support.server_fixtures"]

NOW = 1_795_000_000.0
LIFE = 3_600.0


def identity(user="ana", *, age=100.0, token_id="t1", now=NOW):
    return Identity(user, now - age + 600, now - age, token_id)


@pytest.fixture
def revocations(cache):
    return Revocations(cache, longest_life=LIFE)


@pytest.fixture
def elsewhere(cache):
    """Another instance, which has heard nothing."""
    return Revocations(cache, longest_life=LIFE)


async def is_refused(revocations, who):
    try:
        await revocations.require_valid(who)
    except AuthError as error:
        return error.code == "token_revoked"
    return False


async def life(cache, key):
    """The seconds that a key has to live."""
    return await cache.store.execute("PTTL", key) / 1_000


async def test_a_revoked_token_is_refused_everywhere(revocations, elsewhere):
    """That token, here and at an instance that has not heard of it; and no other."""
    await revocations.revoke_token("t1", expires_at=NOW + 600)
    for instance in (revocations, elsewhere):
        assert await is_refused(instance, identity())
        assert not await is_refused(instance, identity(token_id="t2"))
        assert not await is_refused(instance, identity(token_id=None))


async def test_a_revoked_user_is_refused_until_he_signs_in_again(revocations, elsewhere, clock):
    """What was issued before counts no longer, whatever its id; what is issued afterwards does."""
    await revocations.revoke_user("ana")
    clock.advance(2)
    for instance in (revocations, elsewhere):
        assert await is_refused(instance, identity(token_id=None))
        assert await is_refused(instance, identity(age=0))
        assert not await is_refused(instance, identity(age=-1, token_id="t2"))
        assert not await is_refused(instance, identity("bo"))


async def test_a_token_of_the_very_second_counts_as_older(revocations):
    """`iat` has whole seconds: when in doubt, refuse."""
    assert await revocations.revoke_user("ana", before=NOW) == NOW
    assert await is_refused(revocations, identity(age=0))
    assert not await is_refused(revocations, identity(age=-1))


async def test_of_two_revocations_the_later_holds(revocations, elsewhere, cache):
    """Whichever comes last, in Redis and in memory."""
    for first, second in ((NOW - 50, NOW - 150), (NOW - 150, NOW - 50)):
        await cache.store.unlink("auth_revoked:user:ana")
        instance = Revocations(cache, longest_life=LIFE)
        await instance.revoke_user("ana", before=first)
        await instance.revoke_user("ana", before=second)
        for each in (instance, elsewhere):
            assert await is_refused(each, identity(age=100))
            assert not await is_refused(each, identity(age=20))


@pytest.mark.parametrize("before", [NOW + 60, math.inf, math.nan, -math.inf, NOW * 1_000])
async def test_nobody_is_locked_out_of_the_future(before, revocations, cache):
    """A moment to come, or milliseconds by mistake, is refused and does nothing."""
    with pytest.raises(InvalidMessage, match="before"):
        await revocations.revoke_user("ana", before=before)
    assert not await is_refused(revocations, identity(age=-1))
    assert await cache.store.execute("DBSIZE") == 0


async def test_a_token_s_key_lives_as_long_as_the_token(revocations, cache):
    """Not longer than any token may, and nothing is written for one that has ended."""
    await revocations.revoke_token("short", expires_at=NOW + 30)
    await revocations.revoke_token("long", expires_at=NOW + 10 * LIFE)
    await revocations.revoke_token("unknown")
    await revocations.revoke_token("ended", expires_at=NOW - 1)
    assert 25 < await life(cache, "auth_revoked:token:short") <= 30
    assert LIFE < await life(cache, "auth_revoked:token:long") <= LIFE + LEEWAY
    assert LIFE < await life(cache, "auth_revoked:token:unknown") <= LIFE + LEEWAY
    assert await cache.store.execute("EXISTS", "auth_revoked:token:ended") == 0
    assert not await is_refused(revocations, identity(token_id="ended"))


async def test_a_user_s_key_lives_as_long_as_the_longest_token(revocations, cache):
    """Counted from the moment up to which it revokes."""
    await revocations.revoke_user("ana")
    await revocations.revoke_user("bo", before=NOW - 1_000)
    assert LIFE < await life(cache, "auth_revoked:user:ana") <= LIFE + LEEWAY
    assert LIFE - 1_000 < await life(cache, "auth_revoked:user:bo") <= LIFE + LEEWAY - 1_000


async def test_odd_ids_stay_apart(revocations, elsewhere):
    """Separators, globs, hash tags and other scripts in an id touch no other key."""
    ids = ["a:b", "a", "b", "*", "{x}", "a b", "é", "user:ana", "\u202e"]
    for token_id in ids[::2]:
        await revocations.revoke_token(token_id)
    assert [await is_refused(elsewhere, identity(token_id=each)) for each in ids] == [
        index % 2 == 0 for index in range(len(ids))
    ]


class CountingStore:
    """Counts the round trips."""

    def __init__(self, store):
        self._store = store
        self.trips = 0

    def __getattr__(self, name):
        method = getattr(self._store, name)

        async def counted(*arguments, **options):
            self.trips += 1
            return await method(*arguments, **options)

        return counted


async def test_one_round_trip_a_check_and_none_for_what_is_known(cache, clock):
    """Both keys are asked for at once; who is known to be revoked is not asked about."""

    class Counted:
        store = CountingStore(cache.store)

    Counted.clock = clock
    revocations = Revocations(Counted, longest_life=LIFE)
    assert not await is_refused(revocations, identity())
    assert Counted.store.trips == 1
    revocations.hear(token_id="t1")
    assert await is_refused(revocations, identity())
    assert Counted.store.trips == 1
    many = [identity(f"user-{number}", token_id=f"token-{number}") for number in range(1_000)]
    assert await revocations.revoked(many) == set()
    assert Counted.store.trips == 5


async def test_many_are_checked_at_once(revocations, elsewhere):
    """The revoked of a crowd, by token, by user, and by what was only heard."""
    crowd = [identity(f"user-{number}", token_id=f"token-{number}") for number in range(1_200)]
    await revocations.revoke_token("token-3")
    await revocations.revoke_user("user-700")
    elsewhere.hear(token_id="token-1199")
    found = await elsewhere.revoked(crowd)
    assert {each.user_id for each in found} == {"user-3", "user-700", "user-1199"}


async def test_a_revocation_that_cannot_be_read_holds(revocations, cache):
    """Whatever stands under a user's key, it was a revocation."""
    for garbage in (b"", b"soon", b"nan", b"\xff"):
        await cache.store.set("auth_revoked:user:ana", garbage, px=60_000)
        assert await is_refused(revocations, identity(age=-1))


async def test_a_restarted_redis_gets_back_what_it_lost(standalone, clock):
    """An instance that lived on writes it again, so a new instance refuses as well."""
    async with cachekit.connect(standalone.url, clock=clock) as cache:
        revocations, newcomer = (Revocations(cache, longest_life=LIFE) for _ in range(2))
        await revocations.revoke_token("t1", expires_at=NOW + 600)
        await revocations.revoke_user("bo", before=NOW)
        revocations.hear(user_id="cy", before=NOW)
        standalone.kill()
        assert await is_refused(revocations, identity())
        with pytest.raises(CacheUnavailable):
            await newcomer.require_valid(identity())
        standalone.start()
        clock.advance(10)
        while await restored(revocations) is None:
            await asyncio.sleep(0.01)
            clock.advance(1)
        for who in (identity(), identity("bo", token_id="t2"), identity("cy", token_id="t3")):
            assert await is_refused(newcomer, who)
        assert not await is_refused(newcomer, identity("bo", age=-1, token_id="t2"))
        assert await revocations.restore() == 0


async def restored(revocations):
    try:
        return await revocations.restore()
    except CacheUnavailable:
        return None


async def test_an_old_copy_of_redis_is_brought_up_to_date(revocations, elsewhere, cache):
    """A server restored from a dump may know an earlier moment only; it never loses a later one."""
    await revocations.revoke_user("ana", before=NOW - 50)
    await cache.store.set("auth_revoked:user:ana", repr(NOW - 150).encode(), px=60_000)
    assert await revocations.restore() == 1
    assert await is_refused(elsewhere, identity(age=100))
    await cache.store.set("auth_revoked:user:ana", repr(NOW).encode(), px=60_000)
    assert await revocations.restore() == 0
    assert await is_refused(elsewhere, identity(age=20))


async def test_what_an_instance_has_met_it_keeps(revocations, elsewhere, cache):
    """Whoever has refused a token once is one more who remembers it."""
    await revocations.revoke_token("t1", expires_at=NOW + 600)
    await revocations.revoke_user("bo")
    met = [identity(), identity("bo", token_id=None)]
    assert await elsewhere.revoked(met) == set(met)
    await cache.store.execute("FLUSHALL")
    assert await elsewhere.restore() == 2


async def test_what_was_revoked_while_redis_was_away_is_written_later(standalone, clock):
    """The order is not accepted, since others cannot know; it holds here, and is not forgotten."""
    async with cachekit.connect(standalone.url, clock=clock) as cache:
        revocations = Revocations(cache, longest_life=LIFE)
        with standalone.read_only():
            with pytest.raises(CacheUnavailable):
                await revocations.revoke_token("t1")
            with pytest.raises(CacheUnavailable):
                await revocations.revoke_user("bo")
            assert await is_refused(revocations, identity())
        assert await revocations.restore() == 2


async def test_revocations_look_after_themselves(cache):
    """As a context, they restore now and then, and stop with it."""
    over, slept = asyncio.Semaphore(0), []

    async def sleep(seconds):
        slept.append(seconds)
        await over.acquire()

    async with Revocations(cache, longest_life=LIFE, sleep=sleep) as revocations:
        await revocations.revoke_token("t1")
        await cache.store.execute("FLUSHALL")
        over.release()
        while len(slept) < 2:
            await cache.store.ping()
        assert await cache.store.get("auth_revoked:token:t1") == b"1"
    assert slept == [10.0, 10.0]
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "chatbot revocations"]


async def test_an_outage_does_not_end_the_looking_after(standalone):
    """What Redis lost is written once it is back, without anybody asking."""
    async with (
        cachekit.connect(standalone.url) as cache,
        Revocations(cache, longest_life=LIFE, restore_every=0.01) as revocations,
    ):
        await revocations.revoke_token("t1")
        with standalone.dead():
            while await cache_is_up(cache):
                await asyncio.sleep(0.01)
        while standalone.call("EXISTS", "auth_revoked:token:t1") == 0:
            await asyncio.sleep(0.01)


async def cache_is_up(cache):
    return (await cache.health()).up


async def test_in_a_cluster_every_slot_is_asked(cluster):
    """The two keys of a check lie on different nodes."""
    async with cachekit.connect(cluster.url) as cache:
        revocations, elsewhere = (Revocations(cache, longest_life=LIFE) for _ in range(2))
        now = time.time()
        crowd = [identity(f"user-{number}", token_id=f"token-{number}", now=now) for number in range(20)]
        for number in range(10):
            await revocations.revoke_token(f"token-{number}")
            await revocations.revoke_user(f"user-{number + 5}")
        assert {each.user_id for each in await elsewhere.revoked(crowd)} == {f"user-{n}" for n in range(15)}
        assert await revocations.restore() == 0


@settings(deadline=None)
@given(st.lists(st.floats(min_value=0, max_value=4e9), min_size=1, max_size=6))
async def test_the_script_only_moves_forward(moments):
    """Any order of moments leaves the latest, on the script's own number format."""
    async with cachekit.connect("memory://") as cache:
        for moment in moments:
            await cache.store.run_script(MOVE_FORWARD, "key", repr(moment), 60_000)
        held = await cache.store.get("key")
    assert float(held) == max(moments)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ut"), st.sampled_from("abc"), st.integers(0, 100), st.integers(1, 50)),
        max_size=30,
    ),
    st.integers(0, 160),
)
def test_the_list_forgets_only_what_is_over(revocations, now):
    """Against a plain model: a revocation covers its tokens until its end."""
    known = RevocationList()
    for kind, name, moment, length in revocations:
        if kind == "t":
            known.add_token(name, until=moment + length, now=0)
        else:
            known.add_user(name, before=moment, until=moment + 50, now=0)
    known.forget_old(now)
    for name in "abc":
        ends = [m + length for k, n, m, length in revocations if (k, n) == ("t", name)]
        assert known.covers(Identity("x", 0, 0, name)) == (max(ends, default=-1) > now)
        moments = [m for k, n, m, _ in revocations if (k, n) == ("u", name)]
        alive = max(moments, default=-99) + 50 > now
        for issued in (0, 50, 100):
            covered = alive and issued <= max(moments, default=-1)
            assert known.covers(Identity(name, 0, issued)) == covered


def test_the_list_is_bounded():
    """Beyond the bound the oldest are left to Redis alone; what has ended goes first."""
    known = RevocationList(most=100)
    for number in range(50):
        known.add_token(f"over-{number}", until=1, now=0)
    for number in range(500):
        known.add_token(f"token-{number}", until=100, now=2)
        known.add_user(f"user-{number}", before=1, until=100, now=2)
        assert len(known.tokens) + len(known.users) <= 100
    assert "token-499" in known.tokens or "user-499" in known.users
    assert not [name for name in known.tokens if name.startswith("over")]


def test_a_revocation_is_about_a_token_or_a_user():
    """What is not given matches nothing; without a moment, all of the user's tokens are meant."""
    who = identity()
    assert who.is_revoked_by(token_id="t1")
    assert who.is_revoked_by(user_id="ana")
    assert who.is_revoked_by(user_id="ana", before=NOW)
    assert not who.is_revoked_by()
    assert not who.is_revoked_by(token_id="t2")
    assert not who.is_revoked_by(user_id="bo")
    assert not who.is_revoked_by(user_id="ana", before=NOW - 101)
    assert not identity(token_id=None).is_revoked_by(user_id="bo", before=NOW)


async def test_what_is_revoked_while_redis_is_asked_counts(cache, revocations, monkeypatch):
    """Redis' answer may be older than what was heard while it was on its way."""
    ask = cache.store.get_many

    async def hear_meanwhile(keys):
        found = await ask(keys)
        revocations.hear(token_id="t1")
        return found

    monkeypatch.setattr(cache.store, "get_many", hear_meanwhile)
    assert await is_refused(revocations, identity())
    assert not await is_refused(revocations, identity(token_id="t2"))

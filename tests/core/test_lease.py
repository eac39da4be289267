"""One loader per key across processes, and nothing stored by one whose lease has passed on."""

import asyncio

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from redis.crc import key_slot

import cachekit
from cachekit.core.lease import Changed, Held, Lease, acquire, lease_key, overwrite, put_in_place, remove
from cachekit.core.scripts import RENEW
from cachekit.core.store import open_store
from cachekit.core.watcher import Watcher

KEY = "shop:a"
LONG = 60


@pytest.fixture
async def store(redis_url):
    async with open_store(redis_url, app="leases", max_connections=4, timeout=2.0) as opened:
        yield opened


@pytest.fixture
async def other(redis_url):
    """The store of another process."""
    async with open_store(redis_url, app="leases", max_connections=4, timeout=2.0) as opened:
        yield opened


@pytest.fixture
async def lease(store):
    granted = await acquire(store, KEY, seen=None, seconds=LONG)
    yield granted
    granted.stop()


async def ttl(store):
    """Milliseconds the lease has left; -2 if there is none."""
    return await store.execute("PTTL", lease_key(KEY))


async def test_one_gets_it_and_the_other_is_told_for_how_long(store, other):
    """Held, with the seconds the lease has left at most."""
    granted = await acquire(store, KEY, seen=None, seconds=LONG)
    held = await acquire(other, KEY, seen=None, seconds=5)
    assert isinstance(granted, Lease)
    assert isinstance(held, Held)
    assert LONG - 5 < held.seconds <= LONG
    await granted.release()


@pytest.mark.parametrize("seen", [None, b"", b"old", b"x" * 1_000])
async def test_who_saw_something_else_gets_what_lies_there(store, seen):
    """And no lease: it may be what he wanted."""
    await store.set(KEY, b"new", px=60_000)
    assert await acquire(store, KEY, seen=seen, seconds=LONG) == Changed(b"new")
    assert await ttl(store) == -2


async def test_who_saw_what_is_gone_is_told_so(store):
    """It may have been deleted: what was seen there is of no use any more."""
    assert await acquire(store, KEY, seen=b"old", seconds=LONG) == Changed(None)
    assert await ttl(store) == -2


@pytest.mark.parametrize("value", [b"", b"v", b"x" * 255, b"x" * 256 + b"y", b"\x00\xff" * 5_000])
async def test_who_saw_what_lies_there_gets_the_lease(store, value):
    """Of any length: its ends and its length tell it."""
    await store.set(KEY, value, px=60_000)
    granted = await acquire(store, KEY, seen=value, seconds=LONG)
    assert isinstance(granted, Lease)
    await granted.release()


@pytest.mark.parametrize("change", [(0, b"y"), (255, b"y"), (1_000 - 256, b"y"), (999, b"y"), (1_000, b"y")])
async def test_a_value_that_differs_at_its_ends_or_in_length_is_another(store, change):
    """One of its ends holds the millisecond of its load."""
    at, byte = change
    seen = b"x" * 1_000
    await store.set(KEY, seen[:at] + byte + seen[at + 1 :], px=60_000)
    assert isinstance(await acquire(store, KEY, seen=seen, seconds=LONG), Changed)


async def test_a_key_of_another_type_counts_as_empty(store):
    """As it does for who reads it."""
    await store.execute("RPUSH", KEY, "x")
    assert await acquire(store, KEY, seen=None, seconds=LONG) == Changed(b"")
    granted = await acquire(store, KEY, seen=b"", seconds=LONG)
    assert await granted.publish(b"v", px=60_000)
    assert await store.get(KEY) == b"v"


async def test_publishing_stores_and_gives_the_lease_up(store, lease):
    """In one step; the value's life is as told."""
    assert await lease.publish(b"v", px=60_000)
    assert await store.get(KEY) == b"v"
    assert 59_000 < await store.execute("PTTL", KEY) <= 60_000
    assert await ttl(store) == -2


async def test_releasing_stores_nothing_and_lets_the_next_one_in(store, lease):
    """Its load has failed."""
    await lease.release()
    assert await store.get(KEY) is None
    granted = await acquire(store, KEY, seen=None, seconds=LONG)
    assert isinstance(granted, Lease)
    await granted.release()


async def test_a_lease_is_renewed_while_it_lasts(store, monkeypatch):
    """Whatever is left of its life, it is set back to the whole of it."""
    granted = await acquire(store, KEY, seen=None, seconds=0.3)
    renewed = asyncio.Event()
    run = store.run_script

    async def note(script, *arguments):
        reply = await run(script, *arguments)
        if script is RENEW:
            assert reply == 1
            renewed.set()
        return reply

    monkeypatch.setattr(store, "run_script", note)
    await store.execute("PEXPIRE", lease_key(KEY), 150)
    for _ in range(3):
        renewed.clear()
        await renewed.wait()
    assert await ttl(store) > 150
    assert await granted.publish(b"v", px=60_000)


async def test_a_renewal_that_does_not_get_through_is_tried_again(store, monkeypatch):
    """Two of three may get lost."""
    run, renewals = store.run_script, []
    done = asyncio.Event()

    async def fail_twice(script, *arguments):
        if script is not RENEW:
            return await run(script, *arguments)
        renewals.append(script)
        if len(renewals) <= 2:
            raise cachekit.CacheUnavailable("lost", operation="EVALSHA")
        done.set()
        return await run(script, *arguments)

    monkeypatch.setattr(store, "run_script", fail_twice)
    granted = await acquire(store, KEY, seen=None, seconds=0.3)
    await store.execute("PEXPIRE", lease_key(KEY), 60_000)
    await done.wait()
    assert await granted.publish(b"v", px=60_000)


async def test_a_lease_that_was_lost_is_not_renewed_any_more(store, other, monkeypatch):
    """And takes nothing from the one who has it now."""
    run, replies = store.run_script, []

    async def note(script, *arguments):
        reply = await run(script, *arguments)
        if script is RENEW:
            replies.append(reply)
        return reply

    monkeypatch.setattr(store, "run_script", note)
    lost = await acquire(store, KEY, seen=None, seconds=0.15)
    await store.unlink(lease_key(KEY))
    granted = await acquire(other, KEY, seen=None, seconds=LONG)
    while not replies:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.15)
    assert replies == [0]
    assert not await lost.publish(b"lost", px=60_000)
    await lost.release()
    assert await granted.publish(b"v", px=60_000)
    assert await store.get(KEY) == b"v"


async def test_the_lease_of_the_dead_passes_on(store, other):
    """Who does not renew it has it no longer, and stores nothing when it comes back to life."""
    dead = await acquire(store, KEY, seen=None, seconds=0.1)
    dead.stop()
    while not isinstance(granted := await acquire(other, KEY, seen=None, seconds=LONG), Lease):
        await asyncio.sleep(granted.seconds)
    assert not await dead.publish(b"late", px=60_000)
    assert await store.get(KEY) is None
    assert await granted.publish(b"v", px=60_000)


@pytest.mark.parametrize("verb", ["delete", "set", "set in place"])
async def test_whoever_writes_takes_the_lease_away(store, other, lease, verb):
    """What was loaded under it is older than what was written."""
    if verb == "delete":
        assert await remove(other, KEY) == (False, True)
    elif verb == "set":
        assert await overwrite(other, KEY, b"set", px=60_000, force=True)
    else:
        assert await put_in_place(other, KEY, b"set", px=60_000, seen=None)
    assert not await lease.publish(b"loaded", px=60_000)
    assert await store.get(KEY) == (None if verb == "delete" else b"set")


async def test_a_write_gives_way_once_to_a_load_that_it_must_tell_of(store, lease):
    """The lease goes, and nothing is set until the caller has told the log."""
    assert not await overwrite(store, KEY, b"set", px=60_000, force=False)
    assert (await store.get(KEY), await ttl(store)) == (None, -2)
    assert await overwrite(store, KEY, b"set", px=60_000, force=False)
    assert await store.get(KEY) == b"set"


async def test_what_is_put_in_place_is_put_there_only(store):
    """In the place of nothing, or of just what was seen."""
    assert await put_in_place(store, KEY, b"first", px=60_000, seen=None)
    assert not await put_in_place(store, KEY, b"second", px=60_000, seen=None)
    assert not await put_in_place(store, KEY, b"second", px=60_000, seen=b"other")
    assert await store.get(KEY) == b"first"
    assert await put_in_place(store, KEY, b"second", px=60_000, seen=b"first")
    assert await store.get(KEY) == b"second"


async def test_a_value_that_is_not_put_in_place_leaves_the_lease_alone(store, lease):
    """It has changed nothing."""
    await store.set(KEY, b"there", px=60_000)
    assert not await put_in_place(store, KEY, b"second", px=60_000, seen=None)
    assert await ttl(store) > 0


async def test_removing_tells_what_was_there(store, lease):
    """The value, and the lease; then neither."""
    await store.set(KEY, b"v", px=60_000)
    assert await remove(store, KEY) == (True, True)
    assert await remove(store, KEY) == (False, False)


@pytest.mark.parametrize(
    "key",
    ["shop:a", "shop:{a", "shop:a{b}c", "shop:{a}{b}", "shop:{{a}", "shop:{", "shop:a{b}}"],
)
def test_the_lease_lies_in_the_slot_of_its_key(key):
    """With hash tags of its own, halves of them, or none."""
    assert key_slot(lease_key(key).encode()) == key_slot(key.encode())


@pytest.mark.parametrize("key", ["shop:}", "shop:a}b", "shop:{}", "shop:{}x{y}", "shop:}{a"])
def test_a_key_whose_slot_no_other_key_can_have_is_refused(key):
    """It names the key."""
    with pytest.raises(cachekit.InvalidKey, match="lease"):
        lease_key(key)


@given(st.text("ab{}", min_size=1, max_size=12))
def test_a_key_has_a_lease_in_its_slot_or_is_refused(tail):
    """However odd its braces are."""
    key = f"shop:{tail}"
    try:
        lease = lease_key(key)
    except cachekit.InvalidKey:
        assume(False)
    assert key_slot(lease.encode()) == key_slot(key.encode())
    assert key in lease


async def test_the_thousandth_look_at_a_long_load_is_a_look_like_any_other():
    """The pause between looks is bounded, and so is the arithmetic behind it."""
    watcher = Watcher(None, monotonic=lambda: 0)
    changed = watcher.expect("n:a")
    changed.set_result(None)
    await watcher.wait(changed, attempt=5_000, at_most=5)
    watcher.forget("n:a", changed)

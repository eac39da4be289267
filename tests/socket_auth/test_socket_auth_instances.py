"""Heartbeats, and what becomes of the sockets of an instance that has crashed."""

import asyncio

import pytest
from support.sockets import Gate, keys

import cachekit
from cachekit.socket_auth import SocketAuthRepository
from cachekit.socket_auth.pulse import Pulse
from cachekit.testing import ManualClock

pytest_plugins = ["support.server_fixtures"]


async def crash(cache, instance):
    """As if the instance had not beaten for so long."""
    await cache.store.unlink(f"socket_auth_index:instance:{{{instance}}}:beat")


async def listed(cache):
    return await cache.store.execute("ZRANGE", "socket_auth_index:instances", 0, -1)


async def test_sockets_of_an_instance_are_found(instances):
    """Each instance's own, whoever asks."""
    a, b = instances
    await a.set_socket_auth("s1", "ana", "chat-1")
    await b.set_socket_auth("s2", "ana")
    assert (await a.get_sockets_by_instance())["s1"].session_id == "chat-1"
    assert list(await a.get_sockets_by_instance("b")) == ["s2"]
    await b.remove_socket_auth("s2")
    assert await a.get_sockets_by_instance("b") == {}


async def test_a_heartbeat_ends_by_itself(instances, cache):
    """Whoever beats lives for 15 seconds by the server's clock."""
    await instances[0].beat()
    left = await cache.store.execute("PTTL", "socket_auth_index:instance:{a}:beat")
    assert 14_000 < left <= 15_000


async def test_a_beat_tells_whether_redis_held_the_one_before(instances, cache):
    """The first one not, the next ones yes; one that was lost, or replaced by an older one, not."""
    a, _ = instances
    assert [await a.beat() for _ in range(3)] == [False, True, True]
    await crash(cache, "a")
    assert [await a.beat() for _ in range(2)] == [False, True]
    await cache.store.execute("SET", "socket_auth_index:instance:{a}:beat", "an older one")
    assert [await a.beat() for _ in range(2)] == [False, True]


async def test_a_crashed_instance_is_reaped(instances, cache):
    """All its sockets go, and every key of it; those of others stay."""
    a, b = instances
    await a.beat()
    await b.beat()
    for number in range(1_100):
        await a.set_socket_auth(f"a{number}", "ana")
    await b.set_socket_auth("b1", "ana")
    assert await b.find_crashed() == frozenset()
    assert await b.reap() == 0
    await crash(cache, "a")
    assert await b.find_crashed() == {"a"}
    assert await b.reap() == 1_100
    assert list(await b.get_sockets_by_user("ana")) == ["b1"]
    assert await b.get_connected_sockets_count() == 1
    assert await listed(cache) == [b"b"]
    assert not [key for key in await keys(cache) if "{a}" in key]


async def test_reapers_at_once_count_each_socket_once(instances, cache):
    """Two instances meet over the same dead one."""
    a, b = instances
    for number in range(600):
        await a.set_socket_auth(f"a{number}", "ana")
    await a.beat()
    await crash(cache, "a")
    c = SocketAuthRepository(cache, instance="c")
    assert sum(await asyncio.gather(b.reap(), c.reap())) == 600
    assert await b.get_connected_sockets_count() == 0


async def test_an_instance_does_not_reap_itself(instances, cache):
    """However slow it was."""
    a, _ = instances
    await a.set_socket_auth("a1", "ana")
    await a.beat()
    await crash(cache, "a")
    assert await a.reap() == 0
    assert await a.get_socket_auth("a1") is not None


async def test_who_retires_is_not_reaped(instances, cache):
    """It is no longer named."""
    a, b = instances
    await a.beat()
    await a.retire()
    assert await b.find_crashed() == frozenset()
    assert await keys(cache) == []


@pytest.mark.parametrize("wave", range(1, 6))
async def test_an_instance_that_wakes_up_while_it_is_reaped_keeps_its_sockets(
    instances, cache, clock, monkeypatch, wave
):
    """It beats and touches what it holds at any step of the reaper: nothing is lost in the end."""
    a, b = instances
    users = {f"a{number}": "ana" for number in range(20)}
    for socket_id in users:
        await a.set_socket_auth(socket_id, "ana", "chat-1")
    await a.beat()
    await a.touch_many(users)
    await crash(cache, "a")
    clock.advance(20)
    records = await a.get_sockets_by_instance()

    gate = Gate(cache.store, monkeypatch)
    gate.closed = True
    reaping = asyncio.ensure_future(b.reap(["a"]))
    for _ in range(wave - 1):
        await gate.halted()
        gate.release()
    await gate.halted()
    gate.closed = False
    # What the reaper was about to send waits; the instance comes first.
    assert await a.beat() is False
    gone = await a.touch_many(users)
    await a.restore_many({each: records[each] for each in gone})
    gate.release()
    await reaping

    clock.advance(120)
    gone = await a.touch_many(users)
    assert len(await a.get_sockets_by_instance()) == 20
    assert gone == frozenset()
    assert len(await a.get_sockets_by_user("ana")) == 20
    assert await a.get_connected_sockets_count() == 20
    assert await b.reap() == 0


async def test_a_reaper_that_dies_leaves_the_rest_to_the_next(instances, cache, monkeypatch):
    """Cancelled at any step, it forgets no socket."""
    a, b = instances
    for number in range(50):
        await a.set_socket_auth(f"a{number}", "ana")
    await a.beat()
    await crash(cache, "a")
    for wave in range(6):
        gate = Gate(cache.store, monkeypatch)
        gate.closed = True
        reaping = asyncio.ensure_future(b.reap())
        for _ in range(wave):
            await gate.halted()
            gate.release()
        await gate.halted()
        reaping.cancel()
        await asyncio.gather(reaping, return_exceptions=True)
        monkeypatch.undo()
    c = SocketAuthRepository(cache, instance="c")
    await c.reap()
    assert await c.get_connected_sockets_count() == 0
    assert await listed(cache) == []
    assert not [key for key in await keys(cache) if key.startswith("socket_auth:")]


async def test_a_socket_that_changes_for_ever_does_not_hold_the_reaper(instances, cache, monkeypatch):
    """Another service goes on touching it: it stays, and the reaper ends."""
    a, b = instances
    await a.set_socket_auth("a1", "ana")
    await a.set_socket_auth("a2", "ana")
    await a.beat()
    await crash(cache, "a")
    read = cache.store.get_many

    async def read_then_touched(keys):
        stored = await read(keys)
        cache.clock.advance(1)
        await a.touch("a1")
        return stored

    monkeypatch.setattr(cache.store, "get_many", read_then_touched)
    assert await b.reap() == 1
    monkeypatch.undo()
    assert await b.get_socket_auth("a1") is not None
    assert await b.reap() == 1


async def test_a_record_that_does_not_read_is_reaped_as_well(instances, cache):
    """It authenticates nobody, and takes memory."""
    a, b = instances
    await a.set_socket_auth("a1", "ana")
    await a.beat()
    await cache.store.set("socket_auth:a1", b"nonsense", px=60_000)
    await crash(cache, "a")
    assert await b.reap() == 1
    assert not [key for key in await keys(cache) if key.startswith("socket_auth:")]


async def test_what_an_instance_leaves_ends_by_itself(instances, cache):
    """Should nobody ever reap: every key has an expiry."""
    a, _ = instances
    await a.set_socket_auth("a1", "ana")
    await a.beat()
    for key in await keys(cache):
        assert 0 < await cache.store.execute("TTL", key) <= 3_600


async def test_names_from_outside_cannot_reach_other_keys(cache):
    """Braces and separators in an instance's name are escaped."""
    odd = SocketAuthRepository(cache, instance="a}:{b")
    await odd.set_socket_auth("s1", "ana")
    await odd.beat()
    assert "socket_auth_index:instance:{a%7D%3A%7Bb}:sockets" in await keys(cache)
    assert list(await odd.get_sockets_by_instance()) == ["s1"]


@pytest.mark.parametrize("hours", [-3, 3])
async def test_a_host_whose_clock_is_wrong_hides_nobody(url, cache, hours):
    """Who beats knows the server's clock: its sockets are counted, and no other's are struck off."""
    if url == "memory://":
        pytest.skip("nothing is shared there")
    wrong = ManualClock()
    async with cachekit.connect(url) as right, cachekit.connect(url, clock=wrong) as off:
        wrong.now = right.clock.time() + hours * 3_600
        a = SocketAuthRepository(right, instance="a")
        b = SocketAuthRepository(off, instance="b")
        await a.beat()
        await b.beat()
        await b.set_socket_auth("b1", "ana")
        await a.set_socket_auth("a1", "ana")
        await b.set_socket_auth("b2", "ana")
        assert await a.get_connected_sockets_count() == await b.get_connected_sockets_count() == 3
        assert set(await a.get_sockets_by_user("ana")) == {"a1", "b1", "b2"}
        assert await a.cleanup_expired_sockets(30) == await b.cleanup_expired_sockets(30) == 0


async def test_who_has_missed_a_beat_reaps_nobody(instances, cache, clock):
    """Not until its own beats have been heard for a whole heartbeat; then whoever is found dead twice."""
    a, b = instances
    pulse, lapses = Pulse(a, lapsed=lambda: lapses.append(clock.now)), []
    await b.beat()
    await b.set_socket_auth("b1", "ana")
    await crash(cache, "b")
    assert [await pulse.reap(), await pulse.reap()] == [0, 0]
    await pulse.beat()
    assert [await pulse.reap(), await pulse.reap()] == [0, 0]
    clock.advance(14)
    await crash(cache, "a")
    await pulse.beat()
    clock.advance(14)
    await pulse.beat()
    assert [await pulse.reap(), await pulse.reap()] == [0, 0]
    clock.advance(1)
    assert [await pulse.reap(), await pulse.reap(), await pulse.reap()] == [0, 1, 0]
    assert len(lapses) == 2


async def test_who_is_dead_only_once_is_not_reaped(instances, cache, clock):
    """It beats again before the second look."""
    a, b = instances
    pulse = Pulse(a, lapsed=lambda: None)
    await pulse.beat()
    await b.beat()
    await b.set_socket_auth("b1", "ana")
    clock.advance(15)
    await crash(cache, "b")
    assert await pulse.reap() == 0
    await b.beat()
    assert await pulse.reap() == 0
    await crash(cache, "b")
    assert await pulse.reap() == 0
    assert await b.get_socket_auth("b1") is not None

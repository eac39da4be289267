"""The keeper of one process' sockets, over every kind of server: what it writes, and in which order."""

import asyncio

import pytest
from support.servers import until
from support.sockets import Gate, eventually, keys

import cachekit
from cachekit import ConfigurationError
from cachekit.errors import CacheClosed
from cachekit.socket_auth import SocketAuthRepository, SocketKeeper

pytest_plugins = ["support.server_fixtures"]

HEARTBEAT = 0.6
"""Seconds; short, since real time passes here."""


@pytest.fixture
async def cache(url):
    async with cachekit.connect(url) as opened:
        yield opened


@pytest.fixture
def repository(cache):
    return SocketAuthRepository(cache, instance="a", heartbeat=HEARTBEAT)


def keeping(repository, **options):
    options = {"beat_every": 0.1, "touch_every": 0.05, "reap_every": 0.1, **options}
    return SocketKeeper(repository, **options)


async def count(repository):
    return await repository.get_connected_sockets_count()


async def test_a_connect_takes_one_round_trip(repository, cache, monkeypatch):
    """And a touch or a removal none that the caller would wait for."""
    async with SocketKeeper(repository, beat_every=0.29) as keeper:
        await until(lambda: keeper.healthy, "it is healthy")
        gate = Gate(cache.store, monkeypatch)
        assert await gate.round_trips(keeper.add("s1", "ana")) == 1
        keeper.touch("s1")
        keeper.remove("s1")
        assert (len(keeper), "s1" in keeper, keeper.leaving) == (0, False, 1)


async def test_the_life_of_a_socket(repository, cache):
    """Added, bound, removed; nothing of it is left in Redis."""
    async with keeping(repository) as keeper:
        await keeper.add("s1", "ana")
        await keeper.bind("s1", "chat-1")
        assert (await repository.get_socket_auth("s1")).session_id == "chat-1"
        keeper.remove("s1")
        keeper.remove("s1")
        await until(lambda: keeper.leaving == 0, "it is removed")
        assert not [key for key in await keys(cache) if key.startswith("socket_auth:")]
        assert await count(repository) == 0


async def test_activity_is_written_in_batches(repository):
    """A touch shows in Redis with the next batch; who is silent is left as he is."""
    async with keeping(repository) as keeper:
        await until(lambda: keeper.healthy, "it is healthy")
        for socket_id in ("s1", "s2"):
            await keeper.add(socket_id, "ana")
        before = await repository.get_sockets_by_user("ana")

        async def touched():
            keeper.touch("s1")
            keeper.touch("unknown")
            found = await repository.get_socket_auth("s1")
            return found.last_activity > before["s1"].last_activity

        await eventually(touched, "the touch is written")
        assert await repository.get_socket_auth("s2") == before["s2"]


async def test_leaving_removes_everything(repository, cache):
    """Sockets, hints, heartbeat."""
    async with keeping(repository) as keeper:
        for number in range(1_200):
            await keeper.add(f"s{number}", f"u{number % 5}")
        assert await count(repository) == 1_200
    assert [key for key in await keys(cache) if "turn" not in key] == []
    with pytest.raises(CacheClosed, match="closed"):
        await keeper.add("late", "ana")


async def test_a_disconnect_during_the_registration_leaves_nothing(repository, cache, monkeypatch):
    """The removal waits for the write."""
    async with SocketKeeper(repository, beat_every=0.29) as keeper:
        await until(lambda: keeper.healthy, "it is healthy")
        gate = Gate(cache.store, monkeypatch)
        gate.closed = True
        adding = asyncio.ensure_future(keeper.add("s1", "ana"))
        await gate.halted()
        keeper.remove("s1")
        gate.closed = False
        await asyncio.sleep(0)
        assert keeper.leaving == 1
        gate.release()
        await adding
        await until(lambda: keeper.leaving == 0, "it is removed")
        assert await repository.get_socket_auth("s1") is None
        assert await count(repository) == 0


@pytest.mark.parametrize("lost", [False, True])
async def test_a_disconnect_at_any_step_of_a_binding_leaves_nothing(repository, cache, monkeypatch, lost):
    """Whether Redis still knew the socket or had to be told of it again."""
    steps = 0
    async with SocketKeeper(repository, beat_every=0.29) as keeper:
        await until(lambda: keeper.healthy, "it is healthy")
        for step in range(5):
            name = f"s{step}"
            await keeper.add(name, "ana")
            if lost:
                await cache.store.unlink(f"socket_auth:{name}")
            gate = Gate(cache.store, monkeypatch)
            gate.closed = True
            binding = asyncio.ensure_future(keeper.bind(name, "chat-1"))
            for _ in range(step):
                if await _ends(binding, gate):
                    break
                gate.release()
            if not await _ends(binding, gate):
                steps += 1
            keeper.remove(name)
            gate.closed = False
            gate.release()
            await binding
            monkeypatch.undo()
        await until(lambda: keeper.leaving == 0, "all are removed")
        assert steps >= 2
        assert not [key for key in await keys(cache) if key.startswith("socket_auth:")]
        assert await count(repository) == 0
        assert await repository.get_sockets_by_instance() == {}


async def _ends(task, gate):
    """Whether the task ends before it sends anything more."""
    halted = asyncio.ensure_future(gate.halted())
    await asyncio.wait([task, halted], return_when=asyncio.FIRST_COMPLETED)
    halted.cancel()
    await asyncio.gather(halted, return_exceptions=True)
    return task.done()


async def test_binding_a_socket_that_redis_has_lost(repository, cache):
    """It is registered again, as long connected as it was."""
    async with keeping(repository) as keeper:
        await keeper.add("s1", "ana")
        before = await repository.get_socket_auth("s1")
        await cache.store.unlink("socket_auth:s1")
        await keeper.bind("s1", "chat-1")
        bound = await repository.get_socket_auth("s1")
        assert (bound.session_id, bound.connected_at) == ("chat-1", before.connected_at)
        await keeper.bind("never seen", "chat-1")
        assert await repository.get_socket_auth("never seen") is None


async def test_all_sockets_are_written_again_when_redis_was_emptied(repository, cache):
    """With their sessions; and a socket that has left stays away."""
    async with keeping(repository) as keeper:
        for number in range(50):
            await keeper.add(f"s{number}", "ana")
            await keeper.bind(f"s{number}", f"chat-{number}")
        keeper.remove("s0")
        for key in await keys(cache):
            await cache.store.unlink(key)

        async def restored():
            return len(await repository.get_sockets_by_user("ana")) == 49

        await eventually(restored, "all are back")
        assert await count(repository) == 49
        assert (await repository.get_socket_auth("s7")).session_id == "chat-7"
        assert await repository.get_socket_auth("s0") is None


async def test_a_binding_at_any_step_of_the_recovery_is_not_undone(repository, cache, monkeypatch):
    """Redis comes back empty while a session is bound: the newer session is what stays."""
    async with SocketKeeper(repository, beat_every=0.1, touch_every=500) as keeper:
        for step in range(6):
            await until(lambda: keeper.healthy, "it is healthy")
            name = f"s{step}"
            await keeper.add(name, "ana")
            await keeper.bind(name, "old")
            gate = Gate(cache.store, monkeypatch)
            await cache.store.unlink(f"socket_auth:{name}")
            gate.closed = True
            recovery = asyncio.ensure_future(keeper._recover())
            for _ in range(step):
                if await _ends(recovery, gate):
                    break
                gate.release()
            binding = asyncio.ensure_future(keeper.bind(name, "new"))
            await asyncio.sleep(0)
            gate.closed = False
            gate.release()
            await asyncio.gather(recovery, binding)
            monkeypatch.undo()
            assert (await repository.get_socket_auth(name)).session_id == "new"


async def test_a_silent_socket_is_kept_alive(repository, cache, monkeypatch):
    """It is connected, so it does not expire; and if Redis has lost it alone, it is found out."""
    monkeypatch.setattr("cachekit.socket_auth.keeper._RENEW_EVERY", 0.1)
    async with keeping(repository) as keeper:
        await keeper.add("s1", "ana")
        await until(lambda: keeper.healthy, "it is healthy")
        auth = await repository.get_socket_auth("s1")
        await cache.store.execute("EXPIRE", "socket_auth:s1", 5)

        async def renewed():
            return await cache.store.execute("TTL", "socket_auth:s1") > 3_000

        await eventually(renewed, "it is renewed")
        assert await repository.get_socket_auth("s1") == auth
        await cache.store.unlink("socket_auth:s1")

        async def restored():
            return await repository.get_socket_auth("s1") is not None

        await eventually(restored, "it is back")


async def test_foreign_sockets_are_found_by_one_of_the_instances(repository, cache):
    """The keeper takes its turn with the walk over all keys."""
    async with keeping(repository, census_every=0.2):
        stored = await SocketAuthRepository(cache).set_socket_auth("s1", "ana")
        for key in await keys(cache):
            if key.startswith("socket_auth_index:") and "instance" not in key:
                await cache.store.unlink(key)

        async def adopted():
            return "s1" in await repository.get_sockets_by_user("ana")

        await eventually(adopted, "it is adopted")
        assert await repository.get_socket_auth("s1") == stored


@pytest.mark.parametrize(
    "options",
    [
        {"beat_every": 0.4},
        {"beat_every": 0},
        {"touch_every": 0},
        {"reap_every": 0.01},
        {"census_every": 9_999},
    ],
)
async def test_times_that_cannot_work_are_refused(repository, cache, options):
    """The error names the option, and what is allowed."""
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        keeping(repository, **options)
    with pytest.raises(ConfigurationError, match="instance"):
        SocketKeeper(SocketAuthRepository(cache))


async def test_no_error_ends_the_background_work(repository, monkeypatch, caplog):
    """Whatever goes wrong in a step is logged, and the step is tried again."""
    beat, failures = repository.beat, [ValueError("odd"), ValueError("odd")]

    async def failing():
        if failures:
            raise failures.pop()
        return await beat()

    async with keeping(repository) as keeper:
        await keeper.add("s1", "ana")
        monkeypatch.setattr(repository, "beat", failing)
        await until(lambda: not failures, "it has failed")
        at = keeper.last_beat
        await until(lambda: keeper.last_beat > at, "it beats again")
    assert "heartbeat failed" in caplog.text

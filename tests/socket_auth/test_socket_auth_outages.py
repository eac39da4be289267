"""A real server that is killed, paused and restarted, and processes that crash or hang."""

import asyncio
import os
import signal
from contextlib import asynccontextmanager

import pytest
from support.servers import until
from support.sockets import child, eventually, keys

import cachekit
from cachekit import CacheUnavailable
from cachekit.socket_auth import SocketAuthRepository, SocketKeeper
from cachekit.socket_auth.departures import Departures
from cachekit.socket_auth.held import Held

pytest_plugins = ["support.server_fixtures"]

HEARTBEAT = 1.0


@asynccontextmanager
async def gateway(url, instance, **options):
    """An instance of a service: its keeper and its repository."""
    options = {"beat_every": HEARTBEAT / 5, "touch_every": 0.1, "reap_every": HEARTBEAT / 4, **options}
    async with cachekit.connect(url, timeout=0.5) as cache:
        repository = SocketAuthRepository(cache, instance=instance, heartbeat=HEARTBEAT)
        async with SocketKeeper(repository, **options) as keeper:
            yield keeper, repository


async def ids(repository):
    return set(await repository.get_sockets_by_user("ana"))


async def test_redis_killed_and_restarted_empty(standalone):
    """Who is in stays, who has left stays away, who comes meanwhile is refused; then Redis knows it all."""
    async with gateway(standalone.url, "a") as (keeper, repository):
        for number in range(300):
            await keeper.add(f"s{number}", "ana")
        await keeper.bind("s2", "chat-2")
        before = await repository.get_socket_auth("s2")
        with standalone.dead():
            with pytest.raises(CacheUnavailable):
                await keeper.add("late", "ana")
            with pytest.raises(CacheUnavailable):
                await keeper.bind("s3", "chat-3")
            for number in range(100, 300):
                keeper.remove(f"s{number}")
            keeper.touch("s1")
            await until(lambda: not keeper.healthy, "the outage is seen")
            assert len(keeper) == 100
        await until(lambda: keeper.healthy and not keeper.leaving, "Redis knows it all")
        assert await ids(repository) == {f"s{number}" for number in range(100)}
        assert await repository.get_connected_sockets_count() == 100
        assert (await repository.get_socket_auth("s2")).session_id == "chat-2"
        assert (await repository.get_socket_auth("s2")).connected_at == before.connected_at
        assert (await repository.get_socket_auth("s3")).session_id is None


async def test_redis_hangs_and_wakes_up_with_what_it_was_sent(standalone):
    """It then runs commands that had been given up: what came of them is undone."""
    async with gateway(standalone.url, "a") as (keeper, repository):
        for name in ("s1", "s2", "s3"):
            await keeper.add(name, "ana")
        await keeper.bind("s3", "old")
        with standalone.paused():
            given_up = await asyncio.gather(
                keeper.add("late", "ana"), keeper.bind("s3", "new"), return_exceptions=True
            )
            assert all(isinstance(each, CacheUnavailable) for each in given_up)
            keeper.remove("s1")
            assert keeper.leaving == 2

        async def settled():
            bound = (await repository.get_socket_auth("s3")).session_id
            held = await repository.get_held_ids()
            return (await ids(repository), held, bound) == ({"s2", "s3"}, {"s2", "s3"}, "old")

        await eventually(settled, "Redis knows what is held, and nothing else")


async def test_a_gateway_starts_and_ends_without_redis(standalone):
    """It is not healthy, and lets people in as soon as Redis is there."""
    standalone.kill()
    async with gateway(standalone.url, "a") as (keeper, repository):
        with pytest.raises(CacheUnavailable):
            await keeper.add("early", "ana")
        assert not keeper.healthy
        standalone.start()
        await until(lambda: keeper.healthy, "it is healthy")
        await keeper.add("s1", "ana")
        assert await ids(repository) == {"s1"}
        standalone.kill()
        # What it holds cannot be removed; leaving the context does not wait for that for ever.
    standalone.start()


async def test_instances_do_not_reap_one_another_after_an_outage(standalone, monkeypatch):
    """All heartbeats were lost: everybody has time to beat again before anybody is reaped."""
    reaped = []
    reap = SocketAuthRepository.reap

    async def noted(self, instances=None):
        count = await reap(self, instances)
        reaped.append(count)
        return count

    monkeypatch.setattr(SocketAuthRepository, "reap", noted)
    async with gateway(standalone.url, "a") as (a, repository), gateway(standalone.url, "b") as (b, _):
        await a.add("a1", "ana")
        await b.add("b1", "ana")
        await until(lambda: len(reaped) > 4, "both have looked for the dead")
        with standalone.dead():
            await until(lambda: not a.healthy and not b.healthy, "the outage is seen")
        await until(lambda: a.healthy and b.healthy, "both have recovered")
        looked = len(reaped)
        await until(lambda: len(reaped) > looked + 4, "both look for the dead again")
        assert sum(reaped) == 0
        assert await ids(repository) == {"a1", "b1"}


async def test_a_process_that_was_killed_is_reaped(standalone):
    """After kill -9 the sockets it held are removed by another instance; the others' stay."""
    async with (
        gateway(standalone.url, "a") as (keeper, repository),
        child(standalone.url, "b", heartbeat=HEARTBEAT, count=30) as process,
    ):
        await keeper.add("a1", "ana")
        assert len(await ids(repository)) == 31
        process.kill()

        async def reaped():
            return await ids(repository) == {"a1"} and await repository.get_connected_sockets_count() == 1

        await eventually(reaped, "its sockets are gone")

        async def forgotten():
            return not [key for key in await keys(keeper._repository._cache) if "{b}" in key]

        await eventually(forgotten, "nothing of it is left")


async def test_a_process_that_hangs_comes_back_with_its_sockets(standalone):
    """SIGSTOP for longer than a heartbeat: it is taken for dead, wakes up, and registers what it holds."""
    async with (
        gateway(standalone.url, "a") as (_, repository),
        child(standalone.url, "b", heartbeat=HEARTBEAT, count=30) as process,
    ):
        os.kill(process.pid, signal.SIGSTOP)

        async def reaped():
            return await ids(repository) == set()

        await eventually(reaped, "it is taken for dead")
        os.kill(process.pid, signal.SIGCONT)

        async def back():
            return len(await ids(repository)) == await repository.get_connected_sockets_count() == 30

        await eventually(back, "it has registered what it holds")
        assert len(await repository.get_sockets_by_instance("b")) == 30


async def test_a_shard_of_the_cluster_fails_over(cluster):
    """Its sockets are known again, whatever the replica had missed."""
    async with gateway(cluster.url, "a") as (keeper, repository):
        for number in range(60):
            await keeper.add(f"s{number}", f"u{number % 3}")
        await cluster.fail_over(1)
        await until(lambda: keeper.healthy, "it is healthy")
        await eventually(lambda: keeps_all(repository), "all are known")
        await eventually(lambda: adds(keeper), "a socket gets in")
        keeper.remove("new")
        await until(lambda: not keeper.leaving, "it is removed")


async def keeps_all(repository):
    return len(await repository.get_sockets_by_instance()) == 60


async def adds(keeper):
    await keeper.add("new", "ana")
    return True


async def test_removals_are_remembered_up_to_a_bound(standalone):
    """While Redis is away the memory they take is limited; the newest are those that count."""
    async with cachekit.connect(standalone.url) as cache:
        repository = SocketAuthRepository(cache, instance="a")
        departures = Departures(repository, most=3)
        for number in range(5):
            await repository.set_socket_auth(f"s{number}", "ana")
            departures.add(f"s{number}", Held("ana"))
        assert len(departures) == 3
        await departures.drain()
        assert await ids(repository) == {"s0", "s1"}


async def test_removals_that_were_forgotten_are_found_again(standalone):
    """What Redis lists as ours and nobody holds goes when the keeper has found Redis again."""
    async with gateway(standalone.url, "a") as (keeper, repository):
        await until(lambda: keeper.healthy, "it is healthy")
        await keeper.add("s1", "ana")
        await repository.set_socket_auth("forgotten", "ana")
        assert await ids(repository) == {"s1", "forgotten"}
        standalone.call("DEL", "socket_auth_index:instance:{a}:beat")

        async def found():
            return await ids(repository) == {"s1"}

        await eventually(found, "it is removed")


async def test_a_removal_that_was_refused_is_tried_again(standalone, monkeypatch):
    """Until Redis takes it, though it was never away for long enough to be missed."""
    attempts = []
    remove = SocketAuthRepository.remove_many

    async def noted(self, users):
        attempts.append(users)
        return await remove(self, users)

    monkeypatch.setattr(SocketAuthRepository, "remove_many", noted)
    async with cachekit.connect(standalone.url) as cache:
        repository = SocketAuthRepository(cache, instance="a")
        await repository.set_socket_auth("s1", "ana")
        departures = Departures(repository)
        departures.add("s1", Held("ana"))
        with standalone.read_only():
            draining = asyncio.ensure_future(departures.drain())
            await until(lambda: len(attempts) > 2, "it was refused")
        await draining
        assert (len(departures), await ids(repository)) == (0, set())

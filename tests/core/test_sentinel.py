"""A real master with two replicas and three Sentinels: who is the master is asked at each connect."""

import asyncio

import pytest
from core.test_link import cancelled_at_every_turn, open_files
from core.test_tracking import Heard
from support.sentinel_server import MASTER, PATIENT
from support.servers import until

from cachekit.core.connection import MasterDialer, parse
from cachekit.core.store import open_store
from cachekit.errors import CacheUnavailable

pytest_plugins = ["support.server_fixtures"]


def opened(url):
    return open_store(url, app="watched", max_connections=4, timeout=2)


async def test_the_master_is_found(sentinels):
    """Commands, and a dedicated connection, go to the server that takes writes."""
    async with opened(sentinels.url) as store:
        await store.set("k", b"value", px=60_000)
        assert sentinels.master.call("GET", "k") == "value"
        async with store.dedicated("k") as own:
            assert (await own.execute("ROLE", timeout=1))[0] == b"master"


async def test_after_a_failover_the_new_master_is_found(sentinels):
    """By itself; the listener is told of the gap. Then the Sentinels bear silence again."""
    async with opened(sentinels.url) as store:
        heard = Heard()
        store.track("shop:", heard)
        await heard.hears("opened")
        await sentinels.fail_over()
        await heard.hears("lost")
        await heard.hears("opened")
        await store.set("shop:a", b"value", px=60_000)
        assert sentinels.master.call("GET", "shop:a") == "value"
        await heard.hears("shop:a")
    for sentinel in sentinels.sentinels:
        patience = sentinel.call("SENTINEL", "MASTER", MASTER)["down-after-milliseconds"]
        assert int(patience) == PATIENT


@pytest.mark.parametrize("verb", ["set", "pipeline"])
async def test_a_master_that_was_demoted_is_left(sentinels, verb):
    """READONLY: the connection is dropped, and the Sentinels are asked again."""
    async with opened(sentinels.url) as store:
        await store.ping()
        link = store._topology._link
        wire = link._wire
        master = sentinels.master
        with master.read_only():
            with pytest.raises(CacheUnavailable, match="Redis is read-only"):
                await written(store, verb)
            assert link._wire is not wire
        async with asyncio.timeout(10):
            while await outcome(store.set("k", b"value", px=60_000)) is not None:
                await asyncio.sleep(0.02)


async def written(store, verb):
    if verb == "set":
        await store.set("k", b"value", px=60_000)
    else:
        await store.pipeline([("GET", "k"), ("SET", "k", "value")])


async def outcome(call):
    try:
        await call
    except CacheUnavailable as error:
        return error


async def test_a_server_that_says_it_is_no_master_is_refused(sentinels, monkeypatch):
    """A Sentinel may be behind: the server itself is asked, too."""
    replica = next(server for server in sentinels.servers if server is not sentinels.master)

    async def named(self):
        return replica.address

    monkeypatch.setattr(MasterDialer, "_master", named)
    async with opened(sentinels.url) as store:
        with pytest.raises(CacheUnavailable, match="PING: ConnectionError"):
            await store.ping()


async def test_a_dead_sentinel_is_passed_over(sentinels):
    """The next one is asked, and is the first to be asked from then on."""
    dial = parse(sentinels.url.replace("://", "://127.0.0.1:1,"), app="watched", timeout=2).dial
    await (await dial()).disconnect()
    assert dial._sentinels[0] == sentinels.sentinels[0].address
    assert dial._sentinels[-1] != dial._sentinels[0]


async def test_a_sentinel_that_does_not_answer_is_passed_over(sentinels):
    """In its share of the time."""
    with sentinels.sentinels[0].paused():
        async with opened(sentinels.url) as store:
            await store.ping()


async def test_a_dial_cancelled_at_any_turn_leaves_nothing(sentinels):
    """It is cancelled, not returned, and no Sentinel and no server has a connection of it."""
    dial = parse(sentinels.url, app="watched", timeout=2).dial
    before = open_files()
    async for task in cancelled_at_every_turn(dial):
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: open_files() == before, "the socket is closed")
    servers = (*sentinels.servers, *sentinels.sentinels)
    await until(lambda: not any(map(watched, servers)), "nobody has a connection of ours")


def watched(server):
    """Our connections to `server`."""
    return [client for client in server.call("CLIENT LIST") if client["name"] == "watched"]


async def test_an_unknown_master_is_an_outage(sentinels):
    """The Sentinels answer, and know no such name."""
    async with opened(sentinels.url.replace("/mymaster", "/other")) as store:
        with pytest.raises(CacheUnavailable, match="MasterNotFoundError"):
            await store.ping()
    assert asyncio.all_tasks() == {asyncio.current_task()}

"""A real master with two replicas and three Sentinels: who is the master is asked at each connect."""

import asyncio

import pytest
from core.test_tracking import Heard
from redis.asyncio.sentinel import Sentinel

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
    """By itself; the listener is told of the gap."""
    async with opened(sentinels.url) as store:
        heard = Heard()
        store.track("shop:", heard)
        await heard.hears("opened")
        await sentinels.fail_over()
        await heard.hears("lost")
        await heard.hears("opened")
        async with asyncio.timeout(10):
            # The Sentinels of a busy machine may change their mind once more.
            while sentinels.master.call("GET", "shop:a") != "value":
                await outcome(store.set("shop:a", b"value", px=60_000))
        await heard.hears("shop:a")


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

    async def named(self, name):
        return replica.address

    monkeypatch.setattr(Sentinel, "discover_master", named)
    async with opened(sentinels.url) as store:
        with pytest.raises(CacheUnavailable, match="PING: ConnectionError"):
            await store.ping()


async def test_a_dead_sentinel_is_passed_over(sentinels):
    """The next one is asked."""
    async with opened(sentinels.url.replace("://", "://127.0.0.1:1,")) as store:
        await store.ping()


async def test_an_unknown_master_is_an_outage(sentinels):
    """The Sentinels answer, and know no such name."""
    async with opened(sentinels.url.replace("/mymaster", "/other")) as store:
        with pytest.raises(CacheUnavailable, match="MasterNotFoundError"):
            await store.ping()
    assert asyncio.all_tasks() == {asyncio.current_task()}

"""Who hears of a changed key: pushes on the connection that carries the replies."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from support.servers import until

from cachekit.core.store import open_store
from cachekit.core.tracking import JointListener

pytest_plugins = ["support.server_fixtures"]


class Heard:
    """A listener that writes down what it hears."""

    def __init__(self):
        self.events = []

    def changed(self, key):
        self.events.append(key)

    def flushed(self):
        self.events.append("flushed")

    def opened(self):
        self.events.append("opened")

    def lost(self):
        self.events.append("lost")

    async def hears(self, event):
        await until(lambda: event in self.events, f"the listener hears {event!r}")
        self.events.remove(event)


@asynccontextmanager
async def tracked(server, *prefixes, url=None, **options):
    """A store, and a listener that hears of all `prefixes`."""
    options = {"app": "tracked", "max_connections": 4, "timeout": 2.0, **options}
    async with open_store(url or server.url, **options) as store:
        heard = Heard()
        for prefix in prefixes:
            store.track(prefix, heard)
        await store.ping()
        yield store, heard


async def test_a_foreign_write_is_heard(standalone):
    """Set, removed, expired: each is a change, and other prefixes are not."""
    async with tracked(standalone, "shop:") as (_, heard):
        assert heard.events == ["opened"]
        standalone.call("SET", "other:a", "1")
        standalone.call("SET", "shop:a", "1")
        await heard.hears("shop:a")
        standalone.call("DEL", "shop:a")
        await heard.hears("shop:a")
        standalone.call("SET", "shop:b", "1", "PX", 1)
        await heard.hears("shop:b")
        await heard.hears("shop:b")
        assert heard.events == ["opened"]


async def test_an_own_write_is_heard_too(standalone):
    """Its echo evicts: two nodes that write one key must not keep different values."""
    async with tracked(standalone, "shop:") as (store, heard):
        await store.set("shop:a", b"1", px=60_000)
        await heard.hears("shop:a")


async def test_a_change_is_heard_before_a_reply_that_comes_after_it(standalone):
    """Replies and pushes come in one stream: who has the new value has heard of it."""
    async with tracked(standalone, "shop:") as (store, heard):
        for number in range(100):
            standalone.call("SET", "shop:a", number)
            assert await store.get("shop:a") == str(number).encode()
            assert heard.events.count("shop:a") == number + 1


@pytest.mark.parametrize("command", ["FLUSHALL", "FLUSHDB"])
async def test_a_flush_is_heard_by_all(standalone, command):
    """The null push names no key: whatever one holds may be gone."""
    async with tracked(standalone, "shop:", "auth:") as (_, heard):
        standalone.call(command)
        await heard.hears("flushed")
        await heard.hears("flushed")


async def test_a_prefix_tracked_later_is_added(standalone):
    """On the connection that is up, without losing what was there."""
    async with tracked(standalone, "shop:") as (store, heard):
        later = Heard()
        store.track("auth:", later)
        await later.hears("opened")
        standalone.call("SET", "auth:a", "1")
        await later.hears("auth:a")
        standalone.call("SET", "shop:a", "1")
        await heard.hears("shop:a")
        assert heard.events == ["opened"]


async def test_another_listener_takes_a_prefix_over(standalone):
    """It is told at once that the prefix is heard; the former one hears nothing more."""
    async with tracked(standalone, "shop:") as (store, heard):
        second = Heard()
        store.track("shop:", second)
        assert second.events == ["opened"]
        standalone.call("SET", "shop:a", "1")
        await second.hears("shop:a")
        assert heard.events == ["opened"]


async def test_a_dropped_connection_is_lost_and_opened_again(standalone):
    """Without any command of ours, and tracking goes on for every prefix."""
    async with tracked(standalone, "shop:") as (_, heard):
        standalone.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await heard.hears("lost")
        await until(lambda: heard.events == ["opened", "opened"], "it is opened again")
        standalone.call("SET", "shop:a", "1")
        await heard.hears("shop:a")


async def test_a_silent_server_is_lost_though_nobody_asks(standalone):
    """An idle connection that tracks is pinged: a half-open socket must not serve old values for ever."""
    async with tracked(standalone, "shop:", timeout=0.1) as (_, heard):
        with standalone.paused():
            await heard.hears("lost")
        await until(lambda: heard.events == ["opened", "opened"], "it is opened again")


async def test_a_server_that_is_away_at_first_is_tracked_once_it_is_there(standalone):
    """Tracking connects by itself, again and again."""
    with standalone.dead():
        opening = open_store(standalone.url, app="tracked", max_connections=1, timeout=1)
        store = await opening.__aenter__()
        heard = Heard()
        store.track("shop:", heard)
        await until(lambda: store._topology._link._recovery.hopeless, "an attempt has failed")
        assert heard.events == []
    await heard.hears("opened")
    await opening.__aexit__(None, None, None)


async def test_a_server_without_pushes_never_opens(standalone):
    """RESP2: all else works."""
    async with tracked(standalone, "shop:", url=f"{standalone.url}?protocol=2") as (store, heard):
        await store.set("shop:a", b"1", px=60_000)
        assert await store.get("shop:a") == b"1"
        assert heard.events == []


async def test_a_user_without_permission_never_opens(standalone):
    """CLIENT TRACKING refused by an ACL: all else works."""
    standalone.call("ACL", "SETUSER", "bob", "on", ">secret", "~*", "+@all", "-client", "+client|setname")
    where = standalone.url.replace("redis://", "redis://bob:secret@")
    async with tracked(standalone, "shop:", url=where) as (store, heard):
        await store.set("shop:a", b"1", px=60_000)
        assert await store.get("shop:a") == b"1"
        assert heard.events == []
    standalone.call("ACL", "DELUSER", "bob")


async def test_the_oldest_redis_pushes(old_standalone):
    """6.2: tracking works there, too."""
    async with tracked(old_standalone, "shop:") as (store, heard):
        await store.set("shop:a", b"1", px=60_000)
        await heard.hears("shop:a")


async def test_memory_never_opens():
    """Fakeredis pushes nothing, and nothing is promised."""
    async with tracked(None, "shop:", url="memory://") as (store, heard):
        await store.set("shop:a", b"1", px=60_000)
        await asyncio.sleep(0)
        assert heard.events == []


def test_a_joint_listener_is_open_while_all_its_parts_are():
    """Opened with the last part, lost with the first."""
    heard = Heard()
    joint = JointListener(heard)
    one, other = joint.reopen(2)
    one.opened()
    assert heard.events == []
    other.opened()
    one.lost()
    other.lost()
    assert heard.events == ["opened", "lost"]


def test_a_joint_listener_that_is_reopened_forgets_its_former_parts():
    """What they tell of themselves means nothing any more; a change they hear is a change."""
    heard = Heard()
    joint = JointListener(heard)
    (former,) = joint.reopen(1)
    former.opened()
    (current,) = joint.reopen(1)
    assert heard.events == ["opened", "lost"]
    former.opened()
    former.changed("shop:a")
    assert heard.events == ["opened", "lost", "shop:a"]
    current.opened()
    former.lost()
    assert heard.events == ["opened", "lost", "shop:a", "opened"]

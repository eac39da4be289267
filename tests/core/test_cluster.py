"""A real cluster of three primaries and three replicas: routing, redirections, failover."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from core.test_tracking import Heard
from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisConnectionError
from support.servers import until

from cachekit.core.cluster import Cluster
from cachekit.core.connection import parse
from cachekit.core.slots import SlotMap, read_slots, slot_of
from cachekit.core.store import open_store
from cachekit.errors import CacheUnavailable

pytest_plugins = ["support.server_fixtures"]

KEYS = [f"shop:{number}" for number in range(60)]


@asynccontextmanager
async def opened(cluster, **options):
    options = {"app": "clustered", "max_connections": 8, "timeout": 2.0, **options}
    async with open_store(cluster.url, **options) as store:
        yield store


def calls(cluster, command):
    """How often each primary has run a command."""
    stats = [cluster.primary(shard).call("INFO", "commandstats") for shard in range(3)]
    return [each.get(f"cmdstat_{command}", {}).get("calls", 0) for each in stats]


async def test_keys_go_to_their_owners(cluster):
    """One at a time and many at once; replies come in the caller's order."""
    async with opened(cluster) as store:
        await store.pipeline([("SET", key, key) for key in KEYS])
        assert all(count > 0 for count in calls(cluster, "set"))
        assert await store.get_many(KEYS) == [key.encode() for key in KEYS]
        assert [await store.get(key) for key in KEYS] == [key.encode() for key in KEYS]
        assert await store.unlink(*KEYS) == len(KEYS)


async def test_one_connection_for_each_primary(cluster):
    """However many callers there are."""
    async with opened(cluster) as store:
        await asyncio.gather(*(store.get(f"k{number}") for number in range(1_000)))
        for shard in range(3):
            names = [client["name"] for client in cluster.primary(shard).call("CLIENT LIST")]
            assert names.count("clustered") == 1


async def test_a_script_runs_where_its_keys_are(cluster):
    """Several keys share a slot."""
    async with opened(cluster) as store:
        keys = [[f"{{{number}}}a", f"{{{number}}}b"] for number in range(30)]
        before = calls(cluster, "eval")
        found = await asyncio.gather(*(store.run_script("return KEYS", pair) for pair in keys))
        assert found == [[key.encode() for key in pair] for pair in keys]
        after = calls(cluster, "eval")
        assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 1], "a text a node"
        with pytest.raises(CacheUnavailable, match="different slots"):
            await store.run_script("return KEYS", ["a", "b"])


async def test_scan_and_ping_ask_every_primary(cluster):
    """A walk finds what each of them holds; one that is away is an outage."""
    async with opened(cluster) as store:
        await store.pipeline([("SET", key, "1") for key in KEYS])
        found = {key.decode() async for batch in store.scan("shop:*") for key in batch}
        assert found == set(KEYS)
        before = calls(cluster, "ping")
        await store.ping()
        assert all(after > one for after, one in zip(calls(cluster, "ping"), before, strict=True))


async def test_a_slot_under_way_is_asked_for_at_its_new_home(cluster):
    """ASK: single reads, many reads and writes, while the slot is moving."""
    async with opened(cluster) as store:
        await store.pipeline([("SET", key, key) for key in KEYS])
        slot = key_slot(KEYS[0].encode())
        with cluster.moving(slot, (cluster.shard_of(slot) + 1) % 3):
            assert await store.get(KEYS[0]) == KEYS[0].encode()
            assert await store.get_many(KEYS) == [key.encode() for key in KEYS]
            assert await store.get_with_expiry(KEYS[0]) == (KEYS[0].encode(), -1)
            await store.set(KEYS[0], b"new", px=60_000)
            assert await store.get(KEYS[0]) == b"new"
        assert await store.get(KEYS[0]) == b"new"


@pytest.fixture
def nameless(cluster):
    """A cluster behind a NAT: its nodes do not know the host that clients know them by."""
    option, nodes = "cluster-preferred-endpoint-type", [cluster.primary(shard) for shard in range(3)]
    for node in nodes:
        node.call("CONFIG SET", option, "unknown-endpoint")
    yield cluster
    for node in nodes:
        node.call("CONFIG SET", option, "ip")


async def test_a_redirection_without_a_host_means_the_one_that_was_asked(nameless):
    """ASK and MOVED; Redis 7.0 and later."""
    slot = key_slot(KEYS[0].encode())
    to = (nameless.shard_of(slot) + 1) % 3
    async with opened(nameless) as store:
        await store.set(KEYS[0], b"1", px=60_000)
        with nameless.moving(slot, to):
            await store.set(KEYS[0], b"2", px=60_000)
            assert await store.get_many(KEYS[:2]) == [b"2", None]
        assert await store.get(KEYS[0]) == b"2"


async def test_a_moved_slot_is_found(cluster):
    """MOVED: nobody notices, and the next command goes there directly."""
    async with opened(cluster) as store:
        await store.set(KEYS[0], b"1", px=60_000)
        slot = key_slot(KEYS[0].encode())
        cluster.move_slot(slot, (cluster.shard_of(slot) + 1) % 3)
        assert (await store.get_with_expiry(KEYS[0]))[0] == b"1"
        assert await store.get(KEYS[0]) == b"1"
        assert await store.get_many(KEYS[:2]) == [b"1", None]
        assert store._topology._slots[slot] is not None
        owner = cluster.primary((cluster.shard_of(slot) + 1) % 3).address
        assert store._topology._slots[slot] is store._topology._links[owner]


async def test_a_dead_primary_is_replaced_by_its_replica(cluster):
    """Other slots are served meanwhile; these come back by themselves."""
    async with opened(cluster) as store:
        await store.pipeline([("SET", key, key) for key in KEYS])
        slot = key_slot(KEYS[0].encode())
        await cluster.fail_over(cluster.shard_of(slot))
        await works(store, KEYS[0])
        await store.set(KEYS[0], b"new", px=60_000)
        assert await store.get(KEYS[0]) == b"new"
        await store.ping()


async def works(store, key):
    async with asyncio.timeout(10):
        while True:
            try:
                await store.get(key)
            except CacheUnavailable:
                await asyncio.sleep(0.02)
            else:
                return


async def test_every_primary_is_tracked(cluster):
    """Opened when all track; a write on any of them is heard, a flush of one too."""
    async with opened(cluster) as store:
        heard = Heard()
        store.track("shop:", heard)
        await heard.hears("opened")
        for shard in range(3):
            key = next(key for key in KEYS if cluster.shard_of(key_slot(key.encode())) == shard)
            cluster.primary(shard).call("SET", key, "1")
            await heard.hears(key)
        cluster.primary(0).call("FLUSHALL")
        await heard.hears("flushed")
        assert "lost" not in heard.events


async def test_one_lost_primary_is_all_lost(cluster):
    """What it would have pushed is not heard: nothing may be trusted until all are back."""
    async with opened(cluster) as store:
        heard = Heard()
        store.track("shop:", heard)
        await heard.hears("opened")
        cluster.primary(1).call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await heard.hears("lost")
        await heard.hears("opened")
        assert heard.events == []


async def test_a_change_of_the_map_is_all_lost_and_opened_again(cluster):
    """After a failover the new primary is tracked, too."""
    async with opened(cluster) as store:
        heard = Heard()
        store.track("shop:", heard)
        await heard.hears("opened")
        slot = key_slot(KEYS[0].encode())
        new = await cluster.fail_over(cluster.shard_of(slot))
        await heard.hears("lost")
        await until(lambda: heard.events.count("opened") > heard.events.count("lost"), "opened again")
        new.call("SET", KEYS[0], "1")
        await heard.hears(KEYS[0])


async def test_a_dedicated_connection_goes_to_the_keys_owner(cluster):
    """For every key, so that a blocking command is not redirected."""
    async with opened(cluster) as store:
        for key in KEYS[:6]:
            async with store.dedicated(key) as own:
                assert await own.execute("BLPOP", key, 0.01, timeout=2) is None


async def test_the_budget_counts_every_node(cluster):
    """Three primaries do not fit into two connections, and the error says so."""
    async with opened(cluster, max_connections=2, timeout=0.2) as store:
        with pytest.raises(CacheUnavailable, match="max_connections=2"):
            await store.ping()


async def test_a_server_that_is_no_cluster_says_so(standalone):
    """A wrong scheme in the URL is not taken for an outage."""
    url = standalone.url.replace("redis://", "redis+cluster://")
    async with open_store(url, app="clustered", max_connections=4, timeout=1) as store:
        with pytest.raises(CacheUnavailable, match="no part of a cluster"):
            await store.get("k")


async def test_the_map_is_found_by_any_seed_that_answers(cluster):
    """The first one is dead."""
    url = cluster.url.replace("://", "://127.0.0.1:1,")
    async with open_store(url, app="clustered", max_connections=8, timeout=2) as store:
        assert await store.get("k") is None


async def test_a_cluster_that_is_away_fails_at_once_after_the_first_attempt():
    """And nothing is left behind on closing."""
    async with open_store("redis+cluster://127.0.0.1:1", app="c", max_connections=8, timeout=1) as store:
        for _ in range(100):
            with pytest.raises(CacheUnavailable, match="CLUSTER SLOTS: the connection was refused"):
                await store.get("k")
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_map_that_cannot_be_read_is_tried_again_for_who_tracks(cluster):
    """Nobody has to ask: when a node answers, tracking begins."""
    target = parse(cluster.url, app="clustered", timeout=2)
    refusals = [RedisConnectionError("refused")] * 3

    async def dial(address):
        if refusals:
            raise refusals.pop()
        return await target.dial(address)

    found, heard = Cluster(dial, target.seeds, max_connections=8, timeout=2), Heard()
    found.track("shop:", heard)
    await heard.hears("opened")
    assert refusals == []
    await found.aclose()


async def test_a_node_that_only_a_redirection_names_is_tracked_too(cluster):
    """A key on its way to a node without slots changes there, and that must be heard."""
    async with opened(cluster) as store:
        heard = Heard()
        store.track("shop:", heard)
        await heard.hears("opened")
        replica = next(node for node in cluster.nodes if node.call("ROLE")[0] == "slave")
        link = store._topology._link(replica.address)
        await heard.hears("lost")
        await heard.hears("opened")
        store._topology._refresh()
        await until(lambda: link not in store._topology._links.values(), "the map does not know it")
        await heard.hears("lost")
        await heard.hears("opened")


def test_the_map_is_read_from_cluster_slots():
    """A node that does not know its own host is where we asked."""
    reply = [
        [8_192, 16_383, [b"", 7_001, b"id"]],
        [0, 8_191, [b"10.0.0.1", 7_000, b"id", []], [None, 7_002, b"id"]],
    ]
    found = read_slots(reply, asked=("seed", 6_379))
    assert found == SlotMap(
        ranges=((0, 8_191, ("10.0.0.1", 7_000)), (8_192, 16_383, ("seed", 7_001))),
        nodes=(("seed", 7_001), ("10.0.0.1", 7_000), ("seed", 7_002)),
    )
    assert found.primaries == (("10.0.0.1", 7_000), ("seed", 7_001))
    assert [found.owner(slot) for slot in (0, 8_192)] == [("10.0.0.1", 7_000), ("seed", 7_001)]
    assert SlotMap().owner(0) is None


@pytest.mark.parametrize(
    ("command", "slot"),
    [
        (("GET", "foo"), 12_182),
        (("GET", b"foo"), 12_182),
        (("get", "{foo}bar"), 12_182),
        (("EVAL", "return 1", 1, "foo"), 12_182),
        (("evalsha", "0" * 40, 1, "foo", "bar"), 12_182),
        (("EVAL", "return 1", 0), None),
        (("DBSIZE",), None),
    ],
)
def test_the_slot_of_a_command(command, slot):
    """By its key: after the name, or of a script after the count. CRC16 as in the specification."""
    assert slot_of(command) == slot

"""The servers that other tests are made with do what they promise."""

import os
from pathlib import Path

import pytest
import redis
from support.servers import Server, free_port

pytest_plugins = ["support.server_fixtures"]

TROUBLES = {
    "dead": redis.ConnectionError,
    "paused": redis.TimeoutError,
    "read_only": redis.exceptions.ReadOnlyError,
    "out_of_memory": redis.exceptions.OutOfMemoryError,
    "crowded": redis.exceptions.MaxConnectionsError,
}


def client(server):
    return redis.Redis.from_url(server.url, socket_timeout=0.2, retry=None)


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("kind", ["standalone", "old_standalone"])
def test_a_trouble_is_what_it_says_and_ends_with_its_context(kind, trouble, request):
    """Inside the context a write fails in the trouble's own way; after it the server is well."""
    server = request.getfixturevalue(kind)
    with getattr(server, trouble)(), client(server) as there, pytest.raises(redis.RedisError) as caught:
        there.set("a", 1)
    assert isinstance(caught.value, TROUBLES[trouble]) or "max number of clients" in str(caught.value)
    with client(server) as there:
        assert there.set("a", 1)


def test_a_server_leaves_nothing_behind(server_binary):
    """Neither a process nor a folder, even if it was killed or stands still."""
    for trouble in ("dead", "paused"):
        with Server() as server, getattr(server, trouble)():
            folder, pid = server.home, server.pid
        assert not Path(folder).exists()
        if pid is not None:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


def test_a_server_comes_back_on_its_port(standalone):
    """Clients find it again where it was."""
    before = standalone.url
    with standalone.dead():
        pass
    assert standalone.url == before


def test_a_free_port_leaves_room_for_the_bus():
    """A cluster node listens 10,000 higher, too."""
    assert free_port() + 10_000 < 65_536


def test_tls_asks_for_the_password(tls_server):
    """The certificate is trusted by its URL, and without the password there is no answer."""
    with redis.Redis.from_url(tls_server.url) as there:
        assert there.ping()
    _, _, where = tls_server.url.rpartition("@")
    with redis.Redis.from_url(f"rediss://{where}") as there, pytest.raises(redis.AuthenticationError):
        there.ping()


async def test_a_replica_takes_over_its_shard(cluster):
    """After fail_over the other server of the shard takes its writes; heal brings the dead one back."""
    old = cluster.primary(0)
    new = await cluster.fail_over(0)
    assert cluster.primary(0) is new is not old
    assert not old.up
    await cluster.heal()
    assert old.call("ROLE")[0] == "slave"


async def test_a_slot_moves_by_ask_and_then_by_moved(cluster):
    """On its way the old owner answers ASK, afterwards MOVED, and the keys have gone along."""
    slot = cluster.nodes[0].call("CLUSTER", "KEYSLOT", "a")
    home = cluster.shard_of(slot)
    cluster.primary(home).call("SET", "a", "1")
    away = (home + 1) % 3
    with cluster.moving(slot, away), pytest.raises(redis.exceptions.AskError):
        cluster.primary(home).call("GET", "a")
    with pytest.raises(redis.exceptions.MovedError):
        cluster.primary(home).call("GET", "a")
    assert cluster.primary(away).call("GET", "a") == "1"
    await cluster.heal()
    assert cluster.primary(home).call("GET", "a") == "1"


async def test_sentinels_name_another_master(sentinels):
    """After fail_over all Sentinels agree on a master that is another; heal brings the dead one back."""
    old = sentinels.master
    assert await sentinels.fail_over() is not old
    await sentinels.heal()
    assert old.call("ROLE")[0] == "slave"

"""The one gateway: what it gives, and what it makes of refusals."""

import asyncio

import pytest
from redis import exceptions
from support.servers import until

from cachekit.core import refusal
from cachekit.core.refusal import reply_error, unavailable
from cachekit.core.store import open_store, open_stores
from cachekit.errors import CacheClosed, CacheUnavailable
from cachekit.testing import ChaosProxy

pytest_plugins = ["support.server_fixtures"]


@pytest.fixture(params=["server", "memory"])
async def store(request):
    """The same contract over a real server and over fakeredis."""
    url = "memory://" if request.param == "memory" else request.getfixturevalue("standalone").url
    async with open_store(url, app="stored", max_connections=4, timeout=2) as opened:
        yield opened


async def test_bytes_in_bytes_out(store):
    """Nothing is decoded, nothing is added."""
    value = bytes(range(256))
    await store.set("k", value, px=60_000)
    assert await store.get("k") == value
    assert await store.get("x") is None
    assert 0 < await store.execute("PTTL", "k") <= 60_000


async def test_another_type_is_empty_bytes(store):
    """Whoever wrote it there: it is no value of ours, and no error either."""
    await store.execute("RPUSH", "list", "a")
    await store.set("k", b"value", px=60_000)
    assert await store.get("list") == b""
    assert await store.get_many(["k", "list", "x"]) == [b"value", b"", None]
    assert await store.get_many([]) == []


async def test_an_expiry_comes_with_the_value(store):
    """In milliseconds; -1 for a value that stays, -2 where there is none. Another type is empty bytes."""
    await store.set("k", b"value", px=60_000)
    value, left = await store.get_with_expiry("k")
    assert value == b"value"
    assert 0 < left <= 60_000
    await store.pipeline([("SET", "stays", "1"), ("RPUSH", "list", "a")])
    assert await store.get_with_expiry("stays") == (b"1", -1)
    assert await store.get_with_expiry("list") == (b"", -1)
    assert await store.get_with_expiry("x") == (None, -2)


async def test_expiries_of_one_key_in_one_batch_are_asked_for_once(standalone):
    """As `get`: only the first was written before the others came, and a write in between starts anew."""
    async with open_store(standalone.url, app="stored", max_connections=4, timeout=2) as store:
        await store.set("k", b"old", px=60_000)
        standalone.call("CONFIG", "RESETSTAT")
        reads = [store.get_with_expiry("k") for _ in range(1_000)]
        write = store.set("k", b"new", px=120_000)
        *_, (value, left) = await asyncio.gather(*reads, write, store.get_with_expiry("k"))
        assert calls(standalone, "get", "pttl") == [3, 3]
        assert value == b"new"
        assert left > 60_000


async def test_what_expires_as_it_is_read_has_nothing_left_to_live(standalone, monkeypatch):
    """Not -1 and not -2, which a reader might take for no limit."""
    async with open_store(standalone.url, app="stored", max_connections=4, timeout=2) as store:
        replies = asyncio.get_running_loop().create_future()
        replies.set_result([b"value", -2])
        monkeypatch.setattr(store._topology, "get_with_expiry", lambda _: replies)
        assert await store.get_with_expiry("k") == (b"value", 0)


async def test_an_expiry_that_is_refused_is_an_outage(standalone):
    """Whichever of the two commands it was."""
    standalone.call("ACL", "SETUSER", "reader", "on", ">secret", "~*", "+@all", "-pttl")
    url = standalone.url.replace("://", "://reader:secret@")
    async with open_store(url, app="stored", max_connections=4, timeout=2) as store:
        with pytest.raises(CacheUnavailable, match="does not permit"):
            await store.get_with_expiry("k")
    standalone.call("ACL", "DELUSER", "reader")


async def test_unlink_counts_what_was_there(store):
    """One key or many."""
    await store.pipeline([("SET", f"k{number}", "1") for number in range(3)])
    assert await store.unlink("k0") == 1
    assert await store.unlink("k0", "k1", "k2") == 2


async def test_a_pipeline_answers_in_order(store):
    """With the shapes that redis-py gives replies."""
    replies = await store.pipeline([("SET", "k", 1), ("INCRBY", "k", 2), ("GET", "k"), ("HGETALL", "x")])
    assert replies == [True, 3, b"3", {}]
    assert await store.pipeline([]) == []
    await store.execute("HSET", "hash", "a", 1)
    assert await store.execute("HGETALL", "hash") == {b"a": b"1"}


async def test_a_refused_command_of_a_pipeline_is_raised_after_all_have_run(store):
    """The others have had their effect."""
    with pytest.raises(CacheUnavailable, match="pipeline"):
        await store.pipeline([("SET", "k", "a"), ("INCR", "k"), ("SET", "x", "1")])
    assert await store.get("x") == b"1"


async def test_a_script_travels_once(standalone):
    """Its text goes first, and again where the server has lost it: once, however many call at that moment."""
    script = "return {KEYS[1], ARGV[1]}"
    standalone.call("CONFIG", "RESETSTAT")
    async with open_store(standalone.url, app="stored", max_connections=4, timeout=2) as store:
        for lost in range(2):
            runs = (store.run_script(script, ["k"], str(number)) for number in range(20))
            found = await asyncio.gather(*runs)
            assert found == [[b"k", str(number).encode()] for number in range(20)]
            assert calls(standalone, "eval", "evalsha") == [1, 39 if lost else 19]
            standalone.call("SCRIPT", "FLUSH")
        assert await store.run_script("return #KEYS", ["{t}a", "{t}b"]) == 2


def calls(server, *commands):
    """How often the server has run each, those it refused included, since we asked last."""
    stats = server.call("INFO", "commandstats")
    server.call("CONFIG", "RESETSTAT")
    return [stats.get(f"cmdstat_{command}", {"calls": 0})["calls"] for command in commands]


async def test_scan_finds_what_is_there(store):
    """In batches, by glob."""
    await store.pipeline([("SET", f"k{number}", "1") for number in range(1_200)])
    await store.set("other", b"1", px=60_000)
    found = [key async for batch in store.scan("k*") for key in batch]
    assert set(found) == {f"k{number}".encode() for number in range(1_200)}


async def test_a_dedicated_connection_may_block(store):
    """Others are served meanwhile, and it hears what they write."""
    async with store.dedicated("s") as own:
        waiting = asyncio.create_task(own.execute("XREAD", "BLOCK", 5_000, "STREAMS", "s", "$", timeout=6))
        await asyncio.sleep(0.05)
        identity = await store.execute("XADD", "s", "*", "a", "1")
        assert await waiting == {b"s": [[(identity, {b"a": b"1"})]]}


async def test_a_dedicated_connection_is_not_waited_for_without_end(standalone):
    """A server that takes the connection and says nothing: the handshake has its bound, too."""
    async with (
        asyncio.timeout(10),
        ChaosProxy(standalone.url) as proxy,
        open_store(proxy.url, app="x", max_connections=1, timeout=0.05) as store,
    ):
        await proxy.black_hole()
        for _ in range(2):  # The first has given its place in the budget back.
            with pytest.raises(CacheUnavailable, match="did not answer connect within"):
                await store.dedicated("k").__aenter__()


@pytest.mark.parametrize("protocol", [2, 3])
async def test_replies_have_redis_pys_shapes_whatever_the_protocol(standalone, protocol):
    """A shape of the one protocol makes nothing of the other's replies."""
    async with open_store(
        f"{standalone.url}?protocol={protocol}", app="x", max_connections=2, timeout=2
    ) as store:
        await store.execute("HSET", "h", "a", "1")
        assert await store.execute("HGETALL", "h") == {b"a": b"1"}
        assert await store.pipeline([("HGETALL", "h")]) == [{b"a": b"1"}]
        async with store.dedicated("h") as connection:
            assert await connection.execute("HGETALL", "h", timeout=2) == {b"a": b"1"}


async def test_a_dedicated_connection_that_is_late_stays_broken(standalone):
    """The reply might still come, and would be another command's."""
    async with open_store(standalone.url, app="stored", max_connections=4, timeout=2) as store:
        async with store.dedicated("s") as own:
            with pytest.raises(CacheUnavailable, match="did not answer BLPOP"):
                await own.execute("BLPOP", "s", 0, timeout=0.05)
            with pytest.raises(CacheUnavailable, match="broke before"):
                await own.execute("PING", timeout=1)
        async with store.dedicated("s") as own:
            with pytest.raises(CacheUnavailable, match="ResponseError"):
                await own.execute("NONSENSE", timeout=1)
            assert await own.execute("ECHO", "a", timeout=1) == b"a"


async def test_a_cancelled_dedicated_command_breaks_its_connection(standalone):
    """As a late one."""
    opening = open_store(standalone.url, app="stored", max_connections=4, timeout=2)
    async with opening as store, store.dedicated("s") as own:
        task = asyncio.create_task(own.execute("BLPOP", "s", 0, timeout=5))
        await until(lambda: standalone.call("INFO", "clients")["blocked_clients"] == 1, "it blocks")
        task.cancel()
        await asyncio.wait([task])
        with pytest.raises(CacheUnavailable, match="broke before"):
            await own.execute("PING", timeout=1)


async def test_the_budget_counts_every_connection(standalone):
    """Shared and dedicated; who finds it used up waits, and is told the option's name and value."""
    async with open_store(standalone.url, app="stored", max_connections=2, timeout=0.1) as store:
        await store.ping()
        async with store.dedicated("a"):
            with pytest.raises(CacheUnavailable, match="max_connections=2"):
                async with store.dedicated("b"):
                    pass
        async with store.dedicated("b") as own:
            assert await own.execute("PING", timeout=1)


async def test_who_waits_for_a_connection_gets_the_one_that_is_given_back(standalone):
    """First come, first served, within the timeout."""
    async with open_store(standalone.url, app="stored", max_connections=1, timeout=2) as store:
        async with store.dedicated("a"):
            waiting = asyncio.create_task(store.ping())
            await asyncio.sleep(0)
        await waiting


async def test_a_link_without_a_connection_to_have_says_so(standalone):
    """A cache whose budget others have used up is away, and tells why."""
    opening = open_store(standalone.url, app="stored", max_connections=1, timeout=0.05)
    async with opening as store, store.dedicated("a"):
        with pytest.raises(CacheUnavailable, match="max_connections=1") as caught:
            await store.get("k")
        assert caught.value.operation == "GET"


@pytest.mark.parametrize("url", ["memory://", "embedded://"])
def test_each_loop_makes_its_own_store_of_one_server(url):
    """What one loop has written another one reads; nothing of a store outlives its loop."""
    with open_stores(url, app="stored", max_connections=2, timeout=2) as make:

        async def swap(value):
            store = make()
            found = await store.execute("GETSET", "k", value)
            await store.aclose()
            return found

        assert [asyncio.run(swap(value)) for value in ("a", "b")] == [None, b"a"]


async def test_a_closed_store_refuses(store):
    """Everything, with CacheClosed."""
    store.close()
    for call in (
        store.get("k"),
        store.get_many(["k"]),
        store.get_with_expiry("k"),
        store.set("k", b"", px=1),
        store.pipeline([("GET", "k")]),
        store.run_script("return 1", "k"),
        store.ping(),
        anext(store.scan("*")),
    ):
        with pytest.raises(CacheClosed):
            await call
    with pytest.raises(CacheClosed):
        store.dedicated("k")


async def test_the_arguments_of_an_unknown_command_are_in_no_traceback(standalone):
    """Redis echoes them, and a server may have renamed the command that writes a value."""
    async with open_store(standalone.url, app="x", max_connections=2, timeout=2) as store:
        with pytest.raises(CacheUnavailable) as raised:
            await store.execute("RENAMED", "k", "a secret")
    assert str(raised.value.__cause__) == "ERR unknown command 'RENAMED'"


async def test_a_command_of_wrong_words_is_unavailable_not_a_crash(standalone):
    """None and True have no form on the wire; the connection goes on."""
    async with open_store(standalone.url, app="stored", max_connections=1, timeout=2) as store:
        with pytest.raises(CacheUnavailable, match="DataError"):
            await store.execute("SET", "k", None)
        await store.ping()


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("READONLY You can't write against a read only replica.", "ReadOnlyError", "read-only"),
        ("OOM command not allowed when used memory > 'maxmemory'.", "OutOfMemoryError", "out of memory"),
        ("LOADING Redis is loading the dataset in memory", "BusyLoadingError", "loading"),
        ("MASTERDOWN Link with MASTER is down", "MasterDownError", "lost its master"),
        ("ERR max number of clients reached", "MaxConnectionsError", "maxclients"),
        ("NOAUTH Authentication required.", "AuthenticationError", "user or password"),
        ("WRONGPASS invalid username-password pair", "AuthenticationError", "user or password"),
        ("NOPERM User bob has no permissions to access a-key", "NoPermissionError", "not permit"),
        ("CLUSTERDOWN Hash slot not served", "ClusterDownError", "cluster is down"),
        ("CROSSSLOT Keys don't hash to the same slot", "ClusterCrossSlotError", "different slots"),
        ("MISCONF Redis is configured to save RDB snapshots", "ResponseError", "disk"),
        ("BUSY Redis is busy running a script", "ResponseError", "busy"),
        ("NOREPLICAS Not enough good replicas to write.", "ResponseError", "too few replicas"),
        ("ERR unknown command 'a-key'", "ResponseError", "ResponseError"),
        ("MOVED nonsense", "ResponseError", "ResponseError"),
    ],
)
def test_every_refusal_names_its_kind_and_nothing_else(text, kind, words):
    """redis-py's class as the cause; no key, no user, no address in the text."""
    error = reply_error(text)
    assert type(error).__name__ == kind
    told = unavailable("GET", error)
    assert words in str(told)
    assert told.__cause__ is error
    assert "bob" not in str(told)
    assert "a-key" not in str(told)


def test_every_error_word_gives_an_error_of_redis_py():
    """The map is made of redis-py's classes, redirections included."""
    for word, kind in refusal._ERRORS.items():
        error = reply_error(f"{word} 1 127.0.0.1:7000")
        assert type(error) is kind
        assert isinstance(error, exceptions.RedisError)
    moved = reply_error("MOVED 3999 127.0.0.1:6381")
    assert (moved.slot_id, moved.host, moved.port) == (3999, "127.0.0.1", 6381)

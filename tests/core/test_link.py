"""One connection for all callers: batches, order, cancellation, and what happens when it drops."""

import asyncio
import gc
import subprocess
import sys
import time
import weakref
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ReadOnlyError
from support.servers import until

import cachekit
from cachekit.core import link as link_module
from cachekit.core.breaker import Breaker
from cachekit.core.budget import Budget
from cachekit.core.connection import parse
from cachekit.core.link import Link
from cachekit.core.refusal import is_wrong_type, reply_error
from cachekit.core.store import open_store
from cachekit.core.wire import Wire
from cachekit.errors import CacheClosed, CacheUnavailable

pytest_plugins = ["support.server_fixtures"]


@asynccontextmanager
async def linked(server, **options):
    """A link to `server`, and its store."""
    options = {"app": "linked", "max_connections": 4, "timeout": 2.0, **options}
    async with open_store(server.url, **options) as store:
        yield store


def calls(server, command):
    """How often the server has run a command."""
    return server.call("INFO", "commandstats").get(f"cmdstat_{command}", {}).get("calls", 0)


def ours(server):
    """The ids of our connections."""
    return [client["id"] for client in server.call("CLIENT LIST") if client["name"] == "linked"]


async def stuck(store, *awaitables):
    """Tasks whose commands are in flight and stay there: the first of them blocks the connection."""
    blocker = asyncio.create_task(store.execute("BLPOP", "nothing", 0))
    await asyncio.sleep(0)
    tasks = [blocker, *(asyncio.create_task(each) for each in awaitables)]
    link = store._topology._link
    await until(lambda: link._wire is not None and len(link._wire.in_flight) == len(tasks), "all are sent")
    return tasks


async def test_a_thousand_callers_share_one_connection(standalone):
    """Each gets its own reply, over a single connection."""
    async with linked(standalone, max_connections=1) as store:
        await store.pipeline([("SET", f"k{number}", number) for number in range(1_000)])
        found = await asyncio.gather(*(store.get(f"k{number}") for number in range(1_000)))
        assert found == [str(number).encode() for number in range(1_000)]
        assert len(ours(standalone)) == 1


async def test_commands_of_one_turn_go_in_one_write(standalone, monkeypatch):
    """The first at once, since nothing was under way; all others together."""
    async with linked(standalone) as store:
        await store.ping()
        batches = []
        monkeypatch.setattr(Wire, "send", spied(Wire.send, lambda _: batches.append(1)))
        monkeypatch.setattr(Wire, "send_all", spied(Wire.send_all, lambda many: batches.append(len(many))))
        await asyncio.gather(*(store.get(f"k{number}") for number in range(100)))
        assert batches == [1, 99]


def spied(method, note):
    def spy(self, argument):
        note(argument)
        method(self, argument)

    return spy


async def test_gets_of_one_key_in_one_batch_are_one_command(standalone):
    """Those who ask together get the very same bytes; only the first was written before the others came."""
    async with linked(standalone) as store:
        await store.set("k", b"value", px=60_000)
        before = calls(standalone, "get")
        first, *others = await asyncio.gather(*(store.get("k") for _ in range(1_000)))
        assert calls(standalone, "get") - before == 2
        assert first == b"value"
        assert len({id(other) for other in others}) == 1


async def test_a_get_after_a_write_of_its_batch_reads_what_was_written(standalone):
    """It never joins a GET that stands before the write."""
    async with linked(standalone) as store:
        await store.set("k", b"old", px=60_000)
        calls_ = (store.get("x"), store.get("k"), store.set("k", b"new", px=60_000), store.get("k"))
        assert (await asyncio.gather(*calls_))[1::2] == [b"old", b"new"]


async def test_a_cancelled_caller_leaves_the_others_alone(standalone):
    """Neither those who share its command nor those whose replies come after."""
    async with linked(standalone) as store:
        await store.pipeline([("SET", "a", "1"), ("SET", "b", "2")])
        tasks = [asyncio.create_task(store.get(key)) for key in ("x", "a", "a", "a", "b")]
        await asyncio.sleep(0)
        for task in (tasks[0], tasks[2]):
            task.cancel()
        replies = await asyncio.gather(*tasks, return_exceptions=True)
        assert [reply for reply in replies if isinstance(reply, bytes)] == [b"1", b"1", b"2"]
        assert len([reply for reply in replies if isinstance(reply, asyncio.CancelledError)]) == 2


async def test_callers_who_share_a_command_do_not_share_its_error(standalone):
    """One exception object raised in several tasks would mix their tracebacks."""
    standalone.call("RPUSH", "list", "a")
    async with linked(standalone) as store:
        link = store._topology._link
        await link.get("x")
        futures = [link.get("y"), *(link.get("list") for _ in range(3))]
        _, *errors = await asyncio.gather(*futures, return_exceptions=True)
        assert all(is_wrong_type(error) for error in errors)
        assert len(set(map(id, errors))) == 3


async def test_a_closed_link_gives_its_connection_back(standalone):
    """To the budget: a node that left a cluster makes room for another."""
    budget = Budget(1, timeout=0.1)
    for _ in range(2):
        link = Link(parse(standalone.url, app="linked", timeout=1).dial, budget=budget, timeout=1)
        await link.get("k")
        await link.aclose()


async def test_a_pipeline_whose_caller_has_left_keeps_the_order(standalone):
    """All its replies are read and dropped."""
    async with linked(standalone) as store:
        await store.set("k", b"value", px=60_000)
        task = asyncio.create_task(store.pipeline([("ECHO", number) for number in range(50)]))
        await asyncio.sleep(0)
        task.cancel()
        assert await store.get("k") == b"value"


async def test_a_dropped_read_is_sent_again_and_a_write_is_not(standalone):
    """A write may have run, and fails; a read is answered by the next connection."""
    async with linked(standalone) as store:
        await store.set("k", b"value", px=60_000)
        tasks = await stuck(store, store.get("k"), store.get_many(["k", "x"]), store.execute("INCR", "n"))
        standalone.call("CLIENT", "KILL", "ID", *ours(standalone))
        blocked, got, many, written = await asyncio.gather(*tasks, return_exceptions=True)
        assert (got, many) == (b"value", [b"value", None])
        assert isinstance(blocked, CacheUnavailable)
        assert isinstance(written, CacheUnavailable)
        assert written.operation == "INCR"
        assert await store.get("n") is None


async def test_a_read_is_sent_again_only_once(monkeypatch):
    """A server that drops us for what we ask must not be asked for ever."""
    monkeypatch.setattr(link_module, "_STEADY", 0)
    asked = []

    async def drop(reader, writer):
        asked.append(await reader.readuntil(b"GET"))
        writer.close()

    async with speaking_redis(drop) as link:
        with pytest.raises(CacheUnavailable, match="GET"):
            await link.get("k")
        assert len(asked) == 2


async def test_a_server_that_drops_us_twice_in_a_row_is_left_alone_for_a_while():
    """One reconnect at once, then only as the breaker allows."""

    async def drop(reader, writer):
        await reader.readuntil(b"GET")
        writer.close()

    async with speaking_redis(drop) as link:
        with pytest.raises(CacheUnavailable, match="GET"):
            await link.get("k")
        assert link._recovery.hopeless


async def test_no_answer_in_time_fails_all_and_opens_the_breaker(standalone):
    """Each caller is told its own command; later ones fail at once, and all is well when the server is."""
    async with linked(standalone, timeout=0.2) as store:
        await store.set("k", b"value", px=60_000)
        with standalone.paused():
            calls_ = (store.get("k"), store.execute("INCR", "n"), store.ping())
            errors = await asyncio.gather(*calls_, return_exceptions=True)
            assert [error.operation for error in errors] == ["GET", "INCR", "PING"]
            assert all("did not answer" in str(error) for error in errors)
            assert len(set(map(id, errors))) == 3
            with pytest.raises(CacheUnavailable, match="GET"):
                await store.get("k")
        await recovered(store)
        assert await store.get("k") == b"value"


async def recovered(store):
    """Wait until the link is up again by itself."""
    link = store._topology._link
    await until(lambda: link.up, "the link is up again")


async def test_a_busy_process_does_not_blame_the_server(standalone):
    """The timer that comes late looks again, since one read of the socket does not bring a large value."""
    async with linked(standalone, timeout=0.4) as store:
        value = b"x" * 2_000_000
        await store.set("k", value, px=60_000)
        connection = ours(standalone)
        task = asyncio.create_task(store.get("k"))
        await asyncio.sleep(0)
        time.sleep(0.6)  # noqa: ASYNC251 - a process that computes
        assert await task == value
        assert ours(standalone) == connection


async def test_a_server_that_comes_back_is_found_by_itself(standalone):
    """Calls fail at once meanwhile, and nothing has to be restarted."""
    async with linked(standalone) as store:
        await store.ping()
        with standalone.dead():
            for _ in range(100):
                with pytest.raises(CacheUnavailable, match="Redis could not serve GET"):
                    await store.get("k")
        await recovered(store)
        assert await store.get("k") is None


async def test_a_thousand_callers_of_a_dead_server_make_one_attempt(clock):
    """No thundering herd: who comes during the attempt waits for it, who comes later fails at once."""
    attempts = []

    async def dial():
        attempts.append(1)
        await asyncio.sleep(0)
        raise TimeoutError

    link = Link(dial, budget=Budget(1, timeout=1), timeout=1)
    link._recovery._breaker = Breaker(clock)  # Its next attempt is never due.
    outcomes = await asyncio.gather(*(link.get(f"k{n}") for n in range(1_000)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {CacheUnavailable}
    for _ in range(1_000):
        with pytest.raises(CacheUnavailable):
            link.get("k")
    assert len(attempts) == 1
    await link.aclose()


async def test_who_comes_just_before_an_attempt_waits_for_it():
    """A server that is restarted costs a moment and no error."""
    refusals = [RedisConnectionError("refused")] * 2

    async def dial():
        raise refusals.pop() if refusals else RuntimeError("nothing")

    link = Link(dial, budget=Budget(1, timeout=1), timeout=1)
    with pytest.raises(CacheUnavailable):
        await link.get("k")
    waiting = link.get("k")
    assert not waiting.done()
    with pytest.raises(CacheUnavailable, match="ConnectionError"):
        await waiting
    await link.aclose()


async def test_a_killed_connection_is_replaced_unnoticed(standalone):
    """CLIENT KILL while idle: the next command goes through."""
    async with linked(standalone) as store:
        await store.ping()
        standalone.call("CLIENT", "KILL", "ID", *ours(standalone))
        await until(lambda: not store._topology._link.up, "the drop is seen")
        assert await store.execute("INCR", "n") == 1


async def test_a_paused_client_waits_and_is_served(standalone):
    """CLIENT PAUSE within the timeout costs time, not an error."""
    async with linked(standalone) as store:
        await store.ping()
        standalone.call("CLIENT", "PAUSE", 100)
        assert await store.execute("INCR", "n") == 1


@pytest.mark.parametrize(
    ("trouble", "words"),
    [("read_only", "Redis is read-only"), ("out_of_memory", "Redis is out of memory")],
)
async def test_a_refused_write_says_why(standalone, trouble, words):
    """The kind of trouble is named, reads go on, and afterwards all is well."""
    async with linked(standalone) as store:
        with getattr(standalone, trouble)():
            with pytest.raises(CacheUnavailable, match=words) as caught:
                await store.set("a-secret-key", b"value", px=60_000)
            assert caught.value.__cause__ is not None
            assert "a-secret-key" not in str(caught.value)
            assert await store.get("a-secret-key") is None
        await store.set("k", b"value", px=60_000)


async def test_a_server_without_room_says_so(standalone):
    """maxclients: the error names it, and when there is room we are back."""
    async with linked(standalone) as store:
        with standalone.crowded(), pytest.raises(CacheUnavailable, match="maxclients"):
            await store.ping()
        await recovered(store)
        await store.ping()


async def test_closing_ends_those_who_wait(standalone):
    """CacheClosed for who is in flight, for who is queued, and for who comes later."""
    async with linked(standalone) as store:
        tasks = await stuck(store, store.get("k"))
        queued = asyncio.create_task(store.get("x"))
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*tasks, queued, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {CacheClosed}
    with pytest.raises(CacheClosed):
        await store.get("k")


async def test_nothing_is_left_behind(standalone):
    """No task, no open file, no connection: after use, after a drop, after an outage."""
    before = open_files()
    for url in (standalone.url, f"unix://{standalone.socket}", "redis://127.0.0.1:1"):
        async with open_store(url, app="linked", max_connections=4, timeout=1) as store:
            outcomes = await asyncio.gather(*(store.get("k") for _ in range(10)), return_exceptions=True)
            assert len({type(outcome) for outcome in outcomes}) == 1
            standalone.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    gc.collect()
    assert open_files() == before
    assert ours(standalone) == []


async def cancelled_at_every_turn(dial):
    """Tasks that dial: the first is cancelled before its first turn, the next one turn later …"""
    turns = 0
    while True:
        task = asyncio.create_task(dial())
        for _ in range(turns):
            await asyncio.sleep(0)
        if not task.cancel():
            await (await task).disconnect()
            return
        yield task
        turns += 1


def open_files():
    """How many this process has; 0 where the system does not tell."""
    # Without what other tests have left to the collector, which may come at any moment.
    gc.collect()
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


@pytest.mark.parametrize("command", [("PING",), ("BLPOP", "nothing", 0)], ids=["used", "broken"])
async def test_a_dedicated_tls_connection_is_closed_when_its_context_ends(tls_server, command):
    """Not a round trip later, when the server has said goodbye, too: the loop might end before."""
    async with open_store(tls_server.url, app="linked", max_connections=4, timeout=2) as store:
        await store.ping()
        before = open_files()
        async with store.dedicated("k") as own:
            with suppress(CacheUnavailable):
                await own.execute(*command, timeout=0.1)
        assert open_files() == before


async def test_a_dedicated_tls_connection_needs_no_answer_to_be_closed(tls_server):
    """A server that hangs is not waited for."""
    async with open_store(tls_server.url, app="linked", max_connections=4, timeout=0.5) as store:
        before = open_files()
        own = store.dedicated("k")
        await own.__aenter__()
        with tls_server.paused():
            await own.__aexit__(None, None, None)
            assert open_files() == before


async def test_a_tls_link_is_closed_when_its_store_is(tls_server):
    """All of it: the socket, too."""
    before = open_files()
    async with open_store(tls_server.url, app="linked", max_connections=4, timeout=2) as store:
        await store.ping()
    assert open_files() == before


@pytest.mark.parametrize("kind", ["standalone", "tls_server"])
async def test_a_dial_cancelled_at_any_turn_leaves_nothing(request, kind):
    """No connection is returned, and no socket stays; TLS's farewell may take the server's answer."""
    dial = parse(request.getfixturevalue(kind).url, app="linked", timeout=2).dial
    before = open_files()
    async for task in cancelled_at_every_turn(dial):
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: open_files() == before, "the socket is closed")


async def test_a_reply_that_nobody_asked_for_ends_the_connection():
    """What cannot be matched cannot be trusted: the connection is dropped."""

    async def answer_twice(reader, writer):
        await reader.readuntil(b"GET")
        writer.write(b"$1\r\na\r\n$1\r\nb\r\n")
        await reader.read()
        writer.close()

    async with speaking_redis(answer_twice) as link:
        assert await link.get("k") == b"a"
        assert not link.up


@asynccontextmanager
async def speaking_redis(talk):
    """A link to a server that shakes hands as Redis does, and then talks as told."""

    async def serve(reader, writer):
        await reader.readuntil(b"HELLO")
        writer.write(b"%1\r\n$5\r\nproto\r\n:3\r\n" + b"+OK\r\n" * 3)
        await talk(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        target = parse(f"redis://127.0.0.1:{port}", app="linked", timeout=1)
        link = Link(target.dial, budget=Budget(1, timeout=1), timeout=1)
        yield link
        await link.aclose()


def test_a_forked_child_leaves_the_connection_to_its_parent(standalone):
    """It can neither use nor close it; the parent goes on as before."""
    program = f"""
import asyncio, gc, os, warnings
from cachekit.core.refusal import is_wrong_type
from cachekit.core.store import open_store
from cachekit.errors import CacheClosed

async def main():
    async with open_store({standalone.url!r}, app="forked", max_connections=2, timeout=1) as store:
        await store.set("k", b"value", px=60_000)
        number = await store.execute("CLIENT", "ID")
        child = os.fork()
        if child == 0:
            try:
                store._topology.get("k")
            except CacheClosed:
                pass
            try:
                store.track("shop:", None)
            except CacheClosed:
                store._topology._link.close()
                del store
                gc.collect()
                os._exit(0)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        assert await store.get("k") == b"value"
        assert await store.execute("CLIENT", "ID") == number

asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


@pytest.mark.parametrize(("word", "kind"), [("OOM", OutOfMemoryError), ("READONLY", ReadOnlyError)])
def test_what_an_older_server_refuses_in_a_script_is_known(word, kind):
    """Redis 6.2 wraps the refusal of the command into an error of the script."""
    text = f"ERR Error running script (call to f_00ff): @user_script:9: @user_script: 9: -{word} not now "
    assert type(reply_error(text)) is kind


async def test_the_first_callers_context_does_not_live_on(standalone):
    """Its request, its span: what a context variable holds is let go once the caller is done."""

    class Request:
        pass

    current = ContextVar("current")

    async def serve(ns):
        request = Request()
        current.set(request)
        await ns.get(ns.key("a"))
        return weakref.ref(request)

    async with cachekit.connect(standalone.url) as cache:
        request = await asyncio.create_task(serve(cache.namespace("shop")))
        await asyncio.sleep(0)
        gc.collect()
        assert request() is None

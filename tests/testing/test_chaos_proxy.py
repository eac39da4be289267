"""The proxy breaks connections as told, and leaves nothing behind."""

import asyncio
import math
import socket
from contextlib import asynccontextmanager, suppress

import pytest
from support.servers import PASSWORD, Server

import cachekit
from cachekit.errors import ConfigurationError
from cachekit.testing import ChaosProxy

pytest_plugins = ["support.server_fixtures"]


@asynccontextmanager
async def echo_server():
    """Sends back what it gets; `port` and what it got, so far."""
    got = bytearray()

    async def serve(reader, writer):
        with suppress(ConnectionError):
            while chunk := await reader.read(1_024):
                got.extend(chunk)
                writer.write(chunk)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], got


@pytest.fixture
async def proxy():
    async with echo_server() as (port, got), ChaosProxy(f"redis://127.0.0.1:{port}") as opened:
        opened.got = got
        yield opened
    assert opened.open_connections == 0


@asynccontextmanager
async def client(proxy):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.url.rpartition(":")[2]))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def ask(streams, message=b"ping"):
    reader, writer = streams
    writer.write(message)
    return await reader.readexactly(len(message))


async def silent(streams):
    """Whether no answer comes; what does come, comes over loopback, and much sooner."""
    try:
        async with asyncio.timeout(0.05):
            await ask(streams)
    except TimeoutError:
        return True
    return False


async def test_what_is_sent_arrives_and_is_counted(proxy):
    """Without trouble the proxy is not there."""
    async with client(proxy) as one, client(proxy) as two:
        assert (await ask(one), await ask(two, b"pong!")) == (b"ping", b"pong!")
        assert (proxy.connections, proxy.open_connections) == (2, 2)
    assert proxy.bytes == {"to_server": 9, "to_client": 9}


async def test_a_client_that_leaves_closes_its_connection_to_the_server(proxy):
    """The server does not keep what nobody uses."""
    async with client(proxy) as one:
        await ask(one)
    while proxy.open_connections:
        await asyncio.sleep(0)


async def test_a_cut_resets_and_refuses_until_healed(proxy):
    """Connections die at once, new ones are refused, and the port stays the same."""
    async with client(proxy) as one:
        await ask(one)
        await proxy.cut()
        with pytest.raises(ConnectionResetError):
            await one[0].readexactly(1)
    with pytest.raises(ConnectionRefusedError):
        async with client(proxy):
            pass
    await proxy.heal()
    async with client(proxy) as one:
        assert await ask(one) == b"ping"


async def test_a_cut_spares_no_connection_however_young(proxy):
    """One that was accepted in the very turn of the event loop in which the cut begins is reset, too."""
    for turns in range(10):
        before = proxy.connections
        with socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2]))) as young:
            young.settimeout(1)
            for _ in range(turns):
                await asyncio.sleep(0)
            accepted = proxy.connections > before
            await proxy.cut(new="accept")
            await asyncio.sleep(0)
            if accepted:
                with pytest.raises(ConnectionResetError):
                    young.recv(1)
            while proxy.connections == before:
                await asyncio.sleep(0)
        while proxy.open_connections:
            await asyncio.sleep(0)
    assert accepted


async def test_a_cut_may_accept_and_close_or_accept_as_usual(proxy):
    """Both other ways a new connection may go."""
    await proxy.cut(new="close")
    async with client(proxy) as one:
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await ask(one)
    await proxy.cut(new="accept")
    async with client(proxy) as one:
        assert await ask(one) == b"ping"


async def test_a_black_hole_swallows_and_its_connections_are_reset_when_healed(proxy):
    """Old and new connections stay open and silent; afterwards bytes would be missing from them."""
    async with client(proxy) as unused, client(proxy) as old:
        await ask(old)
        await ask(unused)
        await proxy.black_hole()
        async with client(proxy) as new:
            assert await silent(old)
            assert await silent(new)
            await proxy.heal()
            for streams in (old, new):
                with pytest.raises(ConnectionResetError):
                    await streams[0].readexactly(1)
        assert await ask(unused) == b"ping"
    assert bytes(proxy.got) == b"pingpingping"


async def test_one_way_may_be_a_black_hole_alone(proxy):
    """The server acts on what it is sent, and its answer is lost."""
    await proxy.black_hole(direction="to_client")
    async with client(proxy) as one:
        assert await silent(one)
        assert bytes(proxy.got) == b"ping"


async def test_a_half_open_connection_is_silent_and_new_ones_work(proxy):
    """The server has forgotten the one, and the client was not told."""
    async with client(proxy) as old:
        await ask(old)
        await proxy.half_open()
        async with client(proxy) as new:
            assert await ask(new) == b"ping"
            assert await silent(old)
        await proxy.heal()
        with pytest.raises(ConnectionResetError):
            await old[0].readexactly(1)


async def test_a_delay_holds_back_until_healed(proxy):
    """Nothing is lost, and healing lets it go at once."""
    async with client(proxy) as one:
        await proxy.delay(math.inf, direction="to_client")
        assert await silent(one)
        assert proxy.bytes == {"to_server": 4, "to_client": 0}
        await proxy.heal()
        assert await one[0].readexactly(4) == b"ping"


async def test_a_delay_passes(proxy):
    """What is late arrives, in order."""
    await proxy.delay(0.001)
    async with client(proxy) as one:
        assert await ask(one, b"one") + await ask(one, b"two") == b"onetwo"


@pytest.mark.parametrize("count", [0, 1, 5])
async def test_a_connection_is_closed_after_so_many_bytes(proxy, count):
    """A reply is torn at the byte asked for; the next connection is whole."""
    async with client(proxy) as one:
        await ask(one)
        await proxy.cut_after(count)
        one[1].write(b"a longer message")
        assert await one[0].read(-1) == b"a longer message"[:count]
    async with client(proxy) as one:
        assert await ask(one, b"whole") == b"whole"


async def test_a_server_that_is_away_resets_the_client():
    """The proxy does not pretend that there is one."""
    async with ChaosProxy("redis://127.0.0.1:1") as proxy, client(proxy) as one:
        with pytest.raises(ConnectionResetError):
            await one[0].readexactly(1)


async def test_a_cache_speaks_through_it_over_a_unix_socket(redis_server):
    """The URL of the upstream may be a socket's; the proxy's is TCP."""
    async with ChaosProxy(f"unix://{redis_server.socket}?db=3") as proxy:
        assert proxy.url.startswith("redis://127.0.0.1:")
        async with cachekit.connect(proxy.url) as cache:
            await cache.store.ping()


async def test_the_url_keeps_credentials_and_options(server_binary):
    """The client signs in at the upstream with what its URL said."""
    with Server(password=PASSWORD) as server:
        async with ChaosProxy(server.url + "/2") as proxy:
            assert proxy.url.endswith("/2")
            async with cachekit.connect(proxy.url) as cache:
                await cache.store.set("a", b"1", px=1_000)
        assert server.call("CONFIG", "GET", "port")
        assert "db2" in server.call("INFO", "keyspace")


def test_a_proxy_before_a_cluster_is_refused():
    """Its nodes tell clients their own addresses."""
    with pytest.raises(ConfigurationError, match="allowed are redis, rediss, unix"):
        ChaosProxy("redis+cluster://127.0.0.1:1")


async def test_a_proxy_that_does_not_run_has_no_url():
    """The error says how it is used."""
    with pytest.raises(RuntimeError, match="async with"):
        _ = ChaosProxy("redis://127.0.0.1:1").url

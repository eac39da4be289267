"""From a URL or the environment to a server, and what happens when it is away."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from redis.asyncio.connection import SSLConnection
from support.machine import missing

import cachekit
from cachekit import CacheUnavailable, ConfigurationError, Policy
from cachekit.core import embedded, handover
from cachekit.core.connection import parse, redact, url_from_environment
from cachekit.core.embedded import EmbeddedServer
from cachekit.core.store import open_store


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "redis://localhost:6379"),
        ({"REDIS_URL": "rediss://r:6380/1", "REDIS_HOST": "ignored"}, "rediss://r:6380/1"),
        ({"REDIS_HOST": "r", "REDIS_PORT": "7000"}, "redis://r:7000"),
        ({"REDIS_HOST": "::1"}, "redis://[::1]:6379"),
        ({"REDIS_HOST": "r", "REDIS_PASSWORD": "p@s:s/"}, "redis://:p%40s%3As%2F@r:6379"),
    ],
)
def test_the_environment_names_the_server(environment, url):
    """REDIS_URL wins; else host, port and password, escaped."""
    assert url_from_environment(environment) == url


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused(port):
    """The error names the variable."""
    with pytest.raises(ConfigurationError, match="REDIS_PORT"):
        url_from_environment({"REDIS_PORT": port})


async def test_an_unknown_option_of_a_url_is_named():
    """And not redis-py's class, of which nobody has heard."""
    with pytest.raises(ConfigurationError, match=r"'rediss://h' is no .*: there is no option 'ssl_ca'$"):
        async with cachekit.connect("rediss://h?ssl_ca=x"):
            pass


async def test_an_unknown_scheme_is_refused_without_showing_the_password():
    """The error names what is allowed, and no secret."""
    with pytest.raises(ConfigurationError, match=r"redis://, rediss://, unix://") as caught:
        async with cachekit.connect("http://user:hunter2@host/?password=hunter2"):
            pass
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2@[::1",
        "redis://:hunter2@h:99999",
        "redis://:hunter2/x@host:6379",
        "redis://:12/hunter2@h/0",
        "redis://:hunter2#x@h/0",
        "redis//:hunter2@host",
        "foo:hunter2@host",
        "rediss://:hunter2?x@h/0",
        "redis://:hunter2@h/notadb",
        "redis://:hunter2@h/0?no_such_option=1",
        "redis://:hunter2@h/0?socket_timeout=soon",
        "redis://:hunter2@h/0?decode_responses=1",
        "redis+cluster://:hunter2@h:7000,h:x",
        "redis+cluster://:hunter2@h:7000,",
        "redis+cluster://:hunter2@h:7000/1",
        "redis+cluster://:hunter2@h:7000?no_such_option=1",
        "redis+sentinel://:hunter2@h:26379",
        "redis+sentinel://:hunter2@h:26379/name/notadb",
        "redis+sentinel://:hunter2@h:26379/name?sentinel_db=1",
        "redis+sentinel://:hunter2@h:26379,h:0/name",
        "",
        "localhost",
    ],
)
async def test_a_url_that_cannot_work_is_refused_at_once(url):
    """Not at the first command, and never with the password in it."""
    with pytest.raises(ConfigurationError) as caught:
        async with cachekit.connect(url):
            pass
    assert "hunter2" not in str(caught.value)


def test_a_cluster_is_named_by_some_of_its_nodes():
    """Several hosts, one user and password for all, TLS by the scheme."""
    target = parse("rediss+cluster://bob:p%40s@a:7000,b,[::1]:7002/0", app="a", timeout=1)
    assert target.seeds == (("a", 7000), ("b", 6379), ("::1", 7002))
    connection = target.dial._class(**target.dial._options)
    assert isinstance(connection, SSLConnection)
    assert (connection.username, connection.password, connection.db) == ("bob", "p@s", 0)


def test_a_master_is_named_by_its_sentinels():
    """The user and password are the master's; the Sentinels have their own."""
    url = "redis+sentinel://bob:p%40s@a,b:26380/my%20master/2?sentinel_password=own&protocol=2"
    dial = parse(url, app="a", timeout=1).dial
    assert (dial._sentinels, dial._name) == ((("a", 26379), ("b", 26380)), "my master")
    assert dial._asker._options["password"] == "own"
    options = dial._dialer._options
    assert [options[name] for name in ("username", "password", "db", "protocol")] == ["bob", "p@s", 2, 2]


async def test_a_redis_py_that_keeps_its_streams_elsewhere_is_refused(monkeypatch):
    """At once and by name, not by an AttributeError at the first command."""
    monkeypatch.setattr(handover, "_PARTS", ("_no_such_part",))
    with pytest.raises(ConfigurationError, match=r"redis>=8\.1,<9 is needed"):
        async with open_store("redis://h", app="a", max_connections=1, timeout=1):
            pass


async def test_a_server_that_does_not_know_hello_is_spoken_to_in_resp2():
    """A proxy, or a server before 6.0: there are no pushes, and all else works."""

    async def serve(reader, writer):
        while line := await reader.readline():
            if line == b"HELLO\r\n":
                writer.write(b"-ERR unknown command 'HELLO'\r\n")
            elif line in {b"SETNAME\r\n", b"SETINFO\r\n"}:
                writer.write(b"+OK\r\n")
            elif line == b"GET\r\n":
                writer.write(b"$5\r\nvalue\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with (
        server,
        open_store(f"redis://127.0.0.1:{port}", app="a", max_connections=1, timeout=2) as store,
    ):
        assert await store.get("k") == b"value"
        assert not store._topology._link._wire.pushes


def test_redacting_leaves_no_secret():
    """Neither the user part nor the query of a URL is shown."""
    assert redact("redis://u:hunter2@host:1/0?password=hunter2") == "redis://host:1/0"
    assert redact("rediss://u:hunter2@[::1") == "rediss://[::1"
    assert redact("redis://:a/b@c#hunter2@h/0?x=hunter2") == "redis://h/0"


@pytest.mark.parametrize(
    "options", [{"max_connections": 0}, {"timeout": 0}, {"app": ""}, {"app": "a b"}], ids=str
)
async def test_an_option_that_cannot_work_is_refused(options):
    """The error names the option."""
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        async with cachekit.connect("memory://", **options):
            pass


async def test_an_embedded_server_lives_as_long_as_the_cache(redis_server):
    """embedded:// starts a real server of its own, and leaves no process and no folder."""
    async with cachekit.connect("embedded://") as cache:
        pid = int((await cache.store.execute("INFO", "server"))["process_id"])
        assert pid != redis_server.pid
        assert (await cache.health()).up
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_an_embedded_server_dies_with_a_killed_parent(redis_server):
    """Even SIGKILL to the parent leaves no server behind (Linux)."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the kernel's parent-death signal is Linux's")
    program = """
import sys, time
from cachekit.core.embedded import EmbeddedServer
with EmbeddedServer() as server:
    print(server.socket, flush=True)
    sys.stdin.read()
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    socket = parent.stdout.readline().strip()
    client = redis.Redis(unix_socket_path=socket)
    blocked = client.connection_pool.get_connection()
    blocked.send_command("BLPOP", "nothing", 0)
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    # The server closes our connection as it ends: an event to wait for, not a time.
    with pytest.raises(redis.exceptions.ConnectionError):
        blocked.read_response()
    client.close()
    shutil.rmtree(Path(socket).parent)


def test_a_server_that_cannot_start_tells_why(redis_server):
    """The error carries the server's last words."""
    with pytest.raises(ConfigurationError, match=r"did not come up.*[Bb]ad directive|FATAL|no-such"):
        EmbeddedServer(arguments=("--no-such-option", "1")).start()


def test_without_any_binary_the_error_names_the_remedies(monkeypatch):
    """Neither on the PATH nor in the wheel: say what to install."""
    monkeypatch.setattr(embedded, "find_server", lambda: None)
    with pytest.raises(ConfigurationError, match=r"cachekit-toolkit\[embedded\]"):
        EmbeddedServer()


async def test_the_app_shows_in_the_client_list(redis_url):
    """Whoever looks at the server sees whose connections these are."""
    async with cachekit.connect(redis_url, app="pricing") as cache:
        assert "pricing" in {client["name"] for client in await cache.store.execute("CLIENT LIST")}


async def test_more_callers_than_connections_wait_their_turn(redis_url):
    """A thousand callers over four connections: all are served, and no fifth is opened."""
    async with cachekit.connect(redis_url, max_connections=4, app="few") as cache:
        ns = cache.namespace("shop")
        await ns.set(ns.key("a"), 1)
        assert set(await asyncio.gather(*(ns.get(ns.key("a")) for _ in range(1_000)))) == {1}
        clients = await cache.store.execute("CLIENT LIST")
        assert sum(client["name"] == "few" for client in clients) <= 4


async def test_a_connection_that_died_in_the_pool_is_replaced(redis_url):
    """The server has cut our idle connections: the next command goes through all the same."""
    async with cachekit.connect(redis_url) as cache, cachekit.connect(redis_url) as other:
        await cache.store.ping()
        await other.store.execute("CLIENT KILL", "TYPE", "normal", "SKIPME", "yes")
        await cache.store.ping()


async def test_a_cancelled_command_does_not_poison_its_connection(redis_url):
    """Callers leave in the middle of their commands; those who come after get their own replies."""
    async with cachekit.connect(redis_url, max_connections=2) as cache:
        for number in range(50):
            await cache.store.set(f"k{number}", str(number).encode(), px=60_000)
        for turns in range(12):
            tasks = [asyncio.create_task(cache.store.get(f"k{number}")) for number in range(50)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for task in tasks[::3]:
                task.cancel()
            replies = await asyncio.gather(*tasks, return_exceptions=True)
            for number, reply in enumerate(replies):
                assert isinstance(reply, asyncio.CancelledError) or reply == str(number).encode()


async def load():
    return "loaded"


async def test_while_redis_is_away_a_cache_asks_its_factory():
    """outage="bypass": a read is a miss, a load is served unstored, a write and a delete raise."""
    async with cachekit.connect("redis://127.0.0.1:1", timeout=1) as cache:
        ns = cache.namespace("shop", Policy(outage="bypass"))
        assert await ns.get(ns.key("a"), "default") == "default"
        assert await ns.get_or_set(ns.key("a"), load) == "loaded"
        for call in (ns.set(ns.key("a"), 1), ns.delete(ns.key("a")), ns.invalidate(pattern="*")):
            with pytest.raises(CacheUnavailable):
                await call
        assert not (await cache.health()).up
        assert cache.stats().outages == 5, "two reads, and what raised"


async def test_while_redis_is_away_a_store_of_truth_raises():
    """outage="raise": no answer is better than a wrong one."""
    async with cachekit.connect("redis://127.0.0.1:1", timeout=1) as cache:
        ns = cache.namespace("auth", Policy(outage="raise"))
        for call in (ns.get(ns.key("a")), ns.get_or_set(ns.key("a"), load)):
            with pytest.raises(CacheUnavailable, match="Redis could not serve GET"):
                await call


async def test_a_restarted_server_is_found_again(free_port):
    """The process goes on by itself: no restart of ours is needed."""
    async with cachekit.connect(f"redis://127.0.0.1:{free_port}") as cache:
        ns = cache.namespace("shop")
        with EmbeddedServer(port=free_port):
            await ns.set(ns.key("a"), 1)
        with pytest.raises(CacheUnavailable):
            await ns.set(ns.key("a"), 2)
        with EmbeddedServer(port=free_port):
            await well(cache)
            assert await ns.get(ns.key("a"), "gone") == "gone"
            await ns.set(ns.key("a"), 3)
            assert await ns.get(ns.key("a")) == 3


async def well(cache):
    """Wait until the cache has found its server again."""
    async with asyncio.timeout(10):
        while not (await cache.health()).up:
            await asyncio.sleep(0.01)


async def test_a_server_that_does_not_answer_is_given_up():
    """A paused server costs the timeout, not for ever."""
    with EmbeddedServer() as server:
        async with cachekit.connect(f"unix://{server.socket}", timeout=0.2) as cache:
            await cache.store.ping()
            os.kill(server.pid, signal.SIGSTOP)
            try:
                with pytest.raises(CacheUnavailable, match=r"PING"):
                    await cache.store.ping()
            finally:
                os.kill(server.pid, signal.SIGCONT)
            await well(cache)


async def test_an_error_tells_no_address_and_no_password():
    """What reaches logs and clients names the command and the kind of failure only."""
    async with cachekit.connect("redis://:hunter2@127.0.0.1:1", timeout=1) as cache:
        with pytest.raises(CacheUnavailable) as caught:
            await cache.store.ping()
    assert str(caught.value) == "Redis could not serve PING: the connection was refused"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis://nobody.invalid:6379", "the host's name is not known"),
        ("unix:///nowhere/redis.sock", "there is no such socket"),
        ("rediss://127.0.0.1:{port}?ssl_ca_certs=/nowhere.pem", "no such file of certificates"),
        ("redis://127.0.0.1:{port}/99", "the server has no database of that number"),
        ("redis+sentinel://127.0.0.1:{port}/mymaster", "the server is no Sentinel"),
    ],
)
async def test_an_error_tells_a_wrong_setting_from_an_outage(url, reason, free_port, monkeypatch):
    """Else "bypass" would hide it for ever."""

    def resolve(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with EmbeddedServer(port=free_port):
        async with cachekit.connect(url.format(port=free_port), timeout=5) as cache:
            with pytest.raises(CacheUnavailable, match=reason):
                await cache.store.get("k")
            assert reason in (await cache.health()).reason


@pytest.fixture
def certificate(tmp_path):
    """A certificate for localhost that signs itself, made by the machine's openssl."""
    if shutil.which("openssl") is None:
        missing("openssl")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-keyout", str(key), "-out", str(cert), "-days", "1", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True,
        capture_output=True,
    )
    return key, cert


async def test_a_server_over_tls_with_a_password(certificate, free_port, redis_server):
    """rediss:// checks the certificate and signs in; a wrong password is an outage without details."""
    key, cert = certificate
    arguments = ("--tls-port", str(free_port), "--tls-cert-file", str(cert), "--tls-key-file", str(key))
    arguments += ("--tls-auth-clients", "no", "--requirepass", "hunter2")
    with EmbeddedServer(arguments=arguments):
        where = f"localhost:{free_port}?ssl_ca_certs={cert}"
        async with cachekit.connect(f"rediss://:hunter2@{where}") as cache:
            ns = cache.namespace("shop")
            await ns.set(ns.key("a"), 1)
            assert await ns.get(ns.key("a")) == 1
        async with cachekit.connect(f"rediss://:wrong@{where}") as cache:
            with pytest.raises(CacheUnavailable) as caught:
                await cache.store.ping()
            assert "wrong" not in str(caught.value)
        async with cachekit.connect(f"rediss://:hunter2@localhost:{free_port}") as cache:
            health = await cache.health()
            assert not health.up, "an unknown certificate is not trusted"
            assert "the server's certificate is not accepted" in health.reason


async def test_an_outage_is_logged_once(caplog):
    """Under "bypass" nothing raises: one warning says that Redis is away, and shows no password."""
    with caplog.at_level("INFO", logger="cachekit"):
        async with cachekit.connect("redis://ana:s3cret@127.0.0.1:1", timeout=1) as cache:
            ns = cache.namespace("shop")
            for _ in range(50):
                await ns.get(ns.key("a"))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "Redis is away" in caplog.text
    assert "s3cret" not in caplog.text

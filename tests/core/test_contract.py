"""Every kind of server we know holds the contract."""

import pytest

from cachekit import Policy
from cachekit.testing.contract import CacheContract, OutageContract

pytest_plugins = ["support.server_fixtures"]


class TestStandalone(CacheContract, OutageContract):
    """The machine's own server, over TCP."""

    @pytest.fixture
    def cache_url(self, standalone):
        return standalone.url

    @pytest.fixture
    def outage(self, standalone):
        return standalone.dead


class TestStrict(CacheContract):
    """The same, with reads that ask for the newest rules."""

    policy = Policy(ttl=60, stale=600, retry_after=5, consistency="strict")

    @pytest.fixture
    def cache_url(self, standalone):
        return standalone.url


class TestWithoutNearStore(CacheContract):
    """The same, with every read from the server."""

    policy = Policy(ttl=60, stale=600, retry_after=5, near=0)

    @pytest.fixture
    def cache_url(self, standalone):
        return standalone.url


class TestUnixSocket(CacheContract):
    """The same, over its socket."""

    @pytest.fixture
    def cache_url(self, standalone):
        return f"unix://{standalone.socket}"


class TestOldest(CacheContract, OutageContract):
    """The oldest Redis we serve, 6.2."""

    @pytest.fixture
    def cache_url(self, old_standalone):
        return old_standalone.url

    @pytest.fixture
    def outage(self, old_standalone):
        return old_standalone.dead


class TestValkey(CacheContract):
    """Valkey, where there is one."""

    @pytest.fixture
    def cache_url(self, valkey):
        return valkey.url


class TestTls(CacheContract, OutageContract):
    """Over TLS, with a password."""

    @pytest.fixture
    def cache_url(self, tls_server):
        return tls_server.url

    @pytest.fixture
    def outage(self, tls_server):
        return tls_server.dead


class TestCluster(CacheContract):
    """Three primaries with a replica each."""

    @pytest.fixture
    def cache_url(self, cluster):
        return cluster.url


class TestSentinel(CacheContract):
    """A master that Sentinels name."""

    @pytest.fixture
    def cache_url(self, sentinels):
        return sentinels.url


class TestMemory(CacheContract):
    """No server at all."""

    shared = False

    @pytest.fixture
    def cache_url(self):
        return "memory://"

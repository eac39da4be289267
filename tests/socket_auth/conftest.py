"""Every kind of server that the socket store runs on, and two instances that share it."""

import pytest

import cachekit
from cachekit.socket_auth import SocketAuthRepository

SERVERS = {"redis": "redis_url", "6.2": "old_standalone", "cluster": "cluster", "memory": None}


@pytest.fixture(params=SERVERS)
def url(request):
    """The URL of an empty server, of each kind in turn."""
    name = SERVERS[request.param]
    found = request.getfixturevalue(name) if name else "memory://"
    return found if isinstance(found, str) else found.url


@pytest.fixture
async def cache(url, clock):
    async with cachekit.connect(url, clock=clock) as opened:
        yield opened


@pytest.fixture
def repository(cache):
    return SocketAuthRepository(cache)


@pytest.fixture
def instances(cache):
    """Two instances of a service, "a" and "b"."""
    return tuple(SocketAuthRepository(cache, instance=name) for name in "ab")

"""What every kind of server has to hold for the cache: suites of pytest tests to inherit.

    from cachekit.testing.contract import CacheContract, OutageContract

    class TestOurServer(CacheContract, OutageContract):
        @pytest.fixture
        def cache_url(self):
            return "redis://our-server:6379"

        @pytest.fixture
        def outage(self):
            return our_server.stopped       # a context manager: inside, Redis is away

Needs the extra `testing` (pytest, pytest-asyncio). Each test works in a namespace of its own, so that the
server need be neither empty nor exclusive. What is asserted is what happened (how often a factory ran,
which value is seen), never how long it took.
"""

# ruff: noqa: E402 - pytest shows what an assertion compared only if told before the module is imported

import pytest

_SUITES = ("bulk", "fixtures", "invalidation", "loads", "outages", "stampedes", "values")
pytest.register_assert_rewrite(*(f"{__name__}.{suite}" for suite in _SUITES))

from cachekit.testing.contract.bulk import BulkContract
from cachekit.testing.contract.invalidation import InvalidationContract
from cachekit.testing.contract.loads import LoadContract
from cachekit.testing.contract.outages import OutageContract
from cachekit.testing.contract.stampedes import StampedeContract
from cachekit.testing.contract.values import ValueContract

__all__ = [
    "BulkContract",
    "CacheContract",
    "InvalidationContract",
    "LoadContract",
    "OutageContract",
    "StampedeContract",
    "ValueContract",
]


class CacheContract(ValueContract, LoadContract, StampedeContract, InvalidationContract, BulkContract):
    """The whole contract of a server that is there."""

"""One fact of every kind, with a key, a tag and a pattern that nobody may see in a metric."""

import typing

import pytest

from cachekit.core.events import (
    Coalesced,
    CorruptValue,
    Event,
    Hit,
    Invalidated,
    Loaded,
    Miss,
    Outage,
    Removed,
    Stored,
    Unpublished,
)

KEY = "prices:user-typed"


@pytest.fixture
def key():
    return KEY


@pytest.fixture
def facts():
    found = [
        Hit("prices", KEY, "fresh", "near", 1.5),
        Hit("prices", KEY, "stale", "redis", 400.0),
        Miss("prices", KEY),
        Loaded("prices", KEY, 0.25, failed=False),
        Loaded("prices", KEY, 2.0, failed=True),
        Stored("prices", KEY, 2048, 300.0),
        Coalesced("prices", KEY),
        CorruptValue("prices", KEY),
        Outage("prices", "GET"),
        Unpublished("prices", KEY),
        Removed("prices", KEY),
        Invalidated("prices", "tag", "route:user-typed"),
    ]
    assert {type(fact) for fact in found} == set(typing.get_args(Event))
    return found

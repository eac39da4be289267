"""Policies: frozen, and refused where they cannot work."""

import dataclasses

import pytest

from cachekit import ConfigurationError, Policy


@pytest.mark.parametrize(
    "options",
    [
        {"ttl": 0},
        {"ttl": -1},
        {"ttl": "5"},
        {"ttl": None},
        {"ttl": True},
        {"ttl": float("inf")},
        {"stale": -1},
        {"stale": float("nan")},
        {"jitter": 1},
        {"jitter": -0.1},
        {"retry_after": -1},
        {"compress_over": -1},
        {"max_bytes": 0},
        {"outage": "ignore"},
    ],
)
def test_an_option_that_cannot_work_is_refused(options):
    """The error names the option and what is allowed (fault 20)."""
    with pytest.raises(ConfigurationError, match=rf"{next(iter(options))}.*allowed"):
        Policy(**options)


def test_a_policy_does_not_change():
    """It is shared by all who use the namespace."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Policy().ttl = 1
    assert Policy().replace(ttl=1) == Policy(ttl=1)

"""The error tree: what each error says of itself, and what callers may do."""

import copy
import pickle

import pytest

from cachekit.amadeus import errors
from cachekit.amadeus.errors import FlightSourceError
from cachekit.errors import CacheKitError


def subclasses(kind):
    return {kind}.union(*(subclasses(child) for child in kind.__subclasses__()))


OURS = sorted(
    (kind for kind in subclasses(FlightSourceError) if kind.__module__ == errors.__name__),
    key=lambda kind: kind.__name__,
)


def test_only_what_may_soon_succeed_is_retryable():
    """Rate limits, server faults and a lost connection; not a spent quota or budget."""
    retryable = {kind.__name__ for kind in OURS if kind.retryable}
    assert retryable == {"AmadeusRateLimitError", "AmadeusServerError", "AmadeusUnavailable"}


def test_only_an_answer_that_says_no_is_a_refusal():
    """An outage, a spent quota or a garbled reply says nothing about the flights: an old answer may do."""
    refusals = {kind.__name__ for kind in OURS if kind.refusal}
    assert refusals == {
        "AmadeusAuthError",
        "AmadeusForbiddenError",
        "AmadeusNotFoundError",
        "AmadeusRequestError",
        "InvalidFlightSearch",
        "InvalidParams",
    }


@pytest.mark.parametrize("kind", OURS)
def test_errors_can_be_copied_and_sent_between_processes(kind):
    """Copying and pickling keep type, text and data."""
    error = kind("text")
    error.detail = "data"
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(twin), str(twin), twin.detail) == (kind, "text", "data")


def test_a_request_refused_here_names_field_rule_and_value():
    """And is a ValueError, as any bad argument is."""
    error = errors.InvalidParams("text", field="adults", rule="1 to 9", value=12)
    assert (error.field, error.rule, error.value, error.status) == ("adults", "1 to 9", 12, None)
    assert isinstance(error, ValueError)


def test_every_error_of_the_module_is_exported_and_drawn():
    """The tree hangs on CacheKitError, and is whole in __all__ and in the docstring."""
    assert [kind.__name__ for kind in OURS] == errors.__all__
    assert all(kind.__name__ in errors.__doc__ for kind in OURS)
    assert issubclass(FlightSourceError, CacheKitError)

"""Whose answers an entry holds: one spelling of an address, and nothing shared that must not be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cachekit
from cachekit.amadeus.identity import check_url, make_identity

FIELDS = st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2)
FACTS = st.tuples(
    st.sampled_from(["https://one.example", "https://two.example"]), st.text(max_size=3), FIELDS, FIELDS
)


def identity(facts):
    base_url, client_id, fields, headers = facts
    return make_identity(base_url, client_id, token_fields=fields, headers=headers)


def folded(facts):
    *others, headers = facts
    return (*others, sorted((name.lower(), value) for name, value in headers.items()))


@given(one=FACTS, other=FACTS)
def test_two_share_an_identity_only_if_they_agree_in_everything(one, other):
    """Host, credentials, fields of the token and fixed headers; order is nothing, nor a header's case."""
    assert (identity(one) == identity(other)) == (folded(one) == folded(other))


def test_the_case_of_a_headers_name_is_nothing():
    """HTTP does not know it; that of a form's field it does."""
    upper, lower = {"Office": "1"}, {"office": "1"}
    assert make_identity("https://one.example", "id", headers=upper) == make_identity(
        "https://one.example", "id", headers=lower
    )
    assert make_identity("https://one.example", "id", token_fields=upper) != make_identity(
        "https://one.example", "id", token_fields=lower
    )


def test_an_identity_never_changes():
    """Entries outlive the process, and a release."""
    assert make_identity("https://one.example", "id") == "one.example-45fa2b89a630ffb1"
    assert make_identity("https://one.example", "id", token_fields={"b": "1", "a": "2"}) == make_identity(
        "https://one.example", "id", token_fields={"a": "2", "b": "1"}
    )


@pytest.mark.parametrize(
    "url",
    ["https://One.Example", "https://one.example/", "HTTPS://one.example:443", "https://one.example:443/"],
)
def test_an_address_has_one_spelling(url):
    """However it was given."""
    assert check_url("base_url", url) == "https://one.example"


def test_what_tells_addresses_apart_is_kept():
    """A port of one's own, and a path before the service's."""
    assert check_url("base_url", "http://one.example:8080/v/") == "http://one.example:8080/v"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "one.example",
        "ftp://one.example",
        "https://",
        "https://u:pass@one.example",
        "https://one.example?a=b",
        "https://one.example#a",
        "https://one.example:x",
        "https://one.example:99999",
        "https://one.example:0",
        "https://one.example?",
        "https://one.example/v#",
        "https://one.example ",
        "https://one%20.example",
        None,
    ],
)
def test_what_is_no_address_is_refused(url):
    """By the option's name, without what may be a password."""
    with pytest.raises(cachekit.ConfigurationError, match="base_url must be") as caught:
        check_url("base_url", url)
    assert "pass" not in str(caught.value)

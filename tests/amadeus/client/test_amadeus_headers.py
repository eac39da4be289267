"""Further headers: fixed, made anew, and never such that HTTP or our own break."""

from uuid import UUID

import pytest

from cachekit.amadeus.client.headers import ExtraHeaders
from cachekit.errors import ConfigurationError


def test_none_is_no_header():
    """Nothing is made up."""
    assert ExtraHeaders(None).make() == {}


def test_a_uuid_is_made_anew_for_each_request():
    """Wherever it stands in the value; the rest stays."""
    headers = ExtraHeaders({"ama-client-ref": "web-{uuid}", "office": "1"})
    first, second = headers.make(), headers.make()
    assert first["ama-client-ref"] != second["ama-client-ref"]
    assert UUID(first["ama-client-ref"].removeprefix("web-")).version == 4
    assert first["office"] == second["office"] == "1"
    assert headers.fixed == {"ama-client-ref": "web-{uuid}", "office": "1"}


def test_a_function_makes_them_all():
    """Its own count is not fixed, so it is not part of an identity."""
    numbers = iter(range(9))
    headers = ExtraHeaders(lambda: {"number": f"{next(numbers)}"})
    assert [headers.make(), headers.make(), headers.fixed] == [{"number": "0"}, {"number": "1"}, {}]


@pytest.mark.parametrize("name", ["Authorization", "authorization", "HOST", "Content-Length"])
def test_what_the_client_sets_is_not_the_callers(name):
    """Fixed, it is refused at once; made by a function, when it is made."""
    for make in (lambda: ExtraHeaders({name: "x"}), ExtraHeaders(lambda: {name: "x"}).make):
        with pytest.raises(ConfigurationError, match=f"{name} is set by the client"):
            make()


@pytest.mark.parametrize(
    "headers",
    [
        {"office": "São Paulo"},
        {"office": "a\r\nb: c"},
        {"office": " São-1"},
        {"office": "hidden-1 "},
        {"office": "\t"},
        {"of fice": "1"},
        {"": "1"},
        {"a:": "1"},
    ],
)
def test_what_http_cannot_carry_is_refused(headers):
    """Before anything is sent, and the value is not shown: it may be a secret."""
    for make in (lambda: ExtraHeaders(headers), ExtraHeaders(lambda: headers).make):
        with pytest.raises(ConfigurationError, match="printable ASCII") as caught:
            make()
        assert "São" not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"


def test_values_are_not_shown():
    """Names are."""
    assert repr(ExtraHeaders({"office": "hidden-1"})) == "<ExtraHeaders office>"


def test_an_empty_value_is_one():
    """HTTP can carry it."""
    assert ExtraHeaders({"office": ""}).make() == {"office": ""}


@pytest.mark.parametrize("headers", [{"office": 5}, ["office"], "office", {"office": "\ud800"}])
def test_what_is_no_mapping_of_texts_is_refused(headers):
    """With the option's name, rather than by an error of Python's."""
    for make in (lambda: ExtraHeaders(headers), ExtraHeaders(lambda: headers).make):
        with pytest.raises(ConfigurationError, match="extra_headers: allowed is a mapping of texts"):
            make()


def test_a_name_that_stands_twice_is_refused():
    """HTTP does not tell cases apart, so one of the two would be lost."""
    with pytest.raises(ConfigurationError, match="stands twice"):
        ExtraHeaders({"Office": "1", "office": "2"})

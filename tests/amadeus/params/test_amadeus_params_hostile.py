"""Whatever JSON comes in, it is read or refused in so many words; nothing else is ever raised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import spelling

from cachekit.amadeus.errors import InvalidParams
from cachekit.amadeus.params import (
    AirlineLookup,
    CheapestDates,
    FlightSearch,
    LocationSearch,
    MultiCitySearch,
)

QUERIES = {
    FlightSearch: (spelling.searches(), spelling.SEARCH_KINDS),
    CheapestDates: (spelling.cheapest_dates(), spelling.DATES_KINDS),
    LocationSearch: (spelling.location_searches(), [*spelling.LOCATION_KINDS, "page", "sort"]),
    AirlineLookup: (spelling.airline_lookups, spelling.AIRLINE_KINDS),
}

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def refusal(read, document):
    """The refusal of the document, None if it is read; any other error fails the test."""
    try:
        read(document)
    except InvalidParams as error:
        return error
    return None


@pytest.mark.parametrize("kind", QUERIES)
@spelling.UNHURRIED
@given(data=st.data())
def test_a_query_of_anything_is_read_or_refused(kind, data):
    """One parameter holds what nobody expects, the others what they should."""
    meanings, names = QUERIES[kind]
    query = {wire: spelling.text(value) for wire, value in data.draw(meanings).items()}
    assert refusal(kind.from_query, query) is None
    name = data.draw(st.sampled_from(sorted(names)) | st.text(max_size=200))
    error = refusal(kind.from_query, query | {name: data.draw(documents)})
    assert error is None or (error.rule in str(error) and len(str(error)) < 600)


@spelling.UNHURRIED
@given(meaning=spelling.journeys(), data=st.data())
def test_a_body_of_anything_is_read_or_refused(meaning, data):
    """One place in it, however deep, holds what nobody expects."""
    body = data.draw(spelling.bodies(meaning))
    assert refusal(MultiCitySearch.from_body, body) is None
    error = refusal(MultiCitySearch.from_body, data.draw(disturbed(body)))
    assert error is None or (error.rule in str(error) and len(str(error)) < 600)


@st.composite
def disturbed(draw, node):
    """The document with one place, drawn on the way down, replaced by anything."""
    if isinstance(node, dict) and node and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(node)) | st.text(max_size=3))
        return node | {name: draw(disturbed(node.get(name)))}
    if isinstance(node, list) and node and draw(st.booleans()):
        index = draw(st.integers(0, len(node) - 1))
        return [*node[:index], draw(disturbed(node[index])), *node[index + 1 :]]
    return draw(documents)

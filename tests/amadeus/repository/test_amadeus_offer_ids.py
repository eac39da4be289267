"""Ids of offers: stable while an offer is the same, and never another one's."""

import copy
import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachekit.amadeus.params import FlightSearch
from cachekit.amadeus.repository.offer_ids import find, fingerprint, join, split
from cachekit.amadeus.sandbox.inventory.offers import find_offers

NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
OFFERS = find_offers(
    FlightSearch(origin="GRU", destination="LIS", departure_date=dt.date(2026, 12, 12)), seed=1, now=NOON
)["data"]
OFFER = OFFERS[0]
DIGEST = "0123456789abcdef0123456789abcdef01234567"


def leaves(value, path=()):
    if isinstance(value, dict | list) and value:
        for name in value if isinstance(value, dict) else range(len(value)):
            yield from leaves(value[name], (*path, name))
    else:
        yield path


def test_each_offer_of_a_search_has_an_id_of_its_own():
    """Short enough to be handed to a model or a page."""
    ids = {join(DIGEST, fingerprint("us", offer)) for offer in OFFERS}
    assert len(ids) == len(OFFERS) > 10
    assert {len(each) for each in ids} == {43}


def test_an_id_says_where_to_look():
    """The digest of the search's key, and the offer's print."""
    assert split(join(DIGEST, fingerprint("us", OFFER))) == (DIGEST, fingerprint("us", OFFER))


@given(st.text(max_size=60))
def test_what_is_no_id_is_none(text):
    """Whatever a user or a model makes up finds nothing, and breaks nothing."""
    assert split(text) is None or len(text) == 43


def test_numbers_do_not_count():
    """Another reply numbers offers and flights anew, and has sold a seat: the offer is the same."""
    other = json.loads(json.dumps(OFFER))
    other["id"], other["numberOfBookableSeats"] = "77", 1
    for segment in other["itineraries"][0]["segments"]:
        segment["id"] = f"1{segment['id']}"
    for fare in other["travelerPricings"][0]["fareDetailsBySegment"]:
        fare["segmentId"] = f"1{fare['segmentId']}"
    assert fingerprint("us", other) == fingerprint("us", OFFER)


@pytest.mark.parametrize(
    "path",
    [path for path in leaves(OFFER) if path[-1] not in ("id", "segmentId", "numberOfBookableSeats")],
    ids=lambda path: ".".join(map(str, path)),
)
def test_anything_else_makes_it_another_offer(path):
    """A flight, a fare, a price."""
    other = copy.deepcopy(OFFER)
    holder = other
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = "something else"
    assert fingerprint("us", other) != fingerprint("us", OFFER)


def test_an_id_of_one_contract_finds_nothing_in_anothers_answers():
    """Though both were told the same."""
    ours = fingerprint("us", OFFER)
    assert find("us", ours, {"data": OFFERS}) == OFFER
    assert find("them", ours, {"data": OFFERS}) is None


@pytest.mark.parametrize(
    "document", [None, [], {}, {"data": None}, {"data": [None]}, {"data": [{}]}, {"data": [7]}]
)
def test_nothing_is_found_in_what_is_no_document(document):
    """Whoever wrote it."""
    assert find("us", fingerprint("us", OFFER), document) is None


@pytest.mark.parametrize(
    "odd", [None, 7, [7], [{}], [{"fareDetailsBySegment": 7}], [{"fareDetailsBySegment": [7]}]]
)
def test_odd_parts_of_an_offer_have_a_print_too(odd):
    """Only its flights were checked."""
    assert fingerprint("us", OFFER | {"travelerPricings": odd}) != fingerprint("us", OFFER)

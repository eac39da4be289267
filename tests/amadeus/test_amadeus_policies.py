"""How long searches are kept."""

from datetime import UTC, date, datetime, timedelta

import pytest

from cachekit.amadeus.params import FlightSearch
from cachekit.amadeus.policies import DEFAULT_TTL, cap_ttl, lead_time_ttl

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def offer(last_ticketing="2027-01-01", departure="2027-01-01T10:00:00"):
    return {
        "lastTicketingDate": last_ticketing,
        "itineraries": [{"segments": [{"departure": {"at": departure}}]}],
    }


@pytest.mark.parametrize(
    ("days", "ttl"),
    [
        (-1, 600),
        (0, 600),
        (2, 600),
        (3, 1800),
        (7, 7200),
        (30, 21600),
        (89, 21600),
        (90, 43200),
        (365, 43200),
    ],
)
def test_the_ttl_grows_with_the_days_to_departure(days, ttl):
    """The nearer the departure, the faster its fares change."""
    search = FlightSearch(origin="GRU", destination="LIS", departure_date=TODAY + timedelta(days))
    assert lead_time_ttl(search, TODAY) == ttl


def test_an_empty_answer_is_kept_briefly():
    """A flight may go on sale at any moment."""
    assert cap_ttl(43200, {"data": []}, NOW) == 600
    assert cap_ttl(DEFAULT_TTL, {"data": []}, NOW) == DEFAULT_TTL


def test_offers_with_time_left_do_not_cap():
    """Far deadlines leave the TTL as it is."""
    assert cap_ttl(43200, {"data": [offer(), offer()]}, NOW) == 43200


def test_the_first_offer_to_end_caps_the_whole_answer():
    """The last day of ticketing ends at midnight in the earliest time zone, UTC+14."""
    assert cap_ttl(86_400, {"data": [offer(), offer(last_ticketing="2026-11-23")]}, NOW) == 22 * 3600


def test_departure_caps_too():
    """A local departure is taken for the earliest instant it can be."""
    assert cap_ttl(43200, {"data": [offer(departure="2026-11-23T05:00:00")]}, NOW) == 3 * 3600


def test_no_deadline_caps_below_ten_minutes():
    """A deadline that may have passed somewhere does not defeat the cache."""
    assert cap_ttl(43200, {"data": [offer(last_ticketing="2026-11-22")]}, NOW) == 600
    assert cap_ttl(DEFAULT_TTL, {"data": [offer(last_ticketing="2026-11-20")]}, NOW) == DEFAULT_TTL


@pytest.mark.parametrize(
    "bad", [{}, {"lastTicketingDate": None}, {"lastTicketingDate": "soon", "itineraries": []}]
)
def test_dates_that_cannot_be_read_do_not_cap(bad):
    """A reply of another shape is still kept."""
    assert cap_ttl(7200, {"data": [bad]}, NOW) == 7200

"""How long answers are kept."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachekit.amadeus.params import FlightSearch, Leg, MultiCitySearch
from cachekit.amadeus.policies import DOUBT, End, Span, days_end, first_end, lead_time_ttl

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECONDS = st.floats(1, 1_000_000)
EAST, WEST = timedelta(hours=14), timedelta(hours=12)


def offer(last_ticketing="2027-01-01", departure="2027-01-01T10:00:00", **more):
    return {
        "lastTicketingDate": last_ticketing,
        "itineraries": [{"segments": [{"departure": {"at": departure}}]}],
        **more,
    }


def local(*moment):
    utc = datetime(*moment, tzinfo=UTC)
    return End(utc - EAST, utc + WEST)


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
    """The nearer the departure, the faster its fares change; of several legs the first one counts."""
    day = TODAY + timedelta(days)
    search = FlightSearch(origin="GRU", destination="LIS", departure_date=day)
    journey = MultiCitySearch(legs=(Leg("GRU", "LIS", day), Leg("LIS", "MAD", day + timedelta(300))))
    assert lead_time_ttl(search, TODAY) == lead_time_ttl(journey, TODAY) == ttl


def test_an_answer_ends_with_the_first_of_its_offers():
    """At a departure, or with a last day of ticketing, somewhere between UTC+14 and UTC-12."""
    assert first_end([offer(), offer(last_ticketing="2026-11-23")]) == local(2026, 11, 24)
    assert first_end([offer(), offer(departure="2026-11-23T05:00:00")]) == local(2026, 11, 23, 5)


def test_an_instant_is_taken_for_what_it_is():
    """A supplier may name the zone; then there is no doubt."""
    instant = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
    assert first_end([offer(lastTicketingDateTime="2026-11-22T12:30:00Z")]) == End(instant, instant)
    assert first_end([offer(lastTicketingDateTime="2026-11-22T12:30:00")]) == local(2026, 11, 22, 12, 30)


def test_a_bare_day_of_ticketing_lasts_to_its_end():
    """Real replies have one where the description has a moment; it need not be named twice."""
    assert first_end([offer(lastTicketingDateTime="2026-11-22")]) == local(2026, 11, 23)


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"lastTicketingDate": None, "itineraries": None},
        {"lastTicketingDate": "soon", "itineraries": []},
        {"lastTicketingDate": "9999-12-31", "lastTicketingDateTime": 7},
        {"lastTicketingDateTime": "some time later"},
    ],
)
def test_dates_that_cannot_be_read_end_nothing(bad):
    """An answer that says nothing of its end is kept as usual."""
    assert first_end([bad]) is None
    assert Span(7200, 60).until(None, NOW) == Span(7200, 60)


def test_cheapest_dates_end_with_their_first_day():
    """A day's price is for nobody once the day is over."""
    assert days_end([{"departureDate": "2026-12-02"}, {"departureDate": "2026-12-01"}]) == local(2026, 12, 2)
    assert days_end([{"departureDate": None}]) is None


def test_a_far_end_changes_nothing():
    """There is time for the ttl and for the stale window."""
    assert Span(300, 3600).until(local(2026, 12, 1), NOW) == Span(300, 3600)


def test_an_end_cuts_the_stale_window_first():
    """Up to the moment at which the offer may have ended in the easternmost zone."""
    soon = local(2026, 11, 23, 2, 10)  # 12:10 UTC in UTC+14
    assert Span(300, 3600).until(soon, NOW) == Span(300, 300)


def test_a_long_ttl_is_cut_too():
    """And then there is no stale window at all."""
    assert Span(43_200, 3600).until(local(2026, 11, 23, 5), NOW) == Span(3 * 3600, 0)


def test_in_doubt_an_answer_is_kept_ten_minutes_and_never_stale():
    """The offer may have ended, or not: another question now would bring the same one."""
    doubtful = local(2026, 11, 22, 13)
    assert Span(43_200, 3600).until(doubtful, NOW) == Span(DOUBT, 0)
    assert Span(300, 3600).until(doubtful, NOW) == Span(300, 0)


def test_doubt_ends_where_the_offer_has_ended_everywhere():
    """Also in the westernmost zone: then nothing of it is kept."""
    assert Span(300, 0).until(local(2026, 11, 22, 0, 1), NOW) == Span(60, 0)
    assert Span(300, 0).until(local(2026, 11, 22), NOW) is None


@given(SECONDS, st.floats(0, 1_000_000), st.integers(-100_000, 1_000_000), st.integers(0, 93_600))
def test_no_end_is_outlived(ttl, stale, ahead, doubt):
    """All of it lies before the earliest end, or, in doubt, within `DOUBT` and before the latest."""
    earliest = NOW + timedelta(seconds=ahead)
    latest = earliest + timedelta(seconds=doubt)
    span = Span(ttl, stale).until(End(earliest, latest), NOW)
    if span is None:
        assert latest <= NOW
        return
    assert 0 < span.ttl <= ttl
    assert 0 <= span.stale <= stale
    over = span.ttl + span.stale
    assert over <= max(ahead, 0) + 1e-6 or (over <= DOUBT and span.stale == 0)
    assert over <= (latest - NOW).total_seconds() + 1e-6


@given(SECONDS, st.floats(0, 1_000_000), SECONDS)
def test_no_span_is_longer_than_the_contract_allows(ttl, stale, most):
    """Fresh and stale together."""
    span = Span(ttl, stale).at_most(most)
    assert span.ttl + span.stale <= most * (1 + 1e-12)
    assert (span.ttl, span.at_most(None)) == (min(ttl, most), span)

"""cheapest_dates: the days on which a trip is cheapest."""

import pytest

from cachekit.amadeus.errors import AmadeusUnavailable
from cachekit.amadeus.sandbox.faults import Fault
from chatbot.errors import ToolError

ONE_WAY = {"origin": "São Paulo", "destination": "Lisbon", "one_way": True}
JANUARY = {"departure_from": "2027-01-01", "departure_to": "2027-01-31"}


async def test_the_cheapest_days_come_first(desk) -> None:
    """A dozen of them, with a currency and an age, and how many there are."""
    told = await desk.ask("cheapest_dates", **ONE_WAY, **JANUARY)
    prices = [float(each["price"]) for each in told["dates"]]
    assert (prices, len(prices)) == (sorted(prices), 12)
    assert all("2027-01-01" <= each["departure_date"] <= "2027-01-31" for each in told["dates"])
    assert (told["count"], told["more"], told["currency"], told["source"]) == (31, True, "EUR", "live")
    assert (told["search"]["origin"], told["search"]["originName"]) == ("SAO", "São Paulo")
    assert "one adult" in told["note"]


async def test_a_round_trip_tells_the_day_of_return(desk) -> None:
    """As many days later as were asked for."""
    trip = {**ONE_WAY, "one_way": False, "duration_from": 7, "duration_to": 8}
    told = await desk.ask("cheapest_dates", **trip, departure_from="2027-01-10", departure_to="2027-01-12")
    days = [int(each["return_date"][-2:]) - int(each["departure_date"][-2:]) for each in told["dates"]]
    assert set(days) == {7, 8}


async def test_all_arguments_reach_the_request(desk) -> None:
    """In the API's own terms."""
    told = await desk.ask("cheapest_dates", **ONE_WAY, **JANUARY, non_stop=True, max_price=5000.0)
    assert told["search"]["departureDate"] == "2027-01-01,2027-01-31"
    assert (told["search"]["nonStop"], told["search"]["maxPrice"]) == ("true", "5000")


async def test_answers_are_kept_and_refreshed(desk, clock) -> None:
    """For hours; the age is told, and `refresh` asks again."""
    await desk.ask("cheapest_dates", **ONE_WAY)
    clock.advance(1_200)
    told = await desk.ask("cheapest_dates", **ONE_WAY)
    assert (told["source"], told["age_seconds"], desk.calls("flight-dates")) == ("cache", 1_200, 1)
    assert (await desk.ask("cheapest_dates", **ONE_WAY, refresh=True))["source"] == "live"
    assert desk.calls("flight-dates") == 2


async def test_a_stale_answer_is_called_so(desk, clock) -> None:
    """While the service does not answer."""
    await desk.ask("cheapest_dates", **ONE_WAY)
    clock.advance(7 * 3_600)
    desk.source.error = AmadeusUnavailable("away")
    told = await desk.ask("cheapest_dates", **ONE_WAY)
    assert told["note"].startswith("The flight service does not answer")


async def test_a_trip_without_dates_says_what_to_do(desk, sandbox) -> None:
    """The service answers 404 for it."""
    sandbox.state.fail_next(Fault(kind="error", code=1797, endpoint="flight-dates"))
    with pytest.raises(ToolError, match="try search_flights on single days") as caught:
        await desk.ask("cheapest_dates", **ONE_WAY)
    assert caught.value.code == "no_data"


async def test_dates_of_which_none_can_be_read_are_not_no_dates(desk) -> None:
    """It is the service that fails."""
    desk.source.spoil = lambda reply: {
        **reply,
        "data": [each | {"departureDate": "2027-02-30"} for each in reply["data"]],
    }
    with pytest.raises(ToolError, match="cannot be read") as caught:
        await desk.ask("cheapest_dates", **ONE_WAY)
    assert caught.value.code == "unavailable"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"one_way": None}, "one_way"),
        ({"departure_from": "2026-02-31"}, "departure_from"),
        ({"departure_from": "2025-01-01"}, "in the past"),
        ({"departure_to": "2027-01-31"}, "departure_from"),
        ({"departure_from": "2027-01-31", "departure_to": "2027-01-01"}, "departure"),
        ({"duration_from": 4}, "duration_from .* one-way"),
        ({"one_way": False, "duration_to": 4}, "duration_from"),
        ({"destination": "SAO"}, "destination"),
        ({"destination": "Xanadu"}, "destination"),
        ({"max_price": 0}, "max_price"),
        ({"adults": 2}, "Unknown field"),
    ],
)
async def test_bad_arguments_are_refused_by_field(desk, changes, said) -> None:
    """Nothing is asked of the service."""
    with pytest.raises(ToolError, match=said):
        await desk.ask("cheapest_dates", **(ONE_WAY | changes))
    assert desk.calls("flight-dates") == 0

"""find_airport: the directory's names and the service's airports, and the one without the other."""

import pytest

from cachekit.amadeus.errors import AmadeusQuotaError, AmadeusUnavailable
from chatbot.errors import ToolError


def codes(told) -> list[str]:
    return [place["code"] for place in told["places"]]


@pytest.mark.parametrize("query", ["London", "Londres", "LON", " london "])
async def test_a_city_is_told_with_its_airports(desk, query) -> None:
    """In whichever language it is named: the city's code first, which searches them all."""
    told = await desk.ask("find_airport", query=query)
    assert codes(told)[0] == "LON"
    assert {"LHR", "LGW", "STN"} <= set(codes(told))
    assert told["places"][1]["city_code"] == "LON"
    assert (told["source"], told["age_seconds"]) == ("live", 0)


async def test_what_one_name_finds_is_kept_for_others(desk, clock) -> None:
    """Two languages, one keyword, one call; the second answer tells its age."""
    await desk.ask("find_airport", query="Lisboa")
    clock.advance(60)
    told = await desk.ask("find_airport", query="Lissabon")
    assert (codes(told)[0], told["source"], told["age_seconds"]) == ("LIS", "cache", 60)
    assert desk.calls("locations") == 1


async def test_a_name_of_several_places_says_so(desk) -> None:
    """The model has to ask which one; a country decides."""
    told = await desk.ask("find_airport", query="San José")
    assert {"SJC", "SJO"} <= set(codes(told))
    assert "ask which one is meant" in told["note"]
    told = await desk.ask("find_airport", query="San José", country="CR")
    assert codes(told) == ["SJO"]
    assert "note" not in told


async def test_the_service_knows_airports_by_their_own_names(desk) -> None:
    """The directory need not."""
    assert "GRU" in codes(await desk.ask("find_airport", query="Guarulhos - Gov"))


@pytest.mark.parametrize("error", [AmadeusUnavailable("away"), AmadeusQuotaError("spent")])
async def test_the_directory_answers_alone_if_the_service_fails(desk, error) -> None:
    """And says that it does; what it does not know is an error then."""
    desk.source.error = error
    told = await desk.ask("find_airport", query="Lisbon")
    assert (codes(told), told["source"]) == (["LIS"], "built-in")
    assert "not to be had" in told["note"]
    with pytest.raises(ToolError):
        await desk.ask("find_airport", query="Guarulhos - Gov")


async def test_a_place_nobody_knows_is_an_answer(desk) -> None:
    """With what to try instead."""
    told = await desk.ask("find_airport", query="Xanadu")
    assert (told["count"], told["places"]) == (0, [])
    assert "another spelling" in told["message"]


async def test_a_name_that_no_keyword_can_hold_asks_nobody(desk) -> None:
    """The service takes Latin letters."""
    assert (await desk.ask("find_airport", query="??!§"))["count"] == 0
    assert desk.calls("locations") == 0


@pytest.mark.parametrize("given", [{"query": "L"}, {"query": "Lisbon", "country": "Portugal"}, {}])
async def test_input_that_does_not_fit_is_refused(desk, given) -> None:
    """By field."""
    with pytest.raises(ToolError) as caught:
        await desk.ask("find_airport", **given)
    assert caught.value.code == "invalid_input"

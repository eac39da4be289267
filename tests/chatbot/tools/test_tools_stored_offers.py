"""get_offer: an offer by its id, on whichever instance and whichever day, or a sentence that helps."""

import pytest

from cachekit.core.embedded import EmbeddedServer
from chatbot.errors import ToolError
from chatbot.tools import flight_tools


async def test_an_offer_is_told_whole_by_the_id_of_a_search(desk) -> None:
    """Its flights, fares, travelers and age, without another call."""
    found = await desk.search(adults=2, children=1, return_date="2026-12-20")
    (summary, *_) = found["offers"]
    told = await desk.ask("get_offer", offer_id=summary["id"])
    assert (told["id"], told["price"]) == (summary["id"], summary["price"])
    for way in ("outbound", "inbound"):
        assert [each["flight"] for each in told[way]["flights"]] == summary[way]["flights"]
        assert all(each["cabin"] == "ECONOMY" and each["aircraft"] for each in told[way]["flights"])
    assert [(each["type"], each["count"]) for each in told["travelers"]] == [("ADULT", 2), ("CHILD", 1)]
    assert (told["source"], told["age_seconds"]) == ("cache", 0)
    assert (desk.calls("flight-offers"), desk.calls("pricing")) == (1, 0)


async def test_every_id_of_a_digest_finds_its_offer(desk) -> None:
    """Those named as cheapest, fastest and nonstop, too; the page's cards have the same ids."""
    reply = await desk.tools.run(
        "search_flights", {"origin": "GRU", "destination": "LIS", "departure_date": "2026-12-12"}
    )
    for each in reply.content["offers"]:
        assert (await desk.ask("get_offer", offer_id=each["id"]))["price"] == each["price"]
    ids = {each["id"] for each in reply.content["offers"]}
    assert {reply.content[name] for name in ("cheapest_id", "fastest_id", "cheapest_non_stop_id")} <= ids
    assert reply.offers.offers[0].id == reply.content["cheapest_id"]


async def test_an_id_holds_on_another_instance_and_another_day(open_desk, clock) -> None:
    """While the answer is stored; the age tells how long that has been."""
    one = await open_desk(ttl="lead_time")
    clock.advance(8 * 3_600)
    id_ = (await one.search(departure_date="2027-03-20"))["cheapest_id"]
    clock.advance(10 * 3_600)
    other = await open_desk(ttl="lead_time")
    told = await other.ask("get_offer", offer_id=id_)
    assert (told["age_seconds"], told["fetched_at"]) == (36_000, "2026-11-22T20:00:00Z")
    assert one.calls("flight-offers") == 1


async def test_a_stale_offer_is_called_so(desk, clock) -> None:
    """It is older than it should be, and says so first."""
    id_ = (await desk.search())["cheapest_id"]
    clock.advance(301)
    assert (await desk.ask("get_offer", offer_id=id_))["note"].startswith(
        "The flight service does not answer"
    )


@pytest.mark.parametrize("changed", ["expired", "cleared", "renewed"])
async def test_an_offer_that_is_gone_says_how_to_get_it_again(desk, clock, changed) -> None:
    """Expired, invalidated, or sold at another price now."""
    id_ = (await desk.search())["cheapest_id"]
    match changed:
        case "expired":
            clock.advance(4_000)
        case "cleared":
            await desk.repository.invalidate_flight_cache(tags=["route:GRU-LIS", "route:SAO-LIS"])
        case "renewed":
            clock.advance(9 * 86_400)
            await desk.search(refresh=True)
    with pytest.raises(ToolError, match="Call search_flights with the fields of that search") as caught:
        await desk.ask("get_offer", offer_id=id_)
    assert caught.value.code == "offer_gone"


@pytest.mark.parametrize("spoil", ["truncated", "longer", "numbered", "quoted", "blank", "stars"])
async def test_what_is_no_id_says_what_one_is(desk, spoil) -> None:
    """A model cuts ids, adds to them, or counts offers; nothing is looked up."""
    id_ = (await desk.search())["cheapest_id"]
    given = {
        "truncated": id_[:30],
        "longer": f"{id_}=",
        "numbered": "1",
        "quoted": f'"{id_[2:]}"',
        "blank": "  ",
        "stars": "*" * 43,
    }[spoil]
    with pytest.raises(ToolError, match=r"43 characters .* Copy it whole") as caught:
        await desk.ask("get_offer", offer_id=given)
    assert caught.value.code == "invalid_input"


@pytest.mark.parametrize("place", [0, 26, 27, 42])
async def test_an_id_with_one_letter_wrong_finds_no_offer(desk, place) -> None:
    """Never another one: neither of that search nor of another."""
    id_ = (await desk.search())["cheapest_id"]
    wrong = id_[:place] + ("B" if id_[place] == "A" else "A") + id_[place + 1 :]
    with pytest.raises(ToolError, match="not copied exactly") as caught:
        await desk.ask("get_offer", offer_id=wrong)
    assert caught.value.code == "offer_gone"


async def test_blanks_around_an_id_do_no_harm(desk) -> None:
    """They are no part of it."""
    id_ = (await desk.search())["cheapest_id"]
    assert (await desk.ask("get_offer", offer_id=f" {id_}\n"))["id"] == id_


async def test_half_of_one_id_and_half_of_another_find_nothing(desk) -> None:
    """The search of one and the offer of the other."""
    there = (await desk.search())["cheapest_id"]
    later = (await desk.search(departure_date="2026-12-13"))["cheapest_id"]
    with pytest.raises(ToolError) as caught:
        await desk.ask("get_offer", offer_id=there[:27] + later[27:])
    assert caught.value.code == "offer_gone"


async def test_with_redis_away_searches_go_on_and_ids_say_what_to_do(open_desk, sandbox) -> None:
    """Instead of sending the model round in circles."""
    with EmbeddedServer() as server:
        desk = await open_desk(f"unix://{server.socket}")
        id_ = (await desk.search())["cheapest_id"]
    assert (await desk.search(refresh=True))["cheapest_id"] == id_
    other = (await desk.search(departure_date="2026-12-13"))["cheapest_id"]
    with pytest.raises(ToolError, match="go by what the search told") as caught:
        await desk.ask("get_offer", offer_id=other)
    assert caught.value.code == "offer_gone"


async def test_without_a_store_no_tool_takes_an_id(places, open_desk) -> None:
    """Where the contract forbids keeping answers, the model is not offered what cannot work."""
    desk = await open_desk(enabled=False)
    tools = flight_tools(desk.repository, places, today=lambda: None, by_id=False)
    assert [tool.spec.name for tool in tools] == ["search_flights", "find_airport", "cheapest_dates"]
    id_ = (await desk.search())["cheapest_id"]
    with pytest.raises(ToolError, match="go by what the search told"):
        await desk.ask("get_offer", offer_id=id_)

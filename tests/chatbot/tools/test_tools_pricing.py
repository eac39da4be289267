"""price_offer: asked each time, compared with the search, and one call for an offer at a time."""

import asyncio
import copy
from decimal import Decimal

import pytest

from cachekit.amadeus.errors import AmadeusNotFoundError, AmadeusQuotaError
from cachekit.amadeus.sandbox.faults import Fault
from chatbot.errors import ToolError


async def cheapest(desk, **changes) -> str:
    return (await desk.search(**changes))["cheapest_id"]


async def test_a_price_that_holds_is_called_so(desk) -> None:
    """The same before and now, and what each traveler pays of it."""
    id_ = await cheapest(desk, adults=2)
    told = await desk.ask("price_offer", offer_id=id_)
    assert (told["changed"], told["price"], told["source"]) == (False, told["price_before"], "live")
    assert "difference" not in told
    assert told["travelers"][0]["count"] == 2
    assert "nothing is booked" in told["note"]


async def test_a_price_that_has_changed_is_told_old_and_new(open_desk, clock) -> None:
    """In numbers and in the sentence for the model. Of ten fares one has moved within three hours."""
    desk = await open_desk(ttl="lead_time")
    found = await desk.search(departure_date="2026-12-05")
    clock.advance(10_000)
    told = [await desk.ask("price_offer", offer_id=each["id"]) for each in found["offers"]]
    changed = next(each for each in told if each["changed"])
    before = next(each["price"] for each in found["offers"] if each["id"] == changed["id"])
    assert (changed["price_before"], changed["age_seconds_before"]) == (before, 10_000)
    assert Decimal(before) + Decimal(changed["difference"]) == Decimal(changed["price"])
    assert f"it was {before} EUR and is now {changed['price']} EUR" in changed["note"]


async def test_the_whole_of_a_price_is_compared(desk) -> None:
    """The grand total, as the search tells it; and an amount written otherwise is the same amount."""
    id_ = await cheapest(desk)

    def dearer(reply, extra):
        (offer,) = copy.deepcopy(reply)["data"]["flightOffers"]
        grand = Decimal(offer["price"]["grandTotal"]) + extra
        price = {**offer["price"], "grandTotal": f"{grand}0"}
        return {"data": {"flightOffers": [{**offer, "price": price}]}}

    desk.source.spoil = lambda reply: dearer(reply, 0)
    assert (await desk.ask("price_offer", offer_id=id_))["changed"] is False
    desk.source.spoil = lambda reply: dearer(reply, 10)
    assert Decimal((await desk.ask("price_offer", offer_id=id_))["difference"]) == 10


async def test_another_currency_is_a_change_without_a_difference(desk) -> None:
    """Amounts in two currencies cannot be compared."""
    id_ = await cheapest(desk)

    def in_reais(reply):
        (offer,) = copy.deepcopy(reply)["data"]["flightOffers"]
        return {"data": {"flightOffers": [{**offer, "price": {**offer["price"], "currency": "BRL"}}]}}

    desk.source.spoil = in_reais
    told = await desk.ask("price_offer", offer_id=id_)
    assert (told["changed"], told["currency_before"], told["currency"]) == (True, "EUR", "BRL")
    assert "difference" not in told


async def test_a_price_is_never_kept(desk) -> None:
    """Asked twice, the service is called twice; nothing of it is in Redis."""
    id_ = await cheapest(desk)
    for _ in range(2):
        await desk.ask("price_offer", offer_id=id_)
    assert desk.calls("pricing") == 2
    assert desk.calls("flight-offers") == 1


async def test_an_offer_is_priced_by_one_call_at_a_time(desk) -> None:
    """A model that asks ten times at once, or ten people: one call; two offers are two."""
    found = await desk.search()
    first, second = (each["id"] for each in found["offers"][:2])
    asked = [desk.ask("price_offer", offer_id=each) for each in [first] * 10 + [second]]
    told = await asyncio.gather(*asked)
    assert desk.calls("pricing") == 2
    assert [each["id"] for each in told] == [first] * 10 + [second]


async def test_an_offer_is_priced_on_another_instance(open_desk) -> None:
    """Which has never seen the search."""
    one, other = await open_desk(), await open_desk()
    id_ = await cheapest(one)
    assert (await other.ask("price_offer", offer_id=id_))["id"] == id_


async def test_the_flights_of_a_priced_offer_are_told(desk) -> None:
    """An id of another search shows by them."""
    id_ = await cheapest(desk, origin="LIS", destination="MAD")
    told = await desk.ask("price_offer", offer_id=id_)
    assert (told["outbound"]["from"], told["outbound"]["to"]) == ("LIS", "MAD")


async def test_an_offer_that_is_not_sold_any_more_says_what_to_do(desk, sandbox) -> None:
    """With the service's reason, cleaned."""
    id_ = await cheapest(desk)
    sandbox.state.fail_next(Fault(kind="error", code=4926, endpoint="pricing"))
    with pytest.raises(
        ToolError, match=r"not sold any more .*search_flights again with refresh: true"
    ) as caught:
        await desk.ask("price_offer", offer_id=id_)
    assert caught.value.code == "not_sold"


@pytest.mark.parametrize(
    ("error", "code"), [(AmadeusNotFoundError("gone"), "no_data"), (AmadeusQuotaError("spent"), "quota")]
)
async def test_a_pricing_that_fails_says_why(desk, error, code) -> None:
    """Every failure is a sentence; no old price stands in."""
    id_ = await cheapest(desk)
    desk.source.error = error
    with pytest.raises(ToolError) as caught:
        await desk.ask("price_offer", offer_id=id_)
    assert caught.value.code == code


@pytest.mark.parametrize("id_", ["1", "A" * 43])
async def test_no_call_is_spent_on_an_id_that_finds_nothing(desk, id_) -> None:
    """Pricing is metered."""
    with pytest.raises(ToolError):
        await desk.ask("price_offer", offer_id=id_)
    assert desk.calls("pricing") == 0


async def test_the_last_who_leaves_ends_the_call(desk) -> None:
    """Who stops an answer stops its pricing, and the next one is asked anew."""
    id_ = await cheapest(desk)
    held, began = asyncio.Event(), asyncio.Event()
    price = desk.source.price

    async def slow(offers):
        began.set()
        await held.wait()
        return await price(offers)

    desk.source.price = slow
    task = asyncio.create_task(desk.ask("price_offer", offer_id=id_))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert desk.calls("pricing") == 0
    held.set()
    assert (await desk.ask("price_offer", offer_id=id_))["id"] == id_
    assert desk.outcomes["price_offer", "cancelled"] == 1

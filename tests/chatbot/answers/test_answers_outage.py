"""Redis away in the middle of an answer: readers here go on reading, and nothing is lost or doubled."""

import asyncio
import logging

import pytest
from answering_rig import END, LEASE, lapse, require_whole, words

from cachekit.testing import ChaosProxy
from chatbot.answers import RESERVE
from chatbot.answers.follower import CHECK_EVERY
from chatbot.models.protocol import TextDelta
from chatbot.sessions import answer_key

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def quiet(caplog):
    """Outages are told in the log; not in a test's output."""
    with caplog.at_level(logging.CRITICAL):
        yield


@pytest.fixture
async def proxy(redis_url):
    async with ChaosProxy(redis_url) as opened:
        yield opened


async def history(instance, session_id):
    return await instance.sessions.history(session_id, "ana")


@pytest.mark.parametrize("trouble", ["cut", "black_hole"])
async def test_local_delivery_goes_on_and_the_log_catches_up(start, proxy, trouble):
    """The reader misses nothing while Redis is away; afterwards others can read all of it."""
    away, back = asyncio.Event(), asyncio.Event()
    one = await start(
        "one",
        [TextDelta("before "), away, TextDelta("during "), back, *words("after")],
        url=proxy.url,
        timeout=0.3,
    )
    two = await start("two", words("never"))
    session_id = await one.sessions.begin("ana")
    socket = one.socket("tab", session_id)
    answer_id = await one.ask(session_id)
    await socket.until("chat:delta")
    await getattr(proxy, trouble)()
    away.set()
    await socket.until("chat:delta", text="during ")
    await proxy.heal()
    back.set()
    await socket.until("chat:done")
    require_whole(socket.events)
    assert socket.text == "before during after"
    there = two.socket("tab2", session_id)
    await two.resume(session_id, answer_id, "tab2")
    assert there.events == socket.events
    assert [each.text for each in await history(two, session_id)] == ["hi", "before during after"]


async def test_an_answer_is_begun_once_redis_is_back(start, proxy):
    """The question was taken, and Redis is away the moment after: it is answered all the same."""
    one = await start("one", words("All"), url=proxy.url, timeout=0.3)
    session_id = await one.sessions.begin("ana")
    socket = one.socket("tab", session_id)
    tried, read = asyncio.Event(), one.sessions.history

    async def hindered(*ids):
        if not tried.is_set():
            await proxy.cut()
        try:
            return await read(*ids)
        finally:
            tried.set()

    one.sessions.history = hindered
    await one.ask(session_id)
    await tried.wait()
    await proxy.heal()
    await socket.until("chat:done")
    require_whole(socket.events)
    assert "error" not in socket.done
    assert [each.text for each in await history(one, session_id)] == ["hi", "All"]


async def test_others_hear_of_an_answer_once_redis_is_back(start, proxy):
    """Redis is away the moment after the question was taken: a tab on another instance gets it all later."""
    one = await start("one", words("All"), url=proxy.url, timeout=0.3)
    two = await start("two", words("never"))
    session_id = await one.sessions.begin("ana")
    there = two.socket("tab", session_id)
    tried, publish = asyncio.Event(), one.bus.publish

    async def hindered(message):
        if not tried.is_set():
            await proxy.cut()
        try:
            await publish(message)
        finally:
            tried.set()

    one.bus.publish = hindered
    await one.ask(session_id)
    await tried.wait()
    await proxy.heal()
    await there.until("chat:done")
    require_whole(there.events)
    assert there.text == "All"


async def test_an_answer_is_kept_once_redis_is_back(start, proxy):
    """It ended while Redis was away: its end is announced when it is kept, and not before."""
    away = asyncio.Event()
    one = await start("one", [TextDelta("All"), away, END], url=proxy.url, timeout=0.3)
    session_id = await one.sessions.begin("ana")
    socket = one.socket("tab", session_id)
    await one.ask(session_id)
    await socket.until("chat:delta")
    await proxy.cut()
    away.set()
    while not one.answers._writings._writings[socket.events[0][1]["answerId"]]._answering.done():
        await asyncio.sleep(0.005)
    assert socket.of("chat:done") == []
    await proxy.heal()
    await socket.until("chat:done")
    assert "error" not in socket.done
    assert [each.text for each in await history(one, session_id)] == ["hi", "All"]


async def test_an_answer_that_waits_too_long_for_redis_is_told_to_be_unkept(start, proxy):
    """The reader is warned; his question is not lost, and answered anew when he comes back."""
    away = asyncio.Event()
    one = await start("one", [TextDelta("All"), away, END], url=proxy.url, timeout=0.3, patience=0.2)
    two = await start("two", words("Anew"))
    session_id = await one.sessions.begin("ana")
    socket = one.socket("tab", session_id)
    answer_id = await one.ask(session_id)
    await socket.until("chat:delta")
    await proxy.cut()
    away.set()
    await socket.until("chat:done")
    require_whole(socket.events)
    assert socket.done["error"]["code"] == "unavailable"
    await lapse(two, session_id)
    there = two.socket("tab2", session_id)
    assert await two.answers.come_back(session_id, "ana") == answer_id
    await two.resume(session_id, answer_id, "tab2", after=socket.last)
    await there.until("chat:done")
    assert (there.names[0], there.text) == ("chat:reset", "Anew")
    assert [each.text for each in await history(two, session_id)] == ["hi", "Anew"]


async def test_a_writer_cut_off_from_redis_gives_way_to_the_one_who_took_over(start, proxy):
    """Its readers have seen events that nobody else knows of: they get the reset, and the other's answer."""
    away, never = asyncio.Event(), asyncio.Event()
    old = [TextDelta("old "), away, TextDelta("and only seen here"), never, *words("never said")]
    one = await start("one", old, url=proxy.url, timeout=0.3)
    gate = asyncio.Event()
    two = await start("two", [TextDelta("The new "), gate, *words("answer")])
    session_id = await one.sessions.begin("ana")
    here, there = one.socket("tab1", session_id), two.socket("tab2", session_id)
    answer_id = await one.ask(session_id)
    await there.until("chat:delta")
    await proxy.cut()
    away.set()
    await here.until("chat:delta", text="only seen here")
    await there.until("chat:reset")
    await proxy.heal()
    await here.until("chat:reset")
    late = one.socket("late", session_id)
    assert await one.resume(session_id, answer_id, "late")
    gate.set()
    for socket in (here, there, late):
        await socket.until("chat:done")
        require_whole(socket.events)
        assert socket.text == "The new answer"
        assert socket.of("chat:reset")[0]["seq"] > RESERVE
    assert late.events == there.events, "what was never logged is forgotten"
    assert one.noted.endings == ["replaced"]
    assert [each.text for each in await history(two, session_id)] == ["hi", "The new answer"]


async def test_a_writer_that_comes_too_late_keeps_nothing(start, proxy):
    """Its answer was complete and only had to be kept; another's was, meanwhile."""
    away = asyncio.Event()
    one = await start("one", [TextDelta("old"), away, END], url=proxy.url, timeout=0.3)
    two = await start("two", words("The new answer"))
    session_id = await one.sessions.begin("ana")
    here, there = one.socket("tab1", session_id), two.socket("tab2", session_id)
    await one.ask(session_id)
    await there.until("chat:delta")
    await proxy.cut()
    away.set()
    await there.until("chat:done")
    await proxy.heal()
    await here.until("chat:done")
    require_whole(here.events)
    assert here.text == "The new answer"
    assert [each.text for each in await history(two, session_id)] == ["hi", "The new answer"]


async def test_after_an_outage_for_all_the_writer_goes_on(start, redis_url):
    """Every lease has lapsed when Redis is back: he who writes comes first, and nothing is begun anew."""
    away, back = asyncio.Event(), asyncio.Event()
    async with ChaosProxy(redis_url) as proxy:
        turn = [TextDelta("before "), away, TextDelta("during "), back, *words("after")]
        one = await start("one", turn, url=proxy.url, timeout=0.3)
        two = await start("two", words("never"), url=proxy.url, timeout=0.3, check_every=CHECK_EVERY)
        watching = await start("watching")
        session_id = await one.sessions.begin("ana")
        here, there = one.socket("tab1", session_id), two.socket("tab2", session_id)
        await one.ask(session_id)
        await there.until("chat:delta")
        await proxy.cut()
        away.set()
        await lapse(watching, session_id)
        await proxy.heal()
        await there.until("chat:delta", text="during ")
        back.set()
        await there.until("chat:done")
        require_whole(there.events)
        assert there.events == here.events
        assert there.text == "before during after"


async def test_replies_that_are_lost_double_nothing(start, proxy):
    """Redis has taken the events and the answer, and only said so to nobody: all is sent again."""
    lost, found = asyncio.Event(), asyncio.Event()
    turn = [TextDelta("one "), lost, TextDelta("two "), found, *words("three")]
    one = await start("one", turn, url=proxy.url, timeout=0.3)
    two = await start("two")
    session_id = await one.sessions.begin("ana")
    socket = one.socket("tab", session_id)
    answer_id = await one.ask(session_id)
    await socket.until("chat:delta")
    await proxy.black_hole(direction="to_client")
    lost.set()
    key = answer_key(session_id, answer_id)
    while await two.cache.store.execute("XLEN", key) < 3:
        await asyncio.sleep(0.005)
    await proxy.heal()
    found.set()
    await socket.until("chat:done")
    there = two.socket("tab2", session_id)
    await two.resume(session_id, answer_id, "tab2")
    require_whole(there.events)
    assert there.events == socket.events
    assert len(await history(two, session_id)) == 2


async def test_a_log_that_redis_has_lost_is_written_again(start):
    """Evicted in the middle of the answer: the writer puts all of it back, and followers miss nothing."""
    gate = asyncio.Event()
    one, two = await start("one", [TextDelta("Hel"), gate, *words("lo")]), await start("two")
    session_id = await one.sessions.begin("ana")
    here, there = one.socket("tab1", session_id), two.socket("tab2", session_id)
    answer_id = await one.ask(session_id)
    await there.until("chat:delta")
    await one.cache.store.unlink(answer_key(session_id, answer_id))
    gate.set()
    await there.until("chat:done")
    require_whole(there.events)
    late = two.socket("late", session_id)
    assert await two.resume(session_id, answer_id, "late")
    assert late.events == there.events == here.events


async def test_the_lease_is_renewed_while_the_model_is_silent(start):
    """A model that thinks for longer than the lease loses nothing by it."""
    one, two = await start("one", [TextDelta("Hm"), 2.5 * LEASE, *words(".")]), await start("two")
    session_id = await one.sessions.begin("ana")
    there = two.socket("tab2", session_id)
    await one.ask(session_id)
    await there.until("chat:done")
    require_whole(there.events)
    assert "chat:reset" not in there.names

"""The bus' parts: what is remembered, for how long, and what counts as a gap."""

import asyncio
from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.servers import until

import cachekit
from cachekit.core.log_record import text_of
from cachekit.testing import ManualClock
from chatbot.bus import (
    AnswerBegan,
    Bus,
    Notice,
    Revoked,
    SessionDeleted,
    SessionRenamed,
    StopAnswer,
    inbox,
    outbox,
)
from chatbot.bus.inbox import Inbox
from chatbot.bus.messages import BusMessage, decode, encode
from chatbot.bus.outbox import Outbox
from chatbot.bus.stream import APPEND, KEY, PROBE, Record

pytest_plugins = ["support.server_fixtures"]

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(TEXT, TEXT, st.lists(TEXT), st.none() | st.floats(allow_nan=False, allow_infinity=False))
def test_every_kind_travels_unchanged(one, other, several, number):
    """What is decoded equals what was encoded."""
    messages: list[BusMessage] = [
        Notice(id=one, level="warning", text=other, at=one),
        Revoked(token_id=one),
        Revoked(user_id=other, before=number),
        StopAnswer(session_id=one, answer_id=other),
        AnswerBegan(session_id=one, answer_id=other, user_id=one),
        SessionRenamed(session_id=one, user_id=other, title=one),
        SessionDeleted(session_id=one, user_id=other, answer_ids=tuple(several)),
    ]
    assert [decode(encode(message)) for message in messages] == messages


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 9))),
)
def test_the_inbox_takes_each_number_once_and_in_order(arrivals):
    """Whatever comes again, each sender's numbers only rise."""
    box, taken = Inbox("5-0"), []
    for at, (sender, number) in enumerate(arrivals):
        if box.takes(Record(f"{at + 6}-0", "", sender, "r", number, "", b"{}")):
            taken.append((sender, number))
    for sender in "ab":
        numbers = [number for name, number in taken if name == sender]
        assert numbers == sorted(set(numbers))


def test_the_inbox_drops_what_is_older_than_itself():
    """By the record's own id, or by the one it had before it was lost."""
    box = Inbox("5-1")
    assert not box.takes(Record("5-1", "", "a", "r", 1, "", b"{}"))
    assert not box.takes(Record("9-0", "", "a", "r", 2, "5-0", b"{}"))
    assert box.takes(Record("9-1", "", "a", "r", 3, "5-2", b"{}"))


def test_a_sender_that_was_started_anew_counts_anew():
    """Its numbers begin again, under another run."""
    box = Inbox("0-0")
    assert box.takes(Record("1-0", "", "a", "run 1", 7, "", b"{}"))
    assert box.takes(Record("2-0", "", "a", "run 2", 1, "", b"{}"))


def test_the_inbox_forgets_those_heard_of_longest_ago(monkeypatch):
    """It does not grow with every deployment."""
    monkeypatch.setattr(inbox, "MOST_RUNS", 2)
    box = Inbox("0-0")
    for sender in "abac":
        box.takes(Record("1-0", "", sender, "r", 1, "", b"{}"))
    assert isinstance(box._heard, OrderedDict)
    assert len(box._heard) == 2


async def test_the_outbox_forgets_what_redis_was_seen_to_hold_for_a_minute(cache: cachekit.Cache):
    """Not before: until then it can be appended again."""
    clock = cache.clock
    assert isinstance(clock, ManualClock)
    box = Outbox(cache, instance="a")
    await box.publish(b"1")
    clock.advance(59)
    box.confirm()
    assert box.last
    clock.advance(2)
    box.confirm()
    assert box.last == ""


async def test_the_outbox_keeps_what_redis_could_not_be_asked_about(standalone, clock):
    """An outage longer than that minute loses nothing."""
    async with cachekit.connect(standalone.url, clock=clock) as cache:
        box = Outbox(cache, instance="a")
        await box.publish(b"1")
        with standalone.dead():
            clock.advance(600)
        await until(lambda: standalone.call("DBSIZE") == 0, "the server is back")
        while True:
            try:
                await box.publish(b"2")
                break
            except cachekit.CacheUnavailable:
                await asyncio.sleep(0.01)
        bodies = [fields["body"] for _, fields in standalone.call("XRANGE", KEY, "-", "+")]
        assert bodies[:2] == ["1", "2"]


async def test_the_outbox_keeps_a_bounded_number(cache, monkeypatch):
    """The latest; older ones rely on Redis alone."""
    box = Outbox(cache, instance="a")
    assert box._kept.maxlen == outbox.MOST_KEPT
    await asyncio.gather(*(box.publish(b"x") for _ in range(1_200)))
    assert len(box._kept) == 1_200
    numbers = [int(fields[b"n"]) for _, fields in await cache.store.execute("XRANGE", KEY, "-", "+")]
    assert numbers == list(range(1, 1_201))


async def test_messages_that_wait_travel_together(cache, monkeypatch):
    """A thousand at once take a few commands, not a thousand."""
    calls = []
    run_script = cache.store.run_script

    async def counted(*given):
        calls.append(given[0])
        return await run_script(*given)

    monkeypatch.setattr(cache.store, "run_script", counted)
    box = Outbox(cache, instance="a")
    await asyncio.gather(*(box.publish(b"x") for _ in range(1_000)))
    assert len(calls) == 2


async def append(store, after="", *, keep_ms=600_000, most=100_000, run="r"):
    reply = await store.run_script(APPEND, KEY, after, keep_ms, most, 60, "a", run, 1, "", b"{}")
    return reply and text_of(reply[0])


async def test_old_records_are_trimmed_and_not_taken_for_lost(cache):
    """A record that went by age or number is older than all that is left."""
    first = await append(cache.store)
    while await cache.store.execute("XRANGE", KEY, first, first):
        second = await append(cache.store, first, keep_ms=100)
    assert await cache.store.run_script(PROBE, KEY, second, first, "r") == [1, 0]
    assert await append(cache.store, first)


@pytest.mark.parametrize("command", [("DEL", KEY), ("FLUSHALL",)])
async def test_a_lost_stream_takes_nothing_new_before_the_old(cache, command):
    """Who knows of an earlier record is told that it is gone."""
    first = await append(cache.store)
    await cache.store.execute(*command)
    assert await append(cache.store, first) is None
    assert await cache.store.run_script(PROBE, KEY, first, first, "r") == [0, 1]
    other = await append(cache.store, run="s")
    assert await append(cache.store, first) is None
    assert await cache.store.run_script(PROBE, KEY, other, other, "s") == [1, 0]


async def test_a_stream_nobody_uses_expires(cache):
    """Nothing of a service that is gone stays in Redis."""
    await append(cache.store)
    assert await cache.store.execute("TTL", KEY) > 0


class Held:
    """A handler that keeps the reader busy until it is let go."""

    def __init__(self, listener):
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()
        listener.bus.on(Notice, self)

    async def __call__(self, _message, _sender):
        self.reached.set()
        await self.go_on.wait()


async def test_a_stream_trimmed_past_the_reader_is_a_gap(redis_url, listen):
    """What can still be read is heard, and who must know is told that something was missed."""
    sender, receiver = await listen(redis_url, "a", "b")
    held = Held(receiver)
    await sender.say("1")
    await held.reached.wait()
    for text in "234":
        await sender.say(text)
    await sender.cache.store.execute("XTRIM", KEY, "MAXLEN", 1)
    held.go_on.set()
    await until(lambda: receiver.gaps == 1, "the gap is told")
    assert receiver.texts("a") == ["1", "4"]


async def test_a_stream_trimmed_up_to_the_reader_is_no_gap(redis_url, listen):
    """After a long silence the record it knows may be gone: the next one names it."""
    sender, receiver = await listen(redis_url, "a", "b")
    held = Held(receiver)
    await sender.say("1")
    await held.reached.wait()
    await sender.say("2")
    await sender.cache.store.execute("XTRIM", KEY, "MAXLEN", 1)
    held.go_on.set()
    await until(lambda: receiver.texts("a") == ["1", "2"], "both are heard")
    # As if the second had come after the reader's last look for news and before its look at what it knows.
    reader = receiver.bus._reader
    ((_, fields),) = await sender.cache.store.execute("XRANGE", KEY, "-", "+")
    reader._cursor = text_of(fields[b"prev"])
    await reader._read_anew(await reader.join())
    assert not reader._missed
    assert receiver.gaps == 0


async def test_a_gap_is_told_until_it_could_be_looked_up(redis_url, listen):
    """A handler that finds Redis away is called again."""
    (listener,) = await listen(redis_url, "a")
    calls = []

    async def look_up():
        calls.append(1)
        if len(calls) == 1:
            raise cachekit.CacheUnavailable("away", operation="GET")

    listener.bus.on_gap(look_up)
    await listener.cache.store.unlink(KEY)
    await until(lambda: len(calls) == 2, "it is called again")
    await until(lambda: listener.bus.ready, "the bus is ready")
    assert len(calls) == 2


async def test_a_handler_whose_work_was_cancelled_does_not_end_the_bus(redis_url, listen):
    """Only closing the bus ends the reader."""
    (listener,) = await listen(redis_url, "a")

    async def wait_for_a_cancelled_task(_message, _sender):
        task = asyncio.ensure_future(asyncio.Event().wait())
        task.cancel()
        await task

    listener.bus.on(Notice, wait_for_a_cancelled_task)
    await listener.say("1")
    await listener.say("2")
    await until(lambda: listener.texts("a") == ["1", "2"], "both are heard")


async def test_a_handler_that_hangs_is_given_up(redis_url, listen, caplog):
    """The bus goes on after its deadline."""
    (listener,) = await listen(redis_url, "a")
    listener.bus._handlers._deadline = 0.01
    Held(listener)
    await listener.say("1")
    await listener.say("2")
    await until(lambda: listener.texts("a") == ["1", "2"], "both are heard")
    assert "a handler of Notice failed" in caplog.text


async def test_the_reader_lets_the_outbox_forget(cache):
    """While it sees that Redis holds what was sent."""
    assert isinstance(cache.clock, ManualClock)
    async with Bus(cache, instance="a") as bus:
        await bus.publish(Notice(id="1", level="info", text="1", at=""))
        assert bus._outbox.last
        cache.clock.advance(61)
        await until(lambda: not bus._outbox.last, "it is forgotten")


async def test_what_comes_while_a_lost_stream_is_begun_anew_is_heard(redis_url, listen, monkeypatch):
    """Another instance may be quicker with the first record."""
    sender, receiver = await listen(redis_url, "a", "b")
    reader = receiver.bus._reader
    begin = reader._last

    async def begin_too_late():
        await sender.persist("quicker")
        return await begin()

    monkeypatch.setattr(reader, "_last", begin_too_late)
    await sender.cache.store.unlink(KEY)
    await until(lambda: receiver.gaps == 1, "the loss is noticed")
    await until(lambda: "quicker" in receiver.texts("a"), "it is heard")

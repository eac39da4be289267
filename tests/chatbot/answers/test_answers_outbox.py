"""What an assistant says, as numbered events."""

import asyncio

import pytest
from answering_rig import Noted

from chatbot.answers.event import RESERVE
from chatbot.answers.feed import Feed
from chatbot.answers.outbox import MOST_GATHERED, Outbox
from chatbot.errors import ToolError
from chatbot.messages import Done
from chatbot.models.protocol import ToolUse
from chatbot.sessions import Answering
from chatbot.tools import FoundOffers

CALL = ToolUse("t1", "search_flights", {"origin": "GRU"})
QUESTION = Answering(answer_id="a", message_id="m", text="hi", at="now", writer="one", alive=True)


def found(source="cache", **search):
    return FoundOffers(search=search, offers=(), total=0, source=source, age=1.23456, fetched_at="then")


@pytest.fixture
def noted():
    return Noted()


@pytest.fixture
def feed():
    return Feed("a", "s", "ana", lambda *_: 0)


@pytest.fixture
def outbox(feed, noted, clock):
    return Outbox(feed, feed.put, noted, clock, coalesce=30)


def sent(feed):
    return [(event.name, event.facts) for event in feed.after(0)]


async def test_text_is_gathered_before_it_is_sent(outbox, feed):
    """Words that come within a moment travel in one event, in order, and before whatever comes next."""
    for word in ("one ", "two ", "three"):
        outbox.text(word)
    outbox.send(Done, stop_reason="end_turn")
    assert sent(feed) == [
        ("chat:delta", {"text": "one two three"}),
        ("chat:done", {"stopReason": "end_turn"}),
    ]
    assert [event.payload["seq"] for event in feed.after(0)] == [1, 2]


async def test_a_tool_call_is_told_when_it_begins_and_when_it_ends(outbox, feed):
    """The history keeps its last state."""
    outbox.tool_started(CALL)
    outbox.tool_finished(CALL, None, ToolError("Too slow.", code="tool_timeout"))
    states = [(name, facts["state"], facts.get("code")) for name, facts in sent(feed)]
    assert states == [("chat:tool", "running", None), ("chat:tool", "error", "tool_timeout")]
    assert [(tool["toolId"], tool["state"]) for tool in outbox.tools] == [("t1", "error")]


async def test_offers_are_told_and_kept(outbox, feed, noted):
    """What the page shows is what the history keeps, less the numbers; the route is counted."""
    outbox.tool_started(CALL)
    offers = found(originLocationCode="GRU", destinationLocationCode="LIS")
    outbox.tool_finished(CALL, offers, None)
    name, facts = sent(feed)[-1]
    assert (name, facts["age"], facts["source"]) == ("chat:offers", 1.235, "cache")
    assert outbox.offers == [facts]
    assert ("searched", "GRU-LIS", True) in noted.heard


async def test_a_search_without_a_route_is_shown_and_not_counted(outbox, feed, noted):
    """Several cities, say: there is no route to count."""
    outbox.tool_finished(CALL, found(source="live"), None)
    assert "chat:offers" in [name for name, _ in sent(feed)]
    assert not [what for what in noted.heard if what[0] == "searched"]


async def test_the_first_token_is_told_once(outbox, noted, clock):
    """In seconds since the answer began."""
    clock.advance(1.5)
    outbox.text("a")
    clock.advance(1)
    outbox.text("b")
    assert noted.heard == [("first_token", 1.5)]
    outbox.flush()


async def test_an_answer_begun_anew_numbers_on_from_far_above(outbox, feed):
    """The question is not told again; no event of the old attempt has a number of the new one."""
    outbox.begin(QUESTION)
    outbox.begin(QUESTION)
    outbox.begin_anew()
    outbox.send(Done, stop_reason="stopped")
    assert [event.name for event in feed.after(0)] == ["chat:question", "chat:reset", "chat:done"]
    assert [event.seq for event in feed.after(0)] == [1, 1 + RESERVE, 2 + RESERVE]


async def test_what_is_repeated_is_kept_as_well(outbox, feed):
    """A stopped answer of a dead writer keeps its tool lines and offers under new numbers."""
    outbox.tool_started(CALL)
    outbox.tool_finished(CALL, found(), None)
    again = Feed("a", "s", "ana", lambda *_: 0)
    other = Outbox(again, again.put, Noted(), outbox._clock)
    other.begin_anew()
    for event in feed.after(0):
        other.repeat(event)
    assert (other.offers, other.tools) == (outbox.offers, outbox.tools)
    assert sent(again)[1:] == sent(feed)


async def test_text_is_gathered_for_longer_while_the_log_is_behind(feed, clock):
    """Fewer and longer events instead of ever more that wait; but not for ever."""
    looks = []

    def is_behind():
        looks.append(feed.newest)
        return len(looks) < 3

    outbox = Outbox(feed, feed.put, Noted(), clock, is_behind=is_behind, coalesce=0.001)
    for word in ("one ", "two"):
        outbox.text(word)
    while not feed.newest:
        await asyncio.sleep(0.001)
    assert (looks, sent(feed)) == ([0, 0, 0], [("chat:delta", {"text": "one two"})])
    patient = Outbox(feed, feed.put, Noted(), clock, is_behind=lambda: True, coalesce=MOST_GATHERED / 4)
    patient.text("three")
    while feed.newest < 2:
        await asyncio.sleep(0.001)

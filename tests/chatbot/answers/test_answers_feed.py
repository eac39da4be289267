"""An answer as one instance knows it: every socket gets what it lacks, once and in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.answers.event import Event
from chatbot.answers.feed import Feed
from chatbot.answers.feeds import Feeds


def event(seq, name="chat:delta"):
    return Event(seq, name, {"seq": seq})


class Pushed(dict):
    """What each socket got."""

    def push(self, sids, _name, payload):
        for sid in sids:
            self.setdefault(sid, []).append(payload["seq"])
        return 0


@pytest.fixture
def pushed():
    return Pushed()


@pytest.fixture
def feed(pushed):
    return Feed("a", "s", "ana", pushed.push)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 3)),
        st.tuples(st.just("show"), st.just(0)),
        st.tuples(st.just("attach"), st.integers(0, 12)),
        st.tuples(st.just("leave"), st.integers(0, 5)),
    ),
    max_size=60,
)


@given(STEPS)
def test_whoever_attaches_gets_all_that_is_shown_behind_his_number(steps):
    """Whatever the order of putting, showing, attaching and leaving: no gap, no repetition, no disorder."""
    pushed, expected, here, shown = Pushed(), {}, {}, []
    feed = Feed("a", "s", "ana", pushed.push)
    for number, (step, value) in enumerate(steps):
        if step == "put":
            feed.put(event(feed.newest + value))
        elif step == "show":
            new = [each.seq for each in feed.after(shown[-1] if shown else 0)]
            feed.show()
            shown += new
            for sid, after in here.items():
                expected[sid] += [seq for seq in new if seq > after]
        elif step == "attach":
            here[f"s{number}"] = value
            expected[f"s{number}"] = [seq for seq in shown if seq > value]
            feed.attach(f"s{number}", value)
        elif here:
            sid = sorted(here)[value % len(here)]
            del here[sid]
            feed.leave(sid)
    assert {sid: seqs for sid, seqs in expected.items() if seqs} == pushed


def test_what_is_put_is_not_shown_yet(feed, pushed):
    """The writer shows an event when the log has it; who attaches before that gets it then."""
    feed.put(event(1))
    feed.put(event(2))
    feed.attach("tab", 0)
    assert pushed == {}
    feed.show(1)
    assert (pushed, feed.last_shown, feed.newest) == ({"tab": [1]}, 1, 2)


def test_a_number_is_given_once(feed):
    """Events that do not follow the last one are a defect of the writer."""
    feed.put(event(3))
    with pytest.raises(ValueError, match="event 3 of an answer cannot follow event 3"):
        feed.put(event(3))


def test_what_was_logged_by_another_writer_takes_the_place_of_what_was_not(feed, pushed):
    """The events that never came into the log are forgotten; those of the successor have higher numbers."""
    for seq in (1, 2, 3):
        feed.put(event(seq))
    feed.attach("tab", 0)
    feed.show()
    feed.forget_after(1)
    assert (feed.newest, feed.last_shown) == (1, 1)
    feed.take([event(1), event(100, "chat:reset"), event(101)])
    assert pushed == {"tab": [1, 2, 3, 100, 101]}


def test_what_was_shown_and_forgotten_does_not_come_again_from_the_log(pushed):
    """It was logged, only the answer to that was lost: the numbers a socket gets never go back."""
    feeds = Feeds(pushed.push)
    feed = feeds.open("a", "s", "ana")
    for seq in (1, 2, 3, 4):
        feed.put(event(seq))
    feeds.attach(feed, "tab", after=0)
    feed.show()
    feed.forget_after(1)
    feed.take([event(2), event(3)])
    assert (feed.last_shown, feed.seen) == (3, 4)
    feeds.close(feed)
    feeds.attach(feeds.open("a", "s", "ana"), "tab", after=0)
    feeds.get("a").take([event(1), event(2), event(3), event(100, "chat:reset")])
    assert pushed == {"tab": [1, 2, 3, 4, 100]}


def test_a_log_written_anew_repeats_nothing_to_those_who_have_it(feed, pushed):
    """A socket that named an event ahead of this feed gets only what lies behind it."""
    feed.attach("tab", 2)
    feed.take([event(1), event(2), event(3)])
    assert pushed == {"tab": [3]}


def test_a_socket_may_leave_while_it_is_pushed_to(pushed):
    """The transport cuts it off for being slow; the others get the event all the same."""

    def push(sids, name, payload):
        feed.leave("slow")
        return pushed.push(sids, name, payload)

    feed = Feed("a", "s", "ana", push)
    feed.attach("slow", 0)
    feed.attach("tab", 0)
    feed.take([event(1), event(2)])
    assert pushed["tab"] == [1, 2]
    assert pushed["slow"] == [1]


def test_what_a_socket_got_is_known_until_it_leaves(pushed):
    """An answer that is over is closed; who saw it gets none of it again, unless he starts anew."""
    feeds = Feeds(pushed.push)
    feed = feeds.open("a", "s", "ana")
    feeds.attach(feed, "tab", after=0)
    feed.take([event(1), event(2)])
    feeds.close(feed)
    assert len(feeds) == 0
    for expected in ([1, 2], [1, 2, 1, 2]):
        again = feeds.open("a", "s", "ana")
        again.take([event(1), event(2)])
        feeds.attach(again, "tab", after=0)
        assert pushed["tab"] == expected
        assert feeds.leave("tab") == [again]
        feeds.close(again)


def test_a_socket_that_leaves_names_what_nobody_follows_any_more(pushed):
    """Not those that others follow as well, nor those that it never followed."""
    feeds = Feeds(pushed.push)
    shared, alone, other = (feeds.open(name, "s", "ana") for name in ("shared", "alone", "other"))
    for feed in (shared, alone):
        feeds.attach(feed, "tab", after=0)
    for feed in (shared, other):
        feeds.attach(feed, "tab2", after=0)
    assert feeds.leave("tab") == [alone]
    assert feeds.leave("tab") == []

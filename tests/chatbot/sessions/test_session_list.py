"""A user's sessions: their titles, and in what order they are listed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.chat import answer, ask, talk

from chatbot.messages import MAX_TITLE
from chatbot.sessions import session_key
from chatbot.sessions.layout import PARTITIONS, answer_key, archive_key, index_key, partition
from chatbot.sessions.title import title_of


async def test_the_last_used_session_comes_first(sessions, clock):
    """Begun, asked, answered or renamed: each counts as a use."""
    ids = []
    for _ in range(3):
        clock.advance(1)
        ids.append(await sessions.begin("ana"))
    clock.advance(1)
    await ask(sessions, ids[0])
    clock.advance(1)
    await sessions.rename(ids[1], "ana", "trip")
    listed = await sessions.list("ana")
    assert [info.id for info in listed] == [ids[1], ids[0], ids[2]]
    assert [(info.title, info.messages) for info in listed] == [("trip", 0), ("question 1", 1), ("", 0)]
    clock.advance(1)
    await answer(sessions, ids[0])
    assert (await sessions.list("ana"))[0].messages == 2
    assert len(await sessions.list("ana", limit=2)) == 2


async def test_a_list_is_its_users_own(sessions):
    """Also after somebody has tried another's session."""
    session_id = await sessions.begin("ana")
    with pytest.raises(Exception, match="no such chat"):
        await ask(sessions, session_id, user="bob")
    assert await sessions.list("bob") == []
    assert [info.id for info in await sessions.list("ana")] == [session_id]


async def test_a_session_that_has_expired_leaves_the_list(sessions, cache):
    """And the index behind it."""
    session_id = await sessions.begin("ana")
    await cache.store.unlink(session_key(session_id))
    assert await sessions.list("ana") == []
    assert await cache.store.execute("EXISTS", index_key("ana")) == 0


async def test_a_lost_hint_fails_nothing(sessions, cache):
    """What was taken is told so, though the index could not be written; the next question writes it."""
    session_id = await sessions.begin("ana")
    await cache.store.unlink(index_key("ana"))
    await cache.store.execute("SET", index_key("ana"), "in the way")
    assert (await ask(sessions, session_id)).state == "new"
    await answer(sessions, session_id)
    await cache.store.unlink(index_key("ana"))
    await ask(sessions, session_id, 2)
    assert [info.id for info in await sessions.list("ana")] == [session_id]


async def test_the_index_is_bounded(sessions, cache):
    """A user who begins sessions without end has the last thousand listed."""
    pairs = [part for number in range(1_200) for part in (number, f"s{number}")]
    await cache.store.execute("ZADD", index_key("ana"), *pairs)
    await sessions.begin("ana")
    assert await cache.store.execute("ZCARD", index_key("ana")) == 1_000


async def test_a_chosen_title_stays(sessions):
    """The first question gives the title only where the user has not."""
    session_id = await sessions.begin("ana")
    await sessions.rename(session_id, "ana", "Lisbon")
    await talk(sessions, session_id, 1)
    assert (await sessions.open(session_id, "ana")).title == "Lisbon"


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("to Lisbon?", "to Lisbon?"),
        ("  to\n Lisbon\t?", "to Lisbon ?"),
        ("x" * 120, "x" * 120),
        ("x" * 121, "x" * 119 + "…"),
        ("word " * 40, "word " * 23 + "word…"),
    ],
)
def test_a_title_is_the_question_in_one_line(question, title):
    """Cut at a word, if it has to be cut."""
    assert title_of(question) == title


@given(st.text(min_size=1, max_size=400))
def test_no_title_is_longer_than_is_allowed(question):
    """Whatever was asked."""
    assert len(title_of(question)) <= MAX_TITLE


@given(st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable()))
def test_a_session_its_answers_and_its_archive_share_a_slot(session_id):
    """The cluster's hash tag is the partition, and no id can add another brace."""
    number = partition(session_id)
    assert 0 <= number < PARTITIONS
    for key in (session_key(session_id), answer_key(session_id, session_id), archive_key(number)):
        assert key.partition("{")[2].partition("}")[0] == str(number)
        assert key.count("{") == key.count("}") == 1


def test_partitions_are_those_of_crc32():
    """They never change: sessions would be lost."""
    assert [partition(name) for name in ("", "a", "abc", "é")] == [0, 3, 2, 14]

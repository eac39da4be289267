"""What was said goes to the table once and in order, and comes back when Redis has forgotten it."""

import asyncio
import hashlib

import pytest
from support.chat import answer, ask, forget, lapse, talk

from chatbot.archive import SessionArchive
from chatbot.errors import SessionError
from chatbot.sessions import ArchiveUnavailable, SessionRepository, session_key


async def test_everything_said_lies_in_the_table_once_and_in_order(sessions, archiver, rows):
    """Under the numbers that it has in the session."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, *range(20))
    while await archiver.round():
        pass
    assert [row["SK"]["S"] for row in await rows(session_id)] == [f"MSG#{n:012d}" for n in range(1, 41)]
    assert await archiver.log.backlog() == 0


async def test_a_session_stays_in_redis_until_it_is_archived(sessions, archiver, cache):
    """However long that takes; its day begins then, and each further message suspends it."""
    session_id = await sessions.begin("ana")
    for number in (1, 2):
        await talk(sessions, session_id, number)
        assert await cache.store.execute("TTL", session_key(session_id)) == -1
        assert await archiver.round() == 2
        assert 86_000 < await cache.store.execute("TTL", session_key(session_id)) <= 86_400


async def test_a_session_comes_back_as_it_was(sessions, archiver, cache):
    """Title, times, messages; and in the list as before."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, 1, 2)
    await sessions.rename(session_id, "ana", "Lisbon")
    before, listed = await sessions.open(session_id, "ana"), await sessions.list("ana")
    await archiver.round()
    await forget(cache, session_id)
    assert await sessions.list("ana") == listed
    assert await sessions.open(session_id, "ana") == before
    assert await sessions.list("ana") == listed


async def test_a_session_that_came_back_goes_on(sessions, archiver, cache, rows):
    """Old questions are known, and numbers go on where they were."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, 1)
    await archiver.round()
    await forget(cache, session_id)
    again = await ask(sessions, session_id, 1)
    assert (again.answer_id, again.state) == ("a1", "answered")
    assert await cache.store.execute("HEXISTS", session_key(session_id), "a:a1")
    await talk(sessions, session_id, 2)
    await archiver.round()
    assert [row["SK"]["S"][-2:] for row in await rows(session_id)] == ["01", "02", "03", "04"]
    assert len(await sessions.history(session_id, "ana")) == 4


async def test_a_question_that_waited_still_waits(sessions, archiver, cache):
    """Redis forgot the session while it was answered: its writer may answer, and another may take over."""
    session_id = await sessions.begin("ana")
    await ask(sessions, session_id, 1)
    await lapse(cache, session_id)
    await ask(sessions, session_id, 2)
    await archiver.round()
    await forget(cache, session_id)
    waiting = await sessions.answering(session_id, "ana")
    assert (waiting.answer_id, waiting.message_id, waiting.alive) == ("a2", "m2", False)
    assert await answer(sessions, session_id, 2)
    assert (await ask(sessions, session_id, 1)).answer_id == "a2"


async def test_many_who_read_a_session_back_find_one(sessions, archiver, cache):
    """And each adds to it what the others have not."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, 1)
    await archiver.round()
    await forget(cache, session_id)
    taken = await asyncio.gather(*(ask(sessions, session_id, 2, writer=f"w{n}") for n in range(8)))
    assert sorted(each.state for each in taken) == ["new", *["writing"] * 7]
    assert [each.text for each in await sessions.history(session_id, "ana")][2:] == ["question 2"]


async def test_an_archived_session_is_closed_to_others(sessions, archiver, cache):
    """Also while Redis has forgotten whose it is."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, 1)
    await archiver.round()
    await forget(cache, session_id)
    for call in (sessions.open(session_id, "bob"), sessions.delete(session_id, "bob")):
        with pytest.raises(SessionError):
            await call
    assert await sessions.list("bob") == []
    assert len(await sessions.history(session_id, "ana")) == 2


@pytest.mark.parametrize("size", [3_000, 50_000, 900_000])
async def test_a_message_of_any_size_comes_back(sessions, archiver, cache, rows, size):
    """Also above the 400 KB of an item, after compression."""
    text = "".join(hashlib.sha256(str(n).encode()).hexdigest() for n in range(size // 64))
    session_id = await sessions.begin("ana")
    await ask(sessions, session_id)
    await answer(sessions, session_id, text=text)
    await archiver.round()
    items = await rows(session_id)
    assert len(items) == (3 if size > 800_000 else 2)
    await forget(cache, session_id)
    assert (await sessions.history(session_id, "ana"))[1].text == text


async def test_what_has_expired_is_not_read(sessions, new_archiver, cache, clock, rows):
    """Though DynamoDB takes days to remove it; numbers go on after what is gone."""
    archiver = new_archiver(keep=3_600)
    server_time = int((await cache.store.run_script("return redis.call('TIME')", "k"))[0])
    clock.now = float(server_time)
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, 1)
    await archiver.round()
    (old, _) = await rows(session_id)
    assert server_time + 3_590 <= int(old["expires"]["N"]) <= server_time + 3_630
    await forget(cache, session_id)
    clock.advance(3_000)
    assert len(await sessions.history(session_id, "ana")) == 2
    await forget(cache, session_id)
    clock.advance(1_000)
    assert await sessions.list("ana") == []
    with pytest.raises(SessionError):
        await sessions.open(session_id, "ana")


@pytest.mark.parametrize("removed", [True, False])
async def test_numbers_go_on_after_messages_that_have_expired(sessions, archiver, cache, table, removed):
    """A number is never given twice, whether DynamoDB has removed the messages by now or not."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, 1, 2)
    await archiver.round()
    expired = await table.query(f"SESSION#{session_id}", "MSG#")
    if removed:
        await table.write(delete=[{"PK": row["PK"], "SK": row["SK"]} for row in expired])
    else:
        await table.write(put=[row | {"expires": {"N": "1"}} for row in expired])
    await forget(cache, session_id)
    await ask(sessions, session_id, 3)
    assert [each.text for each in await sessions.history(session_id, "ana")] == ["question 3"]
    await archiver.round()
    newest = (await table.query(f"SESSION#{session_id}", "MSG#"))[-1]
    assert newest["SK"]["S"] == "MSG#000000000005"


async def test_a_session_from_before_the_archive_is_handed_over_whole(cache, sessions, archiver, rows):
    """With the first change that finds an archive."""
    without = SessionRepository(cache)
    session_id = await without.begin("ana")
    await talk(without, session_id, 1)
    assert await archiver.round() == 0
    await ask(sessions, session_id, 2)
    await archiver.round()
    assert len(await rows(session_id)) == 3


async def test_while_the_archive_is_away_sessions_in_redis_go_on(sessions, dynamo, archiver, cache, caplog):
    """What is only in the archive cannot be opened, and the list has the others."""
    cold, hot = await sessions.begin("ana"), await sessions.begin("ana")
    await talk(sessions, cold, 1)
    await archiver.round()
    await forget(cache, cold)
    dynamo.away = True
    await talk(sessions, hot, 1)
    assert [info.id for info in await sessions.list("ana")] == [hot]
    assert "without the archive" in caplog.text
    with pytest.raises(ArchiveUnavailable):
        await sessions.open(cold, "ana")
    dynamo.away = False
    assert {info.id for info in await sessions.list("ana")} == {hot, cold}


async def test_a_user_may_have_more_than_fits_on_a_page(table, cache, sessions, archiver, rows):
    """DynamoDB gives at most 1 MB at a time."""
    session_id = await sessions.begin("ana")
    text = "".join(hashlib.sha256(str(n).encode()).hexdigest() for n in range(9_000))
    for number in (1, 2, 3, 4):
        await ask(sessions, session_id, number)
        await answer(sessions, session_id, number, text=text)
    await archiver.round()
    await forget(cache, session_id)
    assert len(await SessionArchive(table, cache.clock).list("ana")) == 1
    assert len(await sessions.history(session_id, "ana")) == 8

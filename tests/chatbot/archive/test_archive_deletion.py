"""A deleted session is deleted everywhere, whoever still writes or reads it."""

import asyncio

import pytest
from support.chat import ask, forget, talk
from support.dynamo import Gate

from chatbot.archive import SessionArchive
from chatbot.archive.items import is_deleted
from chatbot.errors import SessionError
from chatbot.sessions import SessionRepository, session_key


async def gone(sessions, session_id):
    """Nobody can open, list, or delete it."""
    for call in (sessions.open(session_id, "ana"), ask(sessions, session_id, 9)):
        with pytest.raises(SessionError):
            await call
    assert session_id not in {info.id for info in await sessions.list("ana")}


async def drained(archiver):
    """Rounds until nothing is left."""
    async with asyncio.timeout(20):
        while await archiver.log.backlog():
            archiver._clock.advance(1)  # Claims are looked for from time to time.
            await archiver.round()


@pytest.mark.parametrize("archived", ["before", "never", "and forgotten"])
async def test_a_deleted_session_is_gone_at_once_and_for_good(sessions, archiver, cache, table, archived):
    """Before the archive knows of it, and after; a tombstone without any content is left."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, 1)
    if archived != "never":
        await archiver.round()
    if archived == "and forgotten":
        await forget(cache, session_id)
    await sessions.delete(session_id, "ana")
    await gone(sessions, session_id)
    await drained(archiver)
    await gone(sessions, session_id)
    assert await cache.store.execute("TTL", session_key(session_id)) > 0
    await forget(cache, session_id)
    await gone(sessions, session_id)
    assert await table.query(f"SESSION#{session_id}", "MSG#") == []
    (heading,) = await table.query("USER#ana", "SESSION#")
    assert set(heading) == {"PK", "SK", "version", "deleted"}


async def test_an_empty_session_leaves_no_tombstone(sessions, archiver, cache, table):
    """The archive has never heard of it."""
    session_id = await sessions.begin("ana")
    await sessions.delete(session_id, "ana")
    assert await archiver.log.backlog() == 0
    assert await cache.store.execute("EXISTS", session_key(session_id)) == 0


async def test_a_deletion_waits_for_what_came_before_it(sessions, new_archiver, rows):
    """Held by an archiver that then dies: the next one writes it, and deletes it after that."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, 1)
    await new_archiver().log.take(25, claim_after=None)
    await sessions.delete(session_id, "ana")
    other = new_archiver()
    assert [await other.round() for _ in range(3)] == [0, 0, 0]
    assert await other.log.backlog() == 3
    await drained(new_archiver(claim_after=0.001))
    assert await rows(session_id) == []
    await gone(sessions, session_id)


async def test_an_archiver_that_was_taken_for_dead_brings_nothing_back(sessions, new_archiver, dynamo, rows):
    """Its write arrives after the deletion; it finds the tombstone, and erases what it wrote."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, 1)
    gate = Gate()
    dynamo.next("BatchWriteItem", gate)
    late = asyncio.create_task(new_archiver().round())
    await gate.reached.wait()
    await sessions.delete(session_id, "ana")
    await drained(new_archiver(claim_after=0.001))
    gate.open.set()
    assert await late == 0
    assert await rows(session_id) == []
    await gone(sessions, session_id)


async def test_a_deletion_does_not_wait_for_ever(sessions, archiver, cache, clock, rows):
    """For what somebody has trimmed from the stream by hand, say."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, 1)
    await archiver.round()
    await cache.store.execute("HINCRBY", session_key(session_id), "unsettled", 1)
    await sessions.delete(session_id, "ana")
    assert await archiver.round() == 0
    clock.now = 3_700.0 + int((await cache.store.run_script("return redis.call('TIME')", "k"))[0])
    assert await archiver.round() == 1
    assert await rows(session_id) == []


class SlowArchive(SessionArchive):
    """Reads, and keeps what it has read to itself for a while."""

    def __init__(self, *args):
        super().__init__(*args)
        self.read, self.go_on = asyncio.Event(), asyncio.Event()

    async def load(self, session_id, user_id):
        found = await super().load(session_id, user_id)
        self.read.set()
        await self.go_on.wait()
        return found


async def test_a_session_read_back_while_it_is_deleted_stays_deleted(sessions, archiver, cache, table):
    """The tombstone stands in the way of what was read before."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, 1)
    await archiver.round()
    await forget(cache, session_id)
    slow = SlowArchive(table, cache.clock)
    opening = asyncio.create_task(SessionRepository(cache, archive=slow).open(session_id, "ana"))
    await slow.read.wait()
    await sessions.delete(session_id, "ana")
    slow.go_on.set()
    with pytest.raises(SessionError):
        await opening
    await gone(sessions, session_id)


async def test_dead_letters_of_a_deleted_session_go_too(sessions, archiver, cache):
    """And those of others stay."""
    ids = [await sessions.begin("ana") for _ in range(40)]
    for session_id in ids:
        await ask(sessions, session_id)
    for entry in await archiver.log.take(100, claim_after=None):
        await archiver.log.bury(entry, "as the test wants it")
    await sessions.delete(ids[0], "ana")
    await drained(archiver)
    assert {each.session_id for each in await archiver.log.dead_letters()} == set(ids[1:])
    assert await cache.store.execute("TTL", session_key(ids[0])) > 0


async def test_a_deletion_ends_in_the_middle_and_is_finished_by_another(
    sessions, new_archiver, dynamo, table, rows
):
    """It died after the tombstone: readers honour that, and the next one erases the messages."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, *range(10))
    first = new_archiver()
    await drained(first)
    await sessions.delete(session_id, "ana")
    gate = Gate()
    dynamo.next("Query", gate)
    dying = asyncio.create_task(first.round())
    await gate.reached.wait()
    dying.cancel()
    gate.open.set()
    assert is_deleted((await table.query("USER#ana", "SESSION#"))[0])
    assert len(await rows(session_id)) == 20
    await drained(new_archiver(claim_after=0.001))
    assert await rows(session_id) == []

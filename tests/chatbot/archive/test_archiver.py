"""Moving entries to the table: each once, through every fault, and nothing is lost."""

import asyncio
import logging

import pytest
from support.chat import answer, ask, forget, talk
from support.dynamo import (
    Gate,
    broken,
    cut,
    half_unprocessed,
    refusal,
    reply_lost,
    throttled,
    unprocessed,
)
from support.servers import until

from chatbot.archive import Archiver, DynamoTable
from chatbot.sessions import ArchiveUnavailable, session_key
from chatbot.sessions.layout import archive_key, partition


async def counters(cache, session_id):
    """How much of the session waits, and how much lies among the dead letters."""
    values = await cache.store.execute("HMGET", session_key(session_id), "unsettled", "stuck")
    return [int(value or 0) for value in values]


@pytest.mark.parametrize("fault", [throttled, broken, cut, reply_lost, refusal("AccessDeniedException")])
@pytest.mark.parametrize("operation", ["BatchWriteItem", "PutItem"])
async def test_what_could_not_be_written_is_written_later(sessions, archiver, dynamo, operation, fault):
    """Nothing is settled before the table has it, and nothing is there twice."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, 1)
    dynamo.next(operation, fault, fault)
    for _ in range(2):
        with pytest.raises(ArchiveUnavailable):
            await archiver.round()
        assert await archiver.log.backlog() == 2
    assert await archiver.round() == 2
    assert await archiver.log.backlog() == 0


async def test_a_call_that_is_never_answered_ends(sessions, cache, dynamo, table):
    """In the time that the table was opened with."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, 1)
    gate = Gate()
    dynamo.next("BatchWriteItem", gate)
    async with DynamoTable(table.name, endpoint_url=dynamo.url, read_timeout=0.2) as impatient:
        archiver = Archiver(cache, impatient, consumer="impatient")
        with pytest.raises(ArchiveUnavailable, match="ReadTimeoutError"):
            await archiver.round()
        gate.open.set()
        assert await archiver.round() == 2


async def test_what_was_left_unprocessed_is_sent_again(sessions, archiver, dynamo, rows):
    """Only that, until nothing is left."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, *range(4))
    dynamo.next("BatchWriteItem", half_unprocessed, half_unprocessed, unprocessed)
    assert await archiver.round() == 8
    assert dynamo.calls["BatchWriteItem"] == 4
    assert len(await rows(session_id)) == 8


async def test_what_stays_unprocessed_waits(sessions, archiver, dynamo, cache):
    """The archiver comes again later."""
    session_id = await sessions.begin("ana")
    await ask(sessions, session_id)
    dynamo.next("BatchWriteItem", *[unprocessed] * 6)
    with pytest.raises(ArchiveUnavailable, match="unprocessed 6 times"):
        await archiver.round()
    assert await archiver.round() == 1


async def test_a_batch_holds_at_most_25_items(sessions, archiver, dynamo):
    """As many calls as that takes."""
    for _ in range(6):
        await talk(sessions, await sessions.begin("ana"), 1, 2, 3, 4, 5)
    settled = 0
    while done := await archiver.round():
        settled += done
    assert settled == 60
    assert dynamo.calls["BatchWriteItem"] == 3


async def test_an_entry_twice_in_a_batch_is_written_once(sessions, archiver, cache, dynamo):
    """DynamoDB would refuse the whole batch."""
    session_id = await sessions.begin("ana")
    await ask(sessions, session_id)
    stream = archive_key(partition(session_id))
    copy = "local row = redis.call('XRANGE', KEYS[1], '-', '+')[1]\n"
    copy += "return redis.call('XADD', KEYS[1], '*', unpack(row[2]))"
    await cache.store.run_script(copy, stream)
    assert await archiver.round() == 2
    assert dynamo.calls["BatchWriteItem"] == 1
    assert await counters(cache, session_id) == [0, 0]


async def test_dynamodb_may_be_away_for_long(sessions, archiver, cache, dynamo, rows):
    """No entry becomes a dead letter for it, no session expires, and all of it arrives in the end."""
    session_id = await sessions.begin("ana")
    dynamo.away = True
    for number in range(8):
        await talk(sessions, session_id, number)
        with pytest.raises(ArchiveUnavailable):
            await archiver.round()
        assert await cache.store.execute("TTL", session_key(session_id)) == -1
    assert await archiver.log.dead_letters() == []
    dynamo.away = False
    while await archiver.round():
        pass
    assert len(await rows(session_id)) == 16


async def test_two_archivers_share_the_work(sessions, new_archiver, cache, rows):
    """Each entry is settled by one of them."""
    ids = [await sessions.begin("ana") for _ in range(5)]
    for session_id in ids:
        await talk(sessions, session_id, 1, 2)
    archivers = [new_archiver(), new_archiver()]
    assert sum(await asyncio.gather(*(each.round() for each in archivers))) == 20
    for session_id in ids:
        assert len(await rows(session_id)) == 4
        assert await counters(cache, session_id) == [0, 0]


async def test_what_a_dead_consumer_held_is_claimed(sessions, new_archiver, rows):
    """After a while, by whoever looks; until then it stays the dead one's."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, 1)
    assert len(await new_archiver().log.take(25, claim_after=None)) == 2
    assert await new_archiver(claim_after=60).round() == 0
    heir = new_archiver(claim_after=0.001)
    await until_settled(heir, 2)
    assert len(await rows(session_id)) == 2


async def until_settled(archiver, count):
    """Rounds until so many entries are settled."""
    async with asyncio.timeout(20):
        while count > 0:
            archiver._clock.advance(1)  # Claims are looked for from time to time.
            count -= await archiver.round()


async def test_a_claim_goes_on_past_what_the_living_hold(sessions, new_archiver, cache):
    """However much that is."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, *range(200))
    assert len(await new_archiver().log.take(398, claim_after=None)) == 398
    dead = new_archiver()
    for entry in await dead.log.take(25, claim_after=None):
        command = ("XCLAIM", archive_key(entry.partition), "archive", "dead", 0, entry.id)
        await cache.store.run_script(
            "return redis.call(unpack(ARGV))", command[1], *command, "IDLE", 100_000, "JUSTID"
        )
    assert await new_archiver(claim_after=90).round() == 2


async def test_who_was_taken_for_dead_counts_nothing_off(sessions, new_archiver, cache):
    """Its entries were claimed and settled while it wrote them."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, 1)
    slow = new_archiver()
    held = await slow.log.take(25, claim_after=None)
    await ask(sessions, session_id, 2)
    await until_settled(new_archiver(claim_after=0.001), 3)
    await answer(sessions, session_id, 2)
    assert await slow.log.settle(held) == 0
    assert await counters(cache, session_id) == [1, 0]


async def test_an_entry_is_counted_off_once(sessions, archiver, cache):
    """Also where it is settled again together with others."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, 1)
    first, second = await archiver.log.take(25, claim_after=None)
    await ask(sessions, session_id, 2)
    assert [await archiver.log.settle(each) for each in ([first], [first, second])] == [1, 1]
    assert await counters(cache, session_id) == [1, 0]


async def poison(cache, session_id, **changes):
    """An entry that no session's script has written."""
    fields = {"kind": "message", "session": session_id, "owner": "ana", "document": "{"} | changes
    flat = [part for field in fields.items() for part in field]
    await cache.store.execute("XADD", archive_key(partition(session_id)), "*", *flat)


@pytest.mark.parametrize(
    "changes", [{}, {"session": ""}, {"session": "another partition's"}, {"kind": "song"}, {"owner": b"\xff"}]
)
async def test_an_entry_that_makes_no_sense_becomes_a_dead_letter(sessions, archiver, cache, rows, changes):
    """After five tries; its neighbours do not wait for it."""
    session_id = await sessions.begin("ana")
    await ask(sessions, session_id)
    await poison(cache, session_id, **changes)
    await answer(sessions, session_id)
    assert [await archiver.round() for _ in range(4)] == [2, 0, 0, 0]
    assert await archiver.log.dead_letters() == []
    assert await archiver.round() == 0
    (letter,) = await archiver.log.dead_letters()
    assert letter.fields[b"document"] == b"{"
    assert letter.fields[b"reason"]
    assert await archiver.log.backlog() == 0
    assert len(await rows(session_id)) == 2
    assert [key async for batch in cache.store.scan("chat_archive_tries*") for key in batch] == []


async def test_a_message_that_dynamodb_refuses_is_not_lost(sessions, archiver, cache, dynamo, rows):
    """It becomes a dead letter, its session stays in Redis, and it can be tried again."""

    async def picky(request, body, forward):
        fault = refusal("ValidationException")
        return await (fault(request, body, forward) if b"bad luck" in body else forward(body))

    dynamo.mood = lambda _: picky
    session_id = await sessions.begin("ana")
    await ask(sessions, session_id, text="a question with a title of its own " * 4 + "bad luck")
    await answer(sessions, session_id)
    for _ in range(5):
        await archiver.round()
    (letter,) = await archiver.log.dead_letters()
    await ask(sessions, session_id, 2)
    assert await archiver.round() == 1
    assert await counters(cache, session_id) == [0, 1]
    assert await cache.store.execute("TTL", session_key(session_id)) == -1
    assert len(await sessions.history(session_id, "ana")) == 3
    dynamo.mood = lambda _: None
    assert [await archiver.log.revive(letter) for _ in range(2)] == [True, False]
    assert await archiver.round() == 1
    assert await counters(cache, session_id) == [0, 0]
    assert await cache.store.execute("TTL", session_key(session_id)) > 0
    assert len(await rows(session_id)) == 3
    await forget(cache, session_id)
    assert len(await sessions.history(session_id, "ana")) == 3


async def test_an_older_change_does_not_overwrite_a_newer_one(sessions, new_archiver, cache):
    """Two archivers wrote a session's headings in the wrong order."""
    session_id = await sessions.begin("ana")
    await ask(sessions, session_id)
    slow = new_archiver()
    await slow.log.take(25, claim_after=None)
    await sessions.rename(session_id, "ana", "Lisbon")
    assert await new_archiver().round() == 1
    assert await slow.round() == 1
    await forget(cache, session_id)
    assert (await sessions.open(session_id, "ana")).title == "Lisbon"


async def test_redis_may_lose_everything(sessions, archiver, cache, redis_url, rows):
    """The streams and their consumer group are made anew."""
    await talk(sessions, await sessions.begin("ana"), 1)
    await archiver.round()
    await cache.store.execute("FLUSHALL")
    assert await archiver.round() == 0
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, 1)
    assert await archiver.round() == 2
    assert len(await rows(session_id)) == 2


async def test_an_entry_that_was_trimmed_while_it_was_held_is_let_go(sessions, archiver, cache):
    """Somebody has deleted it by hand."""
    session_id = await sessions.begin("ana")
    await ask(sessions, session_id)
    (entry,) = await archiver.log.take(25, claim_after=None)
    await cache.store.execute("XDEL", archive_key(entry.partition), entry.id)
    for _ in range(6):
        await archiver.round()
    assert await archiver.log.take(25, claim_after=None) == []


async def test_running_it_moves_what_comes(sessions, new_archiver, cache, dynamo, caplog):
    """Through an outage, of which there is one line at its beginning and one at its end."""
    caplog.set_level(logging.INFO, logger="chatbot.archive")
    session_id = await sessions.begin("ana")
    dynamo.away = True
    await talk(sessions, session_id, 1)
    async with new_archiver(poll=0.01) as archiver:
        calls = dynamo.calls["BatchWriteItem"]
        await until(lambda: dynamo.calls["BatchWriteItem"] > calls + 3, "it has tried again")
        assert not archiver.healthy
        dynamo.away = False
        await until(lambda: archiver.healthy, "it has got through")
        await settled(cache, session_id)
    ours = [record.levelname for record in caplog.records if record.name.startswith("chatbot")]
    assert ours == ["WARNING", "INFO"]
    assert "question 1" not in caplog.text


async def settled(cache, session_id):
    """All of the session is archived."""
    async with asyncio.timeout(20):
        while await counters(cache, session_id) != [0, 0]:
            await asyncio.sleep(0.01)


async def test_leaving_leaves_nothing_behind(sessions, new_archiver, cache):
    """Neither a task nor a consumer's name in Redis."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, 1)
    async with new_archiver(poll=0.01):
        await settled(cache, session_id)
    groups = await cache.store.run_script(
        "return redis.call('XINFO', 'CONSUMERS', KEYS[1], 'archive')", archive_key(partition(session_id))
    )
    assert groups == []
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "archiver"] == []


async def test_whoever_leaves_holding_something_is_not_forgotten(sessions, new_archiver):
    """What a forgotten consumer held would never be delivered again."""
    session_id = await sessions.begin("ana")
    await ask(sessions, session_id)
    leaving = new_archiver()
    await leaving.log.take(25, claim_after=None)
    await leaving.log.retire(leaving=True)
    await until_settled(new_archiver(claim_after=0.001), 1)


async def test_a_defect_does_not_end_it(sessions, new_archiver, cache, monkeypatch):
    """It is logged, and the next round begins."""
    session_id = await sessions.begin("ana")
    await talk(sessions, session_id, 1)
    archiver = new_archiver(poll=0.01)
    take, rounds = archiver.log.take, []

    async def failing(*args, **options):
        rounds.append(1)
        if len(rounds) < 3:
            raise RuntimeError("a defect")
        return await take(*args, **options)

    monkeypatch.setattr(archiver.log, "take", failing)
    async with archiver:
        await settled(cache, session_id)
    assert len(rounds) >= 3

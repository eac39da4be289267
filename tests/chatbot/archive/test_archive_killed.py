"""Processes killed at any moment: what was acknowledged is in the table, once and in order."""

import asyncio
import json
import os
import random
import signal
import sys

import pytest
from support.dynamo import broken, cut, half_unprocessed, reply_lost, throttled
from support.session_worker import LEASE

from chatbot.archive import SessionArchive
from chatbot.archive.items import messages_of
from chatbot.sessions import SessionRepository, session_key

WORKERS = 3
SESSIONS = 8
KILLS = 8
"""Everybody goes on talking until there were so many."""

PAUSE = 0.12
"""Seconds between an answer and the next question, at most: else there would be thousands."""


class Fleet:
    """Workers, of which any may be killed and another started."""

    def __init__(self, arguments, root, seed):
        self._arguments, self._root, self._random = arguments, root, random.Random(seed)
        self._environment = os.environ | {"PYTHONPATH": str(root)}
        self._workers = []
        self.kills = 0

    async def start(self):
        program = (sys.executable, "-m", "support.session_worker", *self._arguments)
        process = await asyncio.create_subprocess_exec(
            *program, stdout=asyncio.subprocess.PIPE, cwd=self._root / "tests", env=self._environment
        )
        try:
            port = int(await process.stdout.readline())
        except BaseException:
            await self._end(process)
            raise
        self._workers.append((process, port))

    def port(self):
        return self._random.choice(self._workers)[1]

    async def kill(self):
        """SIGKILL for one of them, at this very moment; another takes its place."""
        process, _ = self._workers.pop(self._random.randrange(len(self._workers)))
        await self._end(process)
        self.kills += 1
        await self.start()

    async def kill_at_random(self):
        while self.kills < KILLS:
            await asyncio.sleep(self._random.uniform(0, 0.15))
            await self.kill()

    async def end(self):
        while self._workers:
            await self._end(self._workers.pop()[0])

    async def _end(self, process):
        process.send_signal(signal.SIGKILL)
        await process.wait()
        process._transport.close()


@pytest.fixture
async def fleet(redis_url, table, dynamo, root):
    workers = Fleet((redis_url, table.name, dynamo.url), root, seed=7)
    try:
        await asyncio.gather(*(workers.start() for _ in range(WORKERS)))
        yield workers
    finally:
        await workers.end()


async def exchange(fleet, session_id, number):
    """Send a question until it is acknowledged and answered; whoever serves it may die meanwhile."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", fleet.port())
            try:
                writer.write(json.dumps({"session": session_id, "number": number}).encode() + b"\n")
                replies = [json.loads(line) async for line in reader]
            finally:
                writer.close()
        except (OSError, ValueError, IndexError):
            replies = []
        if any(reply.get("answered") for reply in replies):
            return
        await asyncio.sleep(LEASE / 10)


def any_fault(choose):
    """One call in four fails, one way or another."""

    def mood(operation):
        if operation not in ("BatchWriteItem", "PutItem") or choose.random() > 0.25:
            return None
        faults = [throttled, broken, cut, reply_lost]
        return choose.choice([*faults, half_unprocessed] if operation == "BatchWriteItem" else faults)

    return mood


async def settled(cache, ids):
    """All that was said is in the table."""
    async with asyncio.timeout(60):
        for session_id in ids:
            while await cache.store.execute("HGET", session_key(session_id), "unsettled") != b"0":
                await asyncio.sleep(0.05)


async def test_no_acknowledged_message_is_lost_or_doubled(fleet, cache, table, dynamo, rows):
    """Instances and their archivers are killed all the time, and DynamoDB fails one call in four."""
    sessions = SessionRepository(cache, archive=SessionArchive(table, cache.clock))
    ids = [await sessions.begin("ana") for _ in range(SESSIONS)]
    dynamo.mood = any_fault(random.Random(11))

    async def converse(session_id):
        number = 0
        while fleet.kills < KILLS:
            await exchange(fleet, session_id, number)
            number += 1
            await asyncio.sleep(random.uniform(0, PAUSE))
        return number

    async with asyncio.timeout(80):
        _, *counts = await asyncio.gather(fleet.kill_at_random(), *map(converse, ids))
    deleted = ids[-1]
    await sessions.delete(deleted, "ana")
    await settled(cache, ids)
    ids.pop()
    for session_id, count in zip(ids, counts, strict=False):
        items, exchanges = await rows(session_id), range(count)
        numbers = range(1, 2 * len(exchanges) + 1)
        assert [item["SK"]["S"] for item in items] == [f"MSG#{number:012d}" for number in numbers]
        said = messages_of(items, 0)
        expected = [word for number in exchanges for word in (f"question {number}", f"answer {number}")]
        assert [said[number].text for number in numbers] == expected
    assert await rows(deleted) == []
    assert {info.id for info in await SessionArchive(table, cache.clock).list("ana")} == set(ids)
    assert [key async for batch in cache.store.scan("chat_archive_dead*") for key in batch] == []

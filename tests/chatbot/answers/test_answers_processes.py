"""Instances in processes of their own, killed and stopped at any moment: nothing is lost or doubled."""

import asyncio
import json
import os
import random
import signal
import sys
from collections import defaultdict
from functools import partial
from pathlib import Path

import pytest
from answering_rig import LEASE, require_whole, said

import cachekit
from chatbot.answers import RESERVE
from chatbot.sessions import SessionRepository

HERE = Path(__file__).parent
WORKER = HERE / "answering_worker.py"


class Worker:
    """A process that answers, and what its sockets got."""

    def __init__(self, name, process):
        self.name = name
        self.process = process
        self.got = defaultdict(list)
        self._news = asyncio.Event()
        self._replies = {}
        self._listening = asyncio.create_task(self._listen())

    async def call(self, do, **arguments):
        """Have a command obeyed; its outcome."""
        number = len(self._replies)
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        self.process.stdin.write(json.dumps({"id": number, "do": do, **arguments}).encode() + b"\n")
        line = await reply
        assert "error" not in line, line
        return line["is"]

    async def until(self, holds):
        """Wait until that holds of what has come."""
        while not holds():
            self._news.clear()
            await self._news.wait()

    async def until_done(self, sid):
        await self.until(lambda: is_over(self.got[sid]))

    def signal(self, which):
        os.kill(self.process.pid, which)

    async def kill(self):
        """SIGKILL; what it had written to its sockets before still arrives."""
        if self.process.returncode is None:
            self.signal(signal.SIGKILL)
        await self.process.wait()
        await self._listening

    async def _listen(self):
        async for raw in self.process.stdout:
            if not raw.endswith(b"\n"):
                break  # Killed in the middle of a line: that event was never sent.
            line = json.loads(raw)
            if "reply" in line:
                self._replies[line["reply"]].set_result(line)
            elif "sid" in line:
                self.got[line["sid"]].append((line["event"], line["payload"]))
            self._news.set()


@pytest.fixture
async def spawn(redis_url):
    """Starts workers; those that still live at the end are killed."""
    workers = []

    async def start(name, *, lease=LEASE):
        paths = os.pathsep.join([str(HERE), str(HERE.parents[1]), str(HERE.parents[2])])
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(WORKER), redis_url, name, str(lease)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths},
        )
        assert json.loads(await process.stdout.readline()) == {"ready": name}
        workers.append(Worker(name, process))
        return workers[-1]

    yield start
    for worker in workers:
        if worker.process.returncode is None:
            worker.signal(signal.SIGCONT)
        await worker.kill()


@pytest.fixture
async def sessions(redis_url):
    async with cachekit.connect(redis_url) as cache:
        yield SessionRepository(cache, lease=LEASE)


async def come_back(worker, session_id, sid, answer_id, seen):
    """What a client does whose connection was lost."""
    await worker.call("socket", session=session_id, sid=sid)
    if await worker.call("come_back", session=session_id) not in {answer_id, None}:
        raise AssertionError("another answer is being written")
    after = seen[-1][1]["seq"] if seen else 0
    return await worker.call("resume", session=session_id, answer=answer_id, sid=sid, after=after)


async def test_instances_killed_at_any_moment_lose_and_double_nothing(spawn, sessions):
    """The writer is killed in each of six answers; one reader was at it, one at another instance.

    Both see every event once and in order, and each question and each answer stands once in the history.
    """
    moments = random.Random(5)
    writer, other = await spawn("w0"), await spawn("o0")
    session_id = await sessions.begin("ana")
    resets = 0
    for number in range(6):
        await writer.call("socket", session=session_id, sid=f"here{number}")
        await other.call("socket", session=session_id, sid=f"there{number}")
        answer_id = await writer.call("ask", session=session_id, message=f"m{number}")
        await asyncio.sleep(moments.uniform(0, 1.1))  # The moment of the kill; no test waits for it.
        _, fresh = await asyncio.gather(writer.kill(), spawn(f"w{number + 1}"))
        seen = writer.got[f"here{number}"]
        if not is_over(seen):
            assert await come_back(other, session_id, f"back{number}", answer_id, seen)
            await other.until_done(f"back{number}")
        whole = seen + other.got[f"back{number}"]
        if not other.got[f"there{number}"]:
            # Killed before it could tell the others that it had begun.
            assert await come_back(other, session_id, f"there{number}", answer_id, [])
        await other.until_done(f"there{number}")
        answer = (await sessions.history(session_id, "ana"))[-1]
        for events in (whole, other.got[f"there{number}"]):
            require_whole(events)
            assert said(events) == answer.text
        resets += [name for name, _ in whole].count("chat:reset")
        writer, other = other, fresh
    messages = await sessions.history(session_id, "ana")
    assert [each.role for each in messages] == ["user", "assistant"] * 6
    assert [each.message_id for each in messages[::2]] == [f"m{number}" for number in range(6)]
    assert resets, "some were killed in the middle"


async def test_a_zombie_neither_sends_nor_keeps_anything(spawn, sessions):
    """Stopped for longer than its lease, it wakes up to find that another has written the answer.

    Its own readers get no further word of its own: the reset, and what the other has written.
    """
    zombie, other = await spawn("zombie"), await spawn("other")
    session_id = await sessions.begin("ana")
    await zombie.call("socket", session=session_id, sid="here")
    await other.call("socket", session=session_id, sid="there")
    await zombie.call("ask", session=session_id, message="m")
    await other.until(lambda: len(other.got["there"]) > 3)
    zombie.signal(signal.SIGSTOP)
    await other.until_done("there")
    zombie.signal(signal.SIGCONT)
    await zombie.until_done("here")
    for events in (zombie.got["here"], other.got["there"]):
        require_whole(events)
        assert [name for name, _ in events].count("chat:reset") == 1
        behind = [payload for name, payload in events if name == "chat:delta" and payload["seq"] > RESERVE]
        assert all(payload["text"].startswith("other:") for payload in behind)
    (answer,) = (await sessions.history(session_id, "ana"))[1:]
    assert answer.text == said(other.got["there"]) == said(zombie.got["here"])


async def test_a_client_that_wanders_misses_nothing(spawn, sessions):
    """Its connection breaks every few events, and each time it comes back at an instance of chance."""
    chance = random.Random(7)
    workers = [await spawn(f"n{number}", lease=30) for number in range(3)]
    session_id = await sessions.begin("ana")
    answer_id = await workers[0].call("ask", session=session_id, message="m")
    seen, sockets = [], 0
    while not is_over(seen):
        worker, sid, enough = chance.choice(workers), f"tab{sockets}", chance.randint(1, 4)
        assert await come_back(worker, session_id, sid, answer_id, seen)
        await worker.until(partial(has_enough, worker.got[sid], enough))
        seen, sockets = [*seen, *worker.got[sid]], sockets + 1
    require_whole(seen)
    assert sockets > 2
    assert "chat:reset" not in [name for name, _ in seen]
    assert said(seen) == (await sessions.history(session_id, "ana"))[-1].text


def is_over(events):
    return bool(events) and events[-1][0] == "chat:done"


def has_enough(events, least):
    return len(events) >= least or is_over(events)

"""The real command, ended by SIGTERM while people are connected and answers are being written."""

import asyncio
import contextlib
import os
import signal
import sys

import aiohttp
import pytest
from fleet_rig import Line, Lost
from support.rig import SECRET, token
from support.servers import free_port

PEOPLE = 20
DRAIN = 0.5
DEADLINE = 30.0
"""Seconds: what the parts of a gateway may take to close, all together, and a slow machine."""


@pytest.fixture
async def command(server, tmp_path):
    """Starts `python -m chatbot`; with its port, once it is ready. What still runs at the end is killed."""
    running = []

    async def start(**variables):
        port = free_port()
        environment = {
            "PATH": os.environ["PATH"],
            "CHATBOT_PORT": str(port),
            "CHATBOT_JWT_SECRET": SECRET,
            "CHATBOT_DRAIN_SECONDS": str(DRAIN),
            "REDIS_URL": server.url,
            "AMADEUS_BASE_URL": "http://127.0.0.1:1",
            "AMADEUS_CLIENT_ID": "id",
            "AMADEUS_CLIENT_SECRET": "secret",
            **variables,
        }
        with (tmp_path / f"{port}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "chatbot"), env=environment, stderr=log, start_new_session=True
            )
        running.append(process)
        async with asyncio.timeout(DEADLINE), aiohttp.ClientSession() as http:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.get(f"http://127.0.0.1:{port}/health/ready") as reply:
                        if reply.status == 200:
                            return process, f"http://127.0.0.1:{port}", tmp_path / f"{port}.log"
                await asyncio.sleep(0.05)

    yield start
    for process in running:
        if process.returncode is None:
            process.kill()
        await process.wait()


class Guest:
    """Somebody with one connection, and everything that came over it."""

    def __init__(self, http, number):
        self.user, self.events = f"g{number}", []
        self.line = Line(http, lambda _line, event, payload: self.events.append((event, payload)))

    async def begin(self, url):
        """Come in and ask what takes longer than the time that is left for it."""
        await self.line.open(url, {"token": token(self.user)})
        self.session_id = (await self.line.call("chat:start", {}))["sessionId"]
        question = {"sessionId": self.session_id, "messageId": "m", "text": "hello"}
        self.answer_id = (await self.line.call("chat:message", question))["answerId"]
        while not self.of("chat:delta"):
            await asyncio.sleep(0.01)

    def of(self, name):
        return [payload for event, payload in self.events if event == name]


async def come_back(guest, http, url):
    """Resume elsewhere, as docs/protocol.md says; wait until the end."""
    last = [payload["seq"] for _, payload in guest.events if "seq" in payload][-1]
    guest.line = Line(http, lambda _line, event, payload: guest.events.append((event, payload)))
    await guest.line.open(url, {"token": token(guest.user)})
    await guest.line.call("chat:start", {"sessionId": guest.session_id})
    resume = {"answerId": guest.answer_id, "after": last}
    assert await guest.line.call("chat:resume", resume) == {"ok": True, "found": True}
    while not guest.of("chat:done"):
        await asyncio.sleep(0.01)
    return (await guest.line.call("chat:start", {"sessionId": guest.session_id}))["history"]


async def test_sigterm_tells_everybody_hands_over_and_ends_with_0(command):
    """Within the deadline, with sockets open, answers being written and a connection that says nothing.

    Nothing of its process group is left; the answers are written anew by the instance that is left.
    """
    (leaving, url, log), (_, other, _) = await asyncio.gather(command(), command())
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        guests = [Guest(http, number) for number in range(PEOPLE)]
        await asyncio.gather(*(guest.begin(url) for guest in guests))
        _, silent = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        leaving.send_signal(signal.SIGTERM)
        for guest in guests:
            async with asyncio.timeout(DEADLINE):
                await guest.line.gone.wait()
            assert guest.of("server:draining") == [{"within": DRAIN}]
            assert not guest.of("chat:done"), "its end was not to be had in the time left"
        async with asyncio.timeout(DEADLINE):
            assert await leaving.wait() == 0
        silent.close()
        with pytest.raises(ProcessLookupError):
            os.killpg(leaving.pid, 0)
        assert [line for line in log.read_text().splitlines() if "ERROR" in line] == []
        for guest in guests:
            await guest.line.close()
        async with asyncio.timeout(DEADLINE):
            histories = await asyncio.gather(*(come_back(guest, http, other) for guest in guests))
        for guest, history in zip(guests, histories, strict=True):
            assert [message["role"] for message in history] == ["user", "assistant"]
            assert history[1]["answerId"] == guest.answer_id
            assert len(guest.of("chat:reset")) == 1
            await guest.line.close()


async def test_a_draining_instance_lets_nobody_in_and_is_not_ready(command):
    """While its answers finish it says so to who connects, asks, or looks whether it is ready."""
    leaving, url, _ = await command(CHATBOT_DRAIN_SECONDS="20")
    async with aiohttp.ClientSession() as http:
        guest, late = Guest(http, 0), Guest(http, 1)
        await guest.begin(url)
        leaving.send_signal(signal.SIGTERM)
        while not guest.of("server:draining"):
            await asyncio.sleep(0.01)
        with pytest.raises(Lost):
            await late.line.open(url, {"token": token("late")})
        assert late.line.refused["code"] == "draining"
        async with http.get(f"{url}/health/ready") as reply:
            assert reply.status == 503
        async with asyncio.timeout(DEADLINE):
            await guest.line.gone.wait()
            assert await leaving.wait() == 0
        assert guest.of("chat:done")[0]["stopReason"] == "end_turn"
        await guest.line.close()
        await late.line.close()


async def test_sigterm_ends_an_instance_whose_redis_is_mute(command, server):
    """Within the deadline as well, with sockets open and an answer that cannot be kept any more."""
    leaving, url, _ = await command()
    async with aiohttp.ClientSession() as http:
        guest = Guest(http, 0)
        await guest.begin(url)
        with server.paused():
            leaving.send_signal(signal.SIGTERM)
            async with asyncio.timeout(DEADLINE):
                await guest.line.gone.wait()
                assert await leaving.wait() == 0
        assert guest.of("server:draining") == [{"within": DRAIN}]
        await guest.line.close()

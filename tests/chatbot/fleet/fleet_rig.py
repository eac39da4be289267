"""Gateways as real processes, and people who come back whatever happens to them."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import socketio
from gateway_worker import Plan, recited
from socketio.exceptions import SocketIOError
from support.dynamo import CREDENTIALS
from support.rig import token
from support.servers import Server, free_port

import cachekit

HERE = Path(__file__).parent
LEASE = 1.0
PATIENCE = 2.5 * LEASE
"""Seconds of silence after which a person tries another instance, who has none but that."""

BOUND = 12.0
"""Seconds within which every request must be answered, whatever happens."""

Events = list[tuple[str, dict[str, Any]]]

TRY_AGAIN = {"unavailable", "draining"}
"""The errors of which docs/protocol.md says to try again or to connect again."""


def durable() -> Server:
    """A Redis that has after a crash all that it has ever acknowledged."""
    return Server("--appendonly", "yes", "--appendfsync", "always")


@dataclass
class Process:
    """One gateway, at a port that it keeps."""

    plan: Plan
    log: Path
    running: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.plan.port}"

    async def start(self) -> None:
        paths = os.pathsep.join([str(HERE), str(HERE.parents[1]), str(HERE.parents[2])])
        with self.log.open("ab") as log:
            self.running = await asyncio.create_subprocess_exec(
                *(sys.executable, str(HERE / "gateway_worker.py"), json.dumps(asdict(self.plan))),
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env={**os.environ, **CREDENTIALS, "PYTHONPATH": paths},
            )
        assert await self.running.stdout.readline(), self.log.read_text()

    async def end(self, how: signal.Signals, *, within: float = 20.0) -> int:
        """Send a signal, and wait until the process has ended; its exit code."""
        assert self.running is not None
        with contextlib.suppress(ProcessLookupError):
            self.running.send_signal(how)
        async with asyncio.timeout(within):
            return await self.running.wait()

    def signal(self, which: signal.Signals) -> None:
        self.running.send_signal(which)

    @property
    def complaints(self) -> list[str]:
        """Lines of the log that tell of a defect."""
        signs = ("ERROR", "CRITICAL", "Traceback", "never retrieved", "never awaited")
        lines = self.log.read_text().splitlines()
        return [line for line in lines if any(sign in line for sign in signs)]


class Fleet:
    """Gateways on one Redis."""

    def __init__(self, redis: Server, folder: Path) -> None:
        self.redis = redis
        self._folder = folder
        self.gateways: list[Process] = []

    async def start(self, number: int, **changes: Any) -> None:
        for _ in range(number):
            plan = Plan(redis=self.redis.url, port=free_port(), lease=LEASE, **{"pace": 0.05, **changes})
            self.gateways.append(Process(plan, self._folder / f"{plan.port}.log"))
        await asyncio.gather(*(each.start() for each in self.gateways))

    async def kill(self) -> None:
        for each in self.gateways:
            if each.running is not None and each.running.returncode is None:
                each.signal(signal.SIGCONT)
                await each.end(signal.SIGKILL)

    @property
    def complaints(self) -> list[str]:
        return [line for each in self.gateways for line in each.complaints]


class Lost(Exception):
    """The connection is gone, or as good as gone."""


class Line:
    """One connection of a person's; what comes goes to `heard`."""

    def __init__(self, http: aiohttp.ClientSession, heard: Any) -> None:
        self._client = socketio.AsyncClient(reconnection=False, http_session=http)
        self._heard = heard
        self.refused: dict[str, Any] | None = None
        self.gone = asyncio.Event()
        self._client.on("connect_error", self._note_refusal)
        self._client.on("disconnect", lambda *_: self.gone.set())
        self._client.on("*", lambda event, payload: self._heard(self, event, payload))

    async def open(self, url: str, auth: dict[str, Any], *, within: float = BOUND) -> None:
        """Connect; raises Lost."""
        try:
            async with asyncio.timeout(within):
                await self._client.connect(url, auth=auth, transports=["websocket"], wait_timeout=within)
        except (SocketIOError, aiohttp.ClientError, TimeoutError) as error:
            raise Lost from error

    async def call(self, event: str, payload: dict[str, Any], *, within: float = BOUND) -> Any:
        """Send an event; its acknowledgement. Raises Lost."""
        asked = asyncio.create_task(self._client.call(event, payload, timeout=within))
        gone = asyncio.create_task(self.gone.wait())
        try:
            await asyncio.wait({asked, gone}, return_when=asyncio.FIRST_COMPLETED)
            if asked.done():
                return asked.result()
            raise Lost
        except SocketIOError as error:
            raise Lost from error
        finally:
            gone.cancel()
            asked.cancel()
            await asyncio.gather(gone, asked, return_exceptions=True)

    async def send(self, event: str, payload: dict[str, Any]) -> None:
        """Send an event, and wait for nothing. Raises Lost."""
        try:
            await self._client.emit(event, payload)
        except SocketIOError as error:
            raise Lost from error

    async def close(self) -> None:
        self._heard = lambda *_: None
        with contextlib.suppress(SocketIOError, aiohttp.ClientError, OSError):
            await self._client.disconnect()

    def _note_refusal(self, data: Any) -> None:
        # The handshake's refusal; else what the client's library says of a connection that failed.
        self.refused = data["data"] if isinstance(data, dict) and "data" in data else {"message": data}


@dataclass
class Asked:
    """A question of a person's, and what came of its answer over all connections."""

    text: str
    message_id: str
    answer_id: str | None = None
    events: Events = field(default_factory=list)

    @property
    def last(self) -> int:
        return self.events[-1][1]["seq"] if self.events else 0

    @property
    def is_done(self) -> bool:
        return bool(self.events) and self.events[-1][0] == "chat:done"

    @property
    def said(self) -> str:
        """What a page shows at the end."""
        return said(self.events)

    def require_whole(self, events: Events | None = None) -> None:
        """Every event came once, in order, from the question to the end; only a reset leaves numbers out.

        `events` are those that another socket got, where not this person's own are meant.
        """
        events = self.events if events is None else events
        told = [(name, payload["seq"]) for name, payload in events]
        assert told, self
        assert told[0] == ("chat:question", 1), told
        for (_, before), (name, seq) in pairwise(told):
            assert seq == before + 1 or (name == "chat:reset" and seq > before), told
        assert [name for name, _ in told].count("chat:done") == 1, told
        assert events[0][1]["messageId"] == self.message_id
        assert (events[-1][0], events[-1][1]["stopReason"]) == ("chat:done", "end_turn"), events[-1]
        assert said(events) == "".join(recited(self.text))


def said(events: Events) -> str:
    """The text that came since the last reset."""
    pieces: list[str] = []
    for name, payload in events:
        if name == "chat:reset":
            pieces.clear()
        elif name == "chat:delta":
            pieces.append(payload["text"])
    return "".join(pieces)


class Person:
    """Somebody who asks one question after the other, and keeps to docs/protocol.md when a connection ends.

    Unacknowledged questions are sent again under the same id; a lost answer is resumed at another instance
    behind the last number that came.
    """

    def __init__(self, name: str, fleet: Fleet, http: aiohttp.ClientSession, choose: Any) -> None:
        self.name = name
        self.session_id: str | None = None
        self.asked: list[Asked] = []
        self.codes: Counter[str] = Counter()
        """The errors that were told."""
        self.at: Process | None = None
        self.connects = 0
        self.patience = PATIENCE
        self.haste = 0.0
        """How often, of all times, this person hangs up right after asking, before it is acknowledged."""
        self._fleet = fleet
        self.http = http
        self._choose = choose
        self.line: Line | None = None
        self._news = asyncio.Event()
        self._closing: list[asyncio.Task[None]] = []

    async def ask(self) -> Asked:
        """Ask the next question, and wait until the answer has come as a whole."""
        number = len(self.asked) + 1
        asked = Asked(f"{self.name} asks {number}", f"{self.name}-{number}")
        self.asked.append(asked)
        is_sent = False
        while not asked.is_done:
            try:
                is_new = await self.connect()
                if asked.answer_id is None:
                    was_sent, is_sent = is_sent, True
                    await self._send(asked)
                    if was_sent:
                        await self._resume(asked)
                elif is_new:
                    await self._resume(asked)
                await self._come(asked)
            except Lost:
                self.drop()
        return asked

    async def connect(self) -> bool:
        """Be connected, at whichever instance, and in the session; whether the connection is new."""
        if self.line is not None and not self.line.gone.is_set():
            return False
        self.drop()
        self.at = self._choose.choice(self._fleet.gateways)
        line = self.line = Line(self.http, self._take)
        try:
            await line.open(self.at.url, {"token": token(self.name)}, within=self.patience)
        except Lost:
            self.codes[(line.refused or {}).get("code", "unreachable")] += 1
            await asyncio.sleep(self._choose.uniform(0.02, 0.2))
            raise
        self.connects += 1
        reply = await self.request("chat:start", {"sessionId": self.session_id} if self.session_id else {})
        self.session_id = reply["sessionId"]
        self.started = reply
        return True

    async def request(self, event: str, payload: dict[str, Any]) -> Any:
        """What a request was answered with; raises Lost if it shall be tried again elsewhere."""
        reply = await self.line.call(event, payload, within=self.patience)
        if reply["ok"]:
            return reply
        code = reply["error"]["code"]
        self.codes[code] += 1
        assert code in TRY_AGAIN, (event, reply)
        await asyncio.sleep(self._choose.uniform(0.02, 0.2))
        raise Lost

    def drop(self) -> None:
        """Hang up."""
        line, self.line, self.at = self.line, None, None
        if line is not None:
            self._closing.append(asyncio.create_task(line.close()))

    async def begin(self) -> None:
        """Have a session."""
        while self.session_id is None:
            try:
                await self.connect()
            except Lost:
                self.drop()

    async def leave(self) -> None:
        """Hang up for good."""
        self.drop()
        await asyncio.gather(*self._closing)

    async def _send(self, asked: Asked) -> None:
        payload = {"sessionId": self.session_id, "messageId": asked.message_id, "text": asked.text}
        if self._choose.random() < self.haste:
            await self.line.send("chat:message", payload)
            raise Lost
        asked.answer_id = (await self.request("chat:message", payload))["answerId"]

    async def _resume(self, asked: Asked) -> None:
        reply = await self.request("chat:resume", {"answerId": asked.answer_id, "after": asked.last})
        assert reply["found"], (self.name, asked)

    async def _come(self, asked: Asked) -> None:
        """Wait for the end; raises Lost after a silence, or at the end of the connection."""
        line = self.line
        while not asked.is_done:
            self._news.clear()
            waiting = [asyncio.create_task(each.wait()) for each in (self._news, line.gone)]
            done, _ = await asyncio.wait(waiting, timeout=self.patience, return_when=asyncio.FIRST_COMPLETED)
            for each in waiting:
                each.cancel()
            if not done or (line.gone.is_set() and not asked.is_done):
                raise Lost

    def _take(self, line: Line, event: str, payload: dict[str, Any]) -> None:
        if line is not self.line or not event.startswith("chat:") or "seq" not in payload:
            return
        asked = self.asked[-1]
        # Before the acknowledgement its question tells whose answer it is.
        if event == "chat:question":
            assert payload["messageId"] == asked.message_id
        asked.events.append((event, payload))
        self._news.set()

    @property
    def expected_history(self) -> Iterator[tuple[str, str]]:
        """Role and text of all that was said."""
        for asked in self.asked:
            yield "user", asked.text
            yield "assistant", asked.said


_SOCKETS = (
    "socket_auth:*",
    "socket_auth_index:sockets",
    "socket_auth_index:user:*",
    "socket_auth_index:instance:*:sockets",
)


async def until_no_socket(cache: cachekit.Cache) -> None:
    """Wait until Redis knows of no socket, in no index either: of crashed instances nothing is left."""
    while [key for pattern in _SOCKETS async for batch in cache.store.scan(pattern) for key in batch]:
        await asyncio.sleep(0.1)

"""Instances that answer: each with its own connection, bus and sockets, on one Redis."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import cachekit
from chatbot.answers import Answers, Observer
from chatbot.assistant import Assistant
from chatbot.bus import Bus
from chatbot.models.protocol import TextDelta, TurnEnd
from chatbot.sessions import SessionRepository
from chatbot.tools import ToolRegistry

LEASE = 0.9
CHECK_EVERY = 0.1
END = TurnEnd("end_turn", input_tokens=10, output_tokens=5)


def words(*texts: str) -> list[Any]:
    """A turn that says each of the texts."""
    return [*(TextDelta(text) for text in texts), END]


class Playing:
    """A model that plays one list of events a turn, and each list once, whoever asks.

    An exception among them is raised, an asyncio.Event is waited for, a number is a pause in seconds.
    """

    name, offline = "playing", True

    def __init__(self, *turns: list[Any]) -> None:
        self.turns = list(turns)
        self.requests: list[Any] = []
        self.waiting = asyncio.Event()

    async def stream(self, request: Any) -> AsyncIterator[Any]:
        self.requests.append(request)
        for event in self.turns.pop(0):
            match event:
                case BaseException():
                    raise event
                case asyncio.Event():
                    self.waiting.set()
                    await event.wait()
                case float():
                    await asyncio.sleep(event)
                case _:
                    yield event


@dataclass
class Socket:
    """One socket: what came, in order."""

    sid: str
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, event: str, payload: Any) -> None:
        self.events.append((event, dict(payload)))
        self.news.set()

    def of(self, event: str) -> list[dict[str, Any]]:
        return [payload for name, payload in self.events if name == event]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    @property
    def seqs(self) -> list[int]:
        return [payload["seq"] for _, payload in self.events]

    @property
    def last(self) -> int:
        return self.seqs[-1] if self.events else 0

    @property
    def text(self) -> str:
        """What a page shows: the text since the answer was last begun."""
        return said(self.events)

    @property
    def done(self) -> dict[str, Any]:
        (payload,) = self.of("chat:done")
        assert self.names[-1] == "chat:done"
        return payload

    async def until(self, event: str, *, text: str = "") -> None:
        """Wait until such an event has come, whose text ends so."""
        while not any(each.get("text", "").endswith(text) for each in self.of(event)):
            self.news.clear()
            await self.news.wait()


def said(events: list[tuple[str, dict[str, Any]]]) -> str:
    text = ""
    for name, payload in events:
        if name == "chat:reset":
            text = ""
        elif name == "chat:delta":
            text += payload["text"]
    return text


def require_whole(events: list[tuple[str, dict[str, Any]]]) -> None:
    """Every event once, in order, from the question to the end; only a reset leaves numbers out."""
    names = [name for name, _ in events]
    assert names[0] == "chat:question"
    assert names.count("chat:question") == names.count("chat:done") == 1
    assert names[-1] == "chat:done"
    before = 0
    for name, payload in events:
        if name == "chat:reset":
            assert payload["seq"] > before
        else:
            assert payload["seq"] == before + 1, names
        before = payload["seq"]


class Noted(Observer):
    """Notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def answer_began(self) -> None:
        self.heard.append(("began",))

    def first_token(self, seconds: float) -> None:
        self.heard.append(("first_token", seconds))

    def answer_ended(self, stop_reason: str, seconds: float) -> None:
        self.heard.append(("ended", stop_reason, seconds))

    def searched(self, route: str, *, cached: bool) -> None:
        self.heard.append(("searched", route, cached))

    def used(self, user_id: str, usage: Any) -> None:
        self.heard.append(("used", user_id, usage.total))

    @property
    def endings(self) -> list[str]:
        return [what[1] for what in self.heard if what[0] == "ended"]


class Instance:
    """One gateway's answers, and the sockets it holds."""

    def __init__(self, name: str, cache: cachekit.Cache, bus: Bus, model: Playing, **options: Any) -> None:
        self.name = name
        self.cache = cache
        self.model = model
        self.noted = Noted()
        self.sockets: dict[str, Socket] = {}
        self.started: defaultdict[str, list[str]] = defaultdict(list)
        lease = options.pop("lease", LEASE)
        self.sessions = SessionRepository(cache, lease=lease)
        self.answers = Answers(
            Assistant(model, options.pop("tools", ToolRegistry([], timeout=5)), system=lambda: ""),
            self.sessions,
            cache,
            bus,
            **{
                "instance": name,
                "push_many": self.push_many,
                "audience": lambda session_id: tuple(self.started[session_id]),
                "observer": self.noted,
                "lease": lease,
                "check_every": CHECK_EVERY,
                **options,
            },
        )

    def push_many(self, sids: Any, event: str, payload: Any) -> int:
        held = [self.sockets[sid] for sid in sids if sid in self.sockets]
        for socket in held:
            socket.take(event, payload)
        return len(held)

    def socket(self, sid: str, session_id: str) -> Socket:
        """A socket that has the session started."""
        self.answers.leave(sid)
        self.sockets[sid] = Socket(sid)
        if sid not in self.started[session_id]:
            self.started[session_id].append(sid)
        return self.sockets[sid]

    def drop(self, sid: str) -> None:
        """The socket goes."""
        self.sockets.pop(sid, None)
        for sids in self.started.values():
            if sid in sids:
                sids.remove(sid)
        self.answers.leave(sid)

    async def resume(self, session_id: str, answer_id: str, sid: str, *, after: int = 0) -> bool:
        return await self.answers.resume(session_id, "ana", answer_id, after=after, sid=sid)

    async def ask(self, session_id: str, message_id: str = "m1", text: str = "hi") -> str:
        return await self.answers.ask(session_id, "ana", message_id=message_id, text=text)

    async def idle(self) -> None:
        """Wait until nothing is written here."""
        while self.answers.writing:
            await asyncio.sleep(0.005)


async def lapse(one: Instance, session_id: str) -> None:
    """Wait until the lease of a dead writer is over."""
    while (await one.sessions.answering(session_id, "ana")).alive:
        await asyncio.sleep(0.02)


@asynccontextmanager
async def instance(url: str, name: str, *turns: list[Any], **options: Any) -> AsyncIterator[Instance]:
    """An instance on the Redis at `url`; what it writes is stopped with the context."""
    async with (
        cachekit.connect(url, timeout=options.pop("timeout", 2.0)) as cache,
        Bus(cache, instance=name) as bus,
    ):
        opened = Instance(name, cache, bus, options.pop("model", None) or Playing(*turns), **options)
        opened.bus = bus
        while not bus.ready:
            await asyncio.sleep(0.005)
        try:
            yield opened
        finally:
            await opened.answers.aclose()

"""A running gateway with the parts one looks at, and people who talk to it."""

import asyncio
import datetime as dt
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
import socketio

import cachekit
from cachekit.amadeus.client import AmadeusSettings
from cachekit.amadeus.sandbox import SandboxServer
from chatbot.settings import AuthSettings, Settings

SECRET = "a secret for tests, and long enough for any HMAC: sixty-four bytes"
NOW = dt.datetime.now(dt.UTC)
"""What the sandbox's clock shows, from beginning to end: the gateway's own is the machine's, and searches are
kept only as long as their offers can be bought by it."""
TODAY = NOW.date()
DEPARTURE = TODAY + dt.timedelta(20)
_ENGLISH = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_PORTUGUESE = (
    *("janeiro", "fevereiro", "março", "abril", "maio", "junho"),
    *("julho", "agosto", "setembro", "outubro", "novembro", "dezembro"),
)
QUESTION = f"flights from São Paulo to Lisbon on {DEPARTURE.day} {_ENGLISH[DEPARTURE.month - 1]}"
PERGUNTA = f"voos de São Paulo para Lisboa em {DEPARTURE.day} de {_PORTUGUESE[DEPARTURE.month - 1]}"
"""The same in Portuguese."""


def token(user: str | None = "ana", *, secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    now = int(time.time())
    payload = {"sub": user, "iat": now, "exp": now + 600, **claims}
    return jwt.encode({k: v for k, v in payload.items() if v is not None}, secret, algorithm=algorithm)


def settings(redis_url: str, **changes: Any) -> Settings:
    """A gateway's, whose flight API is away; `changes` as the test needs them."""
    away = AmadeusSettings(base_url="http://127.0.0.1:1", client_id="id", client_secret="secret")
    given = {"port": 0, "auth": AuthSettings(secret=SECRET), "redis_url": redis_url, "amadeus": away}
    return Settings(**{**given, "pace": 0, "drain": 0, **changes})


@dataclass
class Rig:
    """A running gateway, and the parts one looks at."""

    url: str
    cache: cachekit.Cache
    sandbox: SandboxServer

    async def keys(self, pattern: str = "*") -> list[str]:
        return sorted([key.decode() async for batch in self.cache.store.scan(pattern) for key in batch])

    async def until_no_key(self, pattern: str) -> None:
        """Wait until no key matches: disconnects are handled after the client has gone."""
        while await self.keys(pattern):
            await asyncio.sleep(0.01)

    async def sockets(self) -> list[str]:
        """All that Redis knows of sockets; instances are not sockets."""
        return [key for key in await self.keys("socket_auth*") if ":instance" not in key]

    async def until_no_socket(self) -> None:
        """Wait until Redis knows of none any more."""
        while await self.sockets():
            await asyncio.sleep(0.01)

    @property
    def searches(self) -> int:
        return self.sandbox.stats.get("flight-offers", 0)


@dataclass
class Chatter:
    """A person at a socket: asks, and gathers what comes."""

    client: socketio.AsyncClient
    session_id: str = ""
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, session_id: str | None = None) -> dict[str, Any]:
        payload = {} if session_id is None else {"sessionId": session_id}
        reply = await self.client.call("chat:start", payload)
        if reply["ok"]:
            self.session_id = reply["sessionId"]
        return reply

    async def send(self, text: str, **changes: Any) -> dict[str, Any]:
        self.events.clear()
        self.done.clear()
        payload = {"sessionId": self.session_id, "messageId": uuid.uuid4().hex, "text": text, **changes}
        return await self.client.call("chat:message", payload)

    async def call(self, event: str, payload: Any = None) -> Any:
        """Send an event and wait for its acknowledgement."""
        return await self.client.call(event, {} if payload is None else payload)

    async def heard(self, event: str, number: int = 1) -> list[dict[str, Any]]:
        """Wait until so many of these events have come; their payloads."""
        while len(self.of(event)) < number:
            await self.news.wait()
            self.news.clear()
        return self.of(event)

    async def ask(self, text: str, **changes: Any) -> dict[str, Any]:
        """Send a question, wait for the whole answer; the acknowledgement."""
        reply = await self.send(text, **changes)
        assert reply["ok"], reply
        await self.done.wait()
        return reply

    def of(self, event: str) -> list[dict[str, Any]]:
        return [payload for name, payload in self.events if name == event]

    @property
    def text(self) -> str:
        return "".join(payload["text"] for payload in self.of("chat:delta"))


@asynccontextmanager
async def chatting(url: str, auth: Any = None) -> AsyncIterator[Chatter]:
    """A connected client of the Python package; `auth` is the handshake's payload."""
    client = socketio.AsyncClient(reconnection=False)
    chatter = Chatter(client)

    async def note(event: str, payload: dict[str, Any]) -> None:
        chatter.events.append((event, payload))
        chatter.news.set()
        if event == "chat:done":
            chatter.done.set()

    async def leave(*_: Any) -> None:
        chatter.gone.set()

    client.on("*", note)
    client.on("disconnect", leave)
    await client.connect(url, auth=auth or {"token": token()}, transports=["websocket"])
    try:
        yield chatter
    finally:
        await client.disconnect()

"""Instances at the bus, and what each of them has heard."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest
from support.servers import Server

import cachekit
from chatbot.bus import Bus, BusMessage, Notice


def notice(text: str) -> Notice:
    return Notice(id=text, level="info", text=text, at="2026-11-22T12:00:00.000Z")


@dataclass
class Listener:
    """An instance at the bus, with a cache of its own, that notes the notices it hears."""

    bus: Bus
    cache: cachekit.Cache
    heard: list[tuple[str, str]] = field(default_factory=list)
    gaps: int = 0

    def __post_init__(self) -> None:
        self.bus.on(Notice, lambda message, sender: self.heard.append((sender, message.text)))
        self.bus.on_gap(self._count)

    def _count(self) -> None:
        self.gaps += 1

    async def say(self, text: str) -> None:
        await self.bus.publish(notice(text))

    async def persist(self, text: str) -> str:
        """Say it until it is accepted; what was: each attempt is told from the one before."""
        for attempt in itertools.count():
            said = f"{text}.{attempt}" if attempt else text
            with contextlib.suppress(cachekit.CacheUnavailable):
                await self.say(said)
                return said
            await asyncio.sleep(0.01)
        raise AssertionError("never")

    def texts(self, sender: str) -> list[str]:
        return [text for name, text in self.heard if name == sender]

    def publish(self, message: BusMessage):
        return self.bus.publish(message)


@asynccontextmanager
async def listening(url: str, instance: str) -> AsyncIterator[Listener]:
    async with cachekit.connect(url, near=None) as cache:
        bus = Bus(cache, instance=instance)
        listener = Listener(bus, cache)
        async with bus:
            yield listener


@pytest.fixture
async def listen() -> AsyncIterator[Callable]:
    """Opens instances at a URL, and closes them after the test."""
    async with AsyncExitStack() as stack:

        async def opened(url: str, *instances: str) -> list[Listener]:
            return [await stack.enter_async_context(listening(url, name)) for name in instances]

        yield opened


@pytest.fixture
def durable(server_binary: str):
    """A server whose data survives a kill: each write is on disk before it is answered."""
    with Server("--appendonly", "yes", "--appendfsync", "always") as server:
        yield server

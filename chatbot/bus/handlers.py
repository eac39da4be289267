"""Who is told of what: the handlers of one instance, and what becomes of their failures."""

import asyncio
import inspect
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from cachekit.errors import CacheUnavailable
from chatbot.bus.messages import BusMessage

logger = logging.getLogger(__name__)

DEADLINE: Final = 10.0
"""Seconds a handler may take; the messages after wait for it."""

T = TypeVar("T", bound=BusMessage)
GapHandler = Callable[[], Awaitable[None] | None]


class _HandlerCancelled(Exception):
    """What a handler waited for was cancelled."""


class Handlers:
    """Calls them one after the other; none can hinder the next, nor the bus."""

    def __init__(self, *, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self._of: defaultdict[type[BusMessage], list[Callable[[Any, str], Awaitable[None] | None]]]
        self._of = defaultdict(list)
        self._of_gaps: list[GapHandler] = []

    def add(self, kind: type[T], handler: Callable[[T, str], Awaitable[None] | None]) -> None:
        """Call `handler(message, sender)` for messages of that type."""
        self._of[kind].append(handler)

    def add_gap(self, handler: GapHandler) -> None:
        """Call `handler()` when messages may have been missed."""
        self._of_gaps.append(handler)

    async def tell(self, message: BusMessage, sender: str) -> None:
        """Call those of the message's type. Raises nothing: failures are logged, without the message."""
        for handler in self._of.get(type(message), ()):
            try:
                await self._call(handler, message, sender)
            except Exception:
                logger.exception("a handler of %s failed", type(message).__name__)

    async def tell_gap(self) -> None:
        """Call those of gaps; raises CacheUnavailable if one of them could not look up what it missed."""
        for handler in self._of_gaps:
            try:
                await self._call(handler)
            except CacheUnavailable:
                raise
            except Exception:
                logger.exception("a handler of gaps failed")

    async def _call(self, handler: Callable[..., Awaitable[None] | None], *arguments: object) -> None:
        try:
            async with asyncio.timeout(self._deadline):
                given = handler(*arguments)
                if inspect.isawaitable(given):
                    await given
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Not the reader was cancelled, but something that the handler waited for.
            raise _HandlerCancelled from None

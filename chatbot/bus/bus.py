"""The bus: what one instance publishes, every instance hears, itself included."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Self, TypeVar

from cachekit.core.cache import Cache
from cachekit.errors import CacheClosed
from chatbot.bus.handlers import GapHandler, Handlers
from chatbot.bus.messages import BusMessage, decode, encode
from chatbot.bus.outbox import Outbox
from chatbot.bus.reader import Reader
from chatbot.bus.stream import Record

logger = logging.getLogger(__name__)

T = TypeVar("T", bound=BusMessage)


class Bus:
    """Messages between instances, in one Redis Stream that each of them reads from where it was.

        async with Bus(cache, instance=instance) as bus:
            bus.on(Notice, show)
            await bus.publish(Notice(id="n1", level="info", text="Back in five minutes", at=now))

    A message that was accepted reaches every instance that is listening, once, in its sender's order: also
    one that has lost its connection meanwhile, for up to 600 s, and also when Redis has come back empty,
    as long as the sender lives. Belongs to one event loop.
    """

    def __init__(self, cache: Cache, *, instance: str) -> None:
        """`instance` is what the others are told as the sender."""
        self._handlers = Handlers()
        self._outbox = Outbox(cache, instance=instance)
        self._reader = Reader(cache, self._outbox, hear=self._hear, missed=self._handlers.tell_gap)
        self._following: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def ready(self) -> bool:
        """Whether what is published now is heard here within moments."""
        return self._reader.live

    def on(self, kind: type[T], handler: Callable[[T, str], Awaitable[None] | None]) -> None:
        """Call `handler(message, sender)` for every message of that type, one's own included.

        One after the other, in the order of the stream; what a handler raises is logged and hinders nobody,
        and one that takes longer than 10 s is given up.
        """
        self._handlers.add(kind, handler)

    def on_gap(self, handler: GapHandler) -> None:
        """Call `handler()` when messages may have been missed: what they would have told must be looked up.

        Called rather too often than not at all, such as when Redis came back empty and all that was lost has
        been published again; and called again later if it raises CacheUnavailable.
        """
        self._handlers.add_gap(handler)

    async def publish(self, message: BusMessage) -> None:
        """Tell all instances; returns once Redis has accepted it.

        Raises CacheUnavailable: it was not accepted. If only the answer was lost it may arrive all the same.
        """
        if self._closed:
            raise CacheClosed("the bus is closed")
        # Else one's own message could be older than the moment from which one listens.
        await self._reader.join()
        await self._outbox.publish(encode(message))

    async def __aenter__(self) -> Self:
        """Begin to listen. With Redis away that happens once it is back; `ready` tells."""
        await self._reader.start()
        # In a context of its own: that of whoever starts it must not live on.
        self._following = asyncio.create_task(self._reader.follow(), name="bus reader", context=Context())
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Stop listening and sending."""
        self._closed = True
        self._reader.stop()
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        await self._outbox.aclose()

    async def _hear(self, record: Record) -> None:
        message = None if record.body is None else decode(record.body)
        if message is None:
            # Of another release, or nobody's; its text is no business of the log.
            logger.warning("a message of %s is not understood and was skipped", record.sender)
            return
        await self._handlers.tell(message, record.sender)

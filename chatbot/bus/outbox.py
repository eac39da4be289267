"""How an instance's own messages get into the stream, and stay there for a while."""

import asyncio
import secrets
from collections import deque
from collections.abc import Iterable
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Final

from cachekit.core.cache import Cache
from cachekit.core.log_record import text_of
from cachekit.errors import CacheClosed, CacheUnavailable
from chatbot.bus.stream import APPEND, BATCH, KEY

RETENTION: Final = 600.0
"""Seconds a record stays in the stream: who is away for longer has a gap."""

KEPT_RECORDS: Final = 100_000
"""Records in the stream at most, so that a flood fills nobody's memory."""

OUTLIVES: Final = 86_400
"""Seconds until Redis forgets a stream that nobody writes to."""

KEEP: Final = 60.0
"""Seconds for which an accepted message can be appended again."""

MOST_KEPT: Final = 10_000
"""Messages that can be appended again, the latest."""

_ATTEMPTS: Final = 3
"""How often one call repairs the stream: who finds it lost again and again gives up."""


@dataclass(slots=True)
class _Message:
    number: int
    body: bytes
    id: str = ""
    """Where it lies now."""
    at: str = ""
    """Where it lay first, once it had to be appended again."""
    accepted: float = 0.0
    """When Redis took it, on the monotonic clock."""


class Outbox:
    """Appends messages in the order of the calls; those that wait for the one before go together.

    What Redis has accepted and then lost, since it came back empty or as it had been earlier, is appended
    again before anything newer. What is remembered for that is forgotten only after Redis was seen to hold it
    60 s later, however long it is away.
    """

    def __init__(self, cache: Cache, *, instance: str) -> None:
        self._cache = cache
        self._sender = instance
        self.run = secrets.token_hex(4)
        self._count = 0
        self._waiting: deque[tuple[_Message, asyncio.Future[None]]] = deque()
        self._kept: deque[_Message] = deque(maxlen=MOST_KEPT)
        self._lock = asyncio.Lock()
        self._sending: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def last(self) -> str:
        """The id of the last message that can be appended again; empty if there is none."""
        return self._kept[-1].id if self._kept else ""

    async def publish(self, body: bytes) -> None:
        """Append a message; returns once Redis has it.

        Raises CacheUnavailable if it did not take it. If its answer was lost, the message may arrive all the
        same.
        """
        if self._closed:
            raise CacheClosed("the bus is closed")
        self._count += 1
        accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((_Message(self._count, body), accepted))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send(), name="bus sender", context=Context())
        await accepted

    def confirm(self) -> None:
        """The stream was seen to hold what is kept: forget what is old enough."""
        horizon = self._cache.clock.monotonic() - KEEP
        while self._kept and self._kept[0].accepted < horizon:
            self._kept.popleft()

    async def restore(self) -> None:
        """Append again what is kept; receivers drop what they have heard."""
        async with self._lock:
            await self._restore()

    async def aclose(self) -> None:
        """Send nothing more; who waits gets CacheClosed."""
        self._closed = True
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        self._fail(self._waiting, CacheClosed("the bus is closed"))

    async def _send(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
                try:
                    async with self._lock:
                        await self._append([message for message, _ in batch])
                except Exception as error:  # noqa: BLE001 - raised where it is waited for
                    self._fail(batch, error)
                except asyncio.CancelledError:
                    self._fail(batch, CacheClosed("the bus is closed"))
                    raise
                else:
                    for _, accepted in batch:
                        if not accepted.done():
                            accepted.set_result(None)
        finally:
            self._sending = None

    def _fail(self, batch: Iterable[tuple[_Message, asyncio.Future[None]]], error: Exception) -> None:
        for _, accepted in batch:
            if not accepted.done():
                # One each: a traceback grows with every raise.
                accepted.set_exception(_copy(error))

    async def _append(self, batch: list[_Message]) -> None:
        for _ in range(_ATTEMPTS):
            if await self._write(batch, after=self.last):
                self._kept.extend(batch)
                return
            await self._restore()
        raise CacheUnavailable("Redis loses what it has accepted", operation="XADD")

    async def _restore(self) -> None:
        kept, after = list(self._kept), ""
        for start in range(0, len(kept), BATCH):
            chunk = kept[start : start + BATCH]
            for message in chunk:
                message.at = message.at or message.id
            if not await self._write(chunk, after=after):
                raise CacheUnavailable("Redis loses what it has accepted", operation="XADD")
            after = chunk[-1].id

    async def _write(self, messages: list[_Message], *, after: str) -> bool:
        fields: list[Any] = []
        for message in messages:
            fields += (message.number, message.at, message.body)
        bounds = (round(RETENTION * 1000), KEPT_RECORDS, OUTLIVES)
        ids = await self._cache.store.run_script(APPEND, KEY, after, *bounds, self._sender, self.run, *fields)
        if ids is None:
            return False
        now = self._cache.clock.monotonic()
        for message, id_ in zip(messages, ids, strict=True):
            message.id, message.accepted = text_of(id_), now
        return True


def _copy(error: Exception) -> Exception:
    if isinstance(error, CacheUnavailable):
        return CacheUnavailable(str(error), operation=error.operation)
    return error

"""The admins' live view: what is going on in all instances, every other second, to who watches."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from cachekit.errors import CacheKitError
from chatbot.analytics import Analytics
from chatbot.errors import AuthError
from chatbot.gateway.audience import Connected
from chatbot.messages import Watch, parse

logger = logging.getLogger(__name__)

INTERVAL: Final = 2.0
"""Seconds between two views."""


class Watchers:
    """The handlers of `admin:watch` and `admin:unwatch`, and the task that sends while some watch."""

    def __init__(
        self,
        analytics: Analytics,
        push: Callable[[Iterable[str], str, Mapping[str, Any]], object],
        *,
        interval: float = INTERVAL,
    ) -> None:
        self._analytics = analytics
        self._push = push
        self._interval = interval
        self._sids: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    async def watch(self, connected: Connected, payload: Any) -> dict[str, Any]:
        """`admin:watch`: the view of now, and `admin:stats` from now on."""
        parse(payload or {}, Watch)
        if not connected.identity.admin:
            raise AuthError("Only an admin may see this.", code="forbidden")
        # First, so that a socket that goes meanwhile is taken out again.
        self._sids.add(connected.sid)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send(), name="admin stats")
        return {"stats": await self._stats()}

    async def unwatch(self, connected: Connected, payload: Any) -> dict[str, Any]:
        """`admin:unwatch`: no more of them."""
        parse(payload or {}, Watch)
        self.leave(connected.sid)
        return {}

    def leave(self, sid: str) -> None:
        """A socket watches no more."""
        self._sids.discard(sid)
        if not self._sids and self._task is not None:
            self._task.cancel()
            self._task = None

    async def aclose(self) -> None:
        """Send no more."""
        self._sids.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _send(self) -> None:
        while self._sids:
            await asyncio.sleep(self._interval)
            try:
                stats = await self._stats()
            except CacheKitError as error:
                logger.warning("no view for the admins: %s", error)
            else:
                self._push(tuple(self._sids), "admin:stats", stats)

    async def _stats(self) -> dict[str, Any]:
        stats: dict[str, Any] = msgspec.to_builtins(await self._analytics.snapshot())
        return stats

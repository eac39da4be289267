"""Steps that are repeated in the background for as long as their owner lives."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from cachekit.errors import CacheClosed, CacheUnavailable

_RETRY: Final = 1.0
"""Seconds, at most, until a step that Redis was missing for is tried again."""

logger = logging.getLogger(__name__)


class Upkeep:
    """Owns the tasks. A step that fails is repeated, whatever the error was."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine that never ends by itself."""
        self._tasks.append(asyncio.create_task(work, name=f"cachekit sockets: {name}"))

    def repeat(
        self,
        name: str,
        step: Callable[[], Awaitable[object]],
        *,
        every: float,
        spread: float = 0.0,
        sooner: asyncio.Event | None = None,
    ) -> None:
        """Do `step` again and again, `every` so many seconds.

        `spread` is the part of that time by which a pause may be longer or shorter, so that instances do not
        act together; `sooner` ends a pause when it is set.
        """
        self.start(name, _repeat(name, step, every, spread, sooner or asyncio.Event()))

    async def stop(self) -> None:
        """Cancel everything, and wait for its end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()


async def _repeat(
    name: str, step: Callable[[], Awaitable[object]], every: float, spread: float, sooner: asyncio.Event
) -> None:
    away = False
    while True:
        pause = every * random.uniform(1 - spread, 1 + spread)  # noqa: S311 - spreads instances
        if away:
            # By time alone: what wants it sooner may be the very thing that fails.
            await asyncio.sleep(min(pause, _RETRY))
        else:
            await _passed(pause, sooner)
        try:
            await step()
        except CacheClosed:
            return
        except CacheUnavailable as error:
            if not away:
                logger.warning("%s: Redis is away, it will be tried again: %s", name, error)
            away = True
        except Exception:
            logger.exception("%s failed, it will be tried again", name)
            away = True
        else:
            away = False


async def _passed(seconds: float, sooner: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await sooner.wait()
    except TimeoutError:
        return

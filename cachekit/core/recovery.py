"""A task that tries one thing again and again until it succeeds, as the breaker allows."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Final

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from cachekit.core.breaker import Breaker, State
from cachekit.core.clock import SystemClock
from cachekit.core.refusal import unavailable

_log: Final = logging.getLogger("cachekit")

SOON: Final = 0.1
"""Seconds that a caller may wait for the next attempt to begin."""


class Recovery:
    """Owns the task and the breaker. The first attempt is made at once; callers may wait for it.

    After a failure callers should fail at once (`hopeless`) until an attempt has succeeded; or wait for the
    next one if that is `soon`.
    """

    def __init__(
        self,
        attempt: Callable[[], Awaitable[None]],
        *,
        on_failure: Callable[[Exception], None],
        name: str,
    ) -> None:
        """`attempt` must end by itself, in success or by raising; `on_failure` hears why."""
        self._attempt = attempt
        self._on_failure = on_failure
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._breaker = Breaker(SystemClock())
        self._task: asyncio.Task[None] | None = None
        self.error: Exception = RedisConnectionError("not connected")
        """Why the last attempt failed."""

    @property
    def hopeless(self) -> bool:
        """Whether the last attempt failed."""
        return self._breaker.state is not State.CLOSED

    @property
    def soon(self) -> bool:
        """Whether the next attempt is so near, and likely to be so quick, that a caller may wait for it.

        Then a server that is only restarted costs a moment and no error. One that does not answer at all
        would cost the whole timeout again.
        """
        quick = not isinstance(self.error, TimeoutError | RedisTimeoutError)
        return quick and self._breaker.state is State.OPEN and self._breaker.delay <= SOON

    def start(self) -> None:
        """Begin to try, unless that is being done."""
        if self._task is None:
            # What it opens goes on to run in its context: so not in that of whoever happened to ask first.
            self._task = self._loop.create_task(self._run(), name=self._name, context=Context())

    def failed(self, error: Exception) -> None:
        """What had succeeded has failed, and must not be tried again at once."""
        if not self.hopeless:
            # Once an outage: a namespace that bypasses Redis would else hide it for ever.
            _log.warning(
                "Redis is away, and will be tried again and again: %s", unavailable("connect", error)
            )
        self._breaker.failed()
        # Its traceback would keep every frame it came through alive.
        self.error = error.with_traceback(None)
        self._on_failure(error)

    def cancel(self) -> None:
        """Stop trying; `ended` waits for it."""
        if self._task is not None:
            self._task.cancel()

    async def ended(self) -> None:
        """Wait until no attempt is under way."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        breaker = self._breaker
        while True:
            while self.hopeless and not breaker.attempt():  # noqa: ASYNC110 - the breaker knows when
                await asyncio.sleep(breaker.delay)
            try:
                await self._attempt()
            except Exception as error:  # noqa: BLE001 - whatever it is, whoever waits must hear of it
                self.failed(error)
            else:
                if self.hopeless:
                    _log.info("Redis is back")
                breaker.succeeded()
                self._task = None
                return

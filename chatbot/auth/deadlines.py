"""A socket ends when its token does: one timer for all sockets of a process."""

import asyncio
import heapq
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cachekit.core.clock import Clock, SystemClock

logger = logging.getLogger(__name__)

WARNING: Final = 60.0
"""Seconds before its end at which a socket is told."""
MOST_SLEEP: Final = 15.0
"""Seconds until the clock is read again at the latest: it may be set, and a machine that was suspended goes
on counting a timer from where it was."""
BATCH: Final = 200
"""Callbacks in a row, so that thousands of sockets that end together let others in between."""

_MOST_STALE: Final = 1_024

Schedule = Callable[[float, Callable[[], None]], asyncio.TimerHandle]
"""Calls something in so many seconds, as `asyncio.AbstractEventLoop.call_later` does."""


@dataclass(frozen=True, slots=True)
class _Step:
    due: float
    expires_at: float


class Deadlines:
    """Calls `expiring(sid)` `warning` seconds before a socket's token ends and `expired(sid)` when it does.

    Who ends sooner than that after its first `set` is told at once. With a token that followed another,
    half of what was left passes first: else a client that answers the warning with tokens as short would be
    warned without end. A socket whose end was missed, since the machine slept, only gets `expired`.

    Both are called from the timer, never from within `set`; what they raise is logged. `expired` ends the
    matter: the socket is dropped before it is called. Times are epoch seconds.
    """

    def __init__(
        self,
        *,
        expiring: Callable[[str], None],
        expired: Callable[[str], None],
        warning: float = WARNING,
        clock: Clock | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        self._expiring = expiring
        self._expired = expired
        self._warning = warning
        self._clock = clock or SystemClock()
        self._schedule = schedule
        self._steps: dict[str, _Step] = {}
        self._heap: list[tuple[float, str]] = []
        """What is due when; an entry counts only if the socket's step is due at that very moment."""
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = 0.0
        self._closed = False

    def __len__(self) -> int:
        """How many sockets have an end to come."""
        return len(self._steps)

    def set(self, sid: str, expires_at: float) -> None:
        """A socket's token ends then; replaces what was set before."""
        if self._closed:
            return
        known = self._steps.get(sid)
        if known is not None and known.expires_at == expires_at:
            return
        now = self._clock.time()
        due = expires_at - self._warning
        if known is not None:
            due = max(due, now + (expires_at - now) / 2)
        self._plan(sid, _Step(due, expires_at))
        self._arm()

    def drop(self, sid: str) -> None:
        """Forget a socket; nothing is called for it any more."""
        self._steps.pop(sid, None)

    async def aclose(self) -> None:
        """Forget all sockets; nothing is called any more."""
        self._closed = True
        self._steps.clear()
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        """Call for what is due, some at a time, and see to it that the rest comes."""
        self._timer = None
        now = self._clock.time()
        for _ in range(BATCH):
            due = self._next()
            if due is None or due > now:
                break
            _, sid = heapq.heappop(self._heap)
            self._take_step(sid, now)
        self._arm()

    def _take_step(self, sid: str, now: float) -> None:
        expires_at = self._steps[sid].expires_at
        if now >= expires_at:
            del self._steps[sid]
            tell = self._expired
        else:
            self._plan(sid, _Step(expires_at, expires_at))
            tell = self._expiring
        try:
            tell(sid)
        except Exception:
            # One socket's trouble is no reason to let the others stay.
            logger.exception("a socket could not be told that its token ends")

    def _plan(self, sid: str, step: _Step) -> None:
        self._steps[sid] = step
        if len(self._heap) > 2 * len(self._steps) + _MOST_STALE:
            self._heap = [(each.due, name) for name, each in self._steps.items()]
            heapq.heapify(self._heap)
        else:
            heapq.heappush(self._heap, (step.due, sid))

    def _next(self) -> float | None:
        """When the next step is due; drops entries that were overtaken on the way."""
        while self._heap:
            due, sid = self._heap[0]
            step = self._steps.get(sid)
            if step is not None and step.due == due:
                return due
            heapq.heappop(self._heap)
        return None

    def _arm(self) -> None:
        due = self._next()
        if due is None or (self._timer is not None and self._armed_for <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = due
        delay = min(max(0.0, due - self._clock.time()), MOST_SLEEP)
        schedule = self._schedule or asyncio.get_running_loop().call_later
        self._timer = schedule(delay, self._ring)

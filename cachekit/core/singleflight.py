"""One load per key in this process: callers who ask for what is already being loaded wait for it.

The load runs in a task of its own that belongs to nobody: a caller who is cancelled leaves the others
their result, and the load is cancelled only when the last caller has left.
"""

import asyncio
import copy
from collections.abc import Awaitable, Callable, Hashable
from contextvars import Context, ContextVar, copy_context
from typing import Any, Generic, TypeVar

from cachekit.errors import CacheClosed, LoadCancelled, LoadCycle

T = TypeVar("T")

_flying: ContextVar[frozenset["Flight[Any]"]] = ContextVar("flying", default=frozenset())
"""The loads that the current task is part of, so that one that waits for itself is found out."""


class Flight(Generic[T]):
    """One load under way.

    `revoked` tells the load that its result may no longer be published. The load sets `publishing` once
    it has looked at `revoked` for the last time; from then on it is neither cancelled nor overtaken.
    """

    __slots__ = (
        *("awaits", "forced", "guarded", "key", "publishing", "revoked"),
        *("stamp", "tags", "takes_context", "task", "waiters"),
    )

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.revoked = False
        self.publishing = False
        self.waiters = 0
        self.awaits: list[Flight[Any]] = []
        """The loads that this one's factory waits for at the moment, and older ones of the same key, whose
        lease it may have to wait for."""
        self.stamp: tuple[str, int] | None = None
        """The position of the invalidation log when the factory was called; None before."""
        self.tags: tuple[str, ...] = ()
        self.guarded = True
        """Whether others are told if its key is deleted meanwhile: not if it loads without a lease."""
        self.forced = False
        """Whether it loads whatever lies under the key."""
        self.takes_context = False
        """Whether the factory can add to the tags."""
        self.task: asyncio.Task[T]


class SingleFlight(Generic[T]):
    """The loads under way, by key. Belongs to one event loop."""

    def __init__(self) -> None:
        # What a new caller may join; and all that still run, revoked and abandoned ones included.
        self._joinable: dict[Hashable, Flight[T]] = {}
        self._running: dict[Hashable, set[Flight[T]]] = {}
        self._closed = False

    def current(self, key: Hashable) -> Flight[T] | None:
        """The load of `key` that a new caller would join."""
        return self._joinable.get(key)

    def hide(self, flight: Flight[T]) -> None:
        """Let no new caller join `flight`; those who wait for it get its result."""
        if self._joinable.get(flight.key) is flight:
            del self._joinable[flight.key]

    async def run(self, key: Hashable, load: Callable[[Flight[T]], Awaitable[T]]) -> T:
        """The result of the load of `key`: the one under way, else a new one by `load`.

        Outcomes:
            case 1: the result, the same object for every caller.
            case 2: the load raised: every caller gets an exception object of its own.
            case 3: the caller is cancelled; if it was the last one, so is the load.
            case 4: LoadCycle, for a caller that is itself part of this load; CacheClosed, if `aclose` ended
                it; LoadCancelled, if the load raised CancelledError by itself.
        """
        if self._closed:
            raise CacheClosed("the cache is closed")
        waiting_in = _flying.get()
        # Also by one that is not joined any more: a new load would wait for its lease.
        if any(_leads_to(each, waiting_in) for each in self._running.get(key, ())):
            raise LoadCycle(f"the load of {key!r} asks, at some depth, for {key!r} itself")
        flight = self._joinable.get(key) or self._start(key, load)
        for outer in waiting_in:
            outer.awaits.append(flight)
        flight.waiters += 1
        try:
            # wait() does not cancel the task when this caller is cancelled.
            await asyncio.wait([flight.task])
        finally:
            flight.waiters -= 1
            for outer in waiting_in:
                outer.awaits.remove(flight)
            if flight.waiters == 0 and not flight.task.done() and not flight.publishing:
                # Also if its factory goes on in spite of the cancellation, it publishes nothing.
                flight.revoked = True
                self.hide(flight)
                flight.task.cancel()
        if flight.task.cancelled():
            if self._closed:
                raise CacheClosed("the cache was closed while the value was being loaded")
            raise LoadCancelled(f"the load of {key!r} cancelled itself")
        error = flight.task.exception()
        if error is None:
            return flight.task.result()
        raise (error if flight.waiters == 0 else duplicate(error))

    async def revoke(self, key: Hashable) -> None:
        """Make sure that no load of `key` begun before this call publishes after it.

        Callers already waiting still get the result; later callers start their own load. A load that is
        just publishing is waited for, so that what the caller does next comes after it.
        """
        publishing = []
        for flight in self._running.get(key, ()):
            flight.revoked = True
            self.hide(flight)
            if flight.publishing:
                publishing.append(flight.task)
        if publishing:
            await asyncio.wait(publishing)

    async def aclose(self) -> None:
        """Cancel all loads and wait until they have ended."""
        self._closed = True
        tasks = [flight.task for flights in self._running.values() for flight in flights]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, key: Hashable, load: Callable[[Flight[T]], Awaitable[T]]) -> Flight[T]:
        flight: Flight[T] = Flight(key)

        async def fly() -> T:
            _flying.set(_flying.get() | {flight})
            try:
                return await load(flight)
            finally:
                self.hide(flight)

        flight.awaits.extend(self._running.get(key, ()))
        # Registered first: a task may run at once, and end, while it is being created.
        self._joinable[key] = flight
        self._running.setdefault(key, set()).add(flight)
        flight.task = asyncio.create_task(fly(), name=f"cachekit load {key}")
        flight.task.add_done_callback(lambda task: self._ended(flight, task))
        return flight

    def _ended(self, flight: Flight[T], task: asyncio.Task[T]) -> None:
        flights = self._running[flight.key]
        flights.discard(flight)
        if not flights:
            del self._running[flight.key]
        if not task.cancelled():
            # Marks a failure as seen, so that a load nobody waits for any more ends without a warning.
            task.exception()


class Joint:
    """The loads that one task works for, when it is started by several."""

    def __init__(self) -> None:
        self._flights = frozenset[Flight[Any]]()

    def add_current(self) -> None:
        """Also for those that the current task is part of."""
        self._flights |= _flying.get()

    def context(self) -> Context:
        """A context for that task."""
        context = copy_context()
        context.run(_flying.set, self._flights)
        return context


def detached() -> Context:
    """A context for a task that nobody waits for, so that it is part of no load."""
    context = copy_context()
    context.run(_flying.set, frozenset())
    return context


def _leads_to(flight: Flight[Any], targets: frozenset[Flight[Any]]) -> bool:
    """Whether `flight` is one of `targets`, or waits, through whichever others, for one of them."""
    todo, seen = [flight], set[Flight[Any]]()
    while targets and todo:
        current = todo.pop()
        if current in targets:
            return True
        if current not in seen:
            seen.add(current)
            todo += current.awaits
    return False


def duplicate(error: BaseException) -> BaseException:
    """An exception like `error` for one more caller: its own object and traceback, the same cause."""
    kind = type(error)
    try:
        if hasattr(kind.__init__, "__code__"):
            # Made by somebody's own constructor, which might say everything twice.
            twin = kind.__new__(kind, *error.args)
            twin.args = error.args
            twin.__dict__.update(error.__dict__)
            if isinstance(error, OSError) and isinstance(twin, OSError) and error.errno is not None:
                # These stand beside the arguments; set to None they would show.
                twin.errno, twin.strerror, twin.filename = error.errno, error.strerror, error.filename
        else:
            twin = copy.copy(error)
    except Exception:  # noqa: BLE001 - it cannot be made from its args: shared it says what happened, all the same
        return error
    twin.__cause__, twin.__context__ = error.__cause__, error.__context__
    twin.__suppress_context__ = error.__suppress_context__
    return twin.with_traceback(None)

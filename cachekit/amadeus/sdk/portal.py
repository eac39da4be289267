"""An event loop in a thread of its own, for callers who have none: plain synchronous code, many threads."""

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import Awaitable, Callable
from concurrent import futures
from concurrent.futures import CancelledError, Future
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from cachekit.core.singleflight import duplicate
from cachekit.errors import CacheClosed

__all__ = ["Portal"]

T = TypeVar("T")
R = TypeVar("R")

HEARD_WITHIN: Final = 0.5
"""Seconds within which a caller who waits hears of a Ctrl-C at the latest."""


class Portal(Generic[T]):
    """Lets synchronous callers, in however many threads, use what lives in an event loop.

        with Portal(lambda: cachekit.connect("redis://localhost:6379")) as portal:
            portal.run(lambda cache: cache.health())

    The loop runs in a daemon thread, which starts with the first `run` or `with`, and ends with `close`, with
    the process, or when nobody holds the portal any more.

    A caller that stands in an event loop may use it too: nothing deadlocks, but his loop stands still
    meanwhile, as with every blocking call; `asyncio.to_thread` spares it that.

    After a fork the child opens what it needs anew, at its first `run`, and leaves its parent's alone. So a
    portal may be made before a server forks its workers; best is not to have used it by then.

    Args:
        open: makes the context manager that is entered in the loop, and left when the portal closes; called
            once in each process. It must not hold the portal, which else would never be collected.
    """

    def __init__(self, open: Callable[[], AbstractAsyncContextManager[T]]) -> None:  # noqa: A002
        self._open = open
        self._closed = False
        # By process. An entry is made by one atomic step and never removed: what a parent left open in a
        # child's memory must not be collected there, where its loop does not run.
        self._threads: dict[int, _LoopThread[T]] = {}
        weakref.finalize(self, _end, self._threads).atexit = False

    def __enter__(self) -> Self:
        """Start the loop; raises what opening raises."""
        self._here().start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def run(self, work: Callable[[T], Awaitable[R]]) -> R:
        """Wait for `work`, called in the loop with what is open there; its result.

        It runs in a copy of the caller's context variables. A caller who is interrupted cancels it.

        Raises:
            CacheClosed: the portal is closed, maybe while the caller waited.
            RuntimeError: the caller is in the portal's own loop, and would wait for himself.
            Exception: what opening or `work` raised.
        """
        return self._here().run(work)

    def close(self) -> None:
        """Leave what is open and end the thread, in this process. Callers who wait get CacheClosed.

        Safe to call more than once, and from any thread; only from the portal's own it does not wait.
        """
        thread = self._here()
        self._closed = True
        thread.close()

    def _here(self) -> "_LoopThread[T]":
        pid = os.getpid()
        thread = self._threads.get(pid)
        if thread is None:
            thread = _LoopThread(self._open)
            if self._closed:
                thread.stop()  # It was closed before the fork.
            thread = self._threads.setdefault(pid, thread)
        return thread


@dataclass(frozen=True, slots=True)
class _Opened(Generic[T]):
    loop: asyncio.AbstractEventLoop
    resource: T
    stop: asyncio.Event


class _LoopThread(Generic[T]):
    """The loop of one process, its thread, and what is open in it."""

    def __init__(self, open: Callable[[], AbstractAsyncContextManager[T]]) -> None:  # noqa: A002
        self.pid = os.getpid()
        self._open = open
        # Reentrant, since the garbage collector may call `stop` in whatever thread, at whatever point.
        self._lock = threading.RLock()
        self._closed = False
        self._ready: Future[_Opened[T]] | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> _Opened[T]:
        """What is open, opened by this call if it is the first; every caller gets an error of his own."""
        with self._lock:
            if self._closed:
                raise CacheClosed("the portal is closed")
            ready = self._ready
            if ready is None:
                ready = Future()
                thread = threading.Thread(
                    target=self._main, args=(ready,), name="cachekit-portal", daemon=True
                )
                thread.start()
                self._ready, self._thread = ready, thread
                _RUNNING.add(self)
        try:
            return ready.result()
        except Exception as error:  # noqa: BLE001 - whatever opening raised, for each who waited
            raise duplicate(error) from error.__cause__

    def run(self, work: Callable[[T], Awaitable[R]]) -> R:
        if threading.current_thread() is self._thread:
            raise RuntimeError("a portal cannot be waited for in its own event loop; await the work itself")
        opened = self.start()

        async def call() -> R:
            return await work(opened.resource)

        future: Future[R] | None = None
        try:
            with self._lock:
                # Under the lock the loop hears of the call before it is told to stop, or not at all.
                if self._closed:
                    raise CacheClosed("the portal is closed")
                future = asyncio.run_coroutine_threadsafe(call(), opened.loop)
            # In steps: a Ctrl-C that another thread caught, or that came a moment too early, wakes no wait.
            while not futures.wait((future,), timeout=HEARD_WITHIN).done:
                pass
            return future.result()
        except CancelledError as error:
            if self._closed:
                raise CacheClosed("the portal was closed while its caller waited") from error
            raise
        finally:
            if future is not None:
                future.cancel()  # Does nothing unless the caller was interrupted.

    def stop(self) -> None:
        """Let the thread end, without waiting for that."""
        with self._lock:
            self._closed = True
            ready = self._ready
        if ready is not None:
            ready.add_done_callback(_tell_to_stop)

    def close(self) -> None:
        self.stop()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _main(self, ready: "Future[_Opened[T]]") -> None:
        try:
            asyncio.run(self._serve(ready))
        finally:
            with self._lock:  # Not before `start` has added it.
                _RUNNING.discard(self)

    async def _serve(self, ready: "Future[_Opened[T]]") -> None:
        stop = asyncio.Event()
        try:
            async with self._open() as resource:
                ready.set_result(_Opened(asyncio.get_running_loop(), resource, stop))
                await stop.wait()
        except BaseException as error:
            if ready.done():
                raise
            with self._lock:
                self._ready = None  # The next call tries again.
            ready.set_exception(error)


_RUNNING: Final[set[_LoopThread[Any]]] = set()


def _tell_to_stop(ready: "Future[_Opened[Any]]") -> None:
    if ready.exception() is None:
        opened = ready.result()
        with suppress(RuntimeError):  # The loop has ended already.
            opened.loop.call_soon_threadsafe(opened.stop.set)


def _end(threads: dict[int, _LoopThread[Any]]) -> None:
    """Nobody holds the portal any more. Not waited for: the collector runs under whatever lock is held."""
    if (thread := threads.get(os.getpid())) is not None:
        thread.stop()


@atexit.register
def _close_all() -> None:
    """Close connections in order before the interpreter stops daemon threads where they stand."""
    for thread in list(_RUNNING):
        if thread.pid == os.getpid():
            thread.close()

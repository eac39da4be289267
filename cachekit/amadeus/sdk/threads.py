"""Threads for calls that block, and for which a process that ends does not wait."""

import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

__all__ = ["DaemonThreads"]

P = ParamSpec("P")
T = TypeVar("T")

_Job = tuple["Future[Any]", Callable[[], Any]]
_Jobs = SimpleQueue[_Job | None]


class DaemonThreads(Executor):
    """As a ThreadPoolExecutor, but of daemon threads.

    Python joins the pool's threads before it ends, so that after Ctrl-C a process would hang for as long as
    a call to a silent service does.

    A thread is started when a call finds none idle, at most `most` of them. They end after `shutdown`, or
    when nobody holds this any more.
    """

    def __init__(self, most: int, *, name: str) -> None:
        self._most = most
        self._name = name
        self._lock = threading.Lock()
        self._jobs: _Jobs = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._started = 0
        self._closed = False
        weakref.finalize(self, self._jobs.put, None).atexit = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """The future result of a call that begins as soon as a thread is free for it.

        Raises RuntimeError: `shutdown` was called, or no thread can be started.
        """
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("these threads take no more calls")
            if not self._idle.acquire(blocking=False) and self._started < self._most:
                number, jobs = self._started, (self._jobs, self._idle)
                threading.Thread(target=_work, args=jobs, name=f"{self._name}_{number}", daemon=True).start()
                self._started += 1
            self._jobs.put((future, lambda: fn(*args, **kwargs)))
        return future

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Take no more calls. Those under way are never waited for, whatever `wait` says."""
        with self._lock:
            self._closed = True
            if cancel_futures:
                with suppress(Empty):
                    while True:
                        if (job := self._jobs.get_nowait()) is not None:
                            job[0].cancel()
            self._jobs.put(None)


def _work(jobs: _Jobs, idle: threading.Semaphore) -> None:
    while (job := jobs.get()) is not None:
        _do(*job)
        del job  # Not held while waiting for the next.
        idle.release()
    jobs.put(None)  # For the next thread.


def _do(future: "Future[Any]", call: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - it is the waiting caller's
        future.set_exception(error)
    else:
        future.set_result(result)

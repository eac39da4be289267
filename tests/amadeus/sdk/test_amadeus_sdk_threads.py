"""Threads for blocking calls: how many, and how they end."""

import gc
import subprocess
import sys
import threading
import weakref
from concurrent.futures import wait

import pytest

from cachekit.amadeus.sdk.threads import DaemonThreads


@pytest.fixture
def threads():
    opened = DaemonThreads(2, name="test-threads")
    yield opened
    opened.shutdown(cancel_futures=True)


def own_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("test-threads")]


def test_results_and_errors_come_back(threads):
    """Those of the call, with its arguments."""
    assert threads.submit(int, "11", base=2).result() == 3
    assert isinstance(threads.submit(int, "x").exception(), ValueError)


def test_no_more_calls_run_at_once_than_there_are_threads(threads):
    """A third one begins when one of two has ended."""
    running, may_end = threading.Semaphore(0), threading.Semaphore(0)

    def call():
        running.release()
        may_end.acquire()

    calls = [threads.submit(call) for _ in range(3)]
    running.acquire()
    running.acquire()
    assert [call.running() for call in calls] == [True, True, False]
    may_end.release()
    running.acquire()
    may_end.release(2)
    wait(calls)
    assert len(own_threads()) == 2


def test_a_thread_is_used_again(threads):
    """Calls one after the other need one."""
    used = set()
    for _ in range(5):
        threads.submit(lambda: used.add(threading.get_ident())).result()
        idle = threads._idle
        assert idle.acquire(timeout=10)
        idle.release()
    assert len(used) == 1


def test_closing_ends_the_threads_and_refuses_the_calls_that_wait(threads):
    """Those under way go on to their end."""
    running, may_end = threading.Semaphore(0), threading.Event()
    under_way = [threads.submit(lambda: (running.release(), may_end.wait())) for _ in range(2)]
    running.acquire()
    running.acquire()
    waiting = threads.submit(int)
    threads.shutdown(cancel_futures=True)
    assert waiting.cancelled()
    with pytest.raises(RuntimeError, match="no more calls"):
        threads.submit(int)
    may_end.set()
    assert all(call.result() for call in under_way)
    for thread in own_threads():
        thread.join(10)
    assert own_threads() == []


def test_threads_end_when_nobody_holds_them():
    """Though nobody closed them."""
    dropped = DaemonThreads(2, name="test-threads")
    dropped.submit(int).result()
    (thread,) = own_threads()
    gone = weakref.ref(dropped)
    del dropped
    gc.collect()
    assert gone() is None
    thread.join(10)
    assert not thread.is_alive()


HANGING = """
import threading
from cachekit.amadeus.sdk.threads import DaemonThreads
threads, began = DaemonThreads(1, name="x"), threading.Event()
threads.submit(lambda: (began.set(), threading.Event().wait()))
began.wait()
"""


def test_a_process_ends_without_waiting_for_a_call():
    """Even for one that never would end."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", HANGING], check=False, capture_output=True, timeout=60
    )
    assert (run.returncode, run.stderr) == (0, b"")

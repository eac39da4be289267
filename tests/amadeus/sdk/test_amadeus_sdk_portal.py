"""A loop in a thread: who may call it, when it opens, and how it ends."""

import asyncio
import contextvars
import gc
import signal
import subprocess
import sys
import threading
import weakref
from contextlib import asynccontextmanager

import pytest
from support.blocking import in_threads

import cachekit
from cachekit.amadeus.sdk.portal import Portal

KIND = contextvars.ContextVar("kind", default="none")


class Room:
    """What a portal opens in these tests; counts."""

    def __init__(self):
        self.opened = self.closed = 0
        self.error = None
        self.threads = set()

    @asynccontextmanager
    async def open(self):
        self.opened += 1
        if self.error:
            raise self.error
        try:
            yield self
        finally:
            self.closed += 1

    async def thread(self):
        await asyncio.sleep(0)
        self.threads.add(threading.get_ident())
        return threading.get_ident()


@pytest.fixture
def room():
    return Room()


@pytest.fixture
def portal(room):
    with Portal(room.open) as opened:
        yield opened


def portal_threads():
    return [thread for thread in threading.enumerate() if thread.name == "cachekit-portal"]


def test_nothing_is_opened_before_the_first_call(room):
    """A portal may be made where modules are imported."""
    portal = Portal(room.open)
    assert (room.opened, portal_threads()) == (0, [])
    portal.close()
    assert room.opened == 0


def test_all_threads_share_one_loop(room):
    """Thirty first callers at once open one room, in one thread that is none of theirs."""
    with Portal(room.open) as portal:
        seen = in_threads([lambda: portal.run(Room.thread)] * 30)
    assert len(set(seen)) == 1
    assert (room.opened, room.closed) == (1, 1)
    assert threading.get_ident() not in seen


def test_results_and_errors_come_back(portal):
    """What the work returns or raises is the caller's."""

    async def fail(_):
        raise LookupError("no such thing")

    assert portal.run(lambda room: asyncio.sleep(0, room.opened)) == 1
    with pytest.raises(LookupError, match="no such thing"):
        portal.run(fail)


def test_work_sees_the_callers_context(portal):
    """Spans and other context variables go along."""

    async def look(_):
        return KIND.get()

    KIND.set("mine")
    assert portal.run(look) == "mine"


def test_a_call_from_the_portals_own_loop_is_refused(portal):
    """It would wait for itself."""

    async def nested(_):
        portal.run(Room.thread)

    with pytest.raises(RuntimeError, match="its own event loop"):
        portal.run(nested)


async def test_a_call_from_another_loop_does_not_deadlock(portal):
    """That loop stands still meanwhile, or is spared by a thread."""
    assert portal.run(Room.thread) == await asyncio.to_thread(portal.run, Room.thread)


def test_what_opening_raises_is_each_callers_own_error_and_not_the_end(room):
    """The next call tries again."""
    room.error = cachekit.ConfigurationError("no such server")
    portal = Portal(room.open)
    errors = in_threads([lambda: portal.run(Room.thread)] * 5)
    assert {type(error) for error in errors} == {cachekit.ConfigurationError}
    assert len({id(error) for error in errors}) == 5
    room.error = None
    assert portal.run(Room.thread)
    portal.close()


def test_after_closing_a_call_is_refused(room):
    """Closing twice is once; a portal that never opened closes, too."""
    portal = Portal(room.open)
    portal.run(Room.thread)
    portal.close()
    portal.close()
    assert room.closed == 1
    assert portal_threads() == []
    with pytest.raises(cachekit.CacheClosed):
        portal.run(Room.thread)


def test_closing_ends_those_who_wait(room):
    """They get CacheClosed, and the room is left only then."""
    portal, waiting = Portal(room.open), threading.Event()

    async def wait(_):
        waiting.set()
        await asyncio.Event().wait()

    results = []

    def call():
        try:
            portal.run(wait)
        except cachekit.CacheClosed as error:
            results.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    waiting.wait()
    portal.close()
    caller.join()
    assert len(results) == room.closed == 1


@pytest.fixture
def interruptible():
    """Ctrl-C is heard also where a shell runs the tests in the background, which ignores it there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupted_caller_cancels_the_work(portal, interruptible):
    """Ctrl-C leaves nothing running that nobody waits for."""
    cancelled, caller = threading.Event(), threading.main_thread().ident

    async def wait(_):
        while sys._current_frames()[caller].f_code.co_name != "wait":
            await asyncio.sleep(0)
        signal.pthread_kill(
            threading.get_ident(), signal.SIGINT
        )  # This thread, as may happen, not the caller's.
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(KeyboardInterrupt):
        portal.run(wait)
    assert cancelled.wait(10)


def test_the_thread_ends_when_nobody_holds_the_portal(room):
    """A portal that is dropped is closed by the collector."""
    portal = Portal(room.open)
    portal.run(Room.thread)
    (thread,) = portal_threads()
    gone = weakref.ref(portal)
    del portal
    gc.collect()
    assert gone() is None
    thread.join(10)
    assert room.closed == 1


LEFT_OPEN = """
import asyncio
from contextlib import asynccontextmanager
from cachekit.amadeus.sdk.portal import Portal

@asynccontextmanager
async def room():
    try:
        yield "open"
    finally:
        await asyncio.sleep(0)
        print("left", flush=True)

portal = Portal(room)
print(portal.run(lambda room: asyncio.sleep(0, room)))
"""

FORK = """
import asyncio, os, sys
from contextlib import asynccontextmanager
from cachekit.amadeus.sdk.portal import Portal
from cachekit.errors import CacheClosed

@asynccontextmanager
async def room():
    try:
        yield os.getpid()
    finally:
        print("left in the", "child" if os.getpid() != parent else "parent", flush=True)

def who():
    return portal.run(lambda pid: asyncio.sleep(0, pid))

parent = os.getpid()
portal, closed = Portal(room), Portal(room)
closed.close()
assert who() == parent
child = os.fork()
if child == 0:
    assert who() == os.getpid() != parent
    try:
        closed.run(lambda pid: asyncio.sleep(0, pid))
    except CacheClosed:
        sys.exit(0)
    sys.exit(1)
assert os.waitpid(child, 0)[1] == 0
assert who() == parent
"""


def python(code):
    # From Python 3.12 on, a fork beside threads is warned of; that it works is what is tested.
    options = ["-W", "error", "-W", "ignore::DeprecationWarning", "-c", code]
    run = subprocess.run([sys.executable, *options], check=False, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout.splitlines()


def test_at_the_end_of_the_process_what_is_open_is_left_in_order():
    """Nobody has to remember to close."""
    assert python(LEFT_OPEN) == ["open", "left"]


def test_after_a_fork_the_child_opens_its_own():
    """Each process leaves what it has opened, and only that; what was closed stays closed."""
    assert python(FORK) == ["left in the child", "left in the parent"]

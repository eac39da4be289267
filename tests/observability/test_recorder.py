"""The recorder writes what it hears, in order, bounded, and never in the event loop's way."""

import asyncio
import errno
import stat
import threading

import msgspec
import pytest

from cachekit.core.events import Hit, Miss
from cachekit.errors import ConfigurationError
from cachekit.observability.recorder import TraceRecorder
from cachekit.observability.trace import read_trace


@pytest.fixture
def path(tmp_path):
    return tmp_path / "prices.trace"


class Disk:
    """A file whose writes can be held back and made to fail."""

    def __init__(self, file):
        self.file = file
        self.gate = threading.Event()
        self.gate.set()
        self.error = None
        self.threads = set()

    def write(self, data):
        self.threads.add(threading.current_thread().name)
        self.gate.wait(30)
        if self.error is not None:
            raise self.error
        return self.file.write(data)

    def flush(self):
        self.file.flush()

    def close(self):
        self.file.close()


def disk_of(recorder):
    recorder._file = Disk(recorder._file)
    return recorder._file


async def test_every_event_becomes_a_line_in_order(path, facts, clock):
    """With the time it was heard at."""
    async with TraceRecorder(path, keys="plain", clock=clock) as recorder:
        for fact in facts:
            recorder.observe(fact)
            clock.advance(0.5)
    lines = list(read_trace(path))
    assert [line.time for line in lines] == [1_795_000_000.0 + 0.5 * place for place in range(len(facts))]
    assert [line.event for line in lines][:4] == ["hit", "hit", "miss", "loaded"]
    assert lines[0].key == facts[0].key
    assert recorder.dropped == 0


async def test_the_first_line_tells_the_format(path):
    """Whoever finds the file knows what it is."""
    async with TraceRecorder(path):
        pass
    assert msgspec.json.decode(path.read_bytes()) == {
        "format": "cachekit-trace",
        "version": 1,
        "keys": "hashed",
    }


async def test_keys_tags_and_patterns_are_digests_by_default(path, facts):
    """Equal keys have equal digests, and nothing that users typed is in the file."""
    async with TraceRecorder(path) as recorder:
        for fact in facts:
            recorder.observe(fact)
    assert b"user-typed" not in path.read_bytes()
    keys = {line.key for line in read_trace(path) if line.key is not None}
    assert [len(key) for key in keys] == [32]


async def digest(path, **options):
    async with TraceRecorder(path, **options) as recorder:
        recorder.observe(Miss("prices", "prices:a"))
    (line,) = read_trace(path)
    return line.key


async def test_digests_compare_only_under_the_same_secret(tmp_path):
    """By default each recorder has its own, so that a guessed key cannot be looked up."""
    shared = {"secret": b"sixteen bytes or"}
    assert await digest(tmp_path / "a", **shared) == await digest(tmp_path / "b", **shared)
    assert await digest(tmp_path / "c") != await digest(tmp_path / "d")


async def test_a_full_buffer_drops_and_says_where(path):
    """Memory is bounded, and whoever reads the trace sees the gap."""
    async with TraceRecorder(path, buffer=2) as recorder:
        for _ in range(5):
            recorder.observe(Miss("prices", "prices:a"))
        assert recorder.dropped == 3
        await recorder.flush()
        recorder.observe(Miss("prices", "prices:a"))
    lines = list(read_trace(path))
    assert [line.event for line in lines] == ["miss", "miss", "dropped", "miss"]
    assert lines[2].count == 3


async def test_a_slow_disk_does_not_hold_the_loop_or_the_memory(path):
    """While a batch is being written, one buffer more is kept; the writing is a thread's."""
    async with TraceRecorder(path, buffer=2) as recorder:
        disk = disk_of(recorder)
        disk.gate.clear()
        recorder.observe(Miss("prices", "prices:a"))
        writing = asyncio.create_task(recorder.flush())
        while not disk.threads:
            await asyncio.sleep(0)
        for _ in range(5):
            recorder.observe(Miss("prices", "prices:a"))
        assert recorder.dropped == 3
        disk.gate.set()
        await writing
    assert disk.threads == {"cachekit trace_0"}
    assert [line.event for line in read_trace(path)] == ["miss", "miss", "miss", "dropped"]


async def test_half_a_buffer_is_written_without_being_asked(path):
    """It does not wait for the clock."""
    async with TraceRecorder(path, buffer=4, flush_every=3600) as recorder:
        recorder.observe(Miss("prices", "prices:a"))
        recorder.observe(Miss("prices", "prices:a"))
        recorder.observe(Miss("prices", "prices:a"))
        while not list(read_trace(path)):
            await asyncio.sleep(0.001)


async def test_a_few_events_are_written_after_a_while(path):
    """A quiet cache's trace is not kept back until the end."""
    async with TraceRecorder(path, flush_every=0.001) as recorder:
        recorder.observe(Miss("prices", "prices:a"))
        while not list(read_trace(path)):
            await asyncio.sleep(0.001)


async def test_outside_its_block_the_recorder_only_counts(path):
    """`observe` never raises."""
    recorder = TraceRecorder(path)
    recorder.observe(Miss("prices", "prices:a"))
    async with recorder:
        pass
    recorder.observe(Miss("prices", "prices:a"))
    assert recorder.dropped == 2
    assert [line.event for line in read_trace(path)] == ["dropped"]


async def record_on_a_full_disk(recorder, error=None):
    async with recorder:
        disk_of(recorder).error = OSError(errno.ENOSPC, "No space left on device")
        recorder.observe(Miss("prices", "prices:a"))
        await recorder.flush()
        recorder.observe(Miss("prices", "prices:a"))
        if error is not None:
            raise error


async def test_a_full_disk_ends_the_recording_and_is_raised_at_the_end(path):
    """The cache goes on; what was not written is counted."""
    recorder = TraceRecorder(path)
    with pytest.raises(OSError, match="No space left"):
        await record_on_a_full_disk(recorder)
    assert recorder.dropped == 2


async def test_a_full_disk_does_not_hide_another_error(path):
    """What the block raised goes on its way."""
    with pytest.raises(ZeroDivisionError):
        await record_on_a_full_disk(TraceRecorder(path), ZeroDivisionError())


async def test_a_cancelled_block_still_writes_what_it_heard(path):
    """Nothing is left open, either."""
    recorder = TraceRecorder(path)
    entered = asyncio.Event()

    async def record():
        async with recorder:
            recorder.observe(Hit("prices", "prices:a", "fresh", "near", 1.0))
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(record())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [line.event for line in read_trace(path)] == ["hit"]
    assert recorder._file.closed


async def test_a_file_that_exists_is_never_written_to(path):
    """A trace has one header and one recorder."""
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        async with TraceRecorder(path):
            pass
    assert path.read_bytes() == b"precious"


async def test_a_trace_is_readable_by_its_owner_alone(path):
    """With plain keys it holds what users typed."""
    async with TraceRecorder(path):
        pass
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("options", "allowed"),
    [
        ({"keys": "secret"}, "'hashed' and 'plain'"),
        ({"secret": b"short"}, "16 to 64"),
        ({"secret": b"x" * 65}, "16 to 64"),
        ({"buffer": 0}, "1 or more events"),
        ({"flush_every": 0}, "more than 0 seconds"),
    ],
)
def test_options_that_cannot_work_are_refused(path, options, allowed):
    """The text says what is allowed, and never the secret."""
    with pytest.raises(ConfigurationError, match=allowed) as caught:
        TraceRecorder(path, **options)
    assert "short" not in str(caught.value)

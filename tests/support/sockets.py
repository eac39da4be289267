"""What the tests of the socket store share: counted round trips, a child that beats."""

import asyncio
import sys
from contextlib import asynccontextmanager

import cachekit

_DEADLINE = 20.0

CHILD = """
import asyncio, sys
import cachekit
from cachekit.socket_auth import SocketAuthRepository, SocketKeeper

async def main(url, instance, heartbeat, count):
    async with cachekit.connect(url) as cache:
        repository = SocketAuthRepository(cache, instance=instance, heartbeat=float(heartbeat))
        async with SocketKeeper(repository, beat_every=float(heartbeat) / 5, touch_every=0.1) as keeper:
            for number in range(int(count)):
                await keeper.add(f"{instance}-{number}", "ana")
            print("ready", flush=True)
            await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


@asynccontextmanager
async def child(url, instance, *, heartbeat, count):
    """A process that holds so many sockets of the user "ana"; killed at the end, if it still lives."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CHILD, url, instance, str(heartbeat), str(count)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def eventually(holds, what):
    """Wait until `holds`, an async condition; while Redis is away it does not. TimeoutError after 20 s."""
    try:
        async with asyncio.timeout(_DEADLINE):
            while not await _holds(holds):
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise TimeoutError(f"waited {_DEADLINE:.0f} s until {what}") from None


async def _holds(holds):
    try:
        return await holds()
    except cachekit.CacheUnavailable:
        return False


async def keys(cache):
    """Every key of every server, sorted."""
    return sorted([key.decode() async for batch in cache.store.scan("*") for key in batch])


class Gate:
    """Stands before a store: what is sent waits, and goes on in waves. A wave is a round trip."""

    def __init__(self, store, monkeypatch):
        self._waiting = []
        self.closed = False
        for name in ("execute", "pipeline", "get", "get_many"):
            monkeypatch.setattr(store, name, self._guarded(getattr(store, name)))

    def _guarded(self, send):
        async def guarded(*arguments):
            if self.closed and arguments[0]:  # a pipeline of nothing is not sent
                passed = asyncio.get_running_loop().create_future()
                self._waiting.append(passed)
                await passed
            return await send(*arguments)

        return guarded

    async def halted(self):
        """Until something waits here."""
        async with asyncio.timeout(_DEADLINE):
            while not self._waiting:
                await asyncio.sleep(0.001)
        for _ in range(10):  # whatever is sent in the same moment
            await asyncio.sleep(0)

    def release(self):
        """Let pass what waits."""
        waiting, self._waiting = self._waiting, []
        for passed in waiting:
            passed.set_result(None)

    async def round_trips(self, work):
        """How many round trips that work takes."""
        self.closed, waves = True, 0
        task = asyncio.ensure_future(work)
        while True:
            halted = asyncio.ensure_future(self.halted())
            await asyncio.wait([task, halted], return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                halted.cancel()
                self.closed = False
                task.result()
                return waves
            waves += 1
            self.release()

"""Writes a trace while the cache works, and never lets the event loop wait for the disk."""

import asyncio
import contextlib
import hashlib
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import BinaryIO, Literal, Self

import msgspec

from cachekit.core.clock import Clock, SystemClock
from cachekit.core.events import Event
from cachekit.errors import ConfigurationError
from cachekit.observability.trace import TraceHeader, TraceLine

_LEAST_SECRET, _MOST_SECRET = 16, 64
"""Bytes; more than 64 BLAKE2b does not take (RFC 7693)."""


class TraceRecorder:
    """An Observer that writes each event as a line of a trace; owned by an `async with`.

        async with TraceRecorder("prices.trace") as trace, connect(url, observers=[trace]) as cache: ...

    `observe` only appends to a list: lines are made and written by a thread. If the disk cannot keep up,
    events are dropped and counted, and the trace says where.

    Args:
        path: a new file, readable by its owner alone. One that exists is never written to: a trace has one
            header and one recorder.
        keys: "hashed" writes a digest of 128 bits (BLAKE2b, RFC 7693) instead of each key, tag and pattern,
            since they may hold what users typed; "plain" writes them as they are.
        secret: keys the digests, 16 to 64 bytes. By default random, so that nobody can tell a key by hashing
            guesses; give one to compare the traces of several processes.
        buffer: at most so many events wait to be written, and as many again are being written.
        flush_every: seconds after which what waits is written; sooner if half the buffer is full.

    Raises ConfigurationError for an option that cannot work, and on entry OSError if the file cannot be
    created. If it cannot be written later, recording ends, the rest counts as dropped, and the end of the
    `async with` raises the OSError, unless another error is on its way.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        keys: Literal["hashed", "plain"] = "hashed",
        secret: bytes | None = None,
        buffer: int = 10_000,
        flush_every: float = 1.0,
        clock: Clock | None = None,
    ) -> None:
        if keys not in ("hashed", "plain"):
            raise ConfigurationError(f"TraceRecorder(keys={keys!r}): allowed are 'hashed' and 'plain'")
        if secret is not None and not _LEAST_SECRET <= len(secret) <= _MOST_SECRET:
            raise ConfigurationError(f"TraceRecorder(secret=…) of {len(secret)} bytes: allowed are 16 to 64")
        if buffer < 1 or flush_every <= 0:
            raise ConfigurationError(
                f"TraceRecorder(buffer={buffer!r}, flush_every={flush_every!r}): "
                "allowed are 1 or more events, and more than 0 seconds"
            )
        self._path = path
        self._keys: Literal["hashed", "plain"] = keys
        self._secret = secret or secrets.token_bytes(32)
        self._limit = buffer
        self._flush_every = flush_every
        self._clock = clock or SystemClock()
        self._buffer: list[tuple[float, Event]] = []
        self._half_full = asyncio.Event()
        self._open = False
        # One thread, so that batches are written in order and the last job is the last.
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="cachekit trace")
        self._encoder = msgspec.json.Encoder()
        self._refused = 0
        self._gap = 0
        # Written by the thread alone.
        self._lost = 0
        self._error: OSError | None = None

    @property
    def dropped(self) -> int:
        """How many events were not written."""
        return self._refused + self._lost

    def observe(self, event: Event) -> None:
        """Keep `event` to be written, or count it as dropped."""
        waiting = len(self._buffer)
        if not self._open or waiting >= self._limit:
            self._refused += 1
            self._gap += 1
            return
        self._buffer.append((self._clock.time(), event))
        if waiting >= self._limit // 2:
            self._half_full.set()

    async def flush(self) -> None:
        """Hand what waits to the operating system."""
        if not self._buffer and not self._gap:
            return
        # Shielded: a job that was cancelled before its turn would lose its batch.
        loop = asyncio.get_running_loop()
        await asyncio.shield(loop.run_in_executor(self._disk, self._write, self._take()))

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        try:
            self._file = await loop.run_in_executor(self._disk, self._create)
        except BaseException:
            self._disk.shutdown(wait=False)
            raise
        self._open = True
        self._writer = asyncio.create_task(self._write_behind(), name="cachekit trace")
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        self._half_full.set()
        try:
            await self._writer
        finally:
            # Submitted before anything is awaited, so that a cancellation cannot leave the file open.
            last = self._disk.submit(self._finish, self._take())
            self._disk.shutdown(wait=False)
            await asyncio.shield(asyncio.wrap_future(last))
        if self._error is not None and error is None:
            raise self._error

    async def _write_behind(self) -> None:
        while self._open:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._flush_every):
                    await self._half_full.wait()
            self._half_full.clear()
            await self.flush()

    def _take(self) -> list[tuple[float, Event | int]]:
        """What waits; at its end, how many events were dropped after it, if any were."""
        batch: list[tuple[float, Event | int]] = [*self._buffer]
        if self._gap:
            batch.append((self._clock.time(), self._gap))
        self._buffer, self._gap = [], 0
        return batch

    def _create(self) -> BinaryIO:
        file = open(self._path, "xb", opener=_private)  # noqa: SIM115 - closed by _finish
        header = TraceHeader(format="cachekit-trace", version=1, keys=self._keys)
        file.write(self._encoder.encode(header) + b"\n")
        return file

    def _write(self, batch: list[tuple[float, Event | int]]) -> None:
        if self._error is None:
            try:
                self._file.write(self._encoder.encode_lines([self._line(at, event) for at, event in batch]))
                self._file.flush()
            except OSError as error:
                self._error = error
            else:
                return
        self._lost += sum(not isinstance(event, int) for _, event in batch)

    def _finish(self, batch: list[tuple[float, Event | int]]) -> None:
        self._write(batch)
        try:
            self._file.close()
        except OSError as error:
            self._error = self._error or error

    def _line(self, at: float, event: Event | int) -> TraceLine:
        time = round(at, 6)
        if isinstance(event, int):
            return TraceLine(time=time, namespace="", event="dropped", count=event)
        return TraceLine.of(event, time=time, digest=self._digest if self._keys == "hashed" else None)

    def _digest(self, text: str) -> str:
        return hashlib.blake2b(text.encode(), key=self._secret, digest_size=16).hexdigest()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

"""A factory that counts its calls and does as it is told."""

import asyncio
from collections.abc import Callable
from typing import Any

_DEADLINE = 10.0


class Loader:
    """A factory for `get_or_set` and its like, for tests: it gives `value`, fails, or hangs.

        loader = Loader("v1")
        loader.hold()
        task = asyncio.create_task(flights.get_or_set(key, loader))
        await loader.started()
        await flights.delete(key)
        loader.release()
        assert await task == "v1"
        assert loader.calls == 1

    A call takes its outcome as it begins, as a slow upstream reads before it answers: what is set while
    it hangs is for the calls after it.
    """

    def __init__(self, value: Any = None) -> None:
        self.value = value
        """What the calls from now on give."""
        self.error: BaseException | None = None
        """What the calls from now on raise; None: nothing."""
        self.calls = 0
        """How many calls have begun."""
        self.done = 0
        """How many calls have ended, in whatever way."""
        self.cancelled = 0
        """How many calls were cancelled while they hung."""
        self._gate = asyncio.Event()
        self._gate.set()
        self._changed = asyncio.Event()

    async def __call__(self) -> Any:
        """One load."""
        value, error = self.value, self.error
        self.calls += 1
        self._tell()
        try:
            await self._gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.done += 1
            self._tell()
        if error is not None:
            raise error
        return value

    def fail(self, error: BaseException | None = None) -> None:
        """Let the calls from now on raise `error`, by default a RuntimeError; `succeed` ends it."""
        self.error = RuntimeError("the loader was told to fail") if error is None else error

    def succeed(self, value: Any) -> None:
        """Let the calls from now on give `value`."""
        self.value, self.error = value, None

    def hold(self) -> None:
        """Let calls hang until `release`."""
        self._gate.clear()

    def release(self) -> None:
        """Let the calls that hang go on, and those to come not hang."""
        self._gate.set()

    async def started(self, calls: int = 1) -> None:
        """Wait until so many calls have begun; raises TimeoutError after 10 seconds."""
        await self._until(lambda: self.calls, calls, "began")

    async def finished(self, calls: int = 1) -> None:
        """Wait until so many calls have ended; raises TimeoutError after 10 seconds."""
        await self._until(lambda: self.done, calls, "ended")

    async def _until(self, count: Callable[[], int], wanted: int, what: str) -> None:
        try:
            async with asyncio.timeout(_DEADLINE):
                while count() < wanted:
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(f"{count()} of {wanted} calls {what} within {_DEADLINE:.0f} s") from None

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

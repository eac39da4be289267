"""Many keys, one call of the factory.

Each key is looked for and leased by itself, so that callers of single keys and other processes coalesce
with it; those whose lease is granted meet in a Batch.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from cachekit.core.context import require_awaitable
from cachekit.core.singleflight import Joint, duplicate
from cachekit.errors import ConfigurationError

BatchFactory = Callable[[Sequence[str]], Awaitable[Mapping[str, Any]]]
"""Gets the keys that are to be loaded, and gives the values of those that exist."""


class NoValue(Exception):
    """The factory gave no value for a key; ends that key's load, and reaches no caller."""


class Batch:
    """Calls the factory once all keys have either come here or turned out to be on their way otherwise.

    A key that comes later, because the process that was loading it died, is loaded in a call of its own.
    """

    def __init__(self, factory: BatchFactory, keys: Iterable[str]) -> None:
        self._factory = factory
        self._expected = set(keys)
        self._wanted: dict[str, asyncio.Future[Any]] = {}
        self._joint = Joint()
        self._calls: set[asyncio.Task[None]] = set()

    async def load(self, key: str) -> Any:
        """The value of `key` out of the common call; raises NoValue if it gave none."""
        future = self._wanted[key] = asyncio.get_running_loop().create_future()
        self._joint.add_current()
        self.settle(key)
        return await future

    def settle(self, key: str) -> None:
        """This key has come here, or will not come soon; saying it twice does no harm."""
        self._expected.discard(key)
        if not self._expected:
            self._call_if_wanted()

    def _call_if_wanted(self) -> None:
        # Of some the last caller may have left already.
        wanted = {key: future for key, future in self._wanted.items() if not future.done()}
        self._wanted = {}
        if wanted:
            call = asyncio.create_task(
                self._call(wanted), name="cachekit batch", context=self._joint.context()
            )
            self._joint = Joint()
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
            for future in wanted.values():
                future.add_done_callback(lambda _: _stop_if_unwanted(call, wanted))

    def finish(self) -> None:
        """No more keys will come: their callers have left. Those that are here need not wait for them."""
        self._expected.clear()
        self._call_if_wanted()

    async def _call(self, wanted: dict[str, asyncio.Future[Any]]) -> None:
        try:
            given = self._factory(tuple(wanted))
            values = _require_asked(await require_awaitable(given), wanted)
        except BaseException as error:  # noqa: BLE001 - each load raises it as its own
            for future in wanted.values():
                if future.done():
                    continue
                if isinstance(error, asyncio.CancelledError):
                    future.cancel()
                elif isinstance(error, StopIteration):
                    # No future takes it; a coroutine that raises it raises this.
                    future.set_exception(RuntimeError("the factory raised StopIteration"))
                else:
                    future.set_exception(duplicate(error))
            return
        for key, future in wanted.items():
            if future.done():
                continue
            if key in values:
                future.set_result(values[key])
            else:
                future.set_exception(NoValue(key))


def _require_asked(values: Any, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(values, Mapping):
        raise ConfigurationError(
            f"the factory gave a {type(values).__name__}; it must give a mapping of keys to values"
        )
    if unknown := set(values) - set(wanted):
        raise ConfigurationError(f"the factory gave values for keys not asked for: {sorted(unknown)}")
    # Its own look-ups may raise, so they are made where that is caught.
    return {key: values[key] for key in values}


def _stop_if_unwanted(call: asyncio.Task[None], wanted: dict[str, asyncio.Future[Any]]) -> None:
    """The last load that waited for a call was cancelled: so is the call."""
    if all(future.cancelled() for future in wanted.values()):
        call.cancel()

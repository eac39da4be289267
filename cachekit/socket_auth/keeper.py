"""The sockets that one process holds, and everything that has to happen in Redis for them.

The process' own copy is what counts here: it rides out an outage, and is written again when Redis has lost
it. While Redis is away nobody new is let in; who is in stays.

How it recovers: each beat tells whether Redis still held the one before. If not, whatever the reason, every
socket held here is touched, those that are gone are registered again, and those that Redis lists as ours
but are not held here are removed. That settles, too, every write and removal of which nobody knows whether
Redis has heard it.
"""

import asyncio
import contextlib
import datetime as dt
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Self

from cachekit.errors import CacheClosed, CacheUnavailable, ConfigurationError
from cachekit.socket_auth.departures import Departures
from cachekit.socket_auth.held import Held
from cachekit.socket_auth.pulse import Pulse
from cachekit.socket_auth.repository import SocketAuthRepository
from cachekit.socket_auth.upkeep import Upkeep

_RENEW_EVERY: Final = 120.0
"""Seconds after which Redis is told of a silent socket again, and found out if it has lost it."""

_CLOSING: Final = 5.0
"""Seconds that closing may take; what is left then is reaped by others."""

logger = logging.getLogger(__name__)


class SocketKeeper:
    """Holds the sockets of one process; an async context manager, in which its background work runs.

        async with SocketKeeper(SocketAuthRepository(cache, instance=name)) as keeper:
            await keeper.add(socket_id, user_id)

    An id is that of one socket, and never used again. Entering needs no Redis. Leaving removes all sockets
    held, and then the heartbeat, within 5 seconds.

    Args:
        repository: made with an `instance` of this process' own.
        beat_every: seconds between heartbeats; less than half the repository's `heartbeat`.
        touch_every: seconds between the batches in which activity is written.
        reap_every: seconds between two looks for crashed instances, about; at least `beat_every`, since an
            instance may be reaped that was found without a heartbeat twice.
        census_every: seconds between two walks that find the sockets of other services, about; one
            instance does it for all.

    Raises:
        ConfigurationError: an option cannot work.
    """

    def __init__(
        self,
        repository: SocketAuthRepository,
        *,
        beat_every: float = 5.0,
        touch_every: float = 30.0,
        reap_every: float = 10.0,
        census_every: float = 180.0,
    ) -> None:
        if repository.instance is None:
            raise ConfigurationError("the repository has no instance: name it as no other process is named")
        _require("beat_every", beat_every, above=0, most=repository.heartbeat / 2)
        _require("touch_every", touch_every, above=0, most=repository.ttl / 3)
        _require("reap_every", reap_every, above=beat_every / 2, most=repository.ttl)
        _require("census_every", census_every, above=0, most=repository.ttl)
        self._repository = repository
        self._clock = repository.clock
        self._beat_every = beat_every
        self._touch_every = touch_every
        self._reap_every = reap_every
        self._census_every = census_every
        self._renew_every = min(_RENEW_EVERY, repository.ttl / 3)
        self._sockets: dict[str, Held] = {}
        self._active: set[str] = set()
        self._unsure: set[str] = set()
        """Sockets of which nobody knows which session Redis has: binding failed, or is under way."""
        self._settling = asyncio.Lock()
        self._lapsed = asyncio.Event()
        """Redis may have lost sockets, or have some that it should not."""
        self._pulse = Pulse(repository, lapsed=self._lapsed.set)
        self._departures = Departures(repository)
        self._upkeep = Upkeep()
        self._closed = False

    def __len__(self) -> int:
        return len(self._sockets)

    def __contains__(self, socket_id: object) -> bool:
        return socket_id in self._sockets

    @property
    def healthy(self) -> bool:
        """Whether the other instances see this one live, and Redis knows of all its sockets."""
        return self._pulse.alive and not self._lapsed.is_set()

    @property
    def last_beat(self) -> float | None:
        """When Redis last took a heartbeat, by the cache's clock's `monotonic`; None if it never did."""
        return self._pulse.last_beat

    @property
    def leaving(self) -> int:
        """How many sockets have left and are still to be removed from Redis."""
        return len(self._departures)

    async def add(self, socket_id: str, user_id: str) -> None:
        """Register a socket that has just connected; one round trip.

        It may be removed while this waits. Raises CacheUnavailable while Redis is away: then it is not
        held, and what Redis may have heard of it is removed again.
        """
        if self._closed:
            raise CacheClosed("the keeper is closed: no socket can be added")
        held = self._sockets[socket_id] = Held(user_id)
        try:
            with self._writing([held]):
                auth = await self._repository.set_socket_auth(socket_id, user_id)
        except BaseException:
            self.remove(socket_id)
            raise
        held.connected_at = auth.connected_at
        held.renewed_at = self._clock.monotonic()

    async def bind(self, socket_id: str, session_id: str) -> None:
        """Bind a chat session to a socket; one that has left meanwhile is left alone.

        A socket that Redis has lost is registered again. Raises CacheUnavailable while Redis is away: then
        the session it had before is written as soon as Redis is back.
        """
        held = self._sockets.get(socket_id)
        if held is None:
            return
        with self._writing([held]):
            if socket_id in self._unsure:
                # What is being written because of an earlier failure must not come after this.
                async with self._settling:
                    pass
            self._unsure.add(socket_id)
            bound = await self._repository.update_socket_session(socket_id, session_id)
            if bound is None and self._sockets.get(socket_id) is held:
                await self._repository.set_socket_auth(
                    socket_id, held.user_id, session_id, connected_at=held.connected_at
                )
            held.session_id = session_id
            self._unsure.discard(socket_id)

    def touch(self, socket_id: str) -> None:
        """Note that a socket is active; written with the next batch."""
        if socket_id in self._sockets:
            self._active.add(socket_id)

    def remove(self, socket_id: str) -> None:
        """Forget a socket at once; it is removed from Redis in the background, when Redis can be reached."""
        held = self._sockets.pop(socket_id, None)
        if held is not None:
            self._active.discard(socket_id)
            self._unsure.discard(socket_id)
            self._departures.add(socket_id, held)

    async def __aenter__(self) -> Self:
        # Before the first socket comes: so the server's clock is known, and the others know of us.
        with contextlib.suppress(CacheUnavailable):
            await self._pulse.beat()
        repeat = self._upkeep.repeat
        repeat("heartbeat", self._pulse.beat, every=self._beat_every)
        repeat("touch", self._refresh, every=self._touch_every, sooner=self._lapsed)
        repeat("reaper", self._pulse.reap, every=self._reap_every, spread=0.25)
        repeat("census", self._take_census, every=self._census_every, spread=0.25)
        self._upkeep.start("departures", self._departures.run())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._closed = True
        await self._upkeep.stop()
        for socket_id in list(self._sockets):
            self.remove(socket_id)
        try:
            async with asyncio.timeout(_CLOSING):
                await self._departures.drain()
                await self._repository.retire()
        except (TimeoutError, CacheUnavailable, CacheClosed):
            if self.leaving:
                logger.warning("%d sockets were not removed in time; others will reap them", self.leaving)

    async def _refresh(self) -> None:
        """Tell Redis of the sockets that were active, or silent for long; of all if it may have lost some."""
        if not self._lapsed.is_set():
            await self._tell_of_active()
            return
        self._lapsed.clear()
        try:
            await self._recover()
        except BaseException:
            self._lapsed.set()
            raise

    async def _tell_of_active(self) -> None:
        active, self._active = self._active, set()
        due = self._clock.monotonic() - self._renew_every
        known = self._registered()
        touched = {each: known[each] for each in active & known.keys()}
        silent = {
            each: held for each, held in known.items() if each not in touched and held.renewed_at <= due
        }
        try:
            await self._write_unsure()
            await self._tell(touched, silent)
        except BaseException:
            self._active |= touched.keys() & self._sockets.keys()
            raise

    async def _recover(self) -> None:
        """Make Redis know the sockets that are held, and no others as ours."""
        await self._write_unsure()
        await self._tell(self._registered(), {})
        listed = await self._repository.get_held_ids()
        strangers = [each for each in listed if each not in self._sockets and each not in self._departures]
        await self._repository.remove_many(dict.fromkeys(strangers))

    def _registered(self) -> dict[str, Held]:
        """The sockets held, but for those that `add` is about to register."""
        return {each: held for each, held in self._sockets.items() if held.connected_at is not None}

    async def _tell(self, touched: Mapping[str, Held], silent: Mapping[str, Held]) -> None:
        told = [*touched.values(), *silent.values()]
        with self._writing(told):
            gone = await self._repository.touch_many({each: held.user_id for each, held in touched.items()})
            gone |= await self._repository.renew_many({each: held.user_id for each, held in silent.items()})
            now = dt.datetime.fromtimestamp(self._clock.time(), dt.UTC)
            lost = {each: held.auth(now) for each in gone if (held := self._sockets.get(each)) is not None}
            await self._repository.restore_many(lost)
        at = self._clock.monotonic()
        for held in told:
            held.renewed_at = at

    async def _write_unsure(self) -> None:
        """Write the session that sockets have, where binding another one failed."""
        for socket_id in list(self._unsure):
            async with self._settling:
                held = self._sockets.get(socket_id)
                if held is None or held.writing:
                    continue
                with self._writing([held]):
                    if held.session_id is None:
                        await self._repository.remove_socket_session(socket_id)
                    else:
                        await self._repository.update_socket_session(socket_id, held.session_id)
                self._unsure.discard(socket_id)

    async def _take_census(self) -> None:
        if await self._repository.take_turn("census", self._census_every):
            await self._repository.adopt_foreign()
            await self._repository.strike_off_gone()

    @contextlib.contextmanager
    def _writing(self, sockets: Iterable[Held]) -> Iterator[None]:
        """Removals of these sockets wait until this is over."""
        written = list(sockets)
        for held in written:
            held.writing += 1
        try:
            yield
        finally:
            for held in written:
                held.writing -= 1
            self._departures.look_again()


def _require(option: str, seconds: float, *, above: float, most: float) -> None:
    if not above < seconds <= most:
        raise ConfigurationError(
            f"{option}={seconds!r}: allowed are more than {above:g}, at most {most:g} seconds"
        )

"""The verbs: register, look up, bind, touch, remove, count and find sockets; beat and reap."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec

from cachekit.core.cache import Cache, Health
from cachekit.core.wire import Command
from cachekit.errors import ConfigurationError, InvalidValue
from cachekit.socket_auth import record
from cachekit.socket_auth.batches import batches
from cachekit.socket_auth.census import Census
from cachekit.socket_auth.changes import Changes
from cachekit.socket_auth.hints import Hints
from cachekit.socket_auth.instances import Instances
from cachekit.socket_auth.names import LIVE, held_key, socket_key, user_key
from cachekit.socket_auth.record import SocketAuth
from cachekit.socket_auth.removal import Removal
from cachekit.socket_auth.server_time import ServerTime

DEFAULT_TTL: Final = 3600
"""Seconds a socket is remembered after its last activity."""

DEFAULT_HEARTBEAT: Final = 15.0
"""Seconds after its last beat until an instance counts as crashed."""

_LEAST_HEARTBEAT: Final = 0.1


class SocketAuthRepository:
    """Registers sockets, finds them by user and by instance, and forgets them.

    Ids may be any non-empty text; in keys they are escaped. Every method but `health_check` raises
    CacheUnavailable while Redis is away: authentication fails closed.

    Args:
        cache: the open cache whose Redis is used.
        ttl: seconds a socket is remembered after its last activity.
        instance: a name that no other process has, such as a random one. `beat` needs it, and so do the
            others, to find what this process leaves behind if it crashes.
        heartbeat: seconds after its last `beat` until an instance counts as crashed.

    Raises:
        ConfigurationError: an option cannot work.
        InvalidKey: `instance` is empty.
    """

    def __init__(
        self,
        cache: Cache,
        *,
        ttl: int = DEFAULT_TTL,
        instance: str | None = None,
        heartbeat: float = DEFAULT_HEARTBEAT,
    ) -> None:
        if ttl < 1:
            raise ConfigurationError(f"ttl={ttl!r}: allowed is 1 second or more")
        if not heartbeat >= _LEAST_HEARTBEAT:
            raise ConfigurationError(
                f"heartbeat={heartbeat!r}: allowed is {_LEAST_HEARTBEAT} seconds or more"
            )
        self.clock = cache.clock
        self.ttl = ttl
        self.heartbeat = heartbeat
        self.instance = instance
        self._cache = cache
        store = self._store = cache.store
        time = self._time = ServerTime(cache.clock)
        hints = self._hints = Hints(ttl=ttl, instance=instance)
        self._changes = Changes(store, hints, time, cache.clock, ttl=ttl)
        self._removal = Removal(store, hints)
        self._census = Census(store, hints, time, ttl=ttl)
        self._instances = Instances(store, hints, time, cache.clock, instance=instance, heartbeat=heartbeat)

    async def set_socket_auth(
        self,
        socket_id: str,
        user_id: str,
        session_id: str | None = None,
        *,
        connected_at: dt.datetime | None = None,
    ) -> SocketAuth:
        """Register a socket, replacing what was known of it; one round trip.

        `connected_at` is by default now: it has just connected.
        """
        if not user_id:
            raise InvalidValue("user_id is empty; a socket belongs to somebody")
        now = self._changes.moment()
        auth = SocketAuth(
            user_id=user_id, session_id=session_id, connected_at=connected_at or now, last_activity=now
        )
        await self._store.pipeline(
            [
                *self._registering(socket_id, auth),
                # Those whose key has ended by itself go with the next who connects.
                *self._hints.forgetting(self._horizon(), user_id),
            ]
        )
        return auth

    async def restore_many(self, sockets: Mapping[str, SocketAuth]) -> None:
        """Register sockets again that Redis has lost; one that is there stays as it is."""
        for batch in batches(sockets.items()):
            commands = (self._registering(socket_id, auth, "NX") for socket_id, auth in batch)
            await self._store.pipeline([command for part in commands for command in part])

    async def get_socket_auth(self, socket_id: str) -> SocketAuth | None:
        """What is known of a socket; None if it is not connected, or what lies there is not readable."""
        return record.read(await self._store.get(socket_key(socket_id)))

    async def remove_socket_auth(self, socket_id: str) -> bool:
        """Forget a socket that has disconnected; whether it was known."""
        auth = await self.get_socket_auth(socket_id)
        return await self.remove_many({socket_id: None if auth is None else auth.user_id}) > 0

    async def remove_many(self, users: Mapping[str, str | None]) -> int:
        """Forget sockets, each given with its user, or None; how many there were. One round trip for 500.

        Where the user is not given, the next `get_sockets_by_user` strikes the socket off his list.
        """
        return await self._removal.remove(users)

    async def update_socket_session(self, socket_id: str, session_id: str) -> SocketAuth | None:
        """Bind a chat session to a socket, which counts as activity; None if the socket is gone."""
        if not session_id:
            raise InvalidValue("session_id is empty; use remove_socket_session to unbind")
        return await self._changes.alter(
            socket_id, lambda auth: msgspec.structs.replace(auth, session_id=session_id)
        )

    async def remove_socket_session(self, socket_id: str) -> SocketAuth | None:
        """Unbind the chat session of a socket; None if the socket is gone."""
        return await self._changes.alter(
            socket_id, lambda auth: msgspec.structs.replace(auth, session_id=None)
        )

    async def touch(self, socket_id: str) -> SocketAuth | None:
        """Note activity and renew the socket's life; None if the socket is gone.

        Two round trips: the user is learnt from the record. Who knows him takes `touch_many`.
        """
        return await self._changes.touch(socket_id)

    async def touch_many(self, users: Mapping[str, str]) -> frozenset[str]:
        """Note activity of sockets, each given with its user; those that are gone. One round trip for 500.

        Records that another service has written with fields of its own cost two more.
        """
        return await self._changes.touch_many(users)

    async def renew_many(self, users: Mapping[str, str]) -> frozenset[str]:
        """Renew the life of sockets that are connected and silent; those that are gone.

        Each is given with its user. Their `lastActivity` stays as it is. One round trip for 500.
        """
        return await self._changes.renew_many(users)

    async def get_connected_sockets_count(self) -> int:
        """How many sockets have been seen within the ttl."""
        return int(await self._store.execute("ZCOUNT", LIVE, f"({self._horizon()}", "+inf"))

    async def get_sockets_by_user(self, user_id: str) -> dict[str, SocketAuth]:
        """The sockets a user is connected on, the longest connected first."""
        index, asked_at = user_key(user_id), self._time.now()
        ids = [str(each, "utf-8") for each in await self._store.execute("ZRANGE", index, 0, -1)]
        found = await self._census.look_up(ids)
        mine = {socket_id: auth for socket_id, auth in found.items() if auth.user_id == user_id}
        gone = [each for each in ids if each not in mine]
        await self._census.strike_off(index, gone, seen_before=asked_at)
        return dict(sorted(mine.items(), key=lambda item: item[1].connected_at))

    async def get_sockets_by_instance(self, instance: str | None = None) -> dict[str, SocketAuth]:
        """The sockets an instance holds, by default this one, in any order."""
        return await self._census.look_up(list(await self.get_held_ids(instance)))

    async def get_held_ids(self, instance: str | None = None) -> frozenset[str]:
        """The sockets that are listed as an instance's, by default as this one's; some may be gone."""
        name = instance or self.instance
        if name is None:
            raise ConfigurationError("instance is missing: this repository was made without one")
        return frozenset(str(each, "utf-8") for each in await self._store.execute("SMEMBERS", held_key(name)))

    async def cleanup_expired_sockets(self, max_age_minutes: float) -> int:
        """Remove sockets that were not seen for `max_age_minutes`; how many there were.

        Those whose key has already expired are struck off the indexes without being counted. A socket that
        an instance renews (see `SocketKeeper`) is seen, however long its user is silent.
        """
        if not max_age_minutes > 0:
            raise ConfigurationError(f"max_age_minutes={max_age_minutes!r}: allowed is more than 0")
        return await self._census.remove_idle(self._time.now() - max_age_minutes * 60)

    async def health_check(self) -> Health:
        """Whether Redis answers, and how fast; never raises for an outage."""
        return await self._cache.health()

    async def beat(self) -> bool:
        """Tell the others that this instance lives; to be repeated well within `heartbeat` seconds.

        Outcomes:
            True: Redis still held the beat before this one.
            False: it did not. This is the first one; or Redis has lost it, and maybe sockets with it; or it
                had expired, and others may have removed the sockets of this instance.

        Raises:
            ConfigurationError: the repository was made without `instance`.
            CacheUnavailable: Redis is away; the next beat that is heard gives False.
        """
        return await self._instances.beat()

    async def retire(self) -> None:
        """Take the heartbeat back: this instance holds no socket any more."""
        await self._instances.retire()

    async def find_crashed(self) -> frozenset[str]:
        """Other instances that have beaten, and do so no more."""
        return await self._instances.find_crashed()

    async def reap(self, instances: Iterable[str] | None = None) -> int:
        """Remove the sockets of crashed instances, by default of all that `find_crashed` names; how many.

        Any number of processes may reap at once: each socket is counted by one of them. An instance that
        turns out to live keeps what has not been removed yet, and its next `beat` tells it so.
        """
        crashed = await self.find_crashed() if instances is None else instances
        return sum([await self._instances.reap(each) for each in crashed])

    async def adopt_foreign(self) -> int:
        """Give hints to sockets that services have written which know only the key; how many.

        A walk over the whole key space with SCAN, at most 10,000 keys a second.
        """
        return await self._census.adopt_foreign()

    async def strike_off_gone(self) -> int:
        """Strike sockets off that are counted and have no key any more; how many. As slow a walk."""
        return await self._census.strike_off_gone()

    async def take_turn(self, task: str, seconds: float) -> bool:
        """Whether a task of which one at a time is enough is ours; then it is nobody's for so long."""
        return await self._census.take_turn(task, self.instance or "", seconds)

    def _registering(self, socket_id: str, auth: SocketAuth, *only: Literal["NX"]) -> list[Command]:
        return [
            *self._hints.holding([socket_id]),
            ("SET", socket_key(socket_id), record.write(auth), "EX", self.ttl, *only),
            *self._hints.adding(socket_id, auth.user_id, self._time.now()),
        ]

    def _horizon(self) -> float:
        return self._time.now() - self.ttl

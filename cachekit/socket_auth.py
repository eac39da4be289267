"""Who is connected: a socket's user and chat session, in Redis, shared by all instances of a service.

| key                              | holds                                                        |
|----------------------------------|--------------------------------------------------------------|
| `socket_auth:{socketId}`         | JSON `{"userId", "sessionId"?, "connectedAt", "lastActivity"}` |
| `socket_auth_index:sockets`      | sorted set: socket ids by last activity (epoch seconds)      |
| `socket_auth_index:user:{userId}`| sorted set: that user's socket ids, likewise                 |

The first is the contract with services in other languages and the truth; it lives for `ttl` seconds,
renewed by activity. The indexes are hints that save a walk over the key space: whatever they name is
looked up before it is believed, and what turns out to be gone is struck off. They stand in other slots of
a cluster, so no command touches two of these keys at once.

Every method raises CacheUnavailable while Redis is away: authentication fails closed.
"""

import datetime as dt
from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec

from cachekit.core.cache import Cache, Health
from cachekit.core.codec import iso_utc
from cachekit.core.keys import KeySpace
from cachekit.core.scripts import COMPARE_AND_SET
from cachekit.core.wire import Command
from cachekit.errors import CacheUnavailable, ConfigurationError, InvalidValue

DEFAULT_TTL: Final = 3600
"""Seconds a socket is remembered after its last activity."""

_BATCH: Final = 500
_ATTEMPTS: Final = 8
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_OUR_FIELDS: Final = frozenset({"userId", "sessionId", "connectedAt", "lastActivity"})
_Moment = Annotated[dt.datetime, msgspec.Meta(tz=True)]


class SocketAuth(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What is known of one connected socket. Times are UTC."""

    user_id: Annotated[str, msgspec.Meta(min_length=1)]
    connected_at: _Moment
    last_activity: _Moment
    session_id: str | None = None


class SocketAuthRepository:
    """Registers sockets, finds them by user, and forgets them.

    `ttl` is in seconds. Ids may be any non-empty text; in keys they are escaped.
    """

    def __init__(self, cache: Cache, *, ttl: int = DEFAULT_TTL) -> None:
        if ttl < 1:
            raise ConfigurationError(f"ttl={ttl!r}: allowed is 1 second or more")
        self._cache = cache
        self._store = cache.store
        self._ttl = ttl
        self._sockets = KeySpace("socket_auth")
        self._indexes = KeySpace("socket_auth_index")
        self._live = self._indexes.literal("sockets")
        self._decode = msgspec.json.Decoder(SocketAuth).decode

    async def set_socket_auth(
        self, socket_id: str, user_id: str, session_id: str | None = None
    ) -> SocketAuth:
        """Register a socket that has just connected, replacing what was known of it."""
        if not user_id:
            raise InvalidValue("user_id is empty; a socket belongs to somebody")
        now = self._now()
        auth = SocketAuth(user_id=user_id, session_id=session_id, connected_at=now, last_activity=now)
        await self._store.pipeline(
            [
                ("SET", self._sockets.literal(socket_id), _encode(auth), "EX", self._ttl),
                *self._indexing(socket_id, auth),
                # What crashed instances have left behind goes with the next who connects.
                ("ZREMRANGEBYSCORE", self._live, "-inf", self._horizon()),
            ]
        )
        return auth

    async def get_socket_auth(self, socket_id: str) -> SocketAuth | None:
        """What is known of a socket; None if it is not connected, or what lies there is not readable."""
        stored = await self._store.get(self._sockets.literal(socket_id))
        return None if stored is None else self._read(stored)

    async def remove_socket_auth(self, socket_id: str) -> bool:
        """Forget a socket that has disconnected; whether it was known."""
        key = self._sockets.literal(socket_id)
        stored = await self._store.get(key)
        auth = None if stored is None else self._read(stored)
        commands: list[Command] = [("UNLINK", key), ("ZREM", self._live, socket_id)]
        if auth is not None:
            commands.append(("ZREM", self._user_index(auth.user_id), socket_id))
        return bool((await self._store.pipeline(commands))[0])

    async def update_socket_session(self, socket_id: str, session_id: str) -> SocketAuth | None:
        """Bind a chat session to a socket, which counts as activity; None if the socket is gone."""
        if not session_id:
            raise InvalidValue("session_id is empty; use remove_socket_session to unbind")
        return await self._change(
            socket_id, lambda auth: msgspec.structs.replace(auth, session_id=session_id)
        )

    async def remove_socket_session(self, socket_id: str) -> SocketAuth | None:
        """Unbind the chat session of a socket; None if the socket is gone."""
        return await self._change(socket_id, lambda auth: msgspec.structs.replace(auth, session_id=None))

    async def touch(self, socket_id: str) -> SocketAuth | None:
        """Note activity and renew the socket's life; None if the socket is gone."""
        return await self._change(socket_id, lambda auth: auth)

    async def get_connected_sockets_count(self) -> int:
        """How many sockets have been active within the ttl."""
        return int(await self._store.execute("ZCOUNT", self._live, f"({self._horizon()}", "+inf"))

    async def get_sockets_by_user(self, user_id: str) -> dict[str, SocketAuth]:
        """The sockets a user is connected on, the longest connected first."""
        index = self._user_index(user_id)
        ids = [str(found, "utf-8") for found in await self._store.execute("ZRANGE", index, 0, -1)]
        found = await self._look_up(ids)
        mine = {socket_id: auth for socket_id, auth in found.items() if auth.user_id == user_id}
        gone = [socket_id for socket_id in ids if socket_id not in mine]
        if gone:
            await self._store.execute("ZREM", index, *gone)
        return dict(sorted(mine.items(), key=lambda item: item[1].connected_at))

    async def cleanup_expired_sockets(self, max_age_minutes: float) -> int:
        """Remove sockets without activity for `max_age_minutes`; how many there were.

        Those whose key has already expired are struck off the indexes without being counted.
        """
        if not max_age_minutes > 0:
            raise ConfigurationError(f"max_age_minutes={max_age_minutes!r}: allowed is more than 0")
        removed = 0
        horizon = self._cache.clock.time() - max_age_minutes * 60
        while True:
            idle = await self._store.execute(
                "ZRANGE", self._live, "-inf", horizon, "BYSCORE", "LIMIT", 0, _BATCH
            )
            if not idle:
                return removed
            for socket_id in (str(found, "utf-8") for found in idle):
                removed += await self._remove_if_idle(socket_id, horizon)

    async def health_check(self) -> Health:
        """Whether Redis answers, and how fast; never raises for an outage."""
        return await self._cache.health()

    async def _remove_if_idle(self, socket_id: str, horizon: float) -> bool:
        auth = await self.get_socket_auth(socket_id)
        if auth is not None and auth.last_activity.timestamp() > horizon:
            # Another instance has seen activity that its index entry does not show yet.
            await self._store.pipeline(self._indexing(socket_id, auth))
            return False
        return await self.remove_socket_auth(socket_id)

    async def _change(self, socket_id: str, change: Callable[[SocketAuth], SocketAuth]) -> SocketAuth | None:
        """Replace a socket's value by compare-and-set, so that one removed meanwhile stays removed."""
        key = self._sockets.literal(socket_id)
        for _ in range(_ATTEMPTS):
            stored = await self._store.get(key)
            auth = None if stored is None else self._read(stored)
            if stored is None or auth is None:
                return None
            changed = msgspec.structs.replace(change(auth), last_activity=self._now())
            try:
                document = _encode(changed, onto=stored)
            except _UNREADABLE:
                # What another service wrote beside our fields is damaged: the value is nobody's to keep.
                return None
            arguments = (stored, document, self._ttl * 1000)
            if await self._store.run_script(COMPARE_AND_SET, key, *arguments):
                await self._store.pipeline(self._indexing(socket_id, changed))
                return changed
        raise CacheUnavailable(
            f"a socket's value changed {_ATTEMPTS} times under our hands", operation="EVALSHA"
        )

    async def _look_up(self, socket_ids: list[str]) -> dict[str, SocketAuth]:
        stored = await self._store.get_many([self._sockets.literal(each) for each in socket_ids])
        read = ((each, self._read(value)) for each, value in zip(socket_ids, stored, strict=True) if value)
        return {each: auth for each, auth in read if auth is not None}

    def _indexing(self, socket_id: str, auth: SocketAuth) -> list[Command]:
        score = auth.last_activity.timestamp()
        user_index = self._user_index(auth.user_id)
        return [
            ("ZADD", self._live, score, socket_id),
            ("ZADD", user_index, score, socket_id),
            ("EXPIRE", self._live, self._ttl),
            ("EXPIRE", user_index, self._ttl),
        ]

    def _user_index(self, user_id: str) -> str:
        return self._indexes.literal("user", user_id)

    def _read(self, stored: bytes) -> SocketAuth | None:
        try:
            return self._decode(stored)
        except _UNREADABLE:
            return None

    def _now(self) -> dt.datetime:
        # To the millisecond, as it is written: what is returned is what others read.
        return dt.datetime.fromtimestamp(round(self._cache.clock.time(), 3), dt.UTC)

    def _horizon(self) -> float:
        return self._cache.clock.time() - self._ttl


def _encode(auth: SocketAuth, *, onto: bytes = b"{}") -> bytes:
    """The wire form, times in milliseconds with `Z`; fields we do not know of stay as they are in `onto`."""
    fields: dict[str, Any] = {"userId": auth.user_id}
    if auth.session_id is not None:
        fields["sessionId"] = auth.session_id
    fields["connectedAt"] = iso_utc(auth.connected_at)
    fields["lastActivity"] = iso_utc(auth.last_activity)
    theirs = msgspec.json.decode(onto)
    return msgspec.json.encode(fields | {name: theirs[name] for name in theirs if name not in _OUR_FIELDS})

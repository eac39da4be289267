"""The commands that keep the hints: which socket stands in which index, and when it was last seen.

They stand in other slots of a cluster than the socket's own key, so that no two of these keys are touched by
one command; a pipeline of them is not atomic, and need not be: whatever a hint names is looked up before it
is believed.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

from cachekit.core.wire import Command
from cachekit.socket_auth.names import INSTANCES, LIVE, held_key, user_key


class Hints:
    """Commands for one instance's store. `ttl`, in seconds, is how long an index outlives its last use.

    Without an `instance` nobody is named as the holder of a socket.
    """

    def __init__(self, *, ttl: int, instance: str | None) -> None:
        self._ttl = ttl
        self._held = None if instance is None else held_key(instance)

    def holding(self, socket_ids: Iterable[str]) -> list[Command]:
        """Name this instance as the holder.

        Sent before the socket's own key is written: whoever dies in between leaves a hint and no socket.
        """
        if self._held is None:
            return []
        return [("SADD", self._held, *socket_ids), ("EXPIRE", self._held, self._ttl)]

    def adding(self, socket_id: str, user_id: str, seen: float, *only: Literal["GT"]) -> list[Command]:
        """List a socket that was `seen` at that moment; GT: a later moment that is known already stays."""
        user = user_key(user_id)
        return [
            ("ZADD", LIVE, *only, seen, socket_id),
            ("ZADD", user, *only, seen, socket_id),
            ("EXPIRE", LIVE, self._ttl),
            ("EXPIRE", user, self._ttl),
        ]

    def renewing(self, users: Mapping[str, str], seen: float) -> list[Command]:
        """Note that sockets, each with its user, were seen, where they are listed.

        The first two replies for each socket are 1 where it was listed: one that has been struck off
        meanwhile does not come back by this.
        """
        return [
            *(
                ("ZADD", key, "XX", "CH", seen, socket_id)
                for socket_id, user_id in users.items()
                for key in (LIVE, user_key(user_id))
            ),
            *(("EXPIRE", key, self._ttl) for key in (LIVE, *map(user_key, set(users.values())))),
            *self.holding(users),
        ]

    def unlisted(self, users: Mapping[str, str], replies: list[int]) -> list[str]:
        """The sockets that the replies to `renewing` say are missing somewhere."""
        pairs = zip(users, replies[0::2], replies[1::2], strict=False)
        return [socket_id for socket_id, in_all, in_user in pairs if not (in_all and in_user)]

    def removing(self, users: Mapping[str, str | None], *, held: str | None = None) -> list[Command]:
        """Strike sockets off; of one whose user is not known, the user's own list is left to its readers.

        `held` is another instance's list of what it holds, in the place of our own.
        """
        by_user: dict[str, list[str]] = {}
        for socket_id, user_id in users.items():
            if user_id is not None:
                by_user.setdefault(user_id, []).append(socket_id)
        holder = held or self._held
        return [
            ("ZREM", LIVE, *users),
            *(("ZREM", user_key(user_id), *socket_ids) for user_id, socket_ids in by_user.items()),
            *([] if holder is None else [("SREM", holder, *users)]),
        ]

    def forgetting(self, horizon: float, *user_ids: str) -> list[Command]:
        """Strike off whatever was not seen since `horizon`: its own key has ended by itself."""
        keys = (LIVE, *map(user_key, user_ids))
        return [("ZREMRANGEBYSCORE", key, "-inf", horizon) for key in keys]

    def beating(self, instance: str, now: float) -> list[Command]:
        """Name this instance among those that may hold sockets."""
        return [
            ("ZADD", INSTANCES, now, instance),
            ("EXPIRE", INSTANCES, self._ttl),
            ("EXPIRE", held_key(instance), self._ttl),
        ]

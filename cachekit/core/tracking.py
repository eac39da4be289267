"""Who hears that a key has changed, over one connection or over one to each node of a cluster."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from redis.exceptions import RedisError

from cachekit.core.wire import Notice, Wire


class Listener(Protocol):
    """Hears what happens to the keys of one prefix, synchronously, in the order of the connection."""

    def changed(self, key: str) -> None:
        """A key with the prefix was written, removed or evicted, or has expired; by us or another."""

    def flushed(self) -> None:
        """All keys are gone: FLUSHALL or FLUSHDB."""

    def opened(self) -> None:
        """From now on every change is heard."""

    def lost(self) -> None:
        """Changes may be missed from now on, until `opened` is called again."""


class Subscriptions:
    """The listeners of one link, by prefix, and the server's side of them: CLIENT TRACKING in BCAST mode."""

    def __init__(self) -> None:
        self._listeners: dict[str, Listener] = {}

    def __len__(self) -> int:
        return len(self._listeners)

    def add(self, prefix: str, listener: Listener, wire: Wire | None) -> None:
        """From now on `listener` hears of keys with `prefix`, instead of the one before; see `open`."""
        self._listeners[prefix] = listener
        if wire is not None and prefix in wire.opened:
            listener.opened()

    def open(self, wire: Wire) -> "asyncio.Future[None] | None":
        """Ask for what the wire does not push yet; None if that is nothing, else done with the answer.

        Not NOLOOP: an own write must be heard, too. A server or a user without tracking says no, and then
        `opened` is never called.
        """
        prefixes = sorted(self._listeners.keys() - wire.asked)
        if not wire.pushes or not prefixes:
            return None

        def answered(reply: Any) -> None:
            if not isinstance(reply, RedisError):
                wire.opened.update(prefixes)
                for prefix in prefixes:
                    self._listeners[prefix].opened()

        wire.asked.update(prefixes)
        # BCAST: the server keeps no list of what we have read, and a key set anew is pushed again.
        words = [word for prefix in prefixes for word in ("PREFIX", prefix)]
        answer = wire.loop.create_future()
        wire.send(Notice(("CLIENT TRACKING", "ON", "BCAST", *words), answer, answered))
        return answer

    def pushed(self, keys: list[bytes] | None) -> None:
        """An invalidation push: each key to the listener of its prefix, the null push to all."""
        if keys is None:
            for listener in self._listeners.values():
                listener.flushed()
            return
        for each in keys:
            key = each.decode("utf-8", "surrogateescape")
            found = self._listeners.get(key[: key.find(":") + 1])
            if found is not None:
                found.changed(key)

    def lost(self, wire: Wire) -> None:
        """The wire pushes no more."""
        for prefix in wire.opened:
            self._listeners[prefix].lost()


class JointListener:
    """One listener over several connections: it is `opened` while all of them are."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._parts: list[_Part] = []
        self._whole = False

    def reopen(self, count: int) -> Sequence[Listener]:
        """A listener for each of `count` connections; the former ones hear in vain from now on."""
        self.look(broken=True)
        self._parts = [_Part(self) for _ in range(count)]
        return self._parts

    def look(self, *, broken: bool = False) -> None:
        """Tell the listener if it became whole or is so no more."""
        whole = not broken and bool(self._parts) and all(part.open for part in self._parts)
        if whole and not self._whole:
            self._whole = True
            self._listener.opened()
        elif not whole and self._whole:
            self._whole = False
            self._listener.lost()

    def changed(self, key: str) -> None:
        """A part has heard of a change."""
        self._listener.changed(key)

    def flushed(self) -> None:
        """One node is empty; what it held cannot be told from the rest."""
        self._listener.flushed()


class _Part:
    """What one connection tells. A change heard by a part that has been replaced is a change all the same."""

    def __init__(self, joint: JointListener) -> None:
        self._joint = joint
        self.open = False
        self.changed = joint.changed
        self.flushed = joint.flushed

    def opened(self) -> None:
        self.open = True
        self._joint.look()

    def lost(self) -> None:
        self.open = False
        self._joint.look()

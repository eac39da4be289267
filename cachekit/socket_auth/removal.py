"""Removing sockets, many at once: their own keys, and the hints of them."""

import asyncio
from collections.abc import Mapping

from cachekit.core.store import Store
from cachekit.core.wire import Command
from cachekit.socket_auth import record
from cachekit.socket_auth.batches import batches
from cachekit.socket_auth.hints import Hints
from cachekit.socket_auth.names import socket_key
from cachekit.socket_auth.scripts import COMPARE_AND_DELETE


class Removal:
    """Removes on behalf of one instance, whose hints are struck off with the others."""

    def __init__(self, store: Store, hints: Hints) -> None:
        self._store = store
        self._hints = hints

    async def remove(self, users: Mapping[str, str | None]) -> int:
        """Remove sockets, each given with its user if he is known; how many there were."""
        removed = 0
        for batch in batches(users.items()):
            some = dict(batch)
            unlinks: list[Command] = [("UNLINK", socket_key(each)) for each in some]
            replies = await self._store.pipeline([*unlinks, *self._hints.removing(some)])
            removed += sum(replies[: len(some)])
        return removed

    async def remove_unchanged(
        self, seen: Mapping[str, bytes | None], *, held: str | None = None
    ) -> tuple[int, frozenset[str]]:
        """Remove one batch of sockets whose records are still those given; how many, and which were not.

        Where None was seen there is only the hints to strike off. `held` is the list of who holds them.
        """
        found = {each: stored for each, stored in seen.items() if stored}
        deletions = (
            self._store.run_script(COMPARE_AND_DELETE, socket_key(each), stored)
            for each, stored in found.items()
        )
        deleted = dict(zip(found, await asyncio.gather(*deletions), strict=True))
        changed = frozenset(each for each, was_deleted in deleted.items() if not was_deleted)
        users: dict[str, str | None] = {}
        for each, stored in seen.items():
            if each not in changed:
                auth = record.read(stored)
                users[each] = None if auth is None else auth.user_id
        if users:
            await self._store.pipeline(self._hints.removing(users, held=held))
        return len(found) - len(changed), changed

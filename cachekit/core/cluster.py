"""A Redis Cluster: one link to each primary, commands routed by slot, and what to do when slots move.

    MOVED                  the slot has another owner: there at once, and look at the whole map again
    ASK                    this key is already over there: ASKING and the command, in one write
    TRYAGAIN, CLUSTERDOWN  the slot is on its way, or its owner is being replaced: again, within the timeout
    a primary is gone      look at the map, with backoff, until its replica has taken over

The map is CLUSTER SLOTS, asked over a link that is up, else of the seeds and the nodes known by then.
redis-py makes the connections; its NodesManager is not used: it keeps a pool for every node, and marks all
connections for a reconnect whenever the map is read.

Protocol: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import AskError, ClusterDownError, MovedError, RedisError, TryAgainError
from redis.exceptions import ConnectionError as RedisConnectionError

from cachekit.core.budget import Budget
from cachekit.core.dedicated import Dedicated
from cachekit.core.link import Link
from cachekit.core.recovery import Recovery
from cachekit.core.refusal import closed, reason_of, unavailable
from cachekit.core.slots import Address, SlotMap, slot_of
from cachekit.core.survey import Survey
from cachekit.core.topology import Node, Shapes, dedicate, redis_py_shapes
from cachekit.core.tracking import JointListener, Listener
from cachekit.core.wire import Command
from cachekit.errors import CacheUnavailable

_REDIRECTIONS: Final = (AskError, TryAgainError, ClusterDownError)
_PAUSE: Final = 0.02
"""Seconds before a command is sent again that the cluster could not serve right now."""


class Cluster:
    """Every primary of a cluster; see `topology.Topology`."""

    blocks = True

    def __init__(
        self,
        dial: Callable[[Address], Awaitable[AbstractConnection]],
        seeds: Sequence[Address],
        *,
        max_connections: int,
        timeout: float,
    ) -> None:
        """`seeds` are nodes to ask for the map first; `timeout`, in seconds, is each command's."""
        self._dial = dial
        self._seeds = seeds
        self._budget = Budget(max_connections, timeout=timeout)
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._map = SlotMap()
        self._links: dict[Address, Link] = {}
        """To nodes that own slots, and to those that a redirection has named since."""
        self._retired: set[Link] = set()
        self._survey = Survey(dial, budget=self._budget, timeout=timeout)
        self._slots: list[Link | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        self._listeners: dict[str, JointListener] = {}
        self._recovery = Recovery(self._attempt, on_failure=self._settle, name="cachekit: find the cluster")
        self._stale = False
        """Whether the map must be read again after the reading under way."""
        self._read: asyncio.Future[None] = self._loop.create_future()
        """Done when the reading under way has succeeded or failed."""
        self._closed = False

    @property
    def shapes(self) -> Shapes:
        """Those of the protocol that the nodes speak, which is one."""
        return redis_py_shapes(min((link.protocol for link in self._links.values()), default=3))

    async def get(self, key: str) -> bytes | None:
        """GET."""
        link = self._slots[key_slot(key.encode())]
        if link is not None:
            try:
                return await link.get(key)
            except _REDIRECTIONS as error:
                found: bytes | None = await self._again(("GET", key), error, link, safe=True)
        else:
            found = await self.send(("GET", key), safe=True)
        return found

    async def get_with_expiry(self, key: str) -> Sequence[Any]:
        """GET and PTTL; one that is redirected follows by itself."""
        link = self._slots[key_slot(key.encode())]
        if link is not None:
            replies = await link.get_with_expiry(key)
            if not any(isinstance(reply, _REDIRECTIONS) for reply in replies):
                return replies
        return await self.send_all([("GET", key), ("PTTL", key)], operation="GET", safe=True)

    async def send(self, command: Command, *, safe: bool = False) -> Any:
        """One command, to the owner of its key's slot; one without a key goes to any primary."""
        link = await self._owner(command)
        try:
            return await link.send(command, safe=safe)
        except _REDIRECTIONS as error:
            return await self._again(command, error, link, safe=safe)

    async def send_all(self, commands: Sequence[Command], *, operation: str, safe: bool = False) -> list[Any]:
        """One write for each node; what was redirected follows, one by one."""
        links = [await self._owner(command) for command in commands]
        parts: dict[Link, list[int]] = {}
        for index, link in enumerate(links):
            parts.setdefault(link, []).append(index)

        async def send(link: Link, indexes: list[int]) -> list[Any]:
            return await link.send_all([commands[index] for index in indexes], operation=operation, safe=safe)

        answers = await asyncio.gather(*(send(link, indexes) for link, indexes in parts.items()))
        replies: list[Any] = [None] * len(commands)
        for indexes, answer in zip(parts.values(), answers, strict=True):
            for index, reply in zip(indexes, answer, strict=True):
                replies[index] = reply
        for index, reply in enumerate(replies):
            if isinstance(reply, _REDIRECTIONS):
                try:
                    replies[index] = await self._again(commands[index], reply, links[index], safe=safe)
                except RedisError as error:
                    replies[index] = error
        return replies

    @property
    def connections(self) -> tuple[int, int]:
        """Those of all links, and the dedicated ones."""
        return self._budget.use

    async def primaries(self) -> Sequence[Node]:
        """Every node that owns slots."""
        await self._known()
        return [self._links[address] for address in self._map.primaries]

    def track(self, prefix: str, listener: Listener) -> None:
        """Tracking on every primary: `opened` when all track, `lost` when one is lost or the map changes."""
        joint = self._listeners[prefix] = JointListener(listener)
        if self._map.primaries:
            self._track(prefix, joint)
        else:
            self._refresh()

    @asynccontextmanager
    async def dedicated(self, key: str) -> AsyncIterator[Dedicated]:
        """A connection to the owner of `key`'s slot. MOVED breaks off the command: then open another."""
        await self._known()
        address = self._map.owner(key_slot(key.encode()))
        if address is None:
            raise _uncovered("connect")
        try:
            async with dedicate(
                lambda: self._dial(address), self._budget, timeout=self._timeout
            ) as connection:
                yield connection
        except CacheUnavailable:
            self._refresh()
            raise

    async def aclose(self) -> None:
        """Close every connection."""
        self._closed = True
        self._recovery.cancel()
        await self._recovery.ended()
        for link in (*self._links.values(), *self._retired):
            await link.aclose()

    # Where a command goes.

    async def _owner(self, command: Command) -> Link:
        slot = slot_of(command)
        if slot is not None and (link := self._slots[slot]) is not None:
            return link
        await self._known()
        if slot is None:
            return self._links[self._map.primaries[0]]
        if (link := self._slots[slot]) is None:
            self._refresh()
            raise _uncovered(str(command[0]))
        return link

    async def _again(self, command: Command, error: RedisError, link: Link, *, safe: bool) -> Any:
        """Go where the redirection of `link` says, or try again, as long as a command may take."""
        deadline = self._loop.time() + self._timeout
        while self._loop.time() < deadline:
            try:
                if isinstance(error, MovedError):
                    link = self._slots[error.slot_id] = self._link(self._target(error, link))
                    self._refresh()
                    return await link.send(command, safe=safe)
                if isinstance(error, AskError):
                    # ASKING holds for the next command of its connection: both go in one write.
                    pair, operation = [("ASKING",), command], str(command[0])
                    link = self._link(self._target(error, link))
                    _, reply = await link.send_all(pair, operation=operation, safe=safe)
                    if not isinstance(reply, RedisError):
                        return reply
                    raise reply
                await asyncio.sleep(_PAUSE)
                self._refresh()
                link = await self._owner(command)
                return await link.send(command, safe=safe)
            except _REDIRECTIONS as next_error:
                if isinstance(error, AskError):
                    await asyncio.sleep(_PAUSE)  # Nodes that send us round in circles do so slowly.
                error = next_error
        raise error

    def _target(self, error: AskError, asked: Link) -> Address:
        """Where a redirection points; one that names no host means the host of the node that was asked."""
        if error.host not in {"", "?"}:
            return error.host, error.port
        hosts = (host for (host, _), link in self._links.items() if link is asked)
        return next(hosts, self._seeds[0][0]), error.port

    def _link(self, address: Address) -> Link:
        if self._closed:
            raise closed()
        link = self._links.get(address)
        if link is None:
            link = self._links[address] = Link(
                lambda: self._dial(address),
                budget=self._budget,
                timeout=self._timeout,
                on_failure=self._refresh,
            )
            # A redirection may name a node that the map does not know yet: its changes must be heard, too.
            self._track_all()
        return link

    # How the map is read.

    async def _known(self) -> None:
        """Wait until the map is known; raises CacheUnavailable if it cannot be read."""
        if self._closed:
            raise closed()
        if not self._map.primaries and not self._recovery.hopeless:
            self._refresh()
            await asyncio.shield(self._read)
        if not self._map.primaries:
            raise unavailable("CLUSTER SLOTS", self._recovery.error)

    def _refresh(self) -> None:
        """Have the map read, again if it is being read: what is being read may be old by now."""
        self._stale = True
        if not self._closed:
            self._recovery.start()

    async def _attempt(self) -> None:
        while self._stale:
            self._stale = False
            up = {address: link for address, link in self._links.items() if link.up}
            addresses = (*self._seeds, *self._map.nodes)
            self._apply(await self._survey.ask(up, addresses))
        self._settle()

    def _settle(self, error: Exception | None = None) -> None:
        """Let those go on who wait for the map: there is one, or there is none for now."""
        self._stale = error is not None
        read, self._read = self._read, self._loop.create_future()
        read.set_result(None)

    def _apply(self, found: SlotMap) -> None:
        before = (self._map, set(self._links))
        self._map = found
        slots: list[Link | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        for first, last, address in found.ranges:
            slots[first : last + 1] = [self._link(address)] * (last - first + 1)
        self._slots = slots
        for address in self._links.keys() - set(found.primaries):
            self._retire(self._links.pop(address))
        if before != (found, set(self._links)):
            self._track_all()

    def _track_all(self) -> None:
        for prefix, joint in self._listeners.items():
            self._track(prefix, joint)

    def _track(self, prefix: str, joint: JointListener) -> None:
        for link, part in zip(self._links.values(), joint.reopen(len(self._links)), strict=True):
            link.track(prefix, part)

    def _retire(self, link: Link) -> None:
        """Let a node that owns nothing any more answer what it was asked, then close it."""

        def close() -> None:
            self._retired.discard(link)
            link.close(reason_of(RedisConnectionError("the node has left"), self._timeout))

        if link.up:
            self._retired.add(link)
            self._loop.call_later(self._timeout, close)
        else:
            close()


def _uncovered(operation: str) -> CacheUnavailable:
    return unavailable(operation, ClusterDownError("no node owns the slot"))

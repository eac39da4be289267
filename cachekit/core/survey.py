"""Asking the nodes of a cluster which of them owns what."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from cachekit.core.budget import Budget
from cachekit.core.link import Link
from cachekit.core.slots import Address, SlotMap, read_slots
from cachekit.errors import CacheUnavailable


class Survey:
    """Reads the map of slots, CLUSTER SLOTS, of whichever node gives it; within `timeout` seconds in all."""

    def __init__(
        self,
        dial: Callable[[Address], Awaitable[AbstractConnection]],
        *,
        budget: Budget,
        timeout: float,
    ) -> None:
        self._dial = dial
        self._budget = budget
        self._timeout = timeout

    async def ask(self, up: Mapping[Address, Link], addresses: Iterable[Address]) -> SlotMap:
        """The map: over one of the links that are `up`, else over a connection to one of `addresses`.

        Raises why the last of them did not give it: redis-py's error, OSError or CacheUnavailable.
        """
        failure: Exception = RedisConnectionError("no node of the cluster can be reached")
        async with asyncio.timeout(self._timeout):
            # In any order: a node that is cut off from the others would tell an old map for ever.
            for address, link in random.sample(list(up.items()), len(up)):
                with suppress(RedisError, CacheUnavailable):
                    return read_slots(await link.send(("CLUSTER", "SLOTS"), safe=True), asked=address)
            others = dict.fromkeys(addresses)
            for address in others:
                try:
                    # One that does not answer must leave time to ask the next.
                    async with asyncio.timeout(self._timeout / (len(others) + 1)):
                        return await self._ask_at(address)
                except (RedisError, OSError, CacheUnavailable) as error:
                    failure = error
        raise failure

    async def _ask_at(self, address: Address) -> SlotMap:
        async with self._budget.one():
            connection = await self._dial(address)
            try:
                await connection.send_command("CLUSTER", "SLOTS")
                return read_slots(await connection.read_response(), asked=address)
            finally:
                await connection.disconnect()

"""What happens while Redis is away, by the namespace's policy, and that it ends with the outage."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

import pytest

from cachekit.core.cache import Cache
from cachekit.core.namespace import Namespace
from cachekit.errors import CacheUnavailable
from cachekit.testing.clock import ManualClock
from cachekit.testing.contract.fixtures import Contract, eventually
from cachekit.testing.loader import Loader

Outage = Callable[[], AbstractContextManager[object]]


class OutageContract(Contract):
    """Needs a server that can be stopped; its data may be lost by that."""

    @pytest.fixture
    def outage(self) -> Outage:
        """Makes a context in which Redis does not answer, and after which it does."""
        raise NotImplementedError("the outage contract needs a fixture outage: a context manager's factory")

    async def test_a_cache_goes_on_with_its_factory(self, cache: Cache, name: str, outage: Outage) -> None:
        """outage="bypass": a read is a miss, and a load gives the factory's value."""
        ns = cache.namespace(f"{name}-bypass", self.policy.replace(outage="bypass", near=0))
        loader = Loader("v")
        with outage():
            assert await ns.get(ns.key("a"), "a default") == "a default"
            assert [await ns.get_or_set(ns.key("a"), loader) for _ in range(3)] == ["v"] * 3
            assert loader.calls == 3  # noqa: PLR2004
            assert not (await cache.health()).up

    async def test_a_store_of_truth_raises(self, cache: Cache, name: str, outage: Outage) -> None:
        """outage="raise": no answer rather than a wrong one; the factory is not asked."""
        ns = cache.namespace(f"{name}-raise", self.policy.replace(outage="raise", near=0))
        loader = Loader("v")
        with outage():
            with pytest.raises(CacheUnavailable):
                await ns.get(ns.key("a"))
            with pytest.raises(CacheUnavailable):
                await ns.get_or_set(ns.key("a"), loader)
        assert loader.calls == 0

    @pytest.mark.parametrize("policy", ["bypass", "raise"])
    async def test_nothing_is_lost_silently(
        self, cache: Cache, name: str, outage: Outage, policy: str
    ) -> None:
        """What was not written, deleted or invalidated raises, whatever the policy."""
        ns = cache.namespace(f"{name}-{policy}", self.policy.replace(outage=policy))
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: ns.set(ns.key("a"), 1),
            lambda: ns.delete(ns.key("a")),
            lambda: ns.invalidate(tags=["t"]),
            lambda: ns.invalidate(pattern="*"),
            ns.clear,
        ]
        with outage():
            for call in calls:
                with pytest.raises(CacheUnavailable):
                    await call()

    async def test_the_same_cache_works_afterwards(
        self, cache: Cache, ns: Namespace, now: ManualClock, outage: Outage
    ) -> None:
        """No restart of ours is needed: it stores and hits again."""
        with outage():
            await ns.get_or_set(ns.key("a"), Loader("v"))
        await works_again(cache, ns, now)


async def works_again(cache: Cache, ns: Namespace, now: ManualClock) -> None:
    """Wait until the cache stores and hits; the breaker and the links find out at their own pace."""

    async def stores() -> bool:
        try:
            await ns.set(ns.key("again"), "stored")
        except CacheUnavailable:
            now.advance(1)
            return False
        return bool(await ns.get(ns.key("again")) == "stored")

    await eventually(stores, "the cache stores again")
    loader = Loader("loaded")

    async def hits() -> bool:
        before = loader.calls
        await ns.get_or_set(ns.key("hit"), loader)
        return loader.calls == before

    await eventually(hits, "the cache hits again")

    async def answers() -> bool:
        # Of a cluster every primary must, and these keys may lie on one that was never away.
        return (await cache.health()).up

    await eventually(answers, "every server answers")

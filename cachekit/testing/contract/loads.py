"""How a miss becomes a value, and how an old value is renewed."""

import asyncio
from typing import Any

import pytest

from cachekit.core.cache import Cache
from cachekit.core.context import LoadContext as Context
from cachekit.core.namespace import Namespace
from cachekit.testing.clock import ManualClock
from cachekit.testing.contract.fixtures import Contract, seen
from cachekit.testing.loader import Loader


class LoadContract(Contract):
    """Loads in one process."""

    async def test_a_miss_loads_and_the_next_one_hits(self, ns: Namespace) -> None:
        """The entry tells where its value came from."""
        loader = Loader("v")
        first = await ns.get_or_set_entry(ns.key("a"), loader)
        second = await ns.get_or_set_entry(ns.key("a"), loader)
        assert (first.value, first.source, second.value) == ("v", "load", "v")
        assert second.source in {"near", "redis"}
        assert loader.calls == 1

    async def test_a_failed_load_is_raised_and_not_kept(self, ns: Namespace) -> None:
        """The next caller tries anew."""
        loader = Loader()
        loader.fail(LookupError("no such flight"))
        with pytest.raises(LookupError, match="no such flight"):
            await ns.get_or_set(ns.key("a"), loader)
        loader.succeed("v")
        assert await ns.get_or_set(ns.key("a"), loader) == "v"
        assert loader.calls == 2  # noqa: PLR2004

    async def test_a_caller_that_leaves_takes_only_itself(self, ns: Namespace) -> None:
        """The one whose call began the load is cancelled; who waits with it gets the value."""
        loader = Loader("v")
        loader.hold()
        first = asyncio.create_task(ns.get_or_set(ns.key("a"), loader))
        await loader.started()
        second = asyncio.create_task(ns.get_or_set(ns.key("a"), loader))
        await asyncio.sleep(0)
        first.cancel()
        loader.release()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert await second == "v"

    async def test_a_load_nobody_waits_for_any_more_ends(self, ns: Namespace) -> None:
        """The last caller takes it along."""
        loader = Loader("v")
        loader.hold()
        task = asyncio.create_task(ns.get_or_set(ns.key("a"), loader))
        await loader.started()
        task.cancel()
        await loader.finished()
        assert loader.cancelled == 1

    async def test_a_stale_value_is_served_while_one_refresh_runs(
        self, ns: Namespace, now: ManualClock
    ) -> None:
        """Nobody waits for the refresh, and it runs once however many ask."""
        await ns.set(ns.key("a"), "old")
        now.advance(61)
        loader = Loader("new")
        loader.hold()
        assert [await ns.get_or_set(ns.key("a"), loader) for _ in range(10)] == ["old"] * 10
        await loader.started()
        loader.release()
        await seen(ns, ns.key("a"), "new")
        assert loader.calls == 1

    async def test_a_failed_refresh_leaves_the_stale_value_for_a_while(
        self, ns: Namespace, now: ManualClock
    ) -> None:
        """It is tried again after retry_after, not by every caller."""
        await ns.set(ns.key("a"), "old")
        now.advance(61)
        loader = Loader("new")
        loader.fail()
        assert await ns.get_or_set(ns.key("a"), loader) == "old"
        await loader.finished()
        await _settled()
        loader.succeed("new")
        assert await ns.get_or_set(ns.key("a"), loader) == "old"
        assert loader.calls == 1
        now.advance(6)
        assert await ns.get_or_set(ns.key("a"), loader) == "old"
        await seen(ns, ns.key("a"), "new")

    async def test_a_refresh_loads_whatever_lies_there(self, ns: Namespace) -> None:
        """What it gives is kept."""
        await ns.set(ns.key("a"), "old")
        entry = await ns.refresh(ns.key("a"), Loader("new"))
        assert (entry.value, await ns.get(ns.key("a"))) == ("new", "new")

    async def test_the_factory_chooses_ttl_and_tags(self, ns: Namespace, now: ManualClock) -> None:
        """Through its context, beside the caller's."""

        async def load(ctx: Context) -> str:
            ctx.ttl(5)
            ctx.tag("chosen")
            return "v"

        await ns.get_or_set(ns.key("a"), load, tags=["given"])
        entry = await ns.get_entry(ns.key("a"))
        assert entry is not None
        assert (entry.ttl, set(entry.tags)) == (5, {"given", "chosen"})
        now.advance(6)
        entry = await ns.get_entry(ns.key("a"))
        assert entry is not None
        assert entry.state == "stale"

    async def test_the_factory_may_have_nothing_kept(self, ns: Namespace) -> None:
        """Its callers get the value, and nobody after them."""

        async def load(ctx: Context) -> str:
            ctx.skip()
            return "v"

        assert await ns.get_or_set(ns.key("a"), load) == "v"
        assert await ns.get_entry(ns.key("a")) is None

    async def test_a_negative_value_is_kept_for_a_shorter_time(self, ns: Namespace, now: ManualClock) -> None:
        """That there is none is a value, for negative_ttl, and never a stale one."""

        async def load(ctx: Context) -> Any:
            ctx.negative()

        await ns.get_or_set(ns.key("a"), load)
        entry = await ns.get_entry(ns.key("a"))
        assert entry is not None
        assert (entry.value, entry.negative, entry.ttl) == (None, True, self.policy.negative_ttl)
        now.advance(self.policy.negative_ttl + 1)
        assert await ns.get_entry(ns.key("a")) is None
        assert await ns.get_or_set(ns.key("a"), Loader("found")) == "found"

    async def test_an_unmodified_value_is_kept_as_if_it_were_new(
        self, ns: Namespace, now: ManualClock
    ) -> None:
        """The factory is shown the old entry, and says that it holds."""
        shown = []

        async def load(ctx: Context) -> Any:
            shown.append(ctx.stale and ctx.stale.value)
            return ctx.not_modified()

        await ns.set(ns.key("a"), {"etag": 1})
        now.advance(61)
        assert await ns.get_or_set(ns.key("a"), load) == {"etag": 1}
        await seen(ns, ns.key("a"), {"etag": 1})
        assert shown == [{"etag": 1}]

    async def test_the_counts_add_up(self, cache: Cache, ns: Namespace) -> None:
        """One miss, one load, two hits."""
        loader = Loader("v")
        for _ in range(3):
            await ns.get_or_set(ns.key("a"), loader)
        stats = cache.stats()
        assert (stats.misses, stats.loads, stats.hits, stats.failures) == (1, 1, 2, 0)


async def _settled() -> None:
    """Let what was awakened run to its next wait."""
    for _ in range(10):
        await asyncio.sleep(0)

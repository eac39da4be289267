"""What was invalidated is not seen again, even if its load had begun before, in this process or another."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cachekit.core.cache import Cache
from cachekit.core.namespace import Namespace
from cachekit.errors import InvalidKey
from cachekit.testing.clock import ManualClock
from cachekit.testing.contract.fixtures import Contract, gone, seen
from cachekit.testing.loader import Loader

Invalidate = Callable[[Namespace], Awaitable[object]]

WAYS = [
    pytest.param(lambda ns: ns.delete(ns.key("flights:a")), id="delete"),
    pytest.param(lambda ns: ns.invalidate(tags=["route"]), id="tag"),
    pytest.param(lambda ns: ns.invalidate(pattern="flights:*"), id="pattern"),
    pytest.param(lambda ns: ns.clear(), id="clear"),
]


class InvalidationContract(Contract):
    """Deletion, tags, patterns, clear."""

    @pytest.mark.parametrize("invalidate", WAYS)
    async def test_it_is_gone_everywhere(
        self, ns: Namespace, anyone: Namespace, invalidate: Invalidate
    ) -> None:
        """At once where it was asked for, soon elsewhere."""
        key = ns.key("flights:a")
        await ns.set(key, "v", tags=["route"])
        await seen(anyone, key, "v")
        await invalidate(anyone)
        assert await anyone.get_entry(key) is None
        await gone(ns, key)

    @pytest.mark.parametrize("invalidate", WAYS)
    async def test_a_stale_value_dies_too(
        self, ns: Namespace, anyone: Namespace, now: ManualClock, invalidate: Invalidate
    ) -> None:
        """A hard clear does not leave the stale copy servable."""
        key = ns.key("flights:a")
        await ns.set(key, "v", tags=["route"])
        now.advance(61)
        await invalidate(anyone)
        await gone(ns, key)

    @pytest.mark.parametrize("invalidate", WAYS)
    async def test_a_load_under_way_does_not_bring_it_back(
        self, ns: Namespace, anyone: Namespace, invalidate: Invalidate
    ) -> None:
        """Its caller, who asked before, gets the value; nobody after him does."""
        key, loader = ns.key("flights:a"), Loader("old")
        loader.hold()
        task = asyncio.create_task(ns.get_or_set(key, loader, tags=["route"]))
        await loader.started()
        await invalidate(anyone)
        loader.release()
        assert await task in {"old", "new"}
        await gone(ns, key)
        await gone(anyone, key)
        loader.succeed("new")
        assert await anyone.get_or_set(key, loader) == "new"

    @pytest.mark.parametrize("invalidate", WAYS)
    async def test_a_refresh_under_way_does_not_bring_it_back(
        self, ns: Namespace, anyone: Namespace, now: ManualClock, invalidate: Invalidate
    ) -> None:
        """The same for a load in the background, for which nobody waits."""
        key, loader = ns.key("flights:a"), Loader("old")
        await ns.set(key, "older", tags=["route"])
        now.advance(61)
        loader.hold()
        assert await ns.get_or_set(key, loader, tags=["route"]) == "older"
        await loader.started()
        await invalidate(anyone)
        loader.release()
        await loader.finished()
        await gone(ns, key)
        await gone(anyone, key)

    async def test_a_set_overtakes_a_load_under_way(self, ns: Namespace, anyone: Namespace) -> None:
        """What was set later stays."""
        key, loader = ns.key("a"), Loader("loaded")
        loader.hold()
        task = asyncio.create_task(ns.get_or_set(key, loader))
        await loader.started()
        await anyone.set(key, "set")
        loader.release()
        await task
        await seen(ns, key, "set")
        await seen(anyone, key, "set")

    async def test_what_is_loaded_after_an_invalidation_is_kept(
        self, ns: Namespace, anyone: Namespace
    ) -> None:
        """A rule kills what is older than itself, and nothing else."""
        await anyone.invalidate(tags=["route"])
        await anyone.clear()
        await gone(ns, ns.key("a"))
        await ns.set(ns.key("a"), 1, tags=["route"])
        await seen(ns, ns.key("a"), 1)
        await seen(anyone, ns.key("a"), 1)

    async def test_a_tag_kills_only_what_has_it(self, ns: Namespace) -> None:
        """One of several tags is enough, and a tag is no pattern."""
        await ns.set(ns.key("one"), 1, tags=["route:GRU-LIS", "x"])
        await ns.set(ns.key("two"), 2, tags=["route:GRU-OPO", "x"])
        await ns.set(ns.key("none"), 3)
        await ns.invalidate(tags=["route:*", "route:GRU-LIS"])
        assert [await ns.get(ns.key(each)) for each in ("one", "two", "none")] == [None, 2, 3]
        await ns.invalidate(tags=["x"])
        assert [await ns.get(ns.key(each)) for each in ("two", "none")] == [None, 3]

    @pytest.mark.parametrize(
        ("pattern", "left"),
        [("flights:*", ["c"]), ("flights:?", ["flights:bc", "c"]), ("*c", ["flights:a"]), ("[abc]", None)],
    )
    async def test_a_pattern_kills_what_it_matches(
        self, ns: Namespace, pattern: str, left: list[str] | None
    ) -> None:
        """A star is any run of characters, a question mark one, and brackets are themselves."""
        names = ["flights:a", "flights:bc", "c"]
        for each in names:
            await ns.set(ns.key(each), 1)
        await ns.invalidate(pattern=pattern)
        found = [each for each in names if await ns.get(ns.key(each)) is not None]
        assert found == (names if left is None else left)

    async def test_a_glob_in_a_key_means_itself(self, ns: Namespace) -> None:
        """Raw keys of other writers may hold glob characters; a backslash makes a pattern's literal."""
        keys = [f"{ns.name}:{each}" for each in ("a*b", "a?b", "a[b]", "axb", "a\\b")]
        for key in keys:
            await ns.set(key, 1)
        await ns.invalidate(pattern=r"a\*b")
        await ns.invalidate(pattern=r"a\?b")
        await ns.invalidate(pattern="a[b]")
        assert [await ns.get(key) for key in keys] == [None, None, None, 1, 1]

    async def test_clear_is_for_this_namespace_only(self, cache: Cache, ns: Namespace) -> None:
        """Neither another namespace, nor one whose name begins the same."""
        others = [cache.namespace(f"{ns.name}{end}", self.policy) for end in ("-2", "_", ".x")]
        for each in (ns, *others):
            await each.set(each.key("a"), 1)
        await ns.clear()
        assert await ns.get(ns.key("a")) is None
        assert [await each.get(each.key("a")) for each in others] == [1, 1, 1]

    async def test_a_pattern_that_cannot_be_meant_is_refused(self, ns: Namespace) -> None:
        """Empty, or with a backslash that escapes nothing."""
        for pattern in ("", "a\\"):
            with pytest.raises(InvalidKey):
                await ns.invalidate(pattern=pattern)

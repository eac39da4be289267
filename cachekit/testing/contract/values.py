"""What is kept comes back as it was, for as long as it was meant to, and under no other name."""

import math

import pytest

from cachekit.core.cache import Cache
from cachekit.core.namespace import Namespace
from cachekit.errors import ConfigurationError, InvalidKey
from cachekit.testing.clock import ManualClock
from cachekit.testing.contract.fixtures import Contract
from cachekit.testing.loader import Loader

LONG = {"b": [1, {"a": None}], "": "x" * 10_000}
VALUES: list[object] = [None, False, 0, -1, 1.5, 2**53, "", "São Paulo", [], {}, LONG]
NO_VALUES = [
    pytest.param(("SET", b""), id="empty"),
    pytest.param(("SET", b"\xff\x00{"), id="no text"),
    pytest.param(("SET", b'{"data":1}'), id="no timestamp"),
    pytest.param(("SET", b'{"encoding":"zstd"}\nnot zstd'), id="torn"),
    pytest.param(("RPUSH", b"an item"), id="a list"),
]


class ValueContract(Contract):
    """Values, their ages, and their keys."""

    @pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
    async def test_a_value_comes_back_as_it_was(self, ns: Namespace, value: object) -> None:
        """Every kind of JSON value, empty ones and a long one included."""
        await ns.set(ns.key("a"), value)
        found = await ns.get(ns.key("a"), "a default")
        assert (found, type(found)) == (value, type(value))

    async def test_a_stored_none_is_no_miss(self, ns: Namespace) -> None:
        """It is found, and is not loaded again."""
        loader = Loader(None)
        assert [await ns.get_or_set(ns.key("a"), loader) for _ in range(3)] == [None] * 3
        assert await ns.get(ns.key("a"), "a default") is None
        assert loader.calls == 1

    async def test_a_miss_gives_the_default_and_no_entry(self, ns: Namespace) -> None:
        """Nothing there, nothing raised."""
        assert await ns.get(ns.key("a"), "a default") == "a default"
        assert await ns.get_entry(ns.key("a")) is None

    async def test_a_value_is_its_readers_own(self, ns: Namespace) -> None:
        """Who changes what he got changes nothing for the next reader."""
        await ns.set(ns.key("a"), {"legs": []})
        for _ in range(3):
            found = await ns.get(ns.key("a"))
            assert found == {"legs": []}
            found["legs"].append("changed")

    async def test_age_state_and_expiry_follow_the_clock(self, ns: Namespace, now: ManualClock) -> None:
        """Fresh for the ttl, then stale for as long as the policy says, then gone."""
        await ns.set(ns.key("a"), 1, tags=["t"])
        now.advance(20)
        entry = await ns.get_entry(ns.key("a"))
        assert entry is not None
        assert (entry.age, entry.expires_in, entry.state, entry.tags) == (20, 40, "fresh", ("t",))
        now.advance(41)
        entry = await ns.get_entry(ns.key("a"))
        assert entry is not None
        assert entry.state == "stale"

    async def test_the_server_drops_what_has_ended(self, cache: Cache, ns: Namespace) -> None:
        """The key's own expiry is what it is fresh and stale for, however it was written."""
        await ns.set(ns.key("set"), 1)
        await ns.set(ns.key("short"), 1, ttl=7)
        await ns.get_or_set(ns.key("loaded"), Loader(1))
        for resource, ttl in {"set": 60, "short": 7, "loaded": 60}.items():
            left = await cache.store.execute("PTTL", ns.key(resource))
            most = (ttl + self.policy.stale) * 1_000
            assert 0 < left <= most, f"{left} ms are left, {most} were asked for"
            assert left > most - 30_000, "within half a minute of writing it"

    @pytest.mark.parametrize("ttl", [0, -1, 0.0001, math.inf, math.nan])
    async def test_a_ttl_that_means_for_ever_is_refused(self, ns: Namespace, ttl: float) -> None:
        """Less than Redis can count, or no end at all."""
        with pytest.raises(ConfigurationError, match="ttl"):
            await ns.set(ns.key("a"), 1, ttl=ttl)
        assert await ns.get_entry(ns.key("a")) is None

    async def test_delete_says_whether_it_was_there(self, ns: Namespace) -> None:
        """And it is there no more."""
        await ns.set(ns.key("a"), 1)
        assert [await ns.delete(ns.key("a")), await ns.delete(ns.key("a"))] == [True, False]
        assert await ns.get_entry(ns.key("a")) is None

    async def test_only_what_is_absent_is_set(self, ns: Namespace, now: ManualClock) -> None:
        """The first of two wins, and a stale value is there, too; what was deleted is not."""
        assert await ns.set(ns.key("a"), "first", only="absent")
        assert not await ns.set(ns.key("a"), "second", only="absent")
        now.advance(61)
        assert not await ns.set(ns.key("a"), "third", only="absent")
        assert await ns.get(ns.key("a")) == "first"
        await ns.delete(ns.key("a"))
        assert await ns.set(ns.key("a"), "fourth", only="absent")
        assert await ns.get(ns.key("a")) == "fourth"

    @pytest.mark.parametrize("stored", NO_VALUES)
    async def test_what_is_no_value_is_a_counted_miss(
        self, cache: Cache, ns: Namespace, stored: tuple[str, bytes]
    ) -> None:
        """It raises nothing, is counted as corrupt, and makes place for a value."""
        command, data = stored
        await cache.store.execute(command, ns.key("a"), data)
        assert await ns.get(ns.key("a"), "a default") == "a default"
        assert cache.stats().corrupt == 1
        assert await ns.get_or_set(ns.key("a"), Loader("new")) == "new"
        assert await ns.get(ns.key("a")) == "new"

    async def test_a_key_of_another_namespace_is_refused(self, ns: Namespace) -> None:
        """Nobody reaches into what is not theirs."""
        with pytest.raises(InvalidKey):
            await ns.get("elsewhere:a")

    async def test_no_part_of_a_key_runs_into_the_next(self, ns: Namespace) -> None:
        """Separators, globs, hash tags and other letters of users' texts mean themselves."""
        parts = [("a", "b"), ("a:b",), ("a*b",), ("a?b",), ("{a}", "b"), ("a%3Ab",), ("ä", "b"), ("a b",)]
        for number, each in enumerate(parts):
            await ns.set(ns.literal(*each), number)
        assert [await ns.get(ns.literal(*each)) for each in parts] == list(range(len(parts)))

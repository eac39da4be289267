"""Many keys at once mean the same as one after the other."""

from collections.abc import Sequence

import pytest

from cachekit.core.namespace import Namespace
from cachekit.errors import InvalidKey
from cachekit.testing.contract.fixtures import Contract, gone

MANY = 50
"""Enough to fall into every shard of a cluster."""


class BulkContract(Contract):
    """get_many, set_many, get_or_set_many, warm."""

    async def test_what_was_set_together_is_got_together(self, ns: Namespace) -> None:
        """Only what is there is given; a stored None is."""
        values = {ns.key("a", number): None if number % 2 else number for number in range(MANY)}
        await ns.set_many(values, tags=["t"])
        assert await ns.get_many([*values, ns.key("missing")]) == values
        await ns.invalidate(tags=["t"])
        assert await ns.get_many([*values]) == {}

    async def test_only_the_missing_are_loaded(self, ns: Namespace) -> None:
        """The factory is asked once, for all that are missing, and what it gives is kept."""
        keys = [ns.key("a", number) for number in range(MANY)]
        await ns.set_many(dict.fromkeys(keys[::2], "there"))
        asked = []

        async def load(missing: Sequence[str]) -> dict[str, str]:
            asked.append(sorted(missing))
            return dict.fromkeys(missing, "loaded")

        wanted = {key: "loaded" if number % 2 else "there" for number, key in enumerate(keys)}
        assert await ns.get_or_set_many(keys, load) == wanted
        assert await ns.get_or_set_many(keys, load) == wanted
        assert asked == [sorted(keys[1::2])]

    async def test_what_the_factory_does_not_give_is_not_there(self, ns: Namespace) -> None:
        """It has no value, and none is kept."""
        here, nowhere = ns.key("here"), ns.key("nowhere")

        async def load(missing: Sequence[str]) -> dict[str, int]:
            return {key: 1 for key in missing if key == here}

        assert await ns.get_or_set_many([here, nowhere], load) == {here: 1}
        await gone(ns, nowhere)

    async def test_warming_loads_what_has_no_fresh_value(self, ns: Namespace) -> None:
        """Each such key once, and it says how many there were."""
        keys = [ns.key("a", number) for number in range(MANY)]
        await ns.set_many(dict.fromkeys(keys[::2], "there"))
        asked = []

        async def load(key: str) -> str:
            asked.append(key)
            return "loaded"

        assert await ns.warm(keys, load, concurrency=8) == len(keys[1::2])
        assert sorted(asked) == sorted(keys[1::2])
        assert await ns.warm(keys, load) == 0
        assert set((await ns.get_many(keys)).values()) == {"there", "loaded"}

    async def test_no_keys_are_no_work(self, ns: Namespace) -> None:
        """Nothing is asked and nobody is called."""

        async def load(missing: Sequence[str]) -> dict[str, int]:
            raise AssertionError(f"asked for {missing}")

        await ns.set_many({})
        assert (await ns.get_many([]), await ns.get_or_set_many([], load)) == ({}, {})

    async def test_one_foreign_key_spoils_the_call(self, ns: Namespace) -> None:
        """Nothing of it is done."""
        with pytest.raises(InvalidKey):
            await ns.set_many({ns.key("a"): 1, "elsewhere:a": 2})
        assert await ns.get_entry(ns.key("a")) is None

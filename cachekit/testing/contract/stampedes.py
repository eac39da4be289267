"""However many want a missing key at once, in however many processes, it is loaded once."""

import asyncio
from collections.abc import Sequence

import pytest

from cachekit.core.namespace import Namespace
from cachekit.testing.clock import ManualClock
from cachekit.testing.contract.fixtures import Contract, seen
from cachekit.testing.loader import Loader

CALLERS = 100


class StampedeContract(Contract):
    """One load per key."""

    async def test_many_callers_make_one_load(self, ns: Namespace) -> None:
        """All of them get its value."""
        loader = Loader("v")
        loader.hold()
        tasks = [asyncio.create_task(ns.get_or_set(ns.key("a"), loader)) for _ in range(CALLERS)]
        await loader.started()
        loader.release()
        assert await asyncio.gather(*tasks) == ["v"] * CALLERS
        assert loader.calls == 1

    async def test_many_callers_share_one_failure_and_no_exception(self, ns: Namespace) -> None:
        """Each gets an error of its own: what one does to its traceback is no other's."""
        loader = Loader()
        loader.fail(LookupError("no such flight"))
        loader.hold()
        tasks = [asyncio.create_task(ns.get_or_set(ns.key("a"), loader)) for _ in range(10)]
        await loader.started()
        loader.release()
        errors = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(error) for error in errors] == [LookupError] * 10
        assert len({id(error) for error in errors}) == len(errors)

    async def test_two_processes_make_one_load(self, ns: Namespace, peer: Namespace) -> None:
        """The other waits for the first one's value."""
        loader = Loader("v")
        loader.hold()
        here = [asyncio.create_task(ns.get_or_set(ns.key("a"), loader)) for _ in range(CALLERS)]
        await loader.started()
        there = [asyncio.create_task(peer.get_or_set(ns.key("a"), loader)) for _ in range(CALLERS)]
        await _asked(peer, ns.key("other"))
        loader.release()
        assert await asyncio.gather(*here, *there) == ["v"] * (2 * CALLERS)
        assert loader.calls == 1

    async def test_two_processes_make_one_refresh(
        self, ns: Namespace, peer: Namespace, now: ManualClock
    ) -> None:
        """Both serve the stale value meanwhile."""
        await ns.set(ns.key("a"), "old")
        await seen(peer, ns.key("a"), "old")
        now.advance(61)
        loader = Loader("new")
        loader.hold()
        assert await ns.get_or_set(ns.key("a"), loader) == "old"
        await loader.started()
        assert await peer.get_or_set(ns.key("a"), loader) == "old"
        await _asked(peer, ns.key("other"))
        loader.release()
        await seen(ns, ns.key("a"), "new")
        await seen(peer, ns.key("a"), "new")
        assert loader.calls == 1

    async def test_a_batch_waits_for_what_another_process_loads(self, ns: Namespace, peer: Namespace) -> None:
        """And asks its factory for the rest alone."""
        loader = Loader("theirs")
        asked: list[str] = []

        async def load(missing: Sequence[str]) -> dict[str, str]:
            asked.extend(missing)
            return dict.fromkeys(missing, "ours")

        loader.hold()
        there = asyncio.create_task(peer.get_or_set(ns.key("a"), loader))
        await loader.started()
        here = asyncio.create_task(ns.get_or_set_many([ns.key("a"), ns.key("b")], load))
        await _asked(ns, ns.key("other"))
        loader.release()
        assert await here == {ns.key("a"): "theirs", ns.key("b"): "ours"}
        assert (await there, asked, loader.calls) == ("theirs", [ns.key("b")], 1)

    async def test_a_load_that_failed_elsewhere_is_tried_here(self, ns: Namespace, peer: Namespace) -> None:
        """The failure is its own process' alone."""
        failing, loader = Loader(), Loader("v")
        failing.fail()
        failing.hold()
        there = asyncio.create_task(peer.get_or_set(ns.key("a"), failing))
        await failing.started()
        here = asyncio.create_task(ns.get_or_set(ns.key("a"), loader))
        await _asked(ns, ns.key("other"))
        failing.release()
        with pytest.raises(RuntimeError):
            await there
        assert await here == "v"
        assert loader.calls == 1


async def _asked(ns: Namespace, unused: str) -> None:
    """Return after some round trips to the server, so that what was sent before has been answered."""
    for _ in range(5):
        await ns.get(unused)

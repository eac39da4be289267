"""The factory that tests steer."""

import asyncio

import pytest

from cachekit.testing import Loader, loader


async def test_it_gives_its_value_and_counts():
    """A plain factory, which says how often it ran."""
    loads = Loader("v")
    assert [await loads(), await loads()] == ["v", "v"]
    assert (loads.calls, loads.done, loads.cancelled) == (2, 2, 0)


async def test_it_hangs_until_released():
    """A load that is held has started and not finished."""
    loads = Loader("v")
    loads.hold()
    task = asyncio.create_task(loads())
    await loads.started()
    assert (loads.calls, loads.done) == (1, 0)
    loads.release()
    await loads.finished()
    assert await task == "v"


async def test_it_takes_its_outcome_as_it_begins():
    """A slow upstream has read before it answers: what changes meanwhile is for later calls."""
    loads = Loader("old")
    loads.hold()
    task = asyncio.create_task(loads())
    await loads.started()
    loads.fail()
    loads.release()
    assert await task == "old"
    with pytest.raises(RuntimeError, match="told to fail"):
        await loads()
    loads.succeed("new")
    assert await loads() == "new"


async def test_it_counts_who_was_cancelled():
    """A caller that left took its load along."""
    loads = Loader()
    loads.hold()
    task = asyncio.create_task(loads())
    await loads.started()
    task.cancel()
    await loads.finished()
    assert (loads.calls, loads.done, loads.cancelled) == (1, 1, 1)


async def test_waiting_for_a_call_that_never_comes_ends(monkeypatch):
    """The error says how many there were."""
    monkeypatch.setattr(loader, "_DEADLINE", 0.01)
    loads = Loader()
    await loads()
    with pytest.raises(TimeoutError, match="1 of 2 calls began"):
        await loads.started(2)

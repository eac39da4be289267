"""One load per key in this process, whoever leaves, whatever fails."""

import asyncio
import gc

import pytest

from cachekit.core.singleflight import SingleFlight
from cachekit.errors import CacheClosed, LoadCancelled, LoadCycle


class Gate:
    """A load that waits to be opened, and counts how often it was begun and cancelled."""

    def __init__(self, result=None, error=None):
        self.opened = asyncio.Event()
        self.begun = asyncio.Event()
        self.calls = self.cancelled = 0
        self.result, self.error = result, error

    async def load(self, flight):
        self.calls += 1
        self.begun.set()
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error:
            raise self.error
        return self.result


async def start(flights, gate, callers, key="k"):
    tasks = [asyncio.create_task(flights.run(key, gate.load)) for _ in range(callers)]
    await gate.begun.wait()
    return tasks


async def test_a_thousand_callers_make_one_load():
    """Everybody gets the result of the one load."""
    flights, gate = SingleFlight(), Gate("value")
    tasks = await start(flights, gate, 1_000)
    gate.opened.set()
    assert set(await asyncio.gather(*tasks)) == {"value"}
    assert gate.calls == 1


async def test_a_cancelled_first_caller_leaves_the_others_their_result():
    """The load belongs to nobody: the first caller's cancellation does not reach it (fault 8)."""
    flights, gate = SingleFlight(), Gate("value")
    first, *others = await start(flights, gate, 3)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    gate.opened.set()
    assert await asyncio.gather(*others) == ["value", "value"]
    assert gate.cancelled == 0


async def test_the_load_stops_when_the_last_caller_leaves():
    """Nobody waits, so nobody pays; the next caller starts anew (fault 8)."""
    flights, gate = SingleFlight(), Gate("value")
    tasks = await start(flights, gate, 3)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)
    assert gate.cancelled == 1
    assert not flights.current("k")


class Wordy(Exception):
    def __init__(self, code):
        super().__init__(f"code {code}")


class Odd(Exception):
    def __init__(self, code, *, detail):
        super().__init__(f"{code}: {detail}")
        self.code = code


@pytest.mark.parametrize("error", [ValueError("no"), Odd(7, detail="odd"), Wordy(7), OSError(2, "gone")])
async def test_every_caller_gets_an_exception_of_its_own(error):
    """No exception object is raised in two tasks, whatever its constructor asks for (fault 9)."""
    flights, gate = SingleFlight(), Gate(error=error)
    tasks = await start(flights, gate, 5)
    gate.opened.set()
    raised = await asyncio.gather(*tasks, return_exceptions=True)
    assert len({id(one) for one in raised}) == 5
    assert {type(one) for one in raised} == {type(error)}
    assert {str(one) for one in raised} == {str(error)}
    assert {getattr(one, "code", None) for one in raised} == {getattr(error, "code", None)}


async def test_every_caller_is_told_the_same_cause():
    """The chain behind an error is not lost on the way to the second caller."""
    cause = KeyError("root")
    error = ValueError("no")
    error.__cause__ = cause
    flights, gate = SingleFlight(), Gate(error=error)
    tasks = await start(flights, gate, 3)
    gate.opened.set()
    raised = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(one.__cause__ is cause for one in raised)


async def test_an_abandoned_load_that_will_not_stop_publishes_nothing():
    """Its last caller has left: whatever it does with the cancellation, its result is not wanted."""
    flights, begun, seen = SingleFlight(), asyncio.Event(), []

    async def stubborn(flight):
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append(flight.revoked)

    task = asyncio.create_task(flights.run("k", stubborn))
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await flights.aclose()
    assert seen == [True]


async def test_nothing_starts_after_closing():
    """Who comes too late is told so."""
    flights, gate = SingleFlight(), Gate("value")
    await flights.aclose()
    with pytest.raises(CacheClosed):
        await flights.run("k", gate.load)
    assert gate.calls == 0


async def test_a_failure_nobody_waits_for_makes_no_noise():
    """No "exception was never retrieved", since nobody was there to retrieve it (fault 9)."""
    flights, complaints = SingleFlight(), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

    async def stubborn(flight):
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError("on the way out") from None

    begun = asyncio.Event()
    task = asyncio.create_task(flights.run("k", stubborn))
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await flights.aclose()
    gc.collect()
    assert complaints == []


async def test_after_a_revocation_new_callers_load_anew():
    """Those who waited keep their result; those who come later do not join the old load."""
    flights, old, new = SingleFlight(), Gate("old"), Gate("new")
    (before,) = await start(flights, old, 1)
    await flights.revoke("k")
    (after,) = await start(flights, new, 1)
    old.opened.set()
    new.opened.set()
    assert await before == "old"
    assert await after == "new"


async def test_a_revocation_waits_for_a_publication_that_has_begun():
    """What the revoker does next comes after the old value was written, not before."""
    flights, written, begun, order = SingleFlight(), asyncio.Event(), asyncio.Event(), []

    async def load(flight):
        flight.publishing = True
        begun.set()
        await written.wait()
        order.append("published")

    async def revoke():
        await flights.revoke("k")
        order.append("revoked")

    loading = asyncio.create_task(flights.run("k", load))
    await begun.wait()
    revoking = asyncio.create_task(revoke())
    await asyncio.sleep(0)
    loading.cancel()
    await asyncio.sleep(0)
    written.set()
    await asyncio.gather(loading, revoking, return_exceptions=True)
    assert order == ["published", "revoked"]


async def test_closing_ends_every_load():
    """Nothing keeps running after aclose(), and who still waits is told why."""
    flights, gate = SingleFlight(), Gate("value")
    tasks = await start(flights, gate, 2)
    await flights.aclose()
    assert gate.cancelled == 1
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(end) for end in ends] == [CacheClosed, CacheClosed]


async def test_a_load_that_asks_for_itself_is_found_out():
    """At whatever depth: an error, where it would have waited for ever."""
    flights = SingleFlight()

    async def inner(flight):
        return await flights.run("a", outer)

    async def outer(flight):
        return await flights.run("b", inner)

    with pytest.raises(LoadCycle, match="'a'"):
        await flights.run("a", outer)


async def test_loads_may_ask_for_other_keys():
    """Only a circle is refused."""
    flights = SingleFlight()

    async def inner(flight):
        return 1

    async def outer(flight):
        return await flights.run("b", inner) + await flights.run("b", inner)

    assert await flights.run("a", outer) == 2


async def test_a_load_that_cancels_itself_does_not_cancel_its_callers():
    """A CancelledError out of a factory is a failure of the load, not of those who wait."""
    flights = SingleFlight()

    async def load(flight):
        raise asyncio.CancelledError

    with pytest.raises(LoadCancelled):
        await flights.run("a", load)


async def test_an_exception_that_cannot_be_made_again_is_shared():
    """Better than one that says something else."""

    class Odd(Exception):
        def __new__(cls, *, code):
            return super().__new__(cls, code)

        def __init__(self, *, code):
            super().__init__(f"code {code}")

    async def load(flight):
        await asyncio.sleep(0)
        raise Odd(code=7)

    flights = SingleFlight()
    results = await asyncio.gather(*(flights.run("k", load) for _ in range(3)), return_exceptions=True)
    assert {repr(result) for result in results} == {"Odd('code 7')"}


async def test_an_error_of_the_system_keeps_its_number():
    """What each caller gets tells as much as the one that was raised."""

    class Refused(OSError):
        def __init__(self, *arguments):
            super().__init__(*arguments)

    async def load(_):
        await asyncio.sleep(0)
        raise Refused(111, "refused")

    flights = SingleFlight()
    ends = await asyncio.gather(*(flights.run("k", load) for _ in range(2)), return_exceptions=True)
    assert [(end.errno, end.strerror) for end in ends] == [(111, "refused")] * 2
    assert ends[0] is not ends[1]

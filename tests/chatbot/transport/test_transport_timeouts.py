"""Deadlines for many with one timer."""

import asyncio

from chatbot.transport.timeouts import Timeouts


async def over(timeouts):
    """Wait until nobody waits any more."""
    async with asyncio.timeout(20):
        while len(timeouts):
            await asyncio.sleep(0.001)


async def test_each_expires_once_in_the_order_of_their_beginning():
    """One that begins anew goes to the end of the line; one that is discarded is not called."""
    called = []
    timeouts = Timeouts(0.03, called.append)
    for name in "abcd":
        timeouts.add(name)
    timeouts.add("a")
    assert timeouts.discard("c")
    assert not timeouts.discard("c")
    assert (len(timeouts), "a" in timeouts, "c" in timeouts) == (3, True, False)
    await over(timeouts)
    assert called == ["b", "d", "a"]


async def test_nobody_expires_before_time():
    """The timer of one that was discarded wakes nobody who came later."""
    loop = asyncio.get_running_loop()
    called = []
    timeouts = Timeouts(0.05, lambda name: called.append((name, loop.time())))
    timeouts.add("early")
    timeouts.discard("early")
    await asyncio.sleep(0.02)
    timeouts.add("late")
    begun = loop.time()
    await over(timeouts)
    [(name, when)] = called
    assert (name, when - begun >= 0.049) == ("late", True)


async def test_who_is_called_may_change_the_line():
    """Discard another that is due at the same moment, and begin anew itself."""
    called = []

    def expired(name):
        called.append(name)
        timeouts.discard("b")
        if len(called) < 3:
            timeouts.add(name)

    timeouts = Timeouts(0.01, expired)
    timeouts.add("a")
    timeouts.add("b")
    await over(timeouts)
    assert called == ["a", "a", "a"]


async def test_who_raises_keeps_nobody_else_waiting():
    """The loop reports the error; the others are called all the same."""
    called, reported = [], []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    def expired(name):
        called.append(name)
        if name == "a":
            raise RuntimeError(name)

    timeouts = Timeouts(0.01, expired)
    for name in "abc":
        timeouts.add(name)
    await over(timeouts)
    assert called == ["a", "b", "c"]
    assert len(reported) == 1


async def test_cleared_ones_are_never_called():
    """And there is no timer left; it can be used again."""
    called = []
    timeouts = Timeouts(0.01, called.append)
    timeouts.add("a")
    timeouts.clear()
    assert timeouts._timer is None
    timeouts.add("b")
    await over(timeouts)
    assert called == ["b"]

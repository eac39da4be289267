"""What one instance publishes, every instance hears: once, in order, itself included."""

import asyncio

import pytest
from support.servers import until

import cachekit
from cachekit.errors import CacheClosed
from chatbot.bus import Bus, DisconnectUser, Notice

pytest_plugins = ["support.server_fixtures"]


async def heard(listeners, count):
    await until(
        lambda: all(len(each.heard) >= count for each in listeners), f"all have heard {count} notices"
    )


async def test_everybody_hears_once_and_in_order(redis_url, listen):
    """Three instances publish at once; each hears all, in each sender's order."""
    listeners = await listen(redis_url, "a", "b", "c")
    texts = [str(number) for number in range(100)]
    await asyncio.gather(*(each.say(text) for text in texts for each in listeners))
    await heard(listeners, 300)
    for each in listeners:
        assert len(each.heard) == 300
        assert all(each.texts(sender) == texts for sender in "abc")


async def test_without_a_server_too(listen):
    """memory:// has no blocking reads; the bus polls."""
    listeners = await listen("memory://", "a")
    await listeners[0].say("1")
    await heard(listeners, 1)
    assert listeners[0].bus.ready


async def test_in_a_cluster(cluster, listen):
    """The stream and its scripts lie in one slot."""
    listeners = await listen(cluster.url, "a", "b")
    await listeners[0].say("1")
    await heard(listeners, 1)


async def test_who_comes_later_hears_only_what_comes_later(redis_url, listen):
    """An instance begins with what is published after it has begun to listen."""
    (first,) = await listen(redis_url, "a")
    await first.say("early")
    (second,) = await listen(redis_url, "b")
    await first.say("late")
    await heard([second], 1)
    assert second.heard == [("a", "late")]
    assert second.gaps == 0


async def test_each_kind_has_its_handlers(redis_url, listen):
    """A handler gets its own kind only, with the sender; it may be async."""
    (listener,) = await listen(redis_url, "a")
    got = asyncio.Queue()

    async def note(message, sender):
        await got.put((message, sender))

    listener.bus.on(DisconnectUser, note)
    await listener.say("1")
    order = DisconnectUser(user_id="ana", reason="tidying up")
    await listener.publish(order)
    assert await got.get() == (order, "a")
    assert listener.heard == [("a", "1")]
    assert got.empty()


async def test_a_handler_that_fails_hinders_nobody(redis_url, listen, caplog):
    """It is logged without the message; the other handlers and the next messages are served."""
    (listener,) = await listen(redis_url, "a")

    async def fail(_message, _sender):
        raise ValueError("boom")

    listener.bus.on(Notice, fail)
    await listener.say("secret text 1")
    await listener.say("secret text 2")
    await heard([listener], 2)
    await until(lambda: "a handler of Notice failed" in caplog.text, "it is logged")
    assert "secret text" not in caplog.text


async def test_what_is_not_understood_is_skipped(redis_url, listen):
    """A message of a newer release, and what is no message at all, stop nobody."""
    (listener,) = await listen(redis_url, "a")
    store = listener.cache.store
    known = {"prev": "", "from": "z", "run": "r", "n": "1", "at": ""}
    for fields in (
        {**known, "body": b'{"kind":"from_the_future"}'},
        {**known, "n": "2", "body": b"\xff{"},
        {**known, "n": "many", "body": b"{}"},
        {**known, "at": "never", "body": b"{}"},
        {"x": "y"},
    ):
        await store.execute("XADD", "chat_bus", "*", *[part for pair in fields.items() for part in pair])
    await listener.say("1")
    await heard([listener], 1)
    assert listener.heard == [("a", "1")]


async def test_with_redis_away_nothing_is_accepted(standalone, listen):
    """The publisher is told, and nobody hears what was refused."""
    (listener,) = await listen(standalone.url, "a")
    with standalone.dead():
        with pytest.raises(cachekit.CacheUnavailable):
            await listener.say("refused")
        await until(lambda: not listener.bus.ready, "the bus is not ready")
    taken = await listener.persist("taken")
    await until(lambda: ("a", taken) in listener.heard, "it is heard")
    assert "refused" not in listener.texts("a")


async def test_it_may_be_opened_while_redis_is_away(standalone, listen):
    """It is not ready then; it listens once Redis is back, and says that something may have been missed."""
    with standalone.dead():
        (listener,) = await listen(standalone.url, "a")
        assert not listener.bus.ready
    await until(lambda: listener.bus.ready, "the bus is ready")
    await listener.say("1")
    await heard([listener], 1)
    assert listener.gaps == 1


async def test_after_closing_nothing_is_taken(redis_url):
    """Who publishes then is told, instead of waiting for ever."""
    async with cachekit.connect(redis_url) as cache:
        async with Bus(cache, instance="a") as bus:
            await until(lambda: bus.ready, "the bus is ready")
        assert not bus.ready
        with pytest.raises(CacheClosed):
            await bus.publish(Notice(id="1", level="info", text="1", at=""))


async def test_who_waits_when_it_is_closed_is_told(standalone):
    """A message under way at the end raises CacheClosed for its publisher."""
    async with cachekit.connect(standalone.url, timeout=60) as cache, Bus(cache, instance="a") as bus:
        await until(lambda: bus.ready, "the bus is ready")
        with standalone.paused():
            waiting = asyncio.create_task(bus.publish(Notice(id="1", level="info", text="1", at="")))
            await asyncio.sleep(0)
            await bus.__aexit__()
            with pytest.raises(CacheClosed):
                await waiting


async def test_what_is_published_before_listening_begins_is_heard_at_home(redis_url):
    """One's own first message is not older than oneself."""
    async with cachekit.connect(redis_url) as cache:
        bus, own = Bus(cache, instance="a"), []
        bus.on(Notice, lambda message, _sender: own.append(message.text))
        await bus.publish(Notice(id="1", level="info", text="1", at=""))
        async with bus:
            await until(lambda: own == ["1"], "it is heard")

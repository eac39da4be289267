"""Redis is killed while messages are under way: what was accepted reaches every instance once, in order."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from redis.crc import key_slot
from support.servers import until

import cachekit
from chatbot.bus import Notice
from chatbot.bus.stream import KEY

pytest_plugins = ["support.server_fixtures"]

PROCESS = """
import asyncio, json, sys
import cachekit
from chatbot.bus import Bus, Notice

async def main(url, instance):
    heard, accepted = [], []
    async with cachekit.connect(url, near=None) as cache, Bus(cache, instance=instance) as bus:
        bus.on(Notice, lambda message, sender: heard.append((sender, message.text)))
        print("listening", flush=True)
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        await lines.readline()
        ended = asyncio.create_task(lines.readline())
        number = 0
        while not ended.done():
            number += 1
            try:
                await bus.publish(Notice(id=str(number), level="info", text=str(number), at=""))
                accepted.append(str(number))
            except cachekit.CacheUnavailable:
                pass
            await asyncio.sleep(0.005)
        print(json.dumps(accepted), flush=True)
        everything = json.loads(await lines.readline())
        while not complete(heard, everything):
            await asyncio.sleep(0.02)
        print(json.dumps(heard), flush=True)

def complete(heard, everything):
    last = {(sender, text) for sender, texts in everything.items() for text in texts[-1:]}
    return last <= set(heard)

asyncio.run(main(*sys.argv[1:]))
"""


def judge(heard, accepted):
    """`heard` by one instance holds all that was accepted of each sender, once, in order."""
    assert len(heard) == len(set(heard))
    for sender, texts in accepted.items():
        known = set(texts)
        assert [text for name, text in heard if name == sender and text in known] == texts


def in_stream(server):
    """The texts in the stream, in its order."""
    records = [fields for _, fields in server.call("XRANGE", "chat_bus", "-", "+")]
    return [json.loads(fields["body"])["text"] for fields in records if "body" in fields]


async def all_heard(listeners, accepted):
    """Wait until everybody has heard the last of each sender."""
    last = {(name, texts[-1]) for name, texts in accepted.items()}
    await until(lambda: all(last <= set(each.heard) for each in listeners), "all have heard the last")


async def talk(listener, accepted, stop):
    number = 0
    while not stop.is_set():
        number += 1
        accepted.append(await listener.persist(str(number)))
        await asyncio.sleep(0.002)


async def kill_under_load(server, listeners):
    """Kill and restart the server three times while everybody publishes; what was accepted, by sender."""
    accepted = {name: [] for name in "abc"[: len(listeners)]}
    stop = asyncio.Event()
    talks = [
        asyncio.create_task(talk(each, texts, stop))
        for each, texts in zip(listeners, accepted.values(), strict=True)
    ]
    for _ in range(3):
        before = {name: len(texts) for name, texts in accepted.items()}
        await until(
            lambda before=before: all(len(accepted[name]) > n + 20 for name, n in before.items()), "they talk"
        )
        with server.dead():
            await until(lambda: not any(each.bus.ready for each in listeners), "all have noticed")
    stop.set()
    await asyncio.gather(*talks)
    await all_heard(listeners, accepted)
    return accepted


async def test_a_redis_that_comes_back_empty(standalone, listen):
    """The senders append again what it has lost."""
    listeners = await listen(standalone.url, "a", "b", "c")
    accepted = await kill_under_load(standalone, listeners)
    for each in listeners:
        judge(each.heard, accepted)
        assert each.gaps >= 1


async def test_a_redis_that_keeps_its_data(durable, listen):
    """Everybody reads on from where it was; nobody has missed anything."""
    listeners = await listen(durable.url, "a", "b", "c")
    accepted = await kill_under_load(durable, listeners)
    for each in listeners:
        judge(each.heard, accepted)
        assert each.gaps == 0


async def test_a_redis_that_went_back_in_time(standalone, listen):
    """It comes back with an old dump: what came after is appended again, before anything newer."""
    first, second = await listen(standalone.url, "a", "b")
    await first.say("1")
    standalone.call("SAVE")
    await first.say("2")
    await second.say("other 1")
    await until(lambda: len(first.heard) == len(second.heard) == 3, "both have heard")
    with standalone.dead():
        pass
    third = await first.persist("3")
    accepted = {"a": ["1", "2", third], "b": ["other 1"]}
    await all_heard([first, second], accepted)
    judge(first.heard, accepted)
    judge(second.heard, accepted)
    assert [text for text in in_stream(standalone) if text in {"2", third}] == ["2", third]
    (Path(standalone.home) / "dump.rdb").unlink()


async def test_what_a_dead_instance_sent_is_heard_by_who_was_away(standalone, listen):
    """With Redis alive the sender is not needed any more."""
    sender, receiver = await listen(standalone.url, "a", "b")
    held, go_on = asyncio.Event(), asyncio.Event()

    async def hold(_message, _sender):
        held.set()
        await go_on.wait()

    receiver.bus.on(Notice, hold)
    await sender.say("1")
    await held.wait()
    await sender.say("2")
    await sender.bus.__aexit__()
    standalone.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    go_on.set()
    await until(lambda: receiver.texts("a") == ["1", "2"], "the receiver has heard both")
    assert receiver.gaps == 0


async def test_lost_connections_lose_nothing(standalone, listen):
    """Every connection is cut again and again; nothing is missed, and no gap is told."""
    listeners = await listen(standalone.url, "a", "b")
    accepted = {"a": [], "b": []}
    for number in range(40):
        for name, each in zip("ab", listeners, strict=True):
            accepted[name].append(await each.persist(str(number)))
        if number % 8 == 0:
            standalone.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    for each in listeners:
        await until(
            lambda each=each: all((name, texts[-1]) in each.heard for name, texts in accepted.items()),
            "heard",
        )
        judge(each.heard, accepted)
        assert each.gaps == 0


async def test_an_instance_that_begins_after_the_loss_hears_nothing_old(standalone, listen):
    """What is appended again is older than it: the user it would disconnect has come back since."""
    (old,) = await listen(standalone.url, "a")
    await old.say("before")
    standalone.call("FLUSHALL")
    (new,) = await listen(standalone.url, "b")
    await until(lambda: "before" in in_stream(standalone), "the old message is there again")
    await old.say("after")
    await until(lambda: new.heard, "the new one hears")
    assert new.heard == [("a", "after")]
    assert old.heard == [("a", "before"), ("a", "after")]


async def ask(process):
    line = await asyncio.wait_for(process.stdout.readline(), 30)
    return line.decode().strip()


@pytest.mark.parametrize("kept", [False, True], ids=["empty", "durable"])
async def test_between_processes(kept, standalone, durable):
    """Three processes of their own publish and hear while Redis is killed twice."""
    server = durable if kept else standalone
    names = ["p1", "p2", "p3"]
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROCESS, server.url, name),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for name in names
    ]
    try:
        assert [await ask(each) for each in processes] == ["listening"] * 3
        for each in processes:
            each.stdin.write(b"talk\n")
        for _ in range(2):
            length = server.call("XLEN", "chat_bus")
            await until(lambda length=length: server.call("XLEN", "chat_bus") > length + 60, "they talk")
            with server.dead():
                pass
        await until(lambda: server.call("XLEN", "chat_bus") > 60, "they talk again")
        for each in processes:
            each.stdin.write(b"stop\n")
        accepted = {name: json.loads(await ask(each)) for name, each in zip(names, processes, strict=True)}
        for each in processes:
            each.stdin.write(json.dumps(accepted).encode() + b"\n")
        for each in processes:
            heard = [(sender, text) for sender, text in json.loads(await ask(each))]
            judge(heard, accepted)
            assert await each.wait() == 0
    finally:
        for each in processes:
            if each.returncode is None:
                each.kill()
                await each.wait()


async def test_a_process_killed_takes_nothing_accepted_with_it(standalone, listen):
    """What it had published before is heard by all others."""
    (listener,) = await listen(standalone.url, "a")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROCESS, standalone.url, "p"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert await ask(process) == "listening"
    process.stdin.write(b"talk\n")
    await until(lambda: len(listener.heard) > 20, "it talks")
    process.kill()
    await process.wait()
    kept = in_stream(standalone)
    await until(lambda: len(listener.heard) >= len(kept), "the last is heard")
    assert listener.texts("p") == kept


async def test_a_redis_that_hangs(standalone, listen):
    """What timed out may arrive late or not at all, but nothing twice and nothing accepted less than once."""
    listeners = await listen(standalone.url, "a", "b")
    accepted, stop = {"a": [], "b": []}, asyncio.Event()
    talks = [
        asyncio.create_task(talk(each, texts, stop))
        for each, texts in zip(listeners, accepted.values(), strict=True)
    ]
    await until(lambda: all(len(texts) > 20 for texts in accepted.values()), "they talk")
    with standalone.paused():
        await until(lambda: not any(each.bus.ready for each in listeners), "all have noticed")
    before = len(accepted["a"])
    await until(lambda: len(accepted["a"]) > before + 20, "they talk again")
    stop.set()
    await asyncio.gather(*talks)
    await all_heard(listeners, accepted)
    for each in listeners:
        judge(each.heard, accepted)
        assert each.gaps == 0


async def test_a_replica_that_takes_over(cluster, listen):
    """What had not reached it is appended again; everybody goes on there."""
    listeners = await listen(cluster.url, "a", "b")
    accepted, stop = {"a": [], "b": []}, asyncio.Event()
    talks = [
        asyncio.create_task(talk(each, texts, stop))
        for each, texts in zip(listeners, accepted.values(), strict=True)
    ]
    await until(lambda: all(len(texts) > 20 for texts in accepted.values()), "they talk")
    await cluster.fail_over(cluster.shard_of(key_slot(KEY.encode())))
    before = len(accepted["a"])
    await until(lambda: len(accepted["a"]) > before + 20, "they talk again")
    stop.set()
    await asyncio.gather(*talks)
    await all_heard(listeners, accepted)
    for each in listeners:
        judge(each.heard, accepted)


async def test_a_redis_that_is_full(standalone, listen):
    """Nothing is accepted while it is; what was is read, and the bus stays ready."""
    (listener,) = await listen(standalone.url, "a")
    await until(lambda: listener.bus.ready, "the bus is ready")
    with standalone.out_of_memory(), pytest.raises(cachekit.CacheUnavailable):
        await listener.say("refused")
    assert listener.bus.ready
    await listener.say("taken")
    await until(lambda: listener.heard == [("a", "taken")], "it is heard")


async def test_the_errors_of_many_publishers_are_their_own(standalone, listen):
    """Messages that travel together fail together, each publisher with an exception of its own."""
    (listener,) = await listen(standalone.url, "a")
    with standalone.dead():
        outcomes = await asyncio.gather(*(listener.say(str(n)) for n in range(20)), return_exceptions=True)
    assert all(isinstance(each, cachekit.CacheUnavailable) for each in outcomes)
    assert len({id(each) for each in outcomes}) == 20
